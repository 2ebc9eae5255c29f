/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The client role: MP_CAPABLE and MP_JOIN as those who begin. The scripted peer is the server.
 */
#include "test_conn_net.h"

#include "mptcp/conn/conn_internal.h"
#include "mptcp/wire/checksum.h"

#define ID_LOCAL  3
#define ID_REMOTE 7

/* Our SYN is out and asks for MPTCP. */
static void connect_out(struct world *w)
{
	struct flow_key key = w->path[0].key;
	struct sent *s;

	w->path[0].ack = 0;
	w->c = conn_connect(&w->mp, &w->params, &key, 0, w);
	assert_non_null(w->c);
	s = want(w, 0);
	assert_int_equal(s->p.flags, TCPF_SYN);
	assert_int_equal(s->p.mp.present, MP_BIT(MP_CAPABLE));
	assert_int_equal(s->p.mp.capable.n_keys, 0);
	assert_int_equal(s->p.mp.capable.version, 1);
	take_keys(w, w->c->key_local);
}

static void answer_flags(struct world *w, uint8_t version, uint8_t flags)
{
	struct opt_buf o = {.room = TCP_OPTIONS_MAX};
	struct mp_capable mpc = {
		.version = version, .flags = flags, .n_keys = 1, .sender_key = KEY_A};

	mp_build_capable(&o, &mpc);
	say(w, 0, TCPF_SYN | TCPF_ACK, &o, NULL, 0);
}

static void expect_keys(struct world *w, const struct sent *s, unsigned int data_len)
{
	assert_int_equal(s->p.mp.present, MP_BIT(MP_CAPABLE));
	assert_int_equal(s->p.mp.capable.n_keys, 2);
	assert_true(s->p.mp.capable.sender_key == w->key_b);
	assert_true(s->p.mp.capable.receiver_key == KEY_A);
	assert_int_equal(s->p.mp.capable.has_data_len, data_len > 0);
	if (data_len > 0)
		assert_int_equal(s->p.mp.capable.data_len, data_len);
}

/* Established, the third packet seen. */
static void open_active(struct world *w, uint8_t flags)
{
	connect_out(w);
	answer_flags(w, 1, flags);
	assert_int_equal(w->connected, 1);
	assert_int_equal(w->c->mode, CONN_MPTCP);
	assert_int_equal(w->c->state, CONN_ESTABLISHED);
	expect_keys(w, want(w, 0), 0);
}

/* ... and a DSS of the peer. */
static void open_fully(struct world *w)
{
	open_active(w, MPC_FLAG_H);
	ack(w, 0);
	assert_true(w->c->fully_established);
	forget(w);
}

/* The peer speaks first: the keys until then, DSS from then on. */
static void server_speaks_first(void **state)
{
	struct world *w = *state;

	open_active(w, MPC_FLAG_H);
	assert_int_equal(ctr(w, CTR_MPCAPABLE_SYN_TX), 1);
	assert_int_equal(ctr(w, CTR_MPCAPABLE_SYNACK_RX), 1);
	/* it has not heard of the third packet */
	w->path[0].seq--;
	answer_flags(w, 1, MPC_FLAG_H);
	expect_keys(w, want(w, 0), 0);
	data(w, 0, 0, 1000);
	assert_int_equal(w->rx_len, 1000);
	assert_int_equal(rx_wrong(w, 0, 1000), 0);
	data(w, 0, 1000, 1000);
	assert_int_equal(acked_off(w), 2000);
	user_send(w, 500);
	assert_int_equal(find_data(w)->p.mp.present, MP_BIT(MP_DSS));
}

