/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The neighbour table: who is asked, who answered, when to ask again. Frames are neigh_frame.c's.
 * Control thread only. Source: RFC 4861 s7.2 and s7.3 for both families (states, three probes a
 * second apart), RFC 5227 s2.3 for announcements.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "neigh_parts.h"
#include "worker.h"

#define NEIGH_BUCKETS   4096
#define ANNOUNCE_MS     2000 /* RFC 5227 ANNOUNCE_INTERVAL */
#define ANNOUNCE_ROUNDS 2    /* RFC 5227 ANNOUNCE_NUM */
#define TIMER_PERIOD_MS 50

struct neigh {
	struct app *app;
	struct siphash_key hash_key;
	uint32_t now_ms, timers_ms;
	uint32_t announced_ms;
	unsigned int announce_left;
	uint16_t bucket[NEIGH_BUCKETS]; /* index + 1 */
	uint16_t free;
	uint16_t n_busy; /* INCOMPLETE or PROBE */
	uint16_t hand;
	struct neigh_entry entries[NEIGH_MAX];
};

struct neigh *neigh_new(struct app *app)
{
	struct neigh *n = calloc(1, sizeof(*n));

	if (n == NULL)
		return NULL;
	n->app = app;
	n->hash_key = app->secrets.flow;
	for (uint16_t i = 0; i < NEIGH_MAX; i++)
		n->entries[i].next = (uint16_t)(i + 1 < NEIGH_MAX ? i + 2 : 0);
	n->free = 1;
	return n;
}

void neigh_free(struct neigh *n)
{
	free(n);
}

static uint16_t *neigh_bucket(struct neigh *n, uint16_t port, const struct ip_addr *a)
{
	struct ip_addr k = *a;

	k.w[0] ^= (uint32_t)port << 16;
	return &n->bucket[siphash(&n->hash_key, k.b, sizeof(k.b)) & (NEIGH_BUCKETS - 1)];
}

static struct neigh_entry *entry_find(struct neigh *n, uint16_t port, const struct ip_addr *a)
{
	for (uint16_t i = *neigh_bucket(n, port, a); i != 0; i = n->entries[i - 1].next) {
		struct neigh_entry *e = &n->entries[i - 1];

		if (e->port == port && ip_addr_eq(&e->addr, a))
			return e;
	}
	return NULL;
}

static void entry_set(struct neigh *n, struct neigh_entry *e, enum neigh_state to)
{
	bool was_busy = e->state == NEIGH_INCOMPLETE || e->state == NEIGH_PROBE;
	bool busy = to == NEIGH_INCOMPLETE || to == NEIGH_PROBE;

	n->n_busy = (uint16_t)(n->n_busy + busy - was_busy);
	e->state = (uint8_t)to;
}

static void entry_free(struct neigh *n, struct neigh_entry *e)
{
	uint16_t self = (uint16_t)(e - n->entries + 1);
	uint16_t *at = neigh_bucket(n, e->port, &e->addr);

	entry_set(n, e, NEIGH_FREE);
	while (*at != self)
		at = &n->entries[*at - 1].next;
	*at = e->next;
	e->next = n->free;
	n->free = self;
}

/* The table is full: give up one that does not answer or that no worker ever wanted, else the next
 * that none wants now. */
static bool entry_make_room(struct neigh *n)
{
	struct neigh_entry *second = NULL;

	for (unsigned int i = 0; i < NEIGH_MAX; i++) {
		struct neigh_entry *e = &n->entries[n->hand];

		n->hand = (uint16_t)((n->hand + 1) % NEIGH_MAX);
		if (e->state == NEIGH_FAILED || e->state == NEIGH_INCOMPLETE || !e->wanted) {
			entry_free(n, e);
			return true;
		}
		if (second == NULL && n->now_ms - e->wanted_ms > 2 * NEIGH_REACHABLE_MS)
			second = e;
	}
	if (second == NULL)
		return false;
	entry_free(n, second);
	return true;
}

static struct neigh_entry *entry_new(struct neigh *n, uint16_t port, const struct ip_addr *a)
{
	uint16_t *bucket = neigh_bucket(n, port, a);
	struct neigh_entry *e;

	if (n->free == 0 && !entry_make_room(n))
		return NULL;
	e = &n->entries[n->free - 1];
	n->free = e->next;
	*e = (struct neigh_entry){.addr = *a, .port = port, .next = *bucket};
	*bucket = (uint16_t)(e - n->entries + 1);
	e->wanted_ms = n->now_ms;
	return e;
}

