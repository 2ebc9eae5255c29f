/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include <rte_errno.h>

#include "eal.h"
#include "test_conn_net.h"
#include "mptcp/wire/checksum.h"
#include "mptcp/wire/octets.h"

#define CONNS      32
#define SUBFLOWS   64
#define WND        0xffff
#define SCALE      7
#define DATA_CHUNK 1400

/* Of the layer under test, and of everyone else: so the first can be made to run dry. */
static struct rte_mempool *pool, *wire_pool;
static const struct stack_secrets secrets = {
	.isn = {1, 2}, .ts = {3, 4}, .cookie = {5, 6}, .join = {7, 8}, .flow = {9, 10}};

static struct world *world_of(const struct mptcp *mp)
{
	return (struct world *)((uintptr_t)mp - offsetof(struct world, mp));
}

uint8_t pattern(uint64_t off)
{
	return (uint8_t)((off * UINT64_C(0x9e3779b97f4a7c15)) >> 56);
}

uint64_t ctr(const struct world *w, enum counter c)
{
	return w->ctrs[c];
}

/* --- the stack's surroundings -------------------------------------------------------------------- */

/* Whether octets from on, of which *next are there, bring it further. */
static bool arrived_from(uint64_t *next, uint64_t from, uint32_t len)
{
	if ((int64_t)(from - *next) > 0 || (int64_t)(from + len - *next) <= 0)
		return false;
	*next = from + len;
	return true;
}

static void arrived(struct world *w, struct path *path, const struct sent *s)
{
	const struct pkt *p = &s->p;
	const struct mp_dss *d = &p->mp.dss;
	uint64_t next = path->ack;

	if (p->flags & TCPF_SYN) {
		path->irs = p->seq;
		path->ack = p->seq + 1;
	} else if (arrived_from(&next, next + (uint64_t)(int32_t)(p->seq - path->ack),
				pkt_seg_len(p))) {
		path->ack = (uint32_t)next;
	}
	if (p->tcp.has_ts)
		path->tsecr = p->tcp.tsval;
	if (p->payload_len > 0 && p->mp.present & MP_BIT(MP_DSS) && d->flags & DSS_FLAG_MAP &&
	    d->data_len > 0)
		arrived_from(&w->dack, d->dsn + (p->seq - path->irs - d->ssn), p->payload_len);
}

static void output(struct stack *st, struct rte_mbuf *m, struct nexthop *nh)
{
	struct world *w = (struct world *)((char *)st - offsetof(struct world, st));
	struct rte_mbuf *c = rte_pktmbuf_copy(m, wire_pool, 0, UINT32_MAX);
	struct sent *s;

	(void)nh;
	rte_pktmbuf_free(m);
	assert_non_null(c);
	assert_true(w->n_sent < SENT_MAX);
	assert_true(c->pkt_len <= MTU);
	s = &w->sent[w->n_sent++];
	assert_int_equal(pkt_parse(&s->p, c), CTR_NONE);
	assert_false(s->p.mp.malformed);
	assert_false(s->p.mp.conflicting);
	memcpy(s->data, rte_pktmbuf_mtod_offset(c, char *, s->p.payload_off), s->p.payload_len);
	rte_pktmbuf_free(c);
	for (s->path = 0; s->path < PATHS; s->path++) {
		const struct flow_key *k = &w->path[s->path].key;

		if (s->p.key.local_port == k->remote_port)
			break;
	}
	if (s->path < PATHS && !w->path[s->path].deaf)
		arrived(w, &w->path[s->path], s);
}

static struct nexthop *route(struct stack *st, const struct ip_addr *local,
			     const struct ip_addr *remote, uint16_t *mtu)
{
	(void)local;
	(void)remote;
	*mtu = MTU;
	return (struct nexthop *)st;
}

static const struct stack_ops stack_ops = {.output = output, .route = route};

static const struct conn_params *listen_at(struct mptcp *mp, const struct ip_addr *local,
					   uint16_t port)
{
	struct world *w = world_of(mp);

	(void)local;
	return w->listens && port == 80 ? &w->params : NULL;
}

static int steer_add(struct mptcp *mp, const struct flow_key *key)
{
	(void)key;
	world_of(mp)->steered++;
	return 0;
}

static void steer_del(struct mptcp *mp, const struct flow_key *key)
{
	(void)mp;
	(void)key;
}

