/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Several paths, backup and failure, signalled addresses, fast close (RFC 8684 s3.3.6 to s3.5): the
 * connection layer and the path manager of the server role against a scripted peer.
 */
#include <stdlib.h>

#include "test_conn_net.h"

/* --- end ---------------------------------------------------------------------------------------------- */

static void put_fastclose(struct opt_buf *o, uint64_t key)
{
	*o = (struct opt_buf){.room = TCP_OPTIONS_MAX};
	mp_build_fastclose(o, key);
}

static void fastclose_on_ack(void **state)
{
	struct world *w = *state;
	struct opt_buf o;

	open_mptcp(w, MPC_FLAG_H);
	join(w, 1);
	put_fastclose(&o, w->key_b ^ 1);
	say(w, 0, TCPF_ACK, &o, NULL, 0);
	assert_int_equal(w->closed, 0);
	assert_int_equal(ctr(w, CTR_MP_FASTCLOSE_BAD), 1);
	forget(w);
	put_fastclose(&o, w->key_b);
	say(w, 0, TCPF_ACK, &o, NULL, 0);
	closed_with(w, CONN_END_RESET);
	assert_non_null(find_flag(w, TCPF_RST));
	assert_non_null(find_flag(w, TCPF_RST));
	assert_int_equal(pool_used(&w->mp.subflows), 0);
}

static void fastclose_on_rst(void **state)
{
	struct world *w = *state;
	struct opt_buf o;

	open_mptcp(w, MPC_FLAG_H);
	join(w, 1);
	put_fastclose(&o, w->key_b ^ 1);
	say(w, 1, TCPF_RST | TCPF_ACK, &o, NULL, 0);
	assert_int_equal(w->closed, 0);
	assert_int_equal(w->c->n_subflows, 1);
	join(w, 2);
	forget(w);
	put_fastclose(&o, w->key_b);
	say(w, 0, TCPF_RST | TCPF_ACK, &o, NULL, 0);
	closed_with(w, CONN_END_RESET);
	/* A RST on the other path, none in answer to one. */
	assert_int_equal(want(w, 2)->p.flags & TCPF_RST, TCPF_RST);
	assert_null(next(w));
}

static void abort_says_fastclose(void **state)
{
	struct world *w = *state;

	open_mptcp(w, MPC_FLAG_H);
	join(w, 1);
	user_send(w, 10000);
	forget(w);
	conn_abort(w->c);
	closed_with(w, CONN_END_ABORT);
	for (unsigned int i = 0; i < 2; i++) {
		struct sent *s = find_flag(w, TCPF_RST);

		assert_true(s->p.mp.present & MP_BIT(MP_FASTCLOSE));
		assert_true(s->p.mp.fastclose_key == KEY_A);
	}
	assert_null(find_flag(w, TCPF_RST));
}

static void on_rx_abort(struct conn *c)
{
	conn_abort(c);
}

static void abort_in_rx(void **state)
{
	struct world *w = *state;

	open_mptcp(w, MPC_FLAG_H);
	join(w, 1);
	data(w, 1, 100, 100);
	data(w, 1, 200, 100);
	data_fin(w, 1, 300);
	w->on_rx = on_rx_abort;
	data(w, 0, 0, 100);
	closed_with(w, CONN_END_ABORT);
	assert_int_equal(w->rx_len, 100);
}

static void abort_in_fin(void **state)
{
	struct world *w = *state;

	open_mptcp(w, MPC_FLAG_H);
	w->on_fin = on_rx_abort;
	data_fin(w, 0, 0);
	closed_with(w, CONN_END_ABORT);
}

static void shutdown_in_fin(void **state)
{
	struct world *w = *state;

	open_mptcp(w, MPC_FLAG_H);
	w->on_fin = conn_shutdown;
	data_fin(w, 0, 0);
	assert_int_equal(w->c->state, CONN_LAST_ACK);
	w->dack++;
	ack(w, 0);
	closed_with(w, CONN_END_DONE);
}

/* --- addresses ----------------------------------------------------------------------------------------- */

