/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Pacing: how much leaves at once, and when the rest does.
 */
#include "mptcp/tcp/tcp_internal.h"
#include "test_tcp_script.h"

/* Established with a round trip of rtt_ms, in slow start, window of 60 segments. */
static void start(bool pacing, unsigned int rtt_ms)
{
	begin("msw");
	net_cfg.pacing = pacing;
	a.t.srtt_us = rtt_ms * 1000;
	a.t.cwnd = 60000;
}

static void test_over_the_round_trip(void **state)
{
	unsigned int n, all;

	(void)state;
	start(true, 20);
	in_flight(100);
	all = net_drop_all(&net);
	assert_int_equal(all, 14); /* a first window: 10 full segments */
	for (unsigned int ms = 0; ms < 20 && all < 60; ms++) {
		net_run(&net, 1, NULL, NULL);
		n = net_drop_all(&net);
		assert_in_range(n, 1, 7); /* 2 cwnd a round trip: 6000 octets a millisecond */
		all += n;
	}
	assert_int_equal(all, 60);
	net_run(&net, 5, NULL, NULL);
	nothing_sent();
	net_fini(&net);
}

static void test_short_round_trips_are_not_paced(void **state)
{
	(void)state;
	start(true, 9);
	in_flight(100);
	assert_int_equal(net_drop_all(&net), 60);
	net_fini(&net);
	start(false, 20);
	in_flight(100);
	assert_int_equal(net_drop_all(&net), 60);
	net_fini(&net);
}

/* What may have left in an idle time does not leave later. */
static void test_no_credit_for_idle_time(void **state)
{
	(void)state;
	start(true, 20);
	in_flight(14);
	assert_int_equal(net_drop_all(&net), 14);
	net_run(&net, 100, NULL, NULL);
	net_drop_all(&net); /* a probe */
	in_flight(60);
	assert_int_equal(net_drop_all(&net), 14);
	net_fini(&net);
}

/* A loss is repaired at once, and new data waits for it. */
static void test_retransmissions_do_not_wait(void **state)
{
	(void)state;
	start(true, 20);
	in_flight(60);
	net_run(&net, 20, NULL, NULL);
	assert_int_equal(net_drop_all(&net), 60);
	assert_int_equal(in_sack(0, 1, (uint32_t[]){10000, 60000}), CTR_NONE);
	assert_int_equal(net_drop_all(&net), 10);
	net_fini(&net);
}

/* A window that is full once in a round trip is a full one, and grows by all that is acknowledged. */
static void test_window_grows(void **state)
{
	(void)state;
	start(true, 20);
	in_flight(200);
	net_run(&net, 20, NULL, NULL);
	assert_int_equal(net_drop_all(&net), 60);
	for (unsigned int ack = 20000; ack <= 60000; ack += 20000)
		assert_int_equal(in_sack(ack, 0, NULL), CTR_NONE);
	assert_int_equal(a.t.cwnd, 120000);
	net_fini(&net);
	/* in congestion avoidance as well, where the wheel holds something back at each ACK */
	start(true, 20);
	a.t.cc = &cc_newreno;
	a.t.cc->init(&a.t);
	a.t.ssthresh = 50000;
	in_flight(200);
	net_run(&net, 30, NULL, NULL);
	assert_int_equal(net_drop_all(&net), 60);
	for (unsigned int ack = 6000; ack <= 60000; ack += 6000)
		assert_int_equal(in_sack(ack, 0, NULL), CTR_NONE);
	assert_int_equal(a.t.cwnd, 60000 + a.t.snd_mss);
	net_fini(&net);
}

/* What is more than may ever leave at once, as a probe of the path MTU can be, leaves with all that may. */
static void test_larger_than_all(void **state)
{
	(void)state;
	start(false, 20);
	a.t.cc = &cc_bbr;
	a.t.cc->init(&a.t);
	a.t.pacing_rate = 10000;
	a.t.snd_mss = 100;
	assert_true(tcp_pace_allows(&a.t, 201));
	tcp_pace_sent(&a.t, 201);
	assert_false(tcp_pace_allows(&a.t, 201));
	net_run(&net, 25, NULL, NULL);
	assert_true(tcp_pace_allows(&a.t, 201));
	net_fini(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_over_the_round_trip),
		cmocka_unit_test(test_short_round_trips_are_not_paced),
		cmocka_unit_test(test_no_credit_for_idle_time),
		cmocka_unit_test(test_retransmissions_do_not_wait),
		cmocka_unit_test(test_window_grows),
		cmocka_unit_test(test_larger_than_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
