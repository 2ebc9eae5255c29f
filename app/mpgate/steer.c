/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Steering in software: the hash, the entries of joined subflows, the rings between workers. The
 * header has the rules. Workers, but for what makes and frees the rings (control thread).
 * Source: RFC 8684 s3.2; Toeplitz hash: Microsoft "RSS hashing functions"; a key of period 16 makes
 * it symmetric (Woo and Park, "Scalable TCP Session Monitoring with Symmetric RSS").
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_lcore.h>

#include "app.h"
#include "msg.h"
#include "steer.h"
#include "worker.h"

#define RSS_KEY_WORD 0x6d5a
#define ALIGN64(n)   (((n) + 63u) & ~(size_t)63u)

/* Constant after steer_start(). */
static uint16_t n_workers = 1;

/* --- hash ------------------------------------------------------------------------------------- */

/* With a key of period 16 every 16-bit word of the input contributes alike, wherever it stands: the
 * hash is linear in the sum of the words. */
static uint16_t toeplitz16(uint16_t x)
{
	uint32_t key = (uint32_t)RSS_KEY_WORD << 16 | RSS_KEY_WORD;
	uint32_t h = 0;

	for (unsigned int i = 0; i < 16; i++)
		h ^= (key << i | key >> ((32 - i) & 31)) & -(uint32_t)(x >> (15 - i) & 1);
	return (uint16_t)h;
}

uint32_t steer_hash(const struct flow_key *key)
{
	uint64_t x = key->local.q[0] ^ key->local.q[1] ^ key->remote.q[0] ^ key->remote.q[1];
	uint16_t h;

	x ^= x >> 32;
	x ^= x >> 16;
	h = toeplitz16((uint16_t)(be16toh((uint16_t)x) ^ key->local_port ^ key->remote_port));
	return (uint32_t)h << 16 | h;
}

uint16_t steer_reta_owner(unsigned int i)
{
	return (uint16_t)(i % STEER_RETA % n_workers);
}

uint16_t steer_rss_owner(const struct flow_key *key)
{
	if (n_workers == 1)
		return 0;
	return steer_reta_owner(steer_hash(key));
}

void steer_rss_key(uint8_t *key, unsigned int len)
{
	for (unsigned int i = 0; i < len; i++)
		key[i] = (uint8_t)(i % 2 == 0 ? RSS_KEY_WORD >> 8 : RSS_KEY_WORD & 0xff);
}

/* --- entries ---------------------------------------------------------------------------------- */

/* What others order here (subflows, in equal shares), own records (one share), and half as much
 * again for tentative ones. */
static uint32_t steer_entries(const struct config *cfg)
{
	return cfg->n_workers > 1 ? cfg->subflows * 2 : 0;
}

size_t steer_memory(const struct config *cfg)
{
	uint32_t n = steer_entries(cfg);

	if (n == 0)
		return 0;
	return ALIGN64(pool_memory(n, sizeof(struct steer_entry))) + ALIGN64(flow_table_memory(n));
}

void steer_start(uint16_t n)
{
	n_workers = n;
}

void steer_init(struct worker *w, void *mem, const struct config *cfg)
{
	uint32_t n = steer_entries(cfg);
	struct steer *s = &w->steer;

	memset(s, 0, sizeof(*s));
	for (unsigned int i = 0; i < CFG_WORKERS_MAX; i++)
		s->join_limit[i] = (struct rate_limit){.per_ms_x1000 = STEER_JOIN_RATE,
						       .burst = STEER_JOIN_RATE / 10};
	if (n == 0)
		return;
	s->own_max = cfg->subflows / (cfg->n_workers - 1u);
	pool_init(&s->entries, mem, n, sizeof(struct steer_entry));
	flow_table_init(&s->table,
			(uint8_t *)mem + ALIGN64(pool_memory(n, sizeof(struct steer_entry))), n);
}

static bool entry_match(const void *ctx, uint32_t index, const void *key)
{
	const struct steer *s = ctx;
	const struct steer_entry *e = pool_at(&s->entries, index);

	return flow_key_eq(&e->key, key);
}

static struct steer_entry *entry_find(struct worker *w, const struct flow_key *key)
{
	struct steer *s = &w->steer;
	int64_t i;

	if (s->table.used == 0)
		return NULL;
	i = flow_table_find(&s->table, flow_hash(&w->st, key), entry_match, s, key);
	return i < 0 ? NULL : pool_at(&s->entries, (uint32_t)i);
}

static struct steer_entry *entry_new(struct worker *w, const struct flow_key *key, uint16_t owner)
{
	struct steer *s = &w->steer;
	struct steer_entry *e = pool_get(&s->entries);