static void set_addrs(struct world *w)
{
	static const char *const text[] = {"10.0.0.1", "10.0.0.2", "10.0.0.3", "2001:db8::1"};

	for (unsigned int i = 0; i < 4; i++) {
		w->addrs[i].id = (uint8_t)(i + 1);
		assert_int_equal(ip_addr_parse(text[i], &w->addrs[i].addr), 0);
	}
	w->addrs[2].port = 8080;
	w->mp.n_local_addrs = 4;
}

static unsigned int announced(struct world *w)
{
	unsigned int ids = 0;

	for (struct sent *s; (s = find(w, MP_ADD_ADDR)) != NULL;) {
		const struct mp_add_addr *a = &s->p.mp.add_addr;
		uint8_t mac[8];
		unsigned int len;
		const uint8_t *octets = ip_addr_octets(&a->addr, &len);

		assert_false(a->echo);
		assert_int_equal(s->p.payload_len, 0);
		mp_addr_hmac(&w->hmac.theirs, a->addr_id, octets, len, a->port, mac);
		assert_memory_equal(mac, a->hmac, 8);
		assert_true(ip_addr_eq(&a->addr, &w->addrs[a->addr_id - 1].addr));
		assert_int_equal(a->port, w->addrs[a->addr_id - 1].port);
		assert_false(ids & 1u << a->addr_id);
		ids |= 1u << a->addr_id;
	}
	return ids;
}

static void echo(struct world *w, uint8_t id)
{
	struct opt_buf o = {.room = TCP_OPTIONS_MAX};
	struct mp_add_addr a = {.echo = true,
				.addr_id = id,
				.addr = w->addrs[id - 1].addr,
				.port = w->addrs[id - 1].port};

	mp_build_add_addr(&o, &a);
	say(w, 0, TCPF_ACK, &o, NULL, 0);
}

static void add_addr_until_echoed(void **state)
{
	struct world *w = *state;

	set_addrs(w);
	open_syn(w, 1, MPC_FLAG_H);
	take_keys(w, want(w, 0)->p.mp.capable.sender_key);
	open_ack(w, MPC_FLAG_H);
	/* The address that the peer connected to needs no telling. */
	assert_int_equal(announced(w), 1 << 2);
	forget(w);
	world_wait(w, 25); /* one by one: after a pause, */
	assert_int_equal(announced(w), 1 << 3);
	forget(w);
	echo(w, 3); /* or when the one before was echoed */
	assert_int_equal(announced(w), 1 << 4);
	forget(w);
	world_wait(w, 1500);
	assert_int_equal(announced(w), 1 << 2 | 1 << 4);
	forget(w);
	world_wait(w, 2000);
	assert_int_equal(announced(w), 1 << 2 | 1 << 4);
	forget(w);
	world_wait(w, 20000);
	assert_int_equal(announced(w), 0); /* three times is enough */
}

static void add_addr_echoed(void **state)
{
	struct world *w = *state;

	set_addrs(w);
	open_mptcp(w, MPC_FLAG_H);
	echo(w, 2);
	echo(w, 3);
	echo(w, 4);
	forget(w);
	assert_int_equal(ctr(w, CTR_MP_ECHO_ADD_RX), 3);
	assert_false(wheel_armed(&w->c->announce.timer));
	world_wait(w, 20000);
	assert_int_equal(announced(w), 0);
}

static void add_addr_no_ts(void **state)
{
	((struct world *)*state)->no_ts = true;
	add_addr_until_echoed(state);
}

static void put_add_addr(struct world *w, struct opt_buf *o, unsigned int flip)
{
	static const uint8_t be[4] = {10, 9, 8, 7};
	struct mp_add_addr a = {
		.addr_id = 5, .addr = ip_addr_from_v4(be), .port = 81, .has_hmac = true};

	mp_addr_hmac(&w->hmac.ours, 5, be, 4, 81, a.hmac);
	if (flip < 64)
		a.hmac[flip / 8] ^= (uint8_t)(1 << flip % 8);
	*o = (struct opt_buf){.room = TCP_OPTIONS_MAX};
	mp_build_add_addr(o, &a);
}

