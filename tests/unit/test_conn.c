/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Opening of connections, joins, cookies and workers: the connection layer against a
 * scripted peer. What goes out is compared with RFC 8684 s3.1 and s3.2, and after each test every
 * pool, table, timer and buffer is back.
 */
#include "test_conn_net.h"
#include "mptcp/wire/checksum.h"

/* --- MP_CAPABLE ------------------------------------------------------------------------------------ */

static void capable(void **state)
{
	struct world *w = *state;
	struct sent *s;

	open_syn(w, 1, MPC_FLAG_H);
	s = want(w, 0);
	assert_int_equal(s->p.mp.present, MP_BIT(MP_CAPABLE));
	assert_int_equal(s->p.mp.capable.version, 1);
	assert_int_equal(s->p.mp.capable.flags, MPC_FLAG_H);
	take_keys(w, s->p.mp.capable.sender_key);
	assert_int_equal(w->accepted, 0);
	open_ack(w, MPC_FLAG_H);
	assert_int_equal(w->accepted, 1);
	/* The DSS that lets the peer join. */
	s = want(w, 0);
	assert_int_equal(s->p.mp.present, MP_BIT(MP_DSS));
	assert_int_equal(s->p.mp.dss.flags, ACK64);
	assert_true(s->p.mp.dss.data_ack == in_dsn(w, 0));
	assert_null(next(w));
}

static void capable_with_data(void **state)
{
	struct world *w = *state;
	bool csum = w->params.checksum;
	struct opt_buf o = {.room = TCP_OPTIONS_MAX};
	struct mp_capable mpc = {.version = 1, .n_keys = 2, .has_data_len = true, .data_len = 100};
	uint8_t flags = MPC_FLAG_H | (csum ? MPC_FLAG_A : 0), b[100];

	open_syn(w, 1, flags);
	take_keys(w, want(w, 0)->p.mp.capable.sender_key);
	fill(b, 0, 100);
	mpc.flags = flags;
	mpc.sender_key = KEY_A;
	mpc.receiver_key = w->key_b;
	mpc.has_csum = csum;
	mpc.csum = be16toh(
		(uint16_t)~csum_add(mp_dss_pseudo_sum(in_dsn(w, 0), 1, 100), csum_partial(b, 100)));
	mp_build_capable(&o, &mpc);
	feed(w, 0, TCPF_ACK, w->path[0].seq, &o, b, 100);
	assert_int_equal(w->rx_len, 100);
	assert_int_equal(rx_wrong(w, 0, 100), 0);
	assert_int_equal(acked_off(w), 100);
	/* It comes again; then more. */
	say(w, 0, TCPF_ACK, &o, b, 100);
	assert_int_equal(w->rx_len, 100);
	data(w, 0, 100, 500);
	assert_int_equal(w->rx_len, 600);
	assert_int_equal(rx_wrong(w, 0, 600), 0);
	assert_int_equal(acked_off(w), 600);
}

static void capable_with_data_csum(void **state)
{
	struct world *w = *state;

	w->params.checksum = true;
	capable_with_data(state);
}

static void checksum_wanted_by(struct world *w, bool us, bool peer)
{
	uint8_t flags = MPC_FLAG_H | (peer ? MPC_FLAG_A : 0);
	struct sent *s;
	const struct mp_dss *d;
	uint16_t sum;

	w->params.checksum = us;
	open_syn(w, 1, flags);
	s = want(w, 0);
	assert_int_equal(s->p.mp.capable.flags, MPC_FLAG_H | MPC_FLAG_A);
	take_keys(w, s->p.mp.capable.sender_key);
	open_ack(w, MPC_FLAG_H | MPC_FLAG_A);
	assert_true(w->c->csum);
	data(w, 0, 0, 999);
	assert_int_equal(rx_wrong(w, 0, 999), 0);
	forget(w);
	user_send(w, 777);
	s = find_data(w);
	d = &s->p.mp.dss;
	assert_true(d->has_csum);
	assert_int_equal(d->data_len, 777);
	sum = csum_add(mp_dss_pseudo_sum(d->dsn, d->ssn, 777), csum_partial(s->data, 777));
	assert_int_equal(csum_add(sum, htobe16(d->csum)), 0xffff);
	/* A DATA_FIN has one too. */
	ack(w, 0);
	forget(w);
	conn_shutdown(w->c);
	s = find(w, MP_DSS);
	d = &s->p.mp.dss;
	assert_true(d->flags & DSS_FLAG_FIN && d->has_csum);
	sum = mp_dss_pseudo_sum(d->dsn, 0, 1);
	assert_int_equal(csum_add(sum, htobe16(d->csum)), 0xffff);
}