/* We do: the first octets bring the keys, each time they are sent, what follows has a DSS. */
static void client_speaks_first(void **state)
{
	struct world *w = *state;
	struct sent *s;

	for (unsigned int csum = 0; csum < 2; csum++) {
		open_active(w, csum ? MPC_FLAG_H | MPC_FLAG_A : MPC_FLAG_H);
		assert_int_equal(w->c->csum, csum);
		user_send(w, 3000);
		s = find_data(w);
		expect_keys(w, s, s->p.payload_len);
		assert_int_equal(s->p.mp.capable.has_csum, csum);
		assert_int_equal((s->p.mp.capable.flags & MPC_FLAG_A) != 0, csum);
		if (csum) {
			uint16_t sum =
				csum_add(mp_dss_pseudo_sum(w->idsn_b + 1, 1, s->p.payload_len),
					 csum_partial(s->data, s->p.payload_len));

			assert_int_equal(s->p.mp.capable.csum, rte_be_to_cpu_16((uint16_t)~sum));
		}
		s = find_data(w);
		assert_int_equal(s->p.mp.present, MP_BIT(MP_DSS));
		assert_true(s->p.mp.dss.dsn == out_dsn(w, 1400));
		forget(w);
		world_wait(w, 2500); /* lost: the timeout sends the first again */
		s = find_data(w);
		while (s != NULL && s->p.seq != w->path[0].irs + 1)
			s = find_data(w);
		assert_non_null(s);
		expect_keys(w, s, s->p.payload_len);
		w->dack = out_dsn(w, 3000);
		w->path[0].ack = w->path[0].irs + 1 + 3000;
		ack(w, 0);
		forget(w);
		user_send(w, 100);
		s = find_data(w);
		assert_int_equal(s->p.mp.present, MP_BIT(MP_DSS));
		assert_true(s->p.mp.dss.dsn == out_dsn(w, 3000));
		conn_abort(w->c);
		forget(w);
		world_wait(w, 100);
		if (csum == 0) {
			world_teardown(state);
			world_setup(state);
			w = *state;
		}
	}
}

/* No MPTCP in the answer, one of another version, one that asks for what we do not know. */
static void refused(void **state)
{
	struct world *w = *state;

	for (unsigned int i = 0; i < 4; i++) {
		struct sent *s;

		connect_out(w);
		user_send(w, 100); /* before the answer */
		if (i == 0)
			say(w, 0, TCPF_SYN | TCPF_ACK, NULL, NULL, 0);
		else
			answer_flags(w, i == 1 ? 2 : 1,
				     i == 2   ? MPC_FLAG_H | MPC_FLAG_B
				     : i == 3 ? 0
					      : MPC_FLAG_H);
		assert_int_equal(w->connected, 1);
		assert_int_equal(w->c->mode, CONN_FALLBACK);
		assert_int_equal(ctr(w, CTR_MPCAPABLE_FALLBACK_SYNACK), 1);
		assert_int_equal(ctr(w, CTR_CUR_TOKENS), 0);
		s = find_data(w);
		assert_int_equal(s->p.mp.present, 0);
		assert_int_equal(s->data[0], pattern(0));
		w->path[0].ack = s->p.seq + s->p.payload_len;
		say(w, 0, TCPF_ACK, NULL, "hello", 5);
		assert_int_equal(w->rx_len, 5);
		world_teardown(state);
		world_setup(state);
		w = *state;
	}
}

/* Something eats SYNs with the option. */
static void syn_eaten(void **state)
{
	struct world *w = *state;
	unsigned int with = 1, without = 0;
	struct sent *s;

	connect_out(w);
	w->path[0].deaf = true;
	world_wait(w, 16000);
	w->path[0].deaf = false;
	while ((s = next(w)) != NULL) {
		assert_int_equal(s->p.flags, TCPF_SYN);
		if (s->p.mp.present != 0) {
			assert_int_equal(without, 0);
			with++;
		} else {
			without++;
		}
	}
	assert_int_equal(with, 1);
	assert_true(without >= 1);
	assert_int_equal(ctr(w, CTR_MPCAPABLE_SYN_TX_DROP), 1);
	assert_int_equal(ctr(w, CTR_CUR_TOKENS), 0);
	/* an answer to one of the first is late: the third packet decides, without keys */
	answer_flags(w, 1, MPC_FLAG_H);
	assert_int_equal(w->c->mode, CONN_FALLBACK);
	assert_int_equal(want(w, 0)->p.mp.present, 0);
}

