/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Two TCPs against each other over a bad link, in virtual time.
 */
#include <stdlib.h>

#include "test_tcp_net.h"

static struct net net;
static struct app a, b;

static void begin(uint64_t seed, bool v6)
{
	net_init(&net, seed, v6);
	app_init(&a, &net.end[0]);
	app_init(&b, &net.end[1]);
	net.end[1].listens = true;
	net.end[1].pending = &b;
}

static bool both_established(struct net *n, void *ctx)
{
	(void)n, (void)ctx;
	return a.established && b.established;
}

static bool all_done(struct net *n, void *ctx)
{
	(void)n, (void)ctx;
	return a.received == b.total && b.received == a.total && a.closed && b.closed;
}

static bool all_received(struct net *n, void *ctx)
{
	(void)n, (void)ctx;
	return a.received == b.total && b.received == a.total;
}

static void connect_both(void)
{
	app_connect(&a);
	assert_true(net_run(&net, 5000, both_established, NULL));
}

/* With TCP_TEST_VERBOSE in the environment: what it took. */
static void show(const char *what)
{
	if (getenv("TCP_TEST_VERBOSE") == NULL)
		return;
	print_message("%s: loss %u/1000, %.1f s, retrans %u %u, timeouts %u %u, srtt %u\n", what,
		      net.loss_pm, (double)(net.now_us - 4294900000000) / 1e6, a.t.retrans,
		      b.t.retrans, a.timeouts, b.timeouts, a.t.srtt_us);
}

static void check_good(void)
{
	assert_false(a.bad);
	assert_false(b.bad);
	assert_int_equal(a.received, b.total);
	assert_int_equal(b.received, a.total);
	net_fini(&net);
}

static void test_handshake(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		begin(1, v6);
		connect_both();
		assert_int_equal(a.t.state, TCPS_ESTABLISHED);
		assert_int_equal(b.t.state, TCPS_ESTABLISHED);
		assert_true(a.t.use_ts && a.t.use_sack && a.t.use_wscale);
		assert_true(b.t.use_ts && b.t.use_sack && b.t.use_wscale);
		assert_int_equal(a.t.snd_mss, v6 ? 1440 : 1460);
		assert_int_equal(tcp_payload_max(&b.t), v6 ? 1428 : 1448);
		assert_int_equal(a.t.snd_wscale, 9);
		assert_int_equal(net.end[1].ctrs[CTR_CUR_HALF_OPEN], 0);
		assert_in_range(a.t.srtt_us, 20000, 22000);
		assert_in_range(b.t.srtt_us, 20000, 22000);
		net_fini(&net);
		assert_int_equal(a.closed, 1);
		assert_int_equal(a.why, TCP_END_ABORT);
	}
}

/* Both ways at once, then both close; every combination gives equal octets. */
static void transfer(uint64_t seed, bool v6, unsigned int loss_pm, unsigned int reorder_pm,
		     unsigned int dup_pm, const struct tcp_cc_ops *cc, bool hold,
		     unsigned int chunk)
{
	begin(seed, v6);
	net_cfg.cc = cc;
	net.loss_pm = loss_pm;
	net.reorder_pm = reorder_pm;
	net.dup_pm = dup_pm;
	net.hold = hold;
	a.total = b.total = chunk ? 200 * 1024 : 2 * 1024 * 1024;
	a.chunk_max = b.chunk_max = chunk;
	a.fin_after = b.fin_after = true;
	app_connect(&a);
	if (!net_run(&net, 900000, all_done, NULL)) {
		print_message("seed %lu: %lu %lu of %lu, states %s %s\n", (unsigned long)seed,
			      (unsigned long)a.received, (unsigned long)b.received,
			      (unsigned long)a.total, tcp_state_name[a.t.state],
			      tcp_state_name[b.t.state]);
		fail();
	}
	assert_true(a.why == TCP_END_DONE || loss_pm > 0);
	assert_int_equal(a.fins, 1);
	assert_int_equal(b.fins, 1);
	show(cc->name);
	check_good();
}

static void test_transfer_clean(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		transfer(2, v6, 0, 0, 0, &cc_cubic, false, 0);
		assert_int_equal(a.t.retrans, 0);
		assert_int_equal(b.t.retrans, 0);
		assert_int_equal(a.why, TCP_END_DONE);
		assert_int_equal(b.why, TCP_END_DONE);
	}
	transfer(3, false, 0, 0, 0, &cc_newreno, true, 0);
	transfer(4, false, 0, 0, 0, &cc_newreno, false, 700);
}

