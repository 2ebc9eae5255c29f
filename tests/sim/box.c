/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The kinds of middlebox, one function each. None may be told from a real path by what it does:
 * where one forges, the rules of TCP let the receiver know.
 */
#include <string.h>

#include <rte_common.h>

#include "box.h"
#include "path.h"

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define PSH 0x08
#define ACK 0x10

#define OPT_WSCALE 3
#define OPT_SACK   5
#define OPT_TS     8

#define COALESCE_NS NSEC_PER_MSEC
/* Beyond any window that a scenario has. */
#define FAR 0x10000000u
/* So many windows, of the largest size there was, are more than what fills a gap may be late by (tcp_paws.c). */
#define OLD_WINDOWS 4

const char *const sc_box_name[BOX_KINDS] = {
	[BOX_NAT] = "nat",         [BOX_SEQ] = "seq",       [BOX_STRIP] = "strip",
	[BOX_ALG] = "alg",         [BOX_SPLIT] = "split",   [BOX_COALESCE] = "coalesce",
	[BOX_CLAMP] = "clamp",     [BOX_RST] = "rst",       [BOX_SYN] = "syn",
	[BOX_WRAPPED] = "wrapped", [BOX_BEYOND] = "beyond",
};

struct passing {
	struct frame *f;
	struct tcp_view v;
	unsigned int dir;
	struct box_flow *flow; /* NULL: no room for another one */
};

/* --- flows ------------------------------------------------------------------------------------ */

static struct box_flow *flow_by(struct box *b, uint16_t port, bool outside)
{
	for (unsigned int i = 0; i < BOX_FLOWS; i++)
		if (b->flow[i].used && (outside ? b->flow[i].outside : b->flow[i].port) == port)
			return &b->flow[i];
	return NULL;
}

static uint16_t free_port(struct box *b)
{
	uint16_t port;

	do {
		port = (uint16_t)rng_range(&b->path->sim->rng, 1024, 30000);
	} while (flow_by(b, port, true) != NULL);
	return port;
}

static struct box_flow *flow_of(struct box *b, const struct passing *p)
{
	struct rng *r = &b->path->sim->rng;
	bool nat = b->spec->kind == BOX_NAT;
	struct box_flow *flow =
		p->dir == DIR_UP ? flow_by(b, p->v.sport, false) : flow_by(b, p->v.dport, nat);

	if (flow != NULL || p->dir == DIR_DOWN)
		return flow;
	for (unsigned int i = 0; i < BOX_FLOWS && flow == NULL; i++)
		if (!b->flow[i].used)
			flow = &b->flow[i];
	if (flow == NULL)
		return NULL;
	flow->used = true;
	flow->port = p->v.sport;
	flow->outside = free_port(b);
	flow->delta[0] = (uint32_t)rng_u64(r);
	flow->delta[1] = (uint32_t)rng_u64(r);
	return flow;
}

/* What everyone on the way can learn from the headers. */
static void observe(struct passing *p)
{
	const struct tcp_view *v = &p->v;
	struct box_flow *w = p->flow;
	unsigned int from = p->dir == DIR_UP ? 0 : 1;
	uint32_t end = v->seq + v->payload_len + !!(v->flags & SYN) + !!(v->flags & FIN);
	const uint8_t *ws;

	if (w == NULL || v->flags & RST)
		return;
	w->packets++;
	if (v->flags & SYN) {
		ws = frame_option(v, OPT_WSCALE);
		w->scale_ok[from] = ws != NULL;
		w->wscale[from] = ws != NULL && ws[2] <= 14 ? ws[2] : 0;
		w->seq[from] = end;
	}
	if ((int32_t)(end - w->seq[from]) > 0)
		w->seq[from] = end;
	if (v->flags & ACK) {
		uint8_t shift =
			v->flags & SYN || !w->scale_ok[0] || !w->scale_ok[1] ? 0 : w->wscale[from];
		uint32_t edge = v->ack + ((uint32_t)v->wnd << shift);

		if (w->edge[from] == 0 || (int32_t)(edge - w->edge[from]) > 0)
			w->edge[from] = edge;
	}
}

/* --- kinds ------------------------------------------------------------------------------------ */

static void pass(struct box *b, const struct passing *p)
{
	path_forward(b->path, (enum dir)p->dir, b->index + (p->dir == DIR_UP ? 1 : -1), p->f);
}

