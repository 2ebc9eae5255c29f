/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A scenario from a seed: short, and each thing that can happen on a path in some of them, alone and
 * together.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <rte_common.h>

#include "mptcp/tcp/tcp.h"
#include "rng.h"
#include "scenario.h"

#define PPM(percent) ((uint32_t)((percent)*10000))

uint64_t rng_log(struct rng *r, uint64_t lo, uint64_t hi)
{
	double x = (double)rng_below(r, 1000000) / 1e6;

	return (uint64_t)((double)lo * pow((double)hi / (double)lo, x));
}

static bool percent(struct rng *r, uint32_t p)
{
	return rng_chance(r, PPM(p));
}

static void random_outages(struct rng *r, struct sc_link *l)
{
	l->n_outages = (unsigned int)rng_range(r, 1, 2);
	for (unsigned int i = 0; i < l->n_outages; i++) {
		l->outages[i].from_ms = (uint32_t)rng_below(r, 3000);
		l->outages[i].to_ms = l->outages[i].from_ms + (uint32_t)rng_log(r, 10, 20000);
	}
}

static void random_link(struct rng *r, struct sc_link *l, uint32_t delay_us)
{
	l->delay_us = delay_us;
	if (percent(r, 50)) {
		l->rate_bps = rng_log(r, 500000, 1000000000);
		l->queue_bytes = (uint32_t)rng_log(r, 4500, 300000);
		if (percent(r, 50))
			l->mark_bytes = (uint32_t)rng_log(r, 1500, l->queue_bytes);
	}
	if (percent(r, 25))
		l->jitter_us = (uint32_t)rng_log(r, 100, 30000);
	if (percent(r, 40))
		l->loss_ppm = (uint32_t)rng_log(r, PPM(0.1), PPM(20));
	if (percent(r, 15)) {
		l->burst_enter_ppm = (uint32_t)rng_log(r, PPM(0.1), PPM(3));
		l->burst_leave_ppm = (uint32_t)rng_log(r, PPM(10), PPM(60));
		l->burst_loss_ppm = (uint32_t)rng_log(r, PPM(30), PPM(100));
	}
	if (percent(r, 25)) {
		l->reorder_ppm = (uint32_t)rng_log(r, PPM(0.1), PPM(20));
		l->reorder_us = (uint32_t)rng_log(r, 100, 200000);
	}
	if (percent(r, 20))
		l->dup_ppm = (uint32_t)rng_log(r, PPM(0.1), PPM(10));
	if (percent(r, 15))
		l->corrupt_ppm = (uint32_t)rng_log(r, PPM(0.1), PPM(5));
	if (percent(r, 8))
		random_outages(r, l);
	if (percent(r, 4)) {
		l->flap_up_ms = (uint32_t)rng_log(r, 100, 5000);
		l->flap_down_ms = (uint32_t)rng_log(r, 20, l->flap_up_ms);
	}
}

static void random_box(struct rng *r, struct sc_box *b)
{
	static const uint8_t syn_options[] = {3, 4, 8};

	do
		b->kind = (uint32_t)rng_below(r, BOX_KINDS);
	while (b->kind == BOX_ALG); /* nothing in plain TCP would notice */
	b->n = b->when = 0;
	switch (b->kind) {
	case BOX_STRIP:
		/* Of both SYNs at once; and of what follows, what may be missing. */
		b->when = percent(r, 30);
		b->n = b->when ? 5 : syn_options[rng_below(r, sizeof(syn_options))];
		break;
	case BOX_SPLIT:
		b->n = (uint32_t)rng_range(r, 100, 1400);
		break;
	case BOX_COALESCE:
		b->n = (uint32_t)rng_range(r, 1000, 1400);
		break;
	case BOX_CLAMP:
		b->n = (uint32_t)rng_log(r, 20, 60000);
		break;
	case BOX_WRAPPED:
		b->n = PPM(100);
		break;
	case BOX_RST:
	case BOX_BEYOND:
		b->n = (uint32_t)rng_log(r, PPM(1), PPM(50));
		break;
	case BOX_SYN:
		b->n = (uint32_t)rng_log(r, 1, 100000);
		break;
	default:
		break;
	}
}

