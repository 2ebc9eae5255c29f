/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One TCP against a scripted peer: what each single segment does, above all the ones that a peer
 * should not send.
 */
#include <stdlib.h>

#include "test_tcp_script.h"

static void test_rst(void **state)
{
	(void)state;
	/* in the window, not exact: challenge, rate limited (RFC 5961 s3.2) */
	begin("mw");
	assert_int_equal(in(TCPF_RST, 1, 0, 0), CTR_DROP_TCP_RST);
	take_flags(TCPF_ACK);
	assert_int_equal(p.ack, ISS + 1);
	assert_int_equal(in(TCPF_RST, 2, 0, 0), CTR_DROP_TCP_RST);
	nothing_sent();
	assert_int_equal(net.end[0].ctrs[CTR_TCP_CHALLENGE_LIMITED], 1);
	/* outside: silence */
	assert_int_equal(in(TCPF_RST, 40000, 0, 0), CTR_DROP_TCP_RST);
	assert_int_equal(in(TCPF_RST, (uint32_t)-1, 0, 0), CTR_DROP_TCP_RST);
	nothing_sent();
	assert_int_equal(a.t.state, TCPS_ESTABLISHED);
	/* exact */
	assert_int_equal(in(TCPF_RST, 0, 0, 0), CTR_NONE);
	assert_int_equal(a.why, TCP_END_RESET);
	assert_int_equal(a.resets, 1);
	assert_int_equal(in(TCPF_ACK, 0, 0, 0), CTR_DROP_NO_LISTENER);
	net_fini(&net);
	/* a RST needs no timestamp */
	begin("mwt");
	assert_int_equal(craft_in(&net, &(struct craft){.flags = TCPF_RST, .seq = ISS + 1}),
			 CTR_NONE);
	assert_int_equal(a.why, TCP_END_RESET);
	net_fini(&net);
}

static void test_syn_and_ack(void **state)
{
	(void)state;
	begin("mw");
	assert_int_equal(in(TCPF_SYN, 5, 0, 0), CTR_DROP_TCP_SYN);
	take_flags(TCPF_ACK);
	net_run(&net, 600, NULL, NULL);
	assert_int_equal(in(TCPF_SYN, 900000, 0, 0), CTR_DROP_TCP_SYN);
	take_flags(TCPF_ACK);
	net_run(&net, 600, NULL, NULL);
	/* what was never sent; older than the largest window */
	assert_int_equal(in(TCPF_ACK, 0, 1, 10), CTR_DROP_TCP_ACK);
	take_flags(TCPF_ACK);
	net_run(&net, 600, NULL, NULL);
	assert_int_equal(in(TCPF_ACK, 0, (uint32_t) - (WND * 4 + 2), 10), CTR_DROP_TCP_ACK);
	take_flags(TCPF_ACK);
	assert_int_equal(in(0 | TCPF_PSH, 0, 0, 10), CTR_DROP_TCP_NO_ACK);
	assert_int_equal(a.received, 0);
	net_fini(&net);
}

static void test_syn_rcvd(void **state)
{
	struct craft syn = {.flags = TCPF_SYN, .seq = ISS, .wnd = WND, .syn = "m"};
	struct craft c;

	(void)state;
	net_init(&net, 7, false);
	net.capture = true;
	app_init(&a, &net.end[0]);
	net.end[0].listens = true;
	net.end[0].pending = &a;
	craft_in(&net, &syn);
	take_flags(TCPF_SYN | TCPF_ACK);
	iss = p.seq;
	assert_int_equal(net.end[0].ctrs[CTR_CUR_HALF_OPEN], 1);
	/* the SYN again, and right behind it once more */
	assert_int_equal(craft_in(&net, &syn), CTR_DROP_TCP_SYN);
	take_flags(TCPF_SYN | TCPF_ACK);
	assert_int_equal(craft_in(&net, &syn), CTR_DROP_TCP_SYN);
	nothing_sent();
	/* a guessed acknowledgement */
	c = (struct craft){.flags = TCPF_ACK, .seq = ISS + 1, .ack = iss + 77, .wnd = WND};
	assert_int_equal(craft_in(&net, &c), CTR_DROP_TCP_ACK);
	take_flags(TCPF_RST);
	assert_int_equal(p.seq, iss + 77);
	/* a RST that is not exact, one that is */
	c = (struct craft){.flags = TCPF_RST, .seq = ISS + 2};
	assert_int_equal(craft_in(&net, &c), CTR_DROP_TCP_RST);
	assert_int_equal(a.t.state, TCPS_SYN_RCVD);
	c.seq = ISS + 1;
	craft_in(&net, &c);
	assert_int_equal(a.closed, 1);
	net_fini(&net);
}