	if (e == NULL)
		return NULL;
	e->key = *key;
	e->owner = owner;
	if (flow_table_insert(&s->table, flow_hash(&w->st, key), pool_index(&s->entries, e)) != 0) {
		pool_put(&s->entries, e);
		return NULL;
	}
	st_inc(&w->st, CTR_CUR_STEER);
	return e;
}

/* Out of the table; the memory stays the caller's. */
static void entry_unlink(struct worker *w, struct steer_entry *e)
{
	struct steer *s = &w->steer;

	wheel_cancel(&w->st.wheel, &e->timer);
	flow_table_remove(&s->table, flow_hash(&w->st, &e->key), pool_index(&s->entries, e));
	st_dec(&w->st, CTR_CUR_STEER);
}

static void entry_expire(struct wheel_timer *t, void *ctx)
{
	struct worker *w = worker_of_stack(ctx);
	struct steer_entry *e = container_of(t, struct steer_entry, timer);

	entry_unlink(w, e);
	pool_put(&w->steer.entries, e);
}

/* Another worker's order. */
static void entry_order(struct worker *w, const struct msg *msg)
{
	struct steer_entry *e = entry_find(w, &msg->key);

	if (e != NULL && e->owner == w->index)
		return; /* one's own flow is nobody else's */
	if (msg->type == MSG_STEER_DEL) {
		if (e != NULL && e->owner == msg->owner) {
			entry_unlink(w, e);
			pool_put(&w->steer.entries, e);
		}
		return;
	}
	if (e == NULL) {
		e = entry_new(w, &msg->key, msg->owner);
		if (e == NULL)
			st_inc(&w->st, CTR_DROP_RING_FULL);
		return;
	}
	wheel_cancel(&w->st.wheel, &e->timer);
	e->owner = msg->owner;
}

int steer_add(struct mptcp *mp, const struct flow_key *key)
{
	struct worker *w = worker_of_mptcp(mp);
	struct steer *s = &w->steer;
	struct msg msg = {.type = MSG_STEER_ADD, .owner = w->index, .key = *key};
	struct steer_entry *e;

	if (n_workers == 1 || steer_rss_owner(key) == w->index)
		return 0; /* everyone sends it here anyhow */
	e = entry_find(w, key);
	if (e != NULL && e->owner == w->index)
		return 0;
	if (e != NULL || s->n_own >= s->own_max)
		return -ENOSPC;
	for (unsigned int i = 0; i < n_workers; i++)
		if (i != w->index && rte_ring_free_count(w->msg_out[i]) == 0)
			return -ENOSPC;
	e = entry_new(w, key, w->index);
	if (e == NULL)
		return -ENOSPC;
	s->n_own++;
	for (unsigned int i = 0; i < n_workers; i++)
		if (i != w->index)
			msg_send(w->msg_out[i], &msg);
	return 0;
}

/* Tell who is still to be told that e is gone; e is freed when all know. */
static bool del_push(struct worker *w, struct steer_entry *e)
{
	struct msg msg = {.type = MSG_STEER_DEL, .owner = w->index, .key = e->key};

	for (unsigned int i = 0; i < n_workers; i++)
		if ((e->pending >> i & 1) != 0 && msg_send(w->msg_out[i], &msg) == 0)
			e->pending = (uint16_t)(e->pending & ~(1u << i));
	if (e->pending != 0)
		return false;
	w->steer.n_own--;
	pool_put(&w->steer.entries, e);
	return true;
}

void steer_del(struct mptcp *mp, const struct flow_key *key)
{
	struct worker *w = worker_of_mptcp(mp);
	struct steer_entry *e = entry_find(w, key);

	if (e == NULL || e->owner != w->index)
		return;
	entry_unlink(w, e);
	e->pending = (uint16_t)(((1u << n_workers) - 1) & ~(1u << w->index));
	if (!del_push(w, e)) {
		e->next = w->steer.pending;
		w->steer.pending = e;
	}
}

static void del_retry(struct worker *w)
{
	struct steer_entry *e = w->steer.pending;

	w->steer.pending = NULL;
	while (e != NULL) {
		struct steer_entry *next = e->next;

		if (!del_push(w, e)) {
			e->next = w->steer.pending;
			w->steer.pending = e;
		}
		e = next;
	}
}

/* --- packets ---------------------------------------------------------------------------------- */

static void steer_drop(struct worker *w, struct rte_mbuf *m, enum counter reason)
{
	rte_pktmbuf_free(m);
	st_inc(&w->st, reason);
}

static void steer_send(struct worker *w, struct rte_mbuf *m, uint16_t to)
{
	if (rte_ring_sp_enqueue(w->steer_out[to], m) != 0)
		steer_drop(w, m, CTR_DROP_RING_FULL);
	else
		st_inc(&w->st, CTR_STEER_TX);
}

