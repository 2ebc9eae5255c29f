/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The table of listeners: a hash over address and port that is constant once made. It is not
 * keyed: what is in it comes from the configuration, and no packet adds to it.
 * Made by the control thread, read by its worker.
 */
#include <stddef.h>

#include "listener.h"
#include "relay.h"
#include "upstream.h"
#include "worker.h"

static const struct ip_addr any_addr;

static unsigned int slot_of(const struct ip_addr *a, uint16_t port)
{
	/* 2^64 divided by the golden ratio: multiplicative hashing (Knuth, TAOCP 6.4) */
	uint64_t h = (a->q[0] ^ (a->q[1] * 3) ^ port) * UINT64_C(0x9e3779b97f4a7c15);

	return (unsigned int)(h >> 32) & (LISTENER_SLOTS - 1);
}

static void add_entry(struct listener_table *t, const struct ip_addr *a, uint16_t port,
		      uint16_t listener)
{
	unsigned int i = slot_of(a, port);

	if (t->n_entries == LISTENER_ENTRIES_MAX)
		return;
	while (t->slots[i] != 0)
		i = (i + 1) & (LISTENER_SLOTS - 1);
	t->entries[t->n_entries] =
		(struct listener_entry){.addr = *a, .port = port, .listener = listener};
	t->slots[i] = ++t->n_entries;
}

void listener_table_init(struct listener_table *t, const struct config *cfg,
			 const struct conn_ops *ops, struct upstream *pools)
{
	for (uint16_t i = 0; i < cfg->n_listeners; i++) {
		const struct cfg_listener *cl = &cfg->listeners[i];
		struct listener *l = &t->listeners[i];

		l->cfg = cl;
		l->pool = &pools->pools[cl->pool];
		l->client = (struct conn_params){.ops = ops,
						 .user = l,
						 .mptcp = cl->mptcp,
						 .checksum = cfg->checksum,
						 .subflows_max = cfg->subflows_per_conn,
						 .listener = i};
		l->server = (struct conn_params){.ops = ops,
						 .user = l,
						 .mptcp = cfg->pools[cl->pool].mptcp,
						 .checksum = cfg->checksum,
						 .subflows_max = cfg->subflows_per_conn,
						 .listener = i};
		for (uint16_t j = 0; j < cl->n_addrs; j++)
			add_entry(t, &cl->addrs[j], cl->tcp_port, i);
		if (cl->n_addrs == 0)
			add_entry(t, &any_addr, cl->tcp_port, i);
	}
	t->n = cfg->n_listeners;
}

static const struct conn_params *find(const struct listener_table *t, const struct ip_addr *a,
				      uint16_t port)
{
	unsigned int i = slot_of(a, port);

	for (; t->slots[i] != 0; i = (i + 1) & (LISTENER_SLOTS - 1)) {
		const struct listener_entry *e = &t->entries[t->slots[i] - 1];

		if (e->port == port && ip_addr_eq(&e->addr, a))
			return &t->listeners[e->listener].client;
	}
	return NULL;
}

const struct conn_params *listener_find(struct worker *w, const struct ip_addr *local,
					uint16_t port)
{
	const struct listener_table *t = &w->relay->listeners;
	const struct conn_params *p = find(t, local, port);

	return p != NULL ? p : find(t, &any_addr, port);
}

void listener_count(struct listener *l, int n)
{
	if (n > 0)
		__atomic_store_n(&l->accepted, l->accepted + (uint64_t)n, __ATOMIC_RELAXED);
	__atomic_store_n(&l->current, l->current + (uint64_t)(int64_t)n, __ATOMIC_RELAXED);
}
