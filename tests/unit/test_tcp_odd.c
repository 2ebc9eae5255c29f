/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One TCP against a scripted peer whose segments come again, do not fit, or end in the wrong place: what
 * it answers, and where it does as other implementations do.
 */
#include "test_tcp_net.h"

#define ISS 1000u /* of the peer */
#define WND 60000

static struct net net;
static struct app a;
static struct pkt p;
static uint32_t iss; /* ours */

static void take_flags(uint8_t flags)
{
	assert_true(net_take(&net, &p));
	assert_int_equal(p.flags & ~TCPF_PSH, flags);
}

static void nothing_sent(void)
{
	assert_int_equal(net_drop_all(&net), 0);
}

/* Established as the passive side; syn: options of the peer, 't' asks for timestamps. */
static void begin(const char *syn)
{
	struct craft c = {.flags = TCPF_SYN,
			  .seq = ISS,
			  .wnd = WND,
			  .syn = syn,
			  .ts = strchr(syn, 't') != NULL,
			  .tsval = 500};

	net_init(&net, 7, false);
	net.capture = true;
	net_cfg.rcv_wscale = 0;
	app_init(&a, &net.end[0]);
	a.rx_buffer = 20000;
	net.end[0].listens = true;
	net.end[0].pending = &a;
	assert_int_equal(craft_in(&net, &c), CTR_NONE);
	take_flags(TCPF_SYN | TCPF_ACK);
	iss = p.seq;
	assert_int_equal(p.ack, ISS + 1);
	net_run(&net, 20, NULL, NULL);
	c = (struct craft){.flags = TCPF_ACK, .seq = ISS + 1, .ack = iss + 1, .wnd = WND};
	c.ts = a.t.use_ts;
	c.tsval = 510;
	c.tsecr = p.tcp.tsval;
	assert_int_equal(craft_in(&net, &c), CTR_NONE);
	assert_int_equal(a.t.state, TCPS_ESTABLISHED);
	nothing_sent();
}

static enum counter in(uint8_t flags, uint32_t seq, uint32_t ack, uint16_t len)
{
	struct craft c = {.flags = flags,
			  .seq = ISS + 1 + seq,
			  .ack = iss + 1 + ack,
			  .wnd = WND,
			  .len = len,
			  .off = seq,
			  .ts = a.t.use_ts,
			  .tsval = 520};

	return craft_in(&net, &c);
}

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

/* The first block is the one with the segment that is answered, new or not (RFC 2018 s4). */
static void test_ofo_again(void **state)
{
	(void)state;
	begin("msw");
	for (uint32_t seq = 100; seq <= 900; seq += 200) {
		assert_int_equal(in(TCPF_ACK, seq, 0, 100), CTR_NONE);
		take_flags(TCPF_ACK);
		assert_int_equal(p.tcp.sack[0].start, ISS + 1 + seq);
	}
	/* one in the list, the same in part, one that is not in the list any more */
	assert_int_equal(in(TCPF_ACK, 500, 0, 100), CTR_DROP_TCP_DUP);
	take_flags(TCPF_ACK);
	assert_int_equal(p.tcp.sack[0].start, ISS + 501);
	assert_int_equal(p.tcp.sack[0].end, ISS + 601);
	assert_int_equal(p.tcp.sack[1].start, ISS + 901);
	assert_int_equal(in(TCPF_ACK, 720, 0, 50), CTR_DROP_TCP_DUP);
	take_flags(TCPF_ACK);
	assert_int_equal(p.tcp.sack[0].start, ISS + 701);
	assert_int_equal(p.tcp.sack[0].end, ISS + 801);
	assert_int_equal(in(TCPF_ACK, 100, 0, 100), CTR_DROP_TCP_DUP);
	take_flags(TCPF_ACK);
	assert_int_equal(p.tcp.sack[0].start, ISS + 101);
	assert_int_equal(p.tcp.sack[0].end, ISS + 201);
	assert_int_equal(p.tcp.sack[1].start, ISS + 701);
	/* over two that touch, and beyond: what is beyond is not there */
	assert_int_equal(in(TCPF_ACK, 600, 0, 50), CTR_NONE);
	net_drop_all(&net);
	assert_int_equal(in(TCPF_ACK, 550, 0, 120), CTR_DROP_TCP_DUP);
	take_flags(TCPF_ACK);
	assert_int_equal(p.tcp.sack[0].start, ISS + 501);
	assert_int_equal(p.tcp.sack[0].end, ISS + 651);
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
		cmocka_unit_test(test_fin_and_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
