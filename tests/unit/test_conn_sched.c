/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which path is chosen, when the user hears of room, and how a DATA_ACK that is late is asked for.
 */
#include "test_conn_net.h"

#include "mptcp/conn/scheduler.h"

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

static unsigned int n_coupled(const struct tcp *t)
{
	const struct tcp *p = NULL;
	unsigned int n = 0;
	bool self = false;

	while ((p = t->ops->coupled(t, p)) != NULL) {
		self = self || p == t;
		n++;
	}
	assert_true(self);
	return n;
}

/* Subflows have the listener's congestion control, and are coupled when they carry something. */
static void coupled_paths(void **state)
{
	struct world *w = *state;
	struct tcp *a, *b;

	w->params.cc = &cc_lia;
	open_mptcp(w, MPC_FLAG_H);
	ack(w, 0);
	join(w, 1);
	ack(w, 1);
	a = tcp_of_path(w, 0);
	b = tcp_of_path(w, 1);
	assert_ptr_equal(a->cc, &cc_lia);
	assert_ptr_equal(b->cc, &cc_lia);
	assert_int_equal(n_coupled(a), 1);
	w->path[0].deaf = w->path[1].deaf = true;
	a->srtt_us = a->min_rtt_us = 1000;
	b->srtt_us = b->min_rtt_us = 2000;
	a->cwnd = 1400;
	user_send(w, 2800);
	assert_int_equal(n_coupled(a), 2);
	assert_int_equal(n_coupled(b), 2);
	((struct subflow *)b)->stale = true;
	assert_int_equal(n_coupled(a), 1);
	assert_int_equal(n_coupled(b), 2);
}

static void plain_tcp_is_not_coupled(void **state)
{
	struct world *w = *state;

	w->params.cc = &cc_lia;
	open_plain(w);
	assert_ptr_equal(w->c->subflows->tcp.cc, w->cfg.cc);
	assert_ptr_not_equal(w->c->subflows->tcp.cc, &cc_lia);
}

/* Each segment over both paths; it is held until the last of them has acknowledged it. */
static void sent_over_both(void **state)
{
	struct world *w = *state;
	struct sent *a, *b;

	w->params.sched = &sched_redundant;
	open_mptcp(w, MPC_FLAG_H);
	ack(w, 0);
	join(w, 1);
	ack(w, 1);
	forget(w);
	user_send(w, 1000);
	a = find_data(w);
	b = find_data(w);
	assert_non_null(a);
	assert_non_null(b);
	assert_int_not_equal(a->path, b->path);
	assert_true(a->p.mp.dss.dsn == b->p.mp.dss.dsn);
	assert_int_equal(b->p.payload_len, 1000);
	assert_memory_equal(a->data, b->data, 1000);
	assert_int_equal(ctr(w, CTR_MP_REDUNDANT), 1);
	assert_int_equal(ctr(w, CTR_MP_RETRANS), 0);
	w->dack = out_dsn(w, 1000);
	ack(w, 0);
	assert_int_equal(ctr(w, CTR_CUR_SEGS), 1);
	ack(w, 1);
	assert_int_equal(ctr(w, CTR_CUR_SEGS), 0);
	/* no room on one of them: it is not waited for */
	tcp_of_path(w, 1)->cwnd = 0;
	forget(w);
	user_send(w, 2800);
	assert_int_equal(sent_on(w, 0), 2);
	tcp_of_path(w, 1)->cwnd = 14600;
}

/* Two segments fill the peer's window, the second on a slow path that loses it. */
static void fill_by_slow_path(struct world *w)
{
	w->params.sched = &sched_minrtt;
	w->path[0].wnd = w->path[1].wnd = 20; /* << 7: two of 1280 octets */
	open_mptcp(w, MPC_FLAG_H);
	ack(w, 0);
	join(w, 1);
	ack(w, 1);
	tcp_of_path(w, 0)->srtt_us = tcp_of_path(w, 0)->min_rtt_us = 1000;
	tcp_of_path(w, 1)->srtt_us = tcp_of_path(w, 1)->min_rtt_us = 100000;
	tcp_of_path(w, 0)->cwnd = 1280;
	w->path[1].deaf = true;
	forget(w);
	for (; w->tx_off < 3 * 1280; w->tx_off += 1280)
		conn_send(w->c, user_seg(w->tx_off, 1280));
	assert_int_equal(sent_on(w, 0), 1);
	assert_int_equal(sent_on(w, 1), 1);
	assert_true(w->c->snd_nxt == out_dsn(w, 2560));
	w->dack = out_dsn(w, 1280);
	w->path[0].wnd = 10; /* the edge stays */
	forget(w);
}

/* RFC 8041 s3.7: the fast path sends it, once, and the slow one slows down. */
static void full_window(void **state)
{
	struct world *w = *state;
	uint32_t cwnd;
	struct sent *s;

	fill_by_slow_path(w);
	cwnd = tcp_of_path(w, 1)->cwnd;
	tcp_of_path(w, 1)->ssthresh = 2800; /* it is not in slow start */
	ack(w, 0);
	s = find_data(w);
	assert_non_null(s);
	assert_int_equal(s->path, 0);
	assert_true(s->p.mp.dss.dsn == out_dsn(w, 1280));
	assert_null(find_data(w));
	assert_int_equal(ctr(w, CTR_MP_OPPORTUNISTIC), 1);
	assert_int_equal(tcp_of_path(w, 1)->cwnd, cwnd * 7 / 10); /* CUBIC's */
	assert_int_equal(tcp_of_path(w, 1)->ssthresh, cwnd * 7 / 10);
	/* not again for the same octets */
	w->dack = out_dsn(w, 1280);
	ack(w, 0);
	assert_int_equal(ctr(w, CTR_MP_OPPORTUNISTIC), 1);
	assert_int_equal(tcp_of_path(w, 1)->cwnd, cwnd * 7 / 10);
	w->dack = out_dsn(w, 2560);
	w->path[0].wnd = 20;
	forget(w);
	ack(w, 0);
	s = find_data(w);
	assert_true(s->p.mp.dss.dsn == out_dsn(w, 2560));
}

/* What is on a path that is about as fast is not sent again. */
static void full_window_of_the_fast(void **state)
{
	struct world *w = *state;

	fill_by_slow_path(w);
	tcp_of_path(w, 0)->srtt_us = tcp_of_path(w, 0)->min_rtt_us = 60000;
	ack(w, 0);
	assert_null(find_data(w));
	assert_int_equal(ctr(w, CTR_MP_OPPORTUNISTIC), 0);
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
		T(coupled_paths),
		T(plain_tcp_is_not_coupled),
		T(sent_over_both),
		T(full_window),
		T(full_window_of_the_fast),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