static void test_syn_sent(void **state)
{
	(void)state;
	net_init(&net, 7, false);
	net.capture = true;
	app_init(&a, &net.end[0]);
	app_connect(&a);
	take_flags(TCPF_SYN);
	assert_true(p.tcp.has_mss && p.tcp.has_wscale && p.tcp.has_sack_perm && p.tcp.has_ts);
	iss = p.seq;
	a.t.use_ts = false;
	assert_int_equal(in(TCPF_RST, 0, 0, 0), CTR_DROP_TCP_RST);
	assert_int_equal(in(TCPF_RST | TCPF_ACK, 0, 5, 0), CTR_DROP_TCP_ACK);
	assert_int_equal(in(TCPF_ACK, 0, 0, 0), CTR_DROP_TCP_NO_ACK);
	nothing_sent();
	assert_int_equal(in(TCPF_SYN | TCPF_ACK, 0, 9, 0), CTR_DROP_TCP_ACK);
	take_flags(TCPF_RST);
	assert_int_equal(a.t.state, TCPS_SYN_SENT);
	assert_int_equal(in(TCPF_RST | TCPF_ACK, 0, 0, 0), CTR_NONE);
	assert_int_equal(a.why, TCP_END_REFUSED);
	net_fini(&net);
}

static void test_syn_without_timestamp(void **state)
{
	struct craft c = {.flags = TCPF_SYN, .seq = ISS + 5000, .wnd = WND, .syn = "msw"};

	(void)state;
	begin("mwt");
	assert_int_equal(craft_in(&net, &c), CTR_DROP_TCP_SYN);
	take_flags(TCPF_ACK);
	assert_int_equal(p.seq, iss + 1);
	assert_int_equal(p.ack, ISS + 1);
	assert_int_equal(net.end[0].ctrs[CTR_TCP_CHALLENGE_ACK], 1);
	nothing_sent();
	/* It answers that with RST, and begins anew. */
	assert_int_equal(craft_in(&net, &(struct craft){.flags = TCPF_RST, .seq = ISS + 1}),
			 CTR_NONE);
	assert_int_equal(a.why, TCP_END_RESET);
	net_fini(&net);
}

/* What an acknowledgement that was overtaken says beyond the present one is news. */
static void test_sack_of_an_overtaken_ack(void **state)
{
	struct sack_block b = {iss + 1 + 3000, iss + 1 + 4000};
	struct craft c = {.flags = TCPF_ACK, .wnd = WND, .n_sack = 1, .sack = &b};

	(void)state;
	begin("msw");
	b = (struct sack_block){iss + 1 + 3000, iss + 1 + 4000};
	in_flight(5);
	net_drop_all(&net);
	c.seq = a.t.rcv_nxt;
	in(TCPF_ACK, 0, 1000, 0);
	assert_int_equal(a.t.sacked_bytes, 0);
	c.ack = iss + 1;
	craft_in(&net, &c);
	assert_int_equal(a.t.sacked_bytes, 1000);
	assert_int_equal(a.t.snd_una, iss + 1 + 1000);
	net_fini(&net);
}

