/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Path MTU: what ICMP says is believed or not (RFC 8201, RFC 5927), black holes are found and given up
 * again, probes find the way back up (RFC 4821, RFC 8899), and what is queued goes in pieces that nobody
 * else sees.
 */
#include "mptcp/wire/checksum.h" /* first: its parameters have the names of the script's globals */
#include "mptcp/tcp/bbr.h"
#include "test_tcp_script.h"

#define FULL 1460 /* payload of an IPv4 packet of 1500 octets without options */

static uint64_t count(enum counter c)
{
	return net.end[0].ctrs[c];
}

static enum counter too_big(uint32_t seq, uint16_t mtu)
{
	return tcp_too_big(&a.t, iss + 1 + seq, mtu);
}

/* n segments of len octets are queued; the last one is returned. */
static struct seg *queue(unsigned int n, uint16_t len)
{
	struct seg *s = NULL;

	while (n-- > 0) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(net_pool());
		uint8_t *to = (uint8_t *)rte_pktmbuf_append(m, len);

		for (unsigned int i = 0; i < len; i++)
			to[i] = pattern(0, a.queued + i);
		s = seg_init(m, csum_partial(to, len));
		tcp_send(&a.t, s);
		a.queued += len;
		a.total = a.queued;
	}
	tcp_output(&a.t);
	return s;
}

/* What leaves next begins at seq and carries len. */
static void took(uint32_t seq, uint16_t len)
{
	take();
	assert_int_equal(p.seq, iss + 1 + seq);
	assert_int_equal(p.payload_len, len);
}

/* Established, and n full-sized segments in flight of which nothing is heard. */
static void in_the_air(unsigned int n)
{
	begin("msw");
	queue(n, FULL);
	assert_int_equal(net_drop_all(&net), n);
	net_run(&net, 20, NULL, NULL);
}

/* --- ICMP ---------------------------------------------------------------------------------------- */

/* The router says 1400: that is sent again in pieces, one at first and then in slow start, and the
 * window stays as it is. */
static void test_believed(void **state)
{
	(void)state;
	in_the_air(10);
	a.t.sndq.head->rate.in_flight = FULL; /* as a control with a model has it */
	assert_int_equal(too_big(0, 1400), CTR_NONE);
	assert_int_equal(count(CTR_TCP_PMTU_ICMP), 1);
	assert_int_equal(a.t.snd_mss, 1360);
	assert_int_equal(tcp_payload_max(&a.t), 1360);
	took(0, 1360);
	nothing_sent();
	/* The other piece has left, too, and when, with the whole. */
	assert_int_equal(a.t.sndq.head->next->rate.in_flight, FULL);
	net_run(&net, 20, NULL, NULL);
	in_sack(1360, 0, NULL);
	took(1360, 100);
	took(1460, 1360);
	for (uint32_t ack = FULL; ack <= 10 * FULL; ack += FULL) {
		in_sack(ack, 0, NULL);
		while (net_take(&net, &p))
			assert_true(p.payload_len <= 1360);
	}
	assert_false(a.t.in_recovery);
	assert_null(a.t.sndq.head);
	assert_true(a.t.cwnd >= 10 * 1360); /* a recovery ends with no larger burst */
	assert_int_equal(a.t.ssthresh, UINT32_MAX);
	assert_int_equal(a.timeouts, 0);
	net_fini(&net);
}

/* A model of the path keeps the window of now, too, not one it had long ago. */
static void test_believed_with_a_model(void **state)
{
	uint32_t cwnd;

	(void)state;
	in_the_air(10);
	a.t.cc = &cc_bbr;
	a.t.cc->init(&a.t);
	bbr_of(&a.t)->prior_cwnd = 100 * FULL;
	cwnd = a.t.cwnd;
	assert_int_equal(too_big(0, 1400), CTR_NONE);
	assert_int_equal(bbr_of(&a.t)->prior_cwnd, cwnd);
	net_drop_all(&net);
	net_fini(&net);
}

/* Whatever says so of what is not in flight, of sizes that no path has, that are known or that were
 * never sent, changes nothing. */
