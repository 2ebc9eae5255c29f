/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which segments are lost, and recovery from it. With SACK: RFC 6675, a segment is lost when three
 * above it were SACKed. Without: three duplicate ACKs, then NewReno (RFC 6582), where each
 * duplicate counts as one segment that has left the network. A timeout marks everything.
 * Owning worker only.
 */
#include "mptcp/tcp/tcp_internal.h"

/* Holes stepped over, from the highest SACKed segment down, in search of the third one. */
#define BOUNDARY_STEPS_MAX 64

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
}

/* The third SACKed segment from above: what lies below it and is not SACKed counts as lost. */
static struct seg *loss_boundary(const struct tcp *t)
{
	struct seg *s = t->sack_high;
	unsigned int n = 0;

	for (unsigned int i = 0; i < BOUNDARY_STEPS_MAX && s != NULL; i++, s = s->prev)
		if (s->flags & SEG_SACKED && ++n == DUP_THRESH)
			return s;
	return NULL;
}

/* Mark by the scoreboard. Each segment is looked at once: loss_hint only moves up. What was
 * retransmitted is left to the timer. */
static uint32_t mark_by_sack(struct tcp *t)
{
	struct seg *boundary = loss_boundary(t);
	uint32_t before = t->lost_bytes;
	struct seg *s;

	if (boundary == NULL)
		return 0;
	s = t->loss_hint != NULL ? t->loss_hint->next : t->sndq.head;
	while (s != NULL && seq_lt(s->seq, boundary->seq)) {
		if (!(s->flags & SEG_RETX))
			tcp_mark_lost(t, s);
		t->loss_hint = s;
		s = s->next;
	}
	return t->lost_bytes - before;
}

static void enter_recovery(struct tcp *t)
{
	st_inc(t->st, CTR_TCP_RECOVERY);
	t->in_recovery = true;
	t->rto_recovery = false;
	t->recover = t->snd_max;
	t->cc->on_congestion(t);
	tcp_retransmit_head(t);
}

static void leave_recovery(struct tcp *t)
{
	t->in_recovery = t->rto_recovery = false;
	t->dupacks = 0;
	if (!t->use_sack)
		t->sacked_bytes = 0;
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
	t->sacked_bytes += t->snd_mss;
	if (t->sacked_bytes > most)
		t->sacked_bytes = most;
	/* RFC 6582 s3.2 step 2: only beyond what the last recovery was about. */
	if (t->dupacks == DUP_THRESH && !t->in_recovery && seq_lt(t->recover, t->snd_una)) {
		tcp_mark_lost(t, t->sndq.head);
		a->lost = seg_space(t->sndq.head);
		enter_recovery(t);
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
	if (!t->rto_recovery && tcp_unacked(t) && !(t->sndq.head->flags & SEG_RETX)) {
		tcp_mark_lost(t, t->sndq.head);
		tcp_retransmit_head(t);
	}
}

void tcp_loss_on_ack(struct tcp *t, struct tcp_ack *a)
{
	bool advanced = t->snd_una != a->prior_una;

	if (t->in_recovery && seq_leq(t->recover, t->snd_una))
		leave_recovery(t);
	if (t->use_sack) {
		if (a->sacked > 0 || (t->in_recovery && advanced))
			a->lost = mark_by_sack(t);
		/* Also when what was lost meanwhile is new data beyond the recovery just left. */
		if (t->lost_bytes > 0 && !t->in_recovery)
			enter_recovery(t);
	} else if (advanced) {
		reno_advance(t);
	} else if (a->dup) {
		reno_duplicate(t, a);
	}
	if (advanced && (!t->in_recovery || t->rto_recovery))
		t->cc->on_ack(t, a);
}

/* RFC 2018 s8: a peer that has the first octet but does not acknowledge it took it back. */
static void forget_sacks(struct tcp *t)
{
	struct seg *s;

	st_inc(t->st, CTR_TCP_SACK_RENEGE);
	SEGQ_FOREACH (s, &t->sndq) {
		if (s->flags & SEG_SACKED && s->flags & SEG_RETX)
			t->retx_bytes += seg_space(s);
		s->flags &= ~SEG_SACKED;
	}
	t->sacked_bytes = 0;
	t->sack_high = NULL;
	t->n_sack_prev = 0;
}

void tcp_loss_on_timeout(struct tcp *t)
{
	struct seg *s;

	if (!t->use_sack)
		t->sacked_bytes = 0;
	else if (t->sndq.head->flags & SEG_SACKED)
		forget_sacks(t);
	/* Once for a row of timeouts (RFC 5681 s3.1). */
	if (t->backoff <= 1)
		t->cc->on_timeout(t);
	t->cwnd = t->snd_mss;
	SEGQ_FOREACH (s, &t->sndq) {
		if (!(s->flags & SEG_SENT))
			break;
		tcp_mark_lost(t, s);
	}
	t->lost_hint = t->sndq.head;
	t->loss_hint = NULL;
	t->dupacks = 0;
	t->in_recovery = t->rto_recovery = true;
	t->recover = t->snd_max;
}
