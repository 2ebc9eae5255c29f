/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a peer may make us hold: packet buffers, joins that are not proven, paths that do not answer,
 * connections in TIME_WAIT. The connection layer against a scripted peer.
 */
#include "mptcp/conn/conn_info.h"
#include "test_conn_net.h"

/* What was sent on path i as TCP sees it arrived up to there. */
static void tcp_acks_up_to(struct world *w, unsigned int i, uint32_t octets)
{
	w->path[i].ack = w->path[i].irs + 1 + octets;
}

/* The user looks at the next connection now; what became of the last one is forgotten. */
static void next_user(struct world *w)
{
	w->c = NULL;
	w->accepted = w->closed = w->fins = 0;
	w->rx_len = 0;
	w->tx_off = 0;
	forget(w);
}

/* A plain connection on path i, with that port of the peer. */
static void open_plain_at(struct world *w, unsigned int i, uint16_t port)
{
	next_user(w);
	w->path[i].key.remote_port = port;
	w->path[i].seq = w->path[i].iss;
	say(w, i, TCPF_SYN, NULL, NULL, 0);
	assert_int_equal(want(w, i)->p.flags, TCPF_SYN | TCPF_ACK);
	say(w, i, TCPF_ACK, NULL, NULL, 0);
	assert_non_null(w->c);
	assert_int_equal(w->c->mode, CONN_TCP);
}

/* We close first: TIME_WAIT is ours. */
static void close_ours_first(struct world *w, unsigned int i)
{
	conn_shutdown(w->c);
	say(w, i, TCPF_ACK | TCPF_FIN, NULL, NULL, 0);
	closed_with(w, CONN_END_DONE);
	forget(w);
}

/* --- what is queued -------------------------------------------------------------------------------- */

static void queued_is(const struct world *w, uint32_t octets, uint32_t segs)
{
	struct conn_queued q = conn_snd_queued(w->c);

	assert_int_equal(q.octets, octets);
	assert_int_equal(q.segs, segs);
}

/* All is acknowledged at data level, nothing by the subflow: the buffers are taken all the same. */
static void data_acked_but_not_by_tcp(void **state)
{
	struct world *w = *state;

	open_mptcp(w, MPC_FLAG_H);
	user_send(w, 7000);
	tcp_acks_up_to(w, 0, 0);
	assert_true(w->dack == out_dsn(w, 7000));
	ack(w, 0);
	assert_true(w->c->snd_una == w->c->snd_nxt);
	assert_int_equal(w->c->sndq.bytes, 0);
	queued_is(w, 7000, 5);
	/* And what is added to it. */
	user_send(w, 2800);
	queued_is(w, 9800, 7);
	tcp_acks_up_to(w, 0, 8400);
	ack(w, 0);
	queued_is(w, 1400, 1);
	tcp_acks_up_to(w, 0, 9800);
	ack(w, 0);
	queued_is(w, 0, 0);
}

/* What lies on a path that does not answer must not stop the others. */
static void stale_path_does_not_count(void **state)
{
	struct world *w = *state;

	open_mptcp(w, MPC_FLAG_H);
	ack(w, 0);
	join(w, 1);
	ack(w, 1);
	prio(w, 0, true);
	user_send(w, 7000);
	tcp_acks_up_to(w, 1, 0);
	ack(w, 0); /* with the DATA_ACK for all of it */
	assert_true(w->c->snd_una == w->c->snd_nxt);
	assert_int_equal(conn_snd_queued(w->c).octets, 7000);
	w->path[1].deaf = true;
	w->acked = 0;
	world_wait(w, 1000);
	assert_int_equal(ctr(w, CTR_MP_SUBFLOW_STALE), 1);
	queued_is(w, 0, 0);
	assert_true(w->acked > 0);                 /* nothing else would tell of the room */
	assert_int_equal(ctr(w, CTR_CUR_SEGS), 5); /* they are there */
	user_send(w, 2800);
	queued_is(w, 2800, 2);
	ack(w, 0);
	assert_int_equal(conn_snd_queued(w->c).octets, 0);
}

/* --- packet buffers --------------------------------------------------------------------------------- */

