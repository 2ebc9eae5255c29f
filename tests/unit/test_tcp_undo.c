/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Taking recoveries back against a scripted peer: what counts as proof, how often, and what it leaves behind
 * (RFC 3522, 4015, 2883, 3708; RFC 7323 for the timestamps of what is sent again).
 */
#include "test_tcp_script.h"

/* Until the reordering timer has found something. */
static void until_recovery(void)
{
	for (unsigned int ms = 0; ms < 30 && !a.t.in_recovery; ms++)
		net_run(&net, 1, NULL, NULL);
	assert_true(a.t.in_recovery);
}

static uint64_t count(enum counter c)
{
	return net.end[0].ctrs[c];
}

/* Reports of other duplicates are no word about what was sent again. */
static void test_dsack_of_something_else(void **state)
{
	(void)state;
	sent("msw", 10);
	in_sack(0, 1, (uint32_t[]){1000, 4000});
	assert_true(a.t.in_recovery);
	net_drop_all(&net);
	in_sack(4000, 0, NULL);
	in_sack(4000, 1, (uint32_t[]){2000, 3000});
	assert_int_equal(count(CTR_TCP_DSACK_RX), 1);
	assert_int_equal(count(CTR_TCP_DSACK_UNDO), 0);
	in_sack(4000, 1, (uint32_t[]){0, 1000});
	assert_int_equal(count(CTR_TCP_DSACK_UNDO), 1);
	net_fini(&net);
}

/* A copy was out before the recovery: a duplicate may be that one. */
static void test_dsack_of_a_probe(void **state)
{
	(void)state;
	sent("msw", 3);
	in_sack(1000, 0, NULL);
	net_run(&net, 60, NULL, NULL);
	assert_int_equal(times_sent(2000), 1); /* the probe */
	in_flight(9);
	net_drop_all(&net);
	net_run(&net, 20, NULL, NULL);
	in_sack(1000, 1, (uint32_t[]){3000, 7000});
	assert_true(a.t.in_recovery);
	net_drop_all(&net);
	in_sack(7000, 1, (uint32_t[]){1000, 2000});
	in_sack(7000, 1, (uint32_t[]){2000, 3000});
	assert_int_equal(count(CTR_TCP_DSACK_UNDO), 0);
	net_drop_all(&net);
	net_fini(&net);
}

/* Where the network reorders, what arrives counts when it arrives, and once. */
static void test_growth_under_reordering(void **state)
{
	uint32_t cwnd;

	(void)state;
	sent("msw", 10);
	cwnd = a.t.cwnd;
	in_sack(0, 1, (uint32_t[]){1000, 2000});
	assert_int_equal(a.t.cwnd, cwnd);
	/* that it does shows now */
	in_sack(2000, 0, NULL);
	assert_int_equal(a.t.cwnd, cwnd += 1000);
	assert_true(a.t.reo_seen);
	in_flight(200);
	in_sack(2000, 1, (uint32_t[]){3000, 4000});
	assert_int_equal(a.t.cwnd, cwnd += 1000);
	in_sack(2000, 1, (uint32_t[]){3000, 6000});
	assert_int_equal(a.t.cwnd, cwnd += 2000);
	in_sack(6000, 0, NULL);
	assert_int_equal(a.t.cwnd, cwnd += 1000);
	/* one that was overtaken, with news */
	in_sack(6000, 1, (uint32_t[]){8000, 9000});
	assert_int_equal(a.t.cwnd, cwnd += 1000);
	in_sack(5000, 1, (uint32_t[]){8000, 10000});
	assert_int_equal(a.t.cwnd, cwnd += 1000);
	/* that cwnd was full is long ago */
	a.t.cwnd = cwnd = 1000000;
	a.t.cwnd_full = true;
	a.t.cwnd_full_at = a.t.snd_una;
	in_sack(5000, 1, (uint32_t[]){7000, 10000});
	assert_int_equal(a.t.cwnd, cwnd);
	assert_false(a.t.in_recovery);
	net_drop_all(&net);
	net_fini(&net);
}