/* Both ends open at once: plain TCP. */
static void both_open(void **state)
{
	struct world *w = *state;
	struct opt_buf o = {.room = TCP_OPTIONS_MAX};
	struct mp_capable mpc = {.version = 1, .flags = MPC_FLAG_H};
	struct sent *s;

	connect_out(w);
	mp_build_capable(&o, &mpc);
	w->path[0].ack = 0;
	say(w, 0, TCPF_SYN, &o, NULL, 0);
	s = want(w, 0);
	assert_int_equal(s->p.flags, TCPF_SYN | TCPF_ACK);
	assert_int_equal(s->p.mp.present, 0);
	say(w, 0, TCPF_ACK, NULL, NULL, 0);
	assert_int_equal(w->connected, 1);
	assert_int_equal(w->c->mode, CONN_FALLBACK);
	assert_int_equal(ctr(w, CTR_MP_SIMULT_CONNECT_FALLBACK), 1);
}

/* A path that takes the options out of everything but SYNs. */
static void data_without_dss(void **state)
{
	struct world *w = *state;
	struct sent *s;

	open_active(w, MPC_FLAG_H);
	user_send(w, 1000);
	s = find_data(w);
	expect_keys(w, s, 1000);
	w->path[0].ack = s->p.seq + 1000;
	say(w, 0, TCPF_ACK, NULL, NULL, 0);
	assert_int_equal(w->c->mode, CONN_FALLBACK);
	assert_int_equal(ctr(w, CTR_MPCAPABLE_DATA_FALLBACK), 1);
	say(w, 0, TCPF_ACK, NULL, "hello", 5);
	assert_int_equal(w->rx_len, 5);
}

/* --- joins ---------------------------------------------------------------------------------------------- */

/* Our SYN on path i is out. */
static void join_out(struct world *w, unsigned int i, bool backup)
{
	struct flow_key key = w->path[i].key;
	struct sent *s;

	w->path[i].ack = 0;
	assert_int_equal(conn_join(w->c, &key, ID_LOCAL, ID_REMOTE, backup), 0);
	s = want(w, i);
	assert_int_equal(s->p.flags, TCPF_SYN);
	assert_int_equal(s->p.mp.present, MP_BIT(MP_JOIN));
	assert_int_equal(s->p.mp.join.form, MPJ_SYN);
	assert_int_equal(s->p.mp.join.addr_id, ID_LOCAL);
	assert_int_equal(s->p.mp.join.backup, backup);
	assert_int_equal(s->p.mp.join.token, w->c->token_remote);
	w->path[i].nonce_theirs = s->p.mp.join.nonce;
}

static void join_answer(struct world *w, unsigned int i, uint8_t spoil)
{
	struct opt_buf o = {.room = TCP_OPTIONS_MAX};
	struct mp_join j = {
		.form = MPJ_SYNACK, .addr_id = ID_REMOTE + 1, .nonce = w->path[i].nonce};
	uint8_t mac[SHA256_LEN];

	mp_join_hmac(&w->hmac.ours, w->path[i].nonce, w->path[i].nonce_theirs, mac);
	memcpy(j.hmac, mac, 8);
	j.hmac[7] ^= spoil;
	mp_build_join(&o, &j);
	say(w, i, TCPF_SYN | TCPF_ACK, &o, NULL, 0);
}

static void expect_third(struct world *w, unsigned int i)
{
	struct sent *s = want(w, i);
	uint8_t mac[SHA256_LEN];

	assert_int_equal(s->p.flags, TCPF_ACK);
	assert_int_equal(s->p.payload_len, 0);
	assert_int_equal(s->p.mp.present, MP_BIT(MP_JOIN));
	assert_int_equal(s->p.mp.join.form, MPJ_ACK);
	mp_join_hmac(&w->hmac.theirs, w->path[i].nonce_theirs, w->path[i].nonce, mac);
	assert_memory_equal(s->p.mp.join.hmac, mac, 20);
}