static void test_forged(void **state)
{
	uint32_t cwnd;

	(void)state;
	in_the_air(5);
	cwnd = a.t.cwnd;
	assert_int_equal(too_big(UINT32_MAX, 1400), CTR_DROP_ICMP_SEQ);
	assert_int_equal(too_big(5 * FULL, 1400), CTR_DROP_ICMP_SEQ);
	assert_int_equal(too_big(0x80000000, 1400), CTR_DROP_ICMP_SEQ);
	assert_int_equal(too_big(0, 0), CTR_DROP_ICMP_MTU);
	assert_int_equal(too_big(0, 68), CTR_DROP_ICMP_MTU);
	assert_int_equal(too_big(0, 575), CTR_DROP_ICMP_MTU);
	assert_int_equal(too_big(0, 1500), CTR_DROP_ICMP_KNOWN);
	assert_int_equal(too_big(0, 65535), CTR_DROP_ICMP_KNOWN);
	nothing_sent();
	assert_int_equal(a.t.snd_mss, FULL);
	assert_int_equal(a.t.cwnd, cwnd);
	in_sack(5 * FULL, 0, NULL);
	assert_int_equal(too_big(4 * FULL, 1400), CTR_DROP_ICMP_SEQ);
	queue(3, 100);
	net_drop_all(&net);
	net_fini(&net);

	begin("msw");
	queue(3, 100);
	net_drop_all(&net);
	assert_int_equal(too_big(0, 1400), CTR_DROP_ICMP_MTU);
	assert_int_equal(a.t.pmtu, 1500);
	nothing_sent();
	net_fini(&net);
}

/* Lower twice, never up. */
static void test_lower_again(void **state)
{
	(void)state;
	in_the_air(4);
	assert_int_equal(too_big(0, 1400), CTR_NONE);
	took(0, 1360);
	assert_int_equal(too_big(FULL, 1400), CTR_DROP_ICMP_KNOWN);
	assert_int_equal(too_big(FULL, 1450), CTR_DROP_ICMP_KNOWN);
	nothing_sent();
	assert_int_equal(too_big(0, 600), CTR_NONE);
	assert_int_equal(a.t.snd_mss, 560);
	net_drop_all(&net);
	net_fini(&net);
}

/* RFC 5927 s7.2: such sizes have arrived. Only when nothing arrives any more it is believed. */
static void test_progress_contradicts(void **state)
{
	(void)state;
	for (unsigned int dead = 0; dead < 2; dead++) {
		in_the_air(2);
		in_sack(2 * FULL, 0, NULL);
		queue(4, FULL);
		assert_int_equal(net_drop_all(&net), 4);
		assert_int_equal(too_big(2 * FULL, 1000), CTR_NONE);
		assert_int_equal(count(CTR_TCP_PMTU_HELD), 1);
		assert_int_equal(a.t.pmtu, 1500);
		nothing_sent();
		if (!dead)
			in_sack(4 * FULL, 0, NULL);
		net_run(&net, 600, NULL, NULL);
		assert_true(a.timeouts > 0);
		assert_int_equal(a.t.pmtu, dead ? 1000 : 1500);
		assert_int_equal(count(CTR_TCP_PMTU_ICMP), dead);
		net_fini(&net);
	}
}

/* --- pieces -------------------------------------------------------------------------------------- */

/* Who else holds a segment sees it whole, and ours for as long as a piece of it waits. */
static void test_other_holder(void **state)
{
	struct seg *s;

	(void)state;
	begin("msw");
	a.end->st.ctrs[CTR_CUR_SEGS] = 0;
	s = queue(1, FULL);
	seg_hold(&a.end->st, s);
	net_drop_all(&net);
	assert_int_equal(too_big(0, 600), CTR_NONE);
	assert_int_equal(a.t.sndq.n, 3);
	assert_int_equal(a.t.sndq.bytes, FULL);
	took(0, 560);
	assert_int_equal(too_big(0, 576), CTR_NONE); /* pieces of pieces */
	assert_int_equal(a.t.sndq.bytes, FULL);
	took(0, 536);
	in_sack(1000, 0, NULL);
	net_drop_all(&net);
	assert_ptr_equal(s->tcp, &a.t);
	assert_int_equal(s->holders, 2);
	assert_int_equal(s->len, FULL);
	for (unsigned int i = 0; i < FULL; i++)
		assert_int_equal(seg_payload(s)[i], pattern(0, i));
	in_sack(FULL, 0, NULL);
	assert_null(a.t.sndq.head);
	assert_null(s->tcp);
	assert_int_equal(s->holders, 1);
	assert_int_equal(a.end->st.ctrs[CTR_CUR_SEGS], 1);
	seg_release(&a.end->st, s);
	net_fini(&net);
}

