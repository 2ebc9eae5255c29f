/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How much one direction of a relay may hold. What is held has arrived from one peer and is not
 * acknowledged by the other yet, so that the least that keeps both paths full is what passes in the round
 * trips of both. What has passed in such a time is measured; twice that may be held. A direction that its
 * bound limits gets twice as much each time, one that a slow reader limits gets no more. Round trips are
 * the shortest of late: what waits in queues makes longer ones, and more of it would make them longer still.
 * Pure. Source: Fisk and Feng, "Dynamic right-sizing in TCP", 2001.
 */
#ifndef RELAY_TUNE_H
#define RELAY_TUNE_H

#include <stdbool.h>
#include <stdint.h>

struct relay_tune {
	uint32_t limit; /* octets; never less than before */
	uint32_t max;
	uint64_t una; /* of the data level of who acknowledges, when the measurement began */
	uint64_t since_us;
};

/* Begin. una: acknowledged so far. */
void relay_tune_init(struct relay_tune *t, uint32_t limit, uint32_t max, uint64_t una,
		     uint64_t now_us);
/* Whether relay_tune_acked() may have something to do: acknowledgements come in clumps, which are no rate,
 * so that a measurement lasts RELAY_TUNE_US at least. */
#define RELAY_TUNE_US 10000
static inline bool relay_tune_due(const struct relay_tune *t, uint64_t now_us)
{
	return t->limit < t->max && now_us - t->since_us >= RELAY_TUNE_US;
}
/* Acknowledged up to una; rtt_us: shortest round-trip times of both sides, 0: not known. Returns whether
 * the limit has grown. */
bool relay_tune_acked(struct relay_tune *t, uint64_t una, uint64_t now_us, uint32_t rtt_us);

#endif
