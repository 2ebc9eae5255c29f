/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Scheduler: earliest completion first. A slower path is used only if what is queued would not be through
 * earlier by waiting for the fast one. Owning worker only.
 * Source: Lim et al., "ECF: An MPTCP Path Scheduler to Manage Heterogeneous Paths", 2017, s4.
 */
#include "mptcp/conn/conn_internal.h"

#define BETA_SHIFT 2 /* once it waits, it takes a fourth more to stop waiting */

static struct subflow *pick(struct conn *c, const struct sched_set *s)
{
	const struct sched_path *fast = sched_fastest(s, false), *slow = sched_fastest(s, true);
	uint64_t queued, fast_us, slow_us, delta, limit;

	if (slow == NULL || slow == fast)
		return slow != NULL ? slow->sf : NULL;
	queued = dsn_lt(c->snd_nxt, c->snd_end) ? c->snd_end - c->snd_nxt : 0;
	delta = RTE_MAX(fast->sf->tcp.rttvar_us, slow->sf->tcp.rttvar_us);
	fast_us = fast->rtt_us + queued * fast->rtt_us / RTE_MAX(fast->sf->tcp.cwnd, 1u);
	limit = slow->rtt_us + delta;
	if (c->sched.waiting)
		limit += limit >> BETA_SHIFT;
	if (fast_us >= limit) {
		c->sched.waiting = false;
		return slow->sf;
	}
	/* The slow path would take longer than two round trips of the fast one. */
	slow_us = queued * slow->rtt_us / RTE_MAX(slow->sf->tcp.cwnd, 1u);
	if (RTE_MAX(slow_us, (uint64_t)slow->rtt_us) < 2 * (uint64_t)fast->rtt_us + delta)
		return slow->sf;
	c->sched.waiting = true;
	return NULL;
}

const struct sched_ops sched_ecf = {.name = "ecf", .pick = pick};
