/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>

#include <rte_eal.h>
#include <rte_errno.h>

#include "test_tcp_net.h"
#include "mptcp/wire/checksum.h"
#include "mptcp/wire/octets.h"

#define POOL_MBUFS 16383

struct tcp_config net_cfg;
static struct rte_mempool *pool;
static const struct stack_secrets secrets = {
	.isn = {1, 2}, .ts = {3, 4}, .cookie = {5, 6}, .join = {7, 8}, .flow = {9, 10}};

struct rte_mempool *net_pool(void)
{
	char *argv[] = {"test", "--no-huge", "--no-shconf",         "--no-pci",      "-m", "192",
			"-l",   "0",         "--log-level=*:error", "--no-telemetry"};

	if (pool != NULL)
		return pool;
	if (rte_eal_init((int)RTE_DIM(argv), argv) < 0)
		abort();
	pool = rte_pktmbuf_pool_create("tcp", POOL_MBUFS, 0, SEG_PRIV_SIZE,
				       RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (pool == NULL) {
		fprintf(stderr, "no packet buffers: %s\n", rte_strerror(rte_errno));
		abort();
	}
	return pool;
}

/* splitmix64 */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

uint64_t net_random(struct net *n)
{
	return mix(n->seed++);
}

uint8_t pattern(int side, uint64_t off)
{
	return (uint8_t)(mix(off >> 3) >> (8 * (off & 7))) ^ (uint8_t)(side * 0x5a);
}

/* --- the link -------------------------------------------------------------------------------- */

static void link_put(struct net *n, struct rte_mbuf *m, int to, uint64_t at_us)
{
	if (n->n == NET_FLIGHTS) {
		rte_pktmbuf_free(m);
		return;
	}
	n->flight[n->n++] = (struct flight){m, at_us, n->order++, to};
}

/* A middlebox that overwrites what it does not know in a SYN: timestamps, SACK permitted. */
static void strip_syn(struct rte_mbuf *m)
{
	uint8_t *ip = rte_pktmbuf_mtod(m, uint8_t *);
	uint8_t *th = ip + 20;
	unsigned int end = (th[12] >> 4) * 4u;
	uint16_t csum;

	if (ip[0] != 0x45 || !(th[13] & TCPF_SYN))
		return;
	for (unsigned int i = 20; i < end && th[i] != 0;) {
		unsigned int len = th[i] == 1 ? 1 : th[i + 1];

		if (th[i] == 4 || th[i] == 8)
			memset(&th[i], 1, len);
		i += len;
	}
	memset(&th[16], 0, 2);
	csum = csum_partial(&ip[12], 8);
	csum = csum_add(csum, htobe16((uint16_t)(m->pkt_len - 20)));
	csum = csum_add(csum, htobe16(6));
	csum = (uint16_t)~csum_add(csum, csum_partial(th, m->pkt_len - 20));
	memcpy(&th[16], &csum, 2);
}

/* What a driver and the wire make of it: a linear copy in a buffer of the receiver. */
static struct rte_mbuf *over_the_wire(struct rte_mbuf *m)
{
	struct rte_mbuf *c = rte_pktmbuf_alloc(pool);
	uint8_t tmp[2048];
	const void *octets = rte_pktmbuf_read(m, 0, m->pkt_len, tmp);

