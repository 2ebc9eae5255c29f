/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What each scheduler chooses among paths of given round trips, windows and room.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "mptcp/conn/conn_internal.h"

#define MSS   1000u
#define PATHS 3
#define MS(n) ((n)*1000u)

static struct conn c;
static struct subflow sf[PATHS];
static struct sched_set set;

/* Path i takes rtt_ms, has a window of so many segments, and room or not. */
static void path(unsigned int i, uint32_t rtt_ms, uint32_t cwnd_segs, bool room)
{
	sf[i].slot = (uint8_t)(i + 1);
	sf[i].weight = 1;
	sf[i].tcp.cwnd = cwnd_segs * MSS;
	sf[i].tcp.snd_mss = MSS;
	set.path[i] = (struct sched_path){.sf = &sf[i], .rtt_us = MS(rtt_ms), .room = room};
	if (set.n < i + 1)
		set.n = i + 1;
}

static int setup(void **state)
{
	(void)state;
	memset(&c, 0, sizeof(c));
	memset(sf, 0, sizeof(sf));
	memset(&set, 0, sizeof(set));
	set.c = &c;
	set.len = MSS;
	c.snd_una = c.snd_nxt = c.snd_end = 1;
	c.snd_wnd_end = 1 << 20;
	return 0;
}

static void no_room(bool *none)
{
	for (unsigned int i = 0; i < set.n; i++)
		set.path[i].room = none[i];
}

/* None has room: none is chosen. */
static void nobody(void **state)
{
	bool none[PATHS] = {false};

	(void)state;
	path(0, 10, 10, true);
	path(1, 20, 10, true);
	no_room(none);
	for (unsigned int i = 0; i < SCHEDS; i++)
		assert_null(scheds[i]->pick(&c, &set));
}

/* With room everywhere those that go by the round trip take the shortest. */
static void shortest(void **state)
{
	static const struct sched_ops *const by_rtt[] = {
		&sched_blest, &sched_minrtt, &sched_redundant, &sched_ecf, &sched_priority};

	(void)state;
	path(0, 30, 10, true);
	path(1, 10, 10, true);
	path(2, 20, 10, true);
	for (unsigned int i = 0; i < RTE_DIM(by_rtt); i++)
		assert_ptr_equal(by_rtt[i]->pick(&c, &set), &sf[1]);
}

static void minrtt_takes_the_next(void **state)
{
	(void)state;
	path(0, 300, 10, true);
	path(1, 10, 10, false);
	path(2, 200, 10, true);
	c.snd_wnd_end = 2 * MSS;
	assert_ptr_equal(sched_minrtt.pick(&c, &set), &sf[2]);
}

/* In 100 ms the path of 10 ms sends ten windows of ten segments, each a segment more than the one before:
 * 10 * 10 + 45. With as much left in the peer's window the slow path may have some. */
static void blest_leaves_room_for_the_fast(void **state)
{
	(void)state;
	path(0, 10, 10, false);
	path(1, 100, 10, true);
	c.snd_wnd_end = c.snd_una + 145 * MSS + set.len;
	assert_ptr_equal(sched_blest.pick(&c, &set), &sf[1]);
	c.snd_wnd_end--;
	assert_null(sched_blest.pick(&c, &set));
	/* What is in flight on the slow path takes of it, what is on the fast one does not. */
	c.snd_wnd_end += 1 + 3 * MSS;
	c.snd_nxt += 10 * MSS;
	sf[1].tcp.snd_max = 3 * MSS;
	assert_ptr_equal(sched_blest.pick(&c, &set), &sf[1]);
	sf[1].tcp.snd_max = 3 * MSS + 1;
	assert_null(sched_blest.pick(&c, &set));
}

static void blest_window_full(void **state)
{
	(void)state;
	path(0, 10, 10, false);
	path(1, 11, 10, true);
	c.snd_wnd_end = c.snd_una;
	assert_null(sched_blest.pick(&c, &set));
}

/* Much to send: both are used. Little: it waits for the fast one, if the slow one takes more than two of its
 * round trips. */
