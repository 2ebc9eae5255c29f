/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A live TCP connection in virtual time. The input is a list of steps: segments of a peer, honest and
 * otherwise, what the application does, time, want of packet buffers. After each step all that
 * tcp_watch.h promises must hold, and the application has got the octets of the stream, each once and
 * in order. At the end the peer is honest, and everything that is owed must go through.
 */
#include <string.h>

#include "tcp_world.h"
#include "mptcp/tcp/tcp_internal.h"
#include "mptcp/wire/octets.h"

#define POOL_MBUFS         1023
#define STEPS_MAX          400
#define TS_RECENT_VALID_MS (24u * 24 * 3600 * 1000) /* RFC 7323 s5.5 */
#define TIME_MAX_MS        400000                   /* of virtual time, an input */
#define SETTLE_MAX         600

static const struct stack_secrets secrets = {
	.isn = {1, 2}, .ts = {3, 4}, .cookie = {5, 6}, .join = {7, 8}, .flow = {9, 10}};

/* --- after each step ------------------------------------------------------------------------------- */

static bool alive(void)
{
	return r.app != NULL && r.app->t.state != TCPS_CLOSED;
}

static void check(void)
{
	unsigned int segs, wholes = 0;
	uint32_t held = 0;

	MUST(r.ctrs[CTR_TCP_BAD_STATE] == 0);
	if (r.app != NULL) {
		const struct tcp *t = &r.app->t;

		tcp_watch_step(&r.app->watch, t);
		MUST(r.app->closed == (t->state == TCPS_CLOSED && r.app->watch.begun) ||
		     !r.app->watch.begun);
		held = t->sndq.n + t->ofo.n + r.app->kept.n;
		wholes = tcp_watch_wholes(t, &segs);
		MUST(segs == 0); /* nobody else held it */
		if (t->state != TCPS_CLOSED && t->state != TCPS_SYN_SENT)
			MUST(r.app->received + r.app->kept.bytes + t->fin_rcvd ==
			     t->rcv_nxt - t->irs - 1);
	}
	MUST(r.ctrs[CTR_CUR_SEGS] == held);
	MUST(r.ctrs[CTR_CUR_HALF_OPEN] <= 1 && r.ctrs[CTR_CUR_TIME_WAIT] <= 1);
	if (r.n_kept == 0)
		MUST(fuzz_pool_used(pool) + fuzz_pool_used(wire) == held + wholes);
}

/* --- the peer ---------------------------------------------------------------------------------------- */

static uint32_t peer_ts(void)
{
	return r.st.now_ms + r.tsval_off;
}

static void put_ts(struct opt_buf *o, uint32_t tsval, uint32_t tsecr)
{
	uint8_t *b = &o->b[o->len];

	b = put_octets(b, (const uint8_t[]){1, 1, 8, 10}, 4);
	put_be32(put_be32(b, tsval), tsecr);
	o->len += 12;
}

static void put_syn_options(struct opt_buf *o)
{
	uint8_t *b = &o->b[o->len];

	if (r.has_mss)
		b = put_be16(put_octets(b, (const uint8_t[]){2, 4}, 2), r.mss);
	if (r.sack)
		b = put_octets(b, (const uint8_t[]){1, 1, 4, 2}, 4);
	if (r.scale)
		b = put_octets(b, (const uint8_t[]){1, 3, 3, r.shift}, 4);
	o->len = (uint8_t)(b - o->b);
}

/* RFC 7323 s5.2: a timestamp that is 2^31 from another one is not the older of the two. */
static bool is_older(uint32_t s, uint32_t t)
{
	return t - s > 0 && t - s < UINT32_C(1) << 31;
}

/* RFC 7323 s5.3 (R1); what fills a gap may be late, by two windows at most. */
static bool is_paws(const struct tcp *t, uint32_t tsval)
{
	return is_older(tsval, t->ts_recent) &&
	       r.st.now_ms - t->ts_recent_ms <= TS_RECENT_VALID_MS &&
	       (t->ofo.head == NULL ||
		is_older(tsval, t->paws_ts[seq_leq(t->paws_edge, t->rcv_nxt) ? 0 : 1]));
}

/* Whether t, synchronised, may learn nothing from p, by the checks as the RFCs have them (RFC 9293 s3.10.7.4,
 * RFC 5961, RFC 7323 s5.3, RFC 1337). */