/* That of the path with these ends. */
static bool pick_port(struct mptcp *mp, struct flow_key *key)
{
	struct world *w = world_of(mp);

	for (unsigned int i = 0; i < PATHS; i++) {
		const struct flow_key *k = &w->path[i].key;

		if (ip_addr_eq(&k->local, &key->local) && ip_addr_eq(&k->remote, &key->remote) &&
		    k->remote_port == key->remote_port) {
			key->local_port = k->local_port;
			return true;
		}
	}
	return false;
}

static const struct mptcp_ops mptcp_ops = {.listen = listen_at,
					   .steer_add = steer_add,
					   .steer_del = steer_del,
					   .pick_port = pick_port};

/* --- user ------------------------------------------------------------------------------------------ */

static int user_accepted(struct conn *c)
{
	struct world *w = world_of(c->mp);

	if (w->accepted > 0)
		return -ENOSPC; /* one is enough to watch */
	w->accepted++;
	if (w->accept_rc != 0)
		return w->accept_rc;
	assert_ptr_equal(c->user, w);
	w->c = c;
	if (w->on_accepted != NULL)
		w->on_accepted(c);
	return 0;
}

static void user_connected(struct conn *c)
{
	world_of(c->mp)->connected++;
}

static void user_rx(struct conn *c, struct seg *s)
{
	struct world *w = world_of(c->mp);

	assert_true(w->closed == 0);
	assert_true(w->fins == 0);
	assert_int_equal(s->holders, 0);
	assert_true(s->len > 0);
	assert_true(w->rx_len + s->len <= RX_MAX);
	memcpy(&w->rx[w->rx_len], seg_payload(s), s->len);
	w->rx_len += s->len;
	w->rx_plain = w->rx_plain || c->mode != CONN_MPTCP;
	seg_drop(s);
	if (w->on_rx != NULL)
		w->on_rx(c);
}

static void user_fin(struct conn *c)
{
	struct world *w = world_of(c->mp);

	assert_int_equal(w->closed, 0);
	w->fins++;
	if (w->on_fin != NULL)
		w->on_fin(c);
}

static void user_acked(struct conn *c)
{
	struct world *w = world_of(c->mp);

	assert_int_equal(w->closed, 0);
	w->acked++;
}

static void user_closed(struct conn *c, enum conn_end why)
{
	struct world *w = world_of(c->mp);

	assert_int_equal(w->closed, 0);
	w->closed++;
	w->why = why;
	w->c = NULL;
	if (w->on_closed != NULL)
		w->on_closed(c);
}

static uint32_t user_space(const struct conn *c)
{
	return world_of(c->mp)->space;
}

static uint32_t user_buffer(const struct conn *c)
{
	return world_of(c->mp)->buffer;
}

static const struct conn_ops user_ops = {
	.accepted = user_accepted,
	.connected = user_connected,
	.rx = user_rx,
	.rx_fin = user_fin,
	.acked = user_acked,
	.closed = user_closed,
	.rcv_space = user_space,
	.rcv_buffer = user_buffer,
};

unsigned int rx_wrong(const struct world *w, uint32_t off, uint32_t len)
{
	unsigned int wrong = 0;

	for (uint32_t i = off; i < off + len; i++)
		wrong += i >= w->rx_len || w->rx[i] != pattern(i);
	return wrong;
}

struct seg *user_seg(uint64_t off, uint16_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(wire_pool);
	uint8_t *b;

	assert_non_null(m);
	b = (uint8_t *)rte_pktmbuf_append(m, len);
	for (uint16_t i = 0; i < len; i++)
		b[i] = pattern(off + i);
	return seg_init(m, csum_partial(b, len));
}

void user_send(struct world *w, uint32_t len)
{
	while (len > 0) {
		uint16_t n = (uint16_t)(len < DATA_CHUNK ? len : DATA_CHUNK);

		conn_send(w->c, user_seg(w->tx_off, n));
		w->tx_off += n;
		len -= n;
	}
}

/* --- world ----------------------------------------------------------------------------------------- */

struct world *world_new(uint16_t worker, uint16_t n_workers)
{
	static const uint8_t seed[CSPRNG_SEED_LEN] = {42};
	static const uint8_t sut[4] = {10, 0, 0, 1};
	struct world *w = calloc(1, sizeof(*w));
	size_t size = (mptcp_memory(CONNS, SUBFLOWS) + 63) & ~(size_t)63;