static void test_transfer_bad_link(void **state)
{
	uint64_t seed = 10;

	(void)state;
	for (unsigned int loss = 0; loss <= 50; loss += 10)
		for (unsigned int reorder = 0; reorder <= 100; reorder += 50)
			for (int hold = 0; hold < 2; hold++, seed++)
				transfer(seed, seed % 2, loss, reorder, loss / 2,
					 tcp_ccs[seed % TCP_CCS], hold, seed % 4 == 0 ? 900 : 0);
}

static void test_half_close(void **state)
{
	(void)state;
	begin(100, false);
	a.total = 1000;
	a.fin_after = true;
	b.total = 300000;
	app_connect(&a);
	assert_true(net_run(&net, 20000, all_received, NULL));
	assert_int_equal(a.t.state, TCPS_FIN_WAIT_2);
	assert_int_equal(b.t.state, TCPS_CLOSE_WAIT);
	b.fin_after = true;
	app_pump(&b);
	net_run(&net, 1000, NULL, NULL);
	assert_int_equal(a.t.state, TCPS_TIME_WAIT);
	assert_int_equal(net.end[0].ctrs[CTR_CUR_TIME_WAIT], 1);
	assert_int_equal(b.t.state, TCPS_CLOSED);
	assert_int_equal(b.why, TCP_END_DONE);
	net_run(&net, 59500, NULL, NULL);
	assert_int_equal(a.t.state, TCPS_CLOSED);
	assert_int_equal(a.why, TCP_END_DONE);
	check_good();
}

static void test_simultaneous_close(void **state)
{
	(void)state;
	begin(101, false);
	connect_both();
	net_run(&net, 200, NULL, NULL);
	tcp_shutdown(&a.t);
	tcp_shutdown(&b.t);
	tcp_output(&a.t);
	tcp_output(&b.t);
	assert_int_equal(a.t.state, TCPS_FIN_WAIT_1);
	net_run(&net, 11, NULL, NULL);
	assert_int_equal(a.t.state, TCPS_CLOSING);
	assert_int_equal(b.t.state, TCPS_CLOSING);
	net_run(&net, 20, NULL, NULL);
	assert_int_equal(a.t.state, TCPS_TIME_WAIT);
	assert_int_equal(b.t.state, TCPS_TIME_WAIT);
	net_run(&net, 60100, NULL, NULL);
	assert_int_equal(a.closed, 1);
	assert_int_equal(b.closed, 1);
	check_good();
}

static void test_simultaneous_open(void **state)
{
	(void)state;
	begin(102, false);
	net.end[1].listens = false;
	a.total = b.total = 100000;
	app_connect(&a);
	app_connect(&b);
	net_run(&net, 11, NULL, NULL);
	assert_int_equal(a.t.state, TCPS_SYN_RCVD);
	assert_true(net_run(&net, 5000, all_received, NULL));
	assert_int_equal(a.t.state, TCPS_ESTABLISHED);
	assert_int_equal(a.t.snd_wscale, 9);
	check_good();
}

static void test_zero_window(void **state)
{
	(void)state;
	begin(103, false);
	b.rx_buffer = 40000;
	b.paused = true;
	a.total = 300000;
	app_connect(&a);
	net_run(&net, 180000, NULL, NULL);
	assert_int_equal(a.t.state, TCPS_ESTABLISHED);
	assert_in_range(b.held_bytes, 38000, 40000);
	assert_in_range(net.end[0].ctrs[CTR_TCP_ZERO_WINDOW_PROBE], 5, 20);
	assert_true(a.t.probes <= 1);
	app_resume(&b);
	assert_true(net_run(&net, 5000, all_received, NULL));
	check_good();

	/* The window update is lost: a probe finds out. */
	begin(104, false);
	b.rx_buffer = 40000;
	b.paused = true;
	a.total = 300000;
	app_connect(&a);
	net_run(&net, 5000, NULL, NULL);
	net.loss_pm = 1000;
	app_resume(&b);
	net_run(&net, 100, NULL, NULL);
	net.loss_pm = 0;
	assert_true(net_run(&net, 70000, all_received, NULL));
	check_good();
}

