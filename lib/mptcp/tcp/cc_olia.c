/* SPDX-License-Identifier: BSD-3-Clause
 *
 * OLIA, Opportunistic Linked Increases: as LIA, but traffic moves to the best paths: those that lose little
 * for their round-trip time gain what those with the largest windows give. Owning worker only.
 * Source: draft-khalili-mptcp-congestion-control-05 s3; Khalili et al., "MPTCP is not Pareto-optimal", 2012.
 */
#include "mptcp/tcp/tcp_internal.h"

/* l_r: octets sent between the last two losses, or since the last one when that is more. */
static double between_losses(const struct tcp *p)
{
	const struct cc_coupled *c = (const struct cc_coupled *)p->cc_priv;
	uint64_t since = p->bytes_sent - c->lost_at;

	return (double)RTE_MAX(since, c->between);
}

/* A TCP's rate there grows with the square root of this. */
static double quality(const struct tcp *p)
{
	return between_losses(p) / (cc_rtt(p) * cc_rtt(p));
}

struct olia_paths {
	double rates, best_quality;
	uint32_t largest;          /* window */
	unsigned int n, n_largest; /* n_largest: of them, and of n, so many have it */
	unsigned int n_collected;  /* best, and their windows are not the largest */
};

static struct olia_paths look_at_paths(const struct tcp *t)
{
	struct olia_paths o = {0};
	const struct tcp *p;

	TCP_FOREACH_COUPLED(p, t)
	{
		o.n++;
		o.rates += cc_rate(p);
		o.best_quality = RTE_MAX(o.best_quality, quality(p));
		o.largest = RTE_MAX(o.largest, p->cwnd);
	}
	TCP_FOREACH_COUPLED(p, t)
	{
		if (p->cwnd >= o.largest)
			o.n_largest++;
		else if (quality(p) >= o.best_quality)
			o.n_collected++;
	}
	return o;
}

/* What moves traffic: positive on the best paths with small windows, negative on those with the largest. */
static double alpha(const struct tcp *t, const struct olia_paths *o)
{
	if (o->n_collected == 0)
		return 0;
	if (t->cwnd >= o->largest)
		return -1.0 / o->n / o->n_largest;
	return quality(t) >= o->best_quality ? 1.0 / o->n / o->n_collected : 0;
}

static double increase(const struct tcp *t)
{
	struct olia_paths o = look_at_paths(t);

	return t->snd_mss * (cc_rate(t) / cc_rtt(t) / (o.rates * o.rates) + alpha(t, &o) / t->cwnd);
}

static void olia_on_ack(struct tcp *t, const struct tcp_ack *a)
{
	cc_coupled_on_ack(t, a, increase);
}

const struct tcp_cc_ops cc_olia = {
	.name = "olia",
	.init = cc_coupled_init,
	.on_ack = olia_on_ack,
	.on_congestion = cc_coupled_on_congestion,
	.on_timeout = cc_coupled_on_timeout,
	.on_idle = cc_coupled_on_idle,
	.save = cc_coupled_save,
	.undo = cc_coupled_undo,
};
