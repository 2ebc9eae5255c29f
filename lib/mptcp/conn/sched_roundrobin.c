/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Scheduler: the paths by turns, segment by segment; one without room is passed over. Owning worker only.
 */
#include "mptcp/conn/conn_internal.h"

/* How far behind the slot that was last: the next one has 0. */
static unsigned int turns(const struct conn *c, const struct sched_path *p)
{
	return (p->sf->slot + CONN_SLOTS_MAX - 1u - c->sched.last_slot) % CONN_SLOTS_MAX;
}

static struct subflow *pick(struct conn *c, const struct sched_set *s)
{
	const struct sched_path *next = NULL;

	for (unsigned int i = 0; i < s->n; i++)
		if (s->path[i].room && (next == NULL || turns(c, &s->path[i]) < turns(c, next)))
			next = &s->path[i];
	if (next == NULL)
		return NULL;
	c->sched.last_slot = next->sf->slot;
	return next->sf;
}

const struct sched_ops sched_roundrobin = {.name = "roundrobin", .pick = pick};
