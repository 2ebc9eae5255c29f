/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One TCP against a scripted peer: when it sends, and how much. Small and closed windows (RFC 9293
 * s3.8.6), the timeout after a lost SYN (RFC 6298), slow start (RFC 5681, RFC 9438).
 */
#include "mptcp/tcp/tcp_internal.h"
#include "test_tcp_net.h"

#define ISS      1000u /* of the peer */
#define MSS      1460
#define SEG      1000 /* octets of each segment here */
#define SYN_LOST 1000 /* ms until a SYN goes out again */

static struct net net;
static struct app a;
static struct pkt p;
static uint32_t iss; /* ours */

static void take(void)
{
	assert_true(net_take(&net, &p));
}

static void nothing_sent(void)
{
	assert_int_equal(net_drop_all(&net), 0);
}

static void listening(uint32_t rx_buffer)
{
	net_init(&net, 7, false);
	net.capture = true;
	net_cfg.rcv_wscale = 0;
	app_init(&a, &net.end[0]);
	a.rx_buffer = rx_buffer;
	net.end[0].listens = true;
	net.end[0].pending = &a;
}

static void ack_wnd(uint32_t ack, uint16_t wnd)
{
	struct craft c = {.flags = TCPF_ACK,
			  .seq = a.t.rcv_nxt != 0 ? a.t.rcv_nxt : ISS + 1,
			  .ack = iss + 1 + ack,
			  .wnd = wnd,
			  .ts = a.t.use_ts,
			  .tsval = 520,
			  .tsecr = p.tcp.tsval};

	assert_int_equal(craft_in(&net, &c), CTR_NONE);
}

/* The handshake as the passive side: so many of our SYN/ACKs are lost. */
static void handshake(const char *syn, uint16_t wnd, unsigned int lost)
{
	struct craft c = {.flags = TCPF_SYN,
			  .seq = ISS,
			  .wnd = wnd,
			  .syn = syn,
			  .ts = strchr(syn, 't') != NULL,
			  .tsval = 500};

	assert_int_equal(craft_in(&net, &c), CTR_NONE);
	for (unsigned int k = 0; k < lost; k++) {
		take();
		net_run(&net, (SYN_LOST << k) + 5, NULL, NULL);
	}
	take();
	assert_int_equal(p.flags, TCPF_SYN | TCPF_ACK);
	iss = p.seq;
	net_run(&net, 20, NULL, NULL);
	ack_wnd(0, wnd);
	assert_int_equal(a.t.state, TCPS_ESTABLISHED);
	nothing_sent();
}

static void begin(uint16_t wnd)
{
	listening(20000);
	handshake("ms", wnd, 0);
}

/* n segments are queued, and leave if they may. */
static void send_segs(unsigned int n)
{
	a.total += (uint64_t)n * SEG;
	while (a.queued < a.total) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(net_pool());

		memset(rte_pktmbuf_append(m, SEG), 0, SEG);
		tcp_send(&a.t, seg_init(m, 0));
		a.queued += SEG;
	}
	tcp_output(&a.t);
}

/* --- windows of the peer ------------------------------------------------------------------------ */

/* Half of the largest window is worth a short segment, at once, however long the probes have waited. */
static void test_half_window(void **state)
{
	(void)state;
	begin(1200);
	ack_wnd(0, 0);
	send_segs(1);
	nothing_sent();
	net_run(&net, 20000, NULL, NULL);
	assert_in_range(net_drop_all(&net), 4, 8);
	ack_wnd(0, 600);
	take();
	assert_int_equal(p.seq, iss + 1);
	assert_int_equal(p.payload_len, 600);
	nothing_sent();
	/* That was lost: the next probe has not to wait as long as the last one. */
	net_run(&net, a.t.rto_ms + 10, NULL, NULL);
	take();
	assert_int_equal(p.payload_len, 600);
	/* The rest, of which the window takes all. */
	ack_wnd(600, 1200);
	take();
	assert_int_equal(p.seq + p.payload_len, iss + 1 + SEG);
	ack_wnd(SEG, 1200);
	assert_int_equal(a.t.sndq.n, 0);
	net_fini(&net);
}