static bool must_refuse(const struct tcp *t, const struct pkt *p)
{
	bool rst = p->flags & TCPF_RST;
	uint32_t wnd = seq_lt(t->rcv_nxt, t->rcv_adv) ? t->rcv_adv - t->rcv_nxt : 0;
	uint32_t edge = t->rcv_nxt + wnd, end = p->seq + p->payload_len + !!(p->flags & TCPF_FIN);

	if (t->use_ts && !rst && (!p->tcp.has_ts || is_paws(t, p->tcp.tsval)))
		return true;
	if (p->flags & TCPF_SYN || (rst && (p->seq != t->rcv_nxt || t->state == TCPS_TIME_WAIT)))
		return true;
	if (p->payload_len == 0 ? seq_lt(p->seq, t->rcv_nxt) || seq_lt(edge, p->seq)
	    : wnd == 0          ? p->seq != t->rcv_nxt
				: !seq_lt(p->seq, edge) || seq_leq(end, t->rcv_nxt))
		return true;
	return !rst && (!(p->flags & TCPF_ACK) || seq_lt(t->snd_max, p->ack) ||
			seq_lt(p->ack, t->snd_una - t->max_wnd));
}

static void input(struct app *a, struct rte_mbuf *m, const struct pkt *p)
{
	struct tcp *t = &a->t;
	bool refuse = tcp_synchronised(t) && must_refuse(t, p);
	uint32_t rcv_nxt = t->rcv_nxt, snd_una = t->snd_una, ts_recent = t->ts_recent;
	uint8_t state = t->state;
	enum counter reason;

	tcp_watch_in(&a->watch, t, p);
	reason = tcp_input(t, m, p);
	trace("  reason %d, state %s", (int)reason, tcp_state_name[t->state]);
	if (refuse)
		MUST(reason != CTR_NONE && t->state == state && t->rcv_nxt == rcv_nxt &&
		     t->snd_una == snd_una && t->ts_recent == ts_recent);
}

/* What is given to nobody in particular: a connection, a listener, or a stray. */
static void deliver(struct rte_mbuf *m, const struct pkt *p)
{
	struct syn_cookie c;
	struct app *a;

	if (alive() && tcp_time_wait_reusable(&r.app->t, p))
		tcp_abort(&r.app->t);
	if (alive()) {
		input(r.app, m, p);
		return;
	}
	if ((p->flags & (TCPF_SYN | TCPF_ACK | TCPF_RST)) == TCPF_SYN) {
		if (r.cookies) {
			r.stray = true;
			syn_cookie_reply(&r.st, p, NULL, FUZZ_MTU - 60, UINT16_MAX, NULL);
			r.stray = false;
		} else {
			a = app_new();
			if (tcp_accept(&a->t, &r.st, &app_ops, p, NULL, FUZZ_MTU,
				       tcp_isn(&r.st, &p->key)) == 0)
				tcp_watch_in(&a->watch, &a->t, p);
		}
		rte_pktmbuf_free(m);
		return;
	}
	if (r.cookies && syn_cookie_check(&r.st, p, &c)) {
		a = app_new();
		tcp_accept_cookie(&a->t, &r.st, &app_ops, p, &c, NULL, FUZZ_MTU);
		input(a, m, p);
		return;
	}
	r.stray = true;
	tcp_reset_unknown(&r.st, p, NULL, NULL);
	r.stray = false;
	rte_pktmbuf_free(m);
}

static void feed(uint8_t flags, uint32_t seq, uint32_t ack, uint16_t wnd, const struct opt_buf *o,
		 uint16_t len, uint16_t urgent)
{
	const struct tcp_hdr_out h = {.key = &r.peer_key,
				      .seq = seq,
				      .ack = ack,
				      .wnd = wnd,
				      .flags = flags,
				      .ttl = 64,
				      .opt = o};
	uint32_t first = seq + !!(flags & TCPF_SYN), begin = first;
	struct rte_mbuf *m;
	struct pkt p;

	/* A new connection's stream begins with its SYN, or behind the one that the cookie remembers. */
	if (alive() && r.app->t.state != TCPS_SYN_SENT)
		begin = r.app->t.irs + 1;
	m = fuzz_segment(wire, &h, PEERS, first - begin, len, &p);
	trace("< flags %02x seq %u (+%d) ack %u wnd %u len %u%s", flags, seq,
	      alive() ? (int)(seq - r.app->t.rcv_nxt) : 0, ack, wnd, len, m == NULL ? " none" : "");
	if (m == NULL)
		return;
	put_be16(rte_pktmbuf_mtod_offset(m, uint8_t *, p.l4_off + 18), urgent);
	deliver(m, &p);
}