static void share_of_memory(void **state)
{
	struct stack *st = &((struct world *)*state)->st;

	/* Not told anything: no limit. */
	assert_true(st->seg_share == UINT32_MAX);
	assert_false(st->mem_out);
	stack_memory(st, 1000, 200);
	assert_int_equal(st->seg_share, 100);
	assert_false(st->mem_out);
	stack_memory(st, 207, 200);
	assert_int_equal(st->seg_share, 0);
	assert_false(st->mem_out);
	stack_memory(st, 200, 200);
	assert_int_equal(st->seg_share, 0);
	assert_false(st->mem_out);
	stack_memory(st, 199, 200);
	assert_int_equal(st->seg_share, 0);
	assert_true(st->mem_out);
	stack_memory(st, 0, 200);
	assert_int_equal(st->seg_share, 0);
	assert_true(st->mem_out);
	stack_memory(st, 1000, 200);
	assert_false(st->mem_out);
}

static void memory_is_out(void **state)
{
	struct world *w = *state;
	uint32_t seq;

	open_mptcp(w, MPC_FLAG_H);
	data(w, 0, 0, 100);
	user_send(w, 2800);
	forget(w);
	stack_memory(&w->st, 99, 100);
	/* Payload is refused, in order and out of order, and not acknowledged: it comes again. */
	seq = w->path[0].seq;
	data(w, 0, 100, 100);
	data(w, 0, 200, 100);
	assert_int_equal(ctr(w, CTR_DROP_MEMORY), 2);
	assert_int_equal(w->rx_len, 100);
	world_wait(w, 100);
	for (struct sent *s; (s = next(w)) != NULL;)
		assert_int_equal(s->p.ack, seq);
	assert_null(w->c->ofo.head);
	/* What frees buffers is taken: DATA_ACK and ACK of the segments refused, and alone. */
	assert_int_equal(conn_snd_queued(w->c).octets, 0);
	user_send(w, 1400);
	assert_int_equal(conn_snd_queued(w->c).octets, 1400);
	w->path[0].seq = seq;
	ack(w, 0);
	assert_int_equal(conn_snd_queued(w->c).octets, 0);
	/* A stranger gets a cookie. */
	forget(w);
	say(w, 5, TCPF_SYN, NULL, NULL, 0);
	assert_int_equal(want(w, 5)->p.flags, TCPF_SYN | TCPF_ACK);
	assert_int_equal(ctr(w, CTR_SYN_COOKIES_SENT), 1);
	assert_int_equal(pool_used(&w->mp.conns), 1);
	/* Memory again. */
	stack_memory(&w->st, 1000, 100);
	data(w, 0, 100, 100);
	data(w, 0, 200, 100);
	assert_int_equal(rx_wrong(w, 0, 300), 0);
	assert_int_equal(acked_off(w), 300);
	w->path[5].seq = w->path[5].iss;
	forget(w);
	say(w, 5, TCPF_SYN, NULL, NULL, 0);
	assert_int_equal(want(w, 5)->p.flags, TCPF_SYN | TCPF_ACK);
}

/* A queue out of order gets its share and no more, and what is lost by that comes again. */
static void share_of_queue(void **state)
{
	struct world *w = *state;

	open_mptcp(w, MPC_FLAG_H);
	join(w, 1);
	stack_memory(&w->st, 140, 100); /* five */
	for (uint32_t k = 1; k <= 10; k++)
		data(w, 1, k * 100, 100);
	assert_int_equal(w->c->ofo.n, 5);
	assert_int_equal(ctr(w, CTR_DROP_TCP_OFO_LIMIT), 5);
	data(w, 0, 0, 100);
	assert_int_equal(w->rx_len, 600);
	for (uint32_t k = 6; k <= 10; k++)
		data(w, 0, k * 100, 100);
	assert_int_equal(rx_wrong(w, 0, 1100), 0);
}

