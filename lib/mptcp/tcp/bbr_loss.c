/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What BBR makes of losses and marks, and of the news that there was none.
 * Owning worker only. Source: draft-ietf-ccwg-bbr-06 s5.5.10 and s5.5.11.
 */
#include "mptcp/tcp/bbr.h"

/* In recovery or while the round-trip time is probed, cwnd is not what is known to be good. */
void bbr_save_cwnd(const struct tcp *t, struct bbr *b)
{
	if (!t->in_recovery && b->state != PROBE_RTT)
		b->prior_cwnd = t->cwnd;
	else
		b->prior_cwnd = RTE_MAX(b->prior_cwnd, t->cwnd);
}

static void save_model(struct bbr *b)
{
	b->saved = true;
	b->undo_state = STATES;
	b->undo_bw_shortterm = b->bw_shortterm;
	b->undo_inflight_shortterm = b->inflight_shortterm;
	b->undo_inflight_longterm = b->inflight_longterm;
}

/* s5.5.11.1. What the model made of the loss that begins this recovery comes after: bbr_on_lost(). */
void bbr_save(struct tcp *t)
{
	struct bbr *b = bbr_of(t);

	bbr_save_cwnd(t, b);
	if (!b->saved)
		save_model(b);
	b->saved = false;
}

static void note_loss(const struct tcp *t, struct bbr *b)
{
	if (!b->is_loss_in_round)
		b->loss_round_delivered = t->delivered;
	b->is_loss_in_round = true;
}

/* Segments lost in a row are one event (s5.3.1.3). */
static void count_loss(struct bbr *b, uint32_t seq, uint32_t end_seq)
{
	if (seq != b->lost_end_seq && b->loss_events < UINT8_MAX)
		b->loss_events++;
	b->lost_end_seq = end_seq;
}

bool bbr_is_inflight_too_high(const struct tcp *t, uint32_t lost, uint32_t tx_in_flight)
{
	return lost > bbr_percent(tx_in_flight, LOSS_THRESH_PERCENT) || (lost > 0 && !t->use_sack);
}

static void inflight_too_high(struct tcp *t, struct bbr *b, uint32_t inflight, bool app_limited)
{
	b->prev_probe_too_high = true;
	b->is_bw_probe_sample = false; /* once a probe */
	if (!app_limited)
		b->inflight_longterm =
			RTE_MAX(inflight, bbr_percent(bbr_target_inflight(t, b), BETA_PERCENT));
	if (b->state == UP) {
		b->undo_state = UP;
		bbr_start_down(t, b);
	}
}

/* Where in s the losses exceeded what is tolerated. */
static uint32_t inflight_at_loss(const struct seg *s, uint32_t lost)
{
	uint32_t size = seg_space(s);
	uint32_t before = s->rate.in_flight > size ? s->rate.in_flight - size : 0;
	uint32_t lost_before = lost > size ? lost - size : 0;
	int64_t prefix = (int64_t)before * LOSS_THRESH_PERCENT - (int64_t)lost_before * 100;

	return before + (prefix > 0 ? (uint32_t)(prefix / (100 - LOSS_THRESH_PERCENT)) : 0);
}

void bbr_on_lost(struct tcp *t, const struct seg *s)
{
	struct bbr *b = bbr_of(t);
	uint32_t lost = t->lost - s->rate.lost;

	if (!t->in_recovery && !b->saved)
		save_model(b);
	note_loss(t, b);
	count_loss(b, s->seq, seg_end(s));
	if (b->is_bw_probe_sample && bbr_is_inflight_too_high(t, lost, s->rate.in_flight))
		inflight_too_high(t, b, inflight_at_loss(s, lost), s->flags & SEG_APP);
}

/* The probe has repaired what nobody told of: one segment. */
void bbr_on_tail_lost(struct tcp *t, uint32_t flight)
{
	struct bbr *b = bbr_of(t);

	note_loss(t, b);
	count_loss(b, t->snd_una - 1, t->snd_una);
	if (b->is_bw_probe_sample && bbr_is_inflight_too_high(t, t->snd_mss, flight))
		inflight_too_high(t, b, flight, t->app_limited != 0);
}

/* A mark. */
void bbr_on_congestion(struct tcp *t, uint32_t flight)
{
	struct bbr *b = bbr_of(t);

	note_loss(t, b);
	if (b->state == STARTUP) {
		b->full_bw_reached = true;
		b->inflight_longterm = RTE_MAX(bbr_bdp_multiple(t, b, 100), b->inflight_latest);
		bbr_enter_drain(b);
	} else if (b->is_bw_probe_sample) {
		inflight_too_high(t, b, flight, t->app_limited != 0);
	}
}

/* The window is one segment then (s5.6.4.4), so for some rounds little arrives, whatever the path takes. */
void bbr_on_timeout(struct tcp *t, uint32_t flight)
{
	struct bbr *b = bbr_of(t);

	if (!b->full_bw_reached)
		bbr_reset_full_bw(b, 0);
}

void bbr_restore_cwnd(struct tcp *t, const struct bbr *b)
{
	t->cwnd = RTE_MAX(t->cwnd, b->prior_cwnd);
}

void bbr_on_recovered(struct tcp *t)
{
	bbr_restore_cwnd(t, bbr_of(t));
}

/* s5.5.11.2 */
void bbr_undo(struct tcp *t)
{
	struct bbr *b = bbr_of(t);

	bbr_restore_cwnd(t, b);
	b->is_loss_in_round = false;
	bbr_reset_full_bw(b, 0);
	b->bw_shortterm = RTE_MAX(b->bw_shortterm, b->undo_bw_shortterm);
	b->inflight_shortterm = RTE_MAX(b->inflight_shortterm, b->undo_inflight_shortterm);
	b->inflight_longterm = RTE_MAX(b->inflight_longterm, b->undo_inflight_longterm);
	if (b->undo_state == STARTUP && b->state != STARTUP) {
		b->full_bw_reached = false;
		if (b->state != PROBE_RTT)
			b->state = STARTUP;
	} else if (b->undo_state == UP && b->state != UP && b->state != PROBE_RTT) {
		bbr_start_refill(t, b);
	}
	b->undo_state = STATES;
}
