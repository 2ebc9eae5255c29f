/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Life and states of a connection: making, half-close, reset, end. The table below has every legal
 * transition; conn_set_state() is the only writer. Threads: the owning worker.
 * Source: RFC 8684 s3.3.3, s3.5, appendix D.
 */
#include "crypto/ct.h"
#include "mptcp/conn/conn_internal.h"

const char *const conn_state_name[CONN_STATE_MAX] = {
	[CONN_CLOSED] = "closed",           [CONN_OPENING] = "opening",
	[CONN_ESTABLISHED] = "established", [CONN_FIN_WAIT_1] = "fin-wait-1",
	[CONN_FIN_WAIT_2] = "fin-wait-2",   [CONN_CLOSE_WAIT] = "close-wait",
	[CONN_CLOSING] = "closing",         [CONN_LAST_ACK] = "last-ack",
	[CONN_TIME_WAIT] = "time-wait",
};

#define TO(s) (1u << (s))
static const uint16_t conn_next[CONN_STATE_MAX] = {
	[CONN_CLOSED] = TO(CONN_OPENING),
	[CONN_OPENING] = TO(CONN_ESTABLISHED) | TO(CONN_CLOSED),
	[CONN_ESTABLISHED] = TO(CONN_FIN_WAIT_1) | TO(CONN_CLOSE_WAIT) | TO(CONN_CLOSED),
	[CONN_FIN_WAIT_1] = TO(CONN_FIN_WAIT_2) | TO(CONN_CLOSING) | TO(CONN_CLOSED),
	[CONN_FIN_WAIT_2] = TO(CONN_TIME_WAIT) | TO(CONN_CLOSED),
	[CONN_CLOSE_WAIT] = TO(CONN_LAST_ACK) | TO(CONN_CLOSED),
	[CONN_CLOSING] = TO(CONN_TIME_WAIT) | TO(CONN_CLOSED),
	[CONN_LAST_ACK] = TO(CONN_TIME_WAIT) | TO(CONN_CLOSED),
	[CONN_TIME_WAIT] = TO(CONN_CLOSED),
};
#undef TO

void conn_set_state(struct conn *c, enum conn_state to)
{
	if ((conn_next[c->state] & (1u << to)) == 0)
		return;
	c->state = (uint8_t)to;
	if (to == CONN_TIME_WAIT || to == CONN_CLOSED)
		conn_count_estab(c, false);
}

void conn_count_estab(struct conn *c, bool estab)
{
	if (c->estab_counted == estab)
		return;
	c->estab_counted = estab;
	if (estab)
		st_inc(c->mp->st, CTR_MP_CUR_ESTAB);
	else
		st_dec(c->mp->st, CTR_MP_CUR_ESTAB);
}

struct conn *conn_new(struct mptcp *mp, const struct conn_params *params)
{
	struct conn *c = pool_get(&mp->conns);

	if (c == NULL)
		return NULL;
	st_inc(mp->st, CTR_CUR_CONNS);
	c->mp = mp;
	c->params = params;
	c->user = params->user;
	c->mode = CONN_TCP;
	c->id = mp->next_conn_id++;
	c->created_ms = mp->st->now_ms;
	conn_set_state(c, CONN_OPENING);
	return c;
}

void conn_start_rx(struct conn *c)
{
	uint64_t offered = c->rcv_adv - c->rcv_nxt; /* in the SYN/ACK */

	c->rcv_nxt = c->idsn_remote + 1;
	c->rcv_adv = c->rcv_nxt + offered;
}

/* In plain TCP the same counters run from 1: only differences matter. */
void conn_start_sequences(struct conn *c)
{
	conn_start_rx(c);
	c->snd_una = c->snd_nxt = c->snd_end = c->idsn_local + 1;
}

