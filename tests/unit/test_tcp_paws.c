/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Timestamps against wrapped sequence numbers, and against what is only late.
 */
#include "mptcp/tcp/tcp_internal.h"
#include "test_tcp_script.h"

/* A segment with payload at seq, and a timestamp of its own. */
static enum counter at(uint32_t seq, uint16_t len, uint32_t tsval)
{
	struct craft c = {.flags = TCPF_ACK,
			  .seq = ISS + 1 + seq,
			  .ack = iss + 1,
			  .wnd = WND,
			  .len = len,
			  .off = seq,
			  .ts = true,
			  .tsval = tsval};

	return craft_in(&net, &c);
}

/* Octets in order up to where the window that is offered now ends. */
static uint32_t fill_window(uint32_t seq, uint32_t tsval)
{
	uint32_t end = a.t.rcv_adv - (ISS + 1);

	while (seq < end) {
		uint16_t len = (uint16_t)RTE_MIN(end - seq, 1000u);

		assert_int_equal(at(seq, len, tsval), CTR_NONE);
		seq += len;
	}
	net_drop_all(&net);
	return seq;
}

static void test_paws(void **state)
{
	struct craft c;

	(void)state;
	begin("mwt");
	assert_int_equal(a.t.ts_recent, 510);
	assert_int_equal(in(TCPF_ACK, 0, 0, 100), CTR_NONE);
	assert_int_equal(a.t.ts_recent, 520);
	take_flags(TCPF_ACK);
	assert_int_equal(p.tcp.tsecr, 520);
	assert_int_equal(at(100, 100, 519), CTR_DROP_TCP_PAWS);
	take_flags(TCPF_ACK);
	c = (struct craft){.flags = TCPF_ACK,
			   .seq = ISS + 101,
			   .ack = iss + 1,
			   .wnd = WND,
			   .len = 100,
			   .off = 100};
	assert_int_equal(craft_in(&net, &c), CTR_DROP_TCP_NO_TS);
	nothing_sent();
	/* ahead of what was acknowledged: TS.Recent stays (RFC 7323 s4.3) */
	assert_int_equal(at(300, 100, 900), CTR_NONE);
	assert_int_equal(a.t.ts_recent, 520);
	take_flags(TCPF_ACK);
	/* older than 24 days: invalid, so nothing is too old */
	a.t.ts_recent_ms -= 25u * 24 * 3600 * 1000;
	assert_int_equal(at(100, 100, 3), CTR_NONE);
	assert_int_equal(a.t.ts_recent, 3);
	assert_int_equal(a.received, 200);
	assert_false(a.bad);
	net_fini(&net);
}

/* A retransmission fills the first of two gaps; the first copy of what belongs into the other is late. */
static void test_late(void **state)
{
	(void)state;
	begin("mwt");
	assert_int_equal(in(TCPF_ACK, 0, 0, 100), CTR_NONE);
	assert_int_equal(at(200, 100, 522), CTR_NONE);
	assert_int_equal(at(400, 100, 524), CTR_NONE);
	assert_int_equal(at(100, 100, 900), CTR_NONE);
	assert_int_equal(a.t.ts_recent, 900);
	assert_int_equal(a.received, 300);
	/* older than all that belongs to this window */
	assert_int_equal(at(300, 100, 499), CTR_DROP_TCP_PAWS);
	assert_int_equal(at(300, 100, 523), CTR_NONE);
	assert_int_equal(a.received, 500);
	/* the echo is that of the latest all the time */
	assert_int_equal(a.t.ts_recent, 900);
	/* nothing is missing: nothing is late */
	assert_int_equal(at(500, 100, 899), CTR_DROP_TCP_PAWS);
	assert_int_equal(a.received, 500);
	assert_false(a.bad);
	net_fini(&net);
}

/* When the window has moved on twice the same timestamp is from before the numbers came round. */
static void test_late_by_two_windows(void **state)
{
	uint32_t seq;

	(void)state;
	begin("mwt");
	seq = fill_window(0, 600);
	seq = fill_window(seq, 700);
	seq = fill_window(seq, 800);
	assert_int_equal(at(seq + 100, 100, 801), CTR_NONE);
	assert_int_equal(at(seq, 50, 799), CTR_DROP_TCP_PAWS);
	assert_int_equal(a.received, seq);
	assert_int_equal(at(seq, 50, 800), CTR_NONE);
	assert_int_equal(a.received, seq + 50);
	assert_false(a.bad);
	net_fini(&net);
}

/* The window that is over counts as one, although no segment beyond it has been taken yet. */
static void test_late_as_a_window_ends(void **state)
{
	uint32_t seq, end;

	(void)state;
	begin("mwt");
	seq = fill_window(0, 600);
	assert_int_equal(at(seq, 100, 700), CTR_NONE);
	end = a.t.paws_edge - (ISS + 1);
	for (seq += 100; seq < end - 1000; seq += 100)
		assert_int_equal(at(seq, 100, 700), CTR_NONE);
	assert_int_equal(at(end - 500, 500, 701), CTR_NONE);
	assert_int_equal(at(end + 200, 100, 702), CTR_NONE);
	assert_int_equal(at(seq, (uint16_t)(end - 500 - seq), 900), CTR_NONE);
	assert_int_equal(a.t.rcv_nxt, a.t.paws_edge);
	assert_int_equal(at(end, 50, 650), CTR_DROP_TCP_PAWS);
	assert_int_equal(at(end, 50, 700), CTR_NONE);
	assert_int_equal(a.received, end + 50);
	assert_false(a.bad);
	net_fini(&net);
}

/* So it is when the window has not moved for longer than anything is on its way. */
static void test_late_by_minutes(void **state)
{
	(void)state;
	begin("mwt");
	assert_int_equal(at(0, 10, 600), CTR_NONE);
	a.t.st->now_ms += 121000;
	assert_int_equal(at(10, 10, 121600), CTR_NONE);
	a.t.st->now_ms += 121000;
	assert_int_equal(at(20, 10, 242600), CTR_NONE);
	assert_int_equal(at(50, 10, 242601), CTR_NONE);
	assert_int_equal(at(30, 10, 121599), CTR_DROP_TCP_PAWS);
	assert_int_equal(at(30, 10, 121600), CTR_NONE);
	/* nothing was heard for long */
	a.t.st->now_ms += 500000;
	assert_int_equal(at(40, 5, 742600), CTR_NONE);
	assert_int_equal(at(45, 5, 242600), CTR_DROP_TCP_PAWS);
	assert_int_equal(at(45, 5, 742600), CTR_NONE);
	assert_int_equal(a.received, 60);
	assert_false(a.bad);
	net_fini(&net);
}

/* Sent late in one millisecond, acknowledged early in another: it took no longer than that. */
static void test_rtt_of_an_echo(void **state)
{
	struct pkt echo = {.tcp = {.has_ts = true}};
	uint32_t rtt_us;

	(void)state;
	begin("mwt");
	for (uint32_t ms = 0; ms < 4; ms++) {
		echo.tcp.tsecr = tcp_ts_now(&a.t) - ms;
		assert_true(tcp_rtt_from_ts(&a.t, &echo, &rtt_us));
		assert_in_range(rtt_us, 1000 * ms + 1, 1000 * ms + 1000);
	}
	net_fini(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paws),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_late_by_two_windows),
		cmocka_unit_test(test_late_as_a_window_ends),
		cmocka_unit_test(test_late_by_minutes),
		cmocka_unit_test(test_rtt_of_an_echo),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
