/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Loss recovery against a scripted peer: what is sent again and when, how often the window is reduced, and
 * when that is taken back (RFC 8985, 6937, 5682, 3522, 3708).
 */
#include "test_tcp_script.h"

static uint64_t count(enum counter c)
{
	return net.end[0].ctrs[c];
}

/* Ten in flight, of which nothing is heard: the tail is probed, then the timeout takes all for lost and
 * sends the first one again. */
static void time_out(const char *syn)
{
	begin(syn);
	in_flight(10);
	net_drop_all(&net);
	net_run(&net, 300, NULL, NULL);
	take();
	assert_int_equal(p.seq, iss + 1 + 9000);
	take();
	assert_int_equal(p.seq, iss + 1);
	nothing_sent();
	assert_true(a.t.rto_recovery);
	assert_int_equal(a.t.lost_bytes, 9000);
	assert_int_equal(a.t.cwnd, a.t.snd_mss);
}

/* With timestamps the echo tells which copy has arrived (RFC 3522). */
static void test_eifel(void **state)
{
	(void)state;
	for (unsigned int late = 0; late < 2; late++) {
		struct craft c = {
			.flags = TCPF_ACK, .seq = ISS + 1, .wnd = WND, .ts = true, .tsval = 900};

		time_out("mswt");
		c.ack = iss + 1 + 2000;
		c.tsecr = p.tcp.tsval - (late ? 100 : 0);
		assert_int_equal(craft_in(&net, &c), CTR_NONE);
		assert_int_equal(net.end[0].ctrs[CTR_TCP_TS_UNDO], late);
		assert_int_equal(a.t.in_recovery, !late);
		if (late)
			assert_in_range(a.t.cwnd, 14600, 20000);
		else
			assert_in_range(a.t.cwnd, 1460, 2920);
		net_fini(&net);
	}
}

/* What had been sent again before the recovery began: an old echo says nothing about the loss. */
static void test_eifel_is_not_misled(void **state)
{
	struct craft c = {.flags = TCPF_ACK, .seq = ISS + 1, .wnd = WND, .ts = true, .tsval = 900};
	struct sack_block b;
	uint32_t probe_ts;

	(void)state;
	begin("mswt");
	in_flight(2);
	net_drop_all(&net);
	net_run(&net, 100, NULL, NULL);
	take();
	assert_int_equal(p.seq, iss + 1 + 1000);
	probe_ts = p.tcp.tsval;
	c.ack = iss + 1 + 1000;
	c.tsecr = probe_ts - 50;
	assert_int_equal(craft_in(&net, &c), CTR_NONE);
	in_flight(8);
	net_drop_all(&net);
	net_run(&net, 30, NULL, NULL);
	b = (struct sack_block){iss + 1 + 2000, iss + 1 + 6000};
	c.sack = &b;
	c.n_sack = 1;
	c.tsecr = probe_ts;
	assert_int_equal(craft_in(&net, &c), CTR_NONE);
	assert_true(a.t.in_recovery);
	assert_true(net_drop_all(&net) > 0);
	c.n_sack = 0;
	c.ack = iss + 1 + 6000;
	assert_int_equal(craft_in(&net, &c), CTR_NONE);
	assert_int_equal(net.end[0].ctrs[CTR_TCP_TS_UNDO], 0);
	net_fini(&net);
}

/* The peer reports as duplicate what was sent again: nothing was lost (RFC 3708). */
static void test_dsack_undo(void **state)
{
	uint32_t cwnd;

	(void)state;
	begin("msw");
	in_flight(10);
	net_drop_all(&net);
	net_run(&net, 20, NULL, NULL);
	cwnd = a.t.cwnd;
	in_sack(0, 1, (uint32_t[]){1000, 4000});
	assert_true(a.t.in_recovery);
	take();
	assert_int_equal(p.seq, iss + 1);
	in_sack(4000, 0, NULL);
	assert_true(a.t.in_recovery);
	assert_int_equal(in_sack(4000, 1, (uint32_t[]){0, 1000}), CTR_NONE);
	assert_int_equal(net.end[0].ctrs[CTR_TCP_DSACK_RX], 1);
	assert_int_equal(net.end[0].ctrs[CTR_TCP_DSACK_UNDO], 1);
	assert_false(a.t.in_recovery);
	assert_true(a.t.cwnd >= cwnd);
	assert_int_equal(a.t.reo_wnd_mult, 2);
	net_fini(&net);
}

