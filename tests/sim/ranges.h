/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A set of 64-bit numbers as sorted disjoint intervals [from, to): which octets of a stream something
 * is true of.
 */
#ifndef SIM_RANGES_H
#define SIM_RANGES_H

#include <stdbool.h>
#include <stdint.h>

struct range {
	uint64_t from, to;
};

struct ranges {
	struct range *r;
	unsigned int n, size;
};

void ranges_add(struct ranges *s, uint64_t from, uint64_t to);
/* Forget what is below. */
void ranges_cut(struct ranges *s, uint64_t below);
/* Whether all of [from, to) is in it. */
bool ranges_have(const struct ranges *s, uint64_t from, uint64_t to);
/* Whether any of [from, to) is in it. */
bool ranges_touch(const struct ranges *s, uint64_t from, uint64_t to);
/* Gaps in [from, to). */
unsigned int ranges_gaps(const struct ranges *s, uint64_t from, uint64_t to);
/* The end of the interval that holds at, or at. */
uint64_t ranges_end_of(const struct ranges *s, uint64_t at);
void ranges_clear(struct ranges *s);
void ranges_free(struct ranges *s);

#endif
