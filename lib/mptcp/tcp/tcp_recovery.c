/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From a loss to the end of its repair: how fast to send meanwhile (proportional rate reduction), and
 * taking it all back when nothing was lost. That shows in a timestamp echo that is older than the
 * retransmission (Eifel), in duplicates reported for every retransmission (D-SACK), or, without
 * timestamps, in an acknowledgement of what a timeout had not sent again when nothing else can have
 * brought it (F-RTO).
 * Owning worker only. Source: RFC 6937, RFC 3522 and 4015, RFC 2883 and 3708, RFC 5682.
 */
#include "mptcp/tcp/tcp_internal.h"

/* What it takes to undo a recovery that begins now. Each undo is a walk over what is lost; all of a round
 * trip are a few over what is in flight. */
static void remember(struct tcp *t)
{
	const struct seg *head = t->sndq.head;
	bool again = seq_lt(t->snd_una, t->undo_round);

	t->can_undo = !again || t->undo_walked <= t->snd_max - t->snd_una;
	t->prior_cwnd = t->cwnd;
	t->prior_ssthresh = t->ssthresh;
	/* Of a copy that is out already a duplicate would tell as well. */
	t->undo_by_dsack = !seq_lt(t->snd_una, t->retx_high);
	t->undo_ts = tcp_ts_now(t) - tcp_retx_lag(t, NULL);
	t->undo_ts_first = tcp_ts_of(t, head);
	if (t->undo_by_dsack) { /* all copies of what is in flight are later, whichever recovery sends them */
		t->undo_round_ts = t->undo_ts;
		t->undo_round_ts_first = t->undo_ts_first;
	}
	if (t->undo_by_dsack || !again)
		t->undo_round_clean = t->undo_by_dsack;
	t->undo_by_ts = head->n_tx == 1;
	if (head->n_tx > 1 && again && t->undo_round_clean) {
		/* The copies before are those of recoveries that were undone. */
		t->undo_by_ts = true;
		t->undo_ts = t->undo_round_ts;
		t->undo_ts_first = t->undo_round_ts_first;
	}
	t->n_undo_retx = 0;
	if (t->cc->save != NULL)
		t->cc->save(t);
}

static void slowed_down(struct tcp *t)
{
	t->cwr_high = t->snd_max;
	t->ecn_cwr = t->use_ecn;
}

/* RFC 3168 s6.1.2: once for a window of data, whether losses tell or marks. */
bool tcp_reduce(struct tcp *t, uint32_t flight)
{
	if (seq_lt(t->snd_una, t->cwr_high))
		return false;
	t->cc->on_congestion(t, flight);
	slowed_down(t);
	return true;
}

static void begin(struct tcp *t)
{
	t->in_recovery = true;
	t->recover = t->snd_max;
	t->recovery_us = t->last_tx_us;
	t->tlp_out = false;
	tcp_timer_off(t, TCPD_PTO);
}

static void reduce_for_loss(struct tcp *t, uint32_t flight)
{
	if (!tcp_reduce(t, flight)) {
		t->ssthresh = RTE_MIN(t->ssthresh, t->cwnd);
		slowed_down(t);
	}
	t->cwnd = tcp_flight(t) + t->snd_mss; /* the first retransmission goes at once */
}

void tcp_recovery_enter(struct tcp *t, uint32_t flight)
{
	st_inc(t->st, CTR_TCP_RECOVERY);
	remember(t);
	begin(t);
	t->rto_recovery = false;
	t->frto = TCP_FRTO_OFF;
	t->prr_delivered = t->prr_out = 0;
	t->recover_fs = flight;
	if (t->cc->model)
		slowed_down(t);
	else
		reduce_for_loss(t, flight);
	tcp_retransmit_head(t);
}

/* Once for a row of timeouts (RFC 5681 s3.1). */
void tcp_recovery_enter_timeout(struct tcp *t)
{
	if (t->backoff <= 1) {
		/* A timeout in the middle of a recovery is about what that has not repaired. */
		t->frto = t->in_recovery || t->use_ts ? TCP_FRTO_OFF : TCP_FRTO_RETRANSMITTED;
		if (!t->in_recovery)
			remember(t);
		t->cc->on_timeout(t, t->snd_max - t->snd_una);
	}
	t->cwnd = t->snd_mss;
	t->pmtu_recovery = false;
	begin(t);
	slowed_down(t);
	t->rto_recovery = true;
	t->dupacks = 0;
}

/* cwnd, but for a peer that acknowledges a whole window at once: without pacing no more than a first window
 * leaves then, the rest comes in slow start (RFC 6582 s3.2 step 3). */