	(void)eal_pool(); /* starts DPDK */
	if (pool == NULL) {
		pool = rte_pktmbuf_pool_create("conn", POOL_MBUFS, 0, SEG_PRIV_SIZE,
					       RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
		wire_pool = rte_pktmbuf_pool_create("wire", POOL_MBUFS, 0, SEG_PRIV_SIZE,
						    RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	}
	assert_non_null(pool);
	assert_non_null(wire_pool);
	assert_non_null(w);
	w->cfg = tcp_config_default;
	w->now_us = 1000000000;
	stack_init(&w->st, &stack_ops, &w->cfg, &secrets, pool, w->ctrs, w->now_us);
	w->st.worker = worker;
	w->st.n_workers = n_workers;
	csprng_init_seed(&w->st.rng, seed);
	w->mem = aligned_alloc(64, size);
	w->sent = calloc(SENT_MAX, sizeof(*w->sent));
	w->rx = malloc(RX_MAX);
	assert_non_null(w->mem);
	memset(w->mem, 0xee, size);
	mptcp_init(&w->mp, &w->st, &mptcp_ops, &pm_default, w->mem, CONNS, SUBFLOWS);
	w->mp.local_addrs = w->addrs;
	for (unsigned int i = 0; i < CONN_LOCAL_ADDRS_MAX; i++)
		w->addrs[i].signal = true;
	w->params =
		(struct conn_params){.ops = &user_ops, .user = w, .mptcp = true, .subflows_max = 4};
	w->listens = true;
	w->space = 256 << 10;
	for (unsigned int i = 0; i < PATHS; i++) {
		uint8_t peer[4] = {10, 1, 0, (uint8_t)(i + 1)};

		w->path[i] = (struct path){
			.key = {.local = ip_addr_from_v4(sut),
				.remote = ip_addr_from_v4(peer),
				.local_port = 80,
				.remote_port = (uint16_t)(1000 + i)},
			.iss = 0xfffff000u + i * 0x01000000u,
			.nonce = 0x11110000u + i,
			.id = (uint8_t)i,
			.wnd = WND,
			.mss = 1460,
		};
		w->path[i].seq = w->path[i].iss;
	}
	return w;
}

void world_wait(struct world *w, uint32_t ms)
{
	for (; ms > 0; ms--) {
		w->now_us += 1000;
		stack_advance(&w->st, w->now_us);
		stack_end_burst(&w->st);
		mptcp_reap(&w->mp);
	}
}

unsigned int world_kept(void)
{
	return POOL_MBUFS - rte_mempool_avail_count(wire_pool);
}

void world_starve(struct world *w, unsigned int leave)
{
	while (rte_mempool_avail_count(pool) > leave)
		w->held[w->n_held++] = rte_pktmbuf_alloc(pool);
}

void world_feed(struct world *w)
{
	while (w->n_held > 0)
		rte_pktmbuf_free(w->held[--w->n_held]);
}

void world_free(struct world *w)
{
	static const enum counter levels[] = {
		CTR_MP_CUR_ESTAB,  CTR_CUR_CONNS,     CTR_CUR_SUBFLOWS,
		CTR_CUR_FLOWS,     CTR_CUR_TOKENS,    CTR_CUR_SEGS,
		CTR_CUR_HALF_OPEN, CTR_CUR_TIME_WAIT, CTR_TCP_BAD_STATE,
	};

	world_feed(w);
	if (w->c != NULL)
		conn_abort(w->c);
	mptcp_reap(&w->mp);
	/* Half-open and closing ones are left to their timers. */
	for (unsigned int i = 0; i < 2000 && w->st.wheel.armed > 0; i++) {
		w->n_sent = w->at = 0;
		w->now_us += 1000000;
		stack_advance(&w->st, w->now_us);
		stack_end_burst(&w->st);
		mptcp_reap(&w->mp);
	}
	for (unsigned int i = 0; i < RTE_DIM(levels); i++)
		assert_int_equal(ctr(w, levels[i]), 0);
	assert_int_equal(w->st.wheel.armed, 0);
	assert_int_equal(pool_used(&w->mp.conns), 0);
	assert_int_equal(pool_used(&w->mp.subflows), 0);
	assert_int_equal(w->mp.flows.used, 0);
	assert_int_equal(w->mp.tokens.used, 0);
	assert_int_equal(rte_mempool_avail_count(pool), POOL_MBUFS);
	assert_int_equal(rte_mempool_avail_count(wire_pool), POOL_MBUFS);
	free(w->mem);
	free(w->sent);
	free(w->rx);
	free(w);
}

int world_setup(void **state)
{
	*state = world_new(0, 1);
	return 0;
}

int world_teardown(void **state)
{
	world_free(*state);
	return 0;
}

/* --- peer ------------------------------------------------------------------------------------------ */

static void put_tcp_options(struct world *w, const struct path *path, struct opt_buf *o, bool syn)
{
	uint8_t *b = o->b;

	if (syn) {
		*b++ = 2;
		*b++ = 4;
		b = put_be16(b, path->mss);
		*b++ = 4;
		*b++ = 2;
	} else if (!w->no_ts) {
		*b++ = 1;
		*b++ = 1;
	}
	if (!w->no_ts) {
		*b++ = 8;
		*b++ = 10;
		b = put_be32(b, (uint32_t)(w->now_us / 1000));
		b = put_be32(b, path->tsecr);
	}
	if (syn) {
		*b++ = 1;
		*b++ = 3;
		*b++ = 3;
		*b++ = SCALE;
		while ((b - o->b) % 4 != 0)
			*b++ = 1;
	}
	o->len = (uint8_t)(b - o->b);
}

/* What is in flight at the data level is counted as it is. */
static void check_snd_segs(const struct conn *c)
{
	uint32_t n = 0;

	if (c == NULL)
		return;
	for (const struct seg *s = c->sndq.head; s != NULL && s != c->snd_unsent; s = s->dnext)
		n++;
	assert_int_equal(c->snd_segs, n);
}

bool feed_any(struct world *w, unsigned int i, uint8_t flags, uint32_t seq,
	      const struct opt_buf *mp, const void *octets, unsigned int len)
{
	struct path *path = &w->path[i];
	struct flow_key key = {.local = path->key.remote,
			       .remote = path->key.local,
			       .local_port = path->key.remote_port,
			       .remote_port = path->key.local_port};
	struct opt_buf o = {.room = TCP_OPTIONS_MAX};
	struct tcp_hdr_out h = {.key = &key,
				.seq = seq,
				.ack = flags & TCPF_ACK ? path->ack : 0,
				.wnd = path->wnd,
				.flags = flags,
				.ttl = 64,
				.opt = &o};
	struct rte_mbuf *m = rte_pktmbuf_alloc(wire_pool);
	struct pkt p;
	uint8_t *b;

	assert_non_null(m);
	b = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)len);
	if (len > 0)
		memcpy(b, octets, len);
	put_tcp_options(w, path, &o, flags & TCPF_SYN);
	if (mp != NULL && o.len + mp->len <= TCP_OPTIONS_MAX) {
		memcpy(&o.b[o.len], mp->b, mp->len);
		o.len += mp->len;
		mp = NULL;
	}
	assert_int_equal(pkt_prepend_headers(m, &h, csum_partial(b, len)), 0);
	if (mp != NULL || pkt_parse(&p, m) != CTR_NONE) {
		rte_pktmbuf_free(m);
		return false;
	}
	mptcp_input(&w->mp, m, &p);
	stack_end_burst(&w->st);
	mptcp_reap(&w->mp);
	check_snd_segs(w->c);
	return true;
}