/* The connection that holds most is reset, one at a time, whatever it is that it holds. */
static void who_holds_most_is_reset(void **state)
{
	struct world *w = *state;
	struct conn *sends;

	mptcp_relieve(&w->mp);
	open_plain_at(w, 5, 1005);
	mptcp_relieve(&w->mp);
	assert_int_equal(w->closed, 0);
	assert_int_equal(ctr(w, CTR_TCP_ABORT_MEMORY), 0); /* it holds nothing */
	user_send(w, 7000);
	sends = w->c;
	/* Another one gets six segments out of order. */
	next_user(w);
	open_mptcp(w, MPC_FLAG_H);
	join(w, 1);
	for (uint32_t k = 1; k <= 6; k++)
		data(w, 1, k * 100, 100);
	forget(w);
	mptcp_relieve(&w->mp);
	assert_int_equal(ctr(w, CTR_TCP_ABORT_MEMORY), 1);
	closed_with(w, CONN_END_ABORT);
	for (unsigned int i = 0; i < 2; i++) {
		struct sent *s = find_flag(w, TCPF_RST);

		assert_non_null(s);
		assert_true(s->path < 2);
		assert_true(s->p.mp.present & MP_BIT(MP_FASTCLOSE));
	}
	assert_null(find_flag(w, TCPF_RST));
	assert_int_equal(sends->state, CONN_ESTABLISHED);
	mptcp_reap(&w->mp);
	/* Its turn. */
	w->c = sends;
	w->closed = 0;
	mptcp_relieve(&w->mp);
	closed_with(w, CONN_END_ABORT);
	want_rst(w, 5, -1);
	assert_int_equal(ctr(w, CTR_TCP_ABORT_MEMORY), 2);
	mptcp_reap(&w->mp);
	mptcp_relieve(&w->mp); /* nobody is there any more */
	assert_int_equal(ctr(w, CTR_TCP_ABORT_MEMORY), 2);
}

/* Also what a peer has acknowledged at data level only, and what lies on a stale path. It is neither the
 * first one nor the last. */
static void hidden_buffers_count(void **state)
{
	struct world *w = *state;
	struct conn *plain[2];

	open_plain_at(w, 5, 1005);
	user_send(w, 2800);
	plain[0] = w->c;
	next_user(w);
	open_mptcp(w, MPC_FLAG_H);
	ack(w, 0);
	join(w, 1);
	ack(w, 1);
	prio(w, 0, true);
	user_send(w, 7000);
	tcp_acks_up_to(w, 1, 0);
	ack(w, 0);
	w->path[1].deaf = true;
	world_wait(w, 1000);
	assert_int_equal(ctr(w, CTR_MP_SUBFLOW_STALE), 1);
	assert_int_equal(conn_snd_queued(w->c).octets, 0);
	open_plain_at(w, 6, 1006);
	user_send(w, 4200);
	plain[1] = w->c;
	forget(w);
	mptcp_relieve(&w->mp);
	closed_with(w, CONN_END_ABORT);
	assert_int_equal(plain[0]->state, CONN_ESTABLISHED);
	assert_int_equal(plain[1]->state, CONN_ESTABLISHED);
	assert_true(find_flag(w, TCPF_RST)->p.mp.present & MP_BIT(MP_FASTCLOSE));
	for (unsigned int i = 2; i > 0; i--) { /* the next ones in turn */
		w->closed = 0;
		forget(w);
		mptcp_relieve(&w->mp);
		closed_with(w, CONN_END_ABORT);
		want_rst(w, 4 + i, -1);
	}
}

/* --- joins ------------------------------------------------------------------------------------------- */

static void half_open_join(struct world *w, unsigned int i)
{
	forget(w);
	w->path[i].seq = w->path[i].iss;
	join_syn(w, i, false);
	assert_int_equal(want(w, i)->p.flags, TCPF_SYN | TCPF_ACK);
	w->path[i].nonce_theirs = w->sent[0].p.mp.join.nonce;
}

/* Who has seen the token can begin three joins, and no more; they end by themselves. */
static void joins_not_proven_are_few(void **state)
{
	struct world *w = *state;

	open_mptcp(w, MPC_FLAG_H);
	for (unsigned int i = 1; i <= 3; i++)
		half_open_join(w, i);
	assert_int_equal(w->c->n_subflows, 4);
	forget(w);
	join_syn(w, 4, false);
	assert_null(next(w));
	assert_int_equal(ctr(w, CTR_DROP_JOIN_LIMIT), 1);
	assert_int_equal(w->c->n_subflows, 4);
	world_wait(w, 64000); /* five retransmissions: 63 s */
	assert_int_equal(w->c->n_subflows, 1);
	w->path[4].seq = w->path[4].iss;
	join(w, 4);
	assert_int_equal(w->c->n_subflows, 2);
	data(w, 4, 0, 100);
	assert_int_equal(rx_wrong(w, 0, 100), 0);
	assert_int_equal(ctr(w, CTR_DROP_JOIN_LIMIT), 1);
}