/* A receiver whose buffer is smaller than a segment. */
static void test_tiny_window(void **state)
{
	(void)state;
	begin(105, false);
	net_cfg.rcv_wscale = 0;
	b.rx_buffer = 500;
	a.total = 20000;
	a.fin_after = true;
	app_connect(&a);
	assert_true(net_run(&net, 60000, all_received, NULL));
	net_run(&net, 1000, NULL, NULL);
	assert_int_equal(b.fins, 1);
	check_good();
}

static void test_give_up(void **state)
{
	(void)state;
	/* nobody there */
	begin(106, false);
	net.loss_pm = 1000;
	app_connect(&a);
	net_run(&net, 62900, NULL, NULL); /* 1 + 2 + 4 + 8 + 16 + 32 s */
	assert_int_equal(a.closed, 0);
	net_run(&net, 200, NULL, NULL);
	assert_int_equal(a.closed, 1);
	assert_int_equal(a.why, TCP_END_TIMEOUT);
	assert_int_equal(net.end[0].ctrs[CTR_TCP_SYN_RETRANS], 5);
	net_fini(&net);
	/* nobody listens */
	begin(107, false);
	net.end[1].listens = false;
	app_connect(&a);
	net_run(&net, 100, NULL, NULL);
	assert_int_equal(a.why, TCP_END_REFUSED);
	assert_int_equal(a.resets, 1);
	net_fini(&net);
	/* gone in the middle */
	begin(108, false);
	connect_both();
	net.loss_pm = 1000;
	a.total = 5000;
	app_pump(&a);
	net_run(&net, 1000000, NULL, NULL);
	assert_int_equal(a.why, TCP_END_TIMEOUT);
	assert_int_equal(a.timeouts, 15);
	net_fini(&net);
	/* the listener's side of a handshake that never ends */
	begin(109, false);
	app_connect(&a);
	net_run(&net, 11, NULL, NULL);
	assert_int_equal(net.end[1].ctrs[CTR_CUR_HALF_OPEN], 1);
	net.loss_pm = 1000;
	tcp_abort(&a.t);
	net_run(&net, 70000, NULL, NULL);
	assert_int_equal(b.why, TCP_END_TIMEOUT);
	net_fini(&net);
}

static void test_keepalive(void **state)
{
	(void)state;
	begin(110, false);
	net_cfg.keepalive_ms = 60000;
	connect_both();
	net_run(&net, 600000, NULL, NULL);
	assert_int_equal(a.closed + b.closed, 0);
	assert_in_range(net.end[0].ctrs[CTR_TCP_KEEPALIVE] + net.end[1].ctrs[CTR_TCP_KEEPALIVE], 8,
			22);
	net.loss_pm = 1000;
	net_run(&net, 800000, NULL, NULL);
	assert_int_equal(a.why, TCP_END_TIMEOUT);
	assert_int_equal(b.why, TCP_END_TIMEOUT);
	net_fini(&net);
}

static void test_verdicts(void **state)
{
	(void)state;
	begin(111, false);
	b.verdict = TCP_REJECT;
	app_connect(&a);
	net_run(&net, 100, NULL, NULL);
	assert_int_equal(a.why, TCP_END_RESET);
	assert_int_equal(b.why, TCP_END_ABORT);
	net_fini(&net);
	begin(112, false);
	b.verdict = TCP_IGNORE;
	a.total = 1000;
	app_connect(&a);
	net_run(&net, 500, NULL, NULL);
	assert_int_equal(b.t.state, TCPS_SYN_RCVD);
	b.verdict = TCP_ACCEPT;
	assert_true(net_run(&net, 5000, all_received, NULL));
	check_good();
}

static void test_cookies(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		begin(113, v6);
		net.end[1].cookies = true;
		a.total = b.total = 300000;
		a.fin_after = b.fin_after = true;
		app_connect(&a);
		assert_true(net_run(&net, 100000, all_done, NULL));
		assert_int_equal(net.end[1].ctrs[CTR_SYN_COOKIES_SENT], 1);
		assert_true(b.t.use_sack && b.t.use_ts);
		assert_int_equal(b.t.snd_wscale, 9);
		assert_int_equal(b.t.snd_mss, v6 ? 1440 : 1460);
		check_good();
	}
}

