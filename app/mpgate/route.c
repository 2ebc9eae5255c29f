/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The routing table, and each worker's cache of next hops: which port, which next hop, which MAC
 * address. The table is made by the control thread at start; the rest runs on workers.
 * Source: RFC 1122 s3.3.1 and s3.3.4.2 (strong host), RFC 4861 s5.2 and s7.2.2 (queue of packets
 * that wait), RFC 6583 s6 (a bounded cache in which unresolved entries go first).
 */
#include <errno.h>
#include <string.h>

#include "app.h"
#include "msg.h"
#include "mptcp/wire/octets.h"
#include "worker.h"

#define HANDLE_GEN_SHIFT 16 /* handle: generation above, index + 1 below */

static unsigned int addr_slot(const struct ip_addr *a)
{
	uint64_t h = (a->q[0] ^ a->q[1]) * 0x9e3779b97f4a7c15u; /* 2^64 / golden ratio */

	return (unsigned int)(h >> 32) & (ROUTE_ADDR_SLOTS - 1);
}

static void addr_insert(struct route_table *t, const struct ip_addr *a, uint16_t port)
{
	unsigned int i = addr_slot(a);

	t->addrs[t->n_addrs] = (struct route_addr){.addr = *a, .port = port};
	t->n_addrs++;
	while (t->addr_slots[i] != 0)
		i = (i + 1) & (ROUTE_ADDR_SLOTS - 1);
	t->addr_slots[i] = t->n_addrs;
}

int route_addr_port(const struct route_table *t, const struct ip_addr *a)
{
	for (unsigned int i = addr_slot(a); t->addr_slots[i] != 0;
	     i = (i + 1) & (ROUTE_ADDR_SLOTS - 1)) {
		const struct route_addr *r = &t->addrs[t->addr_slots[i] - 1];

		if (ip_addr_eq(&r->addr, a))
			return r->port;
	}
	return -1;
}

/* Keep entries sorted, longest prefix first; equal ones in the order of the configuration. */
static void entry_insert(struct route_table *t, const struct route_entry *e)
{
	uint16_t i = t->n_entries++;

	while (i > 0 && t->entries[i - 1].to.plen < e->to.plen) {
		t->entries[i] = t->entries[i - 1];
		i--;
	}
	t->entries[i] = *e;
}

/* Our address on port p that shares a prefix with via; via is on-link there by the config check. */
static struct ip_addr near_addr(const struct cfg_port *p, const struct ip_addr *via)
{
	for (unsigned int i = 0; i < p->n_addrs; i++)
		if (ip_addr_in_prefix(via, &p->addrs[i].addr, p->addrs[i].plen))
			return p->addrs[i].addr;
	return p->addrs[0].addr;
}

void route_table_init(struct route_table *t, const struct config *cfg)
{
	memset(t, 0, sizeof(*t));
	for (uint16_t i = 0; i < cfg->n_ports; i++) {
		const struct cfg_port *p = &cfg->ports[i];

		for (unsigned int j = 0; j < p->n_addrs; j++) {
			struct route_entry e = {
				.to = p->addrs[j], .src = p->addrs[j].addr, .port = i};

			addr_insert(t, &p->addrs[j].addr, i);
			entry_insert(t, &e);
		}
	}
	for (uint16_t i = 0; i < cfg->n_routes; i++) {
		const struct cfg_route *r = &cfg->routes[i];
		struct route_entry e = {.to = r->to, .via = r->via, .port = r->port};

		e.src = near_addr(&cfg->ports[r->port], &r->via);
		entry_insert(t, &e);
	}
}

int route_source(struct worker *w, const struct ip_addr *dst, struct ip_addr *src)
{
	const struct route_table *t = &w->app->routes;
	bool v4 = ip_addr_is_v4(dst);

	for (unsigned int i = 0; i < t->n_entries; i++) {
		const struct route_entry *e = &t->entries[i];

		if (ip_addr_is_v4(&e->src) == v4 &&
		    ip_addr_in_prefix(dst, &e->to.addr, e->to.plen)) {
			*src = e->src;
			return 0;
		}
	}
	return -ENETUNREACH;
}

/*
 * The next hop from local towards remote: the longest prefix of all ports; of equally long ones
 * that of the port which owns local (strong host). So a client on two networks may reach the
 * address of one port over the other and gets its answers the way it came.
 */
