/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One TCP against a scripted peer whose segments come again, do not fit, or end in the wrong place: what
 * it answers, and where it does as other implementations do.
 */
#include "test_tcp_script.h"

/* Segments that do not fit are acknowledged before the handshake is over, too, and not after it. */
static void test_syn_rcvd_out_of_window(void **state)
{
	struct craft c = {
		.flags = TCPF_SYN, .seq = ISS, .wnd = WND, .syn = "mt", .ts = true, .tsval = 500};

	(void)state;
	net_init(&net, 7, false);
	net.capture = true;
	app_init(&a, &net.end[0]);
	net.end[0].listens = true;
	net.end[0].pending = &a;
	craft_in(&net, &c);
	take_flags(TCPF_SYN | TCPF_ACK);
	iss = p.seq;
	/* below the window, beyond it, an old timestamp, the peer's SYN with an ACK */
	c = (struct craft){.flags = TCPF_ACK, .ack = iss + 1, .wnd = WND, .ts = true, .tsval = 510};
	c.len = 10;
	c.seq = ISS - 500;
	assert_int_equal(craft_in(&net, &c), CTR_DROP_TCP_DUP);
	take_flags(TCPF_ACK);
	assert_int_equal(p.seq, iss + 1);
	assert_int_equal(p.ack, ISS + 1);
	c.seq = ISS + 0x100000;
	assert_int_equal(craft_in(&net, &c), CTR_DROP_TCP_SEQ);
	take_flags(TCPF_ACK);
	c.seq = ISS + 1;
	c.tsval = 499;
	assert_int_equal(craft_in(&net, &c), CTR_DROP_TCP_PAWS);
	take_flags(TCPF_ACK);
	c.flags = TCPF_SYN | TCPF_ACK;
	c.tsval = 510;
	c.len = 0;
	c.seq = ISS;
	assert_int_equal(craft_in(&net, &c), CTR_DROP_TCP_SYN);
	take_flags(TCPF_ACK);
	assert_int_equal(a.t.state, TCPS_SYN_RCVD);
	nothing_sent();
	c.flags = TCPF_ACK;
	c.seq = ISS + 1;
	assert_int_equal(craft_in(&net, &c), CTR_NONE);
	assert_int_equal(a.t.state, TCPS_ESTABLISHED);
	nothing_sent();
	net_fini(&net);
}

/* Half the number space away is not before (RFC 7323 s5.2), one more is. */
static void test_paws_half_way_round(void **state)
{
	struct craft c = {.flags = TCPF_ACK,
			  .seq = ISS + 1,
			  .wnd = WND,
			  .len = 100,
			  .ts = true,
			  .tsval = 510u + 0x80000001u};

	(void)state;
	begin("mwt");
	c.ack = iss + 1;
	assert_int_equal(craft_in(&net, &c), CTR_DROP_TCP_PAWS);
	take_flags(TCPF_ACK);
	c.tsval = 510u + 0x80000000u;
	assert_int_equal(craft_in(&net, &c), CTR_NONE);
	take_flags(TCPF_ACK);
	assert_int_equal(a.received, 100);
	net_fini(&net);
}

static void sack_is(unsigned int i, uint32_t start, uint32_t end)
{
	assert_true(p.tcp.n_sack > i);
	assert_int_equal(p.tcp.sack[i].start, ISS + 1 + start);
	assert_int_equal(p.tcp.sack[i].end, ISS + 1 + end);
}

/* What is queued already comes again: the first block tells of the duplicate, the next one of the block
 * that it is part of (RFC 2883 s4), and the others keep their order. */
static void test_ofo_again(void **state)
{
	(void)state;
	begin("msw");
	for (uint32_t seq = 100; seq <= 900; seq += 200) {
		assert_int_equal(in(TCPF_ACK, seq, 0, 100), CTR_NONE);
		take_flags(TCPF_ACK);
		sack_is(0, seq, seq + 100);
	}
	/* one in the list, the same in part, one that is not in the list any more */
	assert_int_equal(in(TCPF_ACK, 500, 0, 100), CTR_DROP_TCP_DUP);
	take_flags(TCPF_ACK);
	sack_is(0, 500, 600);
	sack_is(1, 500, 600);
	sack_is(2, 900, 1000);
	assert_int_equal(in(TCPF_ACK, 720, 0, 50), CTR_DROP_TCP_DUP);
	take_flags(TCPF_ACK);
	sack_is(0, 720, 770);
	sack_is(1, 700, 800);
	assert_int_equal(in(TCPF_ACK, 100, 0, 100), CTR_DROP_TCP_DUP);
	take_flags(TCPF_ACK);
	sack_is(0, 100, 200);
	sack_is(1, 700, 800);
	/* over two that touch, and beyond */
	assert_int_equal(in(TCPF_ACK, 600, 0, 50), CTR_NONE);
	net_drop_all(&net);
	assert_int_equal(in(TCPF_ACK, 550, 0, 120), CTR_NONE);
	take_flags(TCPF_ACK);
	sack_is(1, 500, 670);
	/* told once */
	assert_int_equal(in(TCPF_ACK, 2000, 0, 10), CTR_NONE);
	take_flags(TCPF_ACK);
	sack_is(0, 2000, 2010);
	sack_is(1, 500, 670);
	net_fini(&net);
}

/* What fills the gap goes on beyond what waits behind it: nothing of it is lost, and nothing is told that
 * did not come twice. */