/* The same when the window was not closed, only small. */
static void test_small_window_grows(void **state)
{
	(void)state;
	begin(1200);
	ack_wnd(0, 100);
	send_segs(1);
	nothing_sent();
	ack_wnd(0, 599); /* silly still */
	nothing_sent();
	ack_wnd(0, 600);
	take();
	assert_int_equal(p.payload_len, 600);
	net_fini(&net);
}

/* An acknowledged probe, too, ends the backoff: the window is judged anew. */
static void test_probe_acknowledged(void **state)
{
	(void)state;
	begin(1200);
	ack_wnd(0, 100);
	send_segs(1);
	net_run(&net, 20000, NULL, NULL);
	assert_in_range(net_drop_all(&net), 4, 8);
	ack_wnd(100, 600);
	take();
	assert_int_equal(p.seq, iss + 101);
	assert_int_equal(p.payload_len, 600);
	nothing_sent();
	net_run(&net, a.t.rto_ms + 10, NULL, NULL);
	take();
	assert_int_equal(p.seq, iss + 101);
	net_fini(&net);
}

/* cwnd is one segment, and part of one went out as a probe and was lost: it must not count against the
 * whole one for ever. */
static void test_lost_probe_does_not_block(void **state)
{
	(void)state;
	begin(60000);
	a.t.cwnd = MSS;
	ack_wnd(0, 500);
	send_segs(2);
	nothing_sent();
	net_run(&net, 300, NULL, NULL);
	take();
	assert_int_equal(p.payload_len, 500);
	nothing_sent();
	ack_wnd(0, 60000);
	take();
	assert_int_equal(p.seq, iss + 1);
	assert_int_equal(p.payload_len, SEG);
	nothing_sent(); /* one, not more */
	ack_wnd(SEG, 60000);
	take();
	assert_int_equal(p.seq, iss + 1 + SEG);
	net_fini(&net);
}

/* What is in flight finds the window closed, for long; the peer answers each time and has room at
 * last. */
static void test_window_taken_back(void **state)
{
	(void)state;
	begin(60000);
	send_segs(3);
	assert_int_equal(net_drop_all(&net), 3);
	ack_wnd(0, 0);
	for (unsigned int s = 0; s < 2000; s++) {
		net_run(&net, 1000, NULL, NULL);
		if (net_drop_all(&net) > 0)
			ack_wnd(0, 0);
		assert_int_equal(a.closed, 0);
	}
	ack_wnd(0, 60000);
	for (unsigned int s = 0; s < 61 && net.n == 0; s++)
		net_run(&net, 1000, NULL, NULL);
	assert_int_equal(a.closed, 0);
	take();
	assert_int_equal(p.seq, iss + 1);
	assert_int_equal(p.payload_len, SEG);
	ack_wnd(3 * SEG, 60000);
	assert_int_equal(a.t.sndq.n, 0);
	net_fini(&net);
}

static void data_wnd(uint32_t off, uint32_t ack, uint16_t wnd)
{
	struct craft c = {.flags = TCPF_ACK,
			  .seq = ISS + 1 + off,
			  .ack = iss + 1 + ack,
			  .wnd = wnd,
			  .len = SEG,
			  .off = off};

	assert_int_equal(craft_in(&net, &c), CTR_NONE);
}

/* Data sent again has an old number, but the acknowledgement and the window of now: the edge must not
 * move by what is acknowledged. */
static void test_window_of_old_data(void **state)
{
	(void)state;
	begin(3 * SEG);
	send_segs(10);
	assert_int_equal(net_drop_all(&net), 3);
	data_wnd(SEG, 0, 3 * SEG); /* overtakes, or the one before is lost */
	net_drop_all(&net);
	data_wnd(0, 3 * SEG, 0); /* whose reader has not read a thing */
	assert_int_equal(a.received, 2 * SEG);
	take();
	assert_int_equal(p.payload_len, 0);
	nothing_sent();
	assert_int_equal(a.t.snd_wnd, 0);
	/* and it opens again */
	ack_wnd(3 * SEG, 2 * SEG);
	assert_int_equal(net_drop_all(&net), 2);
	net_fini(&net);
}

