/* SPDX-License-Identifier: BSD-3-Clause
 *
 * LIA, Linked Increases: the paths of a connection together take as much as one TCP would on the best of
 * them, and none takes more than a TCP would there. Owning worker only. Source: RFC 6356 s3, s4.1.
 */
#include "mptcp/tcp/tcp_internal.h"

/* alpha = cwnd_total max(cwnd_i / rtt_i^2) / (sum cwnd_i / rtt_i)^2; of an ACK alpha bytes_acked MSS_i /
 * cwnd_total, at most bytes_acked MSS_i / cwnd_i. */
static double increase(const struct tcp *t)
{
	double total = 0, best = 0, rates = 0, alpha;
	const struct tcp *p;

	TCP_FOREACH_COUPLED(p, t)
	{
		double of_best = cc_rate(p) / cc_rtt(p);

		total += p->cwnd;
		best = RTE_MAX(best, of_best);
		rates += cc_rate(p);
	}
	alpha = total * best / (rates * rates);
	return t->snd_mss * RTE_MIN(alpha / total, 1.0 / t->cwnd);
}

static void lia_on_ack(struct tcp *t, const struct tcp_ack *a)
{
	cc_coupled_on_ack(t, a, increase);
}

const struct tcp_cc_ops cc_lia = {
	.name = "lia",
	.init = cc_coupled_init,
	.on_ack = lia_on_ack,
	.on_congestion = cc_coupled_on_congestion,
	.on_timeout = cc_coupled_on_timeout,
	.on_idle = cc_coupled_on_idle,
	.save = cc_coupled_save,
	.undo = cc_coupled_undo,
};