static uint32_t without_burst(const struct tcp *t, uint32_t cwnd)
{
	return tcp_is_paced(t) ? cwnd : RTE_MIN(cwnd, tcp_flight(t) + TCP_IW_SEGS * t->snd_mss);
}

/* The window stays, but what goes again begins in slow start (RFC 8201 s5.4). */
void tcp_recovery_enter_too_big(struct tcp *t)
{
	if (t->cc->model)
		t->cc->save(t);
	begin(t);
	t->rto_recovery = t->can_undo = false;
	t->pmtu_recovery = true;
	t->frto = TCP_FRTO_OFF;
	t->prr_delivered = t->prr_out = 0;
	t->recover_fs = t->snd_max - t->snd_una;
	t->prior_ssthresh = t->ssthresh;
	if (!t->cc->model)
		t->ssthresh = RTE_MAX(t->cwnd, 2u * t->snd_mss);
	t->cwnd = tcp_flight(t) + t->snd_mss;
	tcp_retransmit_head(t);
}

/* What was in flight is not any more: no room to send it again all at once. */
void tcp_recovery_too_big(struct tcp *t)
{
	t->recover = t->snd_max;
	t->can_undo = false; /* what was too big is lost for certain */
	t->frto = TCP_FRTO_OFF;
	t->prr_delivered = t->prr_out = 0;
	t->cwnd = RTE_MIN(t->cwnd, tcp_flight(t) + t->snd_mss);
}

void tcp_recovery_congested(struct tcp *t, uint32_t flight)
{
	t->pmtu_recovery = false;
	if (t->cc->model)
		return;
	t->cwnd = t->ssthresh;
	t->ssthresh = t->prior_ssthresh;
	t->recover_fs = flight;
	t->prr_delivered = t->prr_out = 0;
	if (!tcp_reduce(t, flight))
		t->ssthresh = RTE_MIN(t->ssthresh, t->cwnd);
	t->cwnd = tcp_flight(t) + t->snd_mss;
}

void tcp_recovery_leave(struct tcp *t)
{
	if (t->cc->model)
		t->cc->on_recovered(t);
	else if (!t->rto_recovery)
		t->cwnd = without_burst(t, t->ssthresh);
	if (t->pmtu_recovery)
		t->ssthresh = RTE_MAX(t->ssthresh, t->prior_ssthresh);
	t->pmtu_recovery = false;
	t->in_recovery = t->rto_recovery = false;
	t->frto = TCP_FRTO_OFF;
	t->dupacks = 0;
	if (!t->use_sack)
		t->sacked_bytes = 0;
	tcp_rack_leave_recovery(t);
}

/* RFC 6937 s3.1 with the slow-start reduction bound where no further loss shows. */
void tcp_prr_on_ack(struct tcp *t, const struct tcp_ack *a)
{
	uint32_t pipe = tcp_flight(t), sndcnt;
	uint64_t due;

	t->prr_delivered += a->delivered;
	if (pipe > t->ssthresh) {
		due = ((uint64_t)t->prr_delivered * t->ssthresh + t->recover_fs - 1) /
		      (t->recover_fs > 0 ? t->recover_fs : 1);
		sndcnt = due > t->prr_out ? (uint32_t)(due - t->prr_out) : 0;
	} else {
		sndcnt = t->prr_delivered > t->prr_out ? t->prr_delivered - t->prr_out : 0;
		if (sndcnt < a->delivered)
			sndcnt = a->delivered;
		if (t->snd_una != a->prior_una && a->lost == 0)
			sndcnt += t->snd_mss;
		if (sndcnt > t->ssthresh - pipe)
			sndcnt = t->ssthresh - pipe;
	}
	t->cwnd = pipe + sndcnt;
	if (t->cwnd < t->snd_mss)
		t->cwnd = t->snd_mss;
}

/* --- undo --------------------------------------------------------------------------------------- */

void tcp_recovery_sent_again(struct tcp *t, const struct seg *s)
{
	struct sack_block *b = t->undo_retx;

	if (seq_lt(t->retx_high, seg_end(s)))
		t->retx_high = seg_end(s);
	if (!t->can_undo || !t->undo_by_dsack)
		return;
	for (unsigned int i = 0; i < t->n_undo_retx; i++)
		if (b[i].start == s->seq)
			t->undo_by_dsack = false; /* the one before has been lost, it seems */
	if (t->n_undo_retx == TCP_UNDO_RETX_MAX)
		t->undo_by_dsack = false;
	if (t->undo_by_dsack)
		b[t->n_undo_retx++] = (struct sack_block){s->seq, seg_end(s)};
}

/* From the last one that counts as lost to the first: the older, the nearer it belongs to the head of
 * the flight (tcp_flight_restore()). Returns the octets from first to last. */
