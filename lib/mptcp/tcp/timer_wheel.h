/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Hierarchical timer wheel with ticks of one millisecond; four levels of 256 slots hold any 32-bit
 * distance. Arming and cancelling are O(1); one worker owns a wheel.
 */
#ifndef TCP_TIMER_WHEEL_H
#define TCP_TIMER_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

struct timer_wheel;
struct wheel_timer;
typedef void (*wheel_fn)(struct wheel_timer *t, void *ctx);

/* Embedded in its owner; zeroed means not armed. */
struct wheel_timer {
	struct wheel_timer *next;
	struct wheel_timer **pprev; /* NULL: not armed */
	uint32_t expires_ms;
	wheel_fn fn;
};

#define WHEEL_LEVELS 4
#define WHEEL_SLOTS  256

struct timer_wheel {
	uint32_t now_ms; /* last tick run */
	uint32_t armed;  /* timers in the wheel */
	struct wheel_timer *slot[WHEEL_LEVELS][WHEEL_SLOTS];
};

void wheel_init(struct timer_wheel *w, uint32_t now_ms);
/* (Re-)arm t to call fn at expires_ms (the next tick at the earliest, also when in the past). */
void wheel_arm(struct timer_wheel *w, struct wheel_timer *t, uint32_t expires_ms, wheel_fn fn);
/* Cancel t if armed. */
void wheel_cancel(struct timer_wheel *w, struct wheel_timer *t);
/* Run the ticks up to now_ms; callbacks get ctx and may arm, cancel or free any timer. */
void wheel_advance(struct timer_wheel *w, uint32_t now_ms, void *ctx);

/* The tick before which no timer is due, in *at_ms: for who sleeps or skips time. False: none is
 * armed. Takes a look at the slots, so not for every packet. */
bool wheel_next(const struct timer_wheel *w, uint32_t *at_ms);

static inline bool wheel_armed(const struct wheel_timer *t)
{
	return t->pprev != (struct wheel_timer **)0;
}

#endif