/* No buffers: payload is not taken and not acknowledged; an ACK, a FIN and a RST are. */
static void test_no_memory(void **state)
{
	struct stack *st = &net.end[0].st;

	(void)state;
	begin("msw");
	assert_int_equal(in(TCPF_ACK, 0, 0, 100), CTR_NONE);
	net_drop_all(&net);
	stack_memory(st, 99, 100);
	assert_int_equal(in(TCPF_ACK, 100, 0, 100), CTR_DROP_MEMORY);
	assert_int_equal(in(TCPF_ACK, 300, 0, 100), CTR_DROP_MEMORY);
	assert_int_equal(in(TCPF_ACK | TCPF_FIN, 100, 0, 100), CTR_DROP_MEMORY);
	net_run(&net, 100, NULL, NULL);
	nothing_sent();
	assert_int_equal(a.received, 100);
	assert_int_equal(a.fins, 0);
	in_flight(2);
	assert_int_equal(net_drop_all(&net), 2);
	assert_int_equal(in(TCPF_ACK, 100, 2000, 0), CTR_NONE);
	assert_int_equal(a.t.sndq.n, 0);
	stack_memory(st, 100, 100);
	assert_int_equal(in(TCPF_ACK, 100, 2000, 100), CTR_NONE);
	stack_memory(st, 99, 100);
	assert_int_equal(in(TCPF_ACK | TCPF_FIN, 200, 2000, 0), CTR_NONE);
	assert_int_equal(a.received, 200);
	assert_int_equal(a.fins, 1);
	assert_false(a.bad);
	net_fini(&net);
}

static void test_fin(void **state)
{
	(void)state;
	/* out of order: waits for the data before it */
	begin("msw");
	assert_int_equal(in(TCPF_ACK | TCPF_FIN, 100, 0, 50), CTR_NONE);
	assert_int_equal(a.fins, 0);
	assert_int_equal(in(TCPF_ACK, 150, 0, 50), CTR_DROP_TCP_DATA_AFTER_FIN);
	net_drop_all(&net);
	assert_int_equal(in(TCPF_ACK, 0, 0, 100), CTR_NONE);
	assert_int_equal(a.fins, 1);
	assert_int_equal(a.received, 150);
	take_flags(TCPF_ACK);
	assert_int_equal(p.ack, ISS + 1 + 151);
	assert_int_equal(a.t.state, TCPS_CLOSE_WAIT);
	/* data behind it; the FIN again */
	assert_int_equal(in(TCPF_ACK, 151, 0, 10), CTR_DROP_TCP_DATA_AFTER_FIN);
	net_drop_all(&net);
	assert_int_equal(in(TCPF_ACK | TCPF_FIN, 150, 0, 0), CTR_DROP_TCP_SEQ);
	take_flags(TCPF_ACK);
	tcp_shutdown(&a.t);
	tcp_output(&a.t);
	take_flags(TCPF_FIN | TCPF_ACK);
	assert_int_equal(a.t.state, TCPS_LAST_ACK);
	assert_int_equal(in(TCPF_ACK, 151, 1, 0), CTR_NONE);
	assert_int_equal(a.why, TCP_END_DONE);
	net_fini(&net);
}

static void test_zero_window_rx(void **state)
{
	(void)state;
	begin("msw");
	a.paused = true;
	for (unsigned int i = 0; i < 20; i++)
		assert_int_equal(in(TCPF_ACK, i * 1000, 0, 1000), CTR_NONE);
	net_drop_all(&net);
	/* probes: one octet of data, and an old number */
	assert_int_equal(in(TCPF_ACK, 20000, 0, 1), CTR_DROP_TCP_SEQ);
	take_flags(TCPF_ACK);
	assert_int_equal(p.wnd, 0);
	assert_int_equal(in(TCPF_ACK, 19999, 0, 0), CTR_DROP_TCP_SEQ);
	take_flags(TCPF_ACK);
	assert_int_equal(a.t.bytes_received, 20000);
	/* a FIN takes no buffer */
	assert_int_equal(in(TCPF_ACK | TCPF_FIN, 20000, 0, 0), CTR_NONE);
	assert_int_equal(a.fins, 1);
	net_fini(&net);
}

