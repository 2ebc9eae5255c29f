/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the peer tells: ADD_ADDR is believed with its HMAC, echoed and remembered; whether it is connected to
 * is for pm_join.c to say. An address it removes is probed before the paths over it end.
 * Threads: the owning worker. Source: RFC 8684 s3.4; RFC 6181 s5.
 */
#include "crypto/ct.h"
#include "mptcp/pm/pm_internal.h"

#define RM_PROBE_MS 1000 /* a live path answers a keepalive probe within this */

/* Whether there is room for it. */
static bool remember(struct conn *c, const struct mp_add_addr *a)
{
	const struct flow_key *first = &c->first_key;
	unsigned int i;

	for (i = 0; i < c->n_remotes && c->remotes[i].id != a->addr_id; i++)
		;
	if (i == CONN_REMOTE_ADDRS_MAX || a->addr_id == 0 || !ip_addr_is_unicast(&a->addr)) {
		st_inc(c->mp->st, CTR_MP_ADD_ADDR_DROP);
		return false;
	}
	c->remotes[i] = (struct conn_remote){.addr = a->addr,
					     .id = a->addr_id,
					     .port = a->port != 0 ? a->port : first->remote_port};
	c->n_remotes = (uint8_t)RTE_MAX(c->n_remotes, i + 1);
	return true;
}

void pm_add_addr_rx(struct conn *c, struct subflow *sf, const struct mp_add_addr *a)
{
	uint8_t mac[MP_HMAC_ADDR_LEN];
	const uint8_t *octets;
	unsigned int len;

	if (a->echo) {
		pm_echo_rx(c, a);
		return;
	}
	octets = ip_addr_octets(&a->addr, &len);
	mp_addr_hmac(&c->hmac.theirs, a->addr_id, octets, len, a->port, mac);
	if (!a->has_hmac || !ct_equal(mac, a->hmac, sizeof(mac))) {
		st_inc(c->mp->st, CTR_MP_ADD_ADDR_DROP);
		return;
	}
	st_inc(c->mp->st, CTR_MP_ADD_ADDR_RX);
	c->announce.echo = *a;
	c->announce.echo.echo = true;
	c->announce.echo.has_hmac = false;
	c->announce.echo_pending = true;
	tcp_send_ack(&sf->tcp);
	if (c->active && remember(c, a))
		pm_join(c);
}

/* The deadline of a probe. */
static void pm_remove_expired(struct wheel_timer *t, void *ctx)
{
	struct subflow *sf = RTE_PTR_SUB(t, offsetof(struct subflow, rm_timer));

	if (sf->tcp.probes == 0)
		return; /* something arrived since */
	st_inc(sf->tcp.st, CTR_MP_RM_SUBFLOW);
	subflow_reset(sf, MP_RST_UNSPEC);
}

/* No more joins to it. */
static void forget(struct conn *c, uint8_t id)
{
	for (unsigned int i = 0; i < c->n_remotes; i++)
		if (c->remotes[i].id == id) {
			c->remotes[i] = c->remotes[--c->n_remotes];
			return;
		}
}

void pm_remove_addr_rx(struct conn *c, struct subflow *via, const struct mp_remove_addr *r)
{
	struct stack *st = c->mp->st;
	struct subflow *sf, *next;

	st_inc(st, CTR_MP_RM_ADDR_RX);
	for (uint8_t i = 0; i < r->n; i++) {
		forget(c, r->id[i]);
		for (sf = c->subflows; sf != NULL; sf = next) {
			next = sf->next;
			if (sf->addr_id_remote == r->id[i] && subflow_is_joining(sf) && c->active) {
				subflow_reset(sf, MP_RST_UNSPEC);
				continue;
			}
			if (sf->addr_id_remote != r->id[i] || sf->hs != SF_HS_DONE ||
			    wheel_armed(&sf->rm_timer))
				continue;
			/* RFC 8684 s3.4.2: probe before killing what may live. */
			wheel_arm(&st->wheel, &sf->rm_timer, st->now_ms + RM_PROBE_MS,
				  pm_remove_expired);
			tcp_probe(&sf->tcp);
		}
	}
}