void feed(struct world *w, unsigned int i, uint8_t flags, uint32_t seq, const struct opt_buf *mp,
	  const void *octets, unsigned int len)
{
	assert_true(feed_any(w, i, flags, seq, mp, octets, len));
}

void say(struct world *w, unsigned int i, uint8_t flags, const struct opt_buf *mp,
	 const void *octets, unsigned int len)
{
	uint32_t seq = w->path[i].seq;

	w->path[i].seq += len + !!(flags & TCPF_SYN) + !!(flags & TCPF_FIN);
	feed(w, i, flags, seq, mp, octets, len);
}

void open_syn(struct world *w, uint8_t version, uint8_t flags)
{
	struct opt_buf o = {.room = TCP_OPTIONS_MAX};
	struct mp_capable mpc = {.version = version, .flags = flags};

	mp_build_capable(&o, &mpc);
	say(w, 0, TCPF_SYN, &o, NULL, 0);
}

void take_keys(struct world *w, uint64_t key_b)
{
	uint32_t token_a;

	w->key_b = key_b;
	mp_key_derive(KEY_A, &token_a, &w->idsn_a);
	mp_key_derive(key_b, &w->token_b, &w->idsn_b);
	mp_hmac_keys_init(&w->hmac, KEY_A, key_b);
	w->dack = w->idsn_b + 1;
}

