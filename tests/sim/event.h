/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The queue of events; sim_at() puts in.
 */
#ifndef SIM_EVENT_H
#define SIM_EVENT_H

#include "sim.h"

/* Take the next one. False: there is none. */
bool event_pop(struct sim *s, struct event *out);
static inline uint64_t event_next_ns(const struct sim *s)
{
	return s->n_events > 0 ? s->heap[0].at_ns : UINT64_MAX;
}

#endif