static void test_sack_rx(void **state)
{
	(void)state;
	begin("msw");
	in_flight(10);
	assert_int_equal(net_drop_all(&net), 10);
	net_run(&net, 20, NULL, NULL);
	/* two above: not lost; parts of segments and lies count for nothing */
	assert_int_equal(in_sack(0, 1, (uint32_t[]){1000, 3000}), CTR_NONE);
	assert_int_equal(a.t.sacked_bytes, 2000);
	assert_int_equal(in_sack(0, 3, (uint32_t[]){3500, 4500, 90000, 91000, 5000, 4000}),
			 CTR_NONE);
	assert_int_equal(a.t.sacked_bytes, 2000);
	assert_int_equal(a.t.lost_bytes, 0);
	nothing_sent();
	/* the block grows to three: the first one is lost and goes out again */
	assert_int_equal(in_sack(0, 1, (uint32_t[]){1000, 4000}), CTR_NONE);
	assert_true(a.t.in_recovery);
	take();
	assert_int_equal(p.seq, iss + 1);
	assert_int_equal(p.payload_len, 1000);
	assert_int_equal(a.t.retrans, 1);
	/* not twice */
	assert_int_equal(in_sack(0, 1, (uint32_t[]){1000, 6000}), CTR_NONE);
	nothing_sent();
	assert_int_equal(in_sack(6000, 0, NULL), CTR_NONE);
	assert_int_equal(a.t.sacked_bytes, 0);
	assert_true(a.t.in_recovery);
	assert_int_equal(in_sack(10000, 0, NULL), CTR_NONE);
	assert_false(a.t.in_recovery);
	assert_int_equal(a.t.sndq.n, 0);
	assert_int_equal(tcp_flight(&a.t), 0);
	net_fini(&net);
}

/* A block in the middle of a very long queue: the search goes on with the next ACK. */
static void test_sack_budget(void **state)
{
	(void)state;
	begin("msw");
	a.t.cwnd = 2000000;
	a.t.snd_wscale = 5;
	a.t.snd_wnd = 1900000;
	in_flight(1000);
	assert_int_equal(net_drop_all(&net), 1000);
	assert_int_equal(in_sack(0, 1, (uint32_t[]){500000, 510000}), CTR_NONE);
	assert_int_equal(a.t.sacked_bytes, 0);
	assert_int_equal(in_sack(0, 1, (uint32_t[]){500000, 510000}), CTR_NONE);
	assert_int_equal(a.t.sacked_bytes, 10000);
	net_fini(&net);
}

/* Longer than the search looks, and marked already but for its end: that is reached with the next ACK. */
static void test_sack_goes_on(void **state)
{
	static const uint32_t before[] = {1000, 401000}, other[] = {800000, 801000},
			      grown[] = {1000, 402000};

	(void)state;
	begin("msw");
	a.t.cwnd = 2000000;
	a.t.snd_wscale = 5;
	a.t.snd_wnd = 1900000;
	in_flight(1000);
	net_drop_all(&net);
	assert_int_equal(in_sack(0, 1, before), CTR_NONE);
	assert_int_equal(a.t.sacked_bytes, 400000);
	assert_int_equal(in_sack(0, 1, other),
			 CTR_NONE); /* so that one was not in the ACK before */
	assert_int_equal(a.t.sacked_bytes, 401000);
	assert_int_equal(in_sack(0, 1, grown), CTR_NONE);
	assert_int_equal(a.t.sacked_bytes, 401000); /* 256 of 400 looked at */
	assert_int_equal(in_sack(0, 1, grown), CTR_NONE);
	assert_int_equal(a.t.sacked_bytes, 402000);
	net_fini(&net);
}