/* --- windows of ours ------------------------------------------------------------------------------ */

static void fill_buffer(uint32_t rx_buffer)
{
	listening(rx_buffer);
	handshake("ms", 60000, 0);
	a.paused = true;
	for (uint32_t off = 0; off < rx_buffer; off += SEG) {
		struct craft c = {.flags = TCPF_ACK,
				  .seq = ISS + 1 + off,
				  .ack = iss + 1,
				  .wnd = 60000,
				  .len = SEG,
				  .off = off};

		assert_int_equal(craft_in(&net, &c), CTR_NONE);
	}
	while (net.n > 0)
		take();
	assert_int_equal(p.ack, ISS + 1 + rx_buffer);
	assert_int_equal(p.wnd, 0);
}

/* So many octets more have room. Returns the window told, 0: nothing was sent. */
static uint16_t room(uint32_t octets)
{
	a.rx_buffer += octets;
	tcp_window_update(&a.t);
	stack_end_burst(a.t.st);
	if (!net_take(&net, &p))
		return 0;
	assert_int_equal(p.flags, TCPF_ACK);
	nothing_sent();
	return p.wnd;
}

/* A segment beyond a gap came with a window, and what fills the gap acknowledges more and closes it:
 * the window of before does not count from there on. */
static void test_window_before_a_gap(void **state)
{
	struct craft beyond = {.flags = TCPF_ACK, .len = 10, .off = 10, .wnd = 1000};
	struct craft first = {.flags = TCPF_ACK, .len = 10, .wnd = 0};

	(void)state;
	begin(1000);
	beyond.seq = a.t.rcv_nxt + 10;
	first.seq = a.t.rcv_nxt;
	send_segs(2);
	assert_int_equal(net_drop_all(&net), 1);
	beyond.ack = iss + 1;
	first.ack = iss + 1 + SEG;
	assert_int_equal(craft_in(&net, &beyond), CTR_NONE);
	assert_int_equal(craft_in(&net, &first), CTR_NONE);
	assert_int_equal(a.received, 20);
	while (net_take(&net, &p))
		assert_int_equal(p.payload_len, 0);
	assert_int_equal(a.t.snd_wnd, 0);
	net_fini(&net);
}

/* The edge moves by a segment at least, or by half of the largest window there was. */
static void test_window_update(void **state)
{
	(void)state;
	fill_buffer(20000);
	assert_int_equal(room(1), 0);
	assert_int_equal(room(499), 0);
	assert_int_equal(room(959), 0);
	assert_int_equal(room(1), MSS);
	assert_int_equal(room(MSS), 0);
	assert_int_equal(room(MSS - 1), 0);
	assert_int_equal(room(1), 3 * MSS);
	net_fini(&net);
	/* a buffer smaller than a segment */
	fill_buffer(1000);
	assert_int_equal(room(100), 0);
	assert_int_equal(room(399), 0);
	assert_int_equal(room(1), 500);
	assert_int_equal(room(499), 0);
	assert_int_equal(room(1), 1000);
	net_fini(&net);
}

/* A retransmission may be dropped unread, and with it the window it offers. */
static void test_window_on_a_retransmission(void **state)
{
	(void)state;
	fill_buffer(20000);
	send_segs(1);
	take();
	a.rx_buffer += 10000;
	tcp_window_update(&a.t);
	tcp_loss_on_timeout(&a.t);
	tcp_output(&a.t);
	take();
	assert_int_equal(p.seq, iss + 1);
	assert_int_equal(p.payload_len, SEG);
	assert_true(p.wnd > 0);
	stack_end_burst(a.t.st);
	take();
	assert_int_equal(p.payload_len, 0);
	assert_int_equal(p.seq, iss + 1 + SEG);
	assert_true(p.wnd > 0);
	nothing_sent();
	net_fini(&net);
}

/* --- without packet buffers ------------------------------------------------------------------------- */

