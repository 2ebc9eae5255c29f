/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Back to plain TCP, and wrong checksums (RFC 8684 s3.7): the connection layer against a scripted
 * peer.
 */
#include "test_conn_net.h"

/* --- fallback --------------------------------------------------------------------------------------- */

static void no_capable_in_third(void **state)
{
	struct world *w = *state;
	uint8_t b[100];

	open_syn(w, 1, MPC_FLAG_H);
	want(w, 0);
	say(w, 0, TCPF_ACK, NULL, NULL, 0);
	assert_int_equal(w->c->mode, CONN_FALLBACK);
	assert_int_equal(w->mp.tokens.used, 0);
	fill(b, 0, 100);
	say(w, 0, TCPF_ACK, NULL, b, 100);
	assert_int_equal(rx_wrong(w, 0, 100), 0);
	user_send(w, 3000);
	for (struct sent *s; (s = next(w)) != NULL;)
		assert_int_equal(s->p.mp.present, 0);
	say(w, 0, TCPF_ACK, NULL, NULL, 0);
	assert_int_equal(conn_snd_queued(w->c).octets, 0);
}

/* Later data overtook both the third packet and the first data. */
static void data_overtakes_third(void **state)
{
	struct world *w = *state;
	struct opt_buf o;
	uint8_t b[100];

	open_syn(w, 1, MPC_FLAG_H);
	take_keys(w, want(w, 0)->p.mp.capable.sender_key);
	fill(b, 100, 100);
	put_dss(w, &o, MAP64, in_dsn(w, 100), 101, 100, NULL, 0);
	feed(w, 0, TCPF_ACK, w->path[0].seq + 100, &o, b, 100);
	assert_int_equal(w->accepted, 0);
	open_ack(w, MPC_FLAG_H);
	assert_int_equal(w->c->mode, CONN_MPTCP);
}

static void first_data_without_dss(void **state)
{
	struct world *w = *state;
	uint8_t b[300];

	open_mptcp(w, MPC_FLAG_H);
	fill(b, 0, 300);
	say(w, 0, TCPF_ACK, NULL, b, 300);
	assert_int_equal(w->c->mode, CONN_FALLBACK);
	assert_int_equal(rx_wrong(w, 0, 300), 0);
	assert_int_equal(w->mp.tokens.used, 0);
	user_send(w, 100);
	for (struct sent *s; (s = next(w)) != NULL;)
		assert_int_equal(s->p.mp.present, 0);
	/* Both close as in TCP. */
	say(w, 0, TCPF_ACK | TCPF_FIN, NULL, NULL, 0);
	assert_int_equal(w->fins, 1);
	conn_shutdown(w->c);
	assert_non_null(find_flag(w, TCPF_FIN));
	say(w, 0, TCPF_ACK, NULL, NULL, 0);
	closed_with(w, CONN_END_DONE);
}

static void acked_without_dss(void **state)
{
	struct world *w = *state;
	struct sent *s;

	open_mptcp(w, MPC_FLAG_H);
	user_send(w, 1000);
	s = find_data(w);
	assert_int_equal(s->p.mp.dss.data_len, 1000);
	say(w, 0, TCPF_ACK, NULL, NULL, 0);
	assert_int_equal(w->c->mode, CONN_FALLBACK);
	assert_int_equal(conn_snd_queued(w->c).octets, 0);
	forget(w);
	user_send(w, 2800);
	s = find_data(w);
	assert_int_equal(s->p.mp.present, MP_BIT(MP_DSS));
	assert_int_equal(s->p.mp.dss.flags & (DSS_FLAG_MAP | DSS_FLAG_ACK), DSS_FLAG_MAP);
	assert_int_equal(s->p.mp.dss.data_len, 0);
	assert_true(s->p.mp.dss.dsn == out_dsn(w, 1000));
	assert_int_equal(s->p.mp.dss.ssn, 1001);
	s = find_data(w);
	assert_int_equal(s->p.mp.present, 0);
}

