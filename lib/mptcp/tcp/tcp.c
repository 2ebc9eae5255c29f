/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The life of a connection: the state machine and its one writer, set-up, the ways to the end.
 * Owning worker only. Source: RFC 9293 s3.3.2, s3.10.
 */
#include <string.h>

#include "mptcp/tcp/tcp_internal.h"

const char *const tcp_state_name[TCPS_MAX] = {
	[TCPS_CLOSED] = "CLOSED",         [TCPS_SYN_SENT] = "SYN_SENT",
	[TCPS_SYN_RCVD] = "SYN_RCVD",     [TCPS_ESTABLISHED] = "ESTABLISHED",
	[TCPS_FIN_WAIT_1] = "FIN_WAIT_1", [TCPS_FIN_WAIT_2] = "FIN_WAIT_2",
	[TCPS_CLOSE_WAIT] = "CLOSE_WAIT", [TCPS_CLOSING] = "CLOSING",
	[TCPS_LAST_ACK] = "LAST_ACK",     [TCPS_TIME_WAIT] = "TIME_WAIT",
};

#define TO(state) (1u << TCPS_##state)

/* Legal next states: RFC 9293 figure 5, and CLOSED from everywhere. */
static const uint16_t legal[TCPS_MAX] = {
	[TCPS_CLOSED] = TO(SYN_SENT) | TO(SYN_RCVD),
	[TCPS_SYN_SENT] = TO(SYN_RCVD) | TO(ESTABLISHED) | TO(CLOSED),
	[TCPS_SYN_RCVD] = TO(ESTABLISHED) | TO(CLOSED),
	[TCPS_ESTABLISHED] = TO(FIN_WAIT_1) | TO(CLOSE_WAIT) | TO(CLOSED),
	[TCPS_FIN_WAIT_1] = TO(FIN_WAIT_2) | TO(CLOSING) | TO(CLOSED),
	[TCPS_FIN_WAIT_2] = TO(TIME_WAIT) | TO(CLOSED),
	[TCPS_CLOSE_WAIT] = TO(LAST_ACK) | TO(CLOSED),
	[TCPS_CLOSING] = TO(TIME_WAIT) | TO(CLOSED),
	[TCPS_LAST_ACK] = TO(CLOSED),
	[TCPS_TIME_WAIT] = TO(CLOSED),
};

static void time_wait_join(struct tcp *t)
{
	struct stack *st = t->st;

	st_inc(st, CTR_CUR_TIME_WAIT);
	t->tw_since_ms = st->now_ms;
	t->tw_next = NULL;
	t->tw_prev = st->tw_newest;
	if (st->tw_newest != NULL)
		st->tw_newest->tw_next = t;
	else
		st->tw_oldest = t;
	st->tw_newest = t;
}

static void time_wait_leave(struct tcp *t)
{
	struct stack *st = t->st;

	st_dec(st, CTR_CUR_TIME_WAIT);
	if (t->tw_prev != NULL)
		t->tw_prev->tw_next = t->tw_next;
	else
		st->tw_oldest = t->tw_next;
	if (t->tw_next != NULL)
		t->tw_next->tw_prev = t->tw_prev;
	else
		st->tw_newest = t->tw_prev;
}

void tcp_set_state(struct tcp *t, enum tcp_state to)
{
	enum tcp_state from = (enum tcp_state)t->state;

	if (!(legal[from] & 1u << to)) {
		st_inc(t->st, CTR_TCP_BAD_STATE);
		return;
	}
	if (from == TCPS_SYN_RCVD && t->half_open_counted) {
		t->half_open_counted = 0;
		st_dec(t->st, CTR_CUR_HALF_OPEN);
	}
	if (from == TCPS_TIME_WAIT)
		time_wait_leave(t);
	if (to == TCPS_TIME_WAIT)
		time_wait_join(t);
	t->state = (uint8_t)to;
}

static void count_end(struct tcp *t, enum tcp_end why)
{
	switch (t->state) {
	case TCPS_SYN_SENT:
	case TCPS_SYN_RCVD:
		st_inc(t->st, CTR_TCP_ATTEMPT_FAILS);
		break;
	case TCPS_ESTABLISHED:
	case TCPS_CLOSE_WAIT:
		if (why == TCP_END_RESET || why == TCP_END_ABORT)
			st_inc(t->st, CTR_TCP_ESTAB_RESETS);
		break;
	default:
		break;
	}
}

void tcp_closed(struct tcp *t, enum tcp_end why)
{
	if (t->state == TCPS_CLOSED)
		return;
	count_end(t, why);
	tcp_timer_stop(t);
	tcp_leave_burst(t);
	tcp_sndq_flush(t);
	tcp_ofo_flush(t);
	tcp_set_state(t, TCPS_CLOSED);
	t->ops->closed(t, why);
}

/* What both roles share. Fields of the owner are left alone; the rest of t is zero. */
void tcp_setup(struct tcp *t, struct stack *st, const struct tcp_ops *ops,
	       const struct flow_key *key, struct nexthop *nh, uint16_t mtu, uint32_t iss)
{
	t->st = st;
	t->ops = ops;
	t->key = *key;
	t->nh = nh;
	t->mtu = mtu;
	if (t->ttl == 0)
		t->ttl = TTL_DEFAULT;
	t->iss = iss;
	t->snd_una = iss;
	t->snd_nxt = t->snd_max = t->snd_end = iss + 1;
	t->recover = t->cwr_high = t->undo_round = t->retx_high = iss;
	t->rto_ms = st->cfg->rto_initial_ms;
	t->ts_offset = tcp_ts_offset(st, key);
	t->rcv_mss =
		mtu > tcp_ip_hdr_len(t) + MSS_MIN ? (uint16_t)(mtu - tcp_ip_hdr_len(t)) : MSS_MIN;
	t->rcv_wscale = st->cfg->rcv_wscale;
	t->quickacks = QUICKACKS;
	t->reo_wnd_mult = 1;
	t->last_rx_ms = t->last_tx_ms = t->last_data_ms = st->now_ms;
	t->rtt_start_us = (uint32_t)st->now_us;
	if (t->cc == NULL)
		t->cc = st->cfg->cc;
}