static void honest(uint8_t flags, uint16_t len, uint32_t ack)
{
	struct opt_buf o = {.room = TCP_OPTIONS_MAX};
	const struct tcp *t = &r.app->t;

	if (flags & TCPF_SYN)
		put_syn_options(&o);
	if (flags & TCPF_SYN ? r.ts : t->use_ts) {
		uint32_t tsval = peer_ts();

		if (!(flags & TCPF_SYN) && seq_lt(tsval, t->ts_recent))
			tsval = t->ts_recent;
		put_ts(&o, tsval, r.cookie_tsval != 0 ? r.cookie_tsval : tcp_ts_now(t));
	}
	feed(flags, flags & TCPF_SYN ? r.iss : r.nxt, ack, r.wnd, &o, len, 0);
}

/* Everything as it should be: data in order, all of ours acknowledged. */
static void step_honest(void)
{
	uint16_t len = (uint16_t)(in_u8(&r.in) * 6u);

	if (!alive() || r.app->t.state == TCPS_SYN_SENT)
		return;
	r.nxt = r.app->t.rcv_nxt;
	honest(TCPF_ACK | (len % 4 == 0 ? TCPF_PSH : 0), len, r.app->t.snd_max);
}

/* The n-th boundary between segments that were sent. */
static uint32_t boundary(const struct tcp *t, unsigned int n)
{
	const struct seg *s;

	SEGQ_FOREACH (s, &t->sndq) {
		if (n-- == 0 || s == t->snd_unsent)
			return s->seq;
	}
	return t->snd_max;
}

static uint8_t any_flags(unsigned int mode)
{
	static const uint8_t flags[15] = {
		TCPF_ACK,
		TCPF_ACK,
		TCPF_ACK,
		TCPF_ACK | TCPF_PSH,
		TCPF_ACK | TCPF_FIN,
		TCPF_ACK | TCPF_FIN | TCPF_PSH,
		TCPF_RST,
		TCPF_RST | TCPF_ACK,
		TCPF_SYN,
		TCPF_SYN | TCPF_ACK,
		TCPF_SYN | TCPF_PSH | TCPF_ECE | TCPF_CWR,
		TCPF_FIN,
		TCPF_ACK | TCPF_URG,
		TCPF_PSH,
		TCPF_ACK | TCPF_ECE,
	};

	return mode < RTE_DIM(flags) ? flags[mode] : in_u8(&r.in);
}

static uint32_t any_seq(const struct tcp *t, unsigned int mode)
{
	switch (mode) {
	default:
		return t->rcv_nxt;
	case 4:
		return t->rcv_nxt + in_u8(&r.in);
	case 5:
		return t->rcv_nxt - in_u8(&r.in);
	case 6:
	case 7:
		return t->rcv_nxt + in_u8(&r.in) * 100u;
	case 8:
		return t->rcv_nxt + in_u16(&r.in);
	case 9:
		return t->rcv_nxt - in_u16(&r.in);
	case 10: /* around the edge */
		return t->rcv_adv + (uint32_t)(int8_t)in_u8(&r.in);
	case 11: /* around what is there already */
		return (t->ofo.head != NULL ? t->ofo.head->seq : t->rcv_nxt) +
		       (uint32_t)(int8_t)in_u8(&r.in);
	case 12:
		return (t->ofo.tail != NULL ? t->ofo.tail->seq + t->ofo.tail->len : t->rcv_nxt) +
		       (uint32_t)(int8_t)in_u8(&r.in);
	case 13:
		return t->state == TCPS_SYN_SENT ? r.iss : t->irs;
	case 14:
		return (t->fin_ofo ? t->fin_seq : t->rcv_nxt) + (uint32_t)(int8_t)in_u8(&r.in);
	case 15:
		return in_u32(&r.in);
	}
}

