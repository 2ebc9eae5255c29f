/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How long a connection waits for a peer that says nothing (RFC 9293 s3.8.3).
 */
#include "test_tcp_script.h"

static bool closed(struct net *n, void *ctx)
{
	return a.closed > 0;
}

/* Virtual time until the connection is given up; 0: not within a day. */
static uint32_t patience_ms(void)
{
	uint32_t from_ms = net.end[0].st.now_ms;

	net_run(&net, 86400000, closed, NULL);
	return a.closed > 0 ? net.end[0].st.now_ms - from_ms : 0;
}

static void start(const char *syn, uint32_t user_timeout_ms)
{
	begin(syn);
	net_cfg.user_timeout_ms = user_timeout_ms;
}

static void end(void)
{
	assert_int_equal(a.why, TCP_END_TIMEOUT);
	net_drop_all(&net);
	net_fini(&net);
}

/* By the number of retransmissions, or in time to the millisecond, whichever is first. */
static void test_data(void **state)
{
	(void)state;
	start("msw", 0);
	in_flight(4);
	assert_in_range(patience_ms(), 100000, 1200000);
	end();
	start("msw", 7000);
	in_flight(4);
	assert_in_range(patience_ms(), 7000, 7001);
	end();
}

/* Progress counts from the last acknowledgement. */
static void test_progress(void **state)
{
	(void)state;
	start("msw", 7000);
	in_flight(4);
	net_run(&net, 5000, NULL, NULL);
	in_sack(1000, 0, NULL);
	assert_in_range(patience_ms(), 7000, 7001);
	end();
	/* ... or from when there was something to wait for */
	start("msw", 7000);
	net_run(&net, 60000, NULL, NULL);
	in_flight(4);
	assert_in_range(patience_ms(), 7000, 7001);
	end();
}

/* A closed window may stay closed as long as the peer answers; when it does not, it is gone. */
static void test_closed_window(void **state)
{
	struct craft c = {.flags = TCPF_ACK, .seq = ISS + 1, .wnd = 0};

	(void)state;
	start("msw", 7000);
	c.ack = iss + 1;
	assert_int_equal(craft_in(&net, &c), CTR_NONE);
	in_flight(4);
	for (unsigned int i = 0; i < 30; i++) {
		net_run(&net, 1000, NULL, NULL);
		assert_int_equal(a.closed, 0);
		craft_in(&net, &c);
	}
	assert_in_range(patience_ms(), 7000, 14001);
	end();
}

static void test_keepalive(void **state)
{
	(void)state;
	start("msw", 0);
	assert_in_range(patience_ms(), 7200000 + 9 * 75000, 7200000 + 9 * 75000 + 1000);
	end();
	start("msw", 7000);
	assert_in_range(patience_ms(), 7200000 + 75000, 7200000 + 75000 + 1000);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_data),
		cmocka_unit_test(test_progress),
		cmocka_unit_test(test_closed_window),
		cmocka_unit_test(test_keepalive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
