/* SPDX-License-Identifier: BSD-3-Clause
 *
 * BBR over a bottleneck in virtual time: so many segments a millisecond, a round-trip time, a queue that
 * loses what does not fit. The peer acknowledges each millisecond what has arrived, with SACK.
 */
#include "mptcp/tcp/bbr.h"
#include "test_tcp_script.h"

#define RTT_MAX_MS 100
#define SEGS       14000 /* of 1000 octets that are sent at most */
#define WAITING    300   /* of them in the send queue, not sent yet */

static struct bottleneck {
	unsigned int segs_ms, rtt_ms, queue_max;
	unsigned int lose;          /* each lose-th segment is lost; 0: none */
	unsigned int segs;          /* to be sent */
	unsigned int n;             /* that came to it */
	unsigned int late;          /* this one goes another way and takes four round trips */
	uint32_t late_seg, late_ms; /* it is on its way */
	uint32_t twice;             /* arrived twice: to be reported, + 1 */
	unsigned int ack_ms;        /* all that the peer says in so long arrives at once; 0: each */
	uint32_t fifo[SEGS];
	unsigned int head, tail; /* of the queue */
	bool arrived[SEGS];      /* at the peer */
	uint32_t una, top;       /* of the peer: cumulative, and beyond the highest */
	struct ack {
		uint32_t una, top;
	} acks[RTT_MAX_MS], told; /* on their way back, and the last one that came */
	unsigned int ms;
	unsigned int delivered, dropped, queued_max, flight_min;
} net1;

static uint32_t queued(void)
{
	return net1.tail - net1.head;
}

/* What has left goes to the queue. */
static void collect(void)
{
	while (net_take(&net, &p)) {
		uint32_t seg = (p.seq - iss - 1) / 1000;

		if (p.payload_len == 0)
			continue;
		if (++net1.n == net1.late) {
			net1.late_seg = seg;
			net1.late_ms = net1.ms + 4 * net1.rtt_ms;
			continue;
		}
		if ((net1.lose != 0 && net1.n % net1.lose == 0) || queued() >= net1.queue_max) {
			net1.dropped++;
			continue;
		}
		net1.fifo[net1.tail++ % SEGS] = seg;
	}
}

/* The peer's acknowledgement of a round-trip time ago: the newest block and those below it. */
static void acknowledge(void)
{
	uint32_t una = net1.acks[net1.ms % RTT_MAX_MS].una,
		 top = net1.acks[net1.ms % RTT_MAX_MS].top;
	uint32_t edge[8];
	unsigned int n = 0, most = 3;

	if (net1.ack_ms != 0 && net1.ms % net1.ack_ms != 0)
		return;
	if (net1.twice != 0) {
		edge[0] = (net1.twice - 1) * 1000;
		edge[1] = net1.twice * 1000;
		n = 1;
	}

	for (uint32_t s = top; s > una && n < most; s--) {
		if (!net1.arrived[s - 1])
			continue;
		edge[2 * n + 1] = s * 1000;
		while (s > una && net1.arrived[s - 1])
			s--;
		edge[2 * n++] = s * 1000;
	}
	if (una != net1.told.una || top != net1.told.top || net1.twice != 0)
		in_sack(una * 1000, n, edge);
	net1.told = (struct ack){una, top};
	net1.twice = 0;
}

static void arrive(uint32_t seg)
{
	if (net1.arrived[seg])
		net1.twice = seg + 1;
	net1.delivered += !net1.arrived[seg];
	net1.arrived[seg] = true;
	net1.top = RTE_MAX(net1.top, seg + 1);
}

/* The application has always something to send, until it has sent all. */
static void feed(void)
{
	unsigned int queued_segs = (unsigned int)(a.queued / 1000);
	unsigned int sent = (a.t.snd_max - iss - 1) / 1000;

	if (queued_segs < RTE_MIN(net1.segs, sent + WAITING))
		in_flight(RTE_MIN(net1.segs, sent + 2 * WAITING));
}