/* An unproven packet. Returns whether it is w's own; else it was consumed. */
static bool steer_join(struct worker *w, struct rte_mbuf *m, uint16_t to)
{
	if (to == w->index)
		return true;
	if (!rate_limit_ok(&w->steer.join_limit[to], w->st.now_ms))
		steer_drop(w, m, CTR_DROP_JOIN_LIMIT);
	else if (rte_ring_sp_enqueue(w->join_out[to], m) != 0)
		steer_drop(w, m, CTR_DROP_RING_FULL);
	else
		st_inc(&w->st, CTR_STEER_TX);
	return false;
}

bool steer_quoted(struct worker *w, struct rte_mbuf *m, const struct flow_key *key, bool moved)
{
	const struct steer_entry *e = entry_find(w, key);
	uint16_t rss = steer_rss_owner(key);

	/* As in steer_take(): who sent it here may not have had the entry yet. */
	if (moved && (e == NULL || rss != w->index))
		return true;
	return steer_join(w, m, e != NULL ? e->owner : rss);
}

/* A pure ACK whose header has room for MP_JOIN's third form: the parser must look at it. */
static bool may_be_join_ack(const struct rte_mbuf *m, uint8_t flags, uint16_t l4_off)
{
	const uint8_t *b = rte_pktmbuf_mtod(m, const uint8_t *);
	unsigned int total = b[0] >> 4 == 4 ? (unsigned int)(b[2] << 8 | b[3])
					    : 40u + (unsigned int)(b[4] << 8 | b[5]);
	unsigned int hdr_len = (b[l4_off + 12] >> 4) * 4u;

	return (flags & (TCPF_SYN | TCPF_ACK | TCPF_RST | TCPF_FIN)) == TCPF_ACK &&
	       hdr_len >= 20 + MPJ_ACK && total == l4_off + hdr_len;
}

bool steer_in(struct worker *w, struct rte_mbuf *m, struct pkt *p, bool *parsed)
{
	enum counter reason;
	struct steer_entry *e;
	struct flow_key key;
	uint16_t l4_off, to;
	uint8_t flags;
	bool syn;

	*parsed = false;
	reason = m->nb_segs != 1 ? CTR_DROP_ETH_SEGS : pkt_peek(m, &key, &flags, &l4_off);
	if (reason != CTR_NONE) {
		steer_drop(w, m, reason);
		return false;
	}
	to = steer_rss_owner(&key);
	e = entry_find(w, &key);
	if (e != NULL) {
		to = e->owner;
	} else if ((syn = (flags & (TCPF_SYN | TCPF_ACK)) == TCPF_SYN) ||
		   (may_be_join_ack(m, flags, l4_off) &&
		    !(to == w->index && mptcp_knows(&w->mp, &key)))) {
		reason = pkt_parse(p, m);
		if (reason != CTR_NONE) {
			steer_drop(w, m, reason);
			return false;
		}
		*parsed = true;
		if ((p->mp.present & MP_BIT(MP_JOIN)) != 0) {
			to = syn ? token_owner(p->mp.join.token, n_workers)
				 : mptcp_join_ack_owner(&w->st, &p->key, p->ack);
			return steer_join(w, m, to);
		}
	}
	if (to == w->index)
		return true;
	steer_send(w, m, to);
	return false;
}

bool steer_moved(struct worker *w, struct rte_mbuf *m, const struct pkt *p)
{
	struct syn_cookie cookie;
	struct steer_entry *e;
	uint16_t to;

	if ((p->mp.present & MP_BIT(MP_CAPABLE)) == 0 || p->mp.capable.n_keys != 2 ||
	    (p->flags & (TCPF_SYN | TCPF_ACK | TCPF_RST)) != TCPF_ACK ||
	    steer_rss_owner(&p->key) != w->index)
		return false;
	to = mptcp_capable_ack_owner(p, n_workers);
	if (to == w->index || mptcp_knows(&w->mp, &p->key) || !syn_cookie_check(&w->st, p, &cookie))
		return false;
	/* Proven by the cookie. What follows at once must not find this worker ignorant of the
	 * flow: a tentative entry, until the new owner orders its own. */
	e = entry_find(w, &p->key);
	if (e == NULL) {
		e = entry_new(w, &p->key, to);
		if (e != NULL)
			wheel_arm(&w->st.wheel, &e->timer, w->st.now_ms + STEER_TENTATIVE_MS,
				  entry_expire);
	}
	steer_send(w, m, to);
	return true;
}

/* Packets of one ring. Those sent to their RSS owner may have to go on from here: the sender may
 * not have had the entry yet. */
