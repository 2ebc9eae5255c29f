/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Input: the steps of RFC 9293 s3.10.7.4 as a list of functions, each of which lets the segment
 * pass or says why it is dropped. A next-in-order segment with nothing odd skips the checks.
 * Nothing here believes a segment before its sequence number, timestamp and acknowledgement fit.
 * Owning worker only. Source: RFC 9293 s3.10.7, RFC 5961, RFC 7323 s5, RFC 1337, RFC 6191.
 */
#include <rte_branch_prediction.h>

#include "mptcp/tcp/tcp_internal.h"

typedef enum counter (*tcp_step)(struct tcp *t, struct tcp_rx *rx);

/* An ACK in answer to a segment outside the window. Data deserves one each time, since it may be
 * our ACK that was lost; empty segments get few, or two ends could answer each other for ever. */
static void answer_oow(struct tcp *t, const struct tcp_rx *rx)
{
	uint32_t now_ms = t->st->now_ms;

	if (rx->p->payload_len == 0) {
		if (t->oow_ms != 0 && now_ms - t->oow_ms < OOW_MIN_MS)
			return;
		t->oow_ms = now_ms != 0 ? now_ms : 1;
	}
	t->ack_now = true;
}

/* --- RFC 7323 ------------------------------------------------------------------------------- */

static enum counter step_timestamp(struct tcp *t, struct tcp_rx *rx)
{
	const struct tcp_opts *o = &rx->p->tcp;

	if (!t->use_ts || rx->flags & TCPF_RST)
		return CTR_NONE;
	if (!o->has_ts) /* a SYN is challenged all the same (RFC 5961 s4.2) */
		return rx->flags & TCPF_SYN ? CTR_NONE : CTR_DROP_TCP_NO_TS;
	if (!tcp_paws_rejects(t, o->tsval))
		return CTR_NONE;
	answer_oow(t, rx);
	return CTR_DROP_TCP_PAWS;
}

/* --- first: sequence number ------------------------------------------------------------------ */

/* A SYN is wrong in a synchronised state whatever its number is (RFC 5961 s4.2). In SYN_RCVD the
 * peer's SYN may come again, or come with the ACK when both opened at once. */
static enum counter step_syn(struct tcp *t, struct tcp_rx *rx)
{
	if (!(rx->flags & TCPF_SYN))
		return CTR_NONE;
	if (t->state == TCPS_SYN_RCVD && rx->p->seq == t->irs) {
		if (rx->flags & TCPF_ACK && t->active) {
			rx->flags &= ~TCPF_SYN;
			rx->seq++;
			rx->no_text = true;
			return CTR_NONE;
		}
		if (rx->flags & TCPF_ACK) { /* to whose SYN? Like any segment below the window */
			answer_oow(t, rx);
			return CTR_DROP_TCP_SYN;
		}
		if (t->oow_ms == 0 || t->st->now_ms - t->oow_ms >= OOW_MIN_MS) {
			t->oow_ms = t->st->now_ms != 0 ? t->st->now_ms : 1;
			st_inc(t->st, CTR_TCP_SYN_RETRANS);
			tcp_send_syn(t);
		}
		return CTR_DROP_TCP_SYN;
	}
	tcp_challenge_ack(t);
	return CTR_DROP_TCP_SYN;
}

/* Acceptability as in RFC 9293 table 6, with two allowances: an empty segment may sit on the right
 * edge (the ACKs of a peer that has filled the window while its first octet was lost), and with a
 * closed window the next segment in order is looked at for its ACK, not for its payload. */
static bool acceptable(const struct tcp *t, struct tcp_rx *rx)
{
	uint32_t wnd = tcp_rcv_wnd(t);
	uint32_t edge = t->rcv_nxt + wnd;
	uint32_t len = rx->p->payload_len + !!(rx->flags & TCPF_FIN);

	if (rx->p->payload_len == 0)
		return seq_leq(t->rcv_nxt, rx->seq) && seq_leq(rx->seq, edge);
	if (wnd == 0) {
		rx->no_text = true;
		return rx->seq == t->rcv_nxt;
	}
	return seq_lt(rx->seq, edge) && seq_lt(t->rcv_nxt, rx->seq + len);
}

static enum counter step_sequence(struct tcp *t, struct tcp_rx *rx)
{
	const struct pkt *p = rx->p;
	uint32_t end;