/* The tail is lost: a probe after two round trips, not the timeout, makes the peer tell. */
static void test_tail_loss_probe(void **state)
{
	(void)state;
	begin("msw");
	in_flight(3);
	net_drop_all(&net);
	net_run(&net, 20, NULL, NULL);
	in_sack(1000, 0, NULL);
	net_run(&net, 60, NULL, NULL);
	take();
	assert_int_equal(p.seq, iss + 1 + 2000);
	nothing_sent();
	assert_int_equal(net.end[0].ctrs[CTR_TCP_LOSS_PROBES], 1);
	net_run(&net, 20, NULL, NULL);
	in_sack(1000, 1, (uint32_t[]){2000, 3000});
	take();
	assert_int_equal(p.seq, iss + 1 + 1000);
	assert_int_equal(a.timeouts, 0);
	/* Had the probe repaired all of it, the loss would still count. */
	in_sack(3000, 0, NULL);
	assert_false(a.t.in_recovery);
	in_flight(5);
	net_drop_all(&net);
	net_run(&net, 300, NULL, NULL);
	net_fini(&net);
}

/* A retransmission that is lost as well is sent again when something sent after it arrives. */
static void test_lost_retransmission(void **state)
{
	(void)state;
	begin("msw");
	in_flight(10);
	net_drop_all(&net);
	net_run(&net, 20, NULL, NULL);
	in_sack(0, 1, (uint32_t[]){1000, 4000});
	take();
	assert_int_equal(p.seq, iss + 1);
	in_flight(14); /* new ones, sent after the retransmission */
	in_sack(0, 1, (uint32_t[]){1000, 8000});
	assert_in_range(net_drop_all(&net), 1, 4);
	net_run(&net, 20, NULL, NULL);
	nothing_sent();
	in_sack(0, 2, (uint32_t[]){1000, 8000, 10000, 11000});
	take();
	assert_int_equal(p.seq, iss + 1);
	assert_int_equal(a.timeouts, 0);
	net_fini(&net);
}

/* --- forward RTO-recovery (RFC 5682), without timestamps --------------------------------------------- */

/* The first ACK may be about a gap that the retransmission has closed: two new segments go, nothing else. */
static void first_ack_after_timeout(const char *syn)
{
	time_out(syn);
	in_flight(14);
	nothing_sent();
	assert_int_equal(in_sack(2000, 0, NULL), CTR_NONE);
	assert_true(a.t.in_recovery);
	take();
	assert_int_equal(p.seq, iss + 1 + 10000);
	take();
	assert_int_equal(p.seq, iss + 1 + 11000);
	nothing_sent();
	assert_int_equal(count(CTR_TCP_SPURIOUS_RTO), 0);
}

/* What was not sent again arrives after that: it was only late. */
static void test_spurious_timeout(void **state)
{
	(void)state;
	first_ack_after_timeout("msw");
	assert_int_equal(in_sack(5000, 0, NULL), CTR_NONE);
	assert_int_equal(count(CTR_TCP_SPURIOUS_RTO), 1);
	assert_in_range(a.t.cwnd, 14600, 14600 + 3000);
	assert_true(a.t.ssthresh >= 14600);
	net_fini(&net);
}

/* The new segments arrive behind the gap: the timeout was right. */
static void test_needed_timeout(void **state)
{
	(void)state;
	first_ack_after_timeout("msw");
	assert_int_equal(in_sack(2000, 1, (uint32_t[]){10000, 11000}), CTR_NONE);
	assert_int_equal(count(CTR_TCP_SPURIOUS_RTO), 0);
	assert_true(a.t.in_recovery);
	assert_in_range(a.t.cwnd, a.t.snd_mss, 3 * a.t.snd_mss);
	take();
	assert_int_equal(p.seq, iss + 1 + 2000);
	net_drop_all(&net);
	net_fini(&net);
}

