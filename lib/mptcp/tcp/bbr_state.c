/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What BBR tries: more, to see whether the path takes it, or less, to see how short the round trip is.
 * Owning worker only. Source: draft-ietf-ccwg-bbr-06 s5.3.
 */
#include "mptcp/tcp/bbr.h"

#define STARTUP_FULL_LOSSES   6
#define DRAIN_ROUNDS          3
#define PROBE_RTT_DURATION_MS 200
#define RENO_ROUNDS_MAX       63
#define UP_ROUNDS_MAX         30

void bbr_enter_drain(struct bbr *b)
{
	b->state = DRAIN;
	b->drain_rounds = 0;
}

void bbr_start_down(struct tcp *t, struct bbr *b)
{
	bbr_reset_congestion_signals(b);
	b->probe_up_acked_per_inc = INFINITE;
	b->rounds_since_probe_up = csprng_u32(&t->st->rng) % 2;
	b->bw_probe_wait_ms = (uint16_t)(2000 + csprng_u32(&t->st->rng) % 1000);
	b->cycle_ms = t->st->now_ms;
	b->ack_phase = ACKS_PROBE_STOPPING;
	bbr_start_round(t, b);
	b->state = DOWN;
}

void bbr_start_refill(struct tcp *t, struct bbr *b)
{
	bbr_reset_short_term_model(b);
	b->bw_probe_up_rounds = 0;
	b->bw_probe_up_acked = 0;
	b->prev_probe_precautionary = false;
	b->ack_phase = ACKS_REFILLING;
	bbr_start_round(t, b);
	b->state = REFILL;
}

/* inflight_longterm grows by a segment in the first round, then by two, four and so on. */
static void raise_slope(struct tcp *t, struct bbr *b)
{
	b->probe_up_acked_per_inc = RTE_MAX(t->cwnd >> b->bw_probe_up_rounds, (uint32_t)t->snd_mss);
	if (b->bw_probe_up_rounds < UP_ROUNDS_MAX)
		b->bw_probe_up_rounds++;
}

static void start_up(struct tcp *t, struct bbr *b, uint32_t bw)
{
	b->ack_phase = ACKS_PROBE_STARTING;
	bbr_start_round(t, b);
	bbr_reset_full_bw(b, bw);
	b->state = UP;
	raise_slope(t, b);
}

/* --- startup and drain (s5.3.1, s5.3.2) ----------------------------------------------------------- */

/* s5.3.1.3 */
static bool is_startup_loss_high(const struct tcp *t, const struct bbr *b,
				 const struct tcp_rate_sample *rs)
{
	if (!t->in_recovery || !b->is_loss_in_round)
		return false;
	if (!t->use_sack)
		return true;
	return b->loss_round_start && b->loss_events >= STARTUP_FULL_LOSSES &&
	       bbr_is_inflight_too_high(t, rs->lost, rs->tx_in_flight);
}

void bbr_check_startup_done(const struct tcp *t, struct bbr *b, const struct tcp_rate_sample *rs)
{
	if (b->state != STARTUP)
		return;
	if (!b->full_bw_reached && is_startup_loss_high(t, b, rs)) {
		b->undo_state = STARTUP;
		b->full_bw_reached = true;
		b->inflight_longterm = RTE_MAX(bbr_bdp_multiple(t, b, 100), b->inflight_latest);
	}
	if (b->full_bw_reached)
		bbr_enter_drain(b);
}

void bbr_check_drain_done(struct tcp *t, struct bbr *b)
{
	if (b->state == DRAIN &&
	    (tcp_flight(t) <= bbr_with_budget(t, b, bbr_bdp_multiple(t, b, 100)) ||
	     b->drain_rounds > DRAIN_ROUNDS))
		bbr_start_down(t, b);
}

/* --- probing for bandwidth (s5.3.3) --------------------------------------------------------------- */

static bool is_time_to_probe(const struct tcp *t, const struct bbr *b)
{
	uint32_t segs = bbr_target_inflight(t, b) / t->snd_mss;
	uint32_t reno_rounds = RTE_MIN(segs, (uint32_t)RENO_ROUNDS_MAX);

	return t->st->now_ms - b->cycle_ms > b->bw_probe_wait_ms ||
	       b->rounds_since_probe_up >= RTE_MAX(reno_rounds, 1u);
}

static bool is_time_to_cruise(const struct tcp *t, const struct bbr *b)
{
	uint32_t flight = tcp_flight(t);

	return flight <= bbr_inflight_with_headroom(t, b) &&
	       flight <= bbr_with_budget(t, b, bbr_bdp_multiple(t, b, 100));
}

static bool is_time_to_go_down(const struct tcp *t, struct bbr *b, const struct tcp_ack *a,
			       uint32_t bw)
{
	/* As full as whole segments make it. */
	if (b->prev_probe_too_high && a->prior_flight + t->snd_mss > b->inflight_longterm) {
		b->prev_probe_precautionary = true;
		return true;
	}
	if (a->cwnd_limited && t->cwnd >= b->inflight_longterm) {
		bbr_reset_full_bw(b, bw); /* that is what limits it, not the path */
		return false;
	}
	return b->full_bw_now;
}