static void test_gap_filled_and_more(void **state)
{
	(void)state;
	begin("msw");
	assert_int_equal(in(TCPF_ACK, 200, 0, 100), CTR_NONE);
	net_drop_all(&net);
	assert_int_equal(in(TCPF_ACK, 0, 0, 400), CTR_NONE);
	take_flags(TCPF_ACK);
	assert_int_equal(p.ack, ISS + 1 + 400);
	assert_int_equal(p.tcp.n_sack, 1);
	sack_is(0, 200, 300);
	assert_int_equal(a.received, 400);
	/* over two blocks, up to a third */
	for (uint32_t seq = 500; seq <= 900; seq += 200)
		in(TCPF_ACK, seq, 0, 100);
	net_drop_all(&net);
	assert_int_equal(in(TCPF_ACK, 400, 0, 450), CTR_NONE);
	take_flags(TCPF_ACK);
	assert_int_equal(p.ack, ISS + 1 + 850);
	assert_int_equal(p.tcp.n_sack, 2);
	sack_is(0, 500, 600);
	sack_is(1, 900, 1000);
	assert_int_equal(a.received, 850);
	net_fini(&net);
}

/* Of several parts that came before, the first one is told (RFC 2883 s4.2). */
static void test_first_duplicate_is_told(void **state)
{
	(void)state;
	begin("msw");
	for (uint32_t seq = 100; seq <= 500; seq += 200)
		in(TCPF_ACK, seq, 0, 100);
	net_drop_all(&net);
	assert_int_equal(in(TCPF_ACK, 100, 0, 500), CTR_NONE);
	take_flags(TCPF_ACK);
	sack_is(0, 100, 200);
	sack_is(1, 100, 600);
	/* delivered, and in the queue */
	assert_int_equal(in(TCPF_ACK, 0, 0, 50), CTR_NONE);
	net_drop_all(&net);
	assert_int_equal(in(TCPF_ACK, 0, 0, 300), CTR_NONE);
	take_flags(TCPF_ACK);
	assert_int_equal(p.ack, ISS + 1 + 600);
	assert_int_equal(p.tcp.n_sack, 1);
	sack_is(0, 0, 50);
	/* the next one is another matter */
	assert_int_equal(in(TCPF_ACK, 300, 0, 50), CTR_DROP_TCP_DUP);
	take_flags(TCPF_ACK);
	sack_is(0, 300, 350);
	net_fini(&net);
}

/* With a closed window nothing is taken; what has come before is told all the same, and no more than that. */
static void test_duplicate_at_closed_window(void **state)
{
	(void)state;
	begin("msw");
	a.paused = true;
	for (uint32_t seq = 0; seq < 20000; seq += 1000)
		assert_int_equal(in(TCPF_ACK, seq, 0, 1000), CTR_NONE);
	net_drop_all(&net);
	assert_int_equal(in(TCPF_ACK, 19900, 0, 300), CTR_DROP_TCP_SEQ);
	take_flags(TCPF_ACK);
	assert_int_equal(p.wnd, 0);
	assert_int_equal(p.tcp.n_sack, 1);
	sack_is(0, 19900, 20000);
	assert_int_equal(in(TCPF_ACK, 19900, 0, 100), CTR_DROP_TCP_DUP);
	take_flags(TCPF_ACK);
	sack_is(0, 19900, 20000);
	assert_int_equal(in(TCPF_ACK, 20000, 0, 100), CTR_DROP_TCP_SEQ);
	take_flags(TCPF_ACK);
	assert_int_equal(p.tcp.n_sack, 0);
	net_fini(&net);
}

/* FINs out of order are acknowledged each time; one in order ends the stream whatever waits beyond it. */
static void test_fin_and_queue(void **state)
{
	(void)state;
	begin("msw");
	assert_int_equal(in(TCPF_ACK | TCPF_FIN, 100, 0, 0), CTR_NONE);
	take_flags(TCPF_ACK);
	assert_int_equal(in(TCPF_ACK | TCPF_FIN, 100, 0, 0), CTR_NONE);
	take_flags(TCPF_ACK);
	assert_int_equal(in(TCPF_ACK, 101, 0, 10), CTR_DROP_TCP_DATA_AFTER_FIN);
	take_flags(TCPF_ACK);
	assert_int_equal(in(TCPF_ACK, 0, 0, 100), CTR_NONE);
	assert_int_equal(a.fins, 1);
	net_fini(&net);
	/* below what is queued and out of order itself: none */
	begin("msw");
	in(TCPF_ACK, 200, 0, 100);
	net_drop_all(&net);
	assert_int_equal(in(TCPF_ACK | TCPF_FIN, 150, 0, 0), CTR_NONE);
	take_flags(TCPF_ACK);
	assert_int_equal(in(TCPF_ACK | TCPF_FIN, 0, 0, 200), CTR_NONE);
	assert_int_equal(a.received, 300);
	assert_int_equal(a.fins, 0);
	net_fini(&net);
	/* next in order, alone and behind data */
	for (uint16_t len = 0; len <= 100; len += 100) {
		begin("msw");
		in(TCPF_ACK, 200, 0, 100);
		net_drop_all(&net);
		assert_int_equal(in(TCPF_ACK | TCPF_FIN, 0, 0, len), CTR_NONE);
		assert_int_equal(a.fins, 1);
		assert_int_equal(a.received, len);
		take_flags(TCPF_ACK);
		assert_int_equal(p.ack, ISS + 1 + len + 1);
		assert_int_equal(p.tcp.n_sack, 0);
		assert_int_equal(a.t.state, TCPS_CLOSE_WAIT);
		net_fini(&net);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_syn_rcvd_out_of_window),
		cmocka_unit_test(test_paws_half_way_round),
		cmocka_unit_test(test_ofo_again),
		cmocka_unit_test(test_gap_filled_and_more),
		cmocka_unit_test(test_first_duplicate_is_told),
		cmocka_unit_test(test_duplicate_at_closed_window),
		cmocka_unit_test(test_fin_and_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
