/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where a packet leaves: the longest on-link prefix or route that holds the destination gives port
 * and next hop, the destination itself or a gateway; among equally long ones the port that owns the
 * source address goes first. Tables are constant; each worker has a bounded cache of next hops with
 * the MAC address of each.
 *
 * struct nexthop is a handle (slot and generation), never dereferenced: a slot may be taken for
 * another next hop when the cache is full, and a packet with an outdated handle is then routed
 * again by its own addresses. So nothing counts references, and a flood of sources can only cost
 * the cache, in which resolved entries outlive unresolved ones.
 */
#ifndef MPGATE_ROUTE_H
#define MPGATE_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>
#include <rte_mbuf.h>

#include "config.h"
#include "mptcp/wire/ip_addr.h"

struct worker;
struct nexthop;
struct stack;

#define ROUTE_ENTRIES_MAX  (CFG_PORTS_MAX * CFG_ADDRS_MAX + CFG_ROUTES_MAX)
#define ROUTE_ADDRS_MAX    (CFG_PORTS_MAX * CFG_ADDRS_MAX)
#define ROUTE_ADDR_SLOTS   512  /* a power of two, above twice ROUTE_ADDRS_MAX */
#define NEXTHOPS_MAX       1024 /* a worker */
#define NEXTHOP_BUCKETS    1024
#define NEXTHOP_PARKED     8   /* packets that wait for one address to be resolved */
#define NEXTHOP_PARKED_ALL 512 /* and for all of a worker's */
/* RFC 4861 s10: REACHABLE_TIME, DELAY of the next request */
#define NEXTHOP_REACHABLE_MS 30000
#define NEXTHOP_ASK_MS       1000

struct route_entry {
	struct cfg_prefix to;
	struct ip_addr via; /* zero: on-link */
	struct ip_addr src; /* our address that is nearest to what lies there */
	uint16_t port;
};

/* One of our own addresses. */
struct route_addr {
	struct ip_addr addr;
	uint16_t port;
};

/* Constant after route_table_init(). */
struct route_table {
	uint16_t n_entries, n_addrs;
	struct route_entry entries[ROUTE_ENTRIES_MAX]; /* longest prefix first */
	struct route_addr addrs[ROUTE_ADDRS_MAX];
	uint16_t addr_slots[ROUTE_ADDR_SLOTS]; /* index + 1 into addrs, open addressing */
};

enum nexthop_state { NH_FREE, NH_INCOMPLETE, NH_RESOLVED };

/* One cached next hop; its worker only. */
struct nexthop_slot {
	struct ip_addr addr;
	uint16_t port;
	uint8_t state; /* enum nexthop_state */
	bool used;     /* since the eviction hand last passed */
	uint16_t gen;  /* of the handle */
	uint16_t n_parked;
	uint16_t next; /* index + 1 in the bucket's or the free chain */
	struct rte_ether_addr mac;
	uint32_t confirmed_ms, asked_ms;
	bool asked;
	struct rte_mbuf *parked[NEXTHOP_PARKED];
};

struct nexthop_cache {
	uint16_t bucket[NEXTHOP_BUCKETS];
	uint16_t free; /* index + 1 */
	uint16_t n_used;
	uint16_t hand;
	uint16_t n_parked; /* packets in all slots */
	struct nexthop_slot slots[NEXTHOPS_MAX];
};

/* Build t from the configuration. Pure. */
void route_table_init(struct route_table *t, const struct config *cfg);
/* The port index of an address of ours, or -1. Pure. */
int route_addr_port(const struct route_table *t, const struct ip_addr *a);

/*
 * Our source address towards dst: that of the route to dst with the longest prefix, in dst's
 * family. Returns 0 with it in *src, or -ENETUNREACH. Worker.
 */
int route_source(struct worker *w, const struct ip_addr *dst, struct ip_addr *src);

/* stack_ops.route. */
struct nexthop *route_find(struct stack *st, const struct ip_addr *local,
			   const struct ip_addr *remote, uint16_t *mtu);

void nexthop_cache_init(struct nexthop_cache *c);
/*
 * The live slot of handle nh. When nh is outdated, that of the addresses in the header of m (which
 * begins with its IP header); NULL when there is no way. Worker.
 */
struct nexthop_slot *nexthop_slot_of(struct worker *w, const struct nexthop *nh,
				     const struct rte_mbuf *m);
/* Take m (as given to stack_ops.output) until s is resolved; consumed, perhaps dropped. */
void nexthop_park(struct worker *w, struct nexthop_slot *s, struct rte_mbuf *m);
/* Ask the control thread to resolve or confirm s, within NEXTHOP_ASK_MS and the rate limit. */
void nexthop_ask(struct worker *w, struct nexthop_slot *s);
/* What the control thread says of addr on port: its MAC address, or NULL: it does not answer. */
void nexthop_update(struct worker *w, uint16_t port, const struct ip_addr *addr,
		    const struct rte_ether_addr *mac);
/* Free every parked packet (at the end). */
void nexthop_cache_flush(struct worker *w);

#endif
