/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From the send queue to segments: what may leave now, headers in front of held payloads, FIN,
 * window probes, resets. Owning worker only. Source: RFC 9293 s3.8.6 and s3.10.2, RFC 6675 s5.
 */
#include "mptcp/tcp/tcp_internal.h"
#include "mptcp/wire/checksum.h"

/* A segment to be sent: payload octets [off, off + len) of seg, or none. */
struct out {
	struct seg *seg;
	uint32_t seq;
	uint16_t off, len;
	uint8_t flags;
	bool fresh; /* never sent before, and no probe */
};

/* --- one segment --------------------------------------------------------------------------- */

/* The window field, and the right edge it offers remembered. */
static uint16_t window_field(struct tcp *t, bool syn)
{
	uint8_t shift = syn ? 0 : t->rcv_wscale;
	uint32_t wnd = t->ops->rcv_window(t);
	uint32_t field = wnd >> shift;

	if (field > UINT16_MAX)
		field = UINT16_MAX;
	wnd = field << shift;
	if (wnd > t->rcv_wnd_max)
		t->rcv_wnd_max = wnd;
	if (seq_lt(t->rcv_adv, t->rcv_nxt + wnd))
		t->rcv_adv = t->rcv_nxt + wnd;
	return (uint16_t)field;
}

/* A fresh mbuf for headers, the payload chained behind it: for when headers cannot be written in
 * front of the payload itself. */
static struct rte_mbuf *chained_frame(struct tcp *t, struct seg *s, uint16_t off, uint16_t len)
{
	struct rte_mbuf *head = rte_pktmbuf_alloc(t->st->mbufs);
	struct rte_mbuf *payload;

	if (head == NULL || len == 0)
		return head;
	payload = rte_pktmbuf_alloc(t->st->mbufs);
	if (payload == NULL) {
		rte_pktmbuf_free_seg(head);
		return NULL;
	}
	rte_pktmbuf_attach(payload, seg_mbuf(s));
	payload->data_off = (uint16_t)(s->payload_off + off);
	payload->data_len = len;
	payload->pkt_len = len;
	payload->next = NULL;
	payload->nb_segs = 1;
	head->next = payload;
	head->nb_segs = 2;
	head->pkt_len = len;
	return head;
}

/* An mbuf reference of its own for one transmission, the payload's sum in *sum. */
static struct rte_mbuf *frame_of(struct tcp *t, const struct out *x, uint16_t *sum)
{
	struct seg *s = x->seg;
	bool whole;

	*sum = 0;
	if (s == NULL)
		return rte_pktmbuf_alloc(t->st->mbufs);
	whole = x->len == s->len;
	*sum = whole ? s->payload_sum : csum_partial(seg_payload(s) + x->off, x->len);
	if (!whole || seg_in_flight_below(s) || RTE_MBUF_CLONED(seg_mbuf(s)) ||
	    s->flags & SEG_PIECE ||
	    s->payload_off < LINK_ROOM + tcp_ip_hdr_len(t) + TCP_OPTIONS_MAX)
		return chained_frame(t, s, x->off, x->len);
	seg_restore(s);
	rte_mbuf_refcnt_update(seg_mbuf(s), 1);
	return seg_mbuf(s);
}

/* x took ACK and window along. A peer may drop octets sent before without a look at them (RFC 9293
 * s3.10.7.4, first check), or at the window (SND.WL1): then they go once more on their own. So does an ACK
 * due at once for what came out of order, when payload left no room for the SACK blocks: with payload
 * it is no duplicate ACK either (RFC 5681 s2, RFC 2018 s4). */
static void ack_left(struct tcp *t, const struct out *x, bool sack_told)
{
	if (x->len > 0 && seq_lt(x->seq, t->snd_max)) {
		t->ack_again |= t->wnd_check;
		return;
	}
	if (x->len > 0 && t->ack_now && !sack_told)
		return;
	t->ack_now = t->ack_pending = t->wnd_check = t->ack_again = false;
	t->last_ack_sent = t->rcv_nxt;
	tcp_timer_off(t, TCPD_DELACK);
}