static void join_of_ours(void **state)
{
	struct world *w = *state;
	struct sent *s;

	open_fully(w);
	join_out(w, 1, false);
	join_answer(w, 1, 0);
	expect_third(w, 1);
	assert_int_equal(w->c->n_subflows, 2);
	/* no data before the fourth packet, and the third again until it comes */
	w->c->subflows->next->stale = true; /* the other one would be the better */
	user_send(w, 1000);
	assert_int_equal(sent_on(w, 1), 0);
	w->dack = out_dsn(w, 1000);
	ack(w, 0);
	w->c->subflows->next->stale = true;
	forget(w);
	world_wait(w, 1500);
	expect_third(w, 1);
	forget(w);
	say(w, 1, TCPF_ACK, NULL, NULL, 0);
	user_send(w, 1000);
	s = find_data(w);
	assert_non_null(s);
	assert_int_equal(s->path, 1);
	assert_int_equal(s->p.mp.present, MP_BIT(MP_DSS));
	assert_int_equal(s->p.mp.dss.ssn, 1);
	assert_int_equal(w->c->subflows->addr_id_remote, ID_REMOTE + 1);
	assert_int_equal(ctr(w, CTR_MPJOIN_SYN_TX), 1);
	assert_int_equal(ctr(w, CTR_MPJOIN_SYNACK_RX), 1);
	forget(w);
	world_wait(w, 10000);
	assert_null(find(w, MP_JOIN));
}

/* Who cannot prove that it is the peer gets a RST, and nothing else changes. */
static void join_of_a_stranger(void **state)
{
	struct world *w = *state;

	open_fully(w);
	join_out(w, 1, false);
	join_answer(w, 1, 1);
	want_rst(w, 1, MP_RST_MPTCP);
	assert_int_equal(ctr(w, CTR_MPJOIN_SYNACK_HMAC_FAIL), 1);
	assert_int_equal(w->c->n_subflows, 1);
	join_out(w, 2, false);
	say(w, 2, TCPF_SYN | TCPF_ACK, NULL, NULL, 0);
	want_rst(w, 2, MP_RST_MPTCP);
	assert_int_equal(ctr(w, CTR_MPJOIN_SYNACK_NONE), 1);
	assert_int_equal(w->c->n_subflows, 1);
	assert_int_equal(w->c->mode, CONN_MPTCP);
	user_send(w, 1000);
	assert_int_equal(find_data(w)->path, 0);
}

/* The fourth packet never comes. */
static void join_never_confirmed(void **state)
{
	struct world *w = *state;
	unsigned int thirds = 1;
	struct sent *s;

	open_fully(w);
	join_out(w, 1, true);
	join_answer(w, 1, 0);
	expect_third(w, 1);
	for (unsigned int i = 0; i < 120 && w->c->n_subflows > 1; i++)
		world_wait(w, 1000);
	assert_int_equal(w->c->n_subflows, 1);
	while ((s = next(w)) != NULL && !(s->p.flags & TCPF_RST))
		thirds += s->path == 1 && s->p.mp.present == MP_BIT(MP_JOIN);
	assert_non_null(s);
	assert_int_equal(thirds, 6);
	assert_int_equal(w->c->state, CONN_ESTABLISHED);
}

static void join_not_now(void **state)
{
	struct world *w = *state;
	struct flow_key key = w->path[1].key;

	open_active(w, MPC_FLAG_H); /* no DSS has come through */
	assert_int_equal(conn_join(w->c, &key, 1, 0, false), -ENOTCONN);
	ack(w, 0);
	assert_int_equal(conn_join(w->c, &w->path[0].key, 1, 0, false), -EADDRINUSE);
	w->params.subflows_max = 1;
	assert_int_equal(conn_join(w->c, &key, 1, 0, false), -EDQUOT);
}