static void pass(unsigned int ms)
{
	net1.delivered = net1.dropped = net1.queued_max = 0;
	net1.flight_min = UINT32_MAX;
	for (; ms > 0; ms--) {
		struct ack *back;

		net_run(&net, 1, NULL, NULL);
		net1.ms++;
		feed();
		collect();
		acknowledge();
		collect();
		for (unsigned int i = 0; i < net1.segs_ms && queued() > 0; i++)
			arrive(net1.fifo[net1.head++ % SEGS]);
		if (net1.late_ms == net1.ms)
			arrive(net1.late_seg);
		while (net1.arrived[net1.una])
			net1.una++;
		back = &net1.acks[(net1.ms + net1.rtt_ms) % RTT_MAX_MS];
		back->una = net1.una;
		back->top = net1.top;
		net1.queued_max = RTE_MAX(net1.queued_max, queued());
		net1.flight_min = RTE_MIN(net1.flight_min, tcp_flight(&a.t) / 1000);
	}
}

/* Established, and with all there is to send. */
static void start(unsigned int segs_ms, unsigned int rtt_ms, unsigned int queue_max,
		  unsigned int segs)
{
	memset(&net1, 0, sizeof(net1));
	net1.segs_ms = segs_ms;
	net1.rtt_ms = rtt_ms;
	net1.queue_max = queue_max;
	begin("msw");
	a.t.cc = &cc_bbr;
	a.t.cc->init(&a.t);
	net1.segs = segs;
	feed();
}

/* Start finds the rate, drains the queue it has made, and from then on there is hardly one. */
static void test_fills_the_path(void **state)
{
	(void)state;
	start(2, 20, 1000, SEGS - 100);
	pass(250);
	assert_int_equal(net1.dropped, 0);
	assert_in_range(net1.queued_max, 40, 60); /* another path's worth, once */
	pass(50);
	pass(100);
	assert_in_range(net1.queued_max, 0, 5);
	pass(1000);
	assert_in_range(net1.delivered, 1950, 2000);
	assert_in_range(net1.queued_max, 0, 50); /* what it adds to see whether there is more */
	assert_in_range(a.t.pacing_rate, 1700000, 2550000);
	net_fini(&net);
}

static void test_short_queue(void **state)
{
	(void)state;
	start(2, 20, 10, SEGS - 100); /* a fourth of the path */
	pass(600);
	pass(2000);
	assert_in_range(net1.delivered, 2700, 4000);
	assert_in_range(net1.dropped, 1, 50);
	net_fini(&net);
}

/* Losses that are no congestion cost little. */
static void test_random_loss(void **state)
{
	(void)state;
	start(2, 20, 1000, SEGS - 100);
	net1.lose = 100;
	pass(600);
	pass(2000);
	assert_in_range(net1.delivered, 2400, 4000); /* Reno would have 1200 */
	net_fini(&net);
}

/* Half a path's worth in flight for a moment, after five seconds without a shorter round trip. */
static void test_probes_the_rtt(void **state)
{
	(void)state;
	start(2, 20, 1000, SEGS - 100);
	pass(600);
	pass(3000);
	assert_in_range(net1.flight_min, 30, 50);
	pass(2400);
	assert_in_range(net1.flight_min, 10, 28);
	assert_in_range(net1.delivered, 4400, 4800);
	net_fini(&net);
}

/* A longer path is believed after ten seconds. */
static void test_longer_path(void **state)
{
	(void)state;
	start(1, 20, 1000, SEGS - 100);
	pass(1000);
	net1.rtt_ms = 80;
	pass(4000);
	assert_in_range(net1.delivered, 1000, 2600); /* the window of the shorter one */
	pass(8000);
	pass(3000);
	assert_in_range(net1.delivered, 2550, 3000);
	net_fini(&net);
}