static void test_sack_renege(void **state)
{
	(void)state;
	begin("msw");
	in_flight(5);
	in_sack(0, 1, (uint32_t[]){1000, 3000});
	in_sack(1000, 0, NULL);
	net_drop_all(&net);
	net_run(&net, 2000, NULL, NULL);
	assert_int_equal(net.end[0].ctrs[CTR_TCP_SACK_RENEGE], 1);
	assert_int_equal(a.t.sacked_bytes, 0);
	assert_int_equal(in_sack(5000, 0, NULL), CTR_NONE);
	assert_int_equal(a.t.lost_bytes, 0);
	net_fini(&net);
}

/* Random blocks, true and false ones: the sums hold and nothing is left. */
static void test_sack_random(void **state)
{
	(void)state;
	for (unsigned int round = 0; round < 40; round++) {
		begin("msw");
		a.t.cwnd = 1000000;
		a.t.snd_wnd = 4 * WND;
		in_flight(100);
		for (unsigned int i = 0; i < 300 && a.t.state == TCPS_ESTABLISHED; i++) {
			uint32_t una = a.t.snd_una - iss - 1;
			uint32_t e[8];

			for (unsigned int k = 0; k < 8; k++)
				e[k] = una + (uint32_t)(net_random(&net) % 110000);
			if (i % 20 == 0)
				una += (uint32_t)(net_random(&net) % 4000);
			in_sack(una, 1 + net_random(&net) % 4, e);
			net_run(&net, 1 + net_random(&net) % 100, NULL, NULL);
			net_drop_all(&net);
		}
		net_fini(&net);
	}
}

static void test_mss(void **state)
{
	struct craft c = {.flags = TCPF_SYN, .seq = ISS, .wnd = WND, .syn = "w"};

	(void)state;
	net_init(&net, 7, false);
	net.capture = true;
	app_init(&a, &net.end[0]);
	net.end[0].listens = true;
	net.end[0].pending = &a;
	craft_in(&net, &c);
	assert_int_equal(a.t.snd_mss, 536);
	take();
	assert_int_equal(p.tcp.mss, 1460);
	assert_false(p.tcp.has_sack_perm || p.tcp.has_ts);
	p = (struct pkt){.key = net.end[0].key, .tcp = {.has_mss = true, .mss = 1}};
	tcp_abort(&a.t);
	app_init(&a, &net.end[0]);
	net.end[0].app = &a;
	assert_int_equal(tcp_accept(&a.t, &net.end[0].st, &app_ops, &p, NULL, NET_MTU, 1), 0);
	assert_int_equal(a.t.snd_mss, 88);
	assert_true(tcp_payload_max(&a.t) >= 40);
	net_fini(&net);
}

static void test_cookies(void **state)
{
	struct craft c = {.flags = TCPF_SYN, .seq = ISS, .wnd = WND, .syn = "msw"};

	(void)state;
	for (int late = 0; late < 3; late++) {
		net_init(&net, 7, false);
		net.capture = true;
		app_init(&a, &net.end[0]);
		net.end[0].listens = net.end[0].cookies = true;
		net.end[0].pending = &a;
		craft_in(&net, &c);
		take_flags(TCPF_SYN | TCPF_ACK);
		assert_int_equal(net.end[0].st.wheel.armed, 0);
		iss = p.seq;
		assert_false(p.tcp.has_wscale || p.tcp.has_sack_perm || p.tcp.has_ts);
		/* a bit changed is no cookie */
		for (unsigned int bit = 0; bit < 32; bit++) {
			assert_int_equal(in(TCPF_ACK, 0, 1u << bit, 0), CTR_DROP_NO_LISTENER);
			net_drop_all(&net);
		}
		assert_int_equal(in(TCPF_ACK, 1, 0, 0), CTR_DROP_NO_LISTENER);
		net_drop_all(&net);
		net_run(&net, (uint64_t)late * 64000, NULL, NULL);
		if (late == 2) {
			assert_int_equal(in(TCPF_ACK, 0, 0, 10), CTR_DROP_NO_LISTENER);
		} else {
			assert_int_equal(in(TCPF_ACK, 0, 0, 10), CTR_NONE);
			assert_int_equal(a.t.state, TCPS_ESTABLISHED);
			assert_int_equal(a.received, 10);
			assert_int_equal(a.t.peer_mss, 1460);
			assert_int_equal(a.t.snd_wscale, 0);
		}
		net_fini(&net);
	}
}