static void checksum_ours(void **state)
{
	checksum_wanted_by(*state, true, false);
}

static void checksum_theirs(void **state)
{
	checksum_wanted_by(*state, false, true);
}

/* A checksum where none was agreed, and none where one was (RFC 8684 s3.3). */
static void checksum_unexpected(void **state)
{
	struct world *w = *state;
	struct opt_buf o = {.room = TCP_OPTIONS_MAX};
	struct mp_dss d = {
		.flags = MAP64, .dsn = 0, .ssn = 1, .data_len = 100, .has_csum = true, .csum = 1};
	uint8_t b[100];

	open_mptcp(w, MPC_FLAG_H);
	d.dsn = in_dsn(w, 0);
	fill(b, 0, 100);
	mp_build_dss(&o, &d);
	say(w, 0, TCPF_ACK, &o, b, 100);
	assert_int_equal(w->rx_len, 0);
	want_rst(w, 0, MP_RST_MPTCP);
}

static void checksum_missing(void **state)
{
	struct world *w = *state;
	struct opt_buf o;

	open_mptcp(w, MPC_FLAG_H | MPC_FLAG_A);
	put_dss(w, &o, MAP64 | NO_CSUM, in_dsn(w, 0), 0, 1, NULL, 0);
	say(w, 0, TCPF_ACK, &o, NULL, 0);
	want_rst(w, 0, MP_RST_MPTCP);
}

static void plain_after(struct world *w, uint8_t version, uint8_t flags)
{
	uint8_t b[10];

	open_syn(w, version, flags);
	assert_int_equal(want(w, 0)->p.mp.present, 0);
	say(w, 0, TCPF_ACK, NULL, NULL, 0);
	assert_int_equal(w->c->mode, CONN_TCP);
	fill(b, 0, 10);
	say(w, 0, TCPF_ACK, NULL, b, 10);
	assert_int_equal(rx_wrong(w, 0, 10), 0);
}

static void version_0(void **state)
{
	plain_after(*state, 0, MPC_FLAG_H);
}

static void version_2(void **state)
{
	struct world *w = *state;
	struct sent *s;

	open_syn(w, 2, MPC_FLAG_H);
	s = want(w, 0);
	assert_int_equal(s->p.mp.capable.version, 1);
	take_keys(w, s->p.mp.capable.sender_key);
	open_ack(w, MPC_FLAG_H);
	assert_int_equal(w->c->mode, CONN_MPTCP);
}

static void flag_b(void **state)
{
	plain_after(*state, 1, MPC_FLAG_H | MPC_FLAG_B);
}

static void no_flag_h(void **state)
{
	plain_after(*state, 1, 0);
}

static void listener_without(void **state)
{
	((struct world *)*state)->params.mptcp = false;
	plain_after(*state, 1, MPC_FLAG_H);
}

static void user_refuses(void **state)
{
	struct world *w = *state;

	w->accept_rc = -1;
	open_syn(w, 1, MPC_FLAG_H);
	take_keys(w, want(w, 0)->p.mp.capable.sender_key);
	open_ack(w, MPC_FLAG_H);
	assert_non_null(find(w, MP_FASTCLOSE));
	assert_int_equal(w->closed, 0);
}

static void user_aborts_at_once(void **state)
{
	struct world *w = *state;

	w->on_accepted = conn_abort;
	open_syn(w, 1, MPC_FLAG_H);
	take_keys(w, want(w, 0)->p.mp.capable.sender_key);
	open_ack(w, MPC_FLAG_H);
	closed_with(w, CONN_END_ABORT);
}

