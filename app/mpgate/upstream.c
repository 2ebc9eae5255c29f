/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Choice of server (round robin) and of the local end. The source port is random (RFC 6056 s3.3.1)
 * and such that the server's packets are hashed back to this worker.
 * Owning worker only.
 */
#include <stddef.h>

#include "crypto/csprng.h"
#include "route.h"
#include "steer.h"
#include "upstream.h"
#include "worker.h"

#define PORTS (UPSTREAM_PORT_MAX - UPSTREAM_PORT_MIN + 1)
_Static_assert(UPSTREAM_PORT_TRIES <= PORTS, "no port is looked at twice");

void upstream_init(struct upstream *u, const struct config *cfg, uint16_t worker)
{
	for (uint16_t i = 0; i < cfg->n_pools; i++) {
		u->pools[i].cfg = &cfg->pools[i];
		if (cfg->pools[i].n_servers > 0)
			u->pools[i].next = worker % cfg->pools[i].n_servers;
	}
}

void upstream_begin(struct upstream_walk *k, struct upstream_pool *pool)
{
	*k = (struct upstream_walk){.pool = pool, .at = pool->next, .left = pool->cfg->n_servers};
	if (++pool->next >= pool->cfg->n_servers)
		pool->next = 0;
}

bool upstream_pick_port(struct worker *w, struct flow_key *key)
{
	uint32_t p = csprng_u32(&w->st.rng) % PORTS;

	for (unsigned int i = 0; i < UPSTREAM_PORT_TRIES; i++) {
		key->local_port = (uint16_t)(UPSTREAM_PORT_MIN + p);
		if ((w->st.n_workers <= 1 || steer_rss_owner(key) == w->index) &&
		    mptcp_free_flow(&w->mp, key))
			return true;
		p = (p + 1) % PORTS;
	}
	return false;
}

struct conn *upstream_connect(struct worker *w, struct upstream_walk *k,
			      const struct conn_params *params, uint16_t rcv_mss_max, void *user)
{
	const struct cfg_pool *pool = k->pool->cfg;

	while (k->left > 0) {
		const struct cfg_server *s = &pool->servers[k->at];
		struct flow_key key = {.remote = s->addr, .remote_port = s->tcp_port};
		struct conn *c = NULL;

		k->server = s;
		k->left--;
		if (++k->at >= pool->n_servers)
			k->at = 0;
		if (route_source(w, &s->addr, &key.local) != 0) {
			st_inc(&w->st, CTR_DROP_NO_ROUTE);
			continue;
		}
		if (upstream_pick_port(w, &key))
			c = conn_connect(&w->mp, params, &key, rcv_mss_max, user);
		if (c != NULL)
			return c;
		st_inc(&w->st, CTR_DROP_NO_CONN);
	}
	return NULL;
}
