/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What happens on one leg of a relay, told to the other. Every function below the line "upcalls"
 * may be entered again through the conn_*() calls it makes, and c->user tells: a leg that has
 * ended, or that the relay let go, has none. So a relay is never freed here, only put on the dead
 * list. Owning worker only.
 */
#include <errno.h>

#include <rte_lcore.h>
#include <rte_malloc.h>

#include "relay.h"
#include "worker.h"

#define ALIGN64(n) (((n) + 63u) & ~(size_t)63u)

/* Early segments this small are copied behind the one before, if it has room. */
#define MERGE_MAX 256
/* Octets that a segment counts for at least, and octets a buffer typically carries. */
#define SEG_LEAST   512
#define SEG_TYPICAL 1400
/* Our SYN offers timestamps, and a server takes them out of the MSS it is told (RFC 6691 s2). */
#define TIMESTAMPS_LEN 12

static enum relay_side side_of(const struct conn *c)
{
	return c->active ? RELAY_SERVER : RELAY_CLIENT;
}

static enum relay_side other_side(enum relay_side side)
{
	return side == RELAY_CLIENT ? RELAY_SERVER : RELAY_CLIENT;
}

/* --- begin and end ---------------------------------------------------------------------------- */

static void leg_attach(struct relay *r, enum relay_side side, struct conn *c)
{
	r->leg[side] = (struct relay_leg){.c = c, .id = c->id};
	r->leg[side].tune.limit = r->ctx->buffer;
}

/* Both sides are there: how much passes is measured from now on. */
static void tune_begin(struct relay *r, enum relay_side from)
{
	const struct conn *to = r->leg[other_side(from)].c;

	if (to != NULL)
		relay_tune_init(&r->leg[from].tune, r->ctx->buffer, r->ctx->buffer_max, to->snd_una,
				r->ctx->w->st.now_us);
}

static struct relay *relay_new(struct relay_ctx *ctx, struct conn *client)
{
	struct relay *r = pool_get(&ctx->relays);

	if (r == NULL)
		return NULL;
	st_inc(&ctx->w->st, CTR_CUR_RELAYS);
	r->ctx = ctx;
	r->listener = client->params->user;
	leg_attach(r, RELAY_CLIENT, client);
	client->user = r;
	listener_count(r->listener, 1);
	upstream_begin(&r->walk, r->listener->pool);
	return r;
}

/* Both legs have ended. */
static void relay_end(struct relay *r)
{
	struct stack *st = &r->ctx->w->st;
	struct seg *s;

	if (r->dead || r->leg[RELAY_CLIENT].c != NULL || r->leg[RELAY_SERVER].c != NULL)
		return;
	wheel_cancel(&st->wheel, &r->timer);
	while ((s = r->early.head) != NULL) {
		segq_remove(&r->early, s);
		seg_drop(s);
	}
	listener_count(r->listener, -1);
	r->dead = true;
	r->next_dead = r->ctx->dead;
	r->ctx->dead = r;
}

/* Nothing that happens on this leg matters any more. */
static struct conn *leg_detach(struct relay *r, enum relay_side side)
{
	struct conn *c = r->leg[side].c;

	r->leg[side].c = NULL;
	if (c != NULL)
		c->user = NULL;
	return c;
}

static void leg_abort(struct relay *r, enum relay_side side)
{
	struct conn *c = leg_detach(r, side);

	if (c != NULL)
		conn_abort(c);
}

/* --- connecting the server -------------------------------------------------------------------- */

static void connect_timeout(struct wheel_timer *t, void *ctx);

/* Try servers until a SYN is out. Returns whether one is. */
static bool connect_next(struct relay *r)
{
	struct worker *w = r->ctx->w;
	/* One segment of the server is then one segment to the client, mapping and all. */
	uint32_t mss = conn_payload_max(r->leg[RELAY_CLIENT].c) + (uint32_t)TIMESTAMPS_LEN;
	struct conn *c;

	c = upstream_connect(w, &r->walk, &r->listener->server,
			     (uint16_t)RTE_MIN(mss, (uint32_t)UINT16_MAX), r);
	if (c == NULL) {
		st_inc(&w->st, CTR_RELAY_UPSTREAM_NONE);
		return false;
	}
	leg_attach(r, RELAY_SERVER, c);
	wheel_arm(&w->st.wheel, &r->timer, w->st.now_ms + r->walk.pool->cfg->connect_timeout_ms,
		  connect_timeout);
	return true;
}

/* The server in hand is out of question: the next one, or the client's reset. */
static void server_failed(struct relay *r, enum counter why)
{
	st_inc(&r->ctx->w->st, why);
	if (connect_next(r))
		return;
	leg_abort(r, RELAY_CLIENT);
	relay_end(r);
}