/* A reordering network may mislead several times in a round trip. */
static void test_undo_twice_in_a_round_trip(void **state)
{
	(void)state;
	sent("mswt", 10);
	in_echo(TCPF_ACK, 0, 20, 1, (uint32_t[]){1000, 4000});
	assert_true(a.t.in_recovery);
	in_echo(TCPF_ACK, 4000, 20, 0, NULL);
	assert_int_equal(count(CTR_TCP_TS_UNDO), 1);
	/* the network reorders, it seems: the next one has its time */
	in_echo(TCPF_ACK, 4000, 20, 1, (uint32_t[]){5000, 8000});
	assert_false(a.t.in_recovery);
	net_run(&net, 10, NULL, NULL);
	assert_true(a.t.in_recovery);
	assert_in_range(a.t.ssthresh, 0, 10000);
	in_echo(TCPF_ACK, 8000, 30, 0, NULL);
	assert_int_equal(count(CTR_TCP_TS_UNDO), 2);
	assert_in_range(a.t.ssthresh, 10001, UINT32_MAX);
	net_drop_all(&net);
	net_fini(&net);
}

/* What a recovery that was undone has sent again is lost once more, it seems: an echo from before that
 * recovery tells that it is not, one of its retransmission does not. */
static void test_undo_of_what_was_sent_again(void **state)
{
	(void)state;
	for (unsigned int late = 0; late < 2; late++) {
		sent("mswt", 10);
		in_echo(TCPF_ACK, 0, 20, 1, (uint32_t[]){4000, 9000});
		assert_true(a.t.in_recovery);
		assert_in_range(net_drop_all(&net), 2, 4); /* 0 and 1000 at least */
		in_echo(TCPF_ACK, 1000, 20, 1, (uint32_t[]){4000, 9000});
		assert_int_equal(count(CTR_TCP_TS_UNDO), 1);
		in_flight(20);
		assert_true(net_drop_all(&net) > 2);
		net_run(&net, 25, NULL, NULL);
		in_echo(TCPF_ACK, 1000, 25, 1, (uint32_t[]){11000, 12000});
		net_run(&net, 10, NULL, NULL);
		assert_true(a.t.in_recovery);
		assert_int_equal(a.t.sndq.head->seq, iss + 1 + 1000);
		assert_int_equal(a.t.sndq.head->n_tx, 3);
		in_echo(TCPF_ACK, 2000, late ? 55 : 35, 0, NULL);
		assert_int_equal(count(CTR_TCP_TS_UNDO), 1 + late);
		net_drop_all(&net);
		net_fini(&net);
	}
}

/* From one round trip into the next: what counts is when nothing in flight had been sent again for the last
 * time. */
static void test_undo_in_the_next_round_trip(void **state)
{
	(void)state;
	sent("mswt", 10);
	in_echo(TCPF_ACK, 0, 20, 1, (uint32_t[]){1000, 4000});
	in_echo(TCPF_ACK, 4000, 20, 0, NULL);
	assert_int_equal(count(CTR_TCP_TS_UNDO), 1);
	net_run(&net, 5, NULL, NULL);
	a.t.cwnd = 14000;
	in_flight(18);
	net_drop_all(&net);
	net_run(&net, 20, NULL, NULL);
	in_echo(TCPF_ACK, 4000, 20, 1, (uint32_t[]){14000, 18000});
	net_run(&net, 10, NULL, NULL);
	assert_true(a.t.in_recovery);
	a.t.cwnd = 50000;
	tcp_output(&a.t);
	net_drop_all(&net);
	in_echo(TCPF_ACK, 12000, 30, 1, (uint32_t[]){14000, 18000}); /* beyond that round trip */
	assert_int_equal(count(CTR_TCP_TS_UNDO), 2);
	a.t.cwnd = 50000;
	in_flight(24);
	net_drop_all(&net);
	net_run(&net, 20, NULL, NULL);
	in_echo(TCPF_ACK, 12000, 20, 1, (uint32_t[]){14000, 24000});
	net_run(&net, 15, NULL, NULL);
	assert_true(a.t.in_recovery);
	assert_int_equal(a.t.sndq.head->n_tx, 3);
	in_echo(TCPF_ACK, 13000, 65, 1, (uint32_t[]){14000, 24000});
	assert_int_equal(count(CTR_TCP_TS_UNDO), 3);
	net_drop_all(&net);
	net_fini(&net);
}