/* Let every worker know; those that do not use the neighbour ignore it. A full ring costs nothing
 * but time: the worker asks again. */
static void entry_publish(struct neigh *n, const struct neigh_entry *e, bool up)
{
	struct msg msg = {.type = MSG_NEIGH_SET, .up = up, .port = e->port};

	msg.neigh.addr = e->addr;
	msg.neigh.mac = e->mac;
	for (unsigned int i = 0; i < n->app->n_workers; i++)
		msg_send(n->app->workers[i]->ctrl_in, &msg);
}

/* Give frame m to a worker that has a queue of the port; consumed. m may be NULL. */
static void neigh_send(struct neigh *n, uint16_t port, struct rte_mbuf *m)
{
	struct msg msg = {.type = MSG_TX, .port = port, .m = m};
	uint16_t worker = n->app->ports[port].tx_worker[0];

	if (m != NULL && msg_send(n->app->workers[worker]->ctrl_in, &msg) != 0)
		rte_pktmbuf_free(m);
}

/* Ask: the known address first, then everyone. */
static void entry_probe(struct neigh *n, struct neigh_entry *e)
{
	const struct port *p = &n->app->ports[e->port];
	const struct rte_ether_addr *to = NULL;
	const struct ip_addr *src = neigh_source(p->cfg, &e->addr);

	e->probed_ms = n->now_ms;
	e->probes++;
	if (src == NULL)
		return;
	if (e->state == NEIGH_PROBE && e->probes <= NEIGH_PROBES)
		to = &e->mac;
	neigh_send(n, e->port, neigh_frame_request(n->app->mbufs, p, src, &e->addr, to));
}

static void entry_confirmed(struct neigh *n, struct neigh_entry *e,
			    const struct rte_ether_addr *mac)
{
	e->mac = *mac;
	e->confirmed_ms = n->now_ms;
	e->probes = 0;
	entry_set(n, e, NEIGH_REACHABLE);
	entry_publish(n, e, true);
}

static void neigh_want(struct neigh *n, uint16_t port, const struct ip_addr *a)
{
	struct neigh_entry *e = entry_find(n, port, a);

	if (e == NULL) {
		e = entry_new(n, port, a);
		if (e == NULL)
			return;
		e->wanted = true;
		entry_set(n, e, NEIGH_INCOMPLETE);
		entry_probe(n, e);
		return;
	}
	e->wanted = true;
	e->wanted_ms = n->now_ms;
	switch (e->state) {
	case NEIGH_REACHABLE:
		if (n->now_ms - e->confirmed_ms < NEIGH_REACHABLE_MS) {
			entry_publish(n, e, true);
			break;
		}
		/* fall through */
	case NEIGH_STALE:
		entry_publish(n, e, true); /* a worker may not have it any more */
		e->probes = 0;
		entry_set(n, e, NEIGH_PROBE);
		entry_probe(n, e);
		break;
	case NEIGH_FAILED:
		if (n->now_ms - e->probed_ms < NEIGH_RETRANS_MS)
			break;
		e->probes = 0;
		entry_set(n, e, NEIGH_INCOMPLETE);
		entry_probe(n, e);
		break;
	default:
		break; /* under way */
	}
}

/* An ARP or ND message that neigh_frame.c found valid. */
static void neigh_learn(struct neigh *n, uint16_t port, const struct neigh_msg *f)
{
	struct neigh_entry *e = entry_find(n, port, &f->sender);

	if (f->request) {
		/* Asks for us and says who it is: the reply and the packets behind it need that. It
		 * may not move a confirmed neighbour (that takes an answer to our own question). */
		if (e == NULL)
			e = entry_new(n, port, &f->sender);
		if (e == NULL)
			return;
		if (e->state == NEIGH_FREE || e->state == NEIGH_INCOMPLETE ||
		    e->state == NEIGH_FAILED) {
			entry_confirmed(n, e, &f->mac);
		} else if (!rte_is_same_ether_addr(&e->mac, &f->mac) && e->state != NEIGH_PROBE) {
			e->probes = 0;
			entry_set(n, e, NEIGH_PROBE);
			entry_probe(n, e);
		}
		return;
	}
	if (e == NULL)
		return;
	if (e->state == NEIGH_INCOMPLETE || e->state == NEIGH_PROBE) {
		entry_confirmed(n, e, &f->mac);
	} else if (f->override && !rte_is_same_ether_addr(&e->mac, &f->mac)) {
		/* Unasked for, and it says that the neighbour moved: ask the old address first. */
		e->probes = 0;
		entry_set(n, e, NEIGH_PROBE);
		entry_probe(n, e);
	}
}