static void ecf_waits_at_the_end(void **state)
{
	(void)state;
	path(0, 10, 10, false);
	path(1, 100, 10, true);
	c.snd_end = c.snd_nxt + 100 * MSS; /* 10 + 100 ms on the fast one */
	assert_ptr_equal(sched_ecf.pick(&c, &set), &sf[1]);
	c.snd_end = c.snd_nxt + 80 * MSS; /* 90 ms */
	assert_null(sched_ecf.pick(&c, &set));
	assert_true(c.sched.waiting);
	/* A fourth more until it stops waiting. */
	c.snd_end = c.snd_nxt + 110 * MSS;
	assert_null(sched_ecf.pick(&c, &set));
	c.snd_end = c.snd_nxt + 116 * MSS;
	assert_ptr_equal(sched_ecf.pick(&c, &set), &sf[1]);
	assert_false(c.sched.waiting);
	/* Not so much slower: no reason to wait. */
	path(1, 19, 10, true);
	c.snd_end = c.snd_nxt + 5 * MSS;
	assert_ptr_equal(sched_ecf.pick(&c, &set), &sf[1]);
}

/* By turns; who has no room is passed over and not waited for; a path that is gone is not missed. */
static void turns(void **state)
{
	static const unsigned int order[] = {0, 1, 2, 0, 1, 2};

	(void)state;
	path(0, 1, 10, true);
	path(1, 500, 10, true);
	path(2, 30, 10, true);
	for (unsigned int i = 0; i < RTE_DIM(order); i++)
		assert_ptr_equal(sched_roundrobin.pick(&c, &set), &sf[order[i]]);
	set.path[0].room = false;
	assert_ptr_equal(sched_roundrobin.pick(&c, &set), &sf[1]);
	assert_ptr_equal(sched_roundrobin.pick(&c, &set), &sf[2]);
	assert_ptr_equal(sched_roundrobin.pick(&c, &set), &sf[1]);
	set.path[0].room = true;
	set.n = 1;
	assert_ptr_equal(sched_roundrobin.pick(&c, &set), &sf[0]);
	assert_ptr_equal(sched_roundrobin.pick(&c, &set), &sf[0]);
}

static void picks_of(const struct sched_ops *ops, unsigned int n, unsigned int *of)
{
	memset(of, 0, PATHS * sizeof(*of));
	for (unsigned int i = 0; i < n; i++)
		of[ops->pick(&c, &set) - sf]++;
}

/* Octets as 1 : 3 : 6; of two as 1 : 3 when the third has no room; and it does not catch up later. */
static void weights(void **state)
{
	unsigned int of[PATHS];

	(void)state;
	for (unsigned int i = 0; i < PATHS; i++)
		path(i, 10, 10, true);
	sf[1].weight = 3;
	sf[2].weight = 6;
	picks_of(&sched_weighted, 1000, of);
	assert_in_range(of[0], 98, 102);
	assert_in_range(of[1], 298, 302);
	assert_in_range(of[2], 598, 602);
	set.path[2].room = false;
	picks_of(&sched_weighted, 1000, of);
	assert_in_range(of[0], 248, 252);
	assert_in_range(of[1], 748, 752);
	set.path[2].room = true;
	picks_of(&sched_weighted, 1000, of);
	assert_in_range(of[2], 597, 604);
	/* no weight is a weight of one */
	sf[0].weight = 0;
	picks_of(&sched_weighted, 1000, of);
	assert_in_range(of[0], 97, 103);
}

static void priorities(void **state)
{
	(void)state;
	path(0, 10, 10, true);
	path(1, 500, 10, true);
	path(2, 400, 10, true);
	sf[0].priority = 7;
	assert_ptr_equal(sched_priority.pick(&c, &set), &sf[2]); /* the faster of two */
	set.path[2].room = false;
	assert_ptr_equal(sched_priority.pick(&c, &set), &sf[1]);
	set.path[1].room = false;
	assert_ptr_equal(sched_priority.pick(&c, &set), &sf[0]);
}

/* Each has a name of its own, and the default is the first. */
static void names(void **state)
{
	(void)state;
	assert_ptr_equal(scheds[0], &sched_minrtt);
	for (unsigned int i = 0; i < SCHEDS; i++)
		for (unsigned int k = 0; k < i; k++)
			assert_string_not_equal(scheds[i]->name, scheds[k]->name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nobody, setup),
		cmocka_unit_test_setup(shortest, setup),
		cmocka_unit_test_setup(minrtt_takes_the_next, setup),
		cmocka_unit_test_setup(blest_leaves_room_for_the_fast, setup),
		cmocka_unit_test_setup(blest_window_full, setup),
		cmocka_unit_test_setup(ecf_waits_at_the_end, setup),
		cmocka_unit_test_setup(turns, setup),
		cmocka_unit_test_setup(weights, setup),
		cmocka_unit_test_setup(priorities, setup),
		cmocka_unit_test_setup(names, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