	if (likely(acceptable(t, rx))) {
		if (rx->no_text && p->payload_len > 0)
			t->ack_now = true;
		return CTR_NONE;
	}
	if (rx->flags & TCPF_RST)
		return CTR_DROP_TCP_RST;
	if (t->state == TCPS_TIME_WAIT && rx->flags & TCPF_FIN &&
	    rx->seq + pkt_seg_len(p) == t->rcv_nxt) {
		/* The peer's FIN again: our last ACK was lost. */
		t->ack_now = true;
		tcp_timer_set(t, TCPD_STATE, t->st->cfg->time_wait_ms);
		return CTR_DROP_TCP_DUP;
	}
	if (rx->flags & TCPF_FIN && seq_leq(rx->seq + pkt_seg_len(p), t->rcv_nxt))
		t->ack_now = true; /* a FIN is data in this */
	else
		answer_oow(t, rx);
	if (p->payload_len == 0 || seq_leq(t->rcv_nxt, rx->seq))
		return CTR_DROP_TCP_SEQ;
	/* With a closed window it may go on beyond it. */
	end = rx->seq + p->payload_len;
	tcp_duplicate(t, rx->seq, seq_lt(end, t->rcv_nxt) ? end : t->rcv_nxt);
	return seq_leq(end, t->rcv_nxt) ? CTR_DROP_TCP_DUP : CTR_DROP_TCP_SEQ;
}

/* --- second: RST ----------------------------------------------------------------------------- */

static enum counter step_reset(struct tcp *t, struct tcp_rx *rx)
{
	if (likely(!(rx->flags & TCPF_RST)))
		return CTR_NONE;
	if (t->state == TCPS_TIME_WAIT)
		return CTR_DROP_TCP_RST; /* RFC 1337: no assassination */
	if (rx->seq != t->rcv_nxt) {
		tcp_challenge_ack(t); /* RFC 5961 s3.2 */
		return CTR_DROP_TCP_RST;
	}
	t->ops->rx_reset(t, rx->p);
	tcp_closed(t, t->state == TCPS_SYN_RCVD && t->active ? TCP_END_REFUSED : TCP_END_RESET);
	return CTR_NONE;
}

/* --- fifth: ACK ------------------------------------------------------------------------------- */

static enum counter step_ack_bit(struct tcp *t, struct tcp_rx *rx)
{
	return likely(rx->flags & TCPF_ACK) ? CTR_NONE : CTR_DROP_TCP_NO_ACK;
}

/* SYN_RCVD: whether this is the packet that completes the handshake. */
static enum counter step_handshake(struct tcp *t, struct tcp_rx *rx)
{
	const struct pkt *p = rx->p;
	uint32_t rtt_us;

	if (likely(t->state != TCPS_SYN_RCVD))
		return CTR_NONE;
	if (!seq_lt(t->snd_una, p->ack) || seq_lt(t->snd_max, p->ack)) {
		tcp_reset_unknown(t->st, p, t->nh, NULL);
		return CTR_DROP_TCP_ACK;
	}
	switch (t->ops->handshake(t, p)) {
	case TCP_ACCEPT:
		break;
	case TCP_REJECT:
		tcp_abort(t);
		return CTR_DROP_TCP_HANDSHAKE;
	case TCP_IGNORE:
	default:
		return CTR_DROP_TCP_HANDSHAKE;
	}
	if (t->state != TCPS_SYN_RCVD)
		return CTR_NONE;
	if (t->backoff == 0 && t->rtt_start_us != (uint32_t)t->st->now_us)
		tcp_rtt_sample(t, (uint32_t)t->st->now_us - t->rtt_start_us);
	else if (tcp_rtt_from_ts(t, p, &rtt_us))
		tcp_rtt_sample(t, rtt_us);
	t->snd_una = p->ack;
	t->snd_wnd = tcp_wnd_of(t, p);
	t->snd_wl1 = rx->seq;
	t->snd_wl2 = p->ack;
	if (t->snd_wnd > t->max_wnd)
		t->max_wnd = t->snd_wnd;
	if (p->flags & TCPF_SYN)
		t->ack_now = true; /* both opened at once: the peer may wait for the same */
	tcp_to_established(t);
	return CTR_NONE;
}

static enum counter step_ack(struct tcp *t, struct tcp_rx *rx)
{
	uint32_t ack = rx->p->ack;

	/* RFC 5961 s5.2: a blind attacker has to hit this range as well. */
	if (unlikely(seq_lt(t->snd_max, ack) || seq_lt(ack, t->snd_una - t->max_wnd))) {
		tcp_challenge_ack(t);
		return CTR_DROP_TCP_ACK;
	}
	tcp_paws_in(t, rx);
	t->last_rx_ms = t->st->now_ms;
	tcp_ack_in(t, rx);
	return CTR_NONE;
}

/* --- the owner's turn ------------------------------------------------------------------------- */

static enum counter step_options(struct tcp *t, struct tcp_rx *rx)
{
	t->ops->rx_options(t, rx->p);
	return CTR_NONE;
}

/* What the ACK of our FIN means, then the news for the owner. */
static enum counter step_acked(struct tcp *t, struct tcp_rx *rx)
{
	t->ops->acked(t, rx->acked);
	if (!rx->fin_acked)
		return CTR_NONE;
	switch (t->state) {
	case TCPS_FIN_WAIT_1:
		tcp_set_state(t, TCPS_FIN_WAIT_2);
		tcp_timer_set(t, TCPD_STATE, FIN_WAIT_2_MS);
		break;
	case TCPS_CLOSING:
		tcp_enter_time_wait(t);
		break;
	case TCPS_LAST_ACK:
		tcp_closed(t, TCP_END_DONE);
		break;
	default:
		break;
	}
	return CTR_NONE;
}