static void reset_in_handshake(void **state)
{
	struct world *w = *state;

	open_syn(w, 1, MPC_FLAG_H);
	forget(w);
	say(w, 0, TCPF_RST, NULL, NULL, 0);
	assert_int_equal(pool_used(&w->mp.conns), 0);
	assert_int_equal(w->accepted, 0);
}

static void handshake_given_up(void **state)
{
	struct world *w = *state;

	open_syn(w, 1, MPC_FLAG_H);
	world_wait(w, 100000);
	assert_int_equal(pool_used(&w->mp.conns), 0);
}

/* --- MP_JOIN ---------------------------------------------------------------------------------------- */

static void join_good(void **state)
{
	struct world *w = *state;

	open_mptcp(w, MPC_FLAG_H);
	data(w, 0, 0, 100);
	join(w, 1);
	data(w, 1, 100, 100);
	data(w, 0, 200, 100);
	assert_int_equal(w->rx_len, 300);
	assert_int_equal(rx_wrong(w, 0, 300), 0);
	assert_int_equal(w->c->n_subflows, 2);
	assert_null(next(w) == NULL ? NULL : find_flag(w, TCPF_RST));
}

static void join_bad_hmac(void **state)
{
	struct world *w = *state;

	open_mptcp(w, MPC_FLAG_H);
	data(w, 0, 0, 100);
	forget(w);
	join_syn(w, 1, false);
	w->path[1].nonce_theirs = want(w, 1)->p.mp.join.nonce ^ 1;
	join_ack(w, 1);
	want_rst(w, 1, MP_RST_MPTCP);
	assert_int_equal(w->c->n_subflows, 1);
	assert_int_equal(ctr(w, CTR_MPJOIN_ACK_HMAC_FAIL), 1);
}

static void join_without_option(void **state)
{
	struct world *w = *state;

	open_mptcp(w, MPC_FLAG_H);
	forget(w);
	join_syn(w, 1, false);
	want(w, 1);
	say(w, 1, TCPF_ACK, NULL, NULL, 0);
	want_rst(w, 1, MP_RST_MPTCP);
	assert_int_equal(w->c->n_subflows, 1);
}

static void join_unknown_token(void **state)
{
	struct world *w = *state;

	open_mptcp(w, MPC_FLAG_H);
	w->token_b ^= 1;
	join_syn(w, 1, false);
	want_rst(w, 1, MP_RST_MPTCP);
	assert_int_equal(ctr(w, CTR_MPJOIN_NO_TOKEN), 1);
}

static void join_unproven_gets_nothing(void **state)
{
	struct world *w = *state;

	open_mptcp(w, MPC_FLAG_H);
	forget(w);
	join_syn(w, 1, false);
	assert_int_equal(want(w, 1)->p.flags, TCPF_SYN | TCPF_ACK);
	w->path[0].deaf = true;
	user_send(w, 50000);
	data(w, 0, 0, 100);
	data_fin(w, 0, 100);
	conn_shutdown(w->c);
	world_wait(w, 10000);
	for (struct sent *s; (s = next(w)) != NULL;) {
		if (s->path != 1)
			continue;
		assert_int_equal(s->p.flags, TCPF_SYN | TCPF_ACK);
		assert_int_equal(s->p.payload_len, 0);
		assert_int_equal(s->p.mp.present, MP_BIT(MP_JOIN));
	}
}

static void join_limit(void **state)
{
	struct world *w = *state;

	w->params.subflows_max = 2;
	open_mptcp(w, MPC_FLAG_H);
	data(w, 0, 0, 100);
	join(w, 1);
	join_syn(w, 2, false);
	want_rst(w, 2, MP_RST_PROHIBITED);
	assert_int_equal(w->c->n_subflows, 2);
}

static void join_too_early(void **state)
{
	struct world *w = *state;

	open_syn(w, 1, MPC_FLAG_H);
	take_keys(w, want(w, 0)->p.mp.capable.sender_key);
	join_syn(w, 1, false);
	want_rst(w, 1, MP_RST_MPTCP);
}