static void add_addr_of_peer(void **state)
{
	struct world *w = *state;
	struct opt_buf o;
	struct sent *s;

	open_mptcp(w, MPC_FLAG_H);
	for (unsigned int flip = 0; flip < 64; flip++) {
		put_add_addr(w, &o, flip);
		say(w, 0, TCPF_ACK, &o, NULL, 0);
	}
	assert_int_equal(ctr(w, CTR_MP_ADD_ADDR_DROP), 64);
	assert_null(next(w));
	put_add_addr(w, &o, 64);
	say(w, 0, TCPF_ACK, &o, NULL, 0);
	s = find(w, MP_ADD_ADDR);
	assert_non_null(s);
	assert_true(s->p.mp.add_addr.echo);
	assert_int_equal(s->p.mp.add_addr.addr_id, 5);
	assert_int_equal(s->p.mp.add_addr.port, 81);
	world_wait(w, 5000);
	assert_null(find_flag(w, TCPF_SYN)); /* no connection to it */
}

static void remove_addr(struct world *w, unsigned int via, uint8_t id)
{
	struct opt_buf o = {.room = TCP_OPTIONS_MAX};
	struct mp_remove_addr r = {.n = 2, .id = {77, id}};

	mp_build_remove_addr(&o, &r);
	say(w, via, TCPF_ACK, &o, NULL, 0);
}

static void remove_addr_alive(void **state)
{
	struct world *w = *state;
	struct sent *s;

	open_mptcp(w, MPC_FLAG_H);
	join(w, 1);
	for (uint8_t id = 0; id < 2; id++) {
		forget(w);
		remove_addr(w, 0, id);
		s = want(w, id);
		assert_int_equal(s->p.seq, w->path[id].ack - 1); /* the probe */
		ack(w, id);                                      /* in the same millisecond */
		world_wait(w, 2000);
		assert_int_equal(w->c->n_subflows, 2);
	}
}

static void remove_addr_dead(void **state)
{
	struct world *w = *state;

	open_mptcp(w, MPC_FLAG_H);
	join(w, 1);
	remove_addr(w, 0, 1);
	remove_addr(w, 0, 1);
	world_wait(w, 1500);
	assert_int_equal(w->c->n_subflows, 1);
	want_rst(w, 1, MP_RST_UNSPEC);
	assert_int_equal(ctr(w, CTR_MP_RM_SUBFLOW), 1);
}

static void remove_addr_then_gone(void **state)
{
	struct world *w = *state;

	open_mptcp(w, MPC_FLAG_H);
	join(w, 1);
	remove_addr(w, 0, 1);
	say(w, 1, TCPF_RST | TCPF_ACK, NULL, NULL, 0);
	join(w, 2);
	world_wait(w, 2000);
	assert_int_equal(w->c->n_subflows, 2);
}

/* --- paths ---------------------------------------------------------------------------------------------- */

static void backup_waits(void **state)
{
	struct world *w = *state;

	open_mptcp(w, MPC_FLAG_H);
	ack(w, 0);
	forget(w);
	join_syn(w, 1, true);
	w->path[1].nonce_theirs = want(w, 1)->p.mp.join.nonce;
	join_ack(w, 1);
	user_send(w, 100000);
	assert_true(sent_on(w, 0) > 0);
	assert_int_equal(sent_on(w, 1), 0);
	forget(w);
	/* The other one dies. */
	w->dack = out_dsn(w, 0);
	say(w, 0, TCPF_RST | TCPF_ACK, NULL, NULL, 0);
	assert_true(sent_on(w, 1) > 0);
}

static void prio_changes(void **state)
{
	struct world *w = *state;

	open_mptcp(w, MPC_FLAG_H);
	join(w, 1);
	prio(w, 0, true);
	forget(w);
	user_send(w, 5000);
	assert_int_equal(sent_on(w, 0), 0);
	assert_true(sent_on(w, 1) > 0);
	ack(w, 1);
	prio(w, 0, false);
	prio(w, 1, true);
	forget(w);
	user_send(w, 5000);
	assert_true(sent_on(w, 0) > 0);
	assert_int_equal(sent_on(w, 1), 0);
}