/* An echo of ADD_ADDR acknowledges data before any DSS does: options do come through. */
static void acked_with_other_option(void **state)
{
	struct world *w = *state;
	struct opt_buf o = {.room = TCP_OPTIONS_MAX};

	open_mptcp(w, MPC_FLAG_H);
	user_send(w, 1000);
	mp_build_prio(&o, false);
	say(w, 0, TCPF_ACK, &o, NULL, 0);
	assert_int_equal(w->c->mode, CONN_MPTCP);
	assert_int_equal(conn_snd_queued(w->c).octets, 1000);
	ack(w, 0);
	assert_int_equal(conn_snd_queued(w->c).octets, 0);
}

static void fin_without_any_dss(void **state)
{
	struct world *w = *state;

	open_mptcp(w, MPC_FLAG_H);
	say(w, 0, TCPF_ACK | TCPF_FIN, NULL, NULL, 0);
	assert_int_equal(w->fins, 1);
	assert_int_equal(w->c->mode, CONN_FALLBACK);
	user_send(w, 100);
	assert_non_null(find_data(w));
	conn_shutdown(w->c);
	say(w, 0, TCPF_ACK, NULL, NULL, 0);
	find_flag(w, TCPF_FIN);
	say(w, 0, TCPF_ACK, NULL, NULL, 0);
	closed_with(w, CONN_END_DONE);
}

static void infinite_mapping(void **state)
{
	struct world *w = *state;
	struct opt_buf o;
	uint8_t b[200];

	open_mptcp(w, MPC_FLAG_H);
	data(w, 0, 0, 100);
	fill(b, 100, 200);
	put_dss(w, &o, MAP64, in_dsn(w, 100), 101, 0, NULL, 0);
	say(w, 0, TCPF_ACK, &o, b, 100);
	say(w, 0, TCPF_ACK, NULL, b + 100, 100);
	assert_int_equal(w->c->mode, CONN_FALLBACK);
	assert_int_equal(w->rx_len, 300);
	assert_int_equal(rx_wrong(w, 0, 300), 0);
}

/* The mapping arrives alone, with octets waiting for one. */
static void infinite_mapping_alone(void **state)
{
	struct world *w = *state;
	struct opt_buf o;
	uint8_t b[100];

	open_mptcp(w, MPC_FLAG_H);
	data(w, 0, 0, 100);
	fill(b, 100, 100);
	say(w, 0, TCPF_ACK, NULL, b, 100);
	assert_int_equal(w->rx_len, 100);
	put_dss(w, &o, MAP64, in_dsn(w, 100), 101, 0, NULL, 0);
	say(w, 0, TCPF_ACK, &o, NULL, 0);
	assert_int_equal(w->c->mode, CONN_FALLBACK);
	assert_int_equal(w->rx_len, 200);
	fill(b, 200, 100);
	say(w, 0, TCPF_ACK, NULL, b, 100);
	assert_int_equal(rx_wrong(w, 0, 300), 0);
}

static void bad_checksum(struct world *w, unsigned int i, uint32_t off)
{
	struct opt_buf o;
	uint8_t b[100];

	fill(b, off, 100);
	put_dss(w, &o, MAP64 | ACK64, in_dsn(w, off), ssn_of(w, i), 100, b, 100);
	b[50] ^= 1;
	say(w, i, TCPF_ACK, &o, b, 100);
}

static void checksum_fails_alone(void **state)
{
	struct world *w = *state;
	struct sent *s;

	open_mptcp(w, MPC_FLAG_H | MPC_FLAG_A);
	data(w, 0, 0, 100);
	forget(w);
	bad_checksum(w, 0, 100);
	assert_int_equal(w->c->mode, CONN_FALLBACK);
	s = find(w, MP_FAIL);
	assert_non_null(s);
	assert_true(s->p.mp.fail_dsn == in_dsn(w, 100));
	assert_int_equal(w->rx_len, 200);
	assert_int_equal(rx_wrong(w, 0, 200), 1);
	user_send(w, 500);
	s = find_data(w);
	assert_int_equal(s->p.mp.dss.data_len, 0);
	assert_true(s->p.mp.dss.has_csum);
	assert_int_equal(s->p.mp.dss.csum, 0);
}

