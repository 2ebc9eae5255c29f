/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Links. The order of what happens to a packet: outage, size, loss, queue and rate, damage, delay. A
 * router that tells of sizes stands before the middleboxes, so that it knows addresses and numbers as
 * the sender does.
 */
#include <string.h>

#include "host.h"
#include "path.h"

#define QUEUE_DEFAULT (100 * 1500)

static void arrive(struct sim *s, void *ctx, uint64_t arg);

/* One outage a period, at another place of it each time: no timer may keep step. */
static bool flaps(const struct sc_link *l, uint64_t now_ms)
{
	uint64_t period = now_ms / (l->flap_up_ms + l->flap_down_ms);
	uint64_t at = now_ms % (l->flap_up_ms + l->flap_down_ms);
	uint64_t from = rng_mix(period + 1) % l->flap_up_ms;

	return at >= from && at < from + l->flap_down_ms;
}

static bool in_outage(const struct sc_link *l, uint64_t now_ms)
{

	for (unsigned int i = 0; i < l->n_outages; i++)
		if (now_ms >= l->outages[i].from_ms && now_ms < l->outages[i].to_ms)
			return true;
	return l->flap_down_ms != 0 && flaps(l, now_ms);
}

static bool lost(struct link *l, struct rng *r)
{
	const struct sc_link *c = l->spec;

	if (c->burst_enter_ppm != 0) {
		uint64_t now_ns = l->path->sim->now_ns;

		/* With the packets far apart each is a new throw. */
		if (now_ns - l->bad_ns > NSEC_PER_SEC)
			l->bad = false;
		l->bad_ns = now_ns;
		l->bad = l->bad ? !rng_chance(r, c->burst_leave_ppm)
				: rng_chance(r, c->burst_enter_ppm);
		if (l->bad && rng_chance(r, c->burst_loss_ppm))
			return true;
	}
	return rng_chance(r, c->loss_ppm);
}

/* Through the queue, at the link's rate. False: it was full. */
static bool serialise(struct link *l, struct frame *f, uint64_t *at_ns)
{
	uint16_t len = f->len;
	const struct sc_link *c = l->spec;
	uint64_t now = l->path->sim->now_ns;
	uint64_t most = c->queue_bytes != 0 ? c->queue_bytes : QUEUE_DEFAULT;
	uint64_t queued;

	*at_ns = now;
	if (c->rate_bps == 0)
		return true;
	if (l->busy_until_ns < now)
		l->busy_until_ns = now;
	queued = (uint64_t)((__uint128_t)(l->busy_until_ns - now) * c->rate_bps /
			    (8 * NSEC_PER_SEC));
	if (queued + len > most && queued > 0)
		return false;
	if (queued + len > l->stats.queue_max)
		l->stats.queue_max = queued + len;
	if (c->mark_bytes != 0 && queued > c->mark_bytes && frame_mark(f))
		l->stats.marked++;
	l->busy_until_ns += (uint64_t)len * 8 * NSEC_PER_SEC / c->rate_bps;
	*at_ns = l->busy_until_ns;
	return true;
}

/* When f, which leaves the queue at at_ns, arrives. */
static uint64_t arrival(struct link *l, uint64_t at_ns)
{
	const struct sc_link *c = l->spec;
	struct rng *r = &l->path->sim->rng;

	at_ns += c->delay_us * NSEC_PER_USEC;
	if (c->jitter_us != 0)
		at_ns += rng_below(r, c->jitter_us * NSEC_PER_USEC);
	if (rng_chance(r, c->reorder_ppm)) {
		l->stats.late++;
		return at_ns + c->reorder_us * NSEC_PER_USEC;
	}
	return at_ns;
}

static bool too_big(const struct link *l, const struct frame *f)
{
	const struct sc_link *c = l->spec;

	return c->mtu != 0 && f->len > c->mtu &&
	       l->path->sim->now_ns / NSEC_PER_MSEC >= c->mtu_from_ms;
}

static void told(struct sim *s, void *ctx, uint64_t arg)
{
	struct link *l = ctx;
	struct path *p = l->path;

	host_receive(p->host[l == &p->link[DIR_UP] ? 0 : 1], p, (struct frame *)(uintptr_t)arg);
	(void)s;
}

/* The sender of what l was to carry gets e. */
static void tell(struct link *l, struct frame *e)
{
	struct sim *s = l->path->sim;

	if (lost(l, &s->rng))
		frame_free(e);
	else
		sim_frame_at(s, s->now_ns + l->spec->delay_us * NSEC_PER_USEC, told, l, e);
}

/* Each is wrong in one way, but for the first kind: such a packet is out, and only that it arrives
 * speaks against it. */