void open_ack(struct world *w, uint8_t flags)
{
	struct opt_buf o = {.room = TCP_OPTIONS_MAX};
	struct mp_capable mpc = {.version = 1,
				 .flags = flags,
				 .n_keys = 2,
				 .sender_key = KEY_A,
				 .receiver_key = w->key_b};

	mp_build_capable(&o, &mpc);
	say(w, 0, TCPF_ACK, &o, NULL, 0);
}

void open_mptcp(struct world *w, uint8_t flags)
{
	struct sent *s;

	open_syn(w, 1, flags);
	s = want(w, 0);
	assert_int_equal(s->p.flags, TCPF_SYN | TCPF_ACK);
	assert_int_equal(s->p.mp.present, MP_BIT(MP_CAPABLE));
	take_keys(w, s->p.mp.capable.sender_key);
	open_ack(w, flags);
	assert_int_equal(w->accepted, 1);
	assert_non_null(w->c);
	assert_int_equal(w->c->mode, CONN_MPTCP);
	assert_int_equal(w->c->state, CONN_ESTABLISHED);
	forget(w);
}

void open_plain(struct world *w)
{
	say(w, 0, TCPF_SYN, NULL, NULL, 0);
	assert_int_equal(want(w, 0)->p.mp.present, 0);
	say(w, 0, TCPF_ACK, NULL, NULL, 0);
	assert_non_null(w->c);
	assert_int_equal(w->c->mode, CONN_TCP);
}

void join_syn(struct world *w, unsigned int i, bool backup)
{
	struct opt_buf o = {.room = TCP_OPTIONS_MAX};
	struct mp_join j = {.form = MPJ_SYN,
			    .backup = backup,
			    .addr_id = w->path[i].id,
			    .token = w->token_b,
			    .nonce = w->path[i].nonce};

	mp_build_join(&o, &j);
	say(w, i, TCPF_SYN, &o, NULL, 0);
}

void join_ack(struct world *w, unsigned int i)
{
	struct opt_buf o = {.room = TCP_OPTIONS_MAX};
	struct mp_join j = {.form = MPJ_ACK};
	uint8_t mac[SHA256_LEN];

	mp_join_hmac(&w->hmac.ours, w->path[i].nonce, w->path[i].nonce_theirs, mac);
	memcpy(j.hmac, mac, sizeof(j.hmac));
	mp_build_join(&o, &j);
	say(w, i, TCPF_ACK, &o, NULL, 0);
}

void join(struct world *w, unsigned int i)
{
	uint8_t mac[SHA256_LEN];
	struct sent *s;

	forget(w);
	join_syn(w, i, false);
	s = want(w, i);
	assert_int_equal(s->p.flags, TCPF_SYN | TCPF_ACK);
	assert_int_equal(s->p.mp.present, MP_BIT(MP_JOIN));
	w->path[i].nonce_theirs = s->p.mp.join.nonce;
	mp_join_hmac(&w->hmac.theirs, s->p.mp.join.nonce, w->path[i].nonce, mac);
	assert_memory_equal(s->p.mp.join.hmac, mac, 8);
	join_ack(w, i);
	assert_int_equal(want(w, i)->p.mp.present, MP_BIT(MP_DSS));
}

void put_dss(struct world *w, struct opt_buf *o, unsigned int flags, uint64_t dsn, uint32_t ssn,
	     uint16_t len, const void *octets, unsigned int octets_len)
{
	struct mp_dss d = {.flags = (uint8_t)flags,
			   .data_ack = w->dack,
			   .dsn = dsn,
			   .ssn = ssn,
			   .data_len = len};

	if (w->c != NULL && w->c->csum && !(flags & NO_CSUM)) {
		uint16_t sum = csum_add(mp_dss_pseudo_sum(dsn, ssn, len),
					csum_partial(octets, octets_len));

		d.has_csum = true;
		d.csum = len == 0 ? 0 : be16toh((uint16_t)~sum);
	}
	*o = (struct opt_buf){.room = TCP_OPTIONS_MAX};
	assert_int_equal(mp_build_dss(o, &d), 0);
}