/* They have places of their own, and take none of the proven ones. */
static void joins_not_proven_take_no_place(void **state)
{
	struct world *w = *state;

	w->params.subflows_max = 2;
	open_mptcp(w, MPC_FLAG_H);
	for (unsigned int i = 1; i <= 3; i++)
		half_open_join(w, i);
	forget(w);
	join_ack(w, 3);
	assert_int_equal(want(w, 3)->p.mp.present, MP_BIT(MP_DSS));
	/* Now it is full: nobody new, and none of those begun. */
	join_syn(w, 4, false);
	want_rst(w, 4, MP_RST_PROHIBITED);
	join_ack(w, 1);
	want_rst(w, 1, MP_RST_PROHIBITED);
	assert_int_equal(ctr(w, CTR_MPJOIN_REJECTED), 2);
	assert_int_equal(w->c->n_subflows, 3);
	data(w, 3, 0, 100);
	data(w, 0, 100, 100);
	assert_int_equal(rx_wrong(w, 0, 200), 0);
}

/* Eight paths and three that want to be one: what is sent and received on the last of them. */
static void eight_paths_and_three(void **state)
{
	struct world *w = *state;
	struct conn_info info;
	uint32_t cursor = 0;

	w->params.subflows_max = CONN_SUBFLOWS_MAX;
	open_mptcp(w, MPC_FLAG_H);
	ack(w, 0);
	for (unsigned int i = 1; i < CONN_SUBFLOWS_MAX - 1; i++) {
		join(w, i);
		ack(w, i);
		prio(w, i, true);
	}
	prio(w, 0, true);
	for (unsigned int i = 7; i < 7 + CONN_JOINS_MAX; i++)
		half_open_join(w, i);
	assert_int_equal(w->c->n_subflows, 10);
	/* Reports have them all: the first one, which tells the client, is the last of the list. */
	assert_int_equal(conn_dump(&w->mp, &cursor, w->mp.conns.n, &info, 1), 1);
	assert_int_equal(info.n_subflows, 10);
	assert_true(flow_key_eq(&info.subflow[9].key, &w->path[0].key));
	join_ack(w, 9);
	ack(w, 9);
	forget(w);
	user_send(w, 7000);
	for (unsigned int k = 0; k < 5; k++)
		assert_int_equal(find_data(w)->path, 9);
	ack(w, 9);
	assert_int_equal(conn_snd_queued(w->c).octets, 0);
	for (uint32_t k = 9; k > 0; k--)
		data(w, 9, k * 100, 100);
	data(w, 9, 0, 100);
	assert_int_equal(rx_wrong(w, 0, 1000), 0);
	join_syn(w, 10, false);
	want_rst(w, 10, MP_RST_PROHIBITED);
}

/* A new path takes the place of one that does not answer, when it is proven and not before. */
static void join_replaces_dead_path(void **state)
{
	struct world *w = *state;

	w->params.subflows_max = 2;
	open_mptcp(w, MPC_FLAG_H);
	ack(w, 0);
	join(w, 1);
	ack(w, 1);
	prio(w, 0, true);
	w->path[1].deaf = true;
	user_send(w, 2800);
	world_wait(w, 250); /* one timeout */
	ack(w, 0);
	assert_int_equal(conn_snd_queued(w->c).octets, 0);
	forget(w);
	join_syn(w, 2, false);
	want_rst(w, 2, MP_RST_PROHIBITED);
	world_wait(w, 4000); /* three */
	half_open_join(w, 2);
	assert_int_equal(w->c->n_subflows, 3);
	assert_null(find_flag(w, TCPF_RST));
	forget(w);
	join_ack(w, 2);
	want_rst(w, 1, MP_RST_PERF);
	assert_null(find_flag(w, TCPF_RST));
	assert_int_equal(w->c->n_subflows, 2);
	ack(w, 2);
	forget(w);
	user_send(w, 1400); /* path 0 is the backup still */
	assert_int_equal(find_data(w)->path, 2);
	ack(w, 2);
	data(w, 0, 0, 100);
	data(w, 2, 100, 100);
	assert_int_equal(rx_wrong(w, 0, 200), 0);
	assert_int_equal(ctr(w, CTR_CUR_SEGS), 0);
}