/* A DATA_FIN before the peer has shown that it has our key: that needs a DSS. */
static void close_at_once(void **state)
{
	struct world *w = *state;
	struct sent *s;

	open_active(w, MPC_FLAG_H);
	forget(w);
	conn_shutdown(w->c);
	s = find(w, MP_DSS);
	assert_non_null(s);
	assert_true((s->p.mp.dss.flags & DSS_FLAG_FIN) != 0);
	/* both again, as the peer may have neither */
	forget(w);
	world_wait(w, 1500);
	assert_non_null(find(w, MP_CAPABLE));
	assert_non_null(find(w, MP_DSS));
	w->dack = out_dsn(w, 1);
	ack(w, 0);
	assert_int_equal(w->c->state, CONN_FIN_WAIT_2);
}

/* --- which joins ---------------------------------------------------------------------------------------- */

/* ADD_ADDR of the peer. */
static void announce(struct world *w, uint8_t id, const struct ip_addr *addr, uint16_t port,
		     uint8_t spoil)
{
	struct opt_buf o = {.room = TCP_OPTIONS_MAX};
	struct mp_add_addr a = {.addr_id = id, .addr = *addr, .port = port, .has_hmac = true};
	const uint8_t *octets;
	unsigned int len;

	octets = ip_addr_octets(addr, &len);
	mp_addr_hmac(&w->hmac.ours, id, octets, len, port, a.hmac);
	a.hmac[0] ^= spoil;
	mp_build_add_addr(&o, &a);
	say(w, 0, TCPF_ACK, &o, NULL, 0);
}

static unsigned int syns(struct world *w)
{
	unsigned int n = 0;
	struct sent *s;

	while ((s = next(w)) != NULL)
		n += s->p.flags == TCPF_SYN && s->p.mp.present == MP_BIT(MP_JOIN);
	return n;
}

/* An announced address is echoed and joined to, once, from the address the connection began at. */
static void join_announced(void **state)
{
	struct world *w = *state;
	const struct flow_key *to = &w->path[2].key;
	struct sent *s;

	open_fully(w);
	announce(w, 5, &to->remote, to->remote_port, 0);
	s = find(w, MP_ADD_ADDR);
	assert_non_null(s);
	assert_true(s->p.mp.add_addr.echo);
	s = want(w, 2);
	assert_int_equal(s->p.flags, TCPF_SYN);
	assert_int_equal(s->p.mp.present, MP_BIT(MP_JOIN));
	assert_int_equal(s->p.mp.join.addr_id, 0);
	announce(w, 5, &to->remote, to->remote_port, 0);
	assert_int_equal(syns(w), 0);
}

/* Nothing before the peer has shown that MPTCP comes through (s3.1). */
static void join_announced_early(void **state)
{
	struct world *w = *state;
	const struct flow_key *to = &w->path[2].key;

	open_active(w, MPC_FLAG_H);
	announce(w, 5, &to->remote, to->remote_port, 0);
	assert_int_equal(syns(w), 0);
	ack(w, 0);
	assert_int_equal(syns(w), 1);
}

