/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Pacing: what the congestion window lets go leaves over the round trip, not as one burst for each
 * acknowledgement of many segments. A millisecond of the timer wheel is its grain, so short round trips,
 * whose windows are no bursts to speak of, go without. Octets that may leave are a bucket that fills with
 * the rate; what is sent again is taken out of it, too, but does not wait: PRR has judged it.
 * Owning worker only. Source: RFC 9002 s7.7 for the rate, RFC 9406 s4.2 for why slow start wants it.
 */
#include "mptcp/tcp/tcp_internal.h"

#define RTT_LEAST_US    10000
#define BURST_SEGS      10  /* that may always leave at once, as a first window does (RFC 6928) */
#define BUCKET_MS       2   /* or what two milliseconds bring */
#define GAIN_SLOW_START 200 /* percent of cwnd a round trip: the window doubles in one */
#define GAIN_AVOIDANCE  120 /* so that the window, not this, is the limit */

bool tcp_is_paced(const struct tcp *t)
{
	return t->st->cfg->pacing && t->srtt_us >= RTT_LEAST_US;
}

/* Octets a millisecond. */
static uint64_t rate(const struct tcp *t)
{
	uint64_t gain = t->cwnd < t->ssthresh / 2 ? GAIN_SLOW_START : GAIN_AVOIDANCE;
	uint64_t octets = (uint64_t)t->cwnd * gain * 10 / t->srtt_us;

	return octets > 0 ? octets : 1;
}

static void refill(struct tcp *t)
{
	uint32_t since_ms = t->st->now_ms - t->pace_ms;
	int64_t left, most;

	if (since_ms == 0)
		return;
	most = (int64_t)RTE_MAX((uint64_t)BURST_SEGS * t->snd_mss, BUCKET_MS * rate(t));
	left = (int64_t)(t->pace_left + since_ms * rate(t));
	t->pace_left = RTE_MIN(left, most);
	t->pace_ms = t->st->now_ms;
}

bool tcp_pace_allows(struct tcp *t, uint32_t octets)
{
	uint64_t wait_ms;

	if (!tcp_is_paced(t))
		return true;
	refill(t);
	if (t->pace_left >= octets)
		return true;
	if (!tcp_timer_on(t, TCPD_PACE)) {
		wait_ms = (uint64_t)(octets - t->pace_left) / rate(t) + 1;
		tcp_timer_set(t, TCPD_PACE, (uint32_t)RTE_MIN(wait_ms, t->srtt_us / 1000));
	}
	return false;
}

void tcp_pace_sent(struct tcp *t, uint32_t octets)
{
	/* A debt of more than a window would be one of before it shrank. */
	t->pace_left = RTE_MAX(t->pace_left - octets, -(int64_t)t->cwnd);
}