/* --- TIME_WAIT ---------------------------------------------------------------------------------------- */

static bool in_table(struct world *w, uint16_t port)
{
	struct flow_key key = w->path[0].key;

	key.remote_port = port;
	return mptcp_knows(&w->mp, &key);
}

static void n_in_time_wait(struct world *w, uint16_t port, unsigned int n)
{
	for (unsigned int k = 0; k < n; k++) {
		open_plain_at(w, 0, (uint16_t)(port + k));
		close_ours_first(w, 0);
		world_wait(w, 1);
	}
}

/* The list is in the order of arrival, whoever leaves it before his turn. */
static void oldest_time_wait_first(void **state)
{
	struct world *w = *state;

	assert_false(tcp_time_wait_recycle(&w->st));
	n_in_time_wait(w, 2000, 6);
	assert_int_equal(ctr(w, CTR_CUR_TIME_WAIT), 6);
	/* One from the middle comes back, is closed again, and is the youngest then. */
	w->path[0].iss += 100000;
	n_in_time_wait(w, 2002, 1);
	assert_int_equal(ctr(w, CTR_CUR_TIME_WAIT), 6);
	assert_int_equal(ctr(w, CTR_TCP_TW_RECYCLED), 0);
	for (unsigned int k = 0; k < 6; k++) {
		static const uint16_t order[] = {2000, 2001, 2003, 2004, 2005, 2002};

		assert_true(in_table(w, order[k]));
		assert_true(tcp_time_wait_recycle(&w->st));
		assert_false(in_table(w, order[k]));
		assert_int_equal(ctr(w, CTR_CUR_TIME_WAIT), 5 - k);
	}
	assert_int_equal(ctr(w, CTR_TCP_TW_RECYCLED), 6);
	assert_false(tcp_time_wait_recycle(&w->st));
	mptcp_reap(&w->mp);
	assert_int_equal(pool_used(&w->mp.conns), 0);
}

/* So many that one more leaves less than an eighth of the pool. */
static unsigned int time_wait_until_short(struct world *w)
{
	unsigned int n = w->mp.conns.n - w->mp.conns.n / 8 - 1;

	n_in_time_wait(w, 2000, n);
	assert_int_equal(ctr(w, CTR_CUR_TIME_WAIT), n);
	assert_int_equal(ctr(w, CTR_TCP_TW_RECYCLED), 0);
	return n;
}

/* With pools below an eighth the oldest make room: nobody gets a cookie for want of it. */
static void time_wait_makes_room(void **state)
{
	struct world *w = *state;
	unsigned int n = time_wait_until_short(w);

	for (uint16_t k = 0; k < 40; k++) {
		n_in_time_wait(w, (uint16_t)(2000 + n + k), 1);
		assert_true(in_table(w, (uint16_t)(2000 + n + k)));
		assert_false(in_table(w, (uint16_t)(2000 + k)));
		assert_in_range(ctr(w, CTR_CUR_TIME_WAIT), 1, n);
	}
	assert_int_equal(ctr(w, CTR_TCP_TW_RECYCLED) + ctr(w, CTR_CUR_TIME_WAIT), n + 40);
	assert_int_equal(ctr(w, CTR_SYN_COOKIES_SENT), 0);
}

/* And no more of them than have to. */
static void time_wait_makes_little_room(void **state)
{
	struct world *w = *state;
	unsigned int n = time_wait_until_short(w);

	for (uint16_t k = 0; k < 3; k++) {
		n_in_time_wait(w, (uint16_t)(2000 + n + k), 1);
		assert_false(in_table(w, (uint16_t)(2000 + k)));
		assert_true(in_table(w, (uint16_t)(2000 + k + 1)));
		assert_int_equal(ctr(w, CTR_TCP_TW_RECYCLED), k + 1);
		assert_int_equal(ctr(w, CTR_CUR_TIME_WAIT), n);
	}
}