/* A client with nothing to say joins as soon as it has seen our first DSS. */
static void join_before_data(void **state)
{
	struct world *w = *state;

	open_mptcp(w, MPC_FLAG_H);
	join(w, 1);
	data(w, 1, 0, 100);
	assert_int_equal(rx_wrong(w, 0, 100), 0);
}

static void join_third_again(void **state)
{
	struct world *w = *state;

	open_mptcp(w, MPC_FLAG_H);
	join(w, 1);
	join_ack(w, 1);
	assert_int_equal(want(w, 1)->p.mp.present, MP_BIT(MP_DSS));
	assert_null(next(w));
	assert_int_equal(w->c->n_subflows, 2);
	assert_int_equal(ctr(w, CTR_MPJOIN_ACK_RX), 1);
}

static void join_syn_again(void **state)
{
	struct world *w = *state;
	struct pkt first;

	open_mptcp(w, MPC_FLAG_H);
	forget(w);
	join_syn(w, 1, false);
	first = want(w, 1)->p;
	w->path[1].seq--;
	join_syn(w, 1, false);
	assert_int_equal(w->c->n_subflows, 2);
	w->path[1].nonce_theirs = want(w, 1)->p.mp.join.nonce;
	assert_int_equal(w->path[1].nonce_theirs, first.mp.join.nonce);
	assert_int_equal(w->path[1].irs, first.seq);
	world_wait(w, 1100); /* ours again */
	assert_int_equal(want(w, 1)->p.mp.join.nonce, first.mp.join.nonce);
	join_ack(w, 1);
	assert_int_equal(want(w, 1)->p.mp.present, MP_BIT(MP_DSS));
	/* A repeated SYN/ACK does not make the new path a stale one. */
	assert_int_equal(ctr(w, CTR_MP_SUBFLOW_STALE), 0);
}

static void join_of_fallen_back(void **state)
{
	struct world *w = *state;
	uint8_t b[10] = {0};

	open_mptcp(w, MPC_FLAG_H);
	say(w, 0, TCPF_ACK, NULL, b, 10);
	forget(w);
	join_syn(w, 1, false);
	want_rst(w, 1, MP_RST_MPTCP);
}

static void capable_and_join(void **state)
{
	struct world *w = *state;
	struct opt_buf o = {.room = TCP_OPTIONS_MAX};
	struct mp_capable mpc = {.version = 1, .flags = MPC_FLAG_H};
	struct mp_join j = {.form = MPJ_SYN};

	mp_build_capable(&o, &mpc);
	mp_build_join(&o, &j);
	say(w, 0, TCPF_SYN, &o, NULL, 0);
	assert_int_equal(want(w, 0)->p.flags, TCPF_SYN | TCPF_ACK);
	assert_int_equal(ctr(w, CTR_MP_OPT_CONFLICT), 1);
}

/* --- cookies, workers ----------------------------------------------------------------------------------- */

static void cookie(void **state)
{
	struct world *w = *state;
	struct sent *s;

	w->mp.half_open_max = 0;
	open_syn(w, 1, MPC_FLAG_H);
	s = want(w, 0);
	assert_int_equal(s->p.flags, TCPF_SYN | TCPF_ACK);
	assert_int_equal(s->p.mp.present, MP_BIT(MP_CAPABLE));
	assert_int_equal(pool_used(&w->mp.conns), 0);
	take_keys(w, s->p.mp.capable.sender_key);
	open_ack(w, MPC_FLAG_H);
	assert_int_equal(w->accepted, 1);
	assert_int_equal(w->c->mode, CONN_MPTCP);
	assert_true(w->c->key_local == w->key_b);
	data(w, 0, 0, 1000);
	assert_int_equal(rx_wrong(w, 0, 1000), 0);
	w->mp.half_open_max = 10;
	join(w, 1);
}

static void cookie_with_data(void **state)
{
	((struct world *)*state)->mp.half_open_max = 0;
	capable_with_data(state);
}

static void cookie_forged_key(void **state)
{
	struct world *w = *state;

	w->mp.half_open_max = 0;
	open_syn(w, 1, MPC_FLAG_H);
	take_keys(w, want(w, 0)->p.mp.capable.sender_key ^ 1);
	open_ack(w, MPC_FLAG_H);
	assert_int_equal(w->accepted, 1);
	assert_int_not_equal(w->c->mode, CONN_MPTCP);
}

