/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The window we offer: in which steps it moves, and that it always opens again (RFC 9293 s3.8.6.2.2).
 */
#include "mptcp/conn/conn_internal.h"
#include "test_conn_net.h"

#define SEG  1400
#define UNIT 512

/* The user has room for space more octets. Returns how far the edge has moved, as the peer is told. */
static uint32_t has_room(struct world *w, uint32_t space)
{
	uint64_t edge = w->c->rcv_adv, told = edge;
	struct sent *s;

	forget(w);
	w->space = space;
	conn_window_update(w->c);
	stack_end_burst(&w->st);
	while ((s = next(w)) != NULL)
		told = w->c->rcv_nxt + (uint64_t)s->p.wnd * UNIT;
	assert_true(told == w->c->rcv_adv);
	return (uint32_t)(told - edge);
}

/* The window is used up, and the user holds what was in it. */
static void fill_from(struct world *w, uint32_t off, uint32_t buffer)
{
	uint32_t left;

	w->buffer = w->space = buffer;
	while ((left = (uint32_t)(w->c->rcv_adv - w->c->rcv_nxt)) > 0) {
		uint32_t len = RTE_MIN(left, (uint32_t)SEG);

		off += len;
		w->space = buffer > off ? buffer - off : 0;
		data(w, 0, off - len, (uint16_t)len);
	}
	stack_end_burst(&w->st);
	assert_true(off >= buffer - SEG - 256);
}

static void fill_up(struct world *w, uint32_t buffer)
{
	open_mptcp(w, MPC_FLAG_H);
	fill_from(w, 0, buffer);
}

/* An eighth of the buffer, in whole segments as far as the window's unit allows. */
static void moves_in_steps(void **state)
{
	struct world *w = *state;
	uint32_t step = 128 << 10 >> 3, moved, space;

	fill_up(w, 128 << 10);
	for (space = 0; space < step; space += SEG)
		assert_int_equal(has_room(w, space), 0);
	moved = has_room(w, space + SEG);
	assert_in_range(moved, step - SEG, step + SEG);
	assert_int_equal(moved % UNIT, 0);
	assert_in_range(moved % SEG, SEG - UNIT, SEG - 1);
}

/* Sixteen segments at most. */
static void not_more_than_some_segments(void **state)
{
	struct world *w = *state;

	fill_up(w, 300 << 10);
	assert_int_equal(has_room(w, 16 * SEG - 1), 0);
	assert_in_range(has_room(w, 16 * SEG + UNIT), 16 * SEG - UNIT, 16 * SEG);
}

/* The edge is that of all subflows: one that never brought data does not move it by less. */
static void one_that_rests(void **state)
{
	struct world *w = *state;
	uint32_t step = 128 << 10 >> 3;

	open_mptcp(w, MPC_FLAG_H);
	data(w, 0, 0, SEG);
	join(w, 1);
	fill_from(w, SEG, 128 << 10);
	for (uint32_t space = 0; space < step; space += 256)
		assert_int_equal(has_room(w, space), 0);
	assert_true(has_room(w, step + SEG) >= step - SEG);
}

/* Who knows no scaling has 64 KiB at most, and an eighth of that is the step, be the segments large. */
static void without_scaling(void **state)
{
	static const uint32_t room[][3] = {/* offered, more, moves */
					   {50000, 8190, 0},
					   {50000, 8191, 8191 - 8191 % SEG},
					   {0, 1 << 20, 65535 - 65535 % SEG}};
	struct world *w = *state;
	uint64_t edge;
	struct tcp *t;

	open_mptcp(w, MPC_FLAG_H);
	w->buffer = 1 << 20;
	data(w, 0, 0, SEG);
	t = &w->c->subflows->tcp;
	edge = w->c->rcv_adv;
	t->rcv_wscale = 0;
	for (unsigned int i = 0; i < RTE_DIM(room); i++) {
		w->c->rcv_adv = w->c->rcv_nxt + room[i][0];
		w->space = room[i][0] + room[i][1];
		assert_int_equal(conn_rcv_window(w->c, t), room[i][0] + room[i][2]);
	}
	w->c->rcv_adv = w->c->rcv_nxt;
	t->rcv_seg_max = 9000;
	assert_int_equal(conn_rcv_window(w->c, t), 65535 - 65535 % 9000);
	t->rcv_wscale = 9;
	w->c->rcv_adv = edge;
}

/* A segment, where an eighth of the buffer is less. */
static void by_the_segment(void **state)
{
	struct world *w = *state;

	fill_up(w, 5 * SEG);
	assert_int_equal(has_room(w, SEG - 1), 0);
	assert_in_range(has_room(w, SEG + UNIT), SEG, SEG + UNIT);
}

/* Whatever the window was once: with the user's buffer empty it is open. */
static void opens_again(void **state)
{
	struct world *w = *state;

	fill_up(w, 300 << 10);
	for (uint32_t buffer = 16 << 10; buffer >= 2 * SEG; buffer /= 2) {
		w->buffer = buffer;
		assert_true(has_room(w, buffer) >= SEG);
		w->space = 0;
		for (uint32_t left; (left = (uint32_t)(w->c->rcv_adv - w->c->rcv_nxt)) > 0;)
			data(w, 0, (uint32_t)(w->c->rcv_nxt - in_dsn(w, 0)),
			     (uint16_t)RTE_MIN(left, (uint32_t)SEG));
	}
}

/* Segments far below the window's unit: rounding to whole ones does not take back what was offered, wherever
 * the edge lies. */
static void edge_holds(void **state)
{
	struct world *w = *state;
	uint64_t edge;

	open_mptcp(w, MPC_FLAG_H);
	w->space = 1 << 20;
	data(w, 0, 0, 100);
	edge = w->c->rcv_adv;
	for (uint32_t least = 20000; least < 20000 + UNIT; least++)
		for (uint32_t more = 0; more < 3 * UNIT; more += 37) {
			w->c->rcv_adv = w->c->rcv_nxt + least;
			w->c->rcv_lent = 0;
			w->space = least + more;
			assert_true(conn_rcv_window(w->c, &w->c->subflows->tcp) >= least);
		}
	w->c->rcv_adv = edge;
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(moves_in_steps),  T(not_more_than_some_segments),
		T(by_the_segment),  T(opens_again),
		T(edge_holds),      T(one_that_rests),
		T(without_scaling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
