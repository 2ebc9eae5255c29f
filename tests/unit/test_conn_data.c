/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Mappings, the shared window, DATA_ACK and the orders of closing (RFC 8684 s3.3): the connection
 * layer against a scripted peer.
 */
#include "test_conn_net.h"

/* --- mappings --------------------------------------------------------------------------------------- */

static void dsn_32(void **state)
{
	struct world *w = *state;
	struct opt_buf o;
	uint8_t b[100];
	struct sent *s;

	open_mptcp(w, MPC_FLAG_H);
	fill(b, 0, 100);
	put_dss(w, &o, DSS_FLAG_MAP | DSS_FLAG_ACK, in_dsn(w, 0), 1, 100, NULL, 0);
	say(w, 0, TCPF_ACK, &o, b, 100);
	assert_int_equal(rx_wrong(w, 0, 100), 0);
	s = find(w, MP_DSS);
	if (s->p.mp.dss.flags & DSS_FLAG_ACK8)
		assert_true(s->p.mp.dss.data_ack == in_dsn(w, 100));
	else
		assert_int_equal(s->p.mp.dss.data_ack, (uint32_t)in_dsn(w, 100));
	user_send(w, 1000);
	put_dss(w, &o, DSS_FLAG_ACK, 0, 0, 0, NULL, 0);
	say(w, 0, TCPF_ACK, &o, NULL, 0);
	assert_int_equal(conn_snd_queued(w->c).octets, 0);
	/* Eight octets in, eight octets out. */
	forget(w);
	data(w, 0, 100, 100);
	s = find(w, MP_DSS);
	assert_int_equal(s->p.mp.dss.flags & ACK64, ACK64);
}

static void map_spans(struct world *w, uint8_t flags)
{
	struct opt_buf o;
	uint8_t b[1000];

	open_mptcp(w, flags);
	fill(b, 0, 1000);
	put_dss(w, &o, MAP64, in_dsn(w, 0), 1, 1000, b, 1000);
	say(w, 0, TCPF_ACK, &o, b, 333);
	say(w, 0, TCPF_ACK, NULL, b + 333, 333);
	say(w, 0, TCPF_ACK, NULL, b + 666, 334);
	assert_int_equal(w->rx_len, 1000);
	assert_int_equal(rx_wrong(w, 0, 1000), 0);
	assert_int_equal(acked_off(w), 1000);
}

static void map_spans_packets(void **state)
{
	map_spans(*state, MPC_FLAG_H);
}

static void map_spans_packets_csum(void **state)
{
	map_spans(*state, MPC_FLAG_H | MPC_FLAG_A);
}

/* One packet, two mappings: the second comes with the next packet. */
static void map_ends_inside(struct world *w, uint8_t flags)
{
	struct opt_buf o;
	uint8_t b[1000];

	open_mptcp(w, flags);
	fill(b, 0, 1000);
	put_dss(w, &o, MAP64, in_dsn(w, 0), 1, 301, b, 301);
	say(w, 0, TCPF_ACK, &o, b, 500);
	assert_int_equal(w->rx_len, 301);
	put_dss(w, &o, MAP64, in_dsn(w, 301), 302, 699, b + 301, 699);
	say(w, 0, TCPF_ACK, &o, b + 500, 500);
	assert_int_equal(w->rx_len, 1000);
	assert_int_equal(rx_wrong(w, 0, 1000), 0);
}

static void map_splits_packet(void **state)
{
	map_ends_inside(*state, MPC_FLAG_H);
}

static void map_splits_packet_csum(void **state)
{
	map_ends_inside(*state, MPC_FLAG_H | MPC_FLAG_A);
}

static void map_comes_first(void **state)
{
	struct world *w = *state;
	struct opt_buf o;
	uint8_t b[100];

	open_mptcp(w, MPC_FLAG_H);
	fill(b, 0, 100);
	put_dss(w, &o, MAP64, in_dsn(w, 0), 1, 100, b, 100);
	say(w, 0, TCPF_ACK, &o, NULL, 0);
	say(w, 0, TCPF_ACK, NULL, b, 100);
	assert_int_equal(rx_wrong(w, 0, 100), 0);
}