static uint32_t any_ack(const struct tcp *t, unsigned int mode)
{
	uint32_t out = t->snd_max - t->snd_una;

	switch (mode) {
	default:
		return t->snd_max;
	case 5:
	case 6:
		return t->snd_una;
	case 7:
	case 8:
	case 9:
		return boundary(t, in_u8(&r.in) % SND_SEGS_MAX);
	case 10:
		return t->snd_una + (out == 0 ? 0 : in_u16(&r.in) % out);
	case 11:
		return t->snd_max + in_u8(&r.in);
	case 12:
		return t->snd_una - in_u16(&r.in);
	case 13:
		return t->snd_max + in_u16(&r.in);
	case 14:
		return r.cookie_ack;
	case 15:
		return in_u32(&r.in);
	}
}

static uint16_t any_wnd(const struct tcp *t, unsigned int mode)
{
	switch (mode) {
	default:
		return r.wnd;
	case 8:
	case 9:
		return r.wnd = in_u16(&r.in);
	case 10:
	case 11:
		return r.wnd = 0;
	case 12:
		return r.wnd = in_u8(&r.in);
	case 13:
		return r.wnd = UINT16_MAX;
	case 14: /* about as much as is in flight */
		return r.wnd = (uint16_t)((t->snd_max - t->snd_una + in_u8(&r.in)) >>
					  t->snd_wscale);
	case 15: /* for once */
		return in_u16(&r.in);
	}
}

static void any_ts(const struct tcp *t, unsigned int mode, struct opt_buf *o)
{
	uint32_t tsval = peer_ts(), tsecr = tcp_ts_now(t);

	if (r.cookie_tsval != 0)
		tsecr = r.cookie_tsval;
	if (mode < 10) {
		if (!t->use_ts && alive())
			return;
	} else if (mode == 10) {
		return;
	} else if (mode == 11) {
		tsval = t->ts_recent - in_u8(&r.in);
	} else if (mode == 12) {
		r.tsval_off += in_u16(&r.in);
		tsval = peer_ts();
	} else if (mode == 13) {
		tsecr -= in_u16(&r.in);
	} else if (mode == 14) {
		tsecr = in_u32(&r.in);
	} else {
		tsval = in_u32(&r.in);
	}
	put_ts(o, tsval, tsecr);
}

static void any_sack(const struct tcp *t, unsigned int mode, struct opt_buf *o)
{
	unsigned int n = mode < 8 ? 0 : mode < 11 ? 1 : mode < 13 ? 2 : mode < 15 ? 3 : 4;
	uint8_t *b = &o->b[o->len];

	if (n == 0 || o->len + 4 + 8 * n > TCP_OPTIONS_MAX)
		return;
	b = put_octets(b, (const uint8_t[]){1, 1, 5, (uint8_t)(2 + 8 * n)}, 4);
	for (unsigned int i = 0; i < n; i++) {
		uint8_t kind = in_u8(&r.in);
		uint32_t start, end;

		if (kind < 0xc0) {
			start = boundary(t, kind & 0x1f);
			end = boundary(t, (kind & 0x1f) + 1 + (kind >> 5));
		} else if (kind < 0xf0) {
			start = t->snd_una + in_u16(&r.in);
			end = start + in_u16(&r.in);
		} else {
			start = in_u32(&r.in);
			end = in_u32(&r.in);
		}
		b = put_be32(put_be32(b, start), end);
	}
	o->len = (uint8_t)(b - o->b);
}

static uint16_t any_len(unsigned int mode)
{
	if (mode < 6)
		return 0;
	if (mode < 10)
		return in_u8(&r.in);
	if (mode < 13)
		return (uint16_t)(in_u8(&r.in) % 14 * 100u);
	if (mode == 13)
		return 1;
	return (uint16_t)(in_u16(&r.in) % 1400);
}