/* All octets of the stream from off: on path i, with their numbers and the right contents. */
static void all_on(struct world *w, unsigned int i, uint32_t off, uint32_t end)
{
	uint8_t *seen = calloc(1, end);

	for (unsigned int k = 0; k < w->n_sent; k++) {
		const struct sent *s = &w->sent[k];
		const struct mp_dss *d = &s->p.mp.dss;
		uint32_t at = (uint32_t)(d->dsn - out_dsn(w, 0));

		if (s->path != i || s->p.payload_len == 0)
			continue;
		assert_true(d->flags & DSS_FLAG_MAP);
		assert_int_equal(d->data_len, s->p.payload_len);
		assert_int_equal(d->ssn, s->p.seq - w->path[i].irs);
		for (uint32_t b = 0; b < s->p.payload_len; b++) {
			assert_true(at + b < end);
			assert_int_equal(s->data[b], pattern(at + b));
			seen[at + b] = 1;
		}
	}
	for (; off < end; off++)
		assert_int_equal(seen[off], 1);
	free(seen);
}

static void path_dies(void **state)
{
	struct world *w = *state;
	unsigned int lost;

	open_mptcp(w, MPC_FLAG_H);
	ack(w, 0);
	join(w, 1);
	ack(w, 1);
	prio(w, 0, true);
	w->path[1].deaf = true;
	forget(w);
	user_send(w, 10000);
	lost = sent_on(w, 1);
	assert_true(lost > 5);
	assert_int_equal(sent_on(w, 0), 0);
	forget(w);
	feed(w, 1, TCPF_RST | TCPF_ACK, w->path[1].seq, NULL, NULL, 0);
	all_on(w, 0, 0, 10000);
	assert_true(ctr(w, CTR_MP_RETRANS) >= lost);
	ack(w, 0);
	assert_int_equal(conn_snd_queued(w->c).octets, 0);
	assert_int_equal(ctr(w, CTR_CUR_SEGS), 0);
}

static void path_stalls(void **state)
{
	struct world *w = *state;
	uint64_t dack;

	open_mptcp(w, MPC_FLAG_H);
	ack(w, 0);
	join(w, 1);
	ack(w, 1);
	prio(w, 0, true);
	w->path[1].deaf = true;
	user_send(w, 10000);
	forget(w);
	world_wait(w, 1500);
	assert_int_equal(ctr(w, CTR_MP_SUBFLOW_STALE), 1);
	all_on(w, 0, 0, 10000);
	ack(w, 0);
	assert_int_equal(conn_snd_queued(w->c).octets, 0);
	/* New data keeps away from it, backup or not. */
	forget(w);
	user_send(w, 3000);
	assert_int_equal(sent_on(w, 1), 0);
	all_on(w, 0, 10000, 13000);
	ack(w, 0);
	/* It comes back: acknowledges what it was sent. */
	dack = w->dack;
	w->path[1].deaf = false;
	w->path[1].ack += 10000;
	ack(w, 1);
	assert_int_equal(ctr(w, CTR_MP_SUBFLOW_RECOVER), 1);
	assert_true(w->dack == dack);
	forget(w);
	user_send(w, 3000);
	assert_true(sent_on(w, 1) > 0);
	assert_int_equal(sent_on(w, 0), 0);
	ack(w, 1);
	assert_int_equal(ctr(w, CTR_CUR_SEGS), 0);
}

/* Something on path 1 takes the options out of the peer's acknowledgements, from now on. */
static void options_stripped(struct world *w)
{
	open_mptcp(w, MPC_FLAG_H);
	ack(w, 0);
	join(w, 1);
	ack(w, 1);
	prio(w, 0, true);
	forget(w);
}

/* The data-level retransmission must not go where the DATA_ACK was lost. */
static void data_acks_lost_on_one_path(void **state)
{
	struct world *w = *state;

	options_stripped(w);
	user_send(w, 2000);
	assert_true(sent_on(w, 1) > 0);
	say(w, 1, TCPF_ACK, NULL, NULL, 0);
	forget(w);
	world_wait(w, 500); /* once */
	assert_true(sent_on(w, 0) > 0);
	for (unsigned int k = 0; k < w->n_sent; k++) /* it is asked for one, no more */
		assert_true(w->sent[k].path == 0 || w->sent[k].p.payload_len <= 1);
	w->dack = out_dsn(w, 2000);
	ack(w, 0);
	assert_int_equal(conn_snd_queued(w->c).octets, 0);
	/* A segment or two without the option mean nothing. */
	assert_int_equal(w->c->n_subflows, 2);
}

