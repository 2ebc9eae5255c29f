/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Segments that come out of order: what is kept of them, and what the peer is told.
 */
#include "test_tcp_script.h"

static void test_ofo(void **state)
{
	(void)state;
	begin("msw");
	assert_int_equal(in(TCPF_ACK, 200, 0, 100), CTR_NONE);
	take_flags(TCPF_ACK);
	assert_int_equal(p.ack, ISS + 1);
	assert_int_equal(p.tcp.n_sack, 1);
	assert_int_equal(p.tcp.sack[0].start, ISS + 201);
	assert_int_equal(p.tcp.sack[0].end, ISS + 301);
	assert_int_equal(in(TCPF_ACK, 400, 0, 100), CTR_NONE);
	take();
	assert_int_equal(p.tcp.n_sack, 2);
	assert_int_equal(p.tcp.sack[0].start, ISS + 401);
	/* wholly there; overlapping both neighbours; overlapping the front of one */
	assert_int_equal(in(TCPF_ACK, 220, 0, 50), CTR_DROP_TCP_DUP);
	take();
	assert_int_equal(in(TCPF_ACK, 250, 0, 300), CTR_NONE);
	take();
	assert_int_equal(p.tcp.n_sack, 2);
	assert_int_equal(p.tcp.sack[1].start, ISS + 201);
	assert_int_equal(p.tcp.sack[1].end, ISS + 551);
	assert_int_equal(in(TCPF_ACK, 150, 0, 100), CTR_NONE);
	take();
	assert_int_equal(p.tcp.sack[1].start, ISS + 151);
	assert_int_equal(a.received, 0);
	/* fills the gap, with octets that are there already */
	assert_int_equal(in(TCPF_ACK, 0, 0, 180), CTR_NONE);
	take();
	assert_int_equal(p.ack, ISS + 551);
	assert_int_equal(p.tcp.n_sack, 1); /* of the duplicate */
	assert_int_equal(p.tcp.sack[0].start, ISS + 151);
	assert_int_equal(p.tcp.sack[0].end, ISS + 181);
	assert_int_equal(a.received, 550);
	/* old and new octets in one */
	assert_int_equal(in(TCPF_ACK, 500, 0, 100), CTR_NONE);
	assert_int_equal(a.received, 600);
	assert_int_equal(in(TCPF_ACK, 100, 0, 100), CTR_DROP_TCP_DUP);
	/* beyond the window, and over its edge */
	net_drop_all(&net);
	assert_int_equal(in(TCPF_ACK, 600 + 20000, 0, 100), CTR_DROP_TCP_SEQ);
	take_flags(TCPF_ACK);
	assert_int_equal(in(TCPF_ACK, 20550, 0, 100), CTR_NONE);
	assert_int_equal(a.t.ofo.bytes, 50);
	assert_false(a.bad);
	net_fini(&net);
}

/* First data wins: what comes later in the same place is not looked at. */
static void test_ofo_first_wins(void **state)
{
	struct craft c;

	(void)state;
	begin("msw");
	in(TCPF_ACK, 10, 0, 10);
	c = (struct craft){
		.flags = TCPF_ACK, .seq = ISS + 1, .ack = iss + 1, .wnd = WND, .len = 10, .off = 0};
	craft_in(&net, &c);
	c.len = 30;
	c.off = 77; /* other octets */
	c.seq = ISS + 11;
	assert_int_equal(craft_in(&net, &c), CTR_NONE); /* 10 new ones of it */
	assert_true(a.bad);
	a.bad = false;
	assert_int_equal(a.received, 40);
	in(TCPF_ACK, 45, 0, 5);
	c.seq = ISS + 1 + 43;
	c.len = 20;
	craft_in(&net, &c); /* of this two in front, and thirteen behind */
	assert_int_equal(a.t.ofo.bytes, 20);
	assert_int_equal(a.t.ofo.n, 3);
	a.received = 40;
	net_fini(&net);
}

static void test_ofo_bound(void **state)
{
	unsigned int dropped = 0, before;

	(void)state;
	begin("msw");
	net_cfg.ofo_segs_max = 50;
	for (unsigned int i = 0; i < 100; i++)
		dropped += in(TCPF_ACK, 10 + i * 4, 0, 2) == CTR_DROP_TCP_OFO_LIMIT;
	assert_int_equal(dropped, 50);
	net_cfg.ofo_segs_max = 4096;
	/* into the middle of a long queue; over many gaps at once, of which a few are filled */
	for (unsigned int i = 0; i < 3000; i++)
		in(TCPF_ACK, 1000 + i * 4, 0, 2);
	net_drop_all(&net);
	in(TCPF_ACK, 1000 + 3000 * 4, 0, 2);
	assert_int_equal(in(TCPF_ACK, 7000 + 2, 0, 1), CTR_NONE);
	before = a.t.ofo.n;
	assert_int_equal(in(TCPF_ACK, 9000, 0, 1000), CTR_NONE);
	assert_in_range(a.t.ofo.n - before, 1, 4);
	assert_int_equal(in(TCPF_ACK, 0, 0, 10), CTR_NONE);
	assert_int_equal(a.received, 12);
	assert_false(a.bad);
	net_fini(&net);
}