static void test_time_wait_reuse(void **state)
{
	static struct app b2, a2;

	(void)state;
	begin(114, false);
	connect_both();
	tcp_shutdown(&b.t); /* the server closes first and waits */
	tcp_output(&b.t);
	net_run(&net, 50, NULL, NULL);
	tcp_shutdown(&a.t);
	tcp_output(&a.t);
	net_run(&net, 100, NULL, NULL);
	assert_int_equal(a.t.state, TCPS_CLOSED);
	assert_int_equal(b.t.state, TCPS_TIME_WAIT);
	app_init(&a2, &net.end[0]);
	app_init(&b2, &net.end[1]);
	net.end[1].pending = &b2;
	app_connect(&a2);
	net_run(&net, 100, NULL, NULL);
	assert_int_equal(b.t.state, TCPS_CLOSED);
	assert_int_equal(a2.established, 1);
	assert_int_equal(b2.established, 1);
	net_fini(&net);
}

static void test_orphan(void **state)
{
	(void)state;
	begin(115, false);
	connect_both();
	tcp_shutdown(&a.t);
	tcp_output(&a.t);
	a.t.orphan = true;
	net_run(&net, 50, NULL, NULL);
	assert_int_equal(a.t.state, TCPS_FIN_WAIT_2);
	net_run(&net, 61000, NULL, NULL);
	assert_int_equal(a.why, TCP_END_TIMEOUT);
	net_fini(&net);
}

/* A seg that a data-level queue holds too survives the connection, and goes out on another one. */
static void test_shared_seg(void **state)
{
	struct rte_mbuf *m;
	struct seg *s;
	uint8_t *to;

	(void)state;
	begin(116, false);
	net.hold = true;
	connect_both();
	m = rte_pktmbuf_alloc(net_pool());
	to = (uint8_t *)rte_pktmbuf_append(m, 1000);
	for (int i = 0; i < 1000; i++)
		to[i] = pattern(0, (uint64_t)i);
	s = seg_init(m, 0);
	seg_trim_tail(s, 0); /* computes the sum */
	seg_hold(&net.end[0].st, s);
	net.loss_pm = 1000;
	tcp_send(&a.t, s);
	tcp_output(&a.t);
	net_run(&net, 1000, NULL, NULL);
	assert_true(s->n_tx > 1);
	assert_int_equal(s->holders, 2);
	tcp_abort(&a.t);
	tcp_abort(&b.t);
	assert_int_equal(s->holders, 1);
	assert_null(s->tcp);
	net.loss_pm = 0;
	app_init(&a, &net.end[0]);
	app_init(&b, &net.end[1]);
	net.end[1].pending = &b;
	net.end[0].key.local_port++;
	net.end[1].key.remote_port++;
	connect_both();
	tcp_send(&a.t, s);
	tcp_output(&a.t);
	a.total = a.queued = 1000;
	assert_true(net_run(&net, 1000, all_received, NULL));
	net_run(&net, 100, NULL, NULL);
	assert_int_equal(s->holders, 1);
	seg_release(&net.end[0].st, s);
	check_good();
}

/* The driver still has the frame when it is due again: its headers must stay as they are. */
static void test_driver_keeps_frame(void **state)
{
	struct rte_mbuf *first;
	struct pkt p1, p2;

	(void)state;
	begin(121, false);
	connect_both();
	net_run(&net, 200, NULL, NULL);
	net.hold = true;
	net.delay_us = 5000000;
	a.total = 1000;
	app_pump(&a);
	assert_int_equal(net.n, 1);
	first = net.flight[0].m;
	assert_int_equal(pkt_parse(&p1, first), CTR_NONE);
	net_run(&net, 300, NULL, NULL);
	assert_int_equal(net.n, 2);
	assert_ptr_not_equal(net.flight[1].m, first);
	assert_int_equal(net.flight[1].m->nb_segs, 2);
	assert_int_equal(net.flight[1].m->pkt_len, first->pkt_len);
	assert_int_equal(pkt_parse(&p2, first), CTR_NONE);
	assert_int_equal(p1.tcp.tsval, p2.tcp.tsval);
	/* gone: the next one is in its own buffer again */
	rte_pktmbuf_free(net.flight[1].m);
	rte_pktmbuf_free(first);
	net.n = 0;
	net_run(&net, 300, NULL, NULL);
	assert_int_equal(net.n, 1);
	assert_ptr_equal(net.flight[0].m, first);
	assert_true(net_run(&net, 6000, all_received, NULL));
	check_good();
}