struct conn *conn_connect(struct mptcp *mp, const struct conn_params *params,
			  const struct flow_key *key, uint16_t rcv_mss_max, void *user)
{
	struct stack *st = mp->st;
	struct subflow *sf;
	struct nexthop *nh;
	struct conn *c;
	uint16_t mtu;

	nh = st->ops->route(st, &key->local, &key->remote, &mtu);
	if (nh == NULL || flow_find(mp, key) != NULL)
		return NULL;
	c = conn_new(mp, params);
	if (c == NULL)
		return NULL;
	c->active = true;
	c->user = user;
	sf = subflow_new(c, key);
	if (sf == NULL) {
		conn_end(c, CONN_END_ABORT);
		return NULL;
	}
	sf->first = true;
	capable_prepare(c, sf);
	conn_start_sequences(c);
	if (tcp_connect(&sf->tcp, st, &subflow_tcp_ops, key, nh, mtu, tcp_isn(st, key),
			rcv_mss_max) != 0) {
		subflow_discard(sf);
		conn_end(c, CONN_END_ABORT);
		return NULL;
	}
	c->upcalls = true; /* a failure above is told by the return value */
	return c;
}

void conn_tell_closed(struct conn *c, enum conn_end why)
{
	if (!c->upcalls || c->user_closed)
		return;
	c->user_closed = true;
	c->params->ops->closed(c, why);
}

static void conn_cancel_timers(struct conn *c)
{
	struct timer_wheel *w = &c->mp->st->wheel;

	wheel_cancel(w, &c->rtx_timer);
	wheel_cancel(w, &c->push_timer);
	wheel_cancel(w, &c->dack_timer);
	wheel_cancel(w, &c->life_timer);
	wheel_cancel(w, &c->announce.timer);
}

void conn_maybe_free(struct conn *c)
{
	if (c->subflows != NULL || c->in_dead_list)
		return;
	if (c->state != CONN_CLOSED && c->state != CONN_TIME_WAIT)
		return;
	conn_set_state(c, CONN_CLOSED);
	conn_cancel_timers(c);
	conn_tx_release(c);
	conn_rx_release(c);
	if (c->mode == CONN_MPTCP)
		c->mp->pm->closed(c);
	token_remove(c->mp, c);
	zeroise(&c->hmac, sizeof(c->hmac));
	c->key_local = c->key_remote = 0;
	c->in_dead_list = true;
	c->next_dead = c->mp->dead_conns;
	c->mp->dead_conns = c;
}

void conn_end(struct conn *c, enum conn_end why)
{
	struct subflow *sf;

	if (c->state == CONN_CLOSED)
		return;
	if (c->state != CONN_TIME_WAIT)
		conn_set_state(c, CONN_CLOSED);
	conn_cancel_timers(c);
	/* Each reset unlinks its subflow; the last one leads back to conn_maybe_free(). */
	while ((sf = c->subflows) != NULL) {
		tcp_abort(&sf->tcp);
		if (!sf->dead)
			subflow_discard(sf); /* its TCP never began */
	}
	conn_tx_release(c);
	conn_rx_release(c);
	conn_tell_closed(c, why);
	conn_maybe_free(c);
}

void conn_done(struct conn *c)
{
	struct subflow *sf, *next;

	conn_cancel_timers(c);
	token_remove(c->mp, c); /* no joins any more */
	conn_tx_release(c);
	conn_rx_release(c);
	conn_tell_closed(c, CONN_END_DONE);
	for (sf = c->subflows; sf != NULL; sf = next) {
		next = sf->next;
		sf->tcp.orphan = true;
		subflow_rx_release(sf); /* no mapping for it can matter any more */
		if (subflow_is_joining(sf))
			subflow_reset(sf, MP_RST_MPTCP);
		else
			tcp_shutdown(&sf->tcp);
	}
	conn_maybe_free(c);
}

void conn_fin_received(struct conn *c)
{
	if (c->fin_rcvd)
		return;
	c->fin_rcvd = true;
	switch (c->state) {
	case CONN_ESTABLISHED:
		conn_set_state(c, CONN_CLOSE_WAIT);
		break;
	case CONN_FIN_WAIT_1:
		conn_set_state(c, CONN_CLOSING);
		break;
	case CONN_FIN_WAIT_2:
		conn_set_state(c, CONN_TIME_WAIT);
		break;
	default:
		return;
	}
	if (c->upcalls && !c->user_closed)
		c->params->ops->rx_fin(c);
	if (c->state == CONN_TIME_WAIT)
		conn_done(c);
}

