/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which path is chosen, when the user hears of room, and how a DATA_ACK that is late is asked for.
 */
#include "test_conn_net.h"

static struct tcp *tcp_of_path(struct world *w, unsigned int i)
{
	struct subflow *sf;

	CONN_FOREACH_SUBFLOW (sf, w->c) {
		if (sf->tcp.key.remote_port == w->path[i].key.remote_port)
			return &sf->tcp;
	}
	fail_msg("no subflow on path %u", i);
	return NULL;
}

/* What was measured while a queue stood on a path must not keep it out of use for ever. */
static void rested_path_is_tried(void **state)
{
	struct world *w = *state;
	struct tcp *t;

	open_mptcp(w, MPC_FLAG_H);
	ack(w, 0);
	join(w, 1);
	t = tcp_of_path(w, 0);
	t->min_rtt_us = t->srtt_us = 20000;
	t = tcp_of_path(w, 1);
	t->min_rtt_us = 10000;
	t->srtt_us = 100000;
	t->last_data_ms = w->st.now_ms;
	forget(w);
	/* Half of the queue's share is forgotten every half second: 100, 55, 32, 21, 16 ms. */
	world_wait(w, 2099);
	user_send(w, 1000);
	assert_int_equal(sent_on(w, 0), 1);
	ack(w, 0);
	tcp_of_path(w, 0)->srtt_us = 20000;
	forget(w);
	world_wait(w, 1);
	user_send(w, 1000);
	assert_int_equal(sent_on(w, 1), 1);
	/* In use, it is as slow as it was measured to be. */
	forget(w);
	user_send(w, 1000);
	assert_int_equal(sent_on(w, 0), 1);
	ack(w, 0);
	ack(w, 1);
	/* Between two messages is no rest. */
	t->srtt_us = 100000;
	tcp_of_path(w, 0)->srtt_us = 20000;
	forget(w);
	world_wait(w, 400);
	user_send(w, 1000);
	assert_int_equal(sent_on(w, 0), 1);
}

/* Of each path the shortest round trip, of the paths the longest; one that does not answer is none. */
static void min_rtt_of_the_paths(void **state)
{
	struct world *w = *state;
	struct subflow *sf;

	open_mptcp(w, MPC_FLAG_H);
	ack(w, 0);
	join(w, 1);
	tcp_of_path(w, 0)->min_rtt_us = 3000;
	tcp_of_path(w, 0)->srtt_us = 90000;
	tcp_of_path(w, 1)->min_rtt_us = 5000;
	tcp_of_path(w, 1)->srtt_us = 80000;
	sf = (struct subflow *)tcp_of_path(w, 1);
	assert_int_equal(conn_min_rtt_us(sf->conn), 5000);
	sf->stale = true;
	assert_int_equal(conn_min_rtt_us(sf->conn), 3000);
	sf->stale = false;
}

/* The DATA_ACK may come on one path before the ACK of another path that still holds the octets: the room
 * is there with the second of the two, and the user must hear of it. */
static void acked_on_two_paths(void **state)
{
	struct world *w = *state;
	uint32_t seq;

	open_mptcp(w, MPC_FLAG_H);
	ack(w, 0);
	join(w, 1);
	tcp_of_path(w, 0)->srtt_us = tcp_of_path(w, 0)->min_rtt_us = 1000;
	tcp_of_path(w, 1)->srtt_us = tcp_of_path(w, 1)->min_rtt_us = 2000;
	forget(w);
	user_send(w, 1000);
	assert_int_equal(sent_on(w, 0), 1);
	w->dack = out_dsn(w, 1000);
	w->acked = 0;
	ack(w, 1);
	assert_int_equal(conn_snd_queued(w->c).octets, 1000);
	w->acked = 0;
	ack(w, 0);
	assert_int_equal(conn_snd_queued(w->c).octets, 0);
	assert_int_equal(w->acked, 1);
	/* The same where the other path does not acknowledge but end. */
	w->path[0].deaf = true;
	seq = w->path[0].seq;
	user_send(w, 1000);
	w->dack = out_dsn(w, 2000);
	ack(w, 1);
	assert_int_equal(conn_snd_queued(w->c).octets, 1000);
	w->acked = 0;
	feed(w, 0, TCPF_RST | TCPF_ACK, seq, NULL, NULL, 0);
	assert_int_equal(conn_snd_queued(w->c).octets, 0);
	assert_int_equal(w->acked, 1);
}

/* The peer's TCP has all of it and its data level none: it is asked, with the last octet once more. */
static void late_data_ack_is_asked_for(void **state)
{
	struct world *w = *state;
	uint64_t una;
	struct sent *s;

	open_mptcp(w, MPC_FLAG_H);
	ack(w, 0);
	una = w->dack;
	user_send(w, 5000);
	w->dack = una;
	forget(w);
	ack(w, 0);
	assert_int_equal(conn_snd_queued(w->c).arrived, 5000);
	world_wait(w, 1);
	assert_int_equal(w->n_sent, 0);
	/* It does not answer with what is wanted: again, after twice as long each time. */
	world_wait(w, 1);
	for (unsigned int ms = 4; ms <= 256; ms *= 2) {
		s = want(w, 0);
		assert_int_equal(s->p.seq, w->path[0].irs + 5000);
		assert_int_equal(s->p.payload_len, 1);
		assert_int_equal(s->data[0], pattern(4999));
		assert_true(s->p.mp.present & MP_BIT(MP_DSS));
		assert_true(s->p.mp.dss.dsn == una + 5000 - s->p.mp.dss.data_len);
		forget(w);
		ack(w, 0);
		if (ms == 256)
			break;
		world_wait(w, ms - 1);
		assert_int_equal(w->n_sent, 0);
		world_wait(w, 1);
	}
	assert_int_equal(ctr(w, CTR_MP_DACK_PROBE), 7);
	/* Then the segments themselves. */
	world_wait(w, 200);
	assert_true(sent_on(w, 0) > 0);
	w->dack = una + 5000;
	ack(w, 0);
	assert_int_equal(conn_snd_queued(w->c).octets, 0);
	/* The count begins again, and an answer ends it. */
	user_send(w, 1000);
	w->dack = una + 5000;
	ack(w, 0);
	forget(w);
	world_wait(w, 2);
	assert_int_equal(want(w, 0)->p.payload_len, 1);
	w->dack = una + 6000;
	forget(w);
	ack(w, 0);
	world_wait(w, 1000);
	assert_int_equal(w->n_sent, 0);
}