/* A path that acknowledges and brings no DATA_ACK is used last, until it brings one. */
static void path_without_data_acks(void **state)
{
	struct world *w = *state;

	options_stripped(w);
	user_send(w, 2000);
	say(w, 1, TCPF_ACK, NULL, NULL, 0);
	world_wait(w, 500);
	w->dack = out_dsn(w, 2000);
	ack(w, 0);
	forget(w);
	user_send(w, 2000);
	assert_int_equal(sent_on(w, 1), 0);
	all_on(w, 0, 2000, 4000);
	ack(w, 0);
	ack(w, 1);
	forget(w);
	user_send(w, 2000);
	assert_int_equal(sent_on(w, 0), 0);
	all_on(w, 1, 4000, 6000);
	ack(w, 1);
	assert_int_equal(conn_snd_queued(w->c).octets, 0);
}

/* The peer's data level was late, as when its application holds the socket: no fault of the path. */
static void late_data_acks(void **state)
{
	struct world *w = *state;

	options_stripped(w);
	user_send(w, 2000);
	w->dack = out_dsn(w, 0);
	ack(w, 1);
	forget(w);
	world_wait(w, 500);
	assert_true(ctr(w, CTR_MP_RETRANS) > 0);
	w->dack = out_dsn(w, 2000);
	ack(w, 0);
	forget(w);
	user_send(w, 2000);
	assert_int_equal(sent_on(w, 0), 0);
	all_on(w, 1, 2000, 4000);
	ack(w, 1);
	assert_int_equal(conn_snd_queued(w->c).octets, 0);
}

/* Segments that are too long for a path are cut, new ones and those sent again. */
static void small_paths(void **state)
{
	struct world *w = *state;

	w->path[0].mss = 600;
	w->path[1].mss = 1000;
	w->path[2].mss = 333;
	open_mptcp(w, MPC_FLAG_H);
	ack(w, 0);
	join(w, 1);
	ack(w, 1);
	join(w, 2);
	ack(w, 2);
	prio(w, 0, true);
	prio(w, 2, true);
	assert_int_equal(conn_payload_max(w->c), 333 - 12 - 28);
	w->path[1].deaf = true;
	forget(w);
	user_send(w, 5000);
	all_on(w, 1, 0, 5000);
	assert_int_equal(conn_snd_queued(w->c).octets, 5000);
	prio(w, 0, false);
	forget(w);
	world_wait(w, 300); /* copies to path 0, while path 1 has them still */
	all_on(w, 0, 0, 5000);
	w->dack = out_dsn(w, 0);
	w->path[0].deaf = true;
	forget(w);
	feed(w, 1, TCPF_RST | TCPF_ACK, w->path[1].seq, NULL, NULL, 0);
	feed(w, 0, TCPF_RST | TCPF_ACK, w->path[0].seq, NULL, NULL, 0);
	ack(w, 2);
	ack(w, 2);
	all_on(w, 2, 0, 5000);
	ack(w, 2);
	assert_int_equal(conn_snd_queued(w->c).octets, 0);
	assert_int_equal(ctr(w, CTR_CUR_SEGS), 0);
}

/* Small writes behind data that waits are put together. */
static void small_writes(void **state)
{
	struct world *w = *state;
	uint64_t dack;

	w->path[0].wnd = 8; /* << 7: 1024 octets */
	open_mptcp(w, MPC_FLAG_H);
	ack(w, 0);
	forget(w);
	user_send(w, 1000);
	for (unsigned int k = 0; k < 200; k++)
		user_send(w, 11);
	assert_int_equal(conn_snd_queued(w->c).octets, 3200);
	assert_true(w->c->sndq.n < 10);
	w->path[0].wnd = 0xffff;
	for (dack = 0; dack != w->dack;) {
		dack = w->dack;
		ack(w, 0);
	}
	all_on(w, 0, 0, 3200);
	assert_int_equal(conn_snd_queued(w->c).octets, 0);
}