void conn_fin_acked(struct conn *c)
{
	switch (c->state) {
	case CONN_FIN_WAIT_1:
		conn_set_state(c, CONN_FIN_WAIT_2);
		return;
	case CONN_CLOSING:
	case CONN_LAST_ACK:
		conn_set_state(c, CONN_TIME_WAIT);
		conn_done(c);
		return;
	default:
		return;
	}
}

void conn_shutdown(struct conn *c)
{
	if (c->fin_queued)
		return;
	c->fin_queued = true;
	if (c->state == CONN_ESTABLISHED)
		conn_set_state(c, CONN_FIN_WAIT_1);
	else if (c->state == CONN_CLOSE_WAIT)
		conn_set_state(c, CONN_LAST_ACK);
	else
		return; /* while opening the wish waits: subflow_established() */
	conn_push(c);
}

void conn_abort(struct conn *c)
{
	struct subflow *sf;

	if (c->state == CONN_CLOSED || c->state == CONN_TIME_WAIT)
		return;
	if (c->mode == CONN_MPTCP && c->state != CONN_OPENING) {
		/* RFC 8684 s3.5, option R: MP_FASTCLOSE on the RST of every subflow. */
		CONN_FOREACH_SUBFLOW (sf, c)
			sf->rst_fastclose = sf->hs == SF_HS_DONE;
		st_inc(c->mp->st, CTR_MP_FASTCLOSE_TX);
	}
	conn_end(c, CONN_END_ABORT);
}

static void conn_orphan_expired(struct wheel_timer *t, void *ctx)
{
	conn_end(RTE_PTR_SUB(t, offsetof(struct conn, life_timer)), CONN_END_TIMEOUT);
}

/* Break before make: the last subflow is gone, a join may still come. */
void conn_orphaned(struct conn *c)
{
	wheel_cancel(&c->mp->st->wheel, &c->rtx_timer);
	wheel_cancel(&c->mp->st->wheel, &c->dack_timer);
	if (wheel_armed(&c->life_timer))
		return;
	wheel_arm(&c->mp->st->wheel, &c->life_timer, c->mp->st->now_ms + CONN_ORPHAN_MS,
		  conn_orphan_expired);
}

struct conn_queued conn_snd_queued(const struct conn *c)
{
	uint32_t held = 0, n = 0, n_live = 0, left = (uint32_t)(c->snd_end - c->snd_nxt);
	const struct subflow *sf;

	CONN_FOREACH_SUBFLOW (sf, c) {
		if (sf->stale)
			continue;
		held += sf->tcp.sndq.bytes;
		n += sf->tcp.sndq.n;
		n_live++;
	}
	left = dsn_lt(c->snd_nxt, c->snd_end) ? left : 0; /* a DATA_FIN lies beyond */
	/* Behind a hole the peer keeps what arrives out of order, and may run out of memory over more. */
	if (c->reinject != NULL || n_live == 0 ||
	    (c->sndq.head != NULL && c->sndq.head->tcp != NULL))
		left = c->sndq.bytes;
	return (struct conn_queued){
		.octets = RTE_MAX(held, c->sndq.bytes),
		.segs = RTE_MAX(n, c->sndq.n),
		.arrived = c->sndq.bytes > (uint64_t)held + left ? c->sndq.bytes - held - left : 0,
	};
}

uint32_t conn_min_rtt_us(const struct conn *c)
{
	const struct subflow *sf;
	uint32_t rtt_us = 0;

	CONN_FOREACH_SUBFLOW (sf, c)
		if (!sf->stale)
			rtt_us = RTE_MAX(rtt_us, sf->tcp.min_rtt_us);
	return rtt_us;
}

void conn_window_update(struct conn *c)
{
	struct subflow *sf;

	/* On each: a peer that found the window closed on one path may wait on that path. */
	CONN_FOREACH_SUBFLOW (sf, c) {
		if (!subflow_is_joining(sf))
			tcp_window_update(&sf->tcp);
	}
}

uint16_t conn_payload_max(const struct conn *c)
{
	const struct subflow *sf;
	uint16_t max = UINT16_MAX;

	CONN_FOREACH_SUBFLOW (sf, c)
		if (!subflow_is_joining(sf))
			max = RTE_MIN(max, tcp_payload_max(&sf->tcp));
	return max;
}