static struct flow_key connect_at(struct world *w)
{
	struct flow_key key = w->path[0].key;

	next_user(w);
	w->c = conn_connect(&w->mp, &w->params, &key, 0, w);
	assert_non_null(w->c);
	assert_int_equal(want(w, 0)->p.flags, TCPF_SYN);
	w->path[0].seq = w->path[0].iss;
	say(w, 0, TCPF_SYN | TCPF_ACK, NULL, NULL, 0);
	assert_int_equal(w->c->state, CONN_ESTABLISHED);
	return key;
}

/* A 4-tuple in TIME_WAIT can be had again after a second, where timestamps tell old from new. */
static void time_wait_taken_over(void **state)
{
	struct world *w = *state;
	struct flow_key key = w->path[0].key;

	assert_true(mptcp_free_flow(&w->mp, &key)); /* nobody's */
	connect_at(w);
	world_wait(w, 2000);
	assert_false(mptcp_free_flow(&w->mp, &key));
	assert_int_equal(w->c->state, CONN_ESTABLISHED);
	close_ours_first(w, 0);
	assert_false(mptcp_free_flow(&w->mp, &key));
	world_wait(w, 999);
	assert_false(mptcp_free_flow(&w->mp, &key));
	assert_int_equal(ctr(w, CTR_CUR_TIME_WAIT), 1);
	world_wait(w, 1);
	assert_true(mptcp_free_flow(&w->mp, &key));
	assert_int_equal(ctr(w, CTR_CUR_TIME_WAIT), 0);
	assert_int_equal(ctr(w, CTR_TCP_TW_RECYCLED), 1);
	assert_false(mptcp_knows(&w->mp, &key));
	mptcp_reap(&w->mp);
	assert_int_equal(pool_used(&w->mp.conns), 0);
	connect_at(w);
}

static void time_wait_kept_without_timestamps(void **state)
{
	struct world *w = *state;
	struct flow_key key;

	w->no_ts = true;
	key = connect_at(w);
	close_ours_first(w, 0);
	world_wait(w, 30000);
	assert_false(mptcp_free_flow(&w->mp, &key));
	assert_int_equal(ctr(w, CTR_CUR_TIME_WAIT), 1);
	assert_int_equal(ctr(w, CTR_TCP_TW_RECYCLED), 0);
}

/* Fast and short: the clock of the sequence numbers is behind those used. What comes back then begins
 * beyond them all the same, and only that. */
static void reuse_begins_beyond(void **state)
{
	struct world *w = *state;
	uint32_t last, clock;
	struct sent *s;

	w->no_ts = true;
	open_plain_at(w, 0, 1000);
	for (unsigned int k = 0; k < 30; k++) {
		forget(w);
		user_send(w, 14000);
		say(w, 0, TCPF_ACK, NULL, NULL, 0);
	}
	assert_int_equal(conn_snd_queued(w->c).octets, 0);
	close_ours_first(w, 0);
	last = w->path[0].ack;
	world_wait(w, 20);
	assert_int_equal(ctr(w, CTR_CUR_TIME_WAIT), 1);
	clock = tcp_isn(&w->st, &w->path[0].key);
	assert_true(seq_lt(clock, last));
	next_user(w);
	w->path[0].seq += 100;
	say(w, 0, TCPF_SYN, NULL, NULL, 0);
	s = want(w, 0);
	assert_int_equal(s->p.flags, TCPF_SYN | TCPF_ACK);
	assert_true(seq_lt(last + 65535, s->p.seq));
	assert_true(seq_lt(s->p.seq, last + 1000000));
	/* Of the next one the clock decides: one whose numbers are below those. */
	while (!seq_lt(tcp_isn(&w->st, &w->path[1].key), last))
		w->path[1].key.remote_port++;
	say(w, 1, TCPF_SYN, NULL, NULL, 0);
	assert_int_equal(want(w, 1)->p.seq, tcp_isn(&w->st, &w->path[1].key));
	say(w, 0, TCPF_ACK, NULL, NULL, 0);
	assert_int_equal(w->accepted, 1);
}

