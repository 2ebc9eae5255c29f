/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Listeners: which local addresses and ports accept connections, and what those connections are
 * given. One table a worker, made by the control thread before the worker starts; after that its
 * counters are the only thing that changes.
 */
#ifndef MPGATE_LISTENER_H
#define MPGATE_LISTENER_H

#include <stdint.h>

#include "config.h"
#include "mptcp/conn/conn.h"

struct upstream;
struct upstream_pool;
struct worker;

#define LISTENER_ENTRIES_MAX (CFG_LISTENERS_MAX * CFG_LISTEN_ADDRS_MAX)
#define LISTENER_SLOTS       1024 /* a power of two, at least twice LISTENER_ENTRIES_MAX */

struct listener {
	struct conn_params client, server; /* of the two legs of its relays; user: this listener */
	const struct cfg_listener *cfg;
	struct upstream_pool *pool; /* where its connections go */
	/* w: worker, r: control (relaxed) */
	uint64_t accepted; /* connections handed to the relay, since the start */
	uint64_t current;  /* relays that live */
};

/* One address and port; addr zero: every address. */
struct listener_entry {
	struct ip_addr addr;
	uint16_t port;
	uint16_t listener;
};

struct listener_table {
	uint16_t n, n_entries;
	struct listener listeners[CFG_LISTENERS_MAX];
	struct listener_entry entries[LISTENER_ENTRIES_MAX];
	uint16_t slots[LISTENER_SLOTS]; /* index + 1 into entries, open addressing */
};
_Static_assert(LISTENER_SLOTS >= 2 * LISTENER_ENTRIES_MAX, "a search ends at a free slot");

/*
 * Fill t (zeroed) from the configuration, which must outlive it. ops are the upcalls of both legs,
 * pools those of the same worker. Control thread.
 */
void listener_table_init(struct listener_table *t, const struct config *cfg,
			 const struct conn_ops *ops, struct upstream *pools);

/* What connections to local:port are given, or NULL: nothing listens there. An entry with the
 * address goes before one for every address. Worker. */
const struct conn_params *listener_find(struct worker *w, const struct ip_addr *local,
					uint16_t port);

/* Count n relays more (or -1: one less) of l. Worker. */
void listener_count(struct listener *l, int n);

#endif