static void connect_timeout(struct wheel_timer *t, void *ctx)
{
	struct relay *r = RTE_PTR_SUB(t, offsetof(struct relay, timer));

	leg_abort(r, RELAY_SERVER);
	server_failed(r, CTR_RELAY_UPSTREAM_TIMEOUT);
}

/* --- payload ------------------------------------------------------------------------------------ */

/* s (no holder; consumed) goes out on the leg to, which is open. */
static void forward(struct relay *r, enum relay_side to, struct seg *s)
{
	ctr_add(r->ctx->w->st.ctrs,
		to == RELAY_SERVER ? CTR_RELAY_BYTES_TO_SERVER : CTR_RELAY_BYTES_TO_CLIENT, s->len);
	conn_send(r->leg[to].c, s);
}

/* s (no holder; consumed) waits for the server. */
static void keep_early(struct relay *r, struct seg *s)
{
	struct seg *tail = r->early.tail;

	/* A client of single octets must not hold a packet buffer for each. */
	if (tail != NULL && s->len <= MERGE_MAX && seg_merge(tail, s)) {
		r->early.bytes += s->len;
		seg_drop(s);
		return;
	}
	segq_push_tail(&r->early, s);
}

/* --- upcalls ------------------------------------------------------------------------------------ */

static int relay_accepted(struct conn *c)
{
	struct worker *w = worker_of_mptcp(c->mp);
	struct relay *r = relay_new(w->relay, c);

	if (r == NULL) {
		st_inc(&w->st, CTR_DROP_NO_CONN);
		return -ENOMEM;
	}
	st_inc(&w->st, CTR_RELAY_ACCEPTED);
	if (connect_next(r))
		return 0;
	/* The caller resets c, and closed() is not called for what was not accepted. */
	leg_detach(r, RELAY_CLIENT);
	relay_end(r);
	return -ENETUNREACH;
}

static void relay_connected(struct conn *c)
{
	struct relay *r = c->user;
	struct seg *s;

	if (r == NULL)
		return;
	r->open = true;
	wheel_cancel(&r->ctx->w->st.wheel, &r->timer);
	tune_begin(r, RELAY_CLIENT);
	tune_begin(r, RELAY_SERVER);
	while ((s = r->early.head) != NULL && r->leg[RELAY_SERVER].c != NULL) {
		segq_remove(&r->early, s);
		forward(r, RELAY_SERVER, s);
	}
	if (r->leg[RELAY_CLIENT].fin && r->leg[RELAY_SERVER].c != NULL)
		conn_shutdown(r->leg[RELAY_SERVER].c);
	if (r->leg[RELAY_CLIENT].c != NULL)
		conn_window_update(r->leg[RELAY_CLIENT].c);
}

static void relay_rx(struct conn *c, struct seg *s)
{
	enum relay_side to = other_side(side_of(c));
	struct relay *r = c->user;

	if (unlikely(r == NULL))
		seg_drop(s);
	else if (unlikely(!r->open))
		keep_early(r, s);
	else if (likely(r->leg[to].c != NULL))
		forward(r, to, s);
	else
		seg_drop(s);
}

static void relay_rx_fin(struct conn *c)
{
	enum relay_side side = side_of(c);
	struct relay *r = c->user;
	struct conn *other;

	if (r == NULL)
		return;
	r->leg[side].fin = true;
	other = r->leg[other_side(side)].c;
	if (r->open && other != NULL)
		conn_shutdown(other); /* else relay_connected() does */
}

static void relay_acked(struct conn *c)
{
	struct relay *r = c->user;
	struct relay_leg *from;
	uint64_t now_us;
	uint32_t rtt_us;

	if (unlikely(r == NULL || !r->open))
		return;
	now_us = r->ctx->w->st.now_us;
	from = &r->leg[other_side(side_of(c))];
	if (from->c == NULL)
		return;
	if (relay_tune_due(&from->tune, now_us)) {
		rtt_us = conn_min_rtt_us(c) + conn_min_rtt_us(from->c);
		relay_tune_acked(&from->tune, c->snd_una, now_us, rtt_us);
	}
	conn_window_update(from->c);
}

static void relay_closed(struct conn *c, enum conn_end why)
{
	enum relay_side side = side_of(c);
	struct relay *r = c->user;

	if (r == NULL)
		return;
	leg_detach(r, side);
	if (!r->open && side == RELAY_SERVER) {
		wheel_cancel(&r->ctx->w->st.wheel, &r->timer);
		server_failed(r, why == CONN_END_TIMEOUT ? CTR_RELAY_UPSTREAM_TIMEOUT
							 : CTR_RELAY_UPSTREAM_REFUSED);
		return;
	}
	if (why == CONN_END_RESET)
		st_inc(&r->ctx->w->st,
		       side == RELAY_CLIENT ? CTR_RELAY_CLIENT_RESET : CTR_RELAY_SERVER_RESET);
	/* In order: the other leg has its FIN already and what it still sends is on its way. */
	if (why != CONN_END_DONE || !r->open)
		leg_abort(r, other_side(side));
	relay_end(r);
}

