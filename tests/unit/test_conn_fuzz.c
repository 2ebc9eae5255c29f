/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Random mutations of valid segment sequences, and a user who does anything at any time, against
 * the connection layer. Nothing may break, the stream may not be wrong where the peer was honest,
 * and at the end all levels are where they began. The seed of a failure is printed.
 */
#include <stdio.h>
#include <stdlib.h>

#include "octets.h"
#include "test_conn_net.h"

#ifndef ROUNDS
#define ROUNDS 3000
#endif
#define STEPS    80
#define FUZZ_LEN 1400

static struct rnd rnd;
static unsigned int evil; /* of 100 segments so many are mutated */

static bool chance(unsigned int percent)
{
	return rnd_below(&rnd, 100) < percent;
}

/* --- the user ---------------------------------------------------------------------------------- */

static struct world *world;

static void user_whim(struct conn *c)
{
	struct world *w = world;

	if (chance(95))
		return;
	switch (rnd_below(&rnd, 4)) {
	case 0:
		conn_abort(c);
		break;
	case 1:
		conn_shutdown(c);
		break;
	case 2:
		if (w->c == c)
			user_send(w, 1 + rnd_below(&rnd, 5000));
		break;
	default:
		w->space = rnd_below(&rnd, 100000);
		conn_window_update(c);
		break;
	}
}

static void user_step(struct world *w)
{
	if (w->c == NULL)
		return;
	if (chance(40) && conn_snd_queued(w->c).octets < 200000)
		user_send(w, 1 + rnd_below(&rnd, chance(50) ? 300 : 8000));
	if (chance(10)) {
		w->space = rnd_below(&rnd, 300000);
		conn_window_update(w->c);
		stack_end_burst(&w->st);
	}
	if (chance(2) && evil > 0) {
		if (w->n_held == 0)
			world_starve(w, rnd_below(&rnd, 4));
	} else if (chance(20)) {
		world_feed(w);
	}
	if (chance(2))
		conn_shutdown(w->c);
	if (w->c != NULL && chance(1))
		conn_abort(w->c);
}

/* --- the peer ------------------------------------------------------------------------------------ */

struct attempt {
	unsigned int path;
	uint8_t flags;
	uint32_t seq;
	struct opt_buf o;
	uint8_t data[FUZZ_LEN];
	unsigned int len;
};

static uint32_t stream_off; /* octets of the stream the peer has sent */

static void any_dss(struct world *w, struct attempt *a)
{
	static const uint8_t forms[] = {DSS_FLAG_MAP,  MAP64, DSS_FLAG_MAP | DSS_FLAG_ACK,
					MAP64 | ACK64, ACK64, DSS_FLAG_ACK};
	uint8_t flags = forms[rnd_below(&rnd, RTE_DIM(forms))];
	struct path *path = &w->path[a->path];
	uint32_t off = stream_off;
	uint16_t len;

	a->len = chance(70) ? rnd_below(&rnd, FUZZ_LEN) : 0;
	if (chance(20))
		off += rnd_below(&rnd, 3000);
	else if (chance(20))
		off -= RTE_MIN(off, rnd_below(&rnd, 3000));
	else
		stream_off += a->len;
	for (unsigned int k = 0; k < a->len; k++)
		a->data[k] = pattern(off + k);
	len = (uint16_t)a->len;
	if (chance(evil)) {
		len = (uint16_t)rnd_next(&rnd);
		off += rnd_below(&rnd, 2000);
	}
	if (chance(3) && flags & DSS_FLAG_MAP) {
		flags |= DSS_FLAG_FIN;
		len++;
	}
	put_dss(w, &a->o, flags | (chance(3) ? NO_CSUM : 0), w->idsn_a + 1 + off,
		path->seq - path->iss + (chance(evil) ? rnd_below(&rnd, 100) : 0), len, a->data,
		a->len);
}

static void any_address(struct world *w, struct attempt *a)
{
	struct mp_add_addr add = {.addr_id = (uint8_t)rnd_below(&rnd, 6),
				  .addr = w->addrs[rnd_below(&rnd, 2)].addr,
				  .port = chance(50) ? 0 : 99};
	struct mp_remove_addr rm = {.n = (uint8_t)(1 + rnd_below(&rnd, 5))};

	if (chance(50)) {
		for (unsigned int k = 0; k < rm.n; k++)
			rm.id[k] = (uint8_t)rnd_below(&rnd, 6);
		mp_build_remove_addr(&a->o, &rm);
		return;
	}
	add.echo = chance(50);
	add.has_hmac = !add.echo;
	mp_addr_hmac(&w->hmac.ours, add.addr_id, &add.addr.b[12], 4, add.port, add.hmac);
	mp_build_add_addr(&a->o, &add);
}

/* The next step of the handshake of a path, or another SYN. */
static void any_join(struct world *w, struct attempt *a)
{
	struct path *path = &w->path[a->path];
	struct mp_join j = {.form = MPJ_SYN,
			    .backup = chance(20),
			    .addr_id = path->id,
			    .token = w->token_b,
			    .nonce = path->nonce};
	uint8_t mac[SHA256_LEN];

	if (path->seq == path->iss) {
		a->flags = TCPF_SYN;
	} else {
		j.form = MPJ_ACK;
		mp_join_hmac(&w->hmac.ours, path->nonce, path->nonce_theirs, mac);
		memcpy(j.hmac, mac, sizeof(j.hmac));
	}
	mp_build_join(&a->o, &j);
}

