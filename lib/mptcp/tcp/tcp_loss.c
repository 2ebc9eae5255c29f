/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which segments are lost, and what follows. With SACK: RACK (tcp_rack.c). Without: three duplicate ACKs,
 * then NewReno (RFC 6582), where each duplicate counts as one segment that has left the network. How
 * recovery goes is in tcp_recovery.c.
 * Owning worker only.
 */
#include "mptcp/tcp/tcp_internal.h"

void tcp_mark_lost(struct tcp *t, struct seg *s)
{
	if (s->flags & (SEG_SACKED | SEG_LOST))
		return;
	if (t->lost_bytes == 0 || (t->lost_hint != NULL && seq_lt(s->seq, t->lost_hint->seq)))
		t->lost_hint = s;
	if (s->flags & SEG_RETX)
		t->retx_bytes -= seg_space(s);
	s->flags |= SEG_LOST;
	t->lost_bytes += seg_space(s);
	tcp_flight_remove(t, s);
}

/* s counts as lost, and as a sign of congestion but for a probe of the path MTU. */
void tcp_found_lost(struct tcp *t, struct seg *s)
{
	if (s->flags & (SEG_SACKED | SEG_LOST))
		return;
	tcp_mark_lost(t, s);
	if (unlikely(tcp_pmtu_of_probe(t, s)))
		return; /* of what may be too big (RFC 4821 s7.6.2) */
	t->lost += seg_space(s);
	if (t->cc->on_lost != NULL)
		t->cc->on_lost(t, s);
}

void tcp_unmark_lost(struct tcp *t, struct seg *s)
{
	s->flags &= ~SEG_LOST;
	t->lost_bytes -= seg_space(s);
	if (s->flags & SEG_RETX)
		t->retx_bytes += seg_space(s);
	tcp_flight_restore(t, s);
}

void tcp_lost_some(struct tcp *t, uint32_t flight)
{
	if (!t->in_recovery)
		tcp_recovery_enter(t, flight);
}

/* A duplicate ACK without SACK: one segment has left the network, which one is not known. */
static void reno_duplicate(struct tcp *t, struct tcp_ack *a)
{
	uint32_t out = t->snd_max - t->snd_una;
	uint32_t most = out > t->snd_mss ? out - t->snd_mss : 0;

	if (t->rto_recovery)
		return; /* of segments retransmitted in vain */
	if (t->dupacks < UINT8_MAX)
		t->dupacks++;
	a->delivered += t->snd_mss;
	t->sacked_bytes += t->snd_mss;
	if (t->sacked_bytes > most)
		t->sacked_bytes = most;
	/* RFC 6582 s3.2 step 2: only beyond what the last recovery was about. */
	if (t->dupacks == DUP_THRESH && !t->in_recovery && seq_lt(t->recover, t->snd_una)) {
		tcp_found_lost(t, t->sndq.head);
		a->lost = seg_space(t->sndq.head);
		tcp_recovery_enter(t, out);
	}
}

static void reno_advance(struct tcp *t)
{
	t->dupacks = 0;
	if (!t->in_recovery) {
		t->sacked_bytes = 0;
		return;
	}
	/* A partial acknowledgement shows the next hole (RFC 6582 s3.2 step 3). */
	if (!t->rto_recovery && tcp_unacked(t) &&
	    (int32_t)(t->sndq.head->tx_us - t->recovery_us) <= 0) {
		tcp_found_lost(t, t->sndq.head);
		tcp_retransmit_head(t);
	}
}

static void find_lost(struct tcp *t, struct tcp_ack *a, bool advanced)
{
	if (t->use_sack) {
		a->lost = tcp_rack_on_ack(t, a);
		/* Also when what was lost meanwhile is new data beyond the recovery just left. */
		if (t->lost_bytes > 0 && !tcp_pmtu_probe_lost(t))
			tcp_lost_some(t, t->snd_max - a->prior_una);
	} else if (advanced) {
		reno_advance(t);
	} else if (a->dup) {
		reno_duplicate(t, a);
	}
}

static void model_on_ack(struct tcp *t, const struct tcp_ack *a)
{
	tcp_ecn_ack_in(t, a);
	if (a->rate.has && t->frto == TCP_FRTO_OFF)
		t->cc->on_ack(t, a);
}

/* The probe has repaired what nobody told of: one loss, one reduction. */
static void tail_lost(struct tcp *t, uint32_t flight)
{
	if (t->cc->on_tail_lost != NULL)
		t->cc->on_tail_lost(t, flight);
	else
		tcp_reduce(t, flight);
}

/* Once the network is known to reorder, octets count when they arrive: what fills the gap before them would
 * bring them all at once, later by the gap, and in slow start for no more than one ACK may add. */
static uint32_t credit_of(const struct tcp *t, const struct tcp_ack *a)
{
	return t->use_sack && t->reo_seen ? a->delivered : a->acked;
}

void tcp_loss_on_ack(struct tcp *t, struct tcp_ack *a)
{
	bool advanced = t->snd_una != a->prior_una;

	if (!tcp_undo_on_ack(t, a) && t->in_recovery && seq_leq(t->recover, t->snd_una))
		tcp_recovery_leave(t);
	if (tcp_tlp_on_ack(t, a) && !t->in_recovery)
		tail_lost(t, t->snd_max - a->prior_una);
	find_lost(t, a, advanced);
	if (unlikely(t->pmtu_recovery) && (a->lost > 0 || a->ece))
		tcp_recovery_congested(t, t->snd_max - a->prior_una);
	tcp_rate_sample(t, &a->rate);
	a->credit = credit_of(t, a);
	if (t->cc->model)
		model_on_ack(t, a);
	else if (t->in_recovery && !t->rto_recovery)
		tcp_prr_on_ack(t, a);
	else if (!tcp_ecn_ack_in(t, a) && a->credit > 0 && t->frto == TCP_FRTO_OFF)
		t->cc->on_ack(t, a);
	tcp_tlp_arm(t);
}

/* RFC 2018 s8: a peer that has the first octet but does not acknowledge it took it back. */
static void forget_sacks(struct tcp *t)
{
	struct seg *s;

	st_inc(t->st, CTR_TCP_SACK_RENEGE);
	SEGQ_FOREACH (s, &t->sndq) {
		if (!(s->flags & SEG_SACKED))
			continue;
		if (s->flags & SEG_RETX)
			t->retx_bytes += seg_space(s);
		s->flags &= ~SEG_SACKED;
	}
	t->sacked_bytes = t->n_sacked = 0;
	t->sack_high = NULL;
	t->n_sack_prev = 0;
}

static void mark_all(struct tcp *t)
{
	struct seg *s;

	SEGQ_FOREACH (s, &t->sndq) {
		if (!(s->flags & SEG_SENT))
			break;
		tcp_found_lost(t, s);
	}
}

void tcp_loss_on_timeout(struct tcp *t)
{
	bool renege = t->use_sack && t->sndq.head->flags & SEG_SACKED;

	if (!t->use_sack)
		t->sacked_bytes = 0;
	else if (renege)
		forget_sacks(t);
	tcp_recovery_enter_timeout(t);
	if (renege || !t->use_sack)
		mark_all(t);
	else
		tcp_rack_mark_on_timeout(t);
	t->lost_hint = t->sndq.head;
	/* RFC 6298 (5.4): whatever else is in flight, of what is too young to be taken for lost. */
	tcp_retransmit_head(t);
}