static void test_slower_path(void **state)
{
	(void)state;
	start(4, 20, 1000, SEGS - 100);
	pass(800);
	net1.segs_ms = 1;
	pass(9000); /* two cycles of probing, over a round trip that its own queue makes long */
	pass(1000);
	assert_in_range(net1.delivered, 850, 1000);
	assert_in_range(net1.queued_max, 0, 25);
	net_fini(&net);
}

static void test_faster_path(void **state)
{
	(void)state;
	start(1, 20, 1000, SEGS - 100);
	pass(1000);
	net1.segs_ms = 2;
	pass(3000);
	pass(1000);
	assert_in_range(net1.delivered, 1850, 2000);
	net_fini(&net);
}

/* A sender with little to send learns nothing from how little arrives. */
static void test_little_to_send(void **state)
{
	uint64_t rate;

	(void)state;
	start(2, 20, 1000, 3000);
	pass(1700);
	assert_null(a.t.snd_unsent);
	assert_int_equal(tcp_flight(&a.t), 0);
	rate = a.t.pacing_rate;
	for (unsigned int i = 0; i < 1500; i++) {
		in_flight(3000 + i + 1);
		pass(5);
	}
	pass(100);
	assert_int_equal(net1.una, 4500);
	assert_in_range(a.t.pacing_rate, rate * 7 / 10, rate * 14 / 10);
	net_fini(&net);
}

/* What is acknowledged in clumps needs a window that lasts from one to the next. */
static void test_clumps(void **state)
{
	(void)state;
	start(2, 20, 1000, SEGS - 100);
	net1.ack_ms = 40;
	pass(2000);
	pass(2000);
	assert_in_range(net1.delivered, 3600, 4000);
	net_fini(&net);
}

/* What was only late was no sign of anything. */
static void test_undo(void **state)
{
	uint32_t before;

	(void)state;
	start(2, 20, 1000, SEGS - 100);
	pass(700);
	before = a.t.cwnd;
	net1.late = net1.n + 1;
	pass(60);
	assert_true(a.t.cwnd < before);
	assert_int_equal(a.t.retrans, 1);
	pass(60);
	assert_int_equal(net.end[0].ctrs[CTR_TCP_DSACK_UNDO], 1);
	assert_true(a.t.cwnd >= before);
	net_fini(&net);
}

/* Put into the state in which it sees whether the path takes more. */
static struct bbr *probing(uint32_t inflight_longterm)
{
	struct bbr *b;

	start(2, 20, 1000, SEGS - 100);
	pass(700);
	b = bbr_of(&a.t);
	assert_true(bbr_is_probe_bw(b));
	b->state = UP;
	b->ack_phase = ACKS_PROBE_FEEDBACK;
	b->is_bw_probe_sample = true;
	b->inflight_longterm = inflight_longterm;
	b->probe_up_acked_per_inc = a.t.cwnd;
	bbr_reset_full_bw(b, b->bw);
	return b;
}

/* The loss ended a probe; since it was none, the probe begins anew. */
static void test_undo_of_a_probe(void **state)
{
	struct bbr *b = probing(60000);

	(void)state;
	net1.late = net1.n + 1;
	for (unsigned int ms = 0; ms < 60 && a.t.retrans == 0; ms++)
		pass(1);
	assert_int_equal(a.t.retrans, 1);
	assert_true(b->state == DOWN || b->state == CRUISE);
	assert_true(b->inflight_longterm < 60000);
	for (unsigned int ms = 0; ms < 80 && net.end[0].ctrs[CTR_TCP_DSACK_UNDO] == 0; ms++)
		pass(1);
	assert_int_equal(net.end[0].ctrs[CTR_TCP_DSACK_UNDO], 1);
	assert_int_equal(b->state, REFILL);
	assert_true(b->inflight_longterm >= 60000);
	net_fini(&net);
}

/* After a probe that was too much the next one stops where that began, to the segment, and the one after
 * that goes on at once. */
