/* SPDX-License-Identifier: BSD-3-Clause
 *
 * CUBIC: the window is a cubic function of the time since the last loss, and never below what Reno
 * would have. Integers only: octets, milliseconds. Owning worker only. Source: RFC 9438 s4.
 */
#include "mptcp/tcp/tcp_internal.h"

/* beta_cubic = 0.7, C = 0.4, alpha_cubic = 3 (1 - beta) / (1 + beta) = 9 / 17 */
#define BETA_NUM  7
#define BETA_DEN  10
#define ALPHA_NUM 9
#define ALPHA_DEN 17

/* Beyond this |t - K| the cube would not fit; the target is far above any window by then. */
#define DT_MAX_MS 400000

struct cubic {
	uint64_t epoch_us;    /* begin of the current congestion avoidance, 0: none yet */
	uint64_t last_ack_us; /* of the last ACK, to leave idle time out of the epoch */
	uint64_t frac;        /* octets times cwnd that have not made a whole octet yet */
	uint64_t est_frac;
	uint32_t w_max;      /* octets */
	uint32_t w_est;      /* what Reno would have, octets */
	uint32_t cwnd_prior; /* at the last loss */
	uint32_t k_ms;
	uint32_t origin; /* where the plateau is: w_max, or cwnd if that was above */
};

struct cubics {
	struct cubic now, before; /* the last reduction */
};
_Static_assert(sizeof(struct cubics) <= sizeof(((struct tcp *)0)->cc_priv), "fits cc_priv");

static struct cubic *cubic_of(struct tcp *t)
{
	return &((struct cubics *)t->cc_priv)->now;
}

static void cubic_save(struct tcp *t)
{
	((struct cubics *)t->cc_priv)->before = *cubic_of(t);
}

/* RFC 9438 s4.9. */
static void cubic_undo(struct tcp *t)
{
	*cubic_of(t) = ((struct cubics *)t->cc_priv)->before;
}

/* Largest r with r^3 <= v. */
static uint32_t cube_root(uint64_t v)
{
	uint64_t r = 0;

	for (int bit = 20; bit >= 0; bit--) {
		uint64_t next = r | UINT64_C(1) << bit;

		if (next * next * next <= v)
			r = next;
	}
	return (uint32_t)r;
}

static void cubic_init(struct tcp *t)
{
	*cubic_of(t) = (struct cubic){0};
}

static void begin_epoch(struct tcp *t, struct cubic *c)
{
	c->epoch_us = t->st->now_us;
	c->w_est = t->cwnd;
	c->frac = c->est_frac = 0;
	c->k_ms = 0;
	c->origin = t->cwnd;
	if (t->cwnd < c->w_max) {
		uint64_t segs_x1000 = (uint64_t)(c->w_max - t->cwnd) * 1000 / t->snd_mss;

		/* K = cbrt((w_max - cwnd) / C) s; in ms^3: segments * 1e9 / 0.4 */
		c->k_ms = cube_root(segs_x1000 * 2500000);
		c->origin = c->w_max;
	}
}

/* W_cubic(at_ms) = C (t - K)^3 + W_max, octets (RFC 9438 eqn 1). */
static uint64_t w_cubic(const struct tcp *t, const struct cubic *c, uint64_t at_ms)
{
	bool above = at_ms >= c->k_ms;
	uint64_t dt = above ? at_ms - c->k_ms : c->k_ms - at_ms;
	uint64_t octets;

	if (dt > DT_MAX_MS)
		dt = DT_MAX_MS;
	/* 0.4 segments a s^3: dt^3 * 0.4e-9 * mss */
	octets = dt * dt * dt / 1000000 * t->snd_mss / 2500;
	if (above)
		return c->origin + octets;
	return c->origin > octets ? c->origin - octets : 0;
}

/* Add (num / den) octets an octet acknowledged to *w; the remainder waits in *frac. */
static void grow(uint32_t *w, uint64_t *frac, uint64_t num, uint64_t den)
{
	*frac += num;
	if (*frac < den)
		return;
	*w += (uint32_t)(*frac / den);
	*frac %= den;
}