static void map_comes_later(void **state)
{
	struct world *w = *state;
	struct opt_buf o;
	uint8_t b[300];

	open_mptcp(w, MPC_FLAG_H);
	data(w, 0, 0, 100);
	fill(b, 100, 300);
	say(w, 0, TCPF_ACK, NULL, b, 100);
	assert_int_equal(w->rx_len, 100);
	put_dss(w, &o, MAP64, in_dsn(w, 100), 101, 300, NULL, 0);
	say(w, 0, TCPF_ACK, &o, b + 100, 200);
	assert_int_equal(w->rx_len, 400);
	assert_int_equal(rx_wrong(w, 0, 400), 0);
}

static void unmapped_is_bounded(void **state)
{
	struct world *w = *state;
	uint8_t b[1000] = {0};

	open_mptcp(w, MPC_FLAG_H);
	data(w, 0, 0, 100);
	join(w, 1);
	for (unsigned int i = 0; i < 200 && ctr(w, CTR_TCP_OUT_RSTS) == 0; i++)
		say(w, 1, TCPF_ACK, NULL, b, sizeof(b));
	want_rst(w, 1, MP_RST_MIDDLEBOX);
	assert_true(ctr(w, CTR_CUR_SEGS) == 0);
	assert_int_equal(w->c->n_subflows, 1);
	assert_int_equal(w->rx_len, 100);
}

/* The subflow that has them lives on for its FIN, and what comes after them is dropped. */
static void unmapped_at_the_end(void **state)
{
	struct world *w = *state;
	uint8_t b[1000] = {0};

	open_mptcp(w, MPC_FLAG_H);
	data(w, 0, 0, 100);
	join(w, 1);
	for (unsigned int i = 0; i < 10; i++)
		say(w, 1, TCPF_ACK, NULL, b, sizeof(b));
	assert_int_equal(world_kept(), 10);
	conn_shutdown(w->c);
	w->dack++;
	data_fin(w, 0, 100);
	closed_with(w, CONN_END_DONE);
	say(w, 1, TCPF_ACK, NULL, b, sizeof(b));
	for (unsigned int i = 0; i < 2; i++)
		say(w, i, TCPF_ACK | TCPF_FIN, NULL, NULL, 0);
	assert_int_equal(world_kept(), 0);
	assert_int_equal(ctr(w, CTR_CUR_SUBFLOWS), 2);
}

static void map_twice(void **state)
{
	struct world *w = *state;
	uint32_t seq;

	open_mptcp(w, MPC_FLAG_H);
	seq = w->path[0].seq;
	data(w, 0, 0, 100);
	w->path[0].seq = seq;
	data(w, 0, 0, 100);
	/* The same octets again under new subflow numbers. */
	data(w, 0, 0, 100);
	data(w, 0, 50, 100);
	assert_int_equal(w->rx_len, 150);
	assert_int_equal(rx_wrong(w, 0, 150), 0);
	assert_int_equal(acked_off(w), 150);
}

/* Of octets received twice the first ones count, delivered or not. */
static void first_octets_win(void **state)
{
	struct world *w = *state;
	struct opt_buf o;
	uint8_t bad[1000];

	memset(bad, 0xbd, sizeof(bad));
	open_mptcp(w, MPC_FLAG_H);
	join(w, 1);
	data(w, 1, 100, 100);
	data(w, 1, 300, 100);
	data(w, 1, 500, 100);
	/* All of it from 50, other octets. */
	put_dss(w, &o, MAP64, in_dsn(w, 50), ssn_of(w, 1), 600, NULL, 0);
	say(w, 1, TCPF_ACK, &o, bad, 600);
	assert_int_equal(w->rx_len, 0);
	data(w, 0, 0, 50);
	assert_int_equal(w->rx_len, 650);
	assert_int_equal(rx_wrong(w, 100, 100), 0);
	assert_int_equal(rx_wrong(w, 300, 100), 0);
	assert_int_equal(rx_wrong(w, 500, 100), 0);
	assert_int_equal(w->rx[50], 0xbd);
	assert_int_equal(w->rx[299], 0xbd);
	assert_int_equal(w->rx[499], 0xbd);
	assert_int_equal(w->rx[649], 0xbd);
}

