/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What BBR knows of the path: bandwidth, round-trip time, how much fits into it, and the lower bounds that
 * losses have brought about.
 * Owning worker only. Source: draft-ietf-ccwg-bbr-06 s5.5.
 */
#include "mptcp/tcp/bbr.h"

#define HEADROOM_PERCENT      15
#define FULL_BW_ROUNDS        3
#define FULL_BW_PERCENT       125
#define EXTRA_ACKED_ROUNDS    5 /* of each of the two slots of the filter */
#define MIN_RTT_FILTER_MS     10000
#define PROBE_RTT_INTERVAL_MS 5000

/* Of the sample; 0: none. */
uint32_t bbr_delivery_rate(const struct tcp_rate_sample *rs)
{
	uint64_t bw;

	if (rs->interval_us == 0)
		return 0;
	bw = (uint64_t)rs->delivered * BW_OF / rs->interval_us;
	return bw < INFINITE ? (uint32_t)bw : INFINITE - 1;
}

/* --- how much is wanted in flight (s5.6.4.2) ------------------------------------------------------ */

uint32_t bbr_bdp_multiple(const struct tcp *t, const struct bbr *b, unsigned int gain)
{
	uint64_t bdp = (uint64_t)b->bw * b->min_rtt_us / BW_OF;

	if (!b->has_rtt)
		return TCP_IW_SEGS * t->snd_mss;
	return bbr_percent((uint32_t)RTE_MIN(bdp, (uint64_t)INFINITE - 1), gain);
}

/* Three quanta: one is a millisecond, the grain of the pacing timer. */
static uint32_t offload_budget(const struct tcp *t)
{
	uint32_t quantum = (uint32_t)RTE_MIN(t->pacing_rate / 1000, (uint64_t)65536);

	return 3 * RTE_MAX(quantum, 2u * t->snd_mss);
}

uint32_t bbr_with_budget(const struct tcp *t, const struct bbr *b, uint32_t inflight)
{
	inflight = RTE_MAX(inflight, offload_budget(t));
	inflight = RTE_MAX(inflight, bbr_min_pipe(t));
	return b->state == UP ? inflight + 2 * t->snd_mss : inflight;
}

uint32_t bbr_inflight_with_headroom(const struct tcp *t, const struct bbr *b)
{
	uint32_t headroom;

	if (b->inflight_longterm == INFINITE)
		return INFINITE;
	headroom =
		RTE_MAX(bbr_percent(b->inflight_longterm, HEADROOM_PERCENT), (uint32_t)t->snd_mss);
	if (b->inflight_longterm < headroom + bbr_min_pipe(t))
		return bbr_min_pipe(t);
	return b->inflight_longterm - headroom;
}

uint32_t bbr_target_inflight(const struct tcp *t, const struct bbr *b)
{
	return RTE_MIN(bbr_bdp_multiple(t, b, 100), t->cwnd);
}

uint32_t bbr_probe_rtt_cwnd(const struct tcp *t, const struct bbr *b)
{
	return RTE_MAX(bbr_bdp_multiple(t, b, bbr_gains[PROBE_RTT].cwnd_gain), bbr_min_pipe(t));
}

/* --- at each ACK ---------------------------------------------------------------------------------- */

void bbr_start_round(const struct tcp *t, struct bbr *b)
{
	b->next_round_delivered = t->delivered;
}

void bbr_reset_congestion_signals(struct bbr *b)
{
	b->is_loss_in_round = false;
	b->loss_events = 0;
	b->bw_latest = b->inflight_latest = 0;
}

void bbr_reset_short_term_model(struct bbr *b)
{
	b->bw_shortterm = b->inflight_shortterm = INFINITE;
}

void bbr_reset_full_bw(struct bbr *b, uint32_t baseline)
{
	b->full_bw = baseline;
	b->full_bw_count = 0;
	b->full_bw_now = false;
}

/* Once a round that had a loss. */
static void adapt_lower_bounds(const struct tcp *t, struct bbr *b)
{
	if (bbr_is_probing(b) || !b->is_loss_in_round)
		return;
	if (b->bw_shortterm == INFINITE)
		b->bw_shortterm = bbr_max_bw(b);
	if (b->inflight_shortterm == INFINITE)
		b->inflight_shortterm = t->cwnd;
	b->bw_shortterm = RTE_MAX(b->bw_latest, bbr_percent(b->bw_shortterm, BETA_PERCENT));
	b->inflight_shortterm =
		RTE_MAX(b->inflight_latest, bbr_percent(b->inflight_shortterm, BETA_PERCENT));
}