static void test_reset_unknown(void **state)
{
	(void)state;
	net_init(&net, 7, false);
	net.capture = true;
	app_init(&a, &net.end[0]);
	assert_int_equal(in(TCPF_ACK, 5, 7, 0), CTR_DROP_NO_LISTENER);
	take_flags(TCPF_RST);
	assert_int_equal(p.seq, iss + 8);
	assert_int_equal(in(TCPF_SYN, 5, 0, 10), CTR_DROP_NO_LISTENER);
	take_flags(TCPF_RST | TCPF_ACK);
	assert_int_equal(p.seq, 0);
	assert_int_equal(p.ack, ISS + 6 + 11);
	assert_int_equal(in(TCPF_RST, 5, 0, 0), CTR_DROP_NO_LISTENER);
	nothing_sent();
	for (unsigned int i = 0; i < 1000; i++)
		in(TCPF_ACK, 5, 7, 0);
	assert_in_range(net_drop_all(&net), 150, 250);
	assert_in_range(net.end[0].ctrs[CTR_TCP_RST_LIMITED], 750, 850);
	net_fini(&net);
}

/* The mapping of a segment's DSS stays with its payload while it waits out of order. */
static void test_mapping(void **state)
{
	struct rte_mbuf *m;
	struct seg *s;

	(void)state;
	begin("msw");
	m = rte_pktmbuf_alloc(net_pool());
	memset(rte_pktmbuf_append(m, 140), 0, 140);
	p = (struct pkt){.key = a.t.key,
			 .seq = ISS + 101,
			 .ack = iss + 1,
			 .wnd = WND,
			 .flags = TCPF_ACK,
			 .payload_off = 40,
			 .payload_len = 100,
			 .mp = {.present = MP_BIT(MP_DSS),
				.dss = {.flags = DSS_FLAG_MAP | DSS_FLAG_DSN8 | DSS_FLAG_ACK,
					.has_csum = true,
					.dsn = UINT64_C(0x123456789abcdef0),
					.ssn = 101,
					.data_len = 100,
					.csum = 0xbeef}}};
	assert_int_equal(tcp_input(&a.t, m, &p), CTR_NONE);
	s = a.t.ofo.head;
	assert_non_null(s);
	assert_true(s->flags & SEG_MAPPED);
	assert_true(s->map.dsn == UINT64_C(0x123456789abcdef0));
	assert_int_equal(s->map.ssn, 101);
	assert_int_equal(s->map.len, 100);
	assert_int_equal(s->map.csum, 0xbeef);
	assert_int_equal(s->map.flags, DSS_FLAG_DSN8);
	assert_true(s->map.has_csum);
	/* an mbuf that is not what the parser said */
	m = rte_pktmbuf_alloc(net_pool());
	memset(rte_pktmbuf_append(m, 120), 0, 120);
	p.seq = ISS + 301;
	assert_int_equal(tcp_input(&a.t, m, &p), CTR_DROP_TCP_SHORT);
	net_fini(&net);
}

static void test_delayed_ack(void **state)
{
	(void)state;
	begin("msw");
	for (unsigned int i = 0; i < 16; i++) {
		in(TCPF_ACK, i * 100, 0, 100);
		take_flags(TCPF_ACK); /* at once while the peer is slow */
	}
	in(TCPF_ACK, 1600, 0, 100);
	nothing_sent();
	in(TCPF_ACK, 1700, 0, 100);
	take_flags(TCPF_ACK);
	nothing_sent();
	in(TCPF_ACK, 1800, 0, 100);
	net_run(&net, 30, NULL, NULL);
	nothing_sent();
	net_run(&net, 12, NULL, NULL);
	take_flags(TCPF_ACK);
	assert_int_equal(net.end[0].ctrs[CTR_TCP_DELAYED_ACK], 1);
	net_fini(&net);
}