/* No packet buffer at any moment: nothing breaks, and all is well when there are some again. */
static void no_buffers(void **state)
{
	struct world *w = *state;

	world_starve(w, 0);
	open_syn(w, 1, MPC_FLAG_H);
	assert_null(next(w));
	assert_int_equal(pool_used(&w->mp.conns), 0);
	world_feed(w);
	w->path[0].seq = w->path[0].iss;
	open_mptcp(w, MPC_FLAG_H);
	join(w, 1);
	forget(w);
	world_starve(w, 0);
	user_send(w, 5000);
	data(w, 0, 0, 100);
	data(w, 1, 200, 100);
	join_syn(w, 2, false);
	conn_shutdown(w->c);
	world_wait(w, 20);
	world_feed(w);
	data(w, 0, 100, 100);
	assert_int_equal(rx_wrong(w, 0, 300), 0);
	world_wait(w, 1500);
	for (unsigned int k = 0; k < 10; k++) {
		ack(w, 0);
		ack(w, 1);
		world_wait(w, 1000);
	}
	w->dack++;
	ack(w, 0);
	assert_int_equal(w->c->state, CONN_FIN_WAIT_2);
}

/* The peer comes back with the ports of a connection that is in TIME_WAIT. */
static void time_wait_reuse(void **state)
{
	struct world *w = *state;

	open_mptcp(w, MPC_FLAG_H);
	conn_shutdown(w->c);
	w->dack++;
	data_fin(w, 0, 0);
	closed_with(w, CONN_END_DONE);
	say(w, 0, TCPF_ACK | TCPF_FIN, NULL, NULL, 0);
	assert_int_equal(ctr(w, CTR_CUR_TIME_WAIT), 1);
	world_wait(w, 100);
	forget(w);
	w->path[0].seq += 1000;
	open_syn(w, 1, MPC_FLAG_H);
	assert_int_equal(want(w, 0)->p.flags, TCPF_SYN | TCPF_ACK);
	assert_int_equal(pool_used(&w->mp.conns), 1);
}

/* The only path is silent. What lies on it does not wait for its timers when there is a new one. */
static void join_takes_over(void **state)
{
	struct world *w = *state;

	open_mptcp(w, MPC_FLAG_H);
	ack(w, 0);
	join(w, 1);
	ack(w, 1);
	say(w, 0, TCPF_RST | TCPF_ACK, NULL, NULL, 0);
	assert_int_equal(w->c->n_subflows, 1);
	w->path[1].deaf = true;
	user_send(w, 10000);
	forget(w);
	world_wait(w, 8000);
	assert_true(sent_on(w, 1) > 0); /* in vain */
	assert_true(w->c->subflows->tcp.backoff >= 3);
	assert_int_equal(ctr(w, CTR_MP_SUBFLOW_STALE), 0);
	join(w, 2);
	all_on(w, 2, 0, 10000); /* no time has passed */
	assert_int_equal(ctr(w, CTR_MP_SUBFLOW_STALE), 1);
	ack(w, 2);
	assert_int_equal(conn_snd_queued(w->c).octets, 0);
	forget(w);
	user_send(w, 3000);
	all_on(w, 2, 10000, 13000);
	assert_int_equal(sent_on(w, 1), 0);
	ack(w, 2);
	/* The old one is there again. */
	w->path[1].deaf = false;
	w->path[1].ack += 10000;
	ack(w, 1);
	assert_int_equal(ctr(w, CTR_MP_SUBFLOW_RECOVER), 1);
	assert_int_equal(ctr(w, CTR_CUR_SEGS), 0);
}

/* One that answers keeps what it has. */
static void join_takes_nothing(void **state)
{
	struct world *w = *state;

	open_mptcp(w, MPC_FLAG_H);
	ack(w, 0);
	user_send(w, 10000);
	forget(w);
	join(w, 1);
	assert_int_equal(sent_on(w, 1), 0);
	assert_int_equal(ctr(w, CTR_MP_SUBFLOW_STALE), 0);
	assert_int_equal(ctr(w, CTR_MP_RETRANS), 0);
	ack(w, 0);
	assert_int_equal(conn_snd_queued(w->c).octets, 0);
}