/* SACKs were lost, all but the first had arrived: that the retransmission brings the rest says nothing. */
static void test_gap_closed_after_timeout(void **state)
{
	(void)state;
	time_out("msw");
	assert_int_equal(in_sack(6000, 0, NULL), CTR_NONE);
	assert_int_equal(count(CTR_TCP_SPURIOUS_RTO), 0);
	assert_true(a.t.in_recovery);
	take();
	assert_int_equal(p.seq, iss + 1 + 6000); /* no new data: as ever */
	net_drop_all(&net);
	assert_int_equal(in_sack(10000, 0, NULL), CTR_NONE);
	assert_int_equal(count(CTR_TCP_SPURIOUS_RTO), 0);
	assert_false(a.t.in_recovery);
	net_fini(&net);
}

/* --- when it is lost ------------------------------------------------------------------------------- */

/* Every second a segment that is acknowledged after rtt_ms. */
static void seconds(unsigned int n, unsigned int rtt_ms)
{
	unsigned int segs = (a.t.snd_max - iss - 1) / 1000;

	for (; n > 0; n--) {
		in_flight(++segs);
		assert_int_equal(net_drop_all(&net), 1);
		net_run(&net, rtt_ms, NULL, NULL);
		in_sack(segs * 1000, 0, NULL);
		net_run(&net, 1000 - rtt_ms, NULL, NULL);
	}
}

/* The shortest round trip is one of the path as it is (RFC 8985 s6.2). */
static void test_path_grows_longer(void **state)
{
	(void)state;
	begin("msw");
	seconds(10, 20);
	assert_int_equal(a.t.min_rtt_us, 20000);
	seconds(45, 80);
	assert_int_equal(a.t.min_rtt_us, 20000);
	seconds(70, 80);
	assert_int_equal(a.t.min_rtt_us, 80000);
	seconds(1, 50);
	assert_int_equal(a.t.min_rtt_us, 50000);
	/* nothing is known of a path that was idle for long */
	net_run(&net, 125000, NULL, NULL);
	seconds(1, 90);
	assert_int_equal(a.t.min_rtt_us, 90000);
	net_fini(&net);
}

/* New data and a retransmission leave in the same microsecond, in this order: the new data arrives first. */
static void test_sent_at_the_same_time(void **state)
{
	(void)state;
	sent("msw", 10);
	in_flight(14);
	assert_int_equal(times_sent(13000), 1);
	in_sack(0, 1, (uint32_t[]){1000, 4000});
	assert_int_equal(times_sent(0), 1);
	net_run(&net, 20, NULL, NULL);
	in_sack(0, 1, (uint32_t[]){1000, 14000});
	assert_int_equal(times_sent(0), 0);
	assert_int_equal(a.t.lost_bytes, 0);
	net_fini(&net);
}

/* Marks of 2 GiB ago lie behind, not ahead. */
static void test_long_without_loss(void **state)
{
	const uint32_t ago = UINT32_C(0x80000000) - 1500;

	(void)state;
	sent("mw", 10);
	a.t.recover = a.t.cwr_high = a.t.snd_una - ago;
	in(TCPF_ACK, 0, 1000, 0);
	for (unsigned int i = 0; i < 4; i++)
		in(TCPF_ACK, 0, 3000, 0);
	assert_true(a.t.in_recovery);
	assert_int_equal(times_sent(3000), 1);
	net_fini(&net);
}

/* What waited for a retransmission has not travelled for so long. */
static void test_rtt_over_a_gap(void **state)
{
	uint32_t srtt_us;

	(void)state;
	time_out("msw");
	srtt_us = a.t.srtt_us;
	net_run(&net, 20, NULL, NULL);
	assert_int_equal(in_sack(9000, 0, NULL), CTR_NONE);
	assert_int_equal(a.t.srtt_us, srtt_us);
	net_drop_all(&net);
	net_fini(&net);
}

/* With nothing but retransmissions in doubt a timeout that the peer's closed window has stretched is short
 * again when it opens. */