static unsigned int steer_take(struct worker *w, struct rte_ring *r, unsigned int max)
{
	struct rte_mbuf *m[WORKER_BURST];
	struct pkt p;
	unsigned int n = rte_ring_sc_dequeue_burst(r, (void **)m, max, NULL);

	for (unsigned int i = 0; i < n; i++) {
		struct steer_entry *e;
		enum counter reason;

		if (unlikely(icmp_is_too_big(m[i]))) {
			icmp_too_big_moved(w, m[i]);
			continue;
		}
		reason = pkt_parse(&p, m[i]);
		if (reason != CTR_NONE) {
			steer_drop(w, m[i], reason);
			continue;
		}
		e = entry_find(w, &p.key);
		if (e != NULL && e->owner != w->index && steer_rss_owner(&p.key) == w->index) {
			steer_send(w, m[i], e->owner);
			continue;
		}
		rx_tcp(w, m[i], &p, true);
	}
	ctr_add(w->ctrs, CTR_STEER_RX, n);
	return n;
}

unsigned int steer_poll(struct worker *w)
{
	struct msg msgs[WORKER_BURST];
	unsigned int total = 0, n;

	for (unsigned int i = 0; i < n_workers; i++) {
		if (i == w->index)
			continue;
		while ((n = msg_recv(w->msg_in[i], msgs, WORKER_BURST)) > 0) {
			for (unsigned int j = 0; j < n; j++)
				entry_order(w, &msgs[j]);
			total += n;
		}
	}
	if (w->steer.pending != NULL)
		del_retry(w);
	for (unsigned int i = 0; i < n_workers; i++) {
		if (i == w->index)
			continue;
		total += steer_take(w, w->steer_in[i], WORKER_BURST);
		total += steer_take(w, w->join_in[i], STEER_JOIN_BURST);
	}
	return total;
}

/* --- rings ------------------------------------------------------------------------------------ */

static struct rte_ring *ring_new(const char *what, unsigned int from, unsigned int to,
				 unsigned int esize, unsigned int count)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "%s_%u_%u", what, from, to);
	return rte_ring_create_elem(name, esize, count, SOCKET_ID_ANY,
				    RING_F_SP_ENQ | RING_F_SC_DEQ);
}

static int rings_of_pair(struct worker *from, struct worker *to)
{
	unsigned int f = from->index, t = to->index;

	from->steer_out[t] = to->steer_in[f] = ring_new("steer", f, t, sizeof(void *), STEER_RING);
	from->join_out[t] = to->join_in[f] =
		ring_new("join", f, t, sizeof(void *), STEER_JOIN_RING);
	from->tx_out[t] = to->tx_in[f] = ring_new("tx", f, t, sizeof(void *), WORKER_TX_RING);
	from->msg_out[t] = to->msg_in[f] =
		ring_new("msg", f, t, sizeof(struct msg), STEER_MSG_RING);
	if (to->steer_in[f] == NULL || to->join_in[f] == NULL || to->tx_in[f] == NULL ||
	    to->msg_in[f] == NULL)
		return -ENOMEM;
	return 0;
}

int steer_rings_create(struct app *app)
{
	for (unsigned int i = 0; i < app->n_workers; i++) {
		struct worker *w = app->workers[i];

		w->ctrl_in = ring_new("ctl_in", i, i, sizeof(struct msg), WORKER_CTRL_RING);
		w->ctrl_out = ring_new("ctl_out", i, i, sizeof(struct msg), WORKER_CTRL_RING);
		if (w->ctrl_in == NULL || w->ctrl_out == NULL)
			return -ENOMEM;
		for (unsigned int j = 0; j < app->n_workers; j++)
			if (i != j && rings_of_pair(w, app->workers[j]) != 0)
				return -ENOMEM;
	}
	return 0;
}

static void packet_ring_free(struct rte_ring *r)
{
	void *m;

	if (r == NULL)
		return;
	while (rte_ring_sc_dequeue(r, &m) == 0)
		rte_pktmbuf_free(m);
	rte_ring_free(r);
}

static void msg_ring_free(struct rte_ring *r)
{
	struct msg msg;

	if (r == NULL)
		return;
	while (msg_recv(r, &msg, 1) == 1)
		if (msg.type == MSG_FRAME || msg.type == MSG_TX)
			rte_pktmbuf_free(msg.m);
	rte_ring_free(r);
}

void steer_rings_free(struct app *app)
{
	for (unsigned int i = 0; i < app->n_workers; i++) {
		struct worker *w = app->workers[i];

		if (w == NULL)
			continue;
		msg_ring_free(w->ctrl_in);
		msg_ring_free(w->ctrl_out);
		for (unsigned int j = 0; j < app->n_workers; j++) {
			packet_ring_free(w->steer_in[j]);
			packet_ring_free(w->join_in[j]);
			packet_ring_free(w->tx_in[j]);
			msg_ring_free(w->msg_in[j]);
		}
	}
}