static void pass_again(struct box *b, unsigned int dir, struct frame *f)
{
	struct passing p = {.f = f, .dir = dir};

	pass(b, &p);
}

/* The address outside is another one of the same network. */
static void nat(struct box *b, struct passing *p)
{
	struct tcp_view *v = &p->v;
	uint8_t *addr =
		v->v4 ? &v->ip[p->dir == DIR_UP ? 15 : 19] : &v->ip[p->dir == DIR_UP ? 23 : 39];

	if (p->flow == NULL) {
		frame_free(p->f);
		return;
	}
	if (b->spec->n != 0 && p->flow->packets % b->spec->n == 0)
		p->flow->outside = free_port(b); /* forgotten, and bound anew */
	*addr ^= 0x80;
	set16(p->dir == DIR_UP ? v->th : v->th + 2,
	      p->dir == DIR_UP ? p->flow->outside : p->flow->port);
	frame_seal(p->f, v);
	pass(b, p);
}

static void seq(struct box *b, struct passing *p)
{
	struct tcp_view *v = &p->v;
	unsigned int from = p->dir == DIR_UP ? 0 : 1;
	uint8_t *sack = frame_option(v, OPT_SACK);

	if (p->flow != NULL) {
		uint32_t theirs = p->flow->delta[!from];

		set32(v->th + 4, v->seq + p->flow->delta[from]);
		if (v->flags & ACK)
			set32(v->th + 8, v->ack - theirs);
		for (unsigned int i = 2; sack != NULL && i + 4 <= sack[1]; i += 4)
			set32(&sack[i], get32(&sack[i]) - theirs);
		frame_seal(p->f, v);
	}
	pass(b, p);
}

static void strip(struct box *b, struct passing *p)
{
	bool syn = p->v.flags & SYN;
	uint8_t *o;

	while (syn == (b->spec->when == 0) &&
	       (o = frame_option(&p->v, (uint8_t)b->spec->n)) != NULL) {
		memset(o, 1, o[1]);
		frame_seal(p->f, &p->v);
	}
	pass(b, p);
}

static void alg(struct box *b, struct passing *p)
{
	if (p->v.payload_len > 0 && ++b->packets >= b->spec->n) {
		p->v.payload[0] ^= 0x20;
		frame_seal(p->f, &p->v);
	}
	pass(b, p);
}

static void split(struct box *b, struct passing *p)
{
	struct tcp_view *v = &p->v, w;
	uint16_t first = (uint16_t)b->spec->n;
	struct frame *rest;

	if (v->payload_len <= first || v->flags & (SYN | RST) ||
	    !frame_tcp(rest = frame_copy(p->f), &w)) {
		pass(b, p);
		return;
	}
	set32(w.th + 4, v->seq + first);
	memmove(w.payload, w.payload + first, v->payload_len - first);
	w.payload_len = (uint16_t)(v->payload_len - first);
	frame_seal(rest, &w);
	v->payload_len = first;
	v->th[13] &= (uint8_t) ~(FIN | PSH);
	frame_seal(p->f, v);
	pass(b, p);
	/* and what is still too long, once more */
	box_input(b, p->dir, rest);
}

static void flush_held(struct box *b, struct box_flow *flow, unsigned int dir)
{
	struct frame *f = flow->held[dir];

	flow->held[dir] = NULL;
	if (f != NULL)
		pass_again(b, dir, f);
}

static void coalesce_timeout(struct sim *s, void *ctx, uint64_t arg)
{
	struct box *b = ctx;

	flush_held(b, &b->flow[arg / DIRS], arg % DIRS);
}

/* The payload of p behind that of what is held. False: it does not fit or follow. */
static bool join(const struct box *b, struct frame *f, const struct passing *p)
{
	struct tcp_view v;

	if (!frame_tcp(f, &v) || v.seq + v.payload_len != p->v.seq || v.opt_len != p->v.opt_len ||
	    memcmp(v.opt, p->v.opt, v.opt_len) != 0 || p->v.flags & (SYN | RST) ||
	    p->v.payload_len == 0 || v.payload_len + p->v.payload_len > (int)b->spec->n ||
	    f->len + p->v.payload_len > FRAME_MAX)
		return false;
	memcpy(v.payload + v.payload_len, p->v.payload, p->v.payload_len);
	v.payload_len += p->v.payload_len;
	v.th[13] |= p->v.flags;
	memcpy(v.th + 8, p->v.th + 8, 4);
	memcpy(v.th + 14, p->v.th + 14, 2);
	frame_seal(f, &v);
	return true;
}