/* One acknowledgement of everything, with the duplicate that undoes: the reordering window grows once. */
static void test_undo_widens_once(void **state)
{
	(void)state;
	sent("msw", 10);
	a.t.reo_seen = true;
	in_sack(0, 1, (uint32_t[]){1000, 4000});
	net_run(&net, 10, NULL, NULL);
	assert_true(a.t.in_recovery);
	net_drop_all(&net);
	in_sack(10000, 1, (uint32_t[]){0, 1000});
	assert_int_equal(count(CTR_TCP_DSACK_UNDO), 1);
	assert_int_equal(a.t.reo_wnd_mult, 2);
	net_drop_all(&net);
	net_fini(&net);
}

/* What a router called too big in the middle of a recovery stays lost, mistaken as the recovery was. */
static void test_no_undo_of_what_is_too_big(void **state)
{
	(void)state;
	begin("mswt");
	for (unsigned int i = 0; i < 10; i++) {
		unsigned int n = i < 4 ? 500 : 1400;
		struct rte_mbuf *m = rte_pktmbuf_alloc(net_pool());

		memset(rte_pktmbuf_append(m, (uint16_t)n), 0, n);
		tcp_send(&a.t, seg_init(m, 0));
	}
	tcp_output(&a.t);
	assert_int_equal(net_drop_all(&net), 10);
	net_run(&net, 20, NULL, NULL);
	in_echo(TCPF_ACK, 0, 20, 1, (uint32_t[]){500, 2000});
	assert_true(a.t.in_recovery);
	assert_int_equal(tcp_too_big(&a.t, iss + 1 + 2000, 1000), CTR_NONE);
	net_drop_all(&net);
	in_echo(TCPF_ACK, 2000, 20, 0, NULL);
	assert_int_equal(count(CTR_TCP_TS_UNDO), 0);
	for (struct seg *s = a.t.flight_head; s != NULL; s = s->tx_next)
		assert_true(s->len <= 1000);
	net_drop_all(&net);
	net_fini(&net);
}

/* Where the network reorders, a retransmission says that it is a fourth of a round trip old: what is late
 * behind it must not be older than TS.Recent. Which copy has arrived is told all the same. */
static void test_old_timestamps(void **state)
{
	(void)state;
	for (unsigned int reorders = 0; reorders < 2; reorders++) {
		for (unsigned int late = 0; late < 2; late++) {
			uint32_t now, lag = reorders ? 5 : 0;

			sent("mswt", 10);
			in_echo(TCPF_ACK, 1000, 20, 0, NULL);
			assert_int_equal(a.t.min_rtt_us, 20000);
			net_drop_all(&net);
			a.t.reo_seen = reorders != 0;
			in_echo(TCPF_ACK, 1000, 20, 1, (uint32_t[]){2000, 6000});
			until_recovery();
			now = a.t.ts_offset + a.t.st->now_ms;
			take();
			assert_int_equal(p.seq, iss + 1 + 1000);
			assert_int_equal(p.tcp.tsval, now - lag);
			net_drop_all(&net);
			net_run(&net, 20, NULL, NULL);
			in_echo(TCPF_ACK, 6000, 20 + (late ? 20 + lag + reorders : lag), 0, NULL);
			assert_int_equal(count(CTR_TCP_TS_UNDO), late);
			net_drop_all(&net);
			net_fini(&net);
		}
	}
}