/* Send x. Returns false, with nothing changed, when no mbuf is left. */
static bool xmit(struct tcp *t, const struct out *x)
{
	const struct tcp_tx tx = {.flags = x->flags, .seq = x->seq, .seg = x->seg};
	struct opt_buf o = {.room = TCP_OPTIONS_MAX};
	struct stack *st = t->st;
	struct tcp_hdr_out h = {
		.key = &t->key,
		.seq = x->seq,
		.flags = x->flags,
		.ttl = t->ttl,
		.opt = &o,
	};
	struct rte_mbuf *m;
	uint16_t sum;
	bool sack_told;

	m = frame_of(t, x, &sum);
	if (m == NULL) {
		st_inc(st, CTR_DROP_NO_MBUF);
		return false;
	}
	if (x->flags & TCPF_ACK) {
		h.ack = t->rcv_nxt;
		h.ecn = tcp_ecn_out(t, x->fresh, &h.flags);
	}
	if (!(x->flags & TCPF_RST))
		h.wnd = window_field(t, x->flags & TCPF_SYN);
	sack_told = tcp_put_options(t, &tx, x->len, &o);
	h.ip_id = st->ip_id++;
	if (pkt_prepend_headers(m, &h, sum) != 0) {
		rte_pktmbuf_free(m);
		st_inc(st, CTR_DROP_NO_MBUF);
		return false;
	}
	if (x->flags & TCPF_ACK)
		ack_left(t, x, sack_told);
	t->last_tx_ms = st->now_ms;
	st->ops->output(st, m, t->nh);
	return true;
}

bool tcp_send_bare(struct stack *st, const struct tcp_hdr_out *h, struct nexthop *nh)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(st->mbufs);

	if (m == NULL) {
		st_inc(st, CTR_DROP_NO_MBUF);
		return false;
	}
	if (pkt_prepend_headers(m, h, 0) != 0) {
		rte_pktmbuf_free(m);
		return false;
	}
	st->ops->output(st, m, nh);
	return true;
}

bool tcp_send_syn(struct tcp *t)
{
	struct out x = {.seq = t->iss, .flags = TCPF_SYN | tcp_ecn_syn_flags(t)};

	if (t->state == TCPS_SYN_RCVD)
		x.flags |= TCPF_ACK;
	return xmit(t, &x);
}

/* Sequence number of a segment without payload: SND.NXT, but inside the window, or a peer that
 * took window back would not look at the acknowledgement. */
static uint32_t bare_seq(const struct tcp *t)
{
	uint32_t edge = t->snd_una + t->snd_wnd;

	if (seq_leq(t->snd_max, edge) || t->snd_max - edge < UINT32_C(1) << t->snd_wscale)
		return t->snd_max;
	return edge;
}

static void send_ack(struct tcp *t)
{
	struct out x = {.seq = bare_seq(t), .flags = TCPF_ACK};

	/* Without an mbuf the debt stays, and the delay timer pays it. Before the handshake is over there is
	 * none: a challenge that was not sent is left at that. */
	if (!xmit(t, &x) && tcp_synchronised(t) && !tcp_timer_on(t, TCPD_DELACK)) {
		t->ack_now = false;
		t->ack_pending = true;
		tcp_timer_set(t, TCPD_DELACK, t->st->cfg->delack_ms);
	}
}

void tcp_send_ack(struct tcp *t)
{
	if (tcp_synchronised(t))
		send_ack(t);
}

void tcp_send_rst(struct tcp *t)
{
	struct out x = {.seq = t->snd_max, .flags = TCPF_RST | TCPF_ACK};

	if (xmit(t, &x))
		st_inc(t->st, CTR_TCP_OUT_RSTS);
}