static void out_of_order(void **state)
{
	struct world *w = *state;

	open_mptcp(w, MPC_FLAG_H);
	join(w, 1);
	join(w, 2);
	/* Path 0 brings the odd hundreds, 1 the even ones backwards. */
	for (uint32_t k = 1; k < 40; k += 2)
		data(w, 0, k * 100, 100);
	for (uint32_t k = 38; k > 0; k -= 2)
		data(w, 1, k * 100, 100);
	data(w, 2, 4150, 100);
	assert_int_equal(w->rx_len, 0);
	assert_int_equal(acked_off(w), 0);
	data(w, 2, 0, 100);
	assert_int_equal(w->rx_len, 4000);
	data(w, 1, 3990, 200);
	assert_int_equal(w->rx_len, 4250);
	assert_int_equal(rx_wrong(w, 0, 4250), 0);
	world_wait(w, 50); /* a delayed ACK */
	assert_int_equal(acked_off(w), 4250);
	assert_null(w->c->ofo.head);
}

/* A gap near the front of a long queue is filled by the subflow that brought its end: no octet that the
 * subflow has acknowledged may get lost on the way to its place. */
static void gap_far_from_the_last(void **state)
{
	struct world *w = *state;

	open_mptcp(w, MPC_FLAG_H);
	w->space = 1 << 20;
	data(w, 0, 0, 100);
	for (uint32_t k = 3; k < 700; k++)
		data(w, 0, k * 100, 100);
	data(w, 0, 200, 100);
	assert_int_equal(ctr(w, CTR_DROP_TCP_OFO_LIMIT), 0);
	data(w, 0, 100, 100);
	assert_int_equal(w->rx_len, 70000);
	assert_int_equal(rx_wrong(w, 0, 70000), 0);
}

static void beyond_window(void **state)
{
	struct world *w = *state;

	open_mptcp(w, MPC_FLAG_H);
	join(w, 1);
	data(w, 1, 10000000, 100);
	data(w, 1, 0x7fffff00, 100);
	assert_null(w->c->ofo.head);
	/* Old numbers. */
	data(w, 1, (uint32_t)-1000, 100);
	assert_int_equal(w->rx_len, 0);
	data(w, 1, 0, 100);
	assert_int_equal(rx_wrong(w, 0, 100), 0);
}

/* Several paths, one window: together they cannot deliver much more than one of them may. */
static void window_is_shared(void **state)
{
	struct world *w = *state;
	uint32_t off = 0;

	w->space = 20000;
	open_mptcp(w, MPC_FLAG_H);
	for (unsigned int i = 1; i < 4; i++)
		join(w, i);
	w->space = 0;
	for (unsigned int i = 0; i < 4; i++)
		for (unsigned int k = 0; k < 60; k++, off += 1000)
			data(w, i, off, 1000);
	assert_true(w->rx_len < 3 * 65536);
}

static void window_edge(struct world *w, uint64_t *edge, uint8_t shift)
{
	struct sent *s;

	while ((s = find(w, MP_DSS)) != NULL) {
		uint64_t e = s->p.mp.dss.data_ack + ((uint32_t)s->p.wnd << shift);

		assert_true((int64_t)(e - *edge) >= 0);
		*edge = e;
	}
	forget(w);
}