/* ... but not older than the copy before, nor than another that left meanwhile. */
static void test_timestamps_do_not_go_back(void **state)
{
	uint32_t first = 0;

	(void)state;
	/* a tail loss probe, after a path that was long */
	sent("mswt", 2);
	in_echo(TCPF_ACK, 2000, 20, 0, NULL);
	a.t.reo_seen = true;
	a.t.min_rtt_us = 600000;
	in_flight(4);
	while (net_take(&net, &p))
		first = p.tcp.tsval;
	for (unsigned int ms = 0; ms < 300 && !net_take(&net, &p); ms++)
		net_run(&net, 1, NULL, NULL);
	assert_int_equal(p.seq, iss + 1 + 3000);
	assert_int_equal(p.tcp.tsval, first);
	net_drop_all(&net);
	net_fini(&net);
	/* a copy that was in vain is on its way, and what it taught makes the next ones older */
	begin("mswt");
	in_flight(1);
	net_drop_all(&net);
	net_run(&net, 2, NULL, NULL);
	in_flight(3);
	assert_int_equal(net_drop_all(&net), 2);
	net_run(&net, 20, NULL, NULL);
	in_echo(TCPF_ACK, 0, 200, 1, (uint32_t[]){2000, 3000});
	until_recovery();
	take();
	assert_int_equal(p.seq, iss + 1);
	first = p.tcp.tsval;
	in_echo(TCPF_ACK, 1000, a.t.ts_offset + a.t.st->now_ms - first + 25, 1,
		(uint32_t[]){2000, 3000});
	assert_true(a.t.reo_seen);
	until_recovery();
	take();
	assert_int_equal(p.seq, iss + 1 + 1000);
	assert_true((int32_t)(p.tcp.tsval - first) >= 0);
	net_drop_all(&net);
	net_fini(&net);
}

/* The window for what is reordered was too short: it grows with the proof of that, once a round trip. */
static void test_undo_widens(void **state)
{
	(void)state;
	sent("mswt", 10);
	in_echo(TCPF_ACK, 0, 20, 1, (uint32_t[]){1000, 4000});
	in_echo(TCPF_ACK, 4000, 20, 0, NULL);
	assert_int_equal(count(CTR_TCP_TS_UNDO), 1);
	assert_true(a.t.reo_seen); /* there was none */
	assert_int_equal(a.t.reo_wnd_mult, 1);
	in_echo(TCPF_ACK, 4000, 20, 1, (uint32_t[]){5000, 8000});
	net_run(&net, 10, NULL, NULL);
	assert_true(a.t.in_recovery);
	in_echo(TCPF_ACK, 5000, 30, 1, (uint32_t[]){5000, 8000});
	assert_int_equal(count(CTR_TCP_TS_UNDO), 2);
	assert_int_equal(a.t.reo_wnd_mult, 2);
	/* the duplicate is of the same round trip */
	in_echo(TCPF_ACK, 8000, 30, 1, (uint32_t[]){4000, 5000});
	assert_int_equal(count(CTR_TCP_DSACK_RX), 1);
	assert_int_equal(a.t.reo_wnd_mult, 2);
	net_drop_all(&net);
	net_fini(&net);
}

/* A whole window acknowledged at once at the end of a recovery: pacing keeps it from a burst, so all of
 * ssthresh is there (RFC 6937 s3.1), and the next reduction is one from there. */
static void test_window_after_recovery(void **state)
{
	(void)state;
	for (unsigned int paced = 0; paced < 2; paced++) {
		begin("mswt");
		net_cfg.pacing = paced != 0;
		a.t.cwnd = 100000;
		a.t.ssthresh = 90000;
		for (unsigned int ms = 0; ms < 20; ms++) {
			in_flight(100);
			net_drop_all(&net);
			net_run(&net, 1, NULL, NULL);
		}
		in_echo(TCPF_ACK, 0, 20, 1, (uint32_t[]){1000, 90000});
		assert_true(a.t.in_recovery);
		net_drop_all(&net);
		a.t.reo_seen = true; /* what was SACKed has had its growth */
		net_run(&net, 20, NULL, NULL);
		in_echo(TCPF_ACK, a.t.snd_max - iss - 1, 20, 0, NULL);
		assert_false(a.t.in_recovery);
		assert_int_equal(count(CTR_TCP_TS_UNDO), 0);
		assert_int_equal(a.t.ssthresh, 70000);
		assert_int_equal(a.t.cwnd >= a.t.ssthresh, paced);
		net_drop_all(&net);
		net_fini(&net);
	}
}