static void update_round(const struct tcp *t, struct bbr *b, const struct tcp_rate_sample *rs)
{
	b->round_start = seq_leq(b->next_round_delivered, rs->prior_delivered);
	if (!b->round_start)
		return;
	bbr_start_round(t, b);
	if (b->rounds_since_probe_up < UINT8_MAX)
		b->rounds_since_probe_up++;
	if (b->drain_rounds < UINT8_MAX)
		b->drain_rounds++;
}

void bbr_update_congestion_signals(const struct tcp *t, struct bbr *b,
				   const struct tcp_rate_sample *rs, uint32_t bw)
{
	b->bw_latest = RTE_MAX(b->bw_latest, bw);
	b->inflight_latest = RTE_MAX(b->inflight_latest, rs->delivered);
	b->loss_round_start = seq_leq(b->loss_round_delivered, rs->prior_delivered);
	if (b->loss_round_start)
		b->loss_round_delivered = t->delivered;
	update_round(t, b, rs);
	if (bw >= bbr_max_bw(b) || !rs->app_limited)
		b->max_bw[0] = RTE_MAX(b->max_bw[0], bw);
	if (b->loss_round_start)
		adapt_lower_bounds(t, b);
}

/* More was acknowledged at once than the bandwidth explains: the window has room for that, too (s5.5.9). */
void bbr_update_ack_aggregation(const struct tcp *t, struct bbr *b, uint32_t newly_acked)
{
	uint32_t since_us = (uint32_t)t->st->now_us - b->extra_acked_us;
	uint64_t expected = (uint64_t)b->bw * since_us / BW_OF;
	uint32_t extra;

	if (b->round_start &&
	    ++b->extra_acked_rounds >= (b->full_bw_reached ? EXTRA_ACKED_ROUNDS : 1)) {
		b->extra_acked_rounds = 0;
		b->extra_acked[1] = b->extra_acked[0];
		b->extra_acked[0] = 0;
	}
	if (b->extra_acked_delivered <= expected) {
		b->extra_acked_delivered = 0;
		b->extra_acked_us = (uint32_t)t->st->now_us;
		expected = 0;
	}
	b->extra_acked_delivered += newly_acked;
	extra = b->extra_acked_delivered - (uint32_t)expected;
	extra = RTE_MIN(extra, t->cwnd);
	b->extra_acked[0] = RTE_MAX(b->extra_acked[0], extra);
}

/* Three rounds in which more did not make it faster (s5.3.1.2). */
void bbr_check_full_bw(struct bbr *b, const struct tcp_rate_sample *rs, uint32_t bw)
{
	if (b->full_bw_now || !b->round_start || rs->app_limited || bw == 0)
		return;
	if (bw >= bbr_percent(b->full_bw, FULL_BW_PERCENT)) {
		bbr_reset_full_bw(b, bw);
		return;
	}
	b->full_bw_now = ++b->full_bw_count >= FULL_BW_ROUNDS;
	b->full_bw_reached = b->full_bw_reached || b->full_bw_now;
}

void bbr_update_min_rtt(const struct tcp *t, struct bbr *b, uint32_t rtt_us)
{
	uint32_t now_ms = t->st->now_ms;

	b->probe_rtt_expired = now_ms - b->probe_rtt_min_ms > PROBE_RTT_INTERVAL_MS;
	if (rtt_us != 0 && (rtt_us < b->probe_rtt_min_us || b->probe_rtt_expired)) {
		b->probe_rtt_min_us = rtt_us;
		b->probe_rtt_min_ms = now_ms;
	}
	if (b->probe_rtt_min_us < b->min_rtt_us || now_ms - b->min_rtt_ms > MIN_RTT_FILTER_MS) {
		b->min_rtt_us = b->probe_rtt_min_us;
		b->min_rtt_ms = b->probe_rtt_min_ms;
	}
	b->has_rtt = b->min_rtt_us != INFINITE;
}