static void cookie_plain(void **state)
{
	struct world *w = *state;

	w->mp.half_open_max = 0;
	open_plain(w);
	user_send(w, 100);
	say(w, 0, TCPF_ACK, NULL, NULL, 0);
	assert_int_equal(conn_snd_queued(w->c).octets, 0);
}

static void stray(void **state)
{
	struct world *w = *state;

	say(w, 0, TCPF_ACK, NULL, NULL, 0);
	want_rst(w, 0, -1);
	w->listens = false;
	say(w, 1, TCPF_SYN, NULL, NULL, 0);
	want_rst(w, 1, -1);
	say(w, 2, TCPF_RST, NULL, NULL, 0);
	assert_null(next(w));
}

/* LISTEN answers nothing but an ACK with RST, CLOSED everything (RFC 9293 s3.10.7.1 and .2). */
static void stray_without_ack(void **state)
{
	static const uint8_t flags[] = {TCPF_FIN, TCPF_PSH, TCPF_URG,
					TCPF_FIN | TCPF_PSH | TCPF_URG};
	struct world *w = *state;

	for (unsigned int i = 0; i < sizeof(flags); i++) {
		w->listens = true;
		say(w, 0, flags[i], NULL, "x", 1);
		assert_null(next(w));
		assert_int_equal(ctr(w, CTR_DROP_TCP_NO_ACK), i + 1);
		w->listens = false;
		say(w, 1, flags[i], NULL, "x", 1);
		want_rst(w, 1, -1);
	}
}

static void pools_run_dry(void **state)
{
	struct world *w = *state;

	for (unsigned int k = 0; k < 100; k++) {
		w->path[0].key.remote_port = (uint16_t)(2000 + k);
		w->path[0].seq = w->path[0].iss;
		say(w, 0, TCPF_SYN, NULL, NULL, 0);
		assert_int_equal(want(w, 0)->p.flags, TCPF_SYN | TCPF_ACK);
	}
	assert_true(ctr(w, CTR_SYN_COOKIES_SENT) > 0);
	assert_true(ctr(w, CTR_CUR_HALF_OPEN) <= w->mp.half_open_max);
	w->path[0].key.remote_port = 1000;
}

static void keys_name_worker(void **state)
{
	(void)state;
	for (uint16_t n = 2; n <= 3; n++) {
		for (uint16_t me = 0; me < n; me++) {
			struct world *w = world_new(me, n);
			struct sent *s;
			uint32_t token;
			uint64_t idsn;

			assert_true(w->mp.n_keys > 0);
			for (unsigned int k = 0; k < w->mp.n_keys; k++) {
				mp_key_derive(w->mp.key_pool[k], &token, &idsn);
				assert_int_equal(token_owner(token, n), me);
			}
			w->mp.n_keys = 0; /* made at once then */
			open_mptcp(w, MPC_FLAG_H);
			assert_int_equal(token_owner(w->token_b, n), me);
			join_syn(w, 1, false);
			s = find(w, MP_JOIN);
			for (uint16_t at = 0; at < n; at++) {
				struct stack other = w->st;

				other.worker = at;
				assert_int_equal(
					mptcp_join_ack_owner(&other, &w->path[1].key, s->p.seq + 1),
					me);
			}
			w->path[1].nonce_theirs = s->p.mp.join.nonce;
			join_ack(w, 1);
			assert_int_equal(w->steered, 1);
			world_free(w);
		}
	}
}

static void cookie_is_steered(void **state)
{
	unsigned int mptcp = 0;

	(void)state;
	for (uint16_t port = 1; port < 40; port++) {
		struct world *w = world_new(1, 2);
		uint32_t token;
		uint64_t idsn;

		w->mp.half_open_max = 0;
		w->path[0].key.remote_port = port;
		open_syn(w, 1, MPC_FLAG_H);
		take_keys(w, want(w, 0)->p.mp.capable.sender_key);
		mp_key_derive(w->key_b, &token, &idsn);
		/* Steering would bring it to the worker that the token names. */
		w->st.worker = token_owner(token, 2);
		open_ack(w, MPC_FLAG_H);
		assert_int_equal(w->c->mode, CONN_MPTCP);
		assert_int_equal(w->steered, 1);
		mptcp += w->st.worker;
		world_free(w);
	}
	assert_in_range(mptcp, 1, 38);
}