static void random_path(struct rng *r, struct sc_path *p)
{
	uint32_t delay_us = (uint32_t)rng_log(r, 50, 300000);

	memset(p, 0, sizeof(*p));
	p->mtu = percent(r, 70) ? 1500 : (uint16_t)rng_range(r, 1280, 1500);
	random_link(r, &p->up, delay_us);
	random_link(r, &p->down, percent(r, 80) ? delay_us : (uint32_t)rng_log(r, 50, 300000));
	while (p->n_boxes < SC_BOXES_MAX && percent(r, 20))
		random_box(r, &p->boxes[p->n_boxes++]);
}

static void random_user(struct rng *r, struct sc_user *u)
{
	memset(u, 0, sizeof(*u));
	u->bytes = percent(r, 10) ? 0 : rng_log(r, 1, 300000);
	if (percent(r, 20))
		u->chunk_max = (uint32_t)rng_log(r, 1, 1400);
	if (u->chunk_max != 0 && u->bytes > 200 * (uint64_t)u->chunk_max)
		u->bytes = 200 * (uint64_t)u->chunk_max;
	if (percent(r, 15))
		u->think_us = (uint32_t)rng_log(r, 100, 300000);
	if (u->think_us != 0 && u->bytes > 100000)
		u->bytes = 100000;
	if (percent(r, 10))
		u->read_bps = rng_log(r, 200000, 100000000) & UINT32_MAX;
	if (percent(r, 10)) {
		u->pause_at = (uint32_t)rng_log(r, 1, 200000);
		u->pause_ms = (uint32_t)rng_log(r, 1, 30000);
	}
	if (percent(r, 4))
		u->abort_at = rng_log(r, 1, 300000);
}

static void random_tcp(struct rng *r, struct sc_tcp *t)
{
	memset(t, 0, sizeof(*t));
	t->cc = (uint32_t)rng_below(r, TCP_CCS);
	t->rcv_buffer = (uint32_t)rng_log(r, 3000, 2000000);
	t->snd_buffer = (uint32_t)rng_log(r, 3000, 1000000);
	/* A unit of the window field is a small part of the buffer. */
	do
		t->wscale = (uint8_t)rng_below(r, 15);
	while (8u << t->wscale > t->rcv_buffer);
	t->ecn = (uint32_t)rng_below(r, 3);
	if (percent(r, 30))
		t->delack_ms = (uint32_t)rng_log(r, 1, 200);
	t->pacing = percent(r, 50);
	if (percent(r, 30))
		t->time_wait_ms = (uint32_t)rng_log(r, 60000, 240000);
}

/* What fits an interface may not fit the path. */
static void random_mtu(struct rng *r, struct sc_path *p, bool v6)
{
	struct sc_link *links[] = {&p->up, &p->down};
	bool joined = false;

	/* What a middlebox puts together vanishes for ever. */
	for (unsigned int i = 0; i < p->n_boxes; i++)
		joined = joined || p->boxes[i].kind == BOX_COALESCE;
	for (unsigned int i = 0; i < 2; i++) {
		if (percent(r, 20) && !joined) {
			links[i]->mtu = (uint16_t)rng_range(r, v6 ? 1280 : 576, 1499);
			links[i]->router = percent(r, 60);
			if (percent(r, 30))
				links[i]->mtu_from_ms = (uint32_t)rng_log(r, 10, 5000);
		}
		if (percent(r, 10))
			links[i]->forged_ppm = (uint32_t)rng_log(r, PPM(0.1), PPM(20));
	}
}

static bool has_box(const struct sc_path *p, enum sc_box_kind kind)
{
	for (unsigned int k = 0; k < p->n_boxes; k++)
		if (p->boxes[k].kind == kind)
			return true;
	return false;
}

/* What is old is too old when some windows have gone by (box.c): windows are small, then, and as the box sees
 * them. */