static void coalesce(struct box *b, struct passing *p)
{
	struct box_flow *flow = p->flow;

	if (flow == NULL) {
		pass(b, p);
		return;
	}
	if (flow->held[p->dir] != NULL) {
		if (join(b, flow->held[p->dir], p)) {
			frame_free(p->f);
			return;
		}
		flush_held(b, flow, p->dir);
	}
	if (p->v.payload_len == 0 || p->v.flags & (SYN | RST | FIN)) {
		pass(b, p);
		return;
	}
	flow->held[p->dir] = p->f;
	sim_at(b->path->sim, b->path->sim->now_ns + COALESCE_NS, coalesce_timeout, b,
	       (uint64_t)(flow - b->flow) * DIRS + p->dir);
}

static void clamp(struct box *b, struct passing *p)
{
	if (p->v.wnd > b->spec->n) {
		set16(p->v.th + 14, (uint16_t)b->spec->n);
		frame_seal(p->f, &p->v);
	}
	pass(b, p);
}

/* A RST to the receiver of p whose number is in the window but not the next one, or beyond it. */
static void rst(struct box *b, struct passing *p)
{
	struct rng *r = &b->path->sim->rng;
	unsigned int to = p->dir == DIR_UP ? 1 : 0;
	struct tcp_view v;
	struct frame *f;
	uint32_t room;

	if (p->flow != NULL && p->flow->edge[to] != 0 && !(p->v.flags & (SYN | RST)) &&
	    rng_chance(r, b->spec->n) && frame_tcp(f = frame_copy(p->f), &v)) {
		room = p->flow->edge[to] - p->flow->seq[!to];
		v.payload_len = 0;
		v.th[13] = RST | ACK;
		set32(v.th + 4, rng_below(r, 2) && (int32_t)room > 2
					? p->flow->seq[!to] + 1 + (uint32_t)rng_below(r, room - 2)
					: p->flow->edge[to] + FAR);
		frame_seal(f, &v);
		pass(b, p);
		pass_again(b, p->dir, f);
		return;
	}
	pass(b, p);
}

static void later(struct sim *s, void *ctx, uint64_t arg)
{
	pass_again(ctx, DIR_UP, (struct frame *)(uintptr_t)arg);
}

static void again_syn(struct box *b, struct passing *p)
{
	struct sim *s = b->path->sim;

	if ((p->v.flags & (SYN | ACK | RST)) == SYN && p->dir == DIR_UP)
		sim_frame_at(s, s->now_ns + b->spec->n * NSEC_PER_MSEC, later, b, frame_copy(p->f));
	pass(b, p);
}

/* Whether the receiver has seen a timestamp beyond that of f: it echoed one. */
static bool is_older(struct frame *f, const struct box_flow *flow, unsigned int dir)
{
	struct tcp_view v;
	const uint8_t *ts;

	return flow->delta[dir] != 0 && frame_tcp(f, &v) &&
	       (ts = frame_option(&v, OPT_TS)) != NULL &&
	       (int32_t)(flow->delta[dir] - get32(&ts[2])) > 0;
}

static void keep_old(struct box_flow *flow, const struct passing *p)
{
	flow->old[p->dir] = frame_copy(p->f);
	flow->old_window[p->dir] = flow->old_passed[p->dir] = 0;
	flow->old_ticked[p->dir] = false;
}

/* p acknowledges what goes the other way: how much of it since the clock has ticked (2^32 octets take longer
 * than that), and in how large a window. */
static void count_octets(struct box_flow *flow, const struct passing *p)
{
	unsigned int dir = !p->dir;
	uint32_t window = flow->edge[p->dir == DIR_UP ? 0 : 1] - p->v.ack;

	if (!flow->old_ticked[dir]) {
		flow->old_ticked[dir] =
			flow->old[dir] != NULL && is_older(flow->old[dir], flow, dir);
		flow->old_from[dir] = p->v.ack;
	} else if ((int32_t)(p->v.ack - flow->old_from[dir]) > 0) {
		flow->old_passed[dir] =
			RTE_MAX(flow->old_passed[dir], p->v.ack - flow->old_from[dir]);
	}
	flow->old_window[dir] = RTE_MAX(flow->old_window[dir], window);
}