static void probe_longterm_upward(struct tcp *t, struct bbr *b, const struct tcp_ack *a)
{
	uint32_t n;

	if (!a->cwnd_limited || t->cwnd < b->inflight_longterm)
		return;
	b->bw_probe_up_acked += a->delivered;
	n = b->bw_probe_up_acked / b->probe_up_acked_per_inc;
	b->bw_probe_up_acked -= n * b->probe_up_acked_per_inc;
	b->inflight_longterm = (uint32_t)RTE_MIN(b->inflight_longterm + (uint64_t)n * t->snd_mss,
						 (uint64_t)INFINITE - 1);
	if (b->round_start)
		raise_slope(t, b);
}

/* Returns whether the state has changed. */
static bool adapt_longterm_model(struct tcp *t, struct bbr *b, const struct tcp_ack *a)
{
	const struct tcp_rate_sample *rs = &a->rate;

	if (b->ack_phase == ACKS_PROBE_STARTING && b->round_start)
		b->ack_phase = ACKS_PROBE_FEEDBACK;
	if (b->ack_phase == ACKS_PROBE_STOPPING && b->round_start) {
		b->is_bw_probe_sample = false;
		b->ack_phase = ACKS_INIT;
		/* What was not measured in this cycle does not replace what is known. */
		if (bbr_is_probe_bw(b) && !rs->app_limited && b->max_bw[0] != 0) {
			b->max_bw[1] = b->max_bw[0];
			b->max_bw[0] = 0;
		}
		if (bbr_is_probe_bw(b) && b->prev_probe_precautionary && !b->prev_probe_too_high) {
			bbr_start_refill(t, b);
			return true;
		}
	}
	if (bbr_is_inflight_too_high(t, rs->lost, rs->tx_in_flight) ||
	    b->inflight_longterm == INFINITE)
		return false;
	b->inflight_longterm = RTE_MAX(b->inflight_longterm, rs->tx_in_flight);
	if (b->state == UP)
		probe_longterm_upward(t, b, a);
	return false;
}

void bbr_update_probe_bw(struct tcp *t, struct bbr *b, const struct tcp_ack *a, uint32_t bw)
{
	if (!b->full_bw_reached || adapt_longterm_model(t, b, a))
		return;
	switch (b->state) {
	case DOWN:
	case CRUISE:
		if (is_time_to_probe(t, b))
			bbr_start_refill(t, b);
		else if (b->state == DOWN && is_time_to_cruise(t, b))
			b->state = CRUISE;
		break;
	case REFILL:
		if (b->round_start) {
			b->is_bw_probe_sample = true;
			start_up(t, b, bw);
		}
		break;
	case UP:
		if (is_time_to_go_down(t, b, a, bw)) {
			b->prev_probe_too_high = false;
			bbr_start_down(t, b);
		}
		break;
	default:
		break;
	}
}

/* --- probing for the round-trip time (s5.3.4) ----------------------------------------------------- */

void bbr_check_probe_rtt_done(struct tcp *t, struct bbr *b)
{
	if (b->probe_rtt_done_ms == 0 || (int32_t)(t->st->now_ms - b->probe_rtt_done_ms) <= 0)
		return;
	b->probe_rtt_min_ms = t->st->now_ms;
	bbr_restore_cwnd(t, b);
	bbr_reset_short_term_model(b);
	if (b->full_bw_reached) {
		bbr_start_down(t, b);
		b->state = CRUISE;
	} else {
		b->state = STARTUP;
	}
}

static void handle_probe_rtt(struct tcp *t, struct bbr *b)
{
	tcp_rate_mark_app(t); /* a low rate says nothing now */
	if (b->probe_rtt_done_ms == 0 && tcp_flight(t) <= bbr_probe_rtt_cwnd(t, b)) {
		b->probe_rtt_done_ms = t->st->now_ms + PROBE_RTT_DURATION_MS;
		b->probe_rtt_done_ms += b->probe_rtt_done_ms == 0;
		b->probe_rtt_round_done = false;
		bbr_start_round(t, b);
	} else if (b->probe_rtt_done_ms != 0) {
		if (b->round_start)
			b->probe_rtt_round_done = true;
		if (b->probe_rtt_round_done)
			bbr_check_probe_rtt_done(t, b);
	}
}

void bbr_check_probe_rtt(struct tcp *t, struct bbr *b)
{
	if (b->state != PROBE_RTT && b->probe_rtt_expired && !b->idle_restart) {
		bbr_save_cwnd(t, b);
		b->state = PROBE_RTT;
		b->probe_rtt_done_ms = 0;
		b->ack_phase = ACKS_PROBE_STOPPING;
		bbr_start_round(t, b);
	}
	if (b->state == PROBE_RTT)
		handle_probe_rtt(t, b);
	b->idle_restart = false;
}
