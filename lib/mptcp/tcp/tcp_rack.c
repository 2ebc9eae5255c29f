/* SPDX-License-Identifier: BSD-3-Clause
 *
 * RACK-TLP: loss by time. A segment is lost when one that was sent well after it has been delivered;
 * "well" is a fraction of the round-trip time, which grows where the network reorders. When the tail of
 * what was sent is not acknowledged, a probe makes the peer speak before the timeout does.
 * Owning worker only. Source: RFC 8985, whose names these are.
 */
#include "mptcp/tcp/tcp_internal.h"

#define RESTORE_STEPS_MAX 16
#define REO_WND_PERSIST   16  /* recoveries that a wider window lasts (s6.2 step 4) */
#define REO_WND_MULT_MAX  64  /* quarters of the round-trip time */
#define PTO_MIN_MS        10  /* a probe is not worth it before */
#define WC_DELACK_MS      200 /* a single segment in flight may wait for the peer's timer */

/* --- segments in flight, by time of transmission ------------------------------------------------ */

void tcp_flight_remove(struct tcp *t, struct seg *s)
{
	if (!(s->flags & SEG_FLIGHT))
		return;
	if (s->tx_prev != NULL)
		s->tx_prev->tx_next = s->tx_next;
	else
		t->flight_head = s->tx_next;
	if (s->tx_next != NULL)
		s->tx_next->tx_prev = s->tx_prev;
	else
		t->flight_tail = s->tx_prev;
	s->tx_next = s->tx_prev = NULL;
	s->flags &= ~SEG_FLIGHT;
}

void tcp_flight_sent(struct tcp *t, struct seg *s)
{
	tcp_flight_remove(t, s);
	/* What was delivered before is no measure for a new flight, which may begin much later. */
	if (t->flight_head == NULL)
		t->rack_rtt_us = 0;
	s->tx_prev = t->flight_tail;
	if (t->flight_tail != NULL)
		t->flight_tail->tx_next = s;
	else
		t->flight_head = s;
	t->flight_tail = s;
	s->flags |= SEG_FLIGHT;
}

/* s was taken for lost and is not: among the oldest, by its time. That it is among the very first is
 * certain but for what a peer can bring about; then it takes the time of its place, as one of those
 * that teach no round-trip time. */
void tcp_flight_restore(struct tcp *t, struct seg *s)
{
	struct seg *next = t->flight_head;
	unsigned int steps = 0;

	while (next != NULL && (int32_t)(next->tx_us - s->tx_us) < 0) {
		if (++steps == RESTORE_STEPS_MAX) {
			s->tx_us = next->tx_us;
			s->ts_lag_ms = next->ts_lag_ms;
			s->n_tx = RTE_MAX(s->n_tx, 2);
			break;
		}
		next = next->tx_next;
	}
	tcp_flight_insert(t, next, s);
}

void tcp_flight_insert(struct tcp *t, struct seg *next, struct seg *s)
{
	s->tx_next = next;
	s->tx_prev = next != NULL ? next->tx_prev : t->flight_tail;
	if (s->tx_prev != NULL)
		s->tx_prev->tx_next = s;
	else
		t->flight_head = s;
	if (next != NULL)
		next->tx_prev = s;
	else
		t->flight_tail = s;
	s->flags |= SEG_FLIGHT;
}

/* --- RACK --------------------------------------------------------------------------------------- */

static bool sent_after(uint32_t us1, uint32_t end1, uint32_t us2, uint32_t end2)
{
	int32_t d = (int32_t)(us1 - us2);

	return d > 0 || (d == 0 && seq_lt(end2, end1));
}

/* Step 2 and 3: s has just been acknowledged, one way or the other. */
void tcp_rack_delivered(struct tcp *t, const struct seg *s, const struct tcp_ack *a)
{
	uint32_t rtt_us = tcp_age_us(t, s);
	uint32_t end = seg_end(s);

	if (t->rack_rtt_us == 0 || seq_lt(t->rack_fack, end))
		t->rack_fack = end;
	else if (seq_lt(end, t->rack_fack) && s->n_tx == 1)
		t->reo_seen = true;
	/* The copy that arrived may be an earlier one. */
	if (s->n_tx > 1 && (rtt_us < t->min_rtt_us || tcp_echo_before(t, s, a)))
		return;
	if (rtt_us == 0)
		rtt_us = 1;
	if (t->rack_rtt_us != 0 && !sent_after(s->tx_us, end, t->rack_tx_us, t->rack_end_seq))
		return;
	t->rack_rtt_us = rtt_us;
	t->rack_tx_us = s->tx_us;
	t->rack_end_seq = end;
}

/* Step 4. */
static uint32_t reo_wnd_us(const struct tcp *t)
{
	uint64_t wnd = (uint64_t)t->min_rtt_us / 4 * t->reo_wnd_mult;

	if (!t->reo_seen && (t->in_recovery || t->n_sacked >= DUP_THRESH))
		return 0;
	return wnd < t->srtt_us ? (uint32_t)wnd : t->srtt_us;
}

/* What was taken for lost was late. Once a round trip. */
static void widen(struct tcp *t)
{
	if (t->has_dsack_round && seq_lt(t->snd_una, t->dsack_round))
		return;
	t->has_dsack_round = true;
	t->dsack_round = t->snd_max;
	if (t->reo_wnd_mult < REO_WND_MULT_MAX)
		t->reo_wnd_mult++;
	t->reo_wnd_persist = REO_WND_PERSIST;
}