/* Without a buffer for pieces the timer tries again. */
static void test_no_buffer(void **state)
{
	struct rte_mbuf *all = NULL, *m;

	(void)state;
	in_the_air(2);
	while ((m = rte_pktmbuf_alloc(net_pool())) != NULL) {
		m->next = all;
		all = m;
	}
	assert_int_equal(too_big(0, 1400), CTR_NONE);
	assert_int_equal(a.t.sndq.n, 2);
	while ((m = all) != NULL) {
		all = m->next;
		m->next = NULL;
		rte_pktmbuf_free(m);
	}
	nothing_sent();
	net_run(&net, 300, NULL, NULL);
	took(0, 1360);
	net_fini(&net);
}

/* --- black holes --------------------------------------------------------------------------------- */

/* Until the n-th timeout; what left with it is to be taken. */
static void time_out(unsigned int n)
{
	for (unsigned int ms = 0; a.timeouts < n && ms < 100000; ms++) {
		net_drop_all(&net);
		net_run(&net, 1, NULL, NULL);
	}
	assert_int_equal(a.timeouts, n);
}

/* Large segments time out three times in a row: smaller ones, and smaller still. What gets through shows
 * that it was right; the size of before is probed first and comes back when it was not. */
static void test_black_hole(void **state)
{
	(void)state;
	for (unsigned int real = 0; real < 2; real++) {
		const uint16_t len = real ? 984 : 536;

		in_the_air(8);
		time_out(2);
		took(0, FULL);
		time_out(3);
		took(0, 984);
		assert_int_equal(count(CTR_TCP_PMTU_BLACKHOLE), 1);
		assert_int_equal(a.t.pmtu, 1024);
		if (!real) {
			time_out(4);
			took(0, 536);
			assert_int_equal(a.t.pmtu, 576);
		}
		net_drop_all(&net);
		in_sack(len, 0, NULL);
		for (uint32_t ack = FULL; ack <= 8 * FULL; ack += FULL) {
			while (net_take(&net, &p))
				assert_true(p.payload_len <= len);
			in_sack(ack, 0, NULL);
		}
		nothing_sent();
		queue(4, 500);
		net_drop_all(&net);
		in_sack(8 * FULL + 2000, 0, NULL);
		assert_int_equal(tcp_payload_max(&a.t), FULL);
		queue(1, FULL);
		queue(4, 500);
		took(8 * FULL + 2000, FULL);
		net_drop_all(&net);
		assert_int_equal(tcp_payload_max(&a.t), len);
		net_run(&net, 20, NULL, NULL);
		if (!real) {
			in_sack(9 * FULL + 2000, 0, NULL);
			assert_int_equal(a.t.pmtu, 1500);
			assert_int_equal(count(CTR_TCP_MTUP_SUCCESS), 1);
		} else {
			uint32_t from = 8 * FULL + 2000, cwnd = a.t.cwnd, lost = a.t.lost;

			in_sack(from, 1, (uint32_t[]){from + FULL, from + FULL + 2000});
			took(from, 984);
			took(from + 984, FULL - 984);
			assert_int_equal(count(CTR_TCP_MTUP_FAIL), 1);
			assert_int_equal(count(CTR_TCP_RECOVERY), 0);
			assert_int_equal(a.t.lost, lost); /* no sign of congestion */
			assert_true(a.t.cwnd >= cwnd);
			assert_int_equal(a.t.pmtu, 1024);
		}
		net_fini(&net);
	}
}

/* Small ones time out: it is not the size. Nor is it anything to us when we are told not to look. */
static void test_no_black_hole(void **state)
{
	(void)state;
	begin("msw");
	queue(3, 500);
	time_out(5);
	assert_int_equal(a.t.pmtu, 1500);
	net_fini(&net);

	begin("msw");
	net_cfg.mtu_probing = TCP_MTU_OFF;
	queue(3, FULL);
	time_out(5);
	assert_int_equal(a.t.pmtu, 1500);
	net_fini(&net);
}