	assert_non_null(c);
	assert_non_null(octets);
	memcpy(rte_pktmbuf_append(c, (uint16_t)m->pkt_len), octets, m->pkt_len);
	rte_pktmbuf_free(m);
	return c;
}

static void output(struct stack *st, struct rte_mbuf *m, struct nexthop *nh)
{
	struct end *e = (struct end *)((char *)st - offsetof(struct end, st));
	struct net *n = e->net;
	uint64_t at = n->now_us + n->delay_us;
	char *eth = rte_pktmbuf_prepend(m, 14); /* as the appliance will */
	struct pkt p;

	(void)nh;
	assert_non_null(eth);
	memset(eth, 0xee, 14);
	rte_pktmbuf_adj(m, 14);
	if (n->capture) {
		link_put(n, over_the_wire(m), !e->side, at);
		return;
	}
	if (n->mtu != 0 && m->pkt_len > n->mtu) {
		struct rte_mbuf *c = over_the_wire(m);

		assert_int_equal(pkt_parse(&p, c), CTR_NONE);
		rte_pktmbuf_free(c);
		n->too_big++;
		n->told[e->side].due = n->router;
		n->told[e->side].seq = p.seq;
		return;
	}
	if (net_random(n) % 1000 < n->loss_pm) {
		rte_pktmbuf_free(m);
		return;
	}
	if (net_random(n) % 1000 < n->reorder_pm)
		at += net_random(n) % (2 * n->delay_us + 1);
	if (net_random(n) % 1000 < n->dup_pm) {
		struct rte_mbuf *c = rte_pktmbuf_copy(m, pool, 0, UINT32_MAX);

		link_put(n, c, !e->side, at + net_random(n) % 1000);
	}
	if (!n->hold)
		m = over_the_wire(m);
	if (n->strip)
		strip_syn(m);
	link_put(n, m, !e->side, at);
}

static const struct stack_ops stack_ops = {.output = output};

static struct app *find(struct end *e, const struct pkt *p)
{
	struct app *a = e->app;

	if (a != NULL && a->t.state != TCPS_CLOSED && flow_key_eq(&a->t.key, &p->key)) {
		if (!tcp_time_wait_reusable(&a->t, p))
			return a;
		tcp_abort(&a->t);
	}
	return NULL;
}

static struct app *accept_app(struct end *e)
{
	struct app *a = e->pending;

	if (a != NULL)
		e->app = a;
	e->pending = NULL;
	return a;
}

static enum counter deliver(struct end *e, struct rte_mbuf *m)
{
	struct syn_cookie c;
	enum counter reason;
	struct pkt p;
	struct app *a;

	reason = pkt_parse(&p, m);
	assert_int_equal(reason, CTR_NONE);
	a = find(e, &p);
	if (a == NULL && e->listens && (p.flags & (TCPF_SYN | TCPF_ACK | TCPF_RST)) == TCPF_SYN) {
		if (e->cookies) {
			syn_cookie_reply(&e->st, &p, NULL, NET_MTU - 40, UINT16_MAX, NULL);
		} else if ((a = accept_app(e)) != NULL) {
			assert_int_equal(tcp_accept(&a->t, &e->st, &app_ops, &p, NULL, NET_MTU,
						    tcp_isn(&e->st, &p.key)),
					 0);
		}
		rte_pktmbuf_free(m);
		return CTR_NONE;
	}
	if (a == NULL && e->cookies && syn_cookie_check(&e->st, &p, &c)) {
		a = accept_app(e);
		if (a != NULL)
			tcp_accept_cookie(&a->t, &e->st, &app_ops, &p, &c, NULL, NET_MTU);
	}
	if (a == NULL) {
		tcp_reset_unknown(&e->st, &p, NULL, NULL);
		rte_pktmbuf_free(m);
		return CTR_DROP_NO_LISTENER;
	}
	reason = tcp_input(&a->t, m, &p);
	stack_end_burst(&e->st);
	if (reason != CTR_NONE)
		st_inc(&e->st, reason);
	return reason;
}

/* --- application ----------------------------------------------------------------------------- */

void app_init(struct app *a, struct end *e)
{
	memset(a, 0, sizeof(*a));
	a->end = e;
	a->rx_buffer = 256 * 1024;
	a->verdict = TCP_ACCEPT;
}

void app_connect(struct app *a)
{
	struct end *e = a->end;

	e->app = a;
	assert_int_equal(tcp_connect(&a->t, &e->st, &app_ops, &e->key, NULL, NET_MTU,
				     tcp_isn(&e->st, &e->key), 0),
			 0);
}

void app_pump(struct app *a)
{
	struct tcp *t = &a->t;

	while (a->queued < a->total) {
		uint32_t space = tcp_snd_space(t);
		uint64_t n = a->total - a->queued;
		struct rte_mbuf *m;
		uint8_t *to;

		if (n > tcp_payload_max(t))
			n = tcp_payload_max(t);
		if (a->chunk_max != 0 && n > a->chunk_max)
			n = 1 + net_random(a->end->net) % a->chunk_max;
		if (n > space)
			break;
		m = rte_pktmbuf_alloc(pool);
		if (m == NULL)
			break;
		to = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)n);
		for (uint64_t i = 0; i < n; i++)
			to[i] = pattern(a->end->side, a->queued + i);
		tcp_send(t, seg_init(m, csum_partial(to, n)));
		a->queued += n;
	}
	if (a->queued == a->total && a->fin_after)
		tcp_shutdown(t);
	tcp_output(t);
}