/* The peer ends one path in order: the rest goes elsewhere. */
static void path_closed_by_peer(void **state)
{
	struct world *w = *state;

	open_mptcp(w, MPC_FLAG_H);
	ack(w, 0);
	join(w, 1);
	ack(w, 1);
	data(w, 1, 0, 100);
	forget(w);
	say(w, 1, TCPF_ACK | TCPF_FIN, NULL, NULL, 0);
	assert_int_equal(w->fins, 0);
	assert_non_null(find_flag(w, TCPF_FIN));
	say(w, 1, TCPF_ACK, NULL, NULL, 0);
	assert_int_equal(w->c->n_subflows, 1);
	user_send(w, 3000);
	assert_true(sent_on(w, 0) > 0);
	ack(w, 0);
	assert_int_equal(conn_snd_queued(w->c).octets, 0);
}

/* What is acknowledged in part goes again in pieces: not those that are acknowledged as a whole. */
static void half_acknowledged(void **state)
{
	struct world *w = *state;
	struct sent *s;
	uint64_t end = 0;

	open_mptcp(w, MPC_FLAG_H);
	user_send(w, 1400);
	w->path[1].mss = 536;
	join(w, 1);
	w->dack = out_dsn(w, 700);
	ack(w, 1);
	assert_true(w->c->snd_una == out_dsn(w, 700));
	forget(w);
	say(w, 0, TCPF_RST | TCPF_ACK, NULL, NULL, 0);
	while ((s = find_data(w)) != NULL) {
		assert_int_equal(s->path, 1);
		end = s->p.mp.dss.dsn + s->p.payload_len;
		assert_true(end > out_dsn(w, 700));
	}
	assert_true(end == out_dsn(w, 1400));
	assert_true(w->c->sndq.head->dsn + w->c->sndq.head->len > w->c->snd_una);
	w->dack = out_dsn(w, 1400);
	ack(w, 1);
	assert_null(w->c->sndq.head);
}

static void last_path_dies(void **state)
{
	struct world *w = *state;

	open_mptcp(w, MPC_FLAG_H);
	data(w, 0, 0, 100);
	user_send(w, 5000);
	say(w, 0, TCPF_RST | TCPF_ACK, NULL, NULL, 0);
	assert_int_equal(w->closed, 0);
	assert_int_equal(w->c->n_subflows, 0);
	world_wait(w, 5000);
	assert_int_equal(w->closed, 0);
	world_wait(w, 10000);
	closed_with(w, CONN_END_TIMEOUT);
	assert_int_equal(pool_used(&w->mp.conns), 0);
}

static void break_before_make(void **state)
{
	struct world *w = *state;

	open_mptcp(w, MPC_FLAG_H);
	data(w, 0, 0, 100);
	w->path[0].deaf = true;
	user_send(w, 5000);
	feed(w, 0, TCPF_RST | TCPF_ACK, w->path[0].seq, NULL, NULL, 0);
	assert_int_equal(w->c->n_subflows, 0);
	conn_shutdown(w->c);
	world_wait(w, 5000);
	forget(w);
	join_syn(w, 1, false);
	w->path[1].nonce_theirs = want(w, 1)->p.mp.join.nonce;
	join_ack(w, 1);
	all_on(w, 1, 0, 5000);
	ack(w, 1);
	w->dack++;
	ack(w, 1);
	assert_int_equal(w->c->state, CONN_FIN_WAIT_2);
	world_wait(w, 20000);
	assert_int_equal(w->closed, 0);
	data_fin(w, 1, 100);
	closed_with(w, CONN_END_DONE);
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(fastclose_on_ack),
		T(fastclose_on_rst),
		T(abort_says_fastclose),
		T(abort_in_rx),
		T(abort_in_fin),
		T(shutdown_in_fin),
		T(add_addr_until_echoed),
		T(add_addr_echoed),
		T(add_addr_no_ts),
		T(add_addr_of_peer),
		T(remove_addr_alive),
		T(remove_addr_dead),
		T(remove_addr_then_gone),
		T(backup_waits),
		T(prio_changes),
		T(path_dies),
		T(path_stalls),
		T(small_paths),
		T(data_acks_lost_on_one_path),
		T(path_without_data_acks),
		T(late_data_acks),
		T(small_writes),
		T(no_buffers),
		T(time_wait_reuse),
		T(join_takes_over),
		T(join_takes_nothing),
		T(path_closed_by_peer),
		T(half_acknowledged),
		T(last_path_dies),
		T(break_before_make),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
