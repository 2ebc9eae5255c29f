/* SPDX-License-Identifier: BSD-3-Clause */
#include "relay_tune.h"

#include <rte_common.h>

void relay_tune_init(struct relay_tune *t, uint32_t limit, uint32_t max, uint64_t una,
		     uint64_t now_us)
{
	*t = (struct relay_tune){
		.limit = limit,
		.max = RTE_MAX(limit, max),
		.una = una,
		.since_us = now_us,
	};
}

bool relay_tune_acked(struct relay_tune *t, uint64_t una, uint64_t now_us, uint32_t rtt_us)
{
	uint64_t passed = una - t->una, took_us = now_us - t->since_us, want;

	if (!relay_tune_due(t, now_us) || rtt_us == 0 || took_us < rtt_us)
		return false;
	t->una = una;
	t->since_us = now_us;
	passed = RTE_MIN(passed, (uint64_t)UINT32_MAX);
	want = RTE_MIN(2 * passed * rtt_us / took_us, (uint64_t)t->max);
	if (want <= t->limit)
		return false;
	t->limit = (uint32_t)want;
	return true;
}