/* RFC 5961 s7. How many are left of the limit all connections share must not be measurable from
 * outside (CVE-2016-5696): in its lower half each one leaves by the throw of a coin. */
void tcp_challenge_ack(struct tcp *t)
{
	struct rate_limit *r = &t->st->challenge_limit;
	uint32_t now_ms = t->st->now_ms;
	bool low = r->tokens_x1000 / 1000 < r->burst / 2;

	if ((t->challenge_ms != 0 && now_ms - t->challenge_ms < CHALLENGE_MIN_MS) ||
	    (low && csprng_u32(&t->st->rng) & 1) || !rate_limit_ok(r, now_ms)) {
		st_inc(t->st, CTR_TCP_CHALLENGE_LIMITED);
		return;
	}
	t->challenge_ms = now_ms != 0 ? now_ms : 1;
	st_inc(t->st, CTR_TCP_CHALLENGE_ACK);
	send_ack(t);
}

void tcp_probe(struct tcp *t)
{
	struct out x = {.seq = t->snd_una - 1, .flags = TCPF_ACK};

	if (!tcp_synchronised(t))
		return;
	if (t->probes < UINT8_MAX)
		t->probes++;
	xmit(t, &x);
}

bool tcp_ask(struct tcp *t, struct seg *s)
{
	struct out x = {.seg = s, .seq = t->snd_una - 1, .len = 1, .flags = TCPF_ACK | TCPF_PSH};

	if (!tcp_synchronised(t) || s->len == 0 || s->seq + s->len != t->snd_una)
		return false;
	x.off = (uint16_t)(s->len - 1);
	t->asked = true;
	t->ask_seq = t->snd_una;
	return xmit(t, &x);
}

/* --- the queue ----------------------------------------------------------------------------- */

uint16_t tcp_payload_max(const struct tcp *t)
{
	unsigned int less = (t->use_ts ? TS_OPT_LEN : 0) + t->opt_reserve;
	uint16_t mss = t->probe_mss != 0 ? t->probe_mss : t->snd_mss;

	return mss > less ? (uint16_t)(mss - less) : 1;
}

uint32_t tcp_flight(const struct tcp *t)
{
	uint32_t out = t->snd_max - t->snd_una;
	uint32_t less = t->sacked_bytes + t->lost_bytes;

	/* A lost segment may have been acknowledged in part. */
	return out > less ? out - less : 0;
}

uint32_t tcp_snd_space(const struct tcp *t)
{
	uint32_t used = tcp_flight(t) + t->lost_bytes; /* what is lost goes first */
	uint32_t edge = t->snd_una + t->snd_wnd;
	uint32_t space, wnd_space, unsent;

	if ((t->state != TCPS_ESTABLISHED && t->state != TCPS_CLOSE_WAIT) || t->no_data ||
	    t->fin_queued)
		return 0;
	space = t->cwnd > used ? t->cwnd - used : 0;
	wnd_space = seq_lt(t->snd_max, edge) ? edge - t->snd_max : 0;
	space = space < wnd_space ? space : wnd_space;
	unsent = t->snd_unsent != NULL ? t->snd_end - t->snd_unsent->seq : 0;
	space = space > unsent ? space - unsent : 0;
	if (t->sndq.head == NULL && space < tcp_payload_max(t))
		space = tcp_payload_max(t);
	return space;
}

void tcp_send(struct tcp *t, struct seg *s)
{
	if (t->fin_queued || t->state == TCPS_CLOSED || s->len == 0) {
		seg_drop(s);
		return;
	}
	s->flags &=
		~(SEG_SENT | SEG_RETX | SEG_SACKED | SEG_LOST | SEG_FIN | SEG_FLIGHT | SEG_PIECE);
	s->n_tx = 0;
	s->seq = t->snd_end;
	if (unlikely(t->probe_mss != 0))
		tcp_pmtu_queued(t, s);
	s->tcp = t;
	seg_hold(t->st, s);
	segq_push_tail(&t->sndq, s);
	t->snd_end += s->len;
	if (t->snd_unsent == NULL)
		t->snd_unsent = s;
}

