/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Joins of ours, in the client role: from each local address that may begin subflows, and the one the
 * connection began at, to the peer's first address and to each that it has announced. One a pair; none
 * before a DSS has come through, none beyond the limits, whatever the peer announces.
 * Threads: the owning worker. Source: RFC 8684 s3.1 (flag C), s3.2, s3.9; RFC 6181 s5.
 */
#include "mptcp/pm/pm_internal.h"

/* Joins that a connection tries in its life: each looks for a port. */
#define JOINS_MAX 32

static bool has_pair(const struct conn *c, const struct flow_key *key)
{
	const struct subflow *sf;

	CONN_FOREACH_SUBFLOW (sf, c) {
		const struct flow_key *k = &sf->tcp.key;

		if (ip_addr_eq(&k->local, &key->local) && ip_addr_eq(&k->remote, &key->remote) &&
		    k->remote_port == key->remote_port)
			return true;
	}
	return false;
}

static bool is_ours(const struct conn *c, const struct ip_addr *a)
{
	for (unsigned int i = 0; i < c->mp->n_local_addrs; i++)
		if (ip_addr_eq(&c->mp->local_addrs[i].addr, a))
			return true;
	return ip_addr_eq(&c->first_key.local, a);
}

static void join_pair(struct conn *c, const struct ip_addr *local, uint8_t id_local, bool backup,
		      const struct ip_addr *remote, uint16_t port, uint8_t id_remote)
{
	struct flow_key key = {.local = *local, .remote = *remote, .remote_port = port};
	struct mptcp *mp = c->mp;
	uint16_t mtu;

	/* Flag C is about that address and port, under whatever ID. */
	if (c->peer_no_joins && ip_addr_eq(remote, &c->first_key.remote) &&
	    port == c->first_key.remote_port)
		return;
	if (is_ours(c, remote) || c->n_subflows >= c->params->subflows_max ||
	    c->joins_tried >= JOINS_MAX || ip_addr_is_v4(local) != ip_addr_is_v4(remote) ||
	    has_pair(c, &key) || mp->st->ops->route(mp->st, local, remote, &mtu) == NULL)
		return;
	c->joins_tried++;
	if (mp->ops->pick_port(mp, &key))
		conn_join(c, &key, id_local, id_remote, backup);
}

/* All of the peer's addresses, from one of ours. */
static void join_from(struct conn *c, const struct ip_addr *local, uint8_t id_local, bool backup)
{
	const struct flow_key *first = &c->first_key;

	join_pair(c, local, id_local, backup, &first->remote, first->remote_port, 0);
	for (unsigned int i = 0; i < c->n_remotes; i++)
		join_pair(c, local, id_local, backup, &c->remotes[i].addr, c->remotes[i].port,
			  c->remotes[i].id);
}

void pm_join(struct conn *c)
{
	struct mptcp *mp = c->mp;

	if (!c->active || !c->fully_established || mp->ops->pick_port == NULL)
		return;
	join_from(c, &c->first_key.local, 0, false);
	for (unsigned int i = 0; i < mp->n_local_addrs; i++) {
		const struct local_addr *la = &mp->local_addrs[i];

		if (la->subflow && !ip_addr_eq(&la->addr, &c->first_key.local))
			join_from(c, &la->addr, la->id, la->backup);
	}
}