static uint32_t room(uint64_t most, uint32_t held)
{
	return held < most ? (uint32_t)RTE_MIN(most - held, (uint64_t)UINT32_MAX) : 0;
}

/* What may be held of what c receives. */
static uint32_t limit_of(const struct relay *r, const struct conn *c)
{
	uint32_t limit = r->leg[side_of(c)].tune.limit;

	if (unlikely(!r->open && side_of(c) == RELAY_CLIENT))
		return RTE_MIN(limit, (uint32_t)RELAY_EARLY_MAX);
	return limit;
}

/* ... and what all that hold something leave of the packet buffers. */
static uint64_t share_of(const struct relay *r)
{
	return (uint64_t)r->ctx->w->st.seg_share * SEG_TYPICAL;
}

static uint32_t relay_rcv_buffer(const struct conn *c)
{
	const struct relay *r = c->user;

	return likely(r != NULL) ? (uint32_t)RTE_MIN(limit_of(r, c), share_of(r)) : 0;
}

static uint32_t relay_rcv_space(const struct conn *c)
{
	const struct relay *r = c->user;
	const struct conn *other;
	uint32_t most, held, shared;
	struct conn_queued q;

	if (unlikely(r == NULL))
		return 0;
	most = limit_of(r, c);
	other = r->leg[other_side(side_of(c))].c;
	if (unlikely(!r->open && side_of(c) == RELAY_CLIENT)) {
		q = (struct conn_queued){.octets = r->early.bytes, .segs = r->early.n};
	} else if (likely(other != NULL)) {
		q = conn_snd_queued(other);
	} else {
		return 0;
	}
	/* What has arrived may fill a buffer of its own: its DATA_ACK often comes with the ACK of later
	 * octets only, and those must be let in for that. */
	held = q.octets - RTE_MIN(q.arrived, most);
	/* However short it is, a segment takes a packet buffer. */
	held = RTE_MAX(held, q.segs * SEG_LEAST);
	shared = room(share_of(r), RTE_MAX(q.octets, q.segs * SEG_LEAST));
	return RTE_MIN(room(most, held), shared);
}

static const struct conn_ops relay_ops = {
	.accepted = relay_accepted,
	.connected = relay_connected,
	.rx = relay_rx,
	.rx_fin = relay_rx_fin,
	.acked = relay_acked,
	.closed = relay_closed,
	.rcv_space = relay_rcv_space,
	.rcv_buffer = relay_rcv_buffer,
};

/* --- the worker's side -------------------------------------------------------------------------- */

size_t relay_memory(const struct config *cfg)
{
	return ALIGN64(sizeof(struct relay_ctx)) +
	       pool_memory(cfg->connections, sizeof(struct relay));
}

int relay_init(struct worker *w, const struct config *cfg)
{
	struct relay_ctx *ctx = rte_zmalloc_socket("relay", relay_memory(cfg), RTE_CACHE_LINE_SIZE,
						   (int)rte_lcore_to_socket_id(w->lcore));

	if (ctx == NULL)
		return -ENOMEM;
	ctx->w = w;
	ctx->buffer = cfg->relay_buffer;
	ctx->buffer_max = cfg->relay_buffer_max;
	pool_init(&ctx->relays, RTE_PTR_ADD(ctx, ALIGN64(sizeof(*ctx))), cfg->connections,
		  sizeof(struct relay));
	upstream_init(&ctx->upstreams, cfg, w->index);
	listener_table_init(&ctx->listeners, cfg, &relay_ops, &ctx->upstreams);
	w->relay = ctx;
	return 0;
}

void relay_free(struct worker *w)
{
	rte_free(w->relay);
	w->relay = NULL;
}

void relay_reap(struct worker *w)
{
	struct relay_ctx *ctx = w->relay;
	struct relay *r;

	while ((r = ctx->dead) != NULL) {
		ctx->dead = r->next_dead;
		pool_put(&ctx->relays, r);
		st_dec(&w->st, CTR_CUR_RELAYS);
	}
}

void relay_drain(struct worker *w)
{
	w->mp.draining = true;
}

uint32_t relay_count(const struct worker *w)
{
	return (uint32_t)worker_ctr(w, CTR_CUR_RELAYS);
}

const struct relay *relay_of(const struct conn *c)
{
	/* user of a client that was not accepted yet is its listener */
	return c->upcalls && !c->user_closed ? c->user : NULL;
}