/* A DATA_FIN that overtook the third packet. */
static void fin_before_keys(void **state)
{
	struct world *w = *state;
	struct sent *s;

	open_syn(w, 1, MPC_FLAG_H);
	s = want(w, 0);
	take_keys(w, s->p.mp.capable.sender_key);
	data_fin(w, 0, 0);
	assert_int_equal(w->accepted, 0);
	open_ack(w, MPC_FLAG_H);
	assert_int_equal(w->accepted, 1);
	assert_int_equal(w->c->mode, CONN_MPTCP);
	data_fin(w, 0, 0);
	assert_int_equal(w->fins, 1);
}

/* --- active opens --------------------------------------------------------------------------------------- */

static struct conn *connect_out(struct world *w)
{
	struct flow_key key = w->path[0].key;
	struct conn *c;

	w->path[0].ack = 0;
	c = conn_connect(&w->mp, &w->params, &key, 0, w);
	assert_non_null(c);
	assert_int_equal(want(w, 0)->p.flags, TCPF_SYN);
	return c;
}

static void connect_and_close(void **state)
{
	struct world *w = *state;
	struct sent *s;

	w->c = connect_out(w);
	/* Data and the wish to close may come before the peer's answer. */
	user_send(w, 3000);
	conn_shutdown(w->c);
	assert_null(next(w));
	say(w, 0, TCPF_SYN | TCPF_ACK, NULL, NULL, 0);
	assert_int_equal(w->connected, 1);
	assert_int_equal(w->c->state, CONN_FIN_WAIT_1);
	for (uint32_t off = 0; off < 3000; off += s->p.payload_len) {
		s = find_data(w);
		assert_non_null(s);
		assert_int_equal(s->data[0], pattern(off));
	}
	say(w, 0, TCPF_ACK, NULL, NULL, 0);
	assert_int_equal(w->c->state, CONN_FIN_WAIT_2);
	say(w, 0, TCPF_ACK | TCPF_FIN, NULL, NULL, 0);
	closed_with(w, CONN_END_DONE);
}

static void connect_refused(void **state)
{
	struct world *w = *state;

	w->c = connect_out(w);
	say(w, 0, TCPF_RST | TCPF_ACK, NULL, NULL, 0);
	closed_with(w, CONN_END_REFUSED);
}

static void connect_twice(void **state)
{
	struct world *w = *state;
	struct flow_key key = w->path[0].key;

	w->c = connect_out(w);
	assert_null(conn_connect(&w->mp, &w->params, &key, 0, w));
	assert_int_equal(pool_used(&w->mp.conns), 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(capable),
		T(fin_before_keys),
		T(capable_with_data),
		T(capable_with_data_csum),
		T(checksum_ours),
		T(checksum_theirs),
		T(checksum_unexpected),
		T(checksum_missing),
		T(version_0),
		T(version_2),
		T(flag_b),
		T(no_flag_h),
		T(listener_without),
		T(user_refuses),
		T(user_aborts_at_once),
		T(reset_in_handshake),
		T(handshake_given_up),
		T(join_good),
		T(join_bad_hmac),
		T(join_without_option),
		T(join_unknown_token),
		T(join_unproven_gets_nothing),
		T(join_limit),
		T(join_too_early),
		T(join_before_data),
		T(join_third_again),
		T(join_syn_again),
		T(join_of_fallen_back),
		T(capable_and_join),
		T(cookie),
		T(cookie_with_data),
		T(cookie_forged_key),
		T(cookie_plain),
		T(stray),
		T(stray_without_ack),
		T(pools_run_dry),
		cmocka_unit_test(keys_name_worker),
		cmocka_unit_test(cookie_is_steered),
		T(connect_and_close),
		T(connect_refused),
		T(connect_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