static uint32_t unmark_all_lost(struct tcp *t)
{
	struct seg *s = t->lost_hint != NULL ? t->lost_hint : t->sndq.head, *last = NULL;
	uint32_t left = t->lost_bytes, first;

	t->lost_hint = NULL;
	if (left == 0)
		return 0;
	first = s->seq;
	for (; left > 0 && s != NULL; s = s->next)
		if (s->flags & SEG_LOST) {
			left -= seg_space(s);
			last = s;
		}
	for (s = last; t->lost_bytes > 0 && s != NULL; s = s->prev)
		if (s->flags & SEG_LOST)
			tcp_unmark_lost(t, s);
	return last != NULL ? seg_end(last) - first : 0;
}

/* As it was (RFC 4015 s3.2). */
static void undo(struct tcp *t, const struct tcp_ack *a, enum counter why)
{
	st_inc(t->st, why);
	if (!seq_lt(t->snd_una, t->undo_round)) {
		t->undo_round = t->snd_max;
		t->undo_walked = 0;
	}
	t->undo_walked += unmark_all_lost(t);
	if (!t->cc->model) {
		t->cwnd = without_burst(t, RTE_MAX(t->cwnd, t->prior_cwnd));
		t->ssthresh = RTE_MAX(t->ssthresh, t->prior_ssthresh);
		t->ssthresh = RTE_MAX(t->ssthresh, t->prior_cwnd);
	}
	if (t->cc->undo != NULL)
		t->cc->undo(t);
	if (!t->rto_recovery)
		tcp_rack_misled(t, a);
	t->in_recovery = t->rto_recovery = t->can_undo = false;
	t->frto = TCP_FRTO_OFF;
	t->cwr_high = t->snd_una;
	t->dupacks = 0;
	t->backoff = 0;
}

/* Every retransmission was in vain: so the peer says of one after the other. */
static bool all_duplicates(struct tcp *t, const struct tcp_ack *a)
{
	unsigned int n = 0;

	if (!a->has_dsack || !t->undo_by_dsack || t->n_undo_retx == 0)
		return false;
	for (unsigned int i = 0; i < t->n_undo_retx; i++) {
		const struct sack_block b = t->undo_retx[i];

		if (seq_lt(b.start, a->dsack.start) || seq_lt(a->dsack.end, b.end))
			t->undo_retx[n++] = b;
	}
	t->n_undo_retx = (uint8_t)n;
	return n == 0;
}

/* RFC 5682: s3.1, and without SACK s2.1, where a duplicate ACK says that the first retransmission was
 * needed. Returns whether the timeout was spurious. */
static bool is_spurious_timeout(struct tcp *t, const struct tcp_ack *a)
{
	bool advanced = t->snd_una != a->prior_una;
	bool beyond = seq_lt(t->recover, t->snd_una) ||
		      (t->sack_high != NULL && seq_lt(t->recover, seg_end(t->sack_high)));

	if (!advanced && !a->dup)
		return false;
	if (t->frto == TCP_FRTO_RETRANSMITTED) { /* step 2 */
		if (!advanced && t->use_sack)
			return false;
		t->frto = TCP_FRTO_OFF;
		if (!advanced || seq_leq(t->recover, t->snd_una) || !tcp_has_new(t))
			return false;
		/* The retransmission may have closed a gap before what is there for long. Once only new
		 * data has left since, what else is acknowledged was on its way all the time. */
		t->frto = TCP_FRTO_NEW_DATA;
		t->cwnd = tcp_flight(t) + 2 * t->snd_mss;
		return false;
	}
	t->frto = TCP_FRTO_OFF; /* step 3 */
	if (!beyond && a->orig_acked)
		return true;
	t->cwnd = RTE_MIN(t->cwnd, 3u * t->snd_mss);
	return false;
}

/* Returns whether the recovery is over because there was nothing to recover. */
bool tcp_undo_on_ack(struct tcp *t, const struct tcp_ack *a)
{
	enum counter why = CTR_NONE;

	if (a->ece && t->in_recovery)
		t->can_undo = false; /* whatever it began for, there is congestion */
	if (t->frto != TCP_FRTO_OFF && is_spurious_timeout(t, a))
		why = CTR_TCP_SPURIOUS_RTO;
	if (!t->can_undo)
		return false;
	if (t->in_recovery && a->retx_first && t->undo_by_ts) {
		/* The first word about what was retransmitted decides (RFC 3522 s3.2). */
		if (a->retx_in_vain)
			why = CTR_TCP_TS_UNDO;
		else if (a->has_ts)
			t->can_undo = false;
	}
	if (why == CTR_NONE && t->can_undo && all_duplicates(t, a))
		why = CTR_TCP_DSACK_UNDO;
	if (why != CTR_NONE)
		undo(t, a, why);
	return why != CTR_NONE;
}