static void test_careful_probe(void **state)
{
	struct bbr *b = probing(50500);

	(void)state;
	b->prev_probe_too_high = true;
	for (unsigned int ms = 0; ms < 60 && b->state == UP; ms++)
		pass(1);
	assert_int_equal(b->state, DOWN);
	assert_false(b->prev_probe_too_high);
	assert_int_equal(b->inflight_longterm, 50500);
	for (unsigned int ms = 0; ms < 60 && b->state != REFILL; ms++)
		pass(1);
	assert_int_equal(b->state, REFILL);
	pass(200);
	assert_true(b->inflight_longterm > 50500);
	net_fini(&net);
}

/* However much was lost before the segment that is found to be lost. */
static void test_losses_in_a_row(void **state)
{
	struct bbr *b = probing(60000);
	struct seg s = {.len = 1000, .seq = 1, .rate = {.in_flight = 30000, .lost = a.t.lost}};

	(void)state;
	a.t.lost += 45000;
	cc_bbr.on_lost(&a.t, &s);
	assert_int_equal(b->state, DOWN);
	assert_int_equal(b->inflight_longterm, 29000);
	net_fini(&net);
}

/* What an undo would bring back is what was when this recovery began, also when what was lost was found in
 * the one before. */
static void test_saved_for_each_recovery(void **state)
{
	struct bbr *b = probing(60000);
	struct seg s = {.len = 1000, .seq = 1, .rate = {.in_flight = 30000, .lost = a.t.lost}};

	(void)state;
	cc_bbr.on_lost(&a.t, &s);
	assert_int_equal(b->undo_inflight_longterm, 60000);
	cc_bbr.save(&a.t);
	assert_int_equal(b->undo_inflight_longterm, 60000);
	b->inflight_longterm = 40000;
	a.t.in_recovery = true;
	cc_bbr.on_lost(&a.t, &s);
	assert_int_equal(b->undo_inflight_longterm, 60000);
	a.t.in_recovery = false;
	a.t.lost_bytes += 1000;
	cc_bbr.save(&a.t);
	a.t.lost_bytes -= 1000;
	assert_int_equal(b->undo_inflight_longterm, 40000);
	net_fini(&net);
}

/* A tail that is lost is one segment: too much of a small flight, and nothing of a large one. */
static void test_tail_lost_in_a_probe(void **state)
{
	struct bbr *b = probing(60000);

	(void)state;
	cc_bbr.on_tail_lost(&a.t, 100 * a.t.snd_mss);
	assert_int_equal(b->state, UP);
	assert_int_equal(b->inflight_longterm, 60000);
	cc_bbr.on_tail_lost(&a.t, 40 * a.t.snd_mss);
	assert_int_equal(b->state, DOWN);
	assert_true(b->inflight_longterm < 60000);
	net_fini(&net);
}

/* A path that holds less than a segment is not probed all the time. */
static void test_thin_path(void **state)
{
	struct tcp_ack ack = {.prior_una = 0};
	struct bbr *b = probing(INFINITE);

	(void)state;
	b->state = CRUISE;
	b->ack_phase = ACKS_INIT;
	b->rounds_since_probe_up = 0;
	b->cycle_ms = a.t.st->now_ms;
	b->min_rtt_us = 10;
	assert_true(bbr_target_inflight(&a.t, b) < a.t.snd_mss);
	bbr_update_probe_bw(&a.t, b, &ack, 0);
	assert_int_equal(b->state, CRUISE);
	b->rounds_since_probe_up = 1;
	bbr_update_probe_bw(&a.t, b, &ack, 0);
	assert_int_equal(b->state, REFILL);
	net_fini(&net);
}

/* A cycle in which nothing was measured does not make what is known of the bandwidth forgotten. */
static void test_cycle_without_measure(void **state)
{
	struct tcp_ack ack = {.prior_una = 0};
	struct bbr *b = probing(INFINITE);

	(void)state;
	b->max_bw[1] = b->bw;
	b->max_bw[0] = 0;
	b->state = CRUISE;
	b->ack_phase = ACKS_PROBE_STOPPING;
	b->round_start = true;
	bbr_update_probe_bw(&a.t, b, &ack, 0);
	assert_int_equal(bbr_max_bw(b), b->bw);
	net_fini(&net);
}