static void attempt(struct world *w, struct attempt *a)
{
	struct path *path;
	uint32_t kind = rnd_below(&rnd, 100);

	a->path = rnd_below(&rnd, 4);
	path = &w->path[a->path];
	a->flags = TCPF_ACK;
	a->o = (struct opt_buf){.room = TCP_OPTIONS_MAX};
	a->len = 0;
	a->seq = path->seq;
	if (path->seq == path->iss || (a->path > 0 && path->seq == path->iss + 1 && kind < 90))
		any_join(w, a);
	else if (kind < 75)
		any_dss(w, a);
	else if (kind < 83)
		any_address(w, a);
	else if (kind < 86)
		mp_build_prio(&a->o, chance(50));
	else if (kind < 87)
		mp_build_fail(&a->o, w->dack - rnd_below(&rnd, 100));
	else if (kind < 88)
		mp_build_fastclose(&a->o, chance(20) ? w->key_b : rnd_next(&rnd));
	else if (kind < 89)
		a->flags |= TCPF_FIN;
	else if (kind < 90)
		a->flags |= TCPF_RST;
	else
		a->len = chance(20) ? rnd_below(&rnd, FUZZ_LEN) : 0;
}

static void mutate(struct world *w, struct attempt *a)
{
	struct path *path = &w->path[a->path];

	switch (rnd_below(&rnd, 10)) {
	case 0:
		a->seq += rnd_below(&rnd, 3000);
		break;
	case 1:
		a->seq -= rnd_below(&rnd, 3000);
		break;
	case 2:
		a->flags ^= (uint8_t)(1u << rnd_below(&rnd, 6));
		break;
	case 3:
		path->ack += rnd_below(&rnd, 5000);
		break;
	case 4:
		path->ack -= rnd_below(&rnd, 5000);
		break;
	case 5:
		w->dack += rnd_below(&rnd, 5000);
		break;
	case 6:
		w->dack -= rnd_below(&rnd, 5000);
		break;
	case 7:
		path->wnd = (uint16_t)(chance(30) ? 0 : rnd_next(&rnd));
		break;
	default:
		/* Octets of the options but kind and length: those the parser's own test has. */
		for (unsigned int k = 0; a->o.len > 2 && k < 1 + rnd_below(&rnd, 3); k++)
			a->o.b[2 + rnd_below(&rnd, a->o.len - 2u)] ^=
				(uint8_t)(1u << rnd_below(&rnd, 8));
		break;
	}
}

static void listen_to(struct world *w)
{
	for (struct sent *s; (s = next(w)) != NULL;)
		if (s->path < PATHS && s->p.mp.present & MP_BIT(MP_JOIN))
			w->path[s->path].nonce_theirs = s->p.mp.join.nonce;
	forget(w);
}

static void peer_step(struct world *w)
{
	static struct attempt a;
	bool odd = chance(evil);

	attempt(w, &a);
	if (odd)
		mutate(w, &a);
	feed_any(w, a.path, a.flags, a.seq, &a.o, a.data, a.len);
	if (!odd || chance(50))
		w->path[a.path].seq += a.len + !!(a.flags & TCPF_SYN) + !!(a.flags & TCPF_FIN);
	if (chance(3)) /* again */
		feed_any(w, a.path, a.flags, a.seq, &a.o, a.data, a.len);
	listen_to(w);
}

static void one_round(uint64_t seed)
{
	struct world *w = world_new(0, 1);
	bool csum;
	uint8_t flags;

	rnd.s = seed * UINT64_C(0x9e3779b97f4a7c15);
	evil = rnd_below(&rnd, 3) * 15;
	csum = chance(40);
	world = w;
	stream_off = 0;
	w->addrs[0].id = 1;
	w->addrs[1].id = 2;
	ip_addr_parse("10.0.0.9", &w->addrs[0].addr);
	ip_addr_parse("10.0.0.8", &w->addrs[1].addr);
	w->mp.n_local_addrs = (uint8_t)rnd_below(&rnd, 3);
	w->space = 1000 + rnd_below(&rnd, 200000);
	if (chance(10))
		w->mp.half_open_max = 0;
	for (unsigned int i = 0; i < 4; i++)
		if (chance(30))
			w->path[i].mss = (uint16_t)(100 + rnd_below(&rnd, 1360));
	flags = MPC_FLAG_H | (csum ? MPC_FLAG_A : 0);
	open_mptcp(w, flags);
	w->mp.half_open_max = 16;
	if (evil > 0) {
		w->on_rx = user_whim;
		w->on_fin = user_whim;
	}
	for (unsigned int k = 0; k < STEPS; k++) {
		peer_step(w);
		user_step(w);
		listen_to(w);
		if (chance(20))
			world_wait(w, 1 + rnd_below(&rnd, chance(10) ? 4000 : 50));
		listen_to(w);
	}
	/* An honest peer's octets arrive as they are. */
	if (evil == 0 && !w->rx_plain)
		assert_int_equal(rx_wrong(w, 0, w->rx_len), 0);
	world_free(w);
}

static uint64_t round_now;

static void say_round(void)
{
	if (round_now != 0)
		fprintf(stderr, "FUZZ_SEED=%u\n", (unsigned int)round_now);
}

static void mutations(void **state)
{
	const char *one = getenv("FUZZ_SEED");

	(void)state;
	if (one != NULL) {
		one_round(strtoull(one, NULL, 0));
		return;
	}
	atexit(say_round);
	for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
		round_now = seed;
		one_round(seed);
	}
	round_now = 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {cmocka_unit_test(mutations)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
