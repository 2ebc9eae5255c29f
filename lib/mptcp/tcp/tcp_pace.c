/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Pacing: what the congestion window lets go leaves over the round trip, not as one burst for each
 * acknowledgement of many segments. Octets that may leave are a bucket that fills with the rate. A
 * congestion control with a model gives the rate. Else it is that of cwnd; a first window may always leave
 * at once, short round trips, whose windows are no bursts to speak of, go without, and what is sent again
 * is taken out of the bucket but does not wait: proportional rate reduction has judged it.
 * A millisecond of the timer wheel is the grain.
 * Owning worker only. Source: RFC 9002 s7.7 for the rate, RFC 9406 s4.2 for why slow start wants it.
 */
#include "mptcp/tcp/tcp_internal.h"

#define RTT_LEAST_US    10000
#define BUCKET_US       2000 /* it holds what these bring */
#define BUCKET_SEGS     2u /* or as much: the send quantum of BBR (draft-ietf-ccwg-bbr-06 s5.6.3) */
#define FILL_MOST_US    1000000
#define GAIN_SLOW_START 200 /* percent of cwnd a round trip: the window doubles in one */
#define GAIN_AVOIDANCE  120 /* so that the window, not this, is the limit */
#define MICRO           1000000

bool tcp_is_paced(const struct tcp *t)
{
	return t->pacing_rate != 0 || (t->st->cfg->pacing && t->srtt_us >= RTT_LEAST_US);
}

/* Octets a second. */
static uint64_t rate(const struct tcp *t)
{
	uint64_t gain = t->cwnd < t->ssthresh / 2 ? GAIN_SLOW_START : GAIN_AVOIDANCE;
	uint64_t octets = t->pacing_rate;

	if (octets == 0)
		octets = (uint64_t)t->cwnd * gain * (MICRO / 100) / t->srtt_us;
	return octets > 1000 ? octets : 1000;
}

/* What the bucket holds, in millionths of an octet. */
static int64_t capacity(const struct tcp *t, uint64_t r)
{
	uint64_t segs = t->cc->model ? BUCKET_SEGS : TCP_IW_SEGS;

	return (int64_t)RTE_MAX(segs * t->snd_mss * MICRO, BUCKET_US * r);
}

bool tcp_pace_allows(struct tcp *t, uint32_t octets)
{
	int64_t need = (int64_t)octets * MICRO, most;
	uint32_t since_us = (uint32_t)t->st->now_us - t->pace_us;
	uint64_t r, wait_ms;

	if (!tcp_is_paced(t))
		return true;
	r = rate(t);
	most = capacity(t, r);
	if (since_us > 0) {
		t->pace_left += (int64_t)(RTE_MIN(since_us, (uint32_t)FILL_MOST_US) * r);
		t->pace_left = RTE_MIN(t->pace_left, most);
		t->pace_us = (uint32_t)t->st->now_us;
	}
	/* A probe of the path MTU may be more than it holds. */
	need = RTE_MIN(need, most);
	if (t->pace_left >= need)
		return true;
	if (!tcp_timer_on(t, TCPD_PACE)) {
		wait_ms = (uint64_t)(need - t->pace_left) / r / 1000 + 1;
		tcp_timer_set(t, TCPD_PACE, (uint32_t)RTE_MIN(wait_ms, 1000u));
	}
	return false;
}

void tcp_pace_sent(struct tcp *t, uint32_t octets)
{
	/* A debt of more than a window would be one of before it shrank. */
	t->pace_left = RTE_MAX(t->pace_left - (int64_t)octets * MICRO, -(int64_t)t->cwnd * MICRO);
}
