/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The bound of a relay's direction, over paths and readers given by numbers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "relay_tune.h"

#define MIB (1u << 20)

/* A pipe of rtt_us that takes rate octets a microsecond and holds what the bound lets, for so long. */
static void run(struct relay_tune *t, uint64_t *una, uint64_t *now_us, uint32_t rtt_us, double rate,
		uint32_t for_us)
{
	uint64_t end_us = *now_us + for_us;
	double left = 0;

	while (*now_us < end_us) {
		double most = (double)t->limit / rtt_us; /* octets a microsecond the bound lets */

		*now_us += 100;
		left += 100 * (most < rate ? most : rate);
		*una += (uint64_t)left;
		left -= (double)(uint64_t)left;
		relay_tune_acked(t, *una, *now_us, rtt_us);
	}
}

static void test_long_fat_path(void **state)
{
	uint64_t una = 5, now_us = 77;
	struct relay_tune t;

	(void)state;
	relay_tune_init(&t, MIB, 64 * MIB, una, now_us);
	run(&t, &una, &now_us, 100000, 125, 500000); /* 1 Gbit/s over 100 ms */
	assert_in_range(t.limit, 12500000, 26000000);
	run(&t, &una, &now_us, 100000, 125, 5000000);
	assert_in_range(t.limit, 24000000, 26000000);
}

static void test_bounds(void **state)
{
	uint64_t una = 5, now_us = 77;
	struct relay_tune t;

	(void)state;
	relay_tune_init(&t, MIB, 8 * MIB, una, now_us);
	run(&t, &una, &now_us, 100000, 125, 5000000);
	assert_int_equal(t.limit, 8 * MIB);
	relay_tune_init(&t, 2 * MIB, MIB, una, now_us);
	run(&t, &una, &now_us, 100000, 125, 5000000);
	assert_int_equal(t.limit, 2 * MIB);
}

static void test_short_path_and_slow_reader(void **state)
{
	uint64_t una = 0, now_us = 0;
	struct relay_tune t;

	(void)state;
	relay_tune_init(&t, MIB, 64 * MIB, una, now_us);
	run(&t, &una, &now_us, 500, 1250, 1000000); /* 10 Gbit/s, half a millisecond */
	run(&t, &una, &now_us, 100000, 1, 5000000); /* 8 Mbit/s */
	assert_in_range(t.limit, MIB, 1250000 + MIB / 8);
}

/* Half a Gbit/s over half a millisecond, of which a DATA_ACK tells every five. */
static void test_clumps(void **state)
{
	struct relay_tune t;

	(void)state;
	relay_tune_init(&t, 64 << 10, 64 * MIB, 0, 0);
	for (unsigned int i = 1; i < 1000; i++) {
		relay_tune_acked(&t, (uint64_t)i * 312500, (uint64_t)i * 5000, 500);
		relay_tune_acked(&t, (uint64_t)i * 312500, (uint64_t)i * 5000 + 1000, 500);
	}
	assert_in_range(t.limit, 62500, 70000);
}

/* All that has gathered in a long time is no rate. */
static void test_after_silence(void **state)
{
	struct relay_tune t;

	(void)state;
	relay_tune_init(&t, MIB, 64 * MIB, 0, 0);
	assert_false(relay_tune_acked(&t, 8 * MIB, 10000000, 100000));
	assert_false(relay_tune_acked(&t, 9 * MIB, 10000000 + 99999, 100000)); /* too soon */
	assert_false(relay_tune_acked(&t, 20 * MIB, 10200000, 0));             /* no idea */
	assert_true(relay_tune_acked(&t, 9 * MIB, 10000000 + 100000, 100000));
	assert_int_equal(t.limit, 2 * MIB);
	/* hostile numbers */
	assert_true(relay_tune_acked(&t, UINT64_MAX, 20000000, UINT32_MAX / 1000));
	assert_int_equal(t.limit, 64 * MIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_long_fat_path),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_short_path_and_slow_reader),
		cmocka_unit_test(test_clumps),
		cmocka_unit_test(test_after_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