/* From here on there are none for what is sent; back: there are. */
static struct rte_mempool *starve(void)
{
	struct rte_mempool *mp =
		rte_pktmbuf_pool_create("empty", 1, 0, SEG_PRIV_SIZE, 256, SOCKET_ID_ANY);

	assert_non_null(mp);
	assert_non_null(rte_pktmbuf_alloc(mp));
	net.end[0].st.mbufs = mp;
	return mp;
}

static void feed_again(struct rte_mempool *empty)
{
	net.end[0].st.mbufs = net_pool();
	rte_mempool_free(empty);
}

/* The ACK of the peer's FIN finds no buffer; that it is owed outlives the way to TIME_WAIT. */
static void test_fin_without_mbuf(void **state)
{
	struct craft c = {.flags = TCPF_ACK | TCPF_FIN, .seq = ISS + 1, .wnd = 60000};
	struct rte_mempool *empty;

	(void)state;
	begin(60000);
	tcp_shutdown(&a.t);
	take();
	assert_int_equal(p.flags, TCPF_FIN | TCPF_ACK);
	empty = starve();
	c.ack = iss + 1;
	assert_int_equal(craft_in(&net, &c), CTR_NONE);
	c = (struct craft){.flags = TCPF_ACK, .seq = ISS + 2, .ack = iss + 2, .wnd = 60000};
	assert_int_equal(craft_in(&net, &c), CTR_NONE);
	assert_int_equal(a.t.state, TCPS_TIME_WAIT);
	nothing_sent();
	feed_again(empty);
	net_run(&net, net_cfg.delack_ms + 10, NULL, NULL);
	take();
	assert_int_equal(p.flags, TCPF_ACK);
	assert_int_equal(p.ack, ISS + 2);
	nothing_sent();
	net_fini(&net);
}

/* A challenge that found no buffer in SYN_RCVD is no debt: the delay timer does not pay it, and a debt
 * without timer keeps the timer of the next one from being set. */
static void test_challenge_without_mbuf(void **state)
{
	struct craft c = {.flags = TCPF_SYN, .seq = ISS, .wnd = 60000, .syn = "m"};
	struct rte_mempool *empty;

	(void)state;
	listening(20000);
	assert_int_equal(craft_in(&net, &c), CTR_NONE);
	take();
	iss = p.seq;
	c.seq++;
	empty = starve();
	assert_int_equal(craft_in(&net, &c), CTR_DROP_TCP_SYN);
	nothing_sent();
	feed_again(empty);
	net_run(&net, 2 * net_cfg.delack_ms, NULL, NULL);
	ack_wnd(0, 60000);
	assert_int_equal(a.t.state, TCPS_ESTABLISHED);
	a.t.quickacks = 0;
	data_wnd(0, 0, 60000);
	nothing_sent();
	net_run(&net, 2 * net_cfg.delack_ms, NULL, NULL);
	take();
	assert_int_equal(p.ack, ISS + 1 + SEG);
	net_fini(&net);
}

/* --- timeout --------------------------------------------------------------------------------------- */

/* The segment in flight goes out again after so long and not before. */
static void check_rto(uint32_t ms)
{
	assert_int_equal(a.t.rto_ms, ms);
	send_segs(1);
	take();
	net_run(&net, ms - 5, NULL, NULL);
	nothing_sent();
	net_run(&net, 10, NULL, NULL);
	take();
	assert_int_equal(p.seq, iss + 1);
	assert_int_equal(p.payload_len, SEG);
	net_fini(&net);
}

/* A SYN/ACK or SYN was lost, and without timestamps nobody knows the round trip: 3 s (RFC 6298 (5.7)),
 * or what it is backed off to. */