void data(struct world *w, unsigned int i, uint32_t off, uint16_t len)
{
	uint8_t b[MTU];
	struct opt_buf o;

	for (uint16_t k = 0; k < len; k++)
		b[k] = pattern(off + k);
	put_dss(w, &o, MAP64 | ACK64, w->idsn_a + 1 + off, w->path[i].seq - w->path[i].iss, len, b,
		len);
	say(w, i, TCPF_ACK, &o, b, len);
}

void ack(struct world *w, unsigned int i)
{
	struct opt_buf o;

	put_dss(w, &o, ACK64 | NO_CSUM, 0, 0, 0, NULL, 0);
	say(w, i, TCPF_ACK, &o, NULL, 0);
}

void data_fin(struct world *w, unsigned int i, uint32_t off)
{
	struct opt_buf o;

	put_dss(w, &o, MAP64 | ACK64 | DSS_FLAG_FIN, w->idsn_a + 1 + off, 0, 1, NULL, 0);
	say(w, i, TCPF_ACK, &o, NULL, 0);
}

void prio(struct world *w, unsigned int i, bool backup)
{
	struct opt_buf o = {.room = TCP_OPTIONS_MAX};

	mp_build_prio(&o, backup);
	say(w, i, TCPF_ACK, &o, NULL, 0);
}

struct sent *next(struct world *w)
{
	return w->at < w->n_sent ? &w->sent[w->at++] : NULL;
}

struct sent *want(struct world *w, unsigned int i)
{
	struct sent *s = next(w);

	assert_non_null(s);
	assert_int_equal(s->path, i);
	return s;
}

struct sent *find(struct world *w, enum mp_subtype subtype)
{
	struct sent *s;

	while ((s = next(w)) != NULL && !(s->p.mp.present & MP_BIT(subtype)))
		;
	return s;
}

struct sent *find_data(struct world *w)
{
	struct sent *s;

	while ((s = next(w)) != NULL && s->p.payload_len == 0)
		;
	return s;
}

struct sent *find_flag(struct world *w, uint8_t flag)
{
	struct sent *s;

	while ((s = next(w)) != NULL && !(s->p.flags & flag))
		;
	return s;
}

void forget(struct world *w)
{
	w->n_sent = w->at = 0;
}

/* --- what tests ask ------------------------------------------------------------------------------ */

struct sent *want_rst(struct world *w, unsigned int i, int reason)
{
	struct sent *s = find_flag(w, TCPF_RST);

	assert_non_null(s);
	assert_int_equal(s->path, i);
	if (reason >= 0) {
		assert_true(s->p.mp.present & MP_BIT(MP_TCPRST));
		assert_int_equal(s->p.mp.rst_reason, reason);
	} else {
		assert_false(s->p.mp.present & MP_BIT(MP_TCPRST));
	}
	return s;
}

uint64_t in_dsn(const struct world *w, uint32_t off)
{
	return w->idsn_a + 1 + off;
}

uint64_t out_dsn(const struct world *w, uint32_t off)
{
	return w->idsn_b + 1 + off;
}

uint32_t ssn_of(const struct world *w, unsigned int i)
{
	return w->path[i].seq - w->path[i].iss;
}

void fill(uint8_t *b, uint32_t off, uint32_t len)
{
	for (uint32_t k = 0; k < len; k++)
		b[k] = pattern(off + k);
}

/* The last DATA_ACK sent, as an offset in the stream. */
uint32_t acked_off(struct world *w)
{
	uint64_t last = w->idsn_a;
	struct sent *s;

	while ((s = find(w, MP_DSS)) != NULL)
		if (s->p.mp.dss.flags & DSS_FLAG_ACK)
			last = s->p.mp.dss.data_ack;
	return (uint32_t)(last - in_dsn(w, 0));
}

void closed_with(const struct world *w, enum conn_end why)
{
	assert_int_equal(w->closed, 1);
	assert_int_equal(w->why, why);
}

unsigned int sent_on(struct world *w, unsigned int i)
{
	unsigned int n = 0;

	for (unsigned int k = 0; k < w->n_sent; k++)
		n += w->sent[k].path == i && w->sent[k].p.payload_len > 0;
	return n;
}