/* The next segment in order, in a burst that goes on. */
static void in_burst(void)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(net_pool());

	memset(rte_pktmbuf_append(m, 140), 0, 140);
	p = (struct pkt){.key = a.t.key,
			 .seq = a.t.rcv_nxt,
			 .ack = iss + 1,
			 .wnd = WND,
			 .flags = TCPF_ACK,
			 .payload_off = 40,
			 .payload_len = 100};
	assert_int_equal(tcp_input(&a.t, m, &p), CTR_NONE);
}

static void test_one_ack_a_burst(void **state)
{
	(void)state;
	begin("msw");
	a.t.quickacks = 0;
	for (unsigned int i = 0; i < 8; i++)
		in_burst();
	nothing_sent();
	stack_end_burst(a.t.st);
	take_flags(TCPF_ACK);
	assert_int_equal(p.ack, ISS + 801);
	stack_end_burst(a.t.st);
	nothing_sent();
	/* What ends in a burst is not looked at when that ends. */
	in_burst();
	assert_ptr_equal(a.t.st->burst, &a.t);
	tcp_abort(&a.t);
	assert_null(net.end[0].st.burst);
	net_drop_all(&net);
	net_fini(&net);
}

/* Segments of every kind at random at a connection in every state: nothing breaks, nothing leaks. */
static void test_random_segments(void **state)
{
	(void)state;
	for (unsigned int round = 0; round < 300; round++) {
		begin(round % 2 ? "msw" : "mwt");
		net.seed = round * 1000000;
		if (round % 3 == 0)
			in_flight(8);
		for (unsigned int i = 0; i < 60; i++) {
			uint64_t r = net_random(&net);
			struct craft c = {
				.flags = (uint8_t)(r & 0x1f),
				.seq = a.t.rcv_nxt + (uint32_t)(r >> 8 & 0xfff) - 0x400,
				.ack = a.t.snd_una + (uint32_t)(r >> 20 & 0xfff) - 0x100,
				.wnd = (uint16_t)(r >> 32),
				.len = (uint16_t)(r >> 48 & 0x1ff),
				.ts = a.t.use_ts,
				.tsval = 520 + i,
			};

			if (r >> 60 < 12)
				c.flags = TCPF_ACK | (c.flags & TCPF_FIN);
			if (__builtin_popcount(c.flags & 7) > 1 || c.flags == 0)
				continue; /* the parser's */
			if (r >> 57 & 1)
				c.ack = a.t.snd_max;
			if (r >> 58 & 1)
				c.seq = a.t.rcv_nxt;
			if (i == 30 && round % 5 == 0) {
				tcp_shutdown(&a.t);
				tcp_output(&a.t);
			}
			craft_in(&net, &c);
			net_run(&net, r % 50, NULL, NULL);
			net_drop_all(&net);
		}
		net_fini(&net);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rst),
		cmocka_unit_test(test_syn_and_ack),
		cmocka_unit_test(test_syn_rcvd),
		cmocka_unit_test(test_syn_sent),
		cmocka_unit_test(test_syn_without_timestamp),
		cmocka_unit_test(test_sack_of_an_overtaken_ack),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_fin),
		cmocka_unit_test(test_zero_window_rx),
		cmocka_unit_test(test_sack_rx),
		cmocka_unit_test(test_sack_budget),
		cmocka_unit_test(test_sack_goes_on),
		cmocka_unit_test(test_sack_renege),
		cmocka_unit_test(test_sack_random),
		cmocka_unit_test(test_mss),
		cmocka_unit_test(test_cookies),
		cmocka_unit_test(test_reset_unknown),
		cmocka_unit_test(test_mapping),
		cmocka_unit_test(test_delayed_ack),
		cmocka_unit_test(test_one_ack_a_burst),
		cmocka_unit_test(test_random_segments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