static void checksum_fails_of_two(void **state)
{
	struct world *w = *state;
	struct sent *s;

	open_mptcp(w, MPC_FLAG_H | MPC_FLAG_A);
	data(w, 0, 0, 100);
	join(w, 1);
	bad_checksum(w, 1, 100);
	s = want_rst(w, 1, MP_RST_MIDDLEBOX);
	assert_true(s->p.mp.present & MP_BIT(MP_FAIL));
	assert_true(s->p.mp.fail_dsn == in_dsn(w, 100));
	assert_int_equal(w->c->mode, CONN_MPTCP);
	assert_int_equal(w->rx_len, 100);
	data(w, 0, 100, 100);
	assert_int_equal(rx_wrong(w, 0, 200), 0);
}

/* No fallback but RST with MP_FAIL on path 0, and the peer goes on elsewhere: at off. */
static void no_fallback(struct world *w, uint64_t fail_dsn, uint32_t off)
{
	struct sent *s = want_rst(w, 0, MP_RST_MIDDLEBOX);

	assert_true(s->p.mp.present & MP_BIT(MP_FAIL));
	assert_true(s->p.mp.fail_dsn == fail_dsn);
	assert_int_equal(ctr(w, CTR_MP_FAIL_TX), 1);
	assert_int_equal(w->closed, 0);
	assert_int_equal(w->c->mode, CONN_MPTCP);
	assert_int_equal(w->c->n_subflows, 0);
	assert_int_equal(w->rx_len, off);
	join(w, 3);
	data(w, 3, off, 100);
	assert_int_equal(w->rx_len, off + 100);
	assert_int_equal(rx_wrong(w, 0, off + 100), 0);
	assert_false(w->rx_plain);
}

/* Another path had its part in the stream: what lies on this one is not all of it. */
static void checksum_fails_after_join(void **state)
{
	struct world *w = *state;

	open_mptcp(w, MPC_FLAG_H | MPC_FLAG_A);
	data(w, 0, 0, 100);
	join(w, 1);
	data(w, 1, 100, 100);
	say(w, 1, TCPF_RST | TCPF_ACK, NULL, NULL, 0);
	assert_int_equal(w->c->n_subflows, 1);
	data(w, 0, 200, 100);
	forget(w);
	bad_checksum(w, 0, 300);
	no_fallback(w, in_dsn(w, 300), 300);
}

/* The mapping does not follow what was received: as plain octets it would be in the wrong place. */
static void checksum_fails_on_old_data(void **state)
{
	struct world *w = *state;

	open_mptcp(w, MPC_FLAG_H | MPC_FLAG_A);
	data(w, 0, 0, 100);
	forget(w);
	bad_checksum(w, 0, 50);
	no_fallback(w, in_dsn(w, 50), 100);
}

static void checksum_fails_ahead(void **state)
{
	struct world *w = *state;

	open_mptcp(w, MPC_FLAG_H | MPC_FLAG_A);
	data(w, 0, 0, 100);
	forget(w);
	bad_checksum(w, 0, 200);
	no_fallback(w, in_dsn(w, 200), 100);
}