static void window_never_moves_left(void **state)
{
	struct world *w = *state;
	uint8_t shift = w->cfg.rcv_wscale;
	uint64_t edge;
	uint32_t off = 0;

	w->space = 100000;
	open_mptcp(w, MPC_FLAG_H);
	data(w, 0, 0, 100);
	off = 100;
	edge = in_dsn(w, 0);
	window_edge(w, &edge, shift);
	for (unsigned int k = 0; k < 60; k++, off += 1399) {
		w->space = w->space > 5000 ? w->space - 5000 : 0;
		data(w, 0, off, 1399);
		window_edge(w, &edge, shift);
	}
	/* Room again. */
	assert_int_equal(w->rx_len, off);
	w->space = 100000;
	conn_window_update(w->c);
	stack_end_burst(&w->st);
	assert_true(w->n_sent > 0);
	window_edge(w, &edge, shift);
}

/* Rounding to the window scale must not feed a peer of single octets for ever. */
static void window_creeps_no_further(void **state)
{
	struct world *w = *state;

	w->space = 4096;
	open_mptcp(w, MPC_FLAG_H);
	data(w, 0, 0, 100);
	w->space = 0;
	for (uint32_t off = 100; off < 400000; off++) {
		data(w, 0, off, 1);
		forget(w);
		if (off % 1000 == 0)
			world_wait(w, 1);
	}
	assert_true(w->rx_len < 3 * 65536);
}

/* The window that a segment of old data is answered with. */
static uint32_t window_now(struct world *w)
{
	uint32_t seq = w->path[0].seq;
	struct sent *s;

	forget(w);
	w->path[0].seq = w->path[0].iss + 1;
	data(w, 0, 0, 100);
	w->path[0].seq = seq;
	s = want(w, 0);
	assert_int_equal(s->p.ack, seq);
	forget(w);
	return (uint32_t)s->p.wnd << w->cfg.rcv_wscale;
}

/* A closed window opens by a segment or not at all, whatever is asked or told meanwhile. */
static void window_is_not_silly(void **state)
{
	struct world *w = *state;
	uint32_t wnd;

	w->space = 20000;
	open_mptcp(w, MPC_FLAG_H);
	data(w, 0, 0, 1399);
	w->space = 0;
	while ((wnd = window_now(w)) > 0)
		data(w, 0, w->rx_len, wnd < 1399 ? (uint16_t)wnd : 1399);
	assert_true(w->rx_len > 65535 - 1399);
	for (w->space = 100; w->space < 1536; w->space += 100) {
		conn_window_update(w->c);
		stack_end_burst(&w->st);
		assert_null(next(w));
		assert_int_equal(window_now(w), 0);
	}
	w->space = 1536; /* a multiple of the scale */
	conn_window_update(w->c);
	stack_end_burst(&w->st);
	assert_int_equal(want(w, 0)->p.wnd, 3);
	assert_int_equal(window_now(w), 1536);
	w->space = 2560; /* no segment more */
	conn_window_update(w->c);
	stack_end_burst(&w->st);
	assert_null(next(w));
	assert_int_equal(window_now(w), 1536);
	w->space = 3072;
	assert_int_equal(window_now(w), 3072);
}

/* --- DATA_FIN ---------------------------------------------------------------------------------------- */

static void peer_closes_first(void **state)
{
	struct world *w = *state;
	struct sent *s;

	open_mptcp(w, MPC_FLAG_H);
	data(w, 0, 0, 100);
	forget(w);
	data_fin(w, 0, 100);
	assert_int_equal(w->fins, 1);
	assert_int_equal(w->c->state, CONN_CLOSE_WAIT);
	assert_int_equal(acked_off(w), 101);
	/* Half-closed: we go on. */
	user_send(w, 5000);
	ack(w, 0);
	assert_int_equal(conn_snd_queued(w->c).octets, 0);
	forget(w);
	conn_shutdown(w->c);
	s = want(w, 0);
	assert_true(s->p.mp.dss.flags & DSS_FLAG_FIN);
	assert_true(s->p.mp.dss.dsn == out_dsn(w, 5000));
	assert_int_equal(s->p.mp.dss.ssn, 0);
	assert_int_equal(s->p.mp.dss.data_len, 1);
	assert_int_equal(w->closed, 0);
	w->dack++;
	ack(w, 0);
	closed_with(w, CONN_END_DONE);
	assert_non_null(find_flag(w, TCPF_FIN));
	/* Its DATA_FIN again, its FIN. */
	forget(w);
	data_fin(w, 0, 100);
	assert_int_equal(acked_off(w), 101);
	say(w, 0, TCPF_ACK | TCPF_FIN, NULL, NULL, 0);
	assert_int_equal(w->mp.tokens.used, 0);
}

