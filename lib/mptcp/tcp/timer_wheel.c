/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Hierarchical timer wheel after Varghese and Lauck: a slot of level l holds what is due in one
 * interval of 256^l ms, and is spread over the level below when that interval begins.
 * Owning worker only.
 */
#include <stddef.h>
#include <string.h>

#include "mptcp/tcp/timer_wheel.h"

#define SLOT_BITS 8
#define SLOT_MASK (WHEEL_SLOTS - 1)

static void link_timer(struct wheel_timer **head, struct wheel_timer *t)
{
	t->next = *head;
	if (t->next != NULL)
		t->next->pprev = &t->next;
	t->pprev = head;
	*head = t;
}

static void unlink_timer(struct wheel_timer *t)
{
	*t->pprev = t->next;
	if (t->next != NULL)
		t->next->pprev = t->pprev;
	t->next = NULL;
	t->pprev = NULL;
}

static void place(struct timer_wheel *w, struct wheel_timer *t)
{
	uint32_t delta = t->expires_ms - (w->now_ms + 1); /* from the next tick that will run */
	unsigned int level = 0;

	while (level < WHEEL_LEVELS - 1 && delta >> (SLOT_BITS * (level + 1)) != 0)
		level++;
	link_timer(&w->slot[level][t->expires_ms >> (SLOT_BITS * level) & SLOT_MASK], t);
}

void wheel_init(struct timer_wheel *w, uint32_t now_ms)
{
	memset(w, 0, sizeof(*w));
	w->now_ms = now_ms;
}

void wheel_arm(struct timer_wheel *w, struct wheel_timer *t, uint32_t expires_ms, wheel_fn fn)
{
	if (wheel_armed(t))
		unlink_timer(t);
	else
		w->armed++;
	if ((int32_t)(expires_ms - w->now_ms) <= 0)
		expires_ms = w->now_ms + 1;
	t->expires_ms = expires_ms;
	t->fn = fn;
	place(w, t);
}

void wheel_cancel(struct timer_wheel *w, struct wheel_timer *t)
{
	if (!wheel_armed(t))
		return;
	unlink_timer(t);
	w->armed--;
}

/* Take a slot's list out of the wheel, so that what is armed meanwhile is not seen. */
static void detach(struct wheel_timer **slot, struct wheel_timer **list)
{
	*list = *slot;
	*slot = NULL;
	if (*list != NULL)
		(*list)->pprev = list;
}

/* The interval of a higher level that begins with tick: spread it downwards. */
static void cascade(struct timer_wheel *w, uint32_t tick)
{
	for (unsigned int level = 1; level < WHEEL_LEVELS; level++) {
		unsigned int i = tick >> (SLOT_BITS * level) & SLOT_MASK;
		struct wheel_timer *list;

		detach(&w->slot[level][i], &list);
		while (list != NULL) {
			struct wheel_timer *t = list;

			unlink_timer(t);
			place(w, t);
		}
		if (i != 0)
			break;
	}
}

static void run_tick(struct timer_wheel *w, uint32_t tick, void *ctx)
{
	struct wheel_timer *list;

	if ((tick & SLOT_MASK) == 0)
		cascade(w, tick);
	w->now_ms = tick;
	detach(&w->slot[0][tick & SLOT_MASK], &list);
	while (list != NULL) {
		struct wheel_timer *t = list;

		unlink_timer(t);
		w->armed--;
		t->fn(t, ctx);
	}
}

void wheel_advance(struct timer_wheel *w, uint32_t now_ms, void *ctx)
{
	while ((int32_t)(now_ms - w->now_ms) > 0) {
		if (w->armed == 0) {
			w->now_ms = now_ms;
			break;
		}
		run_tick(w, w->now_ms + 1, ctx);
	}
}

/* The first tick after now that a slot of the level stands for, among those with timers. */
static bool level_next(const struct timer_wheel *w, unsigned int level, uint32_t *at_ms)
{
	uint32_t now = w->now_ms >> (SLOT_BITS * level);

	for (uint32_t i = 1; i <= WHEEL_SLOTS; i++) {
		if (w->slot[level][(now + i) & SLOT_MASK] == NULL)
			continue;
		*at_ms = (now + i) << (SLOT_BITS * level);
		return true;
	}
	return false;
}

bool wheel_next(const struct timer_wheel *w, uint32_t *at_ms)
{
	bool found = false;
	uint32_t at;

	for (unsigned int level = 0; level < WHEEL_LEVELS && w->armed > 0; level++) {
		if (!level_next(w, level, &at) || (found && (int32_t)(at - *at_ms) >= 0))
			continue;
		*at_ms = at;
		found = true;
	}
	return found;
}
