/* SPDX-License-Identifier: BSD-3-Clause
 *
 * BALIA, Balanced Linked Adaptation: between LIA's friendliness and OLIA's slowness to answer; a path that is
 * slower than the best one grows faster and gives way more. Owning worker only.
 * Source: draft-walid-mptcp-congestion-control-04 s3; Peng et al., "Multipath TCP: analysis, design and
 * implementation", 2016.
 */
#include "mptcp/tcp/tcp_internal.h"

#define DECREASE_MOST 1.5 /* halves of the window */

struct balia_paths {
	double rates; /* sum of x_k = w_k / rtt_k */
	double best;
};

static struct balia_paths look_at_paths(const struct tcp *t)
{
	struct balia_paths b = {0};
	const struct tcp *p;

	TCP_FOREACH_COUPLED(p, t)
	{
		double x = cc_rate(p);

		b.rates += x;
		b.best = RTE_MAX(b.best, x);
	}
	return b;
}

/* x_r / rtt_r / (sum x_k)^2 (1 + alpha_r) / 2 (4 + alpha_r) / 5, alpha_r = max x_k / x_r */
static double increase(const struct tcp *t)
{
	struct balia_paths b = look_at_paths(t);
	double x = cc_rate(t), alpha = b.best / x;

	return t->snd_mss * (x / cc_rtt(t) / (b.rates * b.rates)) * ((1 + alpha) / 2) *
	       ((4 + alpha) / 5);
}

static void balia_on_ack(struct tcp *t, const struct tcp_ack *a)
{
	cc_coupled_on_ack(t, a, increase);
}

static void balia_on_congestion(struct tcp *t, uint32_t flight)
{
	double alpha = look_at_paths(t).best / cc_rate(t);

	cc_coupled_reduce(t, flight, RTE_MIN(alpha, DECREASE_MOST) / 2);
	t->cwnd = t->ssthresh;
}

const struct tcp_cc_ops cc_balia = {
	.name = "balia",
	.init = cc_coupled_init,
	.on_ack = balia_on_ack,
	.on_congestion = balia_on_congestion,
	.on_timeout = cc_coupled_on_timeout,
	.on_idle = cc_coupled_on_idle,
	.save = cc_coupled_save,
	.undo = cc_coupled_undo,
};
