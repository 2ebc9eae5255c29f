/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Explicit congestion notification (RFC 3168 s6.1): who agrees to it, what is marked, who answers what.
 */
#include "test_tcp_script.h"

#define ASK  (TCPF_SYN | TCPF_ECE | TCPF_CWR)
#define ECT0 2
#define CE   3

static void prepare(uint8_t ecn)
{
	net_init(&net, 7, false);
	net.capture = true;
	net_cfg.rcv_wscale = 0;
	net_cfg.ecn = ecn;
	app_init(&a, &net.end[0]);
	a.rx_buffer = 20000;
	net.end[0].listens = true;
	net.end[0].pending = &a;
}

/* The peer's SYN says flags in a packet with those ECN bits: what our SYN/ACK says. */
static uint8_t answer(uint8_t ours, uint8_t flags, uint8_t ecn)
{
	struct craft c = {.flags = flags, .ecn = ecn, .seq = ISS, .wnd = WND, .syn = "ms"};

	prepare(ours);
	assert_int_equal(craft_in(&net, &c), CTR_NONE);
	take();
	assert_int_equal(p.ecn, 0);
	iss = p.seq;
	return p.flags;
}

static void established(void)
{
	assert_int_equal(in(TCPF_ACK, 0, 0, 0), CTR_NONE);
	assert_int_equal(a.t.state, TCPS_ESTABLISHED);
	net_drop_all(&net);
}

static void test_who_agrees(void **state)
{
	(void)state;
	assert_int_equal(answer(TCP_ECN_ACCEPT, ASK, 0), TCPF_SYN | TCPF_ACK | TCPF_ECE);
	assert_true(a.t.use_ecn);
	net_fini(&net);
	assert_int_equal(answer(TCP_ECN_OFF, ASK, 0), TCPF_SYN | TCPF_ACK);
	net_fini(&net);
	assert_int_equal(answer(TCP_ECN_ACCEPT, TCPF_SYN, 0), TCPF_SYN | TCPF_ACK);
	net_fini(&net);
	assert_int_equal(answer(TCP_ECN_ACCEPT, TCPF_SYN | TCPF_ECE, 0), TCPF_SYN | TCPF_ACK);
	net_fini(&net);
	/* a SYN that may be marked is none of this protocol (s6.1.1) */
	assert_int_equal(answer(TCP_ECN_ACCEPT, ASK, ECT0), TCPF_SYN | TCPF_ACK);
	assert_false(a.t.use_ecn);
	net_fini(&net);
}

/* Our SYN asks; the answer agrees, or does not; a SYN that is sent again does not ask. */
static void test_asking(void **state)
{
	static const struct {
		uint8_t flags;
		bool agreed;
	} answers[] = {
		{TCPF_ECE, true}, {0, false}, {TCPF_ECE | TCPF_CWR, false}, {TCPF_CWR, false}};

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(answers); i++) {
		struct craft c = {.flags = TCPF_SYN | TCPF_ACK | answers[i].flags,
				  .seq = ISS,
				  .wnd = WND,
				  .syn = "ms"};

		prepare(TCP_ECN_REQUEST);
		app_connect(&a);
		take();
		assert_int_equal(p.flags, ASK);
		c.ack = p.seq + 1;
		assert_int_equal(craft_in(&net, &c), CTR_NONE);
		assert_int_equal(a.t.use_ecn, answers[i].agreed);
		net_drop_all(&net);
		net_fini(&net);
	}
	prepare(TCP_ECN_REQUEST);
	app_connect(&a);
	net_drop_all(&net);
	net_run(&net, 1100, NULL, NULL);
	take();
	assert_int_equal(p.flags, TCPF_SYN);
	assert_int_equal(craft_in(&net, &(struct craft){.flags = TCPF_SYN | TCPF_ACK | TCPF_ECE,
							.seq = ISS,
							.ack = p.seq + 1,
							.wnd = WND,
							.syn = "ms"}),
			 CTR_NONE);
	assert_false(a.t.use_ecn);
	net_drop_all(&net);
	net_fini(&net);
	prepare(TCP_ECN_ACCEPT);
	app_connect(&a);
	take();
	assert_int_equal(p.flags, TCPF_SYN);
	net_fini(&net);
}

/* New data may be marked, nothing else. */
static void test_what_is_capable(void **state)
{
	(void)state;
	answer(TCP_ECN_ACCEPT, ASK, 0);
	established();
	in_flight(2);
	take();
	assert_int_equal(p.ecn, ECT0);
	take();
	assert_int_equal(p.ecn, ECT0);
	assert_int_equal(in(TCPF_ACK, 0, 1000, 100), CTR_NONE);
	take();
	assert_int_equal(p.payload_len, 0);
	assert_int_equal(p.ecn, 0);
	net_run(&net, 1000, NULL, NULL);
	take(); /* again */
	assert_int_equal(p.payload_len, 1000);
	assert_int_equal(p.ecn, 0);
	net_drop_all(&net);
	net_fini(&net);
}

/* A mark is echoed on every ACK until the peer says that it has slowed down. */
static void test_echo(void **state)
{
	struct craft c = {.flags = TCPF_ACK, .ecn = CE, .seq = ISS + 1, .wnd = WND, .len = 100};

	(void)state;
	answer(TCP_ECN_ACCEPT, ASK, 0);
	established();
	c.ack = iss + 1;
	assert_int_equal(craft_in(&net, &c), CTR_NONE);
	take_flags(TCPF_ACK | TCPF_ECE);
	assert_int_equal(net.end[0].ctrs[CTR_TCP_ECN_CE], 1);
	assert_int_equal(in(TCPF_ACK, 100, 0, 100), CTR_NONE);
	take_flags(TCPF_ACK | TCPF_ECE);
	assert_int_equal(in(TCPF_ACK | TCPF_CWR, 200, 0, 100), CTR_NONE);
	take_flags(TCPF_ACK);
	/* marked and answered at once: another mark */
	c.seq = ISS + 1 + 300;
	c.off = 300;
	c.flags = TCPF_ACK | TCPF_CWR;
	assert_int_equal(craft_in(&net, &c), CTR_NONE);
	take_flags(TCPF_ACK | TCPF_ECE);
	assert_false(a.bad);
	net_fini(&net);
}

