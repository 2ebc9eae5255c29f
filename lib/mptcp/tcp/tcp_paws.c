/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Protection against wrapped sequence numbers: a segment whose timestamp is older than TS.Recent is not
 * taken, but for what fills a gap. Once a retransmission has filled the gap before it, TS.Recent is as new
 * as that, and by RFC 7323 s5.3 (R1) every segment that reordering has made late is dropped. While octets
 * are missing the timestamp is compared with what TS.Recent was two windows ago, at most. What comes from
 * before the wrap was sent 2^32 octets ago. A window that is counted ends where it did when it began, or up
 * to one window later, when a gap is filled: with the one in use that makes five, far less at our scale (9).
 * Owning worker only. Source: RFC 7323 s4.3 and s5.
 */
#include <rte_branch_prediction.h>

#include "mptcp/tcp/tcp_internal.h"

#define VALID_MS (24u * 24 * 3600 * 1000) /* s5.5: 24 days */
#define MSL_MS   120000                   /* RFC 9293 s3.4.1: nothing is late by more than that */

static bool is_valid(const struct tcp *t)
{
	return t->st->now_ms - t->ts_recent_ms <= VALID_MS;
}

/* RCV.NXT has come to where the window ended when the present one began. */
static void next_window(struct tcp *t)
{
	t->paws_ts[1] = t->paws_ts[0];
	t->paws_ts[0] = t->ts_recent;
	t->paws_edge = t->rcv_adv;
	t->paws_ms = t->st->now_ms;
}

static void forget_windows(struct tcp *t)
{
	t->paws_ts[0] = t->ts_recent;
	next_window(t);
}

void tcp_paws_begin(struct tcp *t, uint32_t tsval)
{
	t->ts_recent = tsval;
	t->ts_recent_ms = t->st->now_ms;
	forget_windows(t);
}

bool tcp_paws_rejects(const struct tcp *t, uint32_t tsval)
{
	bool over = seq_leq(t->paws_edge, t->rcv_nxt); /* the window ends with this segment */

	if (!tcp_ts_before(tsval, t->ts_recent) || !is_valid(t))
		return false;
	return t->ofo.head == NULL || tcp_ts_before(tsval, t->paws_ts[over ? 0 : 1]);
}

void tcp_paws_in(struct tcp *t, const struct tcp_rx *rx)
{
	const struct tcp_opts *o = &rx->p->tcp;
	uint32_t age_ms = t->st->now_ms - t->paws_ms;

	if (!t->use_ts || !o->has_ts)
		return;
	if (seq_leq(rx->seq, t->last_ack_sent) &&
	    (!tcp_ts_before(o->tsval, t->ts_recent) || !is_valid(t))) {
		t->ts_recent = o->tsval;
		t->ts_recent_ms = t->st->now_ms;
	}
	if (unlikely(age_ms > 2 * MSL_MS))
		forget_windows(t);
	else if (unlikely(seq_leq(t->paws_edge, t->rcv_nxt) || age_ms > MSL_MS))
		next_window(t);
}