/* What is wrong, forged or no address of a peer leads nowhere; how much is right is bounded. */
static void announced_by_an_attacker(void **state)
{
	static const uint8_t multicast[4] = {224, 0, 0, 1}, loopback[4] = {127, 0, 0, 1};
	struct ip_addr a;
	struct world *w = *state;

	open_fully(w);
	announce(w, 5, &w->path[2].key.remote, w->path[2].key.remote_port, 1);
	a = ip_addr_from_v4(multicast);
	announce(w, 6, &a, 80, 0);
	a = ip_addr_from_v4(loopback);
	announce(w, 7, &a, 80, 0);
	assert_int_equal(syns(w), 0);
	assert_int_equal(w->c->n_subflows, 1);
	assert_int_equal(ctr(w, CTR_MP_ADD_ADDR_DROP), 3);
	for (unsigned int i = 1; i < PATHS; i++)
		announce(w, (uint8_t)i, &w->path[i].key.remote, w->path[i].key.remote_port, 0);
	assert_int_equal(syns(w), w->params.subflows_max - 1);
	/* the same ID again and again, each time somewhere else; and each join refused */
	for (unsigned int i = 0; i < 200; i++) {
		const struct flow_key *to = &w->path[1 + i % (PATHS - 1)].key;
		struct subflow *sf;

		CONN_FOREACH_SUBFLOW (sf, w->c)
			if (!sf->first)
				break;
		if (sf != NULL)
			subflow_reset(sf, MP_RST_MPTCP);
		announce(w, 1, &to->remote, to->remote_port, 0);
	}
	assert_int_equal(ctr(w, CTR_MPJOIN_SYN_TX), 32);
}

/* An address of ours, where packets would not come back from. */
static void announced_our_own(void **state)
{
	struct world *w = *state;

	w->path[3].key.remote = w->path[3].key.local;
	open_fully(w);
	announce(w, 5, &w->path[3].key.local, w->path[3].key.remote_port, 0);
	assert_int_equal(w->c->n_subflows, 1);
	assert_int_equal(ctr(w, CTR_MPJOIN_SYN_TX), 0);
}

/* Whom we came to is not told of addresses that are for those who come to us. */
static void announces_nothing(void **state)
{
	static const uint8_t second[4] = {10, 0, 0, 2};
	struct world *w = *state;

	w->addrs[0] = (struct local_addr){.addr = ip_addr_from_v4(second), .id = 4, .signal = true};
	w->mp.n_local_addrs = 1;
	open_fully(w);
	world_wait(w, 10000);
	ack(w, 0);
	assert_null(find(w, MP_ADD_ADDR));
}

/* From a further address of ours, unless the peer said that it takes none (flag C). */
static void join_from_another_address(void **state)
{
	static const uint8_t second[4] = {10, 0, 0, 2};
	struct world *w = *state;

	for (unsigned int c = 0; c < 2; c++) {
		struct sent *s;

		w->addrs[0] = (struct local_addr){
			.addr = ip_addr_from_v4(second), .id = 4, .subflow = true, .backup = true};
		w->mp.n_local_addrs = 1;
		w->path[3].key = w->path[0].key;
		w->path[3].key.local = w->addrs[0].addr;
		open_active(w, c ? MPC_FLAG_H | MPC_FLAG_C : MPC_FLAG_H);
		ack(w, 0);
		s = find(w, MP_JOIN);
		if (c) {
			assert_null(s);
			break;
		}
		assert_non_null(s);
		assert_true(ip_addr_eq(&s->p.key.remote, &w->addrs[0].addr));
		assert_int_equal(s->p.mp.join.addr_id, 4);
		assert_true(s->p.mp.join.backup);
		world_teardown(state);
		world_setup(state);
		w = *state;
	}
}

/* --- odd and hostile servers --- */

/* A wish to close from before the answer: the keys go first. */
static void close_before_the_answer(void **state)
{
	struct world *w = *state;

	connect_out(w);
	conn_shutdown(w->c);
	answer_flags(w, 1, MPC_FLAG_H);
	expect_keys(w, want(w, 0), 0);
}

/* ... and a server that speaks TCP alone after all is heard. */
static void close_then_server_falls_back(void **state)
{
	struct world *w = *state;

	connect_out(w);
	conn_shutdown(w->c);
	answer_flags(w, 1, MPC_FLAG_H);
	say(w, 0, TCPF_ACK, NULL, "hello", 5);
	assert_int_equal(w->rx_len, 5);
}