static void random_wrapped(struct rng *r, struct scenario *sc)
{
	struct sc_tcp *tcp[] = {&sc->client_tcp, &sc->relay_tcp, &sc->server_tcp};
	bool wrapped = false;

	for (unsigned int i = 0; i <= sc->n_paths; i++) {
		struct sc_path *p = i < sc->n_paths ? &sc->paths[i] : &sc->server_path;

		if (!has_box(p, BOX_WRAPPED))
			continue;
		wrapped = true;
		for (unsigned int k = 0; k < p->n_boxes; k++)
			if (p->boxes[k].kind == BOX_CLAMP)
				p->boxes[k].n = UINT16_MAX;
	}
	if (!wrapped || percent(r, 20))
		return;
	sc->relay_buffer = (uint32_t)rng_log(r, 3000, 12000);
	sc->relay_buffer_max = 0;
	for (unsigned int i = 0; i < RTE_DIM(tcp); i++) {
		tcp[i]->rcv_buffer = (uint32_t)rng_log(r, 3000, 12000);
		while (8u << tcp[i]->wscale > RTE_MIN(tcp[i]->rcv_buffer, sc->relay_buffer))
			tcp[i]->wscale--;
	}
	for (unsigned int i = 0; i < sc->n_conns; i++) {
		struct sc_user *u = percent(r, 50) ? &sc->conns[i].client : &sc->conns[i].server;

		u->bytes = rng_range(r, 100000, 400000);
		u->chunk_max = u->think_us = 0;
		u->abort_at = 0;
	}
}

void scenario_random(struct scenario *sc, uint64_t seed)
{
	struct rng r = {rng_mix(seed + 1)};
	uint64_t last;

	memset(sc, 0, sizeof(*sc));
	snprintf(sc->name, sizeof(sc->name), "seed %llu", (unsigned long long)seed);
	sc->seed = rng_u64(&r);
	sc->checked = true;
	sc->v6 = percent(&r, 50);
	sc->relay = percent(&r, 40);
	sc->cookies = percent(&r, 10);
	/* A cookie is good for a second connection when the first has ended, and what arrives before the
	 * packet that completes the handshake gets a RST. */
	sc->may_fail = sc->cookies;
	sc->hold = percent(&r, 50) ? (uint32_t)rng_range(&r, 1, 64) : 0;
	sc->poll_us = percent(&r, 30) ? (uint32_t)rng_log(&r, 1, 2000) : 0;
	/* A third of the clocks wrap soon. */
	sc->clock_ms = percent(&r, 33) ? UINT32_MAX - (uint32_t)rng_log(&r, 1, 20000)
				       : (uint32_t)rng_u64(&r);
	sc->relay_buffer = (uint32_t)rng_log(&r, 3000, 1000000);
	sc->relay_buffer_max = percent(&r, 50) ? (uint32_t)rng_log(&r, 3000, 4000000) : 0;
	random_tcp(&r, &sc->client_tcp);
	random_tcp(&r, &sc->relay_tcp);
	while (8u << sc->relay_tcp.wscale > sc->relay_buffer)
		sc->relay_tcp.wscale--;
	random_tcp(&r, &sc->server_tcp);
	sc->n_paths = percent(&r, 80) ? 1 : (unsigned int)rng_range(&r, 2, SC_PATHS_MAX);
	for (unsigned int i = 0; i < sc->n_paths; i++)
		random_path(&r, &sc->paths[i]);
	random_path(&r, &sc->server_path);
	/* A path that is away half of the time can be so for each of 15 retransmissions. */
	for (unsigned int i = 0; i <= sc->n_paths; i++) {
		const struct sc_path *p = i < sc->n_paths ? &sc->paths[i] : &sc->server_path;

		sc->may_fail = sc->may_fail || p->up.flap_down_ms != 0 || p->down.flap_down_ms != 0;
	}
	last = rng_below(&r, 4); /* who closes after the other */
	sc->n_conns = percent(&r, 70) ? 1 : (unsigned int)rng_range(&r, 2, 4);
	for (unsigned int i = 0; i < sc->n_conns; i++) {
		struct sc_conn *c = &sc->conns[i];

		c->start_ms = i == 0 ? 0 : (uint32_t)rng_below(&r, 500);
		c->path = (unsigned int)rng_below(&r, sc->n_paths);
		random_user(&r, &c->client);
		random_user(&r, &c->server);
		/* Servers take the connections as they come, so one side begins in all of them. */
		c->client.close_on_fin = last == 1;
		c->server.close_on_fin = last == 2;
		/* What a cookie stands for is known once the client has said something. */
		if (sc->cookies && c->client.bytes == 0)
			c->client.bytes = 1;
	}
	for (unsigned int i = 0; i < sc->n_paths; i++)
		random_mtu(&r, &sc->paths[i], sc->v6);
	random_mtu(&r, &sc->server_path, sc->v6);
	random_wrapped(&r, sc);
}