/* A peer that swears all the time that nothing was lost, when much seems to be: what believing it costs in
 * a round trip is bounded by what is in flight. */
static void test_undo_is_bounded(void **state)
{
	uint32_t una = 0, ago_ms = 20;

	(void)state;
	begin("mswt");
	a.t.cwnd = 100000;
	in_flight(200);
	assert_int_equal(net_drop_all(&net), 100);
	net_run(&net, 20, NULL, NULL);
	for (unsigned int i = 0; i < 4; i++) {
		in_echo(TCPF_ACK, una, ago_ms, 1, (uint32_t[]){90000, 96000 + i * 1000});
		for (unsigned int ms = 0; ms < 20 && !a.t.in_recovery; ms++, ago_ms++)
			net_run(&net, 1, NULL, NULL);
		assert_true(a.t.in_recovery);
		net_drop_all(&net);
		una += 10000;
		in_echo(TCPF_ACK, una, ago_ms, 0, NULL);
		assert_int_equal(count(CTR_TCP_TS_UNDO), RTE_MIN(i + 1, 2u));
	}
	net_drop_all(&net);
	net_fini(&net);
}

/* A whole window is not let go at once: the rest of it in slow start. */
static void test_undo_is_no_burst(void **state)
{
	(void)state;
	begin("mswt");
	a.t.cwnd = 68000;
	a.t.ssthresh = 50000;
	in_flight(200);
	assert_int_equal(net_drop_all(&net), 68);
	net_run(&net, 20, NULL, NULL);
	for (unsigned int end = 5000; end <= 65000; end += 4000)
		in_echo(TCPF_ACK, 0, 20, 1, (uint32_t[]){1000, end});
	assert_true(a.t.in_recovery);
	net_drop_all(&net);
	in_echo(TCPF_ACK, a.t.snd_max - iss - 1 - 3000, 20, 0, NULL);
	assert_int_equal(count(CTR_TCP_TS_UNDO), 1);
	/* with what slow start adds */
	assert_true(net_drop_all(&net) * 1000 <= (10 + TCP_SLOW_START_L) * a.t.snd_mss);
	assert_true(a.t.ssthresh >= 68000);
	net_drop_all(&net);
	net_fini(&net);
}

/* An echo older than the first transmission is none. */
static void test_eifel_with_a_strange_echo(void **state)
{
	(void)state;
	sent("mswt", 10);
	in_echo(TCPF_ACK, 0, 20, 1, (uint32_t[]){1000, 4000});
	assert_true(a.t.in_recovery);
	in_echo(TCPF_ACK, 4000, 5000, 0, NULL);
	assert_int_equal(count(CTR_TCP_TS_UNDO), 0);
	assert_true(a.t.in_recovery);
	net_drop_all(&net);
	net_fini(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dsack_of_something_else),
		cmocka_unit_test(test_dsack_of_a_probe),
		cmocka_unit_test(test_growth_under_reordering),
		cmocka_unit_test(test_undo_twice_in_a_round_trip),
		cmocka_unit_test(test_undo_of_what_was_sent_again),
		cmocka_unit_test(test_undo_in_the_next_round_trip),
		cmocka_unit_test(test_undo_widens_once),
		cmocka_unit_test(test_no_undo_of_what_is_too_big),
		cmocka_unit_test(test_old_timestamps),
		cmocka_unit_test(test_timestamps_do_not_go_back),
		cmocka_unit_test(test_undo_widens),
		cmocka_unit_test(test_window_after_recovery),
		cmocka_unit_test(test_undo_is_bounded),
		cmocka_unit_test(test_undo_is_no_burst),
		cmocka_unit_test(test_eifel_with_a_strange_echo),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