/* --- seventh and eighth: text and FIN ---------------------------------------------------------- */

static enum counter step_text(struct tcp *t, struct tcp_rx *rx)
{
	if (!rx->no_text)
		return tcp_rcv_text(t, rx);
	return rx->p->payload_len > 0 ? CTR_DROP_TCP_SEQ : CTR_NONE;
}

enum { STEP_ACK = 6 };
static const tcp_step steps[] = {
	step_timestamp, step_syn, step_sequence, step_reset, step_ack_bit,
	step_handshake, step_ack, step_options,  step_acked, step_text,
};

/* Is this the next segment in order with nothing odd about it? */
static bool is_expected(const struct tcp *t, const struct tcp_rx *rx)
{
	const struct pkt *p = rx->p;

	return t->state == TCPS_ESTABLISHED && (p->flags & ~TCPF_PSH) == TCPF_ACK &&
	       p->seq == t->rcv_nxt && p->payload_len <= tcp_rcv_wnd(t) &&
	       p->tcp.has_ts == t->use_ts &&
	       (!t->use_ts || !tcp_ts_before(p->tcp.tsval, t->ts_recent));
}

/* --- SYN_SENT (RFC 9293 s3.10.7.3) -------------------------------------------------------------- */

static enum counter answer_in_syn_sent(struct tcp *t, struct tcp_rx *rx)
{
	const struct pkt *p = rx->p;
	bool ack = p->flags & TCPF_ACK;
	uint32_t rtt_us;

	if (ack && p->ack != t->snd_max) {
		if (!(p->flags & TCPF_RST))
			tcp_reset_unknown(t->st, p, t->nh, NULL);
		return CTR_DROP_TCP_ACK;
	}
	if (p->flags & TCPF_RST) {
		if (!ack)
			return CTR_DROP_TCP_RST;
		t->ops->rx_reset(t, p);
		tcp_closed(t, TCP_END_REFUSED);
		return CTR_NONE;
	}
	if (!(p->flags & TCPF_SYN))
		return CTR_DROP_TCP_NO_ACK;
	if (!ack) { /* both opened at once */
		tcp_apply_syn(t, p);
		tcp_set_state(t, TCPS_SYN_RCVD);
		tcp_send_syn(t);
		tcp_timer_set(t, TCPD_RTO, t->rto_ms);
		return CTR_NONE;
	}
	switch (t->ops->handshake(t, p)) {
	case TCP_ACCEPT:
		break;
	case TCP_REJECT:
		/* The peer is synchronised: it hears of the end. */
		t->rcv_nxt = p->seq + 1;
		tcp_send_rst(t);
		tcp_closed(t, TCP_END_ABORT);
		return CTR_DROP_TCP_HANDSHAKE;
	case TCP_IGNORE:
	default:
		return CTR_DROP_TCP_HANDSHAKE;
	}
	if (t->state != TCPS_SYN_SENT)
		return CTR_NONE;
	tcp_apply_syn(t, p);
	if (t->backoff == 0)
		tcp_rtt_sample(t, (uint32_t)t->st->now_us - t->rtt_start_us);
	else if (tcp_rtt_from_ts(t, p, &rtt_us))
		tcp_rtt_sample(t, rtt_us);
	t->snd_una = p->ack;
	t->snd_wl2 = p->ack;
	t->last_rx_ms = t->st->now_ms;
	t->ack_now = true;
	tcp_to_established(t);
	return CTR_NONE; /* payload on the SYN/ACK comes again */
}

enum counter tcp_input(struct tcp *t, struct rte_mbuf *m, const struct pkt *p)
{
	struct tcp_rx rx = {.p = p, .m = m, .seq = p->seq, .flags = p->flags};
	enum counter reason = CTR_NONE;

	if (t->state == TCPS_CLOSED) {
		reason = CTR_DROP_TCP_CLOSED;
	} else if (t->state == TCPS_SYN_SENT) {
		reason = answer_in_syn_sent(t, &rx);
	} else {
		unsigned int i = likely(is_expected(t, &rx)) ? STEP_ACK : 0;

		for (; i < RTE_DIM(steps); i++) {
			reason = steps[i](t, &rx);
			if (reason != CTR_NONE || t->state == TCPS_CLOSED)
				break;
		}
	}
	rte_pktmbuf_free(rx.m);
	if (t->state != TCPS_CLOSED)
		tcp_output(t);
	return reason;
}

bool tcp_time_wait_reusable(const struct tcp *t, const struct pkt *p)
{
	if (t->state != TCPS_TIME_WAIT || (p->flags & (TCPF_SYN | TCPF_ACK)) != TCPF_SYN)
		return false;
	if (t->use_ts && p->tcp.has_ts && p->tcp.tsval != t->ts_recent)
		return tcp_ts_before(t->ts_recent, p->tcp.tsval);
	return seq_lt(t->rcv_nxt, p->seq);
}