/* A recovery was for nothing: the window was too short for what the network reorders, or there was none. When
 * it was duplicates that told, they widen it (tcp_rack_on_ack()); else they come in the same round trip. */
void tcp_rack_misled(struct tcp *t, const struct tcp_ack *a)
{
	if (t->reo_seen && t->use_sack && !a->has_dsack)
		widen(t);
	t->reo_seen = true;
}

void tcp_rack_leave_recovery(struct tcp *t)
{
	if (t->reo_wnd_persist > 0 && --t->reo_wnd_persist == 0)
		t->reo_wnd_mult = 1;
}

/* Step 5: returns octets newly marked, and sets the timer for the next ones. */
static uint32_t detect(struct tcp *t)
{
	uint32_t now_us = (uint32_t)t->st->now_us, before = t->lost_bytes;
	uint32_t wait_us = t->rack_rtt_us + reo_wnd_us(t);
	struct seg *s, *next;

	tcp_timer_off(t, TCPD_REO);
	for (s = t->flight_head; s != NULL; s = next) {
		int32_t left = (int32_t)(s->tx_us + wait_us - now_us);

		next = s->tx_next;
		if (!sent_after(t->rack_tx_us, t->rack_end_seq, s->tx_us, seg_end(s)))
			break;
		if (left > 0) {
			tcp_timer_set(t, TCPD_REO, (uint32_t)left / 1000 + 1);
			break;
		}
		tcp_found_lost(t, s);
	}
	return t->lost_bytes - before;
}

uint32_t tcp_rack_on_ack(struct tcp *t, const struct tcp_ack *a)
{
	if (t->has_dsack_round && seq_leq(t->dsack_round, t->snd_una))
		t->has_dsack_round = false;
	if (a->has_dsack)
		widen(t);
	return t->rack_rtt_us != 0 ? detect(t) : 0;
}

/* The reordering timer. */
void tcp_rack_timeout(struct tcp *t)
{
	tcp_rate_check_app(t);
	if (!tcp_unacked(t) || t->rack_rtt_us == 0 || detect(t) == 0)
		return;
	if (!tcp_pmtu_probe_lost(t))
		tcp_lost_some(t, t->snd_max - t->snd_una);
	if (unlikely(t->pmtu_recovery))
		tcp_recovery_congested(t, t->snd_max - t->snd_una);
	tcp_output(t);
}

/* s6.3: which segments a retransmission timeout is about. */
void tcp_rack_mark_on_timeout(struct tcp *t)
{
	uint32_t wait_us = t->rack_rtt_us + reo_wnd_us(t);
	uint32_t now_us = (uint32_t)t->st->now_us;
	struct seg *s, *next;

	tcp_found_lost(t, t->sndq.head);
	for (s = t->flight_head; s != NULL; s = next) {
		next = s->tx_next;
		if ((int32_t)(s->tx_us + wait_us - now_us) <= 0)
			tcp_found_lost(t, s);
	}
}

/* --- tail loss probe (s7) ------------------------------------------------------------------------ */

/* After new data has left, or an ACK has brought us further. Without a round-trip time since the probe
 * before, the timeout is the only measure. */
void tcp_tlp_arm(struct tcp *t)
{
	uint32_t pto_ms, left_ms;

	tcp_timer_off(t, TCPD_PTO);
	if (!t->use_sack || t->in_recovery || t->n_sacked > 0 || t->tlp_out || !tcp_unacked(t) ||
	    t->lost_bytes > 0 || !t->tlp_allowed || !tcp_timer_on(t, TCPD_RTO))
		return;
	pto_ms = t->srtt_us / 500 + 1;
	if (t->flight_head == t->flight_tail)
		pto_ms += WC_DELACK_MS;
	if (pto_ms < PTO_MIN_MS)
		pto_ms = PTO_MIN_MS;
	left_ms = t->deadline_ms[TCPD_RTO] - t->st->now_ms;
	if ((int32_t)left_ms > 0)
		tcp_timer_set(t, TCPD_PTO, RTE_MIN(pto_ms, left_ms));
}

void tcp_tlp_timeout(struct tcp *t)
{
	bool fresh;

	tcp_rate_check_app(t);
	if (!tcp_unacked(t) || t->in_recovery || t->tlp_out)
		return;
	t->tlp_out = true;
	if (!tcp_send_probe(t, &fresh)) {
		t->tlp_out = false;
		return;
	}
	st_inc(t->st, CTR_TCP_LOSS_PROBES);
	t->tlp_allowed = false;
	t->tlp_retrans = !fresh;
	t->tlp_end_seq = t->snd_max;
	tcp_timer_set(t, TCPD_RTO, t->rto_ms);
}

/* s7.4: whether the probe has repaired a loss that nothing else told of. */
bool tcp_tlp_on_ack(struct tcp *t, const struct tcp_ack *a)
{
	if (!t->tlp_out || seq_lt(t->snd_una, t->tlp_end_seq))
		return false;
	if (!t->tlp_retrans || (a->has_dsack && a->dsack.end == t->tlp_end_seq)) {
		t->tlp_out = false;
		return false;
	}
	if (seq_lt(t->tlp_end_seq, t->snd_una)) {
		t->tlp_out = false;
		st_inc(t->st, CTR_TCP_LOSS_PROBE_RECOVERY);
		return true;
	}
	if (a->bare) /* a duplicate ACK: both copies have arrived */
		t->tlp_out = false;
	return false;
}