/* A segment of the peer arrives while one of ours of that length waits to leave: whether a pure ACK leaves
 * with it, and p is that. Else p is ours. */
static bool answered_beside(uint16_t ours, uint32_t seq, uint16_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(net_pool());
	unsigned int n_sack;

	memset(rte_pktmbuf_append(m, ours), 0, ours);
	tcp_send(&a.t, seg_init(m, 0));
	in(TCPF_ACK, seq, 0, len);
	take();
	assert_int_equal(p.payload_len, ours);
	n_sack = p.tcp.n_sack;
	if (!net_take(&net, &p))
		return false;
	assert_int_equal(n_sack, 0);
	assert_int_equal(p.payload_len, 0);
	nothing_sent();
	return true;
}

static void acked_quietly(struct tcp *t, uint32_t octets)
{
	(void)t;
	(void)octets;
}

/* Full segments leave no room for SACK blocks: what goes the other way does not keep them from the peer. */
static void test_sack_beside_full_segments(void **state)
{
	struct tcp_ops ops = app_ops;

	(void)state;
	begin("msw");
	ops.acked = acked_quietly; /* ours leaves when all of the input has been looked at */
	a.t.ops = &ops;
	assert_true(answered_beside(1460, 200, 100));
	assert_int_equal(p.tcp.n_sack, 1);
	assert_int_equal(p.tcp.sack[0].start, ISS + 201);
	assert_int_equal(p.tcp.sack[0].end, ISS + 301);
	assert_true(answered_beside(1460, 200, 100)); /* a duplicate */
	assert_int_equal(p.tcp.n_sack, 2);
	assert_true(answered_beside(1460, 0, 50)); /* the hole is not filled (RFC 5681 s4.2) */
	assert_int_equal(p.ack, ISS + 51);
	assert_int_equal(p.tcp.n_sack, 1);
	/* smaller ones have the room */
	assert_false(answered_beside(1000, 400, 100));
	assert_int_equal(p.tcp.n_sack, 2);
	assert_int_equal(p.tcp.sack[0].start, ISS + 401);
	assert_true(answered_beside(1460, 50, 150));
	assert_false(answered_beside(1460, 300, 100)); /* no hole any more */
	assert_int_equal(p.ack, ISS + 501);
	net_run(&net, 500, NULL, NULL);
	assert_int_equal(a.received, 500);
	net_fini(&net);
}

/* A SACK block tells of all that touches the segment, also where no block was known any more. */
static void test_sack_block_is_whole(void **state)
{
	(void)state;
	begin("msw");
	in(TCPF_ACK, 100, 0, 100);
	for (unsigned int i = 0; i < 6; i++) /* the block of [100, 200) is forgotten */
		in(TCPF_ACK, 1000 + i * 200, 0, 100);
	net_drop_all(&net);
	in(TCPF_ACK, 200, 0, 50);
	take();
	assert_int_equal(p.tcp.sack[0].start, ISS + 101);
	assert_int_equal(p.tcp.sack[0].end, ISS + 251);
	in(TCPF_ACK, 1100, 0, 100); /* joins two */
	take();
	assert_int_equal(p.tcp.sack[0].start, ISS + 1001);
	assert_int_equal(p.tcp.sack[0].end, ISS + 1301);
	in(TCPF_ACK, 50, 0, 50);
	take();
	assert_int_equal(p.tcp.sack[0].start, ISS + 51);
	assert_int_equal(p.tcp.sack[0].end, ISS + 251);
	/* the beginning of a run has gone up */
	assert_int_equal(in(TCPF_ACK, 0, 0, 50), CTR_NONE);
	assert_int_equal(a.received, 250);
	net_drop_all(&net);
	in(TCPF_ACK, 1300, 0, 100);
	take();
	assert_int_equal(p.tcp.sack[0].start, ISS + 1001);
	assert_int_equal(p.tcp.sack[0].end, ISS + 1501);
	assert_false(a.bad);
	net_fini(&net);
}

/* Of the packet buffers a queue may have its share, when they get less as well. */
static void test_ofo_share(void **state)
{
	struct stack *st = &net.end[0].st;

	(void)state;
	begin("msw");
	stack_memory(st, 180, 100);
	for (unsigned int i = 0; i < 20; i++)
		assert_int_equal(in(TCPF_ACK, 10 + i * 4, 0, 2),
				 i < 10 ? CTR_NONE : CTR_DROP_TCP_OFO_LIMIT);
	assert_int_equal(a.t.ofo.n, 10);
	stack_memory(st, 108, 100);
	assert_int_equal(in(TCPF_ACK, 10 + 10 * 4, 0, 2), CTR_DROP_TCP_OFO_LIMIT);
	assert_int_equal(in(TCPF_ACK, 0, 0, 10), CTR_NONE);
	assert_int_equal(a.received, 12);
	stack_memory(st, 1000, 100);
	assert_int_equal(in(TCPF_ACK, 10 + 10 * 4, 0, 2), CTR_NONE);
	assert_false(a.bad);
	net_fini(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ofo),       cmocka_unit_test(test_ofo_first_wins),
		cmocka_unit_test(test_ofo_bound), cmocka_unit_test(test_sack_block_is_whole),
		cmocka_unit_test(test_ofo_share), cmocka_unit_test(test_sack_beside_full_segments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