/* peer_mss 0: the SYN had no option. */
void tcp_set_peer_mss(struct tcp *t, uint16_t peer_mss)
{
	uint16_t most = t->mtu > tcp_ip_hdr_len(t) + MSS_MIN
				? (uint16_t)(t->mtu - tcp_ip_hdr_len(t))
				: MSS_MIN;

	if (peer_mss == 0)
		peer_mss = ip_addr_is_v4(&t->key.local) ? MSS_DEFAULT_V4 : MSS_DEFAULT_V6;
	if (peer_mss < MSS_MIN)
		peer_mss = MSS_MIN;
	t->peer_mss = peer_mss;
	t->snd_mss = peer_mss < most ? peer_mss : most;
	tcp_pmtu_init(t);
}

/* The peer's SYN or SYN/ACK: its sequence number and what its options agree to. */
void tcp_apply_syn(struct tcp *t, const struct pkt *p)
{
	t->irs = p->seq;
	t->rcv_nxt = p->seq + 1;
	t->rcv_adv = t->last_ack_sent = t->rcv_nxt;
	tcp_set_peer_mss(t, p->tcp.has_mss ? p->tcp.mss : 0);
	t->use_sack = p->tcp.has_sack_perm;
	t->use_ts = p->tcp.has_ts;
	if (t->use_ts)
		tcp_paws_begin(t, p->tcp.tsval);
	t->use_wscale = p->tcp.has_wscale;
	tcp_ecn_take_syn(t, p);
	t->snd_wscale = p->tcp.has_wscale ? p->tcp.wscale : 0;
	if (!t->use_wscale)
		t->rcv_wscale = 0;
	t->snd_wnd = t->max_wnd = p->wnd; /* never scaled in a SYN */
	t->snd_wl1 = p->seq;
	t->snd_wl2 = t->snd_una;
}

/* Initial window of RFC 6928 s2; one segment when the handshake was lost (RFC 5681 s3.1). */
static uint32_t initial_window(const struct tcp *t)
{
	uint32_t mss = t->snd_mss;
	uint32_t floor = 2 * mss > 14600 ? 2 * mss : 14600;

	if (t->backoff > 0)
		return mss;
	return RTE_MIN(TCP_IW_SEGS * mss, floor);
}

/* The handshake is over and window and acknowledgement of its last packet have been taken. */
void tcp_to_established(struct tcp *t)
{
	t->cwnd = initial_window(t);
	t->ssthresh = UINT32_MAX;
	t->cc->init(t);
	if (t->backoff > 0 && t->srtt_us == 0 && t->rto_ms < RTO_AFTER_SYN_LOSS_MS)
		t->rto_ms = RTO_AFTER_SYN_LOSS_MS;
	t->backoff = 0;
	tcp_timer_off(t, TCPD_RTO);
	tcp_set_state(t, TCPS_ESTABLISHED);
	if (t->st->cfg->keepalive_ms != 0)
		tcp_timer_set(t, TCPD_KEEPALIVE, t->st->cfg->keepalive_ms);
	t->ops->established(t);
	if (t->state == TCPS_ESTABLISHED && t->fin_queued)
		tcp_set_state(t, TCPS_FIN_WAIT_1);
}

void tcp_enter_time_wait(struct tcp *t)
{
	tcp_set_state(t, TCPS_TIME_WAIT);
	/* An ACK that found no buffer is still owed: it may be that of the peer's FIN. */
	for (int d = 0; d < TCPD_MAX; d++)
		if (d != TCPD_DELACK)
			tcp_timer_off(t, (enum tcp_deadline)d);
	tcp_timer_set(t, TCPD_STATE, t->st->cfg->time_wait_ms);
}

bool tcp_time_wait_takeover(const struct tcp *t)
{
	return t->state == TCPS_TIME_WAIT && t->use_ts &&
	       t->st->now_ms - t->tw_since_ms >= TIME_WAIT_TAKEOVER_MS;
}

bool tcp_time_wait_recycle(struct stack *st)
{
	struct tcp *t = st->tw_oldest;

	if (t == NULL)
		return false;
	st_inc(st, CTR_TCP_TW_RECYCLED);
	tcp_closed(t, TCP_END_DONE);
	return true;
}

void tcp_shutdown(struct tcp *t)
{
	if (t->fin_queued || t->state == TCPS_CLOSED)
		return;
	t->fin_queued = true;
	/* Before it is established the wish waits: tcp_to_established(). */
	if (t->state == TCPS_ESTABLISHED)
		tcp_set_state(t, TCPS_FIN_WAIT_1);
	else if (t->state == TCPS_CLOSE_WAIT)
		tcp_set_state(t, TCPS_LAST_ACK);
	tcp_output(t);
}

void tcp_abort(struct tcp *t)
{
	switch (t->state) {
	case TCPS_CLOSED:
		return;
	case TCPS_SYN_SENT:
	case TCPS_TIME_WAIT:
		break; /* nobody there, or nothing left to reset */
	default:
		tcp_send_rst(t);
		break;
	}
	tcp_closed(t, TCP_END_ABORT);
}