/* What arrived behind a hole is not waiting for its DATA_ACK only. */
static void nothing_has_arrived_behind_a_hole(void **state)
{
	struct world *w = *state;
	uint64_t una;

	open_mptcp(w, MPC_FLAG_H);
	ack(w, 0);
	join(w, 1);
	ack(w, 1);
	una = w->dack;
	tcp_of_path(w, 0)->srtt_us = tcp_of_path(w, 0)->min_rtt_us = 1000;
	tcp_of_path(w, 1)->srtt_us = tcp_of_path(w, 1)->min_rtt_us = 2000;
	tcp_of_path(w, 0)->cwnd = 1400;
	forget(w);
	user_send(w, 2800);
	assert_int_equal(sent_on(w, 0), 1);
	assert_int_equal(sent_on(w, 1), 1);
	w->dack = una;
	ack(w, 1);
	assert_int_equal(conn_snd_queued(w->c).octets, 2800);
	assert_int_equal(conn_snd_queued(w->c).arrived, 0);
	ack(w, 0);
	assert_int_equal(conn_snd_queued(w->c).arrived, 2800);
}

/* As long as something is in flight its ACK will bring the DATA_ACK. */
static void data_ack_is_not_asked_for_in_flight(void **state)
{
	struct world *w = *state;
	uint64_t una;

	open_mptcp(w, MPC_FLAG_H);
	ack(w, 0);
	una = w->dack;
	user_send(w, 2800);
	w->path[0].ack = w->path[0].irs + 1 + 1400;
	w->dack = una;
	forget(w);
	ack(w, 0);
	assert_int_equal(conn_snd_queued(w->c).arrived, 1400);
	world_wait(w, 100);
	assert_int_equal(w->n_sent, 0);
}

/* From here on the peer's window is octets (of the scale 7). */
static void window_is(struct world *w, uint32_t octets)
{
	w->path[0].wnd = w->path[1].wnd = (uint16_t)(octets >> 7);
	w->c->snd_wnd_end = w->c->snd_una + octets;
	ack(w, 0);
	if (w->c->n_subflows > 1)
		ack(w, 1);
	assert_int_equal(w->c->snd_wnd_end - w->c->snd_una, octets);
}

/* The user sends octets, and both paths may carry all of it; segments that went out, with a DSN of their own. */
static unsigned int sent_of(struct world *w, uint32_t octets, uint32_t a_time)
{
	struct subflow *sf;

	CONN_FOREACH_SUBFLOW (sf, w->c)
		sf->tcp.cwnd = 1 << 20;
	forget(w);
	for (uint32_t off = 0; off < octets; off += a_time)
		user_send(w, RTE_MIN(a_time, octets - off));
	return sent_on(w, 0) + sent_on(w, 1);
}

static void all_acked(struct world *w)
{
	/* What waited goes out, and is acknowledged as well. */
	for (unsigned int i = 0; i < 8; i++) {
		w->dack = w->c->snd_nxt;
		ack(w, 0);
		if (w->c->n_subflows > 1)
			ack(w, 1);
	}
	assert_int_equal(conn_snd_queued(w->c).octets, 0);
}

/* Over several paths a part of the window stays free, and small segments take what large ones do: the peer's
 * queue behind a gap may cost it that, and it has to have room for what fills the gap. */
static void window_over_two_paths(void **state)
{
	struct world *w = *state;
	uint32_t wnd = 219 << 7, most = (wnd - wnd / 8) / 1400;

	open_mptcp(w, MPC_FLAG_H);
	ack(w, 0);
	window_is(w, wnd);
	/* A lone path's TCP delivers in order: all of it. */
	assert_int_equal(sent_of(w, wnd + 1400, 1400), wnd / 1400);
	all_acked(w);
	join(w, 1);
	ack(w, 1);
	assert_true(most < wnd / 1400);
	assert_int_equal(sent_of(w, wnd + 1400, 1400), most);
	all_acked(w);
	assert_int_equal(sent_of(w, wnd, 300), most);
	/* One acknowledged, one more. */
	w->dack = w->c->snd_una + 300;
	forget(w);
	ack(w, 0);
	ack(w, 1);
	assert_int_equal(sent_on(w, 0) + sent_on(w, 1), 1);
	all_acked(w);
	assert_int_equal(w->c->snd_segs, 0);
}

/* A window of few segments is used: to hold back one of them would wait for a delayed ACK each time. */
static void small_window_over_two_paths(void **state)
{
	struct world *w = *state;

	open_mptcp(w, MPC_FLAG_H);
	ack(w, 0);
	join(w, 1);
	ack(w, 1);
	window_is(w, 44 << 7);
	assert_int_equal(sent_of(w, 5 * 1400, 1400), 4);
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(rested_path_is_tried),
		T(min_rtt_of_the_paths),
		T(acked_on_two_paths),
		T(late_data_ack_is_asked_for),
		T(data_ack_is_not_asked_for_in_flight),
		T(nothing_has_arrived_behind_a_hole),
		T(window_over_two_paths),
		T(small_window_over_two_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