static void we_close_first(void **state)
{
	struct world *w = *state;

	open_mptcp(w, MPC_FLAG_H);
	join(w, 1);
	user_send(w, 1000);
	conn_shutdown(w->c);
	assert_int_equal(w->c->state, CONN_FIN_WAIT_1);
	w->dack++;
	ack(w, 0);
	assert_int_equal(w->c->state, CONN_FIN_WAIT_2);
	data(w, 1, 0, 500);
	data_fin(w, 1, 500);
	assert_int_equal(rx_wrong(w, 0, 500), 0);
	assert_int_equal(w->fins, 1);
	closed_with(w, CONN_END_DONE);
	/* FIN on every path. */
	forget(w);
	world_wait(w, 1);
	for (unsigned int i = 0; i < 2; i++)
		say(w, i, TCPF_ACK | TCPF_FIN, NULL, NULL, 0);
	for (unsigned int i = 0; i < 2; i++)
		say(w, i, TCPF_ACK, NULL, NULL, 0);
	assert_int_equal(ctr(w, CTR_CUR_TIME_WAIT), 2);
}

static void fins_on_all_paths(void **state)
{
	struct world *w = *state;
	unsigned int fins = 0;

	open_mptcp(w, MPC_FLAG_H);
	join(w, 1);
	join(w, 2);
	conn_shutdown(w->c);
	forget(w);
	w->dack++;
	data_fin(w, 0, 0);
	closed_with(w, CONN_END_DONE);
	while (find_flag(w, TCPF_FIN) != NULL)
		fins++;
	assert_int_equal(fins, 3);
}

static void both_close(void **state)
{
	struct world *w = *state;
	struct opt_buf o;

	open_mptcp(w, MPC_FLAG_H);
	conn_shutdown(w->c);
	put_dss(w, &o, MAP64 | ACK64 | DSS_FLAG_FIN, in_dsn(w, 0), 0, 1, NULL, 0);
	say(w, 0, TCPF_ACK, &o, NULL, 0); /* ours not acknowledged yet */
	assert_int_equal(w->c->state, CONN_CLOSING);
	assert_int_equal(w->fins, 1);
	w->dack++;
	ack(w, 0);
	closed_with(w, CONN_END_DONE);
}

static void data_fin_with_data(void **state)
{
	struct world *w = *state;
	struct opt_buf o;
	uint8_t b[100];

	open_mptcp(w, w->params.checksum ? MPC_FLAG_H | MPC_FLAG_A : MPC_FLAG_H);
	fill(b, 0, 100);
	put_dss(w, &o, MAP64 | DSS_FLAG_FIN, in_dsn(w, 0), 1, 101, b, 100);
	say(w, 0, TCPF_ACK, &o, b, 100);
	assert_int_equal(rx_wrong(w, 0, 100), 0);
	assert_int_equal(w->fins, 1);
	assert_int_equal(acked_off(w), 101);
}

static void data_fin_with_data_csum(void **state)
{
	((struct world *)*state)->params.checksum = true;
	data_fin_with_data(state);
}

static void data_fin_early(void **state)
{
	struct world *w = *state;

	open_mptcp(w, MPC_FLAG_H);
	join(w, 1);
	data(w, 0, 0, 100);
	data_fin(w, 0, 300);
	assert_int_equal(w->fins, 0);
	data(w, 1, 200, 100);
	assert_int_equal(acked_off(w), 100);
	data(w, 1, 100, 100);
	assert_int_equal(rx_wrong(w, 0, 300), 0);
	assert_int_equal(w->fins, 1);
	assert_int_equal(acked_off(w), 301);
}

