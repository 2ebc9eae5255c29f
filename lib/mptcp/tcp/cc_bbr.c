/* SPDX-License-Identifier: BSD-3-Clause
 *
 * BBR, version 3: a model of the path, bandwidth and round-trip time, gives rate and window. Now and then
 * it sends faster, to see whether there is more of the one, and less, to see the other. A loss lowers its
 * bounds; how far depends on what was tried when it happened. The model is in bbr_path.c, what is tried in
 * bbr_state.c; here they become rate and window.
 * Owning worker only. Source: draft-ietf-ccwg-bbr-06 s5.6.
 */
#include "mptcp/tcp/bbr.h"

#define PACING_MARGIN_PERCENT 1

const struct bbr_gains bbr_gains[STATES] = {
	[STARTUP] = {277, 200}, [DRAIN] = {50, 200}, [DOWN] = {90, 200},      [CRUISE] = {100, 200},
	[REFILL] = {100, 200},  [UP] = {125, 225},   [PROBE_RTT] = {100, 50},
};

static void set_pacing_rate(struct tcp *t, const struct bbr *b, unsigned int gain)
{
	uint64_t rate = (uint64_t)b->bw * BW_UNIT * gain / 100;

	rate = rate * (100 - PACING_MARGIN_PERCENT) / 100;
	if (t->pacing_rate == 0 && t->srtt_us != 0)
		t->pacing_rate = (uint64_t)TCP_IW_SEGS * t->snd_mss * 1000000 / t->srtt_us *
				 bbr_gains[STARTUP].pacing_gain / 100;
	if (b->full_bw_reached || rate > t->pacing_rate)
		t->pacing_rate = rate;
}

/* s5.6.4.7 */
static uint32_t model_bound(const struct tcp *t, const struct bbr *b)
{
	uint32_t cap = INFINITE;

	if (b->state == PROBE_RTT || b->state == CRUISE)
		cap = bbr_inflight_with_headroom(t, b);
	else if (bbr_is_probe_bw(b))
		cap = b->inflight_longterm;
	cap = RTE_MIN(cap, b->inflight_shortterm);
	return RTE_MAX(cap, bbr_min_pipe(t));
}

static void set_cwnd(struct tcp *t, const struct bbr *b, uint32_t newly_acked)
{
	uint64_t most = (uint64_t)bbr_bdp_multiple(t, b, bbr_gains[b->state].cwnd_gain) +
			RTE_MAX(b->extra_acked[0], b->extra_acked[1]);
	uint32_t max_inflight = bbr_with_budget(t, b, (uint32_t)RTE_MIN(most, (uint64_t)INT32_MAX));

	if (b->full_bw_reached)
		t->cwnd = RTE_MIN(t->cwnd + newly_acked, max_inflight);
	else if (t->cwnd < max_inflight || t->delivered < TCP_IW_SEGS * t->snd_mss)
		t->cwnd += newly_acked;
	t->cwnd = RTE_MAX(t->cwnd, bbr_min_pipe(t));
	if (b->state == PROBE_RTT)
		t->cwnd = RTE_MIN(t->cwnd, bbr_probe_rtt_cwnd(t, b));
	t->cwnd = RTE_MIN(t->cwnd, model_bound(t, b));
}

static void bbr_on_ack(struct tcp *t, const struct tcp_ack *a)
{
	struct bbr *b = bbr_of(t);
	uint32_t bw = bbr_delivery_rate(&a->rate);

	bbr_update_congestion_signals(t, b, &a->rate, bw);
	bbr_update_ack_aggregation(t, b, a->delivered);
	bbr_check_full_bw(b, &a->rate, bw);
	bbr_check_startup_done(t, b, &a->rate);
	bbr_check_drain_done(t, b);
	bbr_update_probe_bw(t, b, a, bw);
	bbr_update_min_rtt(t, b, a->rtt_us);
	bbr_check_probe_rtt(t, b);
	if (b->loss_round_start) {
		b->is_loss_in_round = false;
		b->loss_events = 0;
		b->bw_latest = bw;
		b->inflight_latest = a->rate.delivered;
	}
	b->bw = RTE_MIN(bbr_max_bw(b), b->bw_shortterm);
	set_pacing_rate(t, b, bbr_gains[b->state].pacing_gain);
	set_cwnd(t, b, a->delivered);
}

/* s5.4.1 */
static void bbr_on_idle(struct tcp *t)
{
	struct bbr *b = bbr_of(t);

	if (t->app_limited == 0)
		return;
	b->idle_restart = true;
	b->extra_acked_us = (uint32_t)t->st->now_us;
	b->extra_acked_delivered = 0;
	if (bbr_is_probe_bw(b))
		set_pacing_rate(t, b, 100);
	else if (b->state == PROBE_RTT)
		bbr_check_probe_rtt_done(t, b);
}

static void bbr_init(struct tcp *t)
{
	struct bbr *b = bbr_of(t);

	*b = (struct bbr){
		.state = STARTUP,
		.undo_state = STATES,
		.min_rtt_us = t->srtt_us != 0 ? t->srtt_us : INFINITE,
		.probe_rtt_min_us = INFINITE,
		.min_rtt_ms = t->st->now_ms,
		.probe_rtt_min_ms = t->st->now_ms,
		.has_rtt = t->srtt_us != 0,
		.extra_acked_us = (uint32_t)t->st->now_us,
		.inflight_longterm = INFINITE,
		.probe_up_acked_per_inc = INFINITE,
	};
	bbr_reset_short_term_model(b);
	t->ssthresh = UINT32_MAX;
}

const struct tcp_cc_ops cc_bbr = {
	.name = "bbr",
	.model = true,
	.init = bbr_init,
	.on_ack = bbr_on_ack,
	.on_congestion = bbr_on_congestion,
	.on_timeout = bbr_on_timeout,
	.on_idle = bbr_on_idle,
	.save = bbr_save,
	.undo = bbr_undo,
	.on_recovered = bbr_on_recovered,
	.on_lost = bbr_on_lost,
	.on_tail_lost = bbr_on_tail_lost,
};