/* The third packet was lost, and a DATA_FIN followed. */
static void third_lost_then_close(void **state)
{
	struct world *w = *state;

	open_active(w, MPC_FLAG_H); /* the third packet is lost, say */
	conn_shutdown(w->c);        /* the server gets this as the third: plain TCP */
	say(w, 0, TCPF_ACK, NULL, "hello", 5);
	assert_int_equal(w->rx_len, 5);
}

/* A DATA_FIN is out with the first data, which is acknowledged without a DSS (s3.7): FIN says it then. */
static void fallback_after_data_fin(void **state)
{
	struct world *w = *state;
	struct sent *s;

	open_active(w, MPC_FLAG_H);
	user_send(w, 1000);
	conn_shutdown(w->c);
	s = find_data(w);
	w->path[0].ack = s->p.seq + 1000;
	say(w, 0, TCPF_ACK, NULL, NULL, 0);
	assert_int_equal(w->closed, 0);
	assert_int_equal(w->c->mode, CONN_FALLBACK);
	say(w, 0, TCPF_ACK, NULL, "hello", 5);
	assert_int_equal(w->rx_len, 5);
	assert_non_null(find_flag(w, TCPF_FIN));
}

/* The first path dies while the join is under way: once it is there nothing ends. */
static void join_ends_the_wait(void **state)
{
	struct world *w = *state;

	open_fully(w);
	join_out(w, 1, false);
	say(w, 0, TCPF_RST | TCPF_ACK, NULL, NULL, 0);
	assert_int_equal(w->c->n_subflows, 1);
	join_answer(w, 1, 0);
	ack(w, 1);
	user_send(w, 100);
	assert_int_equal(find_data(w)->path, 1);
	w->dack = out_dsn(w, 100);
	ack(w, 1);
	world_wait(w, 11000);
	assert_int_equal(w->closed, 0);
}

/* Data waits for a window: the third packet brings the keys. */
static void keys_before_the_window_opens(void **state)
{
	struct world *w = *state;

	connect_out(w);
	user_send(w, 100);
	w->path[0].wnd = 0;
	answer_flags(w, 1, MPC_FLAG_H);
	expect_keys(w, want(w, 0), 0);
}

/* No other path can take over before a DSS has come. */
static void reset_before_a_dss(void **state)
{
	struct world *w = *state;

	open_active(w, MPC_FLAG_H);
	say(w, 0, TCPF_RST | TCPF_ACK, NULL, NULL, 0);
	closed_with(w, CONN_END_RESET);
}

/* A server is given up after 3 s: plain TCP is tried before. */
static void syn_eaten_in_time(void **state)
{
	struct world *w = *state;
	unsigned int without = 0;
	struct sent *s;

	connect_out(w);
	w->path[0].deaf = true;
	world_wait(w, 3000);
	while ((s = next(w)) != NULL)
		without += s->p.mp.present == 0;
	assert_true(without >= 1);
}

/* Joins of both ends at once: no more than may be. */
static void joins_of_both_are_bounded(void **state)
{
	struct world *w = *state;
	unsigned int n = 0;
	struct subflow *sf;

	w->params.subflows_max = 3;
	open_fully(w);
	join_out(w, 1, false);
	join_out(w, 2, false);
	join(w, 3);
	join(w, 4);
	join_answer(w, 1, 0);
	ack(w, 1);
	join_answer(w, 2, 0);
	ack(w, 2);
	CONN_FOREACH_SUBFLOW (sf, w->c)
		n += sf->hs == SF_HS_DONE;
	assert_int_equal(n, w->params.subflows_max);
}

/* What does not carry data yet does not limit it. */
static void payload_of_a_join(void **state)
{
	struct world *w = *state;
	uint16_t before;

	open_fully(w);
	before = conn_payload_max(w->c);
	join_out(w, 1, false);
	assert_int_equal(conn_payload_max(w->c), before);
}