static struct app *app_of(struct tcp *t)
{
	return (struct app *)((char *)t - offsetof(struct app, t));
}

static void consume(struct app *a, struct seg *s)
{
	const uint8_t *b = seg_payload(s);

	if (s->payload_sum % 0xffff != csum_partial(b, s->len) % 0xffff)
		a->bad = true;
	for (unsigned int i = 0; i < s->len; i++)
		if (b[i] != pattern(!a->end->side, a->received + i))
			a->bad = true;
	a->received += s->len;
}

static void op_build(struct tcp *t, const struct tcp_tx *tx, struct opt_buf *o)
{
	(void)t, (void)tx, (void)o;
}

static enum tcp_verdict op_handshake(struct tcp *t, const struct pkt *p)
{
	(void)p;
	return app_of(t)->verdict;
}

static void op_established(struct tcp *t)
{
	app_of(t)->established++;
	app_pump(app_of(t));
}

static void op_options(struct tcp *t, const struct pkt *p)
{
	(void)t, (void)p;
}

static void op_reset(struct tcp *t, const struct pkt *p)
{
	(void)p;
	app_of(t)->resets++;
}

static void op_data(struct tcp *t, struct seg *s)
{
	struct app *a = app_of(t);

	assert_int_equal(s->seq, t->rcv_nxt - s->len);
	if (a->paused) {
		seg_hold(t->st, s);
		segq_push_tail(&a->held, s);
		a->held_bytes += s->len;
		return;
	}
	consume(a, s);
	seg_drop(s);
}

void app_resume(struct app *a)
{
	struct seg *s;

	a->paused = false;
	while ((s = a->held.head) != NULL) {
		segq_remove(&a->held, s);
		consume(a, s);
		seg_release(a->t.st, s);
	}
	a->held_bytes = 0;
	if (a->t.state == TCPS_CLOSED)
		return;
	tcp_window_update(&a->t);
	stack_end_burst(a->t.st);
}

static void op_fin(struct tcp *t)
{
	app_of(t)->fins++;
}

static void op_acked(struct tcp *t, uint32_t octets)
{
	(void)octets;
	app_pump(app_of(t));
}

static void op_timeout(struct tcp *t)
{
	app_of(t)->timeouts++;
}

static void op_closed(struct tcp *t, enum tcp_end why)
{
	struct app *a = app_of(t);

	assert_int_equal(t->state, TCPS_CLOSED);
	assert_null(t->sndq.head);
	assert_null(t->ofo.head);
	assert_false(wheel_armed(&t->timer));
	a->closed++;
	a->why = why;
}

static uint32_t op_window(struct tcp *t)
{
	struct app *a = app_of(t);
	uint32_t wnd = a->rx_buffer > a->held_bytes ? a->rx_buffer - a->held_bytes : 0;
	uint32_t most = (uint32_t)UINT16_MAX << t->rcv_wscale;

	wnd = wnd < most ? wnd : most;
	return wnd >> t->rcv_wscale << t->rcv_wscale;
}

const struct tcp_ops app_ops = {
	.build_options = op_build,
	.handshake = op_handshake,
	.established = op_established,
	.rx_options = op_options,
	.rx_reset = op_reset,
	.rx_data = op_data,
	.rx_fin = op_fin,
	.acked = op_acked,
	.timeout = op_timeout,
	.closed = op_closed,
	.rcv_window = op_window,
};

/* --- net -------------------------------------------------------------------------------------- */