static void data_after_data_fin(void **state)
{
	struct world *w = *state;

	open_mptcp(w, MPC_FLAG_H);
	data(w, 0, 200, 100);
	data_fin(w, 0, 100);
	data(w, 0, 0, 200);
	assert_int_equal(w->rx_len, 100);
	assert_int_equal(w->fins, 1);
	data(w, 0, 101, 100);
	data(w, 0, 300, 100);
	assert_int_equal(w->rx_len, 100);
	data_fin(w, 0, 201);
	assert_int_equal(w->fins, 1);
}

/* All data is here already when a path that sends it again brings the DATA_FIN with it. */
static void data_fin_on_old_data(void **state)
{
	struct world *w = *state;
	struct opt_buf o;
	uint8_t b[100];

	open_mptcp(w, w->params.checksum ? MPC_FLAG_H | MPC_FLAG_A : MPC_FLAG_H);
	data(w, 0, 0, 100);
	join(w, 1);
	forget(w);
	fill(b, 0, 100);
	put_dss(w, &o, MAP64 | ACK64 | DSS_FLAG_FIN, in_dsn(w, 0), ssn_of(w, 1), 101, b, 100);
	say(w, 1, TCPF_ACK, &o, b, 100);
	assert_int_equal(w->fins, 1);
	assert_int_equal(w->rx_len, 100);
	assert_int_equal(acked_off(w), 101);
	/* Our DATA_ACK was lost: again, alone and with the data. */
	for (unsigned int i = 0; i < 2; i++) {
		forget(w);
		data_fin(w, i, 100);
		assert_int_equal(acked_off(w), 101);
		forget(w);
		put_dss(w, &o, MAP64 | DSS_FLAG_FIN, in_dsn(w, 0), ssn_of(w, i), 101, b, 100);
		say(w, i, TCPF_ACK, &o, b, 100);
		assert_int_equal(acked_off(w), 101);
	}
	assert_int_equal(w->fins, 1);
	assert_int_equal(w->rx_len, 100);
	conn_shutdown(w->c);
	w->dack++;
	ack(w, 1);
	closed_with(w, CONN_END_DONE);
}

static void data_fin_on_old_data_csum(void **state)
{
	((struct world *)*state)->params.checksum = true;
	data_fin_on_old_data(state);
}

/* In parts: the end of the mapping is new, its beginning is not; and another path fills the gap. */
static void data_fin_on_half_old_data(void **state)
{
	struct world *w = *state;
	struct opt_buf o;
	uint8_t b[100];

	open_mptcp(w, MPC_FLAG_H);
	data(w, 0, 0, 100);
	join(w, 1);
	data(w, 1, 250, 50);
	forget(w);
	fill(b, 200, 100);
	put_dss(w, &o, MAP64 | DSS_FLAG_FIN, in_dsn(w, 200), ssn_of(w, 1), 101, b, 100);
	say(w, 1, TCPF_ACK, &o, b, 100);
	assert_int_equal(w->fins, 0);
	assert_int_equal(acked_off(w), 100);
	data(w, 0, 100, 100);
	assert_int_equal(rx_wrong(w, 0, 300), 0);
	assert_int_equal(w->fins, 1);
	assert_int_equal(acked_off(w), 301);
}

/* A client that has asked closes everything with one segment, TCP's direction too; len: with the end of
 * what it asks in it. */