static int route_lookup(const struct route_table *t, const struct ip_addr *local,
			const struct ip_addr *remote, uint16_t *port, struct ip_addr *next)
{
	const struct route_entry *best = NULL;
	int p = route_addr_port(t, local);
	bool v4 = ip_addr_is_v4(remote);

	if (p < 0)
		return -EADDRNOTAVAIL;
	for (unsigned int i = 0; i < t->n_entries; i++) {
		const struct route_entry *e = &t->entries[i];

		if (best != NULL && e->to.plen < best->to.plen)
			break;
		if (ip_addr_is_v4(&e->src) != v4 ||
		    !ip_addr_in_prefix(remote, &e->to.addr, e->to.plen))
			continue;
		if (best == NULL || (best->port != p && e->port == p))
			best = e;
	}
	if (best == NULL)
		return -ENETUNREACH;
	*port = best->port;
	*next = ip_addr_is_zero(&best->via) ? *remote : best->via;
	return 0;
}

/* --- the cache ------------------------------------------------------------------------------ */

void nexthop_cache_init(struct nexthop_cache *c)
{
	memset(c, 0, sizeof(*c));
	for (uint16_t i = 0; i < NEXTHOPS_MAX; i++) {
		c->slots[i].gen = 1;
		c->slots[i].next = (uint16_t)(i + 1 < NEXTHOPS_MAX ? i + 2 : 0);
	}
	c->free = 1;
}

static unsigned int nexthop_bucket(const struct worker *w, uint16_t port, const struct ip_addr *a)
{
	struct ip_addr k = *a;

	k.w[0] ^= (uint32_t)port << 16;
	return (unsigned int)siphash(&w->st.secrets->flow, k.b, sizeof(k.b)) &
	       (NEXTHOP_BUCKETS - 1);
}

static uint16_t nexthop_index(const struct nexthop_cache *c, const struct nexthop_slot *s)
{
	return (uint16_t)(s - c->slots);
}

static struct nexthop *nexthop_handle(const struct nexthop_cache *c, const struct nexthop_slot *s)
{
	return (struct nexthop *)((uintptr_t)s->gen << HANDLE_GEN_SHIFT |
				  (uintptr_t)(nexthop_index(c, s) + 1));
}

static void nexthop_drop_parked(struct worker *w, struct nexthop_slot *s)
{
	for (unsigned int i = 0; i < s->n_parked; i++) {
		rte_pktmbuf_free(s->parked[i]);
		st_inc(&w->st, CTR_DROP_NO_NEIGH);
	}
	w->nexthops.n_parked = (uint16_t)(w->nexthops.n_parked - s->n_parked);
	s->n_parked = 0;
}

/* Take s out of its bucket; handles to it are outdated from here on. */
static void nexthop_evict(struct worker *w, struct nexthop_slot *s)
{
	struct nexthop_cache *c = &w->nexthops;
	uint16_t self = (uint16_t)(nexthop_index(c, s) + 1);
	uint16_t *at = &c->bucket[nexthop_bucket(w, s->port, &s->addr)];

	nexthop_drop_parked(w, s);
	while (*at != self)
		at = &c->slots[*at - 1].next;
	*at = s->next;
	s->next = c->free;
	c->free = self;
	c->n_used--;
	s->state = NH_FREE;
	s->gen++;
}

/* The hand goes round at most twice: the first slot that was not used since its last visit, an
 * unresolved one if there is one within a few slots. */
static void nexthop_make_room(struct worker *w)
{
	struct nexthop_cache *c = &w->nexthops;
	struct nexthop_slot *second = NULL;

	for (unsigned int i = 0; i < 2 * NEXTHOPS_MAX; i++) {
		struct nexthop_slot *s = &c->slots[c->hand];
		bool old = !s->used || s->state == NH_INCOMPLETE;

		c->hand = (uint16_t)((c->hand + 1) % NEXTHOPS_MAX);
		s->used = false;
		if (old && s->state == NH_INCOMPLETE) {
			nexthop_evict(w, s);
			return;
		}
		if (old && second == NULL)
			second = s;
		if (second != NULL && i >= 64)
			break;
	}
	nexthop_evict(w, second);
}

static struct nexthop_slot *nexthop_get(struct worker *w, uint16_t port, const struct ip_addr *a,
					bool make)
{
	struct nexthop_cache *c = &w->nexthops;
	unsigned int b = nexthop_bucket(w, port, a);
	struct nexthop_slot *s;

	for (uint16_t i = c->bucket[b]; i != 0; i = c->slots[i - 1].next) {
		s = &c->slots[i - 1];
		if (s->port == port && ip_addr_eq(&s->addr, a))
			return s;
	}
	if (!make)
		return NULL;
	if (c->free == 0)
		nexthop_make_room(w);
	s = &c->slots[c->free - 1];
	c->free = s->next;
	*s = (struct nexthop_slot){
		.addr = *a,
		.port = port,
		.state = NH_INCOMPLETE,
		.gen = s->gen,
		.next = c->bucket[b],
	};
	c->bucket[b] = (uint16_t)(nexthop_index(c, s) + 1);
	c->n_used++;
	return s;
}