/* Flag C is about an address and port. */
static void flag_c_under_another_id(void **state)
{
	static const uint8_t second[4] = {10, 0, 0, 2};
	struct world *w = *state;

	w->addrs[0] =
		(struct local_addr){.addr = ip_addr_from_v4(second), .id = 4, .subflow = true};
	w->mp.n_local_addrs = 1;
	w->path[3].key = w->path[0].key;
	w->path[3].key.local = w->addrs[0].addr;
	open_active(w, MPC_FLAG_H | MPC_FLAG_C);
	ack(w, 0);
	assert_int_equal(syns(w), 0);
	announce(w, 5, &w->path[0].key.remote, w->path[0].key.remote_port, 0);
	assert_int_equal(syns(w), 0);
}

/* REMOVE_ADDR of an address that is being joined. */
static void removed_while_joining(void **state)
{
	struct world *w = *state;
	const struct flow_key *to = &w->path[2].key;
	struct opt_buf o = {.room = TCP_OPTIONS_MAX};
	struct mp_remove_addr r = {.n = 1, .id = {5}};

	open_fully(w);
	announce(w, 5, &to->remote, to->remote_port, 0);
	assert_int_equal(syns(w), 1);
	mp_build_remove_addr(&o, &r);
	say(w, 0, TCPF_ACK, &o, NULL, 0);
	world_wait(w, 1500);
	assert_int_equal(syns(w), 0);
}

/* What could not be joined is when it is announced again. */
static void announced_again(void **state)
{
	struct world *w = *state;
	const struct flow_key *to = &w->path[2].key;

	open_fully(w);
	w->params.subflows_max = 1; /* stands for any reason that passes */
	announce(w, 5, &to->remote, to->remote_port, 0);
	assert_int_equal(syns(w), 0);
	w->params.subflows_max = 4;
	announce(w, 5, &to->remote, to->remote_port, 0);
	assert_int_equal(syns(w), 1);
}

/* The RTO of a SYN that was lost is no measure for the third packet. */
static void thirds_do_not_take_hours(void **state)
{
	struct world *w = *state;
	unsigned int s = 0;

	w->no_ts = true;
	open_fully(w);
	join_out(w, 1, false);
	world_wait(w, 40000);
	forget(w);
	w->path[1].ack = w->path[1].irs + 1;
	join_answer(w, 1, 0);
	assert_int_equal(w->c->n_subflows, 2);
	for (; s < 2000 && w->c->n_subflows > 1; s++) {
		world_wait(w, 1000);
		forget(w);
	}
	assert_true(s < 130);
}

/* A join that went well leaves no reason behind. */
static void reason_of_an_abort(void **state)
{
	struct world *w = *state;
	struct sent *s;

	open_fully(w);
	join_out(w, 1, false);
	join_answer(w, 1, 0);
	ack(w, 1);
	forget(w);
	conn_abort(w->c);
	for (unsigned int i = 0; i < 2; i++) {
		s = find_flag(w, TCPF_RST);
		assert_non_null(s);
		assert_int_equal(s->p.mp.rst_reason, MP_RST_UNSPEC);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(server_speaks_first),
		T(client_speaks_first),
		T(refused),
		T(syn_eaten),
		T(both_open),
		T(data_without_dss),
		T(join_of_ours),
		T(join_of_a_stranger),
		T(join_never_confirmed),
		T(join_not_now),
		T(close_at_once),
		T(join_announced),
		T(join_announced_early),
		T(announced_by_an_attacker),
		T(announced_our_own),
		T(join_from_another_address),
		T(announces_nothing),
		T(close_before_the_answer),
		T(close_then_server_falls_back),
		T(third_lost_then_close),
		T(fallback_after_data_fin),
		T(join_ends_the_wait),
		T(keys_before_the_window_opens),
		T(reset_before_a_dss),
		T(syn_eaten_in_time),
		T(joins_of_both_are_bounded),
		T(payload_of_a_join),
		T(flag_c_under_another_id),
		T(removed_while_joining),
		T(announced_again),
		T(thirds_do_not_take_hours),
		T(reason_of_an_abort),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
