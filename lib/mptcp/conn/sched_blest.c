/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Scheduler: the shortest round trip, and a slower path only where that does not hold up the fast one. What is
 * sent on the slow path fills the peer's window for a round trip there; if the fast path could use that room
 * meanwhile, the segment waits for it. Owning worker only.
 * Source: Ferlin et al., "BLEST: Blocking Estimation-based MPTCP Scheduler", 2016, s4.
 */
#include "mptcp/conn/conn_internal.h"

/* Octets that p sends in so many microseconds, its window growing by a segment a round trip. */
static uint64_t could_send(const struct sched_path *p, uint32_t us)
{
	const struct tcp *t = &p->sf->tcp;
	uint64_t rounds = us / RTE_MAX(p->rtt_us, 1u);

	return rounds * t->cwnd + rounds * (rounds - !!rounds) / 2 * t->snd_mss;
}

static struct subflow *pick(struct conn *c, const struct sched_set *s)
{
	const struct sched_path *fast = sched_fastest(s, false), *slow = sched_fastest(s, true);
	int64_t window;

	if (slow == NULL || slow == fast)
		return slow != NULL ? slow->sf : NULL;
	/* What the slow path leaves of the peer's window. */
	window = (int64_t)(c->snd_wnd_end - c->snd_una) - tcp_flight(&slow->sf->tcp) - s->len;
	if (window < 0 || could_send(fast, slow->rtt_us) > (uint64_t)window)
		return NULL;
	return slow->sf;
}

const struct sched_ops sched_blest = {.name = "blest", .pick = pick};