static void step_segment(void)
{
	static const struct tcp none;
	uint8_t a = in_u8(&r.in), b = in_u8(&r.in), c = in_u8(&r.in), d = in_u8(&r.in);
	const struct tcp *t = r.app != NULL ? &r.app->t : &none;
	struct opt_buf o = {.room = TCP_OPTIONS_MAX};
	uint8_t flags = any_flags(a & 15);
	uint16_t len = any_len(a >> 4);
	uint32_t seq = any_seq(t, b & 15), ack = any_ack(t, b >> 4);
	uint16_t wnd = any_wnd(t, c & 15), urgent = 0;

	if (t == &none)
		return;
	if (flags & TCPF_SYN && (d & 0xf0) < 0xc0)
		put_syn_options(&o);
	any_ts(t, c >> 4, &o);
	if (!(flags & TCPF_SYN))
		any_sack(t, d & 15, &o);
	if ((d & 0xf0) == 0xf0) {
		unsigned int room = TCP_OPTIONS_MAX - o.len, n = in_u8(&r.in) & 0x1f;

		o.len += (uint8_t)in_octets(&r.in, &o.b[o.len], n < room ? n : room);
	}
	if (flags & TCPF_URG)
		urgent = in_u8(&r.in);
	feed(flags, seq, ack, wnd, &o, len, urgent);
}

/* --- steps -------------------------------------------------------------------------------------------- */

static void time_passes(uint32_t ms)
{
	trace("%u ms", ms);
	r.now_us += (uint64_t)ms * 1000;
	r.time_ms += ms;
	stack_advance(&r.st, r.now_us);
	stack_end_burst(&r.st);
}

static void step_time(uint8_t arg)
{
	static const uint16_t some[16] = {1,   2,   5,   10,   39,   40,    41,    100,
					  199, 200, 300, 1000, 3000, 10000, 30000, 61000};
	uint32_t ms = some[arg & 15];

	if (r.time_ms + ms <= TIME_MAX_MS)
		time_passes(ms);
}

static void step_app(uint8_t what)
{
	struct app *a = r.app;

	if (a == NULL || a->closed || a->t.state == TCPS_CLOSED)
		return;
	switch (what & 15) {
	case 0:
	case 1:
	case 2:
	case 3:
		app_write(a, (uint16_t)(in_u8(&r.in) * 6u));
		break;
	case 4:
		for (unsigned int n = in_u8(&r.in) % 24; n > 0; n--)
			app_write(a, 1460);
		break;
	case 5:
		a->paused = true;
		break;
	case 6:
		app_resume(a);
		break;
	case 7:
		a->room = in_u16(&r.in);
		tcp_window_update(&a->t);
		break;
	case 8:
		tcp_shutdown(&a->t);
		break;
	case 9:
		if (in_u8(&r.in) < 32)
			tcp_abort(&a->t);
		break;
	case 10:
		tcp_probe(&a->t);
		break;
	case 11:
		tcp_send_ack(&a->t);
		break;
	case 12:
		r.whim = in_u8(&r.in) % WHIM_MAX;
		break;
	case 13:
		a->verdict = (enum tcp_verdict)(in_u8(&r.in) % 3);
		break;
	case 14:
		a->t.orphan = true;
		break;
	default:
		if (a->t.sndq.head == NULL && !a->t.fin_queued)
			a->t.no_data = in_u8(&r.in) & 1;
		tcp_output(&a->t);
		break;
	}
}

/* A router, or who passes for one. */
static void step_too_big(uint8_t how)
{
	struct tcp *t = &r.app->t;
	uint32_t seq = how & 2 ? t->snd_una + in_u8(&r.in) * 6u : in_u32(&r.in);
	uint16_t mtu = in_u16(&r.in), pmtu = t->pmtu;
	bool flies = seq_leq(t->snd_una, seq) && seq_lt(seq, t->snd_max);
	enum counter reason = tcp_too_big(t, seq, mtu);

	trace("ICMP: seq %u too big for %u: reason %d", seq, mtu, (int)reason);
	MUST(t->pmtu <= pmtu && (reason == CTR_NONE || t->pmtu == pmtu));
	MUST(reason != CTR_NONE || (flies && mtu >= RTE_MIN(pmtu, 576)));
}

static void step_machine(uint8_t what)
{
	uint8_t arg = in_u8(&r.in);

	switch (what & 7) {
	case 0:
		fuzz_pool_limit(pool, arg % 8);
		break;
	case 1:
		fuzz_pool_limit(pool, FUZZ_NO_LIMIT);
		break;
	case 2:
		r.keeps = arg & 1;
		break;
	case 3:
		driver_lets_go();
		break;
	case 4:
		r.st.mem_out = arg & 1;
		break;
	case 5:
		r.st.seg_share = arg < 128 ? arg : UINT32_MAX;
		break;
	case 6:
		r.cookies = arg & 1;
		break;
	default:
		if (arg & 1 && alive())
			step_too_big(arg);
		else
			tcp_time_wait_recycle(&r.st);
		break;
	}
}