void net_init(struct net *n, uint64_t seed, bool v6)
{
	static const uint8_t seed32[CSPRNG_SEED_LEN] = {42};
	struct ip_addr addr[2];

	net_pool();
	memset(n, 0, sizeof(*n));
	net_cfg = tcp_config_default;
	net_cfg.pacing = false; /* what may leave is to leave at once */
	n->seed = seed << 32;
	n->now_us = 4294900000000; /* the millisecond clock wraps soon */
	n->delay_us = 10000;
	n->flight = calloc(NET_FLIGHTS, sizeof(*n->flight));
	for (int i = 0; i < 2; i++) {
		uint8_t b[16] = {10, 0, 0, (uint8_t)(1 + i)};
		uint8_t b6[16] = {0x20, 1, [15] = (uint8_t)(1 + i)};

		addr[i] = v6 ? ip_addr_from_v6(b6) : ip_addr_from_v4(b);
	}
	for (int i = 0; i < 2; i++) {
		struct end *e = &n->end[i];

		e->net = n;
		e->side = i;
		e->key = (struct flow_key){.local = addr[i],
					   .remote = addr[!i],
					   .local_port = i ? 80 : 40000,
					   .remote_port = i ? 40000 : 80};
		stack_init(&e->st, &stack_ops, &net_cfg, &secrets, pool, e->ctrs, n->now_us);
		csprng_init_seed(&e->st.rng, seed32);
	}
}

static int next_flight(const struct net *n)
{
	int best = -1;

	for (unsigned int i = 0; i < n->n; i++)
		if (best < 0 || n->flight[i].at_us < n->flight[best].at_us ||
		    (n->flight[i].at_us == n->flight[best].at_us &&
		     n->flight[i].order < n->flight[best].order))
			best = (int)i;
	return best;
}

static void check_sums(const struct tcp *t)
{
	uint32_t sacked = 0, lost = 0, retx = 0, bytes = 0, n = 0;
	struct seg *s;

	if (t->state == TCPS_CLOSED)
		return;
	SEGQ_FOREACH (s, &t->sndq) {
		uint32_t space = s->len + !!(s->flags & SEG_FIN);

		n++;
		bytes += s->len;
		if (s->flags & SEG_SACKED)
			sacked += space;
		if (s->flags & SEG_LOST)
			lost += space;
		else if ((s->flags & (SEG_RETX | SEG_SACKED)) == SEG_RETX)
			retx += space;
		assert_ptr_equal(s->tcp, t);
		if (s->next != NULL)
			assert_int_equal(s->seq + space, s->next->seq);
	}
	assert_int_equal(n, t->sndq.n);
	assert_int_equal(bytes, t->sndq.bytes);
	if (t->use_sack)
		assert_int_equal(sacked, t->sacked_bytes);
	assert_int_equal(lost, t->lost_bytes);
	assert_int_equal(retx, t->retx_bytes);
	SEGQ_FOREACH (s, &t->ofo)
		if (s->next != NULL)
			assert_true(seq_leq(s->seq + s->len, s->next->seq));
	if (t->ofo.head != NULL)
		assert_true(seq_lt(t->rcv_nxt, t->ofo.head->seq));
}

bool net_run(struct net *n, uint64_t max_ms, bool (*until)(struct net *n, void *ctx), void *ctx)
{
	uint64_t end_us = n->now_us + max_ms * 1000;

	while (n->now_us < end_us) {
		int i = n->capture ? -1 : next_flight(n);
		uint64_t tick = n->now_us + 1000;

		n->now_us = i >= 0 && n->flight[i].at_us < tick ? n->flight[i].at_us : tick;
		for (int k = 0; k < 2; k++) {
			stack_advance(&n->end[k].st, n->now_us);
			stack_end_burst(&n->end[k].st);
			if (n->told[k].due)
				tcp_too_big(&n->end[k].app->t, n->told[k].seq, (uint16_t)n->mtu);
			n->told[k].due = false;
		}
		while (i >= 0 && n->flight[i].at_us <= n->now_us) {
			struct flight f = n->flight[i];

			n->flight[i] = n->flight[--n->n];
			deliver(&n->end[f.to], n->hold ? over_the_wire(f.m) : f.m);
			i = next_flight(n);
		}
		for (int k = 0; k < 2; k++)
			if (n->end[k].app != NULL)
				check_sums(&n->end[k].app->t);
		if (until != NULL && until(n, ctx))
			return true;
	}
	return until == NULL;
}

