/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Upstream pools: which server a connection goes to, and from which address and port of ours. Each
 * worker goes round each pool by itself, so nothing is shared. Owning worker only, but for
 * upstream_init(), which the control thread calls before the worker starts.
 */
#ifndef MPGATE_UPSTREAM_H
#define MPGATE_UPSTREAM_H

#include <stdint.h>

#include "config.h"
#include "mptcp/conn/conn.h"

struct worker;

/* The dynamic ports of Linux (net.ipv4.ip_local_port_range): RFC 6056 s3.2 lets us choose. */
#define UPSTREAM_PORT_MIN 32768
#define UPSTREAM_PORT_MAX 60999
/* Ports looked at for one connection. Of N workers one port in N is ours: with 16 of them the odds
 * that none of 512 is are 1 in 2 * 10^14. */
#define UPSTREAM_PORT_TRIES 512

struct upstream_pool {
	const struct cfg_pool *cfg;
	uint16_t next; /* server that the next connection begins with */
};

/* All pools of one worker. */
struct upstream {
	struct upstream_pool pools[CFG_POOLS_MAX];
};

/* One connection's way through a pool: each server at most once. */
struct upstream_walk {
	struct upstream_pool *pool;
	const struct cfg_server *server; /* the last one tried, or NULL */
	uint16_t at;                     /* server to be tried next */
	uint16_t left;                   /* servers not tried yet */
};

/* Fill u from the configuration, which must outlive it. Workers begin with different servers. */
void upstream_init(struct upstream *u, const struct config *cfg, uint16_t worker);

/* Begin a walk with the server whose turn it is. */
void upstream_begin(struct upstream_walk *k, struct upstream_pool *pool);

/* Complete key, whose addresses and remote port are set, with a free port whose packets come back to w.
 * Returns whether there was one. */
bool upstream_pick_port(struct worker *w, struct flow_key *key);

/*
 * Send a SYN to the next server of the walk that one can be sent to. params, rcv_mss_max and user
 * as in conn_connect(). Returns the connection, or NULL when no server is left: why none of them
 * could be tried is counted (DropNoRoute, DropNoConn).
 */
struct conn *upstream_connect(struct worker *w, struct upstream_walk *k,
			      const struct conn_params *params, uint16_t rcv_mss_max, void *user);

#endif
