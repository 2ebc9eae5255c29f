/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Delivery rate: how much the network has delivered since a segment was sent, and in which time. The
 * longer of the times in which it was sent and acknowledged counts, so that acknowledgements that come in
 * clumps make no bandwidth. A sample that covers a time without data to send says so. For congestion
 * controls with a model of the path: no other asks.
 * Owning worker only. Source: draft-ietf-ccwg-bbr-06 s4.1, whose names these are.
 */
#include "mptcp/tcp/tcp_internal.h"

/* s is about to count as in flight. */
void tcp_rate_sent(struct tcp *t, struct seg *s)
{
	uint32_t flight;

	if (!t->cc->model)
		return;
	flight = tcp_flight(t);
	if (flight == 0)
		t->first_tx_us = t->delivered_us = s->tx_us;
	s->rate = (struct seg_rate){
		.delivered = t->delivered,
		.delivered_us = t->delivered_us,
		.first_tx_us = t->first_tx_us,
		.lost = t->lost,
		.in_flight = flight + seg_space(s),
	};
	if (t->app_limited != 0)
		s->flags |= SEG_APP;
	else
		s->flags &= ~SEG_APP;
}

/* s has just been acknowledged, one way or the other. */
void tcp_rate_delivered(struct tcp *t, const struct seg *s, struct tcp_rate_sample *r)
{
	int32_t later = (int32_t)(s->tx_us - t->first_tx_us);

	if (!t->cc->model)
		return;
	t->delivered += seg_space(s);
	t->delivered_us = (uint32_t)t->st->now_us;
	if (r->has && (later < 0 || (later == 0 && !seq_lt(r->end_seq, seg_end(s)))))
		return; /* one sent after it is known already */
	*r = (struct tcp_rate_sample){
		.has = true,
		.app_limited = (s->flags & SEG_APP) != 0,
		.end_seq = seg_end(s),
		.prior_delivered = s->rate.delivered,
		.prior_us = s->rate.delivered_us,
		.send_us = s->tx_us - s->rate.first_tx_us,
		.prior_lost = s->rate.lost,
		.tx_in_flight = s->rate.in_flight,
	};
	t->first_tx_us = s->tx_us;
}

/* All that one ACK delivered is known. */
void tcp_rate_sample(struct tcp *t, struct tcp_rate_sample *r)
{
	if (t->app_limited != 0 && seq_lt(t->app_limited, t->delivered))
		t->app_limited = 0;
	if (!r->has)
		return;
	r->delivered = t->delivered - r->prior_delivered;
	r->lost = t->lost - r->prior_lost;
	r->interval_us = RTE_MAX(t->delivered_us - r->prior_us, r->send_us);
	/* Of something sent twice the copy before has arrived. */
	if (r->interval_us < t->min_rtt_us)
		r->interval_us = 0;
}

void tcp_rate_mark_app(struct tcp *t)
{
	t->app_limited = t->delivered + tcp_flight(t);
	if (t->app_limited == 0)
		t->app_limited = 1;
}

void tcp_rate_check_app(struct tcp *t)
{
	if (t->cc->model && t->snd_unsent == NULL && t->lost_bytes == 0 &&
	    tcp_flight(t) + t->snd_mss <= t->cwnd)
		tcp_rate_mark_app(t);
}
