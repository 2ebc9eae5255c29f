/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Scheduler: octets in proportion to the weights of the addresses, as far as the paths have room: the one that
 * is furthest behind its share. What a path could not take is not made up for later. Owning worker only.
 * Source: as in start-time fair queueing (Goyal et al., 1996), with paths for flows.
 */
#include "mptcp/conn/conn_internal.h"

/* In 1/65536 octets an octet, so that weights of up to 65535 tell. */
#define SCALE_SHIFT 16

static struct subflow *pick(struct conn *c, const struct sched_set *s)
{
	const struct sched_path *best = NULL;
	uint64_t start;

	for (unsigned int i = 0; i < s->n; i++) {
		const struct sched_path *p = &s->path[i];

		if (p->room && (best == NULL || p->sf->tag < best->sf->tag))
			best = p;
	}
	if (best == NULL)
		return NULL;
	/* A path that rested, or is new, begins where the others are. */
	start = RTE_MAX(best->sf->tag, c->sched.now);
	c->sched.now = start;
	best->sf->tag = start + ((uint64_t)s->len << SCALE_SHIFT) / RTE_MAX(best->sf->weight, 1u);
	return best->sf;
}

const struct sched_ops sched_weighted = {.name = "weighted", .pick = pick};
