/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Scheduler: the path of the first priority that has room; the next one carries what does not fit there. Among
 * equals the shortest round trip. Priorities are those of the addresses. Owning worker only.
 */
#include "mptcp/conn/conn_internal.h"

static bool is_before(const struct sched_path *a, const struct sched_path *b)
{
	return a->sf->priority != b->sf->priority ? a->sf->priority < b->sf->priority
						  : a->rtt_us < b->rtt_us;
}

static struct subflow *pick(struct conn *c, const struct sched_set *s)
{
	const struct sched_path *best = NULL;

	(void)c;
	for (unsigned int i = 0; i < s->n; i++)
		if (s->path[i].room && (best == NULL || is_before(&s->path[i], best)))
			best = &s->path[i];
	return best != NULL ? best->sf : NULL;
}

const struct sched_ops sched_priority = {.name = "priority", .pick = pick};