/* The FIN follows the last octet queued: on its segment if that has not left, else alone. */
static void queue_fin(struct tcp *t)
{
	struct seg *s = t->sndq.tail;
	struct rte_mbuf *m;

	if (t->fin_acked || (s != NULL && s->flags & SEG_FIN))
		return;
	if (s == NULL || t->snd_unsent == NULL) {
		m = rte_pktmbuf_alloc(t->st->mbufs);
		if (m == NULL) {
			st_inc(t->st, CTR_DROP_NO_MBUF);
			if (!tcp_timer_on(t, TCPD_RTO))
				tcp_timer_set(t, TCPD_RTO, t->rto_ms);
			return;
		}
		s = seg_init(m, 0);
		s->seq = t->snd_end;
		s->tcp = t;
		seg_hold(t->st, s);
		segq_push_tail(&t->sndq, s);
		t->snd_unsent = s;
	}
	s->flags |= SEG_FIN;
	t->snd_end++;
}

static void sent_first(struct tcp *t, struct seg *s)
{
	s->flags |= SEG_SENT;
	t->snd_unsent = s->next;
	t->bytes_sent += s->len;
	if (seq_lt(t->snd_max, seg_end(s)))
		t->snd_max = t->snd_nxt = seg_end(s);
	if (s->flags & SEG_FIN)
		t->fin_sent = true;
}

static void sent_again(struct tcp *t, struct seg *s)
{
	if (s->flags & SEG_LOST) {
		s->flags &= ~SEG_LOST;
		t->lost_bytes -= seg_space(s);
		t->retx_bytes += seg_space(s);
	} else if (!(s->flags & SEG_RETX)) {
		t->retx_bytes += seg_space(s);
	}
	s->flags |= SEG_RETX;
	tcp_recovery_sent_again(t, s);
	t->retrans++;
	st_inc(t->st, CTR_TCP_RETRANS);
	if (t->in_recovery && !t->rto_recovery)
		st_inc(t->st, CTR_TCP_FAST_RETRANS);
}

/* Of two transmissions the later one has the later time, or the same and the higher number: that is how
 * RFC 8985 s6.2 tells them. The clock is read once for many, so it may take a microsecond more. */
static uint32_t tx_time(struct tcp *t, const struct seg *s)
{
	uint32_t us = (uint32_t)t->st->now_us;

	if (t->last_tx_us - us < 1000)
		us = t->last_tx_us + seq_leq(s->seq, t->last_tx_seq);
	t->last_tx_us = us;
	t->last_tx_seq = s->seq;
	return us;
}

static bool send_seg(struct tcp *t, struct seg *s)
{
	struct out x = {.seg = s, .seq = s->seq, .len = s->len, .flags = TCPF_ACK};
	uint8_t lag_ms;

	x.fresh = s->len > 0 && !(s->flags & SEG_SENT);
	lag_ms = s->flags & SEG_SENT ? tcp_retx_lag(t, s) : 0;
	if (!tcp_unacked(t))
		t->progress_ms = t->st->now_ms;
	if (s->flags & SEG_FIN)
		x.flags |= TCPF_FIN;
	if (s->len > 0 && (s->flags & SEG_PSH || s->next == NULL))
		x.flags |= TCPF_PSH;
	if (!xmit(t, &x))
		return false;
	s->tx_us = tx_time(t, s);
	s->ts_lag_ms = lag_ms;
	if (s->n_tx < UINT8_MAX)
		s->n_tx++;
	if (s->len > t->len_sent)
		t->len_sent = s->len;
	tcp_rate_sent(t, s);
	tcp_flight_sent(t, s);
	tcp_pace_sent(t, s->len);
	if (t->in_recovery)
		t->prr_out += s->len;
	if (s->flags & SEG_SENT)
		sent_again(t, s);
	else
		sent_first(t, s);
	t->last_data_ms = t->st->now_ms;
	if (!tcp_timer_on(t, TCPD_RTO))
		tcp_timer_set(t, TCPD_RTO, t->rto_ms); /* RFC 6298 (5.1) */
	return true;
}