/* The same for what the peer does not like of ours: no way back after a second path. */
static void fail_received_after_join(void **state)
{
	struct world *w = *state;
	struct opt_buf o = {.room = TCP_OPTIONS_MAX};

	open_mptcp(w, MPC_FLAG_H | MPC_FLAG_A);
	data(w, 0, 0, 100);
	join(w, 1);
	say(w, 1, TCPF_RST | TCPF_ACK, NULL, NULL, 0);
	user_send(w, 1000);
	ack(w, 0);
	forget(w);
	mp_build_fail(&o, out_dsn(w, 0));
	say(w, 0, TCPF_ACK, &o, NULL, 0);
	want_rst(w, 0, MP_RST_MIDDLEBOX);
	assert_int_equal(w->c->mode, CONN_MPTCP);
	join(w, 2);
	data(w, 2, 100, 100);
	assert_int_equal(rx_wrong(w, 0, 200), 0);
}

/* A join that is not proven does not stand in the way. */
static void checksum_fails_beside_join(void **state)
{
	struct world *w = *state;

	open_mptcp(w, MPC_FLAG_H | MPC_FLAG_A);
	data(w, 0, 0, 100);
	join_syn(w, 1, false);
	w->path[1].nonce_theirs = find(w, MP_JOIN)->p.mp.join.nonce;
	bad_checksum(w, 0, 100);
	assert_int_equal(w->c->mode, CONN_FALLBACK);
	want_rst(w, 1, MP_RST_MPTCP);
	forget(w);
	join_ack(w, 1);
	want_rst(w, 1, -1);
	assert_int_equal(w->c->n_subflows, 1);
}

static void fail_received(void **state)
{
	struct world *w = *state;
	struct opt_buf o = {.room = TCP_OPTIONS_MAX};
	struct sent *s;

	open_mptcp(w, MPC_FLAG_H | MPC_FLAG_A);
	data(w, 0, 0, 100);
	user_send(w, 1000);
	forget(w);
	mp_build_fail(&o, out_dsn(w, 0));
	say(w, 0, TCPF_ACK, &o, NULL, 0);
	assert_int_equal(w->c->mode, CONN_FALLBACK);
	s = find(w, MP_FAIL);
	assert_non_null(s);
	assert_true(s->p.mp.fail_dsn == in_dsn(w, 100));
	say(w, 0, TCPF_ACK, NULL, NULL, 0);
	assert_int_equal(conn_snd_queued(w->c).octets, 0);
}

/* A mapping whose beginning went under another can never be verified: not kept for ever. */
static void checksum_overlapping_maps(void **state)
{
	struct world *w = *state;
	struct opt_buf o;
	uint8_t b[100];

	open_mptcp(w, MPC_FLAG_H | MPC_FLAG_A);
	data(w, 0, 0, 100);
	fill(b, 50, 100);
	put_dss(w, &o, MAP64, in_dsn(w, 50), 51, 100, b, 100);
	say(w, 0, TCPF_ACK, &o, b + 50, 50);
	want_rst(w, 0, MP_RST_MPTCP);
}

static void checksum_spread_thin(void **state)
{
	struct world *w = *state;
	struct opt_buf o;
	uint8_t b[1] = {0};

	open_mptcp(w, MPC_FLAG_H | MPC_FLAG_A);
	put_dss(w, &o, MAP64, in_dsn(w, 0), 1, 60000, b, 1);
	for (unsigned int i = 0; i < 3000 && ctr(w, CTR_TCP_OUT_RSTS) == 0; i++) {
		forget(w);
		say(w, 0, TCPF_ACK, i == 0 ? &o : NULL, b, 1);
	}
	want_rst(w, 0, MP_RST_TOO_MUCH);
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(no_capable_in_third),        T(data_overtakes_third),
		T(first_data_without_dss),     T(acked_without_dss),
		T(acked_with_other_option),    T(fin_without_any_dss),
		T(infinite_mapping),           T(infinite_mapping_alone),
		T(checksum_fails_alone),       T(checksum_fails_of_two),
		T(checksum_fails_after_join),  T(checksum_fails_on_old_data),
		T(checksum_fails_ahead),       T(fail_received_after_join),
		T(checksum_fails_beside_join), T(fail_received),
		T(checksum_overlapping_maps),  T(checksum_spread_thin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