void net_fini(struct net *n)
{
	for (int k = 0; k < 2; k++) {
		struct end *e = &n->end[k];

		if (e->app != NULL) {
			app_resume(e->app);
			tcp_abort(&e->app->t);
		}
	}
	net_drop_all(n);
	for (int k = 0; k < 2; k++) {
		struct end *e = &n->end[k];

		stack_advance(&e->st, n->now_us);
		assert_int_equal(e->st.wheel.armed, 0);
		assert_int_equal(e->ctrs[CTR_CUR_TIMERS], 0);
		assert_int_equal(e->ctrs[CTR_CUR_SEGS], 0);
		assert_int_equal(e->ctrs[CTR_CUR_HALF_OPEN], 0);
		assert_int_equal(e->ctrs[CTR_CUR_TIME_WAIT], 0);
		assert_int_equal(e->ctrs[CTR_TCP_BAD_STATE], 0);
	}
	assert_int_equal(rte_mempool_avail_count(pool), POOL_MBUFS);
	free(n->flight);
}

unsigned int net_drop_all(struct net *n)
{
	unsigned int had = n->n;

	while (n->n > 0)
		rte_pktmbuf_free(n->flight[--n->n].m);
	return had;
}

/* --- scripted peer ----------------------------------------------------------------------------- */

static void craft_options(const struct craft *c, struct opt_buf *o)
{
	uint8_t *b = o->b;

	for (const char *l = c->syn; l != NULL && *l != 0; l++) {
		if (*l == 'm') {
			memcpy(b, (uint8_t[]){2, 4, 1460 >> 8, 1460 & 255}, 4);
			b += 4;
		} else if (*l == 's') {
			memcpy(b, (uint8_t[]){1, 1, 4, 2}, 4);
			b += 4;
		} else if (*l == 'w') {
			memcpy(b, (uint8_t[]){1, 3, 3, 2}, 4);
			b += 4;
		}
	}
	if (c->ts) {
		memcpy(b, (uint8_t[]){1, 1, 8, 10}, 4);
		b = put_be32(b + 4, c->tsval);
		b = put_be32(b, c->tsecr);
	}
	if (c->n_sack > 0) {
		memcpy(b, (uint8_t[]){1, 1, 5, (uint8_t)(2 + 8 * c->n_sack)}, 4);
		b += 4;
		for (unsigned int i = 0; i < c->n_sack; i++) {
			b = put_be32(b, c->sack[i].start);
			b = put_be32(b, c->sack[i].end);
		}
	}
	o->len = (uint8_t)(b - o->b);
}

enum counter craft_in(struct net *n, const struct craft *c)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	struct opt_buf o = {.room = TCP_OPTIONS_MAX};
	struct tcp_hdr_out h = {.key = &n->end[1].key,
				.seq = c->seq,
				.ack = c->ack,
				.wnd = c->wnd,
				.flags = c->flags,
				.ecn = c->ecn,
				.ttl = 64,
				.opt = &o};
	uint8_t *to = (uint8_t *)rte_pktmbuf_append(m, c->len);

	for (unsigned int i = 0; i < c->len; i++)
		to[i] = pattern(1, c->off + i);
	craft_options(c, &o);
	assert_int_equal(pkt_prepend_headers(m, &h, csum_partial(to, c->len)), 0);
	return deliver(&n->end[0], m);
}

bool net_take(struct net *n, struct pkt *p)
{
	struct rte_mbuf *m;

	if (n->n == 0)
		return false;
	m = n->flight[0].m;
	memmove(n->flight, n->flight + 1, --n->n * sizeof(*n->flight));
	assert_int_equal(pkt_parse(p, m), CTR_NONE);
	rte_pktmbuf_free(m);
	return true;
}
