/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From a loss to the end of its repair: how fast to send meanwhile (proportional rate reduction), and
 * taking it all back when nothing was lost. That shows in a timestamp echo that is older than the
 * retransmission (Eifel), in duplicates reported for every retransmission (D-SACK), or, without
 * timestamps, in an acknowledgement of what a timeout had not sent again (F-RTO).
 * Owning worker only. Source: RFC 6937, RFC 3522 and 4015, RFC 2883 and 3708, RFC 5682.
 */
#include <string.h>

#include "mptcp/tcp/tcp_internal.h"

static void remember(struct tcp *t)
{
	t->can_undo = true;
	t->prior_cwnd = t->cwnd;
	t->prior_ssthresh = t->ssthresh;
	t->undo_una = t->snd_una;
	t->undo_ts = tcp_ts_now(t);
	t->undo_by_ts = t->sndq.head->n_tx == 1;
	t->undo_retx = 0;
	memcpy(t->cc_undo, t->cc_priv, sizeof(t->cc_undo));
}

static void begin(struct tcp *t)
{
	t->in_recovery = true;
	t->recover = t->snd_max;
	t->tlp_out = false;
	tcp_ecn_reduced(t);
	tcp_timer_off(t, TCPD_PTO);
}

void tcp_recovery_enter(struct tcp *t)
{
	st_inc(t->st, CTR_TCP_RECOVERY);
	remember(t);
	begin(t);
	t->rto_recovery = t->frto = false;
	t->prr_delivered = t->prr_out = 0;
	t->recover_fs = t->snd_max - t->snd_una;
	t->cc->on_congestion(t);
	t->cwnd = tcp_flight(t) + t->snd_mss; /* the first retransmission goes at once */
	tcp_retransmit_head(t);
}

/* Once for a row of timeouts (RFC 5681 s3.1). */
void tcp_recovery_enter_timeout(struct tcp *t)
{
	if (t->backoff <= 1) {
		/* A timeout in the middle of a recovery is about what that has not repaired. */
		t->frto = !t->in_recovery;
		if (!t->in_recovery)
			remember(t);
		t->cc->on_timeout(t);
	}
	t->cwnd = t->snd_mss;
	begin(t);
	t->rto_recovery = true;
	t->dupacks = 0;
}

void tcp_recovery_leave(struct tcp *t)
{
	if (!t->rto_recovery)
		t->cwnd = t->ssthresh;
	t->in_recovery = t->rto_recovery = t->frto = false;
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

static void undo(struct tcp *t, enum counter why)
{
	struct seg *s;

	st_inc(t->st, why);
	for (s = t->sndq.tail; t->lost_bytes > 0 && s != NULL; s = s->prev)
		if (s->flags & SEG_LOST)
			tcp_unmark_lost(t, s);
	t->lost_hint = NULL;
	if (t->cwnd < t->prior_cwnd)
		t->cwnd = t->prior_cwnd;
	if (t->ssthresh < t->prior_ssthresh)
		t->ssthresh = t->prior_ssthresh;
	memcpy(t->cc_priv, t->cc_undo, sizeof(t->cc_priv)); /* RFC 9438 s4.9 */
	t->in_recovery = t->rto_recovery = t->frto = t->can_undo = false;
	t->dupacks = 0;
	t->backoff = 0;
}

/* Every retransmission was in vain: so the peer says of one after the other. */
static bool all_duplicates(struct tcp *t, const struct tcp_ack *a)
{
	uint32_t octets;

	if (!a->has_dsack || !t->can_undo || t->undo_retx == 0 ||
	    seq_lt(a->dsack.start, t->undo_una) || seq_lt(t->recover, a->dsack.end))
		return false;
	octets = a->dsack.end - a->dsack.start;
	t->undo_retx = octets < t->undo_retx ? t->undo_retx - octets : 0;
	return t->undo_retx == 0;
}

/* Returns whether the recovery is over because there was nothing to recover. */
bool tcp_undo_on_ack(struct tcp *t, const struct tcp_ack *a)
{
	if (!t->can_undo)
		return false;
	if (t->in_recovery && a->retx_first && t->undo_by_ts) {
		/* The first word about what was retransmitted decides (RFC 3522 s3.2). */
		if (a->retx_in_vain) {
			undo(t, CTR_TCP_TS_UNDO);
			return true;
		}
		if (a->has_ts) {
			t->can_undo = false;
			return false;
		}
	}
	if (all_duplicates(t, a)) {
		undo(t, CTR_TCP_DSACK_UNDO);
		return true;
	}
	if (t->frto && !t->use_ts && a->orig_acked) {
		undo(t, CTR_TCP_SPURIOUS_RTO);
		return true;
	}
	return false;
}