/* --- the search ---------------------------------------------------------------------------------- */

/* Ten minutes after ICMP, not before, and not at all when only black holes are looked for. */
static void test_raise(void **state)
{
	(void)state;
	for (unsigned int how = TCP_MTU_BLACKHOLE; how <= TCP_MTU_ON; how++) {
		uint32_t seq = 4 * FULL;

		in_the_air(4);
		net_cfg.mtu_probing = (uint8_t)how;
		net_cfg.keepalive_ms = 0;
		assert_int_equal(too_big(0, 1400), CTR_NONE);
		in_sack(seq, 0, NULL);
		net_drop_all(&net);
		net_run(&net, 599000, NULL, NULL);
		queue(2, 1000);
		in_sack(seq += 2000, 0, NULL);
		assert_int_equal(tcp_payload_max(&a.t), 1360);
		net_drop_all(&net);
		net_run(&net, 2000, NULL, NULL);
		queue(2, 1000);
		in_sack(seq += 2000, 0, NULL);
		assert_int_equal(tcp_payload_max(&a.t), how == TCP_MTU_ON ? FULL : 1360);
		net_drop_all(&net);
		net_fini(&net);
	}
}

/* A router tells of the probe: nothing larger is probed, and its loss is none. */
static void test_probe_too_big(void **state)
{
	uint32_t seq = 4 * FULL, cwnd;
	const struct seg *s;

	(void)state;
	in_the_air(4);
	net_cfg.keepalive_ms = 0;
	assert_int_equal(too_big(0, 1400), CTR_NONE);
	in_sack(seq, 0, NULL);
	net_run(&net, 600001, NULL, NULL);
	queue(8, 1000);
	in_sack(seq += 8000, 0, NULL);
	net_drop_all(&net);
	queue(1, FULL);
	took(seq, FULL);
	queue(2, 1000);
	net_drop_all(&net);
	cwnd = a.t.cwnd;
	for (s = a.t.sndq.head; s != NULL; s = s->next)
		assert_int_equal(tcp_pmtu_of_probe(&a.t, s), s->seq == iss + 1 + seq);
	assert_true(tcp_pmtu_of_probe(
		&a.t, &(struct seg){.seq = iss + 1 + seq + 984, .len = FULL - 984}));
	assert_int_equal(too_big(seq + FULL, 1450), CTR_DROP_ICMP_KNOWN);
	assert_int_equal(too_big(seq, 1450), CTR_NONE);
	assert_int_equal(a.t.pmtu, 1400);
	assert_int_equal(a.t.search_high, 1450);
	assert_int_equal(a.t.cwnd, cwnd);
	took(seq, 1360);
	took(seq + 1360, 100);
	in_sack(seq += FULL + 2000, 0, NULL);
	net_run(&net, 60000, NULL, NULL);
	queue(2, 1000);
	in_sack(seq += 2000, 0, NULL);
	net_drop_all(&net);
	assert_int_equal(tcp_payload_max(&a.t), 1410);
	queue(1, 1410);
	took(seq, 1410);
	in_sack(seq += 1410, 0, NULL);
	assert_int_equal(a.t.pmtu, 1450);
	net_fini(&net);
}

/* --- end to end ---------------------------------------------------------------------------------- */

static bool all_received(struct net *n, void *ctx)
{
	(void)ctx;
	return n->end[1].app != NULL && n->end[1].app->received == n->end[0].app->total &&
	       n->end[0].app->received == n->end[1].app->total;
}