/* The sequence number of a join says who owns it, and cannot begin elsewhere. */
static void join_on_time_wait(struct world *w, bool no_ts)
{
	struct sent *s;

	w->no_ts = no_ts;
	open_plain_at(w, 1, 1001);
	close_ours_first(w, 1);
	world_wait(w, 20);
	next_user(w);
	open_mptcp(w, MPC_FLAG_H);
	assert_int_equal(ctr(w, CTR_CUR_TIME_WAIT), 1);
	w->path[1].seq += 100;
	join_syn(w, 1, false);
	s = want(w, 1);
	assert_int_equal(s->p.flags, no_ts ? TCPF_ACK : TCPF_SYN | TCPF_ACK);
	assert_int_equal(ctr(w, CTR_CUR_TIME_WAIT), no_ts);
	assert_int_equal(w->c->n_subflows, no_ts ? 1 : 2);
}

static void join_on_time_wait_with_timestamps(void **state)
{
	join_on_time_wait(*state, false);
}

static void join_on_time_wait_without(void **state)
{
	join_on_time_wait(*state, true);
}

/* --- levels -------------------------------------------------------------------------------------------- */

/* MPTCP connections, from the third packet until they are closed or fall back. */
static void established_is_counted(void **state)
{
	struct world *w = *state;
	uint8_t b[10] = {0};

	/* closed in order */
	open_syn(w, 1, MPC_FLAG_H);
	assert_int_equal(ctr(w, CTR_MP_CUR_ESTAB), 0);
	take_keys(w, want(w, 0)->p.mp.capable.sender_key);
	open_ack(w, MPC_FLAG_H);
	assert_int_equal(ctr(w, CTR_MP_CUR_ESTAB), 1);
	join(w, 1);
	assert_int_equal(ctr(w, CTR_MP_CUR_ESTAB), 1);
	data_fin(w, 0, 0);
	assert_int_equal(ctr(w, CTR_MP_CUR_ESTAB), 1);
	conn_shutdown(w->c);
	w->dack++;
	ack(w, 0);
	closed_with(w, CONN_END_DONE);
	assert_int_equal(ctr(w, CTR_MP_CUR_ESTAB), 0);
	assert_true(ctr(w, CTR_CUR_CONNS) == 1); /* its subflows close */
	/* fallen back */
	next_user(w);
	w->path[0].key.remote_port = 2000;
	w->path[0].seq = w->path[0].iss;
	open_mptcp(w, MPC_FLAG_H);
	assert_int_equal(ctr(w, CTR_MP_CUR_ESTAB), 1);
	say(w, 0, TCPF_ACK, NULL, b, 10);
	assert_int_equal(w->c->mode, CONN_FALLBACK);
	assert_int_equal(ctr(w, CTR_MP_CUR_ESTAB), 0);
	conn_abort(w->c);
	assert_int_equal(ctr(w, CTR_MP_CUR_ESTAB), 0);
	/* reset */
	next_user(w);
	w->path[0].key.remote_port = 2001;
	w->path[0].seq = w->path[0].iss;
	open_mptcp(w, MPC_FLAG_H);
	assert_int_equal(ctr(w, CTR_MP_CUR_ESTAB), 1);
	conn_abort(w->c);
	assert_int_equal(ctr(w, CTR_MP_CUR_ESTAB), 0);
	/* never was one */
	open_plain_at(w, 0, 2002);
	assert_int_equal(ctr(w, CTR_MP_CUR_ESTAB), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(data_acked_but_not_by_tcp),
		T(stale_path_does_not_count),
		T(share_of_memory),
		T(memory_is_out),
		T(share_of_queue),
		T(who_holds_most_is_reset),
		T(hidden_buffers_count),
		T(joins_not_proven_are_few),
		T(joins_not_proven_take_no_place),
		T(eight_paths_and_three),
		T(join_replaces_dead_path),
		T(oldest_time_wait_first),
		T(time_wait_makes_room),
		T(time_wait_makes_little_room),
		T(time_wait_taken_over),
		T(time_wait_kept_without_timestamps),
		T(reuse_begins_beyond),
		T(join_on_time_wait_with_timestamps),
		T(join_on_time_wait_without),
		T(established_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
