/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The one source of chance of a simulation: SplitMix64 (Steele, Lea, Flood 2014), so that a seed is
 * all that is needed to have a run again. Never used by the library, which has its own.
 */
#ifndef SIM_RNG_H
#define SIM_RNG_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
	uint64_t x;
};

static inline uint64_t rng_mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static inline uint64_t rng_u64(struct rng *r)
{
	return rng_mix(r->x += 0x9e3779b97f4a7c15);
}

/* 0 .. n - 1; 0 for n 0. */
static inline uint64_t rng_below(struct rng *r, uint64_t n)
{
	return (uint64_t)(((__uint128_t)rng_u64(r) * n) >> 64);
}

/* lo .. hi */
static inline uint64_t rng_range(struct rng *r, uint64_t lo, uint64_t hi)
{
	return lo + rng_below(r, hi - lo + 1);
}

/* Of a million. No draw for never and always: what is off does not move the others' numbers. */
static inline bool rng_chance(struct rng *r, uint32_t ppm)
{
	return ppm != 0 && (ppm >= 1000000 || rng_below(r, 1000000) < ppm);
}

/* lo .. hi, each order of magnitude as often as any other. */
uint64_t rng_log(struct rng *r, uint64_t lo, uint64_t hi);

#endif