/* Whole and in order, whatever the path does with large packets, both ways. */
static void test_transfer(void **state)
{
	static const unsigned int mtus[] = {1300, 1493, 1280, 700};
	struct app b;

	(void)state;
	for (unsigned int i = 0; i < 32; i++) {
		bool v6 = i & 1, router = i & 2, lossy = i & 4;
		unsigned int mtu = mtus[i / 8];

		if (v6 && mtu < 1280)
			continue;
		net_init(&net, 100 + i, v6);
		app_init(&a, &net.end[0]);
		app_init(&b, &net.end[1]);
		net.end[1].listens = true;
		net.end[1].pending = &b;
		net.mtu = mtu;
		net.router = router;
		net.loss_pm = lossy ? 10 : 0;
		net.strip = !v6 && i % 16 == 0;
		a.total = b.total = 400000;
		a.fin_after = b.fin_after = true;
		app_connect(&a);
		assert_true(net_run(&net, 300000, all_received, NULL));
		assert_false(a.bad || b.bad);
		assert_in_range(a.t.pmtu, v6 ? 1280 : 576, mtu);
		assert_in_range(net.too_big, 1, lossy || !router ? 80 : 40);
		net.mtu = 0;
		net_run(&net, 130000, NULL, NULL);
		net_fini(&net);
	}
}

/* A path whose MTU falls and comes back while a connection lasts: so does what it sends. */
static void test_comes_back(void **state)
{
	struct app b;

	(void)state;
	for (unsigned int router = 0; router < 2; router++) {
		net_init(&net, 7 + router, false);
		net_cfg.keepalive_ms = 0;
		app_init(&a, &net.end[0]);
		app_init(&b, &net.end[1]);
		net.end[1].listens = true;
		net.end[1].pending = &b;
		net.router = router;
		a.total = 200000;
		app_connect(&a);
		assert_true(net_run(&net, 20000, all_received, NULL));
		net.mtu = 1300;
		a.total += 300000;
		app_pump(&a);
		assert_true(net_run(&net, 60000, all_received, NULL));
		assert_in_range(a.t.pmtu, 1024, 1300);
		net.mtu = 0;
		net_run(&net, 700000, NULL, NULL);
		a.total += 300000;
		app_pump(&a);
		assert_true(net_run(&net, 60000, all_received, NULL));
		assert_int_equal(a.t.pmtu, 1500);
		assert_false(b.bad);
		net_fini(&net);
	}
}

/* --- review ---------------------------------------------------------------------------------------- */

/* An ACK with a window (scaled by 2). */
static void in_wnd(uint32_t ack, uint32_t wnd)
{
	craft_in(&net, &(struct craft){.flags = TCPF_ACK,
				       .seq = ISS + 1,
				       .ack = iss + 1 + ack,
				       .wnd = (uint16_t)(wnd >> 2)});
}

/* A window smaller than a segment, larger than the path: what it takes of the segment is too big, too. No
 * retransmission timer runs, for the segment counts as unsent. */
static void test_part_too_big(void **state)
{
	uint32_t una = 0;

	(void)state;
	for (unsigned int router = 0; router < 2; router++) {
		begin("msw");
		net_cfg.keepalive_ms = 0;
		una = 0;
		in_wnd(0, 1400);
		a.t.max_wnd = 1400; /* a peer that never had more */
		queue(1, FULL);
		for (unsigned int ms = 0;
		     ms < 600000 && una < FULL && a.t.state == TCPS_ESTABLISHED; ms++) {
			uint32_t before = una;

			while (net_take(&net, &p)) {
				uint32_t seq = p.seq - iss - 1;

				if (p.payload_len > 1260) {
					if (router)
						too_big(seq, 1300);
					continue;
				}
				if (seq <= una && una < seq + p.payload_len)
					una = seq + p.payload_len;
			}
			if (una != before)
				in_wnd(una, 1400);
			net_run(&net, 1, NULL, NULL);
		}
		assert_int_equal(una, FULL);
		net_fini(&net);
	}
}

/* ICMP in the middle of another recovery: what goes again begins in slow start there, too, and that it was
 * too big is no second sign of congestion. */
static void test_told_in_recovery(void **state)
{
	uint32_t ack = 0, octets = 0;

	(void)state;
	begin("msw");
	while (ack < 100 * 1300) {
		queue(10, 1300);
		net_run(&net, 20, NULL, NULL);
		net_drop_all(&net);
		in_sack(ack += 13000, 0, NULL);
	}
	queue(1, 500);
	queue(4, 500);
	queue(30, FULL);
	net_run(&net, 20, NULL, NULL);
	net_drop_all(&net);
	in_sack(ack, 1, (uint32_t[]){ack + 500, ack + 2500}); /* the first small one is lost */
	assert_true(a.t.in_recovery);
	net_drop_all(&net);
	assert_true(tcp_flight(&a.t) > 15 * FULL);
	assert_int_equal(too_big(ack + 2500, 1400), CTR_NONE);
	while (net_take(&net, &p))
		octets += p.payload_len;
	assert_true(octets <= 2 * 1360);
	net_run(&net, 20, NULL, NULL);
	in_sack(a.t.snd_max - iss - 1, 0, NULL);
	assert_int_equal(count(CTR_TCP_RECOVERY), 1);
	net_drop_all(&net);
	net_fini(&net);
}