static void test_rto_after_lost_syn(void **state)
{
	static const uint32_t ms[] = {3000, 3000, 4000};

	(void)state;
	for (unsigned int lost = 1; lost < 3; lost++) {
		listening(20000);
		handshake("ms", 60000, lost);
		assert_int_equal(a.t.cwnd, MSS);
		check_rto(ms[lost]);
	}
	listening(20000);
	net.end[0].listens = false;
	app_connect(&a);
	take();
	net_run(&net, SYN_LOST + 5, NULL, NULL);
	take();
	assert_int_equal(p.flags, TCPF_SYN);
	iss = p.seq;
	assert_int_equal(craft_in(&net, &(struct craft){.flags = TCPF_SYN | TCPF_ACK,
							.seq = ISS,
							.ack = iss + 1,
							.wnd = 60000,
							.syn = "ms"}),
			 CTR_NONE);
	assert_int_equal(a.t.state, TCPS_ESTABLISHED);
	net_drop_all(&net);
	check_rto(3000);
}

/* With a sample there is no need to guess. */
static void test_rto_with_sample(void **state)
{
	(void)state;
	listening(20000);
	handshake("ms", 60000, 0);
	assert_in_range(a.t.rto_ms, 200, 300);
	net_fini(&net);
	listening(20000);
	handshake("mst", 60000, 1);
	assert_true(a.t.use_ts);
	assert_in_range(a.t.rto_ms, 200, 300);
	net_fini(&net);
}

/* --- slow start -------------------------------------------------------------------------------------- */

static const struct tcp_cc_ops *const ccs[] = {&cc_newreno, &cc_cubic};

static void begin_with(const struct tcp_cc_ops *cc)
{
	listening(20000);
	net_cfg.cc = cc;
	handshake("ms", 60000, 0);
	assert_int_equal(a.t.cwnd, 10 * MSS);
}

/* By what was acknowledged, but eight segments an ACK at most. */
static void test_slow_start(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(ccs); i++) {
		begin_with(ccs[i]);
		send_segs(14);
		assert_int_equal(net_drop_all(&net), 14);
		ack_wnd(14 * SEG, 60000);
		assert_int_equal(a.t.cwnd, 18 * MSS);
		send_segs(26);
		assert_int_equal(net_drop_all(&net), 26);
		ack_wnd(17 * SEG, 60000);
		assert_int_equal(a.t.cwnd, 18 * MSS + 3 * SEG);
		/* up to ssthresh, and what is left of the ACK counts there */
		a.t.ssthresh = a.t.cwnd + 1000;
		ack_wnd(40 * SEG, 60000);
		assert_in_range(a.t.cwnd, a.t.ssthresh, a.t.ssthresh + MSS);
		net_fini(&net);
	}
}

/* A round trip of slow start, rtt_us long: how much cwnd has grown, in percent. */
static unsigned int round_of(struct tcp *t, uint32_t rtt_us)
{
	struct tcp_ack ack = {.credit = SEG, .cwnd_limited = true, .rtt_us = rtt_us};
	uint32_t before = t->cwnd;

	for (uint32_t end = t->snd_una + t->cwnd / SEG * SEG; t->snd_una != end;) {
		t->snd_max = t->snd_una + t->cwnd / SEG * SEG;
		t->snd_una += SEG;
		t->cc->on_ack(t, &ack);
	}
	return (unsigned int)((uint64_t)t->cwnd * 100 / before);
}

/* Slow start slows down when round trips get longer by an eighth (4 ms at least), goes on when that was
 * passing, and ends after five such rounds (RFC 9406 s4.2). */
static void test_hystart(void **state)
{
	(void)state;
	net_init(&net, 7, false);
	for (unsigned int i = 0; i < RTE_DIM(ccs); i++) {
		struct tcp t = {.st = &net.end[0].st,
				.cc = ccs[i],
				.snd_mss = SEG,
				.ssthresh = UINT32_MAX,
				.cwnd = 10 * SEG,
				.srtt_us = 40000};

		t.cc->init(&t);
		assert_int_equal(round_of(&t, 40000), 200);
		assert_int_equal(round_of(&t, 44900), 200); /* less than an eighth more */
		/* it shows in the course of this round or, as the last of the round before are
		 * among them, the next */
		round_of(&t, 51000);
		assert_in_range(round_of(&t, 51000), 120, 180);
		assert_in_range(round_of(&t, 51000), 120, 130);
		round_of(&t, 44000); /* it was passing */
		assert_in_range(round_of(&t, 44000), 150, 200);
		assert_int_equal(round_of(&t, 44000), 200);
		assert_int_equal(t.ssthresh, UINT32_MAX);
		round_of(&t, 60000);
		round_of(&t, 60000);
		for (unsigned int k = 0; k < 3; k++) {
			assert_int_equal(t.ssthresh, UINT32_MAX);
			assert_in_range(round_of(&t, 61000), 120, 130);
		}
		round_of(&t, 61000);
		round_of(&t, 61000);
		assert_true(t.ssthresh <= t.cwnd);
		assert_in_range(round_of(&t, 61000), 100, 110);
	}
	net_fini(&net);
}