static void test_timeout_when_the_window_opens(void **state)
{
	struct craft c = {.flags = TCPF_ACK, .seq = ISS + 1};

	(void)state;
	sent("msw", 4);
	c.ack = iss + 1 + 1000;
	assert_int_equal(craft_in(&net, &c), CTR_NONE);
	net_run(&net, 20000, NULL, NULL);
	net_drop_all(&net);
	assert_true(a.t.rto_ms > 5000);
	c.wnd = WND;
	assert_int_equal(craft_in(&net, &c), CTR_NONE);
	net_drop_all(&net);
	net_run(&net, 300, NULL, NULL);
	assert_int_equal(times_sent(1000), 1);
	net_fini(&net);
}

/* --- tail loss probes ------------------------------------------------------------------------------ */

/* Three in flight, all but the first of which were probed for. */
static void probed(void)
{
	sent("msw", 3);
	in_sack(1000, 0, NULL);
	net_run(&net, 60, NULL, NULL);
	assert_int_equal(times_sent(2000), 1);
	assert_int_equal(count(CTR_TCP_LOSS_PROBES), 1);
}

/* The probe was one too many, and the peer says so when nothing is in flight any more. */
static void test_probe_in_vain(void **state)
{
	(void)state;
	probed();
	in_sack(3000, 0, NULL);
	in_sack(3000, 1, (uint32_t[]){2000, 3000});
	in_flight(4);
	net_drop_all(&net);
	in_sack(4000, 0, NULL);
	assert_int_equal(count(CTR_TCP_LOSS_PROBE_RECOVERY), 0);
	assert_true(a.t.ssthresh == UINT32_MAX);
	net_fini(&net);
	/* and in the old way */
	probed();
	in_sack(3000, 0, NULL);
	in_sack(3000, 0, NULL);
	in_flight(4);
	net_drop_all(&net);
	in_sack(4000, 0, NULL);
	assert_int_equal(count(CTR_TCP_LOSS_PROBE_RECOVERY), 0);
	net_fini(&net);
}

/* The probe has repaired the loss: the window shrinks by what was in flight then. A larger window offered
 * meanwhile is no duplicate. */
static void test_probe_repairs(void **state)
{
	struct craft c = {.flags = TCPF_ACK, .seq = ISS + 1, .wnd = WND - 100};

	(void)state;
	probed();
	in_sack(3000, 0, NULL);
	c.ack = iss + 1 + 3000;
	assert_int_equal(craft_in(&net, &c), CTR_NONE);
	in_flight(13);
	net_drop_all(&net);
	net_run(&net, 20, NULL, NULL);
	in_sack(10000, 0, NULL);
	assert_int_equal(count(CTR_TCP_LOSS_PROBE_RECOVERY), 1);
	assert_int_equal(a.t.ssthresh, 10000 * 7 / 10);
	net_fini(&net);
}

/* A single segment: the probe goes in place of a timeout. One without a round-trip time since waits. */
static void test_probe_instead_of_timeout(void **state)
{
	(void)state;
	sent("msw", 1);
	net_run(&net, 210, NULL, NULL);
	assert_int_equal(times_sent(0), 1);
	assert_int_equal(count(CTR_TCP_LOSS_PROBES), 1);
	assert_int_equal(a.timeouts, 0);
	in_sack(1000, 0, NULL);
	in_flight(2);
	net_drop_all(&net);
	net_run(&net, 300, NULL, NULL);
	assert_int_equal(count(CTR_TCP_LOSS_PROBES), 1);
	assert_int_equal(a.timeouts, 1);
	net_drop_all(&net);
	net_fini(&net);
}

/* --- how far the window goes down ------------------------------------------------------------------ */

static void agree_on_ecn(void)
{
	a.t.use_ecn = true;
}

/* A mark and a loss in the same window of data are one event. */
static void test_mark_and_loss(void **state)
{
	uint32_t ssthresh;

	(void)state;
	sent("msw", 10);
	agree_on_ecn();
	in(TCPF_ACK | TCPF_ECE, 0, 1000, 0);
	assert_int_equal(count(CTR_TCP_ECN_REDUCED), 1);
	ssthresh = a.t.ssthresh;
	in_sack(1000, 1, (uint32_t[]){2000, 6000});
	assert_true(a.t.in_recovery);
	assert_int_equal(a.t.ssthresh, ssthresh);
	net_drop_all(&net);
	net_fini(&net);
}

