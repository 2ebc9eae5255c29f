/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files of BBR share among themselves; nobody else includes this.
 * Bandwidths are in BW_UNIT octets a second; amounts in octets. Owning worker only.
 * Source: draft-ietf-ccwg-bbr-06, whose names these are.
 */
#ifndef TCP_BBR_H
#define TCP_BBR_H

#include "mptcp/tcp/tcp_internal.h"

#define BW_UNIT  16
#define BW_OF    (1000000 / BW_UNIT) /* octets a microsecond are so many of it */
#define INFINITE UINT32_MAX

#define LOSS_THRESH_PERCENT 2
#define BETA_PERCENT        70
#define MIN_PIPE_CWND       4 /* segments */

enum bbr_state { STARTUP, DRAIN, DOWN, CRUISE, REFILL, UP, PROBE_RTT, STATES };

/* What the ACKs are about (s2.14). */
enum ack_phase {
	ACKS_INIT,
	ACKS_REFILLING,
	ACKS_PROBE_STARTING,
	ACKS_PROBE_FEEDBACK,
	ACKS_PROBE_STOPPING,
};

extern const struct bbr_gains {
	uint16_t pacing_gain, cwnd_gain;
} bbr_gains[STATES]; /* s5.6.1; percent */

struct bbr {
	/* the path */
	uint32_t max_bw[2]; /* of this cycle of probing, and of the one before */
	uint32_t bw, bw_shortterm, bw_latest;
	uint32_t inflight_longterm, inflight_shortterm, inflight_latest;
	uint32_t min_rtt_us, min_rtt_ms; /* and when that was */
	uint32_t extra_acked[2], extra_acked_us, extra_acked_delivered;
	/* rounds */
	uint32_t next_round_delivered, loss_round_delivered;
	uint32_t full_bw;
	uint32_t lost_end_seq; /* of the last one lost */
	uint32_t prior_cwnd;
	/* probing */
	uint32_t cycle_ms;
	uint32_t bw_probe_up_acked, probe_up_acked_per_inc;
	uint32_t probe_rtt_min_us, probe_rtt_min_ms, probe_rtt_done_ms; /* 0: not yet */
	uint32_t undo_bw_shortterm, undo_inflight_shortterm, undo_inflight_longterm;
	uint16_t bw_probe_wait_ms;
	uint8_t state, undo_state, ack_phase; /* undo_state: STATES: none */
	uint8_t rounds_since_probe_up, bw_probe_up_rounds;
	uint8_t drain_rounds, extra_acked_rounds;
	uint8_t full_bw_count, loss_events;
	bool round_start : 1, loss_round_start : 1, is_loss_in_round : 1;
	bool full_bw_reached : 1, full_bw_now : 1;
	bool is_bw_probe_sample : 1, prev_probe_too_high : 1, prev_probe_precautionary : 1;
	bool saved : 1; /* for the recovery that begins with this loss */
	bool idle_restart : 1, probe_rtt_round_done : 1, probe_rtt_expired : 1, has_rtt : 1;
};
_Static_assert(sizeof(struct bbr) <= sizeof(((struct tcp *)0)->cc_priv), "fits cc_priv");

static inline struct bbr *bbr_of(struct tcp *t)
{
	return (struct bbr *)t->cc_priv;
}

static inline uint32_t bbr_percent(uint32_t v, unsigned int p)
{
	uint64_t r = (uint64_t)v * p / 100;

	return r < INFINITE ? (uint32_t)r : INFINITE - 1;
}

static inline bool bbr_is_probe_bw(const struct bbr *b)
{
	return b->state >= DOWN && b->state <= UP;
}

static inline bool bbr_is_probing(const struct bbr *b)
{
	return b->state == STARTUP || b->state == REFILL || b->state == UP;
}

static inline uint32_t bbr_max_bw(const struct bbr *b)
{
	return RTE_MAX(b->max_bw[0], b->max_bw[1]);
}

static inline uint32_t bbr_min_pipe(const struct tcp *t)
{
	return MIN_PIPE_CWND * t->snd_mss;
}

/* bbr_path.c */
/* Of the sample; 0: none. */
uint32_t bbr_delivery_rate(const struct tcp_rate_sample *rs);
/* gain: percent of what the path holds. */
uint32_t bbr_bdp_multiple(const struct tcp *t, const struct bbr *b, unsigned int gain);
/* inflight, and what it takes to keep a sender of bursts busy. */
uint32_t bbr_with_budget(const struct tcp *t, const struct bbr *b, uint32_t inflight);
uint32_t bbr_inflight_with_headroom(const struct tcp *t, const struct bbr *b);
uint32_t bbr_target_inflight(const struct tcp *t, const struct bbr *b);
uint32_t bbr_probe_rtt_cwnd(const struct tcp *t, const struct bbr *b);
/* What leaves from now on is acknowledged in the next round. */
void bbr_start_round(const struct tcp *t, struct bbr *b);
void bbr_reset_congestion_signals(struct bbr *b);
void bbr_reset_short_term_model(struct bbr *b);
/* From here on three rounds are counted in which the bandwidth does not grow by a fourth. */
void bbr_reset_full_bw(struct bbr *b, uint32_t baseline);
void bbr_update_congestion_signals(const struct tcp *t, struct bbr *b,
				   const struct tcp_rate_sample *rs, uint32_t bw);
void bbr_update_ack_aggregation(const struct tcp *t, struct bbr *b, uint32_t newly_acked);
void bbr_check_full_bw(struct bbr *b, const struct tcp_rate_sample *rs, uint32_t bw);
void bbr_update_min_rtt(const struct tcp *t, struct bbr *b, uint32_t rtt_us);

/* bbr_state.c */
void bbr_enter_drain(struct bbr *b);
void bbr_start_down(struct tcp *t, struct bbr *b);
void bbr_start_refill(struct tcp *t, struct bbr *b);
void bbr_check_startup_done(const struct tcp *t, struct bbr *b, const struct tcp_rate_sample *rs);
void bbr_check_drain_done(struct tcp *t, struct bbr *b);
void bbr_update_probe_bw(struct tcp *t, struct bbr *b, const struct tcp_ack *a, uint32_t bw);
void bbr_check_probe_rtt_done(struct tcp *t, struct bbr *b);
void bbr_check_probe_rtt(struct tcp *t, struct bbr *b);

/* bbr_loss.c */
void bbr_save_cwnd(const struct tcp *t, struct bbr *b);
void bbr_save(struct tcp *t);
bool bbr_is_inflight_too_high(const struct tcp *t, uint32_t lost, uint32_t tx_in_flight);
void bbr_on_lost(struct tcp *t, const struct seg *s);
void bbr_on_tail_lost(struct tcp *t, uint32_t flight);
void bbr_on_congestion(struct tcp *t, uint32_t flight);
void bbr_on_timeout(struct tcp *t, uint32_t flight);
void bbr_restore_cwnd(struct tcp *t, const struct bbr *b);
void bbr_on_recovered(struct tcp *t);
void bbr_undo(struct tcp *t);

#endif
