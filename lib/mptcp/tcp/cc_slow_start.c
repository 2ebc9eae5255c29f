/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Slow start with HyStart++: the first one, whose end nobody knows, grows more slowly once a round trip
 * takes longer than the one before, and ends when that goes on for some rounds, before the queue
 * overflows. Shared by the congestion controls. Owning worker only. Source: RFC 9406 s4.2 and s4.3,
 * whose names these are.
 */
#include "mptcp/tcp/tcp_internal.h"

#define MIN_RTT_THRESH_US  4000
#define MAX_RTT_THRESH_US  16000
#define MIN_RTT_DIVISOR    8
#define N_RTT_SAMPLE       8
#define CSS_GROWTH_DIVISOR 4
#define CSS_ROUNDS         5

static uint32_t rtt_thresh_us(uint32_t rtt_us)
{
	uint32_t thresh = rtt_us / MIN_RTT_DIVISOR;

	return thresh < MIN_RTT_THRESH_US   ? MIN_RTT_THRESH_US
	       : thresh > MAX_RTT_THRESH_US ? MAX_RTT_THRESH_US
					    : thresh;
}

/* A round lasts until what was sent when it began is acknowledged. */
static void next_round(struct tcp *t, struct hystart *h)
{
	h->window_end = t->snd_max;
	h->last_round_min_rtt_us = h->current_round_min_rtt_us;
	h->current_round_min_rtt_us = 0;
	h->rtt_sample_count = 0;
	if (h->css_baseline_us != 0 && ++h->css_rounds >= CSS_ROUNDS)
		t->ssthresh = t->cwnd;
}

static void judge(struct hystart *h)
{
	if (h->rtt_sample_count < N_RTT_SAMPLE)
		return;
	if (h->css_baseline_us == 0) {
		if (h->last_round_min_rtt_us != 0 &&
		    h->current_round_min_rtt_us >=
			    h->last_round_min_rtt_us + rtt_thresh_us(h->last_round_min_rtt_us)) {
			h->css_baseline_us = h->current_round_min_rtt_us;
			h->css_rounds = 0;
		}
	} else if (h->current_round_min_rtt_us < h->css_baseline_us) {
		h->css_baseline_us = 0; /* the delay was a passing one */
	}
}

static void hystart_on_ack(struct tcp *t, const struct tcp_ack *a)
{
	struct hystart *h = &t->hystart;

	if (a->rtt_us != 0) {
		if (h->current_round_min_rtt_us == 0 || a->rtt_us < h->current_round_min_rtt_us)
			h->current_round_min_rtt_us = a->rtt_us;
		h->rtt_sample_count++;
		judge(h);
	}
	if (h->window_end == 0 || seq_leq(h->window_end, t->snd_una))
		next_round(t, h);
}

/* What one ACK may add. With pacing nothing bursts that should not (RFC 9406 s4.2, L). */
static uint32_t limit(const struct tcp *t)
{
	if (t->rto_recovery)
		return t->snd_mss;
	return tcp_is_paced(t) ? UINT32_MAX : TCP_SLOW_START_L * t->snd_mss;
}

uint32_t cc_slow_start(struct tcp *t, const struct tcp_ack *a)
{
	bool first = t->ssthresh == UINT32_MAX;
	uint32_t most = limit(t);
	uint32_t room = t->ssthresh - t->cwnd;
	uint32_t step = a->credit < room ? a->credit : room;

	if (step > most)
		step = most;
	if (!first) {
		t->cwnd += step;
	} else {
		t->cwnd += t->hystart.css_baseline_us != 0 ? step / CSS_GROWTH_DIVISOR : step;
		hystart_on_ack(t, a);
	}
	/* What is left of the ACK counts in congestion avoidance. */
	return t->cwnd < t->ssthresh ? 0 : a->credit - step;
}