static void test_no_data(void **state)
{
	(void)state;
	begin(117, false);
	a.t.no_data = true;
	a.total = 1000;
	connect_both();
	net_run(&net, 500, NULL, NULL);
	assert_int_equal(b.received, 0);
	a.t.no_data = false;
	app_pump(&a);
	assert_true(net_run(&net, 500, all_received, NULL));
	check_good();
}

/* No packet buffer left for a while, again and again: nothing is lost but time. */
static void test_no_mbufs(void **state)
{
	static struct rte_mbuf *taken[16384];

	(void)state;
	for (int hold = 0; hold < 2; hold++) {
		begin(118, false);
		net.hold = hold;
		net.loss_pm = 10;
		a.total = b.total = 300000;
		a.fin_after = b.fin_after = true;
		app_connect(&a);
		for (unsigned int i = 0; i < 400; i++) {
			unsigned int n = 0;

			/* The link's own copies must find some: it takes them when it is run. */
			while (n < RTE_DIM(taken) &&
			       (taken[n] = rte_pktmbuf_alloc(net_pool())) != NULL)
				n++;
			app_pump(&a);
			app_pump(&b);
			if (a.t.state == TCPS_ESTABLISHED)
				tcp_send_ack(&a.t);
			tcp_window_update(&b.t);
			stack_end_burst(&net.end[1].st);
			while (n > 0)
				rte_pktmbuf_free(taken[--n]);
			net_run(&net, 5, NULL, NULL);
		}
		assert_true(net.end[0].ctrs[CTR_DROP_NO_MBUF] > 0);
		assert_true(net_run(&net, 900000, all_done, NULL));
		check_good();
	}
}

/* Closed by its owner before the handshake is over: FIN follows what was queued. */
static void test_early_shutdown(void **state)
{
	(void)state;
	begin(119, false);
	app_connect(&a);
	tcp_shutdown(&a.t);
	net_run(&net, 100, NULL, NULL);
	assert_int_equal(b.fins, 1);
	assert_int_equal(a.t.state, TCPS_FIN_WAIT_2);
	assert_int_equal(b.t.state, TCPS_CLOSE_WAIT);
	net_fini(&net);
	/* and ended by it in either handshake */
	begin(120, false);
	a.verdict = TCP_REJECT;
	app_connect(&a);
	net_run(&net, 100, NULL, NULL);
	assert_int_equal(a.why, TCP_END_ABORT);
	assert_int_equal(b.why, TCP_END_RESET);
	net_fini(&net);
}

/* A middlebox has taken SACK and timestamps off the SYNs. */
static void test_no_sack(void **state)
{
	(void)state;
	for (uint64_t seed = 200; seed < 206; seed++) {
		begin(seed, false);
		net_cfg.cc = tcp_ccs[seed % TCP_CCS];
		net.strip = true;
		net.loss_pm = (unsigned int)(seed - 200) * 10;
		a.total = b.total = 512 * 1024;
		a.fin_after = b.fin_after = true;
		app_connect(&a);
		assert_true(net_run(&net, 900000, all_done, NULL));
		assert_false(a.t.use_sack || a.t.use_ts || b.t.use_sack || b.t.use_ts);
		show("no sack");
		check_good();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_handshake),
		cmocka_unit_test(test_transfer_clean),
		cmocka_unit_test(test_transfer_bad_link),
		cmocka_unit_test(test_no_sack),
		cmocka_unit_test(test_half_close),
		cmocka_unit_test(test_simultaneous_close),
		cmocka_unit_test(test_simultaneous_open),
		cmocka_unit_test(test_zero_window),
		cmocka_unit_test(test_tiny_window),
		cmocka_unit_test(test_give_up),
		cmocka_unit_test(test_keepalive),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_cookies),
		cmocka_unit_test(test_time_wait_reuse),
		cmocka_unit_test(test_orphan),
		cmocka_unit_test(test_shared_seg),
		cmocka_unit_test(test_driver_keeps_frame),
		cmocka_unit_test(test_no_data),
		cmocka_unit_test(test_no_mbufs),
		cmocka_unit_test(test_early_shutdown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