/* One segment an ACK after a timeout: what it acknowledges may have arrived long ago. */
static void test_slow_start_after_timeout(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(ccs); i++) {
		uint32_t mss;

		listening(20000);
		net_cfg.cc = ccs[i];
		handshake("mst", 60000, 0); /* echoes tell that the timeout was about a loss */
		mss = a.t.snd_mss;
		send_segs(14);
		assert_int_equal(net_drop_all(&net), 14);
		net_run(&net, 300, NULL, NULL);
		take(); /* the tail's probe */
		take();
		assert_int_equal(p.seq, iss + 1);
		nothing_sent();
		assert_true(a.t.rto_recovery);
		assert_int_equal(a.t.cwnd, mss);
		ack_wnd(5 * SEG, 60000);
		assert_true(a.t.in_recovery);
		assert_int_equal(a.t.cwnd, 2 * mss);
		assert_int_equal(net_drop_all(&net), 2);
		ack_wnd(6 * SEG, 60000);
		assert_int_equal(a.t.cwnd, 2 * mss + SEG);
		ack_wnd(14 * SEG, 60000);
		assert_false(a.t.in_recovery);
		net_fini(&net);
	}
}

/* cwnd, in segments, after a second of congestion avoidance from 70 on, 100 ms a round trip. */
static uint32_t cubic_after(void (*event)(struct tcp *t, uint32_t flight))
{
	struct stack *st = &net.end[0].st;
	struct tcp t = {.st = st, .snd_mss = SEG, .srtt_us = 100000, .ssthresh = UINT32_MAX};
	struct tcp_ack ack = {.credit = SEG, .cwnd_limited = true};

	t.cwnd = 100 * SEG;
	cc_cubic.init(&t);
	event(&t, t.cwnd);
	assert_int_equal(t.ssthresh, 70 * SEG);
	t.cwnd = 70 * SEG;
	for (unsigned int round = 0; round < 10; round++) {
		for (uint32_t n = t.cwnd / SEG; n > 0; n--)
			cc_cubic.on_ack(&t, &ack);
		st->now_us += 100000;
	}
	return t.cwnd / SEG;
}

/* After a loss CUBIC goes back to where it was in a few seconds; after a timeout that place is
 * forgotten, and it feels its way (RFC 9438 s4.8). */
static void test_cubic_after_timeout(void **state)
{
	(void)state;
	net_init(&net, 7, false);
	assert_in_range(cubic_after(cc_cubic.on_congestion), 84, 90);
	assert_in_range(cubic_after(cc_cubic.on_timeout), 71, 77);
	net_fini(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_half_window),
		cmocka_unit_test(test_small_window_grows),
		cmocka_unit_test(test_probe_acknowledged),
		cmocka_unit_test(test_lost_probe_does_not_block),
		cmocka_unit_test(test_window_taken_back),
		cmocka_unit_test(test_window_before_a_gap),
		cmocka_unit_test(test_window_of_old_data),
		cmocka_unit_test(test_window_update),
		cmocka_unit_test(test_window_on_a_retransmission),
		cmocka_unit_test(test_fin_without_mbuf),
		cmocka_unit_test(test_challenge_without_mbuf),
		cmocka_unit_test(test_rto_after_lost_syn),
		cmocka_unit_test(test_rto_with_sample),
		cmocka_unit_test(test_slow_start),
		cmocka_unit_test(test_hystart),
		cmocka_unit_test(test_slow_start_after_timeout),
		cmocka_unit_test(test_cubic_after_timeout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