/* The path narrows twice: the second time nothing bursts, and what had left behind the first is no sign of
 * congestion. */
static void test_told_twice(void **state)
{
	unsigned int n = 0;
	uint32_t ack;

	(void)state;
	in_the_air(10);
	assert_int_equal(too_big(0, 1400), CTR_NONE);
	net_run(&net, 20, NULL, NULL);
	/* slow start brings the window back; small ones only teach len_acked */
	for (ack = FULL; ack < 10 * FULL; ack += FULL)
		in_sack(ack, 0, NULL);
	a.t.len_acked = 500;
	queue(20, 1360);
	net_drop_all(&net);
	assert_true(a.t.in_recovery);
	assert_int_equal(too_big(ack - FULL, 1300), CTR_NONE);
	while (net_take(&net, &p))
		n++;
	net_run(&net, 20, NULL, NULL);
	in_sack(10 * FULL, 0, NULL);
	assert_int_equal(count(CTR_TCP_RECOVERY), 0);
	assert_in_range(n, 1, 2);
	net_fini(&net);
}

/* What the reordering timer finds lost meanwhile is congestion as well. */
static void test_congested_by_timer(void **state)
{
	uint32_t tail;

	(void)state;
	in_the_air(10);
	assert_int_equal(too_big(0, 1400), CTR_NONE);
	net_run(&net, 20, NULL, NULL);
	for (uint32_t ack = FULL; ack <= 3 * FULL; ack += FULL) {
		in_sack(ack, 0, NULL);
		net_run(&net, 20, NULL, NULL);
	}
	net_drop_all(&net);
	assert_true(a.t.pmtu_recovery && a.t.flight_head != a.t.flight_tail);
	a.t.reo_seen = true;
	for (struct seg *s = a.t.flight_head; s != NULL; s = s->tx_next)
		s->tx_us = a.t.flight_tail->tx_us; /* as if all had left at once */
	tail = a.t.flight_tail->seq - iss - 1;
	in_sack(3 * FULL, 1, (uint32_t[]){tail, tail + a.t.flight_tail->len});
	assert_true(a.t.pmtu_recovery);
	assert_true(a.t.deadline_ms[TCPD_REO] != 0);
	net_run(&net, 30, NULL, NULL);
	assert_int_equal(a.t.deadline_ms[TCPD_REO], 0);
	assert_false(a.t.pmtu_recovery);
	assert_true(a.t.ssthresh < 10 * FULL);
	net_fini(&net);
}

/* How many mbufs one connection costs when the MTU goes down octet by octet. */
static void test_crumbs(void **state)
{
	unsigned int sent = 0;

	(void)state;
	in_the_air(10);
	for (uint16_t mtu = 1499; mtu >= 576; mtu--) {
		too_big(0, mtu);
		sent += net_drop_all(&net);
	}
	assert_in_range(a.t.sndq.n, 10, 200);
	assert_in_range(sent, 1, 200);
	net_fini(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_believed_with_a_model),
		cmocka_unit_test(test_believed),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_lower_again),
		cmocka_unit_test(test_progress_contradicts),
		cmocka_unit_test(test_other_holder),
		cmocka_unit_test(test_no_buffer),
		cmocka_unit_test(test_black_hole),
		cmocka_unit_test(test_no_black_hole),
		cmocka_unit_test(test_raise),
		cmocka_unit_test(test_probe_too_big),
		cmocka_unit_test(test_part_too_big),
		cmocka_unit_test(test_told_in_recovery),
		cmocka_unit_test(test_told_twice),
		cmocka_unit_test(test_congested_by_timer),
		cmocka_unit_test(test_crumbs),
		cmocka_unit_test(test_transfer),
		cmocka_unit_test(test_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