static bool is_old_enough(const struct box_flow *flow, unsigned int dir)
{
	return flow->old[dir] != NULL &&
	       flow->old_passed[dir] > OLD_WINDOWS * flow->old_window[dir];
}

/*
 * A segment from the time before the sequence numbers came round: the number fits, the timestamp does
 * not, and its octets are others. delta[dir] is the highest timestamp of dir that was echoed.
 */
static void wrapped(struct box *b, struct passing *p)
{
	const uint8_t *ts = frame_option(&p->v, OPT_TS);
	struct box_flow *flow = p->flow;
	struct tcp_view v;
	struct frame *f;

	if (flow == NULL || ts == NULL || p->v.flags & (SYN | RST | FIN)) {
		if (flow != NULL && p->v.flags & SYN)
			flow->delta[0] = flow->delta[1] = 0;
		pass(b, p);
		return;
	}
	if (flow->delta[!p->dir] == 0 || (int32_t)(get32(&ts[6]) - flow->delta[!p->dir]) > 0)
		flow->delta[!p->dir] = get32(&ts[6]);
	if (p->v.payload_len > 0 && flow->old[p->dir] == NULL)
		keep_old(flow, p);
	count_octets(flow, p);
	pass(b, p);
	f = flow->old[p->dir];
	if (!is_old_enough(flow, p->dir))
		return;
	flow->old[p->dir] = NULL;
	if (!rng_chance(&b->path->sim->rng, b->spec->n) || !frame_tcp(f, &v)) {
		frame_free(f);
		return;
	}
	set32(v.th + 4, flow->seq[p->dir == DIR_UP ? 0 : 1]);
	for (unsigned int i = 0; i < v.payload_len; i++)
		v.payload[i] ^= 0xff;
	frame_seal(f, &v);
	pass_again(b, p->dir, f);
}

static void beyond(struct box *b, struct passing *p)
{
	unsigned int dir = p->dir;
	unsigned int to = dir == DIR_UP ? 1 : 0;
	struct box_flow *flow = p->flow;
	struct frame *f = NULL;
	struct tcp_view v;

	if (flow != NULL && flow->edge[to] != 0 && p->v.payload_len > 0 &&
	    !(p->v.flags & (SYN | RST | FIN)) && rng_chance(&b->path->sim->rng, b->spec->n) &&
	    frame_tcp(f = frame_copy(p->f), &v)) {
		set32(v.th + 4, flow->edge[to] + FAR);
		frame_seal(f, &v);
	}
	pass(b, p);
	if (f != NULL)
		pass_again(b, dir, f);
}

static void (*const kinds[BOX_KINDS])(struct box *b, struct passing *p) = {
	[BOX_NAT] = nat,       [BOX_SEQ] = seq,           [BOX_STRIP] = strip,   [BOX_ALG] = alg,
	[BOX_SPLIT] = split,   [BOX_COALESCE] = coalesce, [BOX_CLAMP] = clamp,   [BOX_RST] = rst,
	[BOX_SYN] = again_syn, [BOX_WRAPPED] = wrapped,   [BOX_BEYOND] = beyond,
};

void box_input(struct box *b, unsigned int dir, struct frame *f)
{
	struct passing p = {.f = f, .dir = dir};

	/* Damage outside of what checksums cover is none. */
	if (!frame_tcp(f, &p.v) || (f->damaged && !frame_intact(f, &p.v))) {
		pass(b, &p);
		return;
	}
	p.flow = flow_of(b, &p);
	observe(&p);
	kinds[b->spec->kind](b, &p);
}

void box_init(struct box *b, struct path *p, int index, const struct sc_box *spec)
{
	memset(b, 0, sizeof(*b));
	b->path = p;
	b->index = index;
	b->spec = spec;
}

void box_free(struct box *b)
{
	for (unsigned int i = 0; i < BOX_FLOWS; i++)
		for (unsigned int d = 0; d < DIRS; d++) {
			if (b->flow[i].old[d] != NULL)
				frame_free(b->flow[i].old[d]);
			if (b->flow[i].held[d] != NULL)
				frame_free(b->flow[i].held[d]);
		}
}