/* An echo reduces the window, once for what was out, and the next new octets say so. */
static void test_reduction(void **state)
{
	uint32_t cwnd;

	(void)state;
	answer(TCP_ECN_ACCEPT, ASK, 0);
	established();
	in_flight(10);
	assert_int_equal(net_drop_all(&net), 10);
	cwnd = a.t.cwnd;
	assert_int_equal(in(TCPF_ACK | TCPF_ECE, 0, 1000, 0), CTR_NONE);
	assert_int_equal(a.t.cwnd, 10000 * 7 / 10); /* of what was out when the mark came */
	assert_int_equal(net.end[0].ctrs[CTR_TCP_ECN_REDUCED], 1);
	cwnd = a.t.cwnd;
	assert_int_equal(in(TCPF_ACK | TCPF_ECE, 0, 5000, 0), CTR_NONE);
	assert_true(a.t.cwnd >= cwnd);
	in_flight(12);
	take_flags(TCPF_ACK | TCPF_CWR);
	assert_int_equal(p.ecn, ECT0);
	assert_int_equal(in(TCPF_ACK | TCPF_ECE, 0, 9000, 0), CTR_NONE);
	take_flags(TCPF_ACK);
	assert_int_equal(net.end[0].ctrs[CTR_TCP_ECN_REDUCED], 1);
	assert_int_equal(in(TCPF_ACK | TCPF_ECE, 0, 11000, 0), CTR_NONE);
	assert_int_equal(net.end[0].ctrs[CTR_TCP_ECN_REDUCED], 2);
	/* nothing of this without an agreement */
	net_drop_all(&net);
	net_fini(&net);
	answer(TCP_ECN_OFF, ASK, 0);
	established();
	in_flight(10);
	net_drop_all(&net);
	assert_int_equal(in(TCPF_ACK | TCPF_ECE, 0, 1000, 0), CTR_NONE);
	assert_int_equal(net.end[0].ctrs[CTR_TCP_ECN_REDUCED], 0);
	net_drop_all(&net);
	net_fini(&net);
}

/* The echo may come with the acknowledgement of all that was sent; the same mark is answered once, up to
 * where the answer went. */
static void test_echo_of_the_last(void **state)
{
	(void)state;
	answer(TCP_ECN_ACCEPT, ASK, 0);
	established();
	in_flight(10);
	assert_int_equal(net_drop_all(&net), 10);
	assert_int_equal(in(TCPF_ACK | TCPF_ECE, 0, 10000, 0), CTR_NONE);
	assert_int_equal(net.end[0].ctrs[CTR_TCP_ECN_REDUCED], 1);
	assert_int_equal(a.t.cwnd, 7000);
	assert_int_equal(in(TCPF_ACK | TCPF_ECE, 0, 10000, 0), CTR_NONE);
	in_flight(13);
	take_flags(TCPF_ACK | TCPF_CWR);
	take_flags(TCPF_ACK);
	net_drop_all(&net);
	assert_int_equal(in(TCPF_ACK | TCPF_ECE, 0, 10000, 0), CTR_NONE);
	assert_int_equal(net.end[0].ctrs[CTR_TCP_ECN_REDUCED], 1);
	assert_int_equal(in(TCPF_ACK | TCPF_ECE, 0, 11000, 0), CTR_NONE);
	assert_int_equal(net.end[0].ctrs[CTR_TCP_ECN_REDUCED], 2);
	in_flight(15);
	net_drop_all(&net);
	assert_int_equal(in(TCPF_ACK | TCPF_ECE, 0, 13000, 0), CTR_NONE);
	assert_int_equal(net.end[0].ctrs[CTR_TCP_ECN_REDUCED], 2);
	net_drop_all(&net);
	net_fini(&net);
}

/* A cookie keeps the agreement in its timestamp. */
static void test_cookie(void **state)
{
	struct craft c = {
		.flags = ASK, .seq = ISS, .wnd = WND, .syn = "ms", .ts = true, .tsval = 5};

	(void)state;
	prepare(TCP_ECN_ACCEPT);
	net.end[0].cookies = true;
	assert_int_equal(craft_in(&net, &c), CTR_NONE);
	take();
	assert_int_equal(p.flags, TCPF_SYN | TCPF_ACK | TCPF_ECE);
	c = (struct craft){.flags = TCPF_ACK,
			   .seq = ISS + 1,
			   .ack = p.seq + 1,
			   .wnd = WND,
			   .ts = true,
			   .tsval = 6,
			   .tsecr = p.tcp.tsval};
	assert_int_equal(craft_in(&net, &c), CTR_NONE);
	assert_int_equal(a.t.state, TCPS_ESTABLISHED);
	assert_true(a.t.use_ecn);
	net_drop_all(&net);
	net_fini(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_agrees),      cmocka_unit_test(test_asking),
		cmocka_unit_test(test_what_is_capable), cmocka_unit_test(test_echo),
		cmocka_unit_test(test_reduction),       cmocka_unit_test(test_echo_of_the_last),
		cmocka_unit_test(test_cookie),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