/* The tail that a probe has repaired is one loss, not the end of the search for the rate. */
static void test_tail_lost_in_startup(void **state)
{
	struct bbr *b;

	(void)state;
	start(2, 20, 1000, 10);
	b = bbr_of(&a.t);
	net1.lose = 10;
	for (unsigned int ms = 0; ms < 2000 && net1.una < 10; ms++)
		pass(1);
	net1.lose = 0;
	net1.segs = 11;
	for (unsigned int ms = 0; ms < 60 && b->loss_events == 0; ms++)
		pass(1);
	assert_int_equal(net.end[0].ctrs[CTR_TCP_LOSS_PROBE_RECOVERY], 1);
	assert_int_equal(b->state, STARTUP);
	assert_false(b->full_bw_reached);
	assert_int_equal(b->loss_events, 1);
	net_fini(&net);
}

/* One segment, then slow start up to what the path takes. */
static void test_timeout(void **state)
{
	(void)state;
	start(2, 20, 1000, SEGS - 100);
	pass(1000);
	net1.queue_max = 0;
	pass(400);
	assert_true(a.t.rto_recovery);
	assert_in_range(a.t.cwnd, 1, a.t.snd_mss);
	net1.queue_max = 1000;
	pass(350); /* the next timeout */
	pass(250);
	assert_in_range(net1.delivered, 240, 500);
	assert_false(a.t.in_recovery);
	pass(500);
	assert_in_range(net1.delivered, 900, 1000);
	net_fini(&net);
}

/* What comes after a timeout, one segment and then two, is no sign that the path takes no more. */
static void test_timeout_in_startup(void **state)
{
	(void)state;
	start(8, 20, 1000, SEGS - 100);
	pass(60);
	assert_int_equal(bbr_of(&a.t)->state, STARTUP);
	net1.queue_max = 0;
	for (unsigned int ms = 0; ms < 800 && !a.t.rto_recovery; ms++)
		pass(1);
	assert_true(a.t.rto_recovery);
	net1.queue_max = 1000;
	pass(600);
	pass(200);
	assert_in_range(net1.delivered, 1400, 1600);
	net_fini(&net);
}

/* A mark ends the first search for the rate. */
static void test_mark_in_startup(void **state)
{
	uint64_t before;

	(void)state;
	start(4, 50, 1000, SEGS - 100);
	pass(160);
	a.t.use_ecn = true;
	before = a.t.pacing_rate;
	in(TCPF_ACK | TCPF_ECE, 0, net1.una * 1000, 0);
	in(TCPF_ACK | TCPF_ECE, 0, (net1.una + 1) * 1000, 0);
	assert_true(a.t.pacing_rate < before / 2);
	net_fini(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fills_the_path),
		cmocka_unit_test(test_short_queue),
		cmocka_unit_test(test_random_loss),
		cmocka_unit_test(test_probes_the_rtt),
		cmocka_unit_test(test_longer_path),
		cmocka_unit_test(test_slower_path),
		cmocka_unit_test(test_faster_path),
		cmocka_unit_test(test_little_to_send),
		cmocka_unit_test(test_timeout_in_startup),
		cmocka_unit_test(test_saved_for_each_recovery),
		cmocka_unit_test(test_tail_lost_in_a_probe),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_mark_in_startup),
		cmocka_unit_test(test_clumps),
		cmocka_unit_test(test_undo),
		cmocka_unit_test(test_undo_of_a_probe),
		cmocka_unit_test(test_careful_probe),
		cmocka_unit_test(test_losses_in_a_row),
		cmocka_unit_test(test_thin_path),
		cmocka_unit_test(test_cycle_without_measure),
		cmocka_unit_test(test_tail_lost_in_startup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
