/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Events in a binary heap, by time and then by the order they were asked for.
 */
#include <stdlib.h>

#include "event.h"

static bool before(const struct event *a, const struct event *b)
{
	return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void push(struct sim *s, struct event e)
{
	unsigned int i = s->n_events++;

	if (s->n_events > s->events_size) {
		s->events_size = s->events_size == 0 ? 256 : 2 * s->events_size;
		s->heap = realloc(s->heap, s->events_size * sizeof(*s->heap));
		if (s->heap == NULL)
			abort();
	}
	for (; i > 0 && before(&e, &s->heap[(i - 1) / 2]); i = (i - 1) / 2)
		s->heap[i] = s->heap[(i - 1) / 2];
	s->heap[i] = e;
}

void sim_at(struct sim *s, uint64_t at_ns, event_fn fn, void *ctx, uint64_t arg)
{
	at_ns = at_ns < s->now_ns ? s->now_ns : at_ns;
	push(s, (struct event){at_ns, s->order++, fn, ctx, arg, false});
}

void sim_frame_at(struct sim *s, uint64_t at_ns, event_fn fn, void *ctx, struct frame *f)
{
	at_ns = at_ns < s->now_ns ? s->now_ns : at_ns;
	push(s, (struct event){at_ns, s->order++, fn, ctx, (uint64_t)(uintptr_t)f, true});
}

bool event_pop(struct sim *s, struct event *out)
{
	unsigned int i = 0, child;
	struct event last;

	if (s->n_events == 0)
		return false;
	*out = s->heap[0];
	last = s->heap[--s->n_events];
	for (; (child = 2 * i + 1) < s->n_events; i = child) {
		if (child + 1 < s->n_events && before(&s->heap[child + 1], &s->heap[child]))
			child++;
		if (!before(&s->heap[child], &last))
			break;
		s->heap[i] = s->heap[child];
	}
	s->heap[i] = last;
	return true;
}