/* A mark in a recovery: there was congestion, lost or not. */
static void test_no_undo_after_a_mark(void **state)
{
	(void)state;
	for (unsigned int ece = 0; ece < 2; ece++) {
		sent("mswt", 10);
		agree_on_ecn();
		in_echo(TCPF_ACK, 0, 20, 1, (uint32_t[]){1000, 4000});
		assert_true(a.t.in_recovery);
		in_echo(TCPF_ACK | (ece ? TCPF_ECE : 0), 0, 20, 1, (uint32_t[]){1000, 5000});
		in_echo(TCPF_ACK, 5000, 20, 0, NULL);
		assert_int_equal(count(CTR_TCP_TS_UNDO), !ece);
		net_drop_all(&net);
		net_fini(&net);
	}
}

/* Without SACK a duplicate ACK stands for a segment, which counts once as delivered. */
static void test_delivered_without_sack(void **state)
{
	(void)state;
	sent("mw", 10);
	for (unsigned int i = 0; i < 3; i++)
		in(TCPF_ACK, 0, 0, 0);
	assert_true(a.t.in_recovery);
	in(TCPF_ACK, 0, 4000, 0);
	assert_in_range(a.t.prr_delivered, 1460, 4000);
	net_drop_all(&net);
	net_fini(&net);
}

/* A partial acknowledgement shows the next hole (RFC 6582), also when what it lacks left in the microsecond
 * in which recovery began. */
static void test_hole_of_the_same_time(void **state)
{
	(void)state;
	sent("mw", 10);
	in_flight(12);
	assert_int_equal(net_drop_all(&net), 2);
	for (unsigned int i = 0; i < 3; i++)
		in(TCPF_ACK, 0, 0, 0);
	assert_int_equal(times_sent(0), 1);
	in(TCPF_ACK, 0, 10000, 0);
	assert_int_equal(times_sent(10000), 1);
	in(TCPF_ACK, 0, 11000, 0);
	assert_int_equal(times_sent(11000), 1);
	net_fini(&net);
}

/* The answer to a question of ours reports a duplicate that no network made. */
static void test_answer_to_a_question(void **state)
{
	struct seg *s;

	(void)state;
	sent("msw", 2);
	s = a.t.sndq.head;
	seg_hold(a.t.st, s);
	in_sack(1000, 0, NULL);
	assert_true(tcp_ask(&a.t, s));
	assert_int_equal(times_sent(999), 1);
	in_sack(1000, 1, (uint32_t[]){999, 1000});
	assert_int_equal(count(CTR_TCP_DSACK_RX), 0);
	assert_int_equal(a.t.reo_wnd_mult, 1);
	in_sack(1000, 1, (uint32_t[]){0, 1000});
	assert_int_equal(count(CTR_TCP_DSACK_RX), 1);
	seg_release(a.t.st, s);
	in_sack(2000, 0, NULL);
	net_fini(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_eifel),
		cmocka_unit_test(test_eifel_is_not_misled),
		cmocka_unit_test(test_dsack_undo),
		cmocka_unit_test(test_tail_loss_probe),
		cmocka_unit_test(test_lost_retransmission),
		cmocka_unit_test(test_spurious_timeout),
		cmocka_unit_test(test_needed_timeout),
		cmocka_unit_test(test_gap_closed_after_timeout),
		cmocka_unit_test(test_path_grows_longer),
		cmocka_unit_test(test_sent_at_the_same_time),
		cmocka_unit_test(test_long_without_loss),
		cmocka_unit_test(test_rtt_over_a_gap),
		cmocka_unit_test(test_timeout_when_the_window_opens),
		cmocka_unit_test(test_probe_in_vain),
		cmocka_unit_test(test_probe_repairs),
		cmocka_unit_test(test_probe_instead_of_timeout),
		cmocka_unit_test(test_mark_and_loss),
		cmocka_unit_test(test_no_undo_after_a_mark),
		cmocka_unit_test(test_delivered_without_sack),
		cmocka_unit_test(test_hole_of_the_same_time),
		cmocka_unit_test(test_answer_to_a_question),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