static void forge(struct link *l, const struct frame *f)
{
	static const uint32_t mtus[] = {0, 68, 575, 65535, UINT32_MAX};
	struct rng *r = &l->path->sim->rng;
	bool v4 = f->b[0] >> 4 == 4;
	unsigned int quote = (v4 ? 20 : 40) + 8, at = quote + quote - 4;
	unsigned int kind = (unsigned int)rng_below(r, 5);
	uint32_t mtu = (uint32_t)rng_range(r, v4 ? 576 : 1280, 1500);
	struct frame *e;

	if (kind == 1)
		mtu = mtus[rng_below(r, 5)];
	e = frame_too_big(f, mtu, kind == 2 ? (unsigned int)rng_below(r, quote) : quote);
	if (kind == 3) {
		set32(&e->b[at],
		      get32(&e->b[at]) + 0x40000000u + (uint32_t)rng_below(r, 0x80000000u));
		frame_seal_too_big(e);
	} else if (kind == 4) {
		e->b[rng_below(r, e->len)] ^= (uint8_t)(1u << rng_below(r, 8));
	}
	tell(l, e);
}

/* Returns whether f, which is consumed then, is too big and its sender is told. */
static bool router(struct link *l, struct frame *f)
{
	if (rng_chance(&l->path->sim->rng, l->spec->forged_ppm))
		forge(l, f);
	if (!l->spec->router || !too_big(l, f))
		return false;
	l->stats.too_big++;
	tell(l, frame_too_big(f, l->spec->mtu, f->len < 500 ? f->len : 500));
	frame_free(f);
	return true;
}

static void link_send(struct link *l, struct frame *f)
{
	struct sim *s = l->path->sim;
	const struct sc_link *c = l->spec;
	uint64_t at_ns;

	if (in_outage(c, s->now_ns / NSEC_PER_MSEC)) {
		l->stats.outage++;
	} else if (too_big(l, f)) {
		l->stats.too_big++;
	} else if (lost(l, &s->rng)) {
		l->stats.lost++;
	} else if (!serialise(l, f, &at_ns)) {
		l->stats.overrun++;
	} else {
		if (rng_chance(&s->rng, c->corrupt_ppm)) {
			f->b[rng_below(&s->rng, f->len)] ^= (uint8_t)(1u << rng_below(&s->rng, 8));
			f->damaged = true;
			l->stats.corrupted++;
		}
		if (rng_chance(&s->rng, c->dup_ppm)) {
			sim_frame_at(s, arrival(l, at_ns) + rng_below(&s->rng, NSEC_PER_MSEC),
				     arrive, l, frame_copy(f));
			l->stats.duplicated++;
		}
		sim_frame_at(s, arrival(l, at_ns), arrive, l, f);
		return;
	}
	frame_free(f);
}

static void arrive(struct sim *s, void *ctx, uint64_t arg)
{
	struct frame *f = (struct frame *)(uintptr_t)arg;
	struct link *l = ctx;
	struct path *p = l->path;

	l->stats.packets++;
	l->stats.bytes += f->len;
	if (l == &p->link[DIR_UP])
		host_receive(p->host[1], p, f);
	else
		path_forward(p, DIR_DOWN, (int)p->n_boxes - 1, f);
}

void path_forward(struct path *p, enum dir dir, int i, struct frame *f)
{
	if (i >= 0 && i < (int)p->n_boxes)
		box_input(&p->box[i], dir, f);
	else if (dir == DIR_UP)
		link_send(&p->link[DIR_UP], f);
	else
		host_receive(p->host[0], p, f);
}

void path_send(struct path *p, unsigned int e, struct frame *f)
{
	if (router(&p->link[e == 0 ? DIR_UP : DIR_DOWN], f))
		return;
	if (e == 0)
		path_forward(p, DIR_UP, 0, f);
	else
		link_send(&p->link[DIR_DOWN], f);
}

void path_init(struct path *p, struct sim *s, const struct sc_path *spec)
{
	memset(p, 0, sizeof(*p));
	p->sim = s;
	p->spec = spec;
	p->link[DIR_UP] = (struct link){.path = p, .spec = &spec->up};
	p->link[DIR_DOWN] = (struct link){.path = p, .spec = &spec->down};
	p->n_boxes = spec->n_boxes;
	for (unsigned int i = 0; i < p->n_boxes; i++)
		box_init(&p->box[i], p, (int)i, &spec->boxes[i]);
}

void path_free(struct path *p)
{
	for (unsigned int i = 0; i < p->n_boxes; i++)
		box_free(&p->box[i]);
}