struct nexthop *route_find(struct stack *st, const struct ip_addr *local,
			   const struct ip_addr *remote, uint16_t *mtu)
{
	struct worker *w = worker_of_stack(st);
	struct ip_addr next;
	uint16_t port;

	if (route_lookup(&w->app->routes, local, remote, &port, &next) != 0)
		return NULL;
	*mtu = w->app->ports[port].mtu;
	return nexthop_handle(&w->nexthops, nexthop_get(w, port, &next, true));
}

/* The addresses of our own packet, whose header is whole. */
static bool packet_addrs(const struct rte_mbuf *m, struct ip_addr *src, struct ip_addr *dst)
{
	const uint8_t *b = rte_pktmbuf_mtod(m, const uint8_t *);

	if (m->data_len >= 20 && b[0] >> 4 == 4) {
		*src = ip_addr_from_v4(&b[12]);
		*dst = ip_addr_from_v4(&b[16]);
		return true;
	}
	if (m->data_len >= 40 && b[0] >> 4 == 6) {
		*src = ip_addr_from_v6(&b[8]);
		*dst = ip_addr_from_v6(&b[24]);
		return true;
	}
	return false;
}

struct nexthop_slot *nexthop_slot_of(struct worker *w, const struct nexthop *nh,
				     const struct rte_mbuf *m)
{
	uintptr_t handle = (uintptr_t)nh;
	unsigned int i = (unsigned int)(handle & UINT16_MAX);
	struct ip_addr src, dst, next;
	struct nexthop_slot *s;
	uint16_t port;

	if (i >= 1 && i <= NEXTHOPS_MAX) {
		s = &w->nexthops.slots[i - 1];
		if (s->state != NH_FREE && s->gen == handle >> HANDLE_GEN_SHIFT) {
			s->used = true;
			return s;
		}
	}
	if (!packet_addrs(m, &src, &dst) ||
	    route_lookup(&w->app->routes, &src, &dst, &port, &next) != 0)
		return NULL;
	s = nexthop_get(w, port, &next, true);
	s->used = true;
	return s;
}

void nexthop_park(struct worker *w, struct nexthop_slot *s, struct rte_mbuf *m)
{
	if (s->n_parked == NEXTHOP_PARKED || w->nexthops.n_parked >= NEXTHOP_PARKED_ALL) {
		rte_pktmbuf_free(m);
		st_inc(&w->st, CTR_DROP_NO_NEIGH);
		return;
	}
	s->parked[s->n_parked++] = m;
	w->nexthops.n_parked++;
}

void nexthop_ask(struct worker *w, struct nexthop_slot *s)
{
	struct msg msg = {.type = MSG_NEIGH_WANT, .port = s->port};
	uint32_t now_ms = w->st.now_ms;

	if (s->asked && now_ms - s->asked_ms < NEXTHOP_ASK_MS)
		return;
	if (!rate_limit_ok(&w->want_limit, now_ms))
		return;
	msg.neigh.addr = s->addr;
	if (msg_send(w->ctrl_out, &msg) != 0)
		return;
	s->asked = true;
	s->asked_ms = now_ms;
}

void nexthop_update(struct worker *w, uint16_t port, const struct ip_addr *addr,
		    const struct rte_ether_addr *mac)
{
	struct nexthop_slot *s = nexthop_get(w, port, addr, false);
	unsigned int n;

	if (s == NULL)
		return;
	if (mac == NULL) {
		s->state = NH_INCOMPLETE;
		nexthop_drop_parked(w, s);
		return;
	}
	s->mac = *mac;
	s->state = NH_RESOLVED;
	s->confirmed_ms = w->st.now_ms;
	n = s->n_parked;
	w->nexthops.n_parked = (uint16_t)(w->nexthops.n_parked - n);
	s->n_parked = 0;
	for (unsigned int i = 0; i < n; i++)
		tx_ip(w, s->parked[i], port, mac);
}

void nexthop_cache_flush(struct worker *w)
{
	for (unsigned int i = 0; i < NEXTHOPS_MAX; i++)
		nexthop_drop_parked(w, &w->nexthops.slots[i]);
}