/* The first retransmission of a recovery does not wait for room (RFC 6675 s5 (4.3)). */
void tcp_retransmit_head(struct tcp *t)
{
	struct seg *s = t->lost_hint != NULL ? t->lost_hint : t->sndq.head;

	while (s != NULL && s->flags & SEG_SENT && !(s->flags & SEG_LOST))
		s = s->next;
	if (s != NULL && s->flags & SEG_LOST && (s = tcp_pmtu_fit(t, s)) != NULL)
		send_seg(t, s);
}

/* Octets beyond SND.MAX that the peer's window takes. */
static uint32_t usable_window(const struct tcp *t, const struct seg *s)
{
	uint32_t edge = t->snd_una + t->snd_wnd;
	uint32_t from = seq_lt(s->seq, t->snd_una) ? t->snd_una : s->seq;

	return seq_lt(from, edge) ? edge - from : 0;
}

/* A bare FIN goes whatever the window is: it takes no buffer. */
static bool window_blocks(const struct tcp *t, const struct seg *s)
{
	return s->len > 0 && seq_lt(t->snd_una + t->snd_wnd, s->seq + s->len);
}

bool tcp_has_new(const struct tcp *t)
{
	return t->snd_unsent != NULL && !window_blocks(t, t->snd_unsent);
}

bool tcp_send_probe(struct tcp *t, bool *fresh)
{
	struct seg *s;

	*fresh = tcp_has_new(t);
	s = *fresh ? t->snd_unsent : tcp_last_sent(t);
	if (s != NULL && (s = tcp_pmtu_fit(t, s)) != NULL && !*fresh)
		s = tcp_last_sent(t);
	return s != NULL && !(s->flags & (SEG_SACKED | SEG_LOST)) && send_seg(t, s);
}

static void send_lost(struct tcp *t)
{
	struct seg *s = t->lost_hint != NULL ? t->lost_hint : t->sndq.head;

	while (t->lost_bytes > 0 && s != NULL && s->flags & SEG_SENT) {
		if (s->flags & SEG_LOST) {
			uint32_t flight = tcp_flight(t);
			struct seg *first = tcp_pmtu_fit(t, s);

			if (first == NULL)
				break;
			s = first;
			if (flight > 0 && flight + s->len > t->cwnd)
				break;
			if (t->cc->model && !tcp_pace_allows(t, s->len))
				break;
			if (!send_seg(t, s))
				break;
		}
		s = s->next;
	}
	t->lost_hint = s;
}

/*
 * What the window takes of the first unsent segment, which as a whole does not fit: the segment
 * stays unsent, since a data-level queue may have it too and must not see it cut.
 */
static bool send_part(struct tcp *t, struct seg *s)
{
	uint16_t off = seq_lt(s->seq, t->snd_una) ? (uint16_t)(t->snd_una - s->seq) : 0;
	uint32_t n = usable_window(t, s);
	struct out x = {.seg = s, .seq = s->seq + off, .off = off, .flags = TCPF_ACK | TCPF_PSH};

	n = RTE_MIN(n, (uint32_t)(s->len - off));
	n = RTE_MIN(n, (uint32_t)tcp_pmtu_part(t));
	x.len = (uint16_t)n;
	if (!xmit(t, &x))
		return false;
	if (x.len > t->len_sent)
		t->len_sent = x.len;
	if (seq_lt(t->snd_max, x.seq + n))
		t->snd_max = t->snd_nxt = x.seq + n;
	return true;
}