/* --- the end: an honest peer, and all that is owed ------------------------------------------------------- */

static bool settled(const struct tcp *t)
{
	return t->sndq.head == NULL && (!t->fin_queued || t->fin_acked);
}

/* Returns whether an honest peer could go on. */
static bool settle_send(void)
{
	struct tcp *t = &r.app->t;
	uint32_t target = r.nxt, before;
	unsigned int rounds = 0;

	/* Where windows were told last, and what came out of order, lies behind the gap. */
	if (seq_lt(target, t->snd_wl1))
		target = t->snd_wl1;
	if (t->ofo.tail != NULL && seq_lt(target, t->ofo.tail->seq))
		target = t->ofo.tail->seq;
	if (t->fin_ofo)
		target = t->fin_seq;
	while (alive() && !t->fin_rcvd && seq_lt(t->rcv_nxt, target) && rounds++ < SETTLE_MAX) {
		uint32_t len = target - t->rcv_nxt;

		before = t->rcv_nxt;
		r.nxt = before;
		honest(TCPF_ACK, (uint16_t)(len < 1000 ? len : 1000), t->snd_max);
		stack_end_burst(&r.st);
		check();
		MUST(!alive() || t->fin_rcvd || seq_lt(before, t->rcv_nxt));
	}
	/* A peer that spoke behind its own FIN can open no window any more. */
	if (!alive() || seq_lt(t->rcv_nxt, t->snd_wl1))
		return false;
	for (rounds = 0; alive() && !settled(t); rounds++) {
		MUST(rounds < SETTLE_MAX);
		r.nxt = t->rcv_nxt;
		honest(TCPF_ACK, 0, t->snd_max);
		check();
		time_passes(rounds < 20 ? 50 : 1000);
		check();
	}
	return alive();
}

static void settle(void)
{
	struct tcp *t = &r.app->t;

	r.whim = WHIM_NONE;
	r.keeps = false;
	driver_lets_go();
	fuzz_pool_limit(pool, FUZZ_NO_LIMIT);
	r.st.mem_out = false;
	r.st.seg_share = UINT32_MAX;
	r.wnd = UINT16_MAX;
	if (!alive() || t->state == TCPS_SYN_SENT || t->state == TCPS_TIME_WAIT)
		return;
	r.app->verdict = TCP_ACCEPT;
	t->no_data = false;
	r.app->room = 60000;
	app_resume(r.app);
	stack_end_burst(&r.st);
	r.cookie_tsval = 0;
	if (t->state == TCPS_SYN_RCVD) {
		r.nxt = t->rcv_nxt;
		honest(TCPF_ACK, 0, t->snd_max);
		MUST(t->state >= TCPS_ESTABLISHED);
	}
	tcp_output(t);
	if (!settle_send())
		return;
	tcp_shutdown(t);
	if (settle_send() && !t->fin_rcvd) {
		r.nxt = t->rcv_nxt;
		honest(TCPF_ACK | TCPF_FIN, 0, t->snd_max);
		check();
	}
	if (alive())
		MUST(t->state == TCPS_TIME_WAIT);
	time_passes(r.cfg.time_wait_ms + 1);
	MUST(!alive());
}

/* --- one input -------------------------------------------------------------------------------------------- */

