/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A reader that stops and lives, or does not (RFC 9293 s3.8.6, RFC 8684 s3.3.5): the connection layer
 * against a scripted peer.
 */
#include "test_conn_net.h"

/* So long in virtual time the peer answers each segment with its window as it is. */
static void answer_for(struct world *w, unsigned int paths, uint32_t ms)
{
	for (; ms > 0 && w->c != NULL; ms--) {
		unsigned int got = 0;

		forget(w);
		world_wait(w, 1);
		for (struct sent *s; (s = next(w)) != NULL;)
			got |= 1u << s->path;
		for (unsigned int i = 0; i < paths && w->c != NULL; i++) {
			if (got & 1u << i)
				ack(w, i);
		}
	}
}

/* All is taken now, on paths. */
static void reads_again(struct world *w, unsigned int paths, uint32_t octets)
{
	for (unsigned int i = 0; i < paths; i++)
		w->path[i].wnd = 0xffff;
	for (unsigned int i = 0; i < paths; i++)
		ack(w, i);
	answer_for(w, paths, 2000);
	assert_true(w->dack == out_dsn(w, octets));
	assert_int_equal(conn_snd_queued(w->c).octets, 0);
	assert_int_equal(ctr(w, CTR_CUR_SEGS), 0);
}

/* A window of five segments' worth is filled and closes: w->path[].wnd was set before opening. */
static void fill_window(struct world *w, unsigned int paths)
{
	for (unsigned int i = 0; i < paths; i++)
		w->path[i].wnd = 40; /* << 7: 5120 octets */
	open_mptcp(w, MPC_FLAG_H);
	ack(w, 0);
	for (unsigned int i = 1; i < paths; i++) {
		join(w, i);
		ack(w, i);
	}
	for (; w->tx_off < 12800; w->tx_off += 1280)
		conn_send(w->c, user_seg(w->tx_off, 1280));
	assert_true(w->c->snd_nxt == out_dsn(w, 5120));
	for (unsigned int i = 0; i < paths; i++)
		w->path[i].wnd = 0;
	for (unsigned int i = 0; i < paths; i++)
		ack(w, i);
	assert_true(w->c->snd_una == out_dsn(w, 5120));
	assert_int_equal(conn_snd_queued(w->c).octets, 12800 - 5120);
}

static void reader_stops(void **state)
{
	struct world *w = *state;

	fill_window(w, 1);
	answer_for(w, 1, 600000);
	assert_int_equal(w->closed, 0);
	assert_true(w->dack == out_dsn(w, 5120));
	reads_again(w, 1, 12800);
}

static void reader_stops_two_paths(void **state)
{
	struct world *w = *state;

	fill_window(w, 2);
	answer_for(w, 2, 600000);
	assert_int_equal(w->closed, 0);
	assert_int_equal(w->c->n_subflows, 2);
	reads_again(w, 2, 12800);
}

/* A window may shrink (RFC 9293 s3.8.6): what was inside it is held by it as well. */
static void reader_shrinks_window(void **state)
{
	struct world *w = *state;
	uint32_t before;

	w->path[0].wnd = 40;
	open_mptcp(w, MPC_FLAG_H);
	ack(w, 0);
	user_send(w, 14000);
	before = (uint32_t)(w->dack - out_dsn(w, 0));
	assert_int_equal(before, 4200);
	w->path[0].wnd = 0;
	ack(w, 0);
	answer_for(w, 1, 600000);
	assert_int_equal(w->closed, 0);
	reads_again(w, 1, 14000);
}

/* The same, and what is in flight finds no room there. */
static void reader_takes_window_back(void **state)
{
	struct world *w = *state;

	open_mptcp(w, MPC_FLAG_H);
	ack(w, 0);
	w->path[0].wnd = 0;
	w->path[0].deaf = true; /* nothing of it is taken */
	user_send(w, 7000);
	assert_true(w->dack == out_dsn(w, 0));
	answer_for(w, 1, 600000);
	assert_int_equal(w->closed, 0);
	answer_for(w, 1, 1400000);
	assert_int_equal(w->closed, 0);
	w->path[0].deaf = false;
	w->path[0].wnd = 0xffff;
	ack(w, 0);
	answer_for(w, 1, 61000); /* the next retransmission */
	reads_again(w, 1, 7000);
}

/* Its edge stays where it is but for rounding to the scale (RFC 7323 s2.4). */
static void reader_rounds_window(void **state)
{
	struct world *w = *state;

	w->path[0].wnd = 40; /* up to 5120 */
	open_mptcp(w, MPC_FLAG_H);
	ack(w, 0);
	user_send(w, 14000);
	assert_true(w->dack == out_dsn(w, 4200));
	w->path[0].wnd = 7; /* of 920 */
	ack(w, 0);
	world_wait(w, 1000);
	assert_true(w->dack == out_dsn(w, 4200 + 896)); /* what goes out when it must probe */
	w->path[0].wnd = 0;
	ack(w, 0);
	answer_for(w, 1, 600000);
	assert_int_equal(w->closed, 0);
	reads_again(w, 1, 14000);
}

/* What the subflow took and the reader had no room for is sent again soon when it has. */
static void reader_had_no_room(void **state)
{
	struct world *w = *state;

	w->path[0].wnd = 1000;
	open_mptcp(w, MPC_FLAG_H);
	data(w, 0, 0, 10);
	user_send(w, 1000);
	for (unsigned int ms = 0; ms < 8000; ms++) {
		if (w->n_sent > 0) {
			w->dack = out_dsn(w, 0);
			ack(w, 0);
		}
		forget(w);
		world_wait(w, 1);
	}
	assert_true(w->c->rtx_tries >= 4);
	forget(w);
	world_wait(w, 500);
	assert_null(next(w)); /* seldom by now */
	w->path[0].wnd = 2000;
	ack(w, 0);
	world_wait(w, 500);
	assert_non_null(find_data(w));
	ack(w, 0);
	assert_int_equal(conn_snd_queued(w->c).octets, 0);
}

static void reader_is_gone(void **state)
{
	struct world *w = *state;

	fill_window(w, 1);
	w->path[0].deaf = true;
	forget(w);
	for (unsigned int s = 0; s < 600 && w->closed == 0; s++) {
		world_wait(w, 1000);
		forget(w);
	}
	closed_with(w, CONN_END_TIMEOUT);
	assert_int_equal(pool_used(&w->mp.conns), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(reader_stops),          T(reader_stops_two_paths),
		T(reader_shrinks_window), T(reader_takes_window_back),
		T(reader_rounds_window),  T(reader_had_no_room),
		T(reader_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