static void fin_beside_data_fin(struct world *w, uint16_t len)
{
	struct opt_buf o;
	uint8_t b[100];

	open_mptcp(w, MPC_FLAG_H);
	data(w, 0, 0, 100);
	forget(w);
	fill(b, 100, len);
	put_dss(w, &o, MAP64 | ACK64 | DSS_FLAG_FIN, in_dsn(w, 100), len > 0 ? ssn_of(w, 0) : 0,
		len + 1, b, len);
	say(w, 0, TCPF_ACK | TCPF_FIN, &o, b, len);
	assert_int_equal(rx_wrong(w, 0, 100u + len), 0);
	assert_int_equal(w->fins, 1);
	assert_int_equal(w->c->state, CONN_CLOSE_WAIT);
	assert_int_equal(acked_off(w), 101 + len);
	/* The answer, more than goes out at once. */
	world_wait(w, 100);
	user_send(w, 50000);
	for (unsigned int k = 0; k < 20 && conn_snd_queued(w->c).octets > 0; k++) {
		world_wait(w, 10);
		ack(w, 0);
	}
	assert_int_equal(conn_snd_queued(w->c).octets, 0);
	assert_true(w->dack == out_dsn(w, 50000));
	w->at = 0;
	assert_null(find_flag(w, TCPF_FIN)); /* not before its DATA_FIN is acknowledged */
	forget(w);
	conn_shutdown(w->c);
	assert_int_equal(w->c->state, CONN_LAST_ACK);
	assert_true(want(w, 0)->p.mp.dss.flags & DSS_FLAG_FIN);
	assert_null(next(w));
	w->dack++;
	ack(w, 0);
	closed_with(w, CONN_END_DONE);
	assert_non_null(find_flag(w, TCPF_FIN));
	say(w, 0, TCPF_ACK, NULL, NULL, 0);
	assert_int_equal(pool_used(&w->mp.conns), 0);
	assert_int_equal(ctr(w, CTR_CUR_TIME_WAIT), 0); /* the peer's */
	assert_int_equal(ctr(w, CTR_TCP_OUT_RSTS), 0);
}

static void data_fin_and_fin(void **state)
{
	fin_beside_data_fin(*state, 0);
}

static void data_fin_and_fin_and_data(void **state)
{
	fin_beside_data_fin(*state, 100);
}

static void data_fin_32(void **state)
{
	struct world *w = *state;
	struct opt_buf o;

	open_mptcp(w, MPC_FLAG_H);
	put_dss(w, &o, DSS_FLAG_MAP | DSS_FLAG_FIN, in_dsn(w, 0), 0, 1, NULL, 0);
	say(w, 0, TCPF_ACK, &o, NULL, 0);
	assert_int_equal(w->fins, 1);
}

static void our_data_fin_is_repeated(void **state)
{
	struct world *w = *state;
	struct sent *s;

	open_mptcp(w, MPC_FLAG_H);
	ack(w, 0);
	conn_shutdown(w->c);
	forget(w);
	world_wait(w, 5000);
	s = find(w, MP_DSS);
	assert_non_null(s);
	assert_true(s->p.mp.dss.flags & DSS_FLAG_FIN);
	assert_true(w->n_sent >= 2 && w->n_sent < 10);
	w->c->rtx_tries = 11;
	world_wait(w, 400000);
	closed_with(w, CONN_END_TIMEOUT);
}

static void plain_closes(void **state)
{
	struct world *w = *state;
	uint8_t b[100];

	open_plain(w);
	fill(b, 0, 100);
	say(w, 0, TCPF_ACK | TCPF_FIN, NULL, b, 100);
	assert_int_equal(rx_wrong(w, 0, 100), 0);
	assert_int_equal(w->fins, 1);
	user_send(w, 2000);
	say(w, 0, TCPF_ACK, NULL, NULL, 0);
	assert_int_equal(conn_snd_queued(w->c).octets, 0);
	forget(w);
	conn_shutdown(w->c);
	assert_non_null(find_flag(w, TCPF_FIN)); /* at once, not with the next event */
	say(w, 0, TCPF_ACK, NULL, NULL, 0);
	closed_with(w, CONN_END_DONE);
	assert_int_equal(pool_used(&w->mp.conns), 0);
}

static void plain_reset(void **state)
{
	struct world *w = *state;

	open_plain(w);
	user_send(w, 2000);
	say(w, 0, TCPF_RST, NULL, NULL, 0);
	closed_with(w, CONN_END_RESET);
}

/* --- DATA_ACK ----------------------------------------------------------------------------------------- */