static uint32_t persist_ms(const struct tcp *t)
{
	uint64_t ms = (uint64_t)t->rto_ms << (t->persist_shift < 16 ? t->persist_shift : 16);
	uint32_t most = t->st->cfg->rto_max_ms, user_timeout_ms = t->st->cfg->user_timeout_ms;

	/* So that who answers no more is found out in time. */
	if (user_timeout_ms != 0)
		most = RTE_MIN(most, user_timeout_ms);
	return (uint32_t)RTE_MIN(ms, (uint64_t)most);
}

/* The persist timer: the window has kept data back for that long. */
void tcp_persist(struct tcp *t)
{
	struct seg *s = t->snd_unsent;

	if (s != NULL && !tcp_unacked(t) && window_blocks(t, s)) {
		if (t->persist_shift < UINT8_MAX)
			t->persist_shift++;
		st_inc(t->st, CTR_TCP_ZERO_WINDOW_PROBE);
		if (usable_window(t, s) == 0) {
			tcp_probe(t);
		} else {
			if (t->probes < UINT8_MAX)
				t->probes++;
			send_part(t, s);
		}
	}
	tcp_output(t); /* arms the timer again, or goes on */
}

static void send_new(struct tcp *t)
{
	const struct seg *first = t->snd_unsent;
	struct seg *s;

	if (t->snd_unsent != NULL && !tcp_unacked(t) &&
	    (t->cc->model || t->st->now_ms - t->last_data_ms > t->rto_ms))
		t->cc->on_idle(t);
	while ((s = t->snd_unsent) != NULL) {
		uint32_t flight = tcp_flight(t);

		if ((s = tcp_pmtu_fit(t, s)) == NULL || window_blocks(t, s))
			break;
		/* With nothing whole in flight (a window probe's part at most) one may always go. */
		if (tcp_unacked(t) && flight + s->len > t->cwnd)
			break;
		if (!tcp_pace_allows(t, s->len))
			break;
		if (!send_seg(t, s))
			break;
	}
	if (t->snd_unsent == first)
		return;
	tcp_tlp_arm(t);
	if (tcp_is_cwnd_limited(t, tcp_flight(t))) {
		t->cwnd_full = true;
		t->cwnd_full_at = t->snd_max;
	}
}

/* With data to send, nothing in flight and no room in the window, only a timer can go on. */
static void watch_window(struct tcp *t)
{
	struct seg *s = t->snd_unsent;

	if (s == NULL || tcp_unacked(t) || !window_blocks(t, s)) {
		tcp_timer_off(t, TCPD_PERSIST);
		t->persist_shift = 0;
		return;
	}
	/* Half of the largest window ever is worth a short segment at once (RFC 9293
	 * s3.8.6.2.1 (3)): a receiver with a small buffer never has more. */
	if (t->snd_max == t->snd_una && t->snd_wnd > 0 && t->snd_wnd >= t->max_wnd / 2)
		send_part(t, s);
	if (!tcp_timer_on(t, TCPD_PERSIST))
		tcp_timer_set(t, TCPD_PERSIST, persist_ms(t));
}

void tcp_output(struct tcp *t)
{
	if (!tcp_synchronised(t)) {
		/* SYN_RCVD: what does not fit is answered as later on (RFC 9293 s3.10.7.4, first) */
		if (t->ack_now && t->state == TCPS_SYN_RCVD)
			send_ack(t);
		return;
	}
	if (!t->no_data && t->state != TCPS_TIME_WAIT && t->state != TCPS_FIN_WAIT_2) {
		if (t->fin_queued)
			queue_fin(t);
		if (t->lost_bytes > 0 && t->frto != TCP_FRTO_NEW_DATA)
			send_lost(t);
		if (t->snd_unsent != NULL)
			send_new(t);
		/* No mbuf for the first one: nothing but this timer would try again. */
		if (t->snd_unsent != NULL && !tcp_unacked(t) && !tcp_timer_on(t, TCPD_RTO) &&
		    !window_blocks(t, t->snd_unsent))
			tcp_timer_set(t, TCPD_RTO, t->rto_ms);
		watch_window(t);
	}
	if (t->ack_now)
		send_ack(t);
}