/* RFC 9438 eqn 4: Reno's average rate with CUBIC's gentler decrease. */
static void grow_reno(struct tcp *t, struct cubic *c, uint32_t acked)
{
	bool past = c->w_est >= c->cwnd_prior;
	uint64_t num = (uint64_t)acked * t->snd_mss * (past ? ALPHA_DEN : ALPHA_NUM);

	grow(&c->w_est, &c->est_frac, num, (uint64_t)t->cwnd * ALPHA_DEN);
}

static void avoid_congestion(struct tcp *t, struct cubic *c, uint32_t acked)
{
	uint64_t now_ms, target;

	if (c->epoch_us == 0)
		begin_epoch(t, c);
	now_ms = (t->st->now_us - c->epoch_us) / 1000;
	grow_reno(t, c, acked);
	if (w_cubic(t, c, now_ms) < c->w_est) {
		if (t->cwnd < c->w_est)
			t->cwnd = c->w_est;
		return;
	}
	/* The window of one round trip ahead, at most half as much again (RFC 9438 s4.2). */
	target = w_cubic(t, c, now_ms + t->srtt_us / 1000);
	if (target > (uint64_t)t->cwnd + t->cwnd / 2)
		target = (uint64_t)t->cwnd + t->cwnd / 2;
	if (target > t->cwnd)
		grow(&t->cwnd, &c->frac, (target - t->cwnd) * acked, t->cwnd);
}

static void cubic_on_ack(struct tcp *t, const struct tcp_ack *a)
{
	struct cubic *c = cubic_of(t);
	uint64_t since_us = t->st->now_us - c->last_ack_us;
	uint32_t acked = a->credit;

	c->last_ack_us = t->st->now_us;
	if (!a->cwnd_limited) {
		if (c->epoch_us != 0)
			c->epoch_us += since_us; /* time in which nothing was tried */
		return;
	}
	if (t->cwnd < t->ssthresh)
		acked = cc_slow_start(t, a);
	if (acked > 0)
		avoid_congestion(t, c, acked);
}

static void reduce(struct tcp *t, uint32_t flight)
{
	struct cubic *c = cubic_of(t);
	uint32_t least = 2 * t->snd_mss;

	/* Fast convergence (RFC 9438 s4.7): below the last plateau, leave room for others. */
	if (t->cwnd < c->w_max)
		c->w_max = (uint32_t)((uint64_t)t->cwnd * (BETA_DEN + BETA_NUM) / (2 * BETA_DEN));
	else
		c->w_max = t->cwnd;
	c->cwnd_prior = t->cwnd;
	c->epoch_us = 0;
	t->ssthresh = (uint32_t)((uint64_t)RTE_MIN(flight, t->cwnd) * BETA_NUM / BETA_DEN);
	if (t->ssthresh < least)
		t->ssthresh = least;
}

static void cubic_on_congestion(struct tcp *t, uint32_t flight)
{
	reduce(t, flight);
	t->cwnd = t->ssthresh;
}

static void cubic_on_timeout(struct tcp *t, uint32_t flight)
{
	reduce(t, flight);
	cubic_of(t)->w_max = 0; /* K = 0: the plateau of before is history (RFC 9438 s4.8) */
	t->cwnd = t->snd_mss;
}

static void cubic_on_idle(struct tcp *t)
{
	uint32_t restart = TCP_IW_SEGS * t->snd_mss;

	if (t->cwnd > restart)
		t->cwnd = restart;
	cubic_of(t)->epoch_us = 0;
}

const struct tcp_cc_ops cc_cubic = {
	.name = "cubic",
	.init = cubic_init,
	.on_ack = cubic_on_ack,
	.on_congestion = cubic_on_congestion,
	.on_timeout = cubic_on_timeout,
	.on_idle = cubic_on_idle,
	.save = cubic_save,
	.undo = cubic_undo,
};