static void begin(void)
{
	static const uint8_t seed[CSPRNG_SEED_LEN] = {42};
	uint8_t a = in_u8(&r.in), b = in_u8(&r.in);
	struct ip_addr addr[2];

	r.now_us = a & 0x80 ? 4294900000000 : 1000000000; /* or the millisecond clock wraps soon */
	r.cfg = tcp_config_default;
	r.cfg.cc = tcp_ccs[b % TCP_CCS];
	r.cfg.rcv_wscale = b & 2 ? 9 : 0;
	r.cfg.ofo_segs_max = b & 4 ? 6 : 4096;
	r.cfg.data_retries = b & 8 ? 3 : 15;
	r.cfg.keepalive_ms = b & 16 ? 20000 : 7200000;
	r.ts = a & 1;
	r.sack = a & 2;
	r.scale = a & 4;
	r.shift = a & 4 && b & 32 ? 14 : 2;
	r.has_mss = true;
	r.mss = b & 64 ? 100 : 1460;
	r.wnd = b & 128 ? 2000 : 20000;
	r.iss = a & 64 ? 0xfffff000 : 77000;
	r.nxt = r.iss + 1;
	r.tsval_off = a & 64 ? 0x7fffff00u : 5000;
	stack_init(&r.st, &run_stack_ops, &r.cfg, &secrets, pool, r.ctrs, r.now_us);
	csprng_init_seed(&r.st.rng, seed);
	for (unsigned int i = 0; i < 2; i++) {
		uint8_t b4[4] = {10, 0, 0, (uint8_t)(1 + i)};
		uint8_t b6[16] = {0x20, 1, [15] = (uint8_t)(1 + i)};

		addr[i] = a & 8 ? ip_addr_from_v6(b6) : ip_addr_from_v4(b4);
	}
	r.key = (struct flow_key){
		.local = addr[0], .remote = addr[1], .local_port = 80, .remote_port = 40000};
	r.peer_key = (struct flow_key){
		.local = addr[1], .remote = addr[0], .local_port = 40000, .remote_port = 80};
	r.cookies = (a & 0x30) == 0x20;
	if (a & 0x10) { /* active */
		struct app *app = app_new();

		MUST(tcp_connect(&app->t, &r.st, &app_ops, &r.key, NULL, FUZZ_MTU,
				 tcp_isn(&r.st, &r.key), 0) == 0);
		if (a & 0x20)
			honest(TCPF_SYN | TCPF_ACK, 0, app->t.snd_max);
		return;
	}
	{
		struct opt_buf o = {.room = TCP_OPTIONS_MAX};

		put_syn_options(&o);
		if (r.ts)
			put_ts(&o, peer_ts(), 0);
		feed(TCPF_SYN, r.iss, 0, r.wnd, &o, 0, 0);
	}
	if (r.cookies) { /* the third packet brings the connection */
		struct opt_buf o = {.room = TCP_OPTIONS_MAX};

		if (r.ts)
			put_ts(&o, peer_ts(), r.cookie_tsval);
		feed(TCPF_ACK, r.iss + 1, r.cookie_ack, r.wnd, &o, 0, 0);
		MUST(r.app != NULL);
		r.cookie_tsval = 0;
	}
}

static void step(void)
{
	uint8_t op = in_u8(&r.in);

	switch (op >> 4) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
	case 5:
	case 6:
		step_segment();
		break;
	case 7:
	case 8:
	case 9:
		step_honest();
		break;
	case 10:
	case 11:
		step_time(op);
		break;
	case 12:
	case 13:
	case 14:
		step_app(op);
		break;
	default:
		step_machine(op);
		break;
	}
	if (!(op & 0x08)) /* else the burst goes on */
		stack_end_burst(&r.st);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	pool = fuzz_pool("tcp", POOL_MBUFS);
	wire = fuzz_pool("wire", POOL_MBUFS);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	memset(&r, 0, sizeof(r));
	r.in = (struct input){data, size};
	begin();
	check();
	for (unsigned int n = 0; r.in.left > 0 && n < STEPS_MAX; n++) {
		step();
		check();
	}
	if (r.app != NULL)
		settle();
	else
		driver_lets_go();
	check();
	if (alive())
		tcp_abort(&r.app->t);
	app_free();
	stack_advance(&r.st, r.now_us);
	MUST(r.st.wheel.armed == 0 && r.ctrs[CTR_CUR_TIMERS] == 0);
	MUST(r.ctrs[CTR_CUR_SEGS] == 0 && r.ctrs[CTR_CUR_HALF_OPEN] == 0);
	MUST(r.ctrs[CTR_CUR_TIME_WAIT] == 0 && r.ctrs[CTR_TCP_BAD_STATE] == 0);
	MUST(r.st.tw_oldest == NULL && r.st.tw_newest == NULL && r.st.burst == NULL);
	MUST(fuzz_pool_used(pool) == 0 && fuzz_pool_used(wire) == 0);
	fuzz_pool_limit(pool, FUZZ_NO_LIMIT);
	return 0;
}