static void data_ack_of_nothing(void **state)
{
	struct world *w = *state;
	uint64_t dack;

	open_mptcp(w, MPC_FLAG_H);
	user_send(w, 1000);
	dack = w->dack;
	w->dack += 1000000;
	ack(w, 0);
	assert_int_equal(conn_snd_queued(w->c).octets, 1000);
	assert_int_equal(ctr(w, CTR_MP_DATA_ACK_BAD), 1);
	w->dack = dack - 5000;
	ack(w, 0);
	assert_int_equal(conn_snd_queued(w->c).octets, 1000);
	w->dack = dack;
	ack(w, 0);
	assert_int_equal(conn_snd_queued(w->c).octets, 0);
}

static void data_ack_in_parts(void **state)
{
	struct world *w = *state;
	uint64_t dack;

	open_mptcp(w, MPC_FLAG_H);
	user_send(w, 2800);
	dack = w->dack;
	w->dack = dack - 2800 + 700;
	ack(w, 0);
	assert_int_equal(conn_snd_queued(w->c).octets, 2800);
	w->acked = 0;
	w->dack = dack - 1400;
	ack(w, 0);
	assert_int_equal(conn_snd_queued(w->c).octets, 1400);
	assert_int_equal(w->acked, 1);
	w->dack = dack;
	ack(w, 0);
	assert_int_equal(conn_snd_queued(w->c).octets, 0);
	assert_int_equal(ctr(w, CTR_CUR_SEGS), 0);
}

/* What TCP acknowledged is held until the data level has it too. */
static void held_until_data_ack(void **state)
{
	struct world *w = *state;
	struct sent *s;

	open_mptcp(w, MPC_FLAG_H);
	data(w, 0, 0, 10);
	user_send(w, 1000);
	w->dack -= 1000;
	forget(w);
	ack(w, 0);
	assert_int_equal(conn_snd_queued(w->c).octets, 1000);
	/* ... and sent again when that takes long, with the same number. */
	world_wait(w, 3000);
	do /* it was asked for before */
		s = find_data(w);
	while (s != NULL && s->p.payload_len == 1);
	assert_non_null(s);
	assert_true(s->p.mp.dss.dsn == out_dsn(w, 0));
	assert_int_equal(s->p.mp.dss.ssn, 1001);
	assert_int_equal(s->p.payload_len, 1000);
	ack(w, 0);
	assert_int_equal(conn_snd_queued(w->c).octets, 0);
}

static void peer_window_holds(void **state)
{
	struct world *w = *state;
	uint32_t sent = 0;

	w->path[0].wnd = 40; /* << 7: 5120 octets */
	open_mptcp(w, MPC_FLAG_H);
	ack(w, 0);
	join(w, 1);
	user_send(w, 50000);
	for (struct sent *s; (s = find_data(w)) != NULL;)
		sent += s->p.payload_len;
	assert_true(sent > 0);
	assert_true((int64_t)(w->c->snd_nxt - w->c->snd_wnd_end) <= 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(dsn_32),
		T(map_spans_packets),
		T(map_spans_packets_csum),
		T(map_splits_packet),
		T(map_splits_packet_csum),
		T(map_comes_first),
		T(map_comes_later),
		T(unmapped_is_bounded),
		T(unmapped_at_the_end),
		T(map_twice),
		T(first_octets_win),
		T(out_of_order),
		T(gap_far_from_the_last),
		T(beyond_window),
		T(window_is_shared),
		T(window_never_moves_left),
		T(window_creeps_no_further),
		T(window_is_not_silly),
		T(peer_closes_first),
		T(we_close_first),
		T(fins_on_all_paths),
		T(both_close),
		T(data_fin_with_data),
		T(data_fin_with_data_csum),
		T(data_fin_early),
		T(data_after_data_fin),
		T(data_fin_on_old_data),
		T(data_fin_on_old_data_csum),
		T(data_fin_on_half_old_data),
		T(data_fin_and_fin),
		T(data_fin_and_fin_and_data),
		T(data_fin_32),
		T(our_data_fin_is_repeated),
		T(plain_closes),
		T(plain_reset),
		T(data_ack_of_nothing),
		T(data_ack_in_parts),
		T(held_until_data_ack),
		T(peer_window_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