static void neigh_frame(struct neigh *n, uint16_t port, struct rte_mbuf *m)
{
	const struct port *p = &n->app->ports[port];
	struct neigh_msg f;

	if (!neigh_frame_parse(p, m, &f)) {
		ctr_inc(n->app->ctrs, neigh_frame_is_arp(m) ? CTR_DROP_ARP : CTR_DROP_ND);
	} else {
		if (f.learn)
			neigh_learn(n, port, &f);
		if (f.request)
			neigh_send(n, port, neigh_frame_reply(n->app->mbufs, p, &f));
	}
	rte_pktmbuf_free(m);
}

void neigh_message(struct neigh *n, const struct msg *msg, uint64_t now_us)
{
	n->now_ms = (uint32_t)(now_us / 1000);
	if (msg->type == MSG_NEIGH_WANT)
		neigh_want(n, msg->port, &msg->neigh.addr);
	else if (msg->type == MSG_FRAME)
		neigh_frame(n, msg->port, msg->m);
}

static void announce_all(struct neigh *n)
{
	for (uint16_t i = 0; i < n->app->n_ports; i++) {
		const struct port *p = &n->app->ports[i];

		for (unsigned int j = 0; j < p->cfg->n_addrs; j++)
			neigh_send(n, i,
				   neigh_frame_announce(n->app->mbufs, p, &p->cfg->addrs[j].addr));
	}
	n->announced_ms = n->now_ms;
	n->announce_left--;
}

void neigh_announce(struct neigh *n, uint64_t now_us)
{
	n->now_ms = (uint32_t)(now_us / 1000);
	n->announce_left = ANNOUNCE_ROUNDS;
	announce_all(n);
}

static void entry_timer(struct neigh *n, struct neigh_entry *e)
{
	unsigned int most = e->state == NEIGH_PROBE ? 2 * NEIGH_PROBES : NEIGH_PROBES;

	switch (e->state) {
	case NEIGH_INCOMPLETE:
	case NEIGH_PROBE:
		if (n->now_ms - e->probed_ms < NEIGH_RETRANS_MS)
			break;
		if (e->probes < most) {
			entry_probe(n, e);
			break;
		}
		entry_set(n, e, NEIGH_FAILED);
		entry_publish(n, e, false);
		break;
	case NEIGH_REACHABLE:
		if (n->now_ms - e->confirmed_ms >= NEIGH_REACHABLE_MS)
			entry_set(n, e, NEIGH_STALE);
		break;
	case NEIGH_STALE:
	case NEIGH_FAILED:
		if (n->now_ms - e->wanted_ms >= NEIGH_IDLE_MS)
			entry_free(n, e);
		break;
	default:
		break;
	}
}

void neigh_timers(struct neigh *n, uint64_t now_us)
{
	n->now_ms = (uint32_t)(now_us / 1000);
	if (n->announce_left > 0 && n->now_ms - n->announced_ms >= ANNOUNCE_MS)
		announce_all(n);
	if (n->now_ms - n->timers_ms < TIMER_PERIOD_MS)
		return;
	n->timers_ms = n->now_ms;
	for (unsigned int i = 0; i < NEIGH_MAX; i++)
		if (n->entries[i].state != NEIGH_FREE)
			entry_timer(n, &n->entries[i]);
}

uint32_t neigh_dump(const struct neigh *n, struct neigh_info *out, uint32_t max, uint64_t now_us)
{
	uint32_t now_ms = (uint32_t)(now_us / 1000), k = 0;

	for (unsigned int i = 0; i < NEIGH_MAX && k < max; i++) {
		const struct neigh_entry *e = &n->entries[i];

		if (e->state == NEIGH_FREE)
			continue;
		out[k] = (struct neigh_info){.addr = e->addr, .port = e->port, .state = e->state};
		memcpy(out[k].mac, e->mac.addr_bytes, sizeof(out[k].mac));
		out[k++].age_ms = now_ms - e->confirmed_ms;
	}
	return k;
}
