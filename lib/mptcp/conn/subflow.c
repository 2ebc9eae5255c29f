/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A subflow: the owner of one struct tcp. It is made by a SYN (or an active open), belongs to one
 * connection for life, and is unlinked when its TCP is CLOSED. Threads: the owning worker.
 */
#include "mptcp/conn/conn_internal.h"

#define TO(s) (1u << (s))
static const uint8_t hs_next[SF_HS_MAX] = {
	[SF_HS_PLAIN] = TO(SF_HS_PLAIN) | TO(SF_HS_CAPABLE) | TO(SF_HS_JOIN) |
			TO(SF_HS_CAPABLE_SENT) | TO(SF_HS_JOIN_SENT),
	[SF_HS_CAPABLE] = TO(SF_HS_DONE) | TO(SF_HS_PLAIN),
	[SF_HS_JOIN] = TO(SF_HS_DONE),
	[SF_HS_CAPABLE_SENT] = TO(SF_HS_DONE) | TO(SF_HS_PLAIN),
	[SF_HS_JOIN_SENT] = TO(SF_HS_PRE_ESTABLISHED),
	[SF_HS_PRE_ESTABLISHED] = TO(SF_HS_DONE),
	[SF_HS_DONE] = TO(SF_HS_PLAIN), /* fallback */
};
#undef TO

void subflow_set_hs(struct subflow *sf, enum subflow_hs to)
{
	if ((hs_next[sf->hs] & (1u << to)) == 0)
		return;
	sf->hs = (uint8_t)to;
	sf->tcp.opt_reserve = to == SF_HS_PLAIN ? 0 : DSS_OPT_MAX;
	sf->tcp.no_data = subflow_is_joining(sf);
}

/* A subflow in the tables and in c's list, its TCP still CLOSED. NULL when a pool is empty. */
struct subflow *subflow_new(struct conn *c, const struct flow_key *key)
{
	struct mptcp *mp = c->mp;
	struct subflow *sf;
	uint8_t slot;

	for (slot = 0; slot < CONN_SLOTS_MAX && (c->slots & (1u << slot)) != 0; slot++)
		;
	if (slot == CONN_SLOTS_MAX)
		return NULL;
	sf = pool_get(&mp->subflows);
	if (sf == NULL)
		return NULL;
	sf->tcp.key = *key;
	sf->tcp.st = mp->st;
	if (flow_insert(mp, sf) != 0) {
		pool_put(&mp->subflows, sf);
		return NULL;
	}
	st_inc(mp->st, CTR_CUR_SUBFLOWS);
	sf->conn = c;
	sf->slot = slot + 1;
	sf->created_ms = mp->st->now_ms;
	c->slots |= (uint16_t)(1u << slot);
	sf->next = c->subflows;
	c->subflows = sf;
	c->n_subflows++;
	return sf;
}

/* Out of the tables and the connection; memory is given back by mptcp_reap(). */
static void subflow_unlink(struct subflow *sf)
{
	struct conn *c = sf->conn;
	struct mptcp *mp = c->mp;
	struct subflow **pp;

	if (sf->dead)
		return;
	sf->dead = true;
	wheel_cancel(&mp->st->wheel, &sf->rm_timer);
	wheel_cancel(&mp->st->wheel, &sf->hs_timer);
	flow_remove(mp, sf);
	if (mp->st->n_workers > 1)
		mp->ops->steer_del(mp, &sf->tcp.key);
	subflow_rx_release(sf);
	for (pp = &c->subflows; *pp != sf; pp = &(*pp)->next)
		;
	*pp = sf->next;
	c->n_subflows--;
	c->slots &= (uint16_t) ~(1u << (sf->slot - 1));
	if (c->last_rx == sf)
		c->last_rx = NULL;
	c->bytes_sent += sf->tcp.bytes_sent;
	c->bytes_received += sf->tcp.bytes_received;
	sf->next = mp->dead_subflows;
	mp->dead_subflows = sf;
}

void subflow_discard(struct subflow *sf)
{
	subflow_unlink(sf);
}

void subflow_reset(struct subflow *sf, enum mp_rst_reason reason)
{
	sf->rst_reason = (uint8_t)reason;
	tcp_abort(&sf->tcp);
}

/* How the end of the only TCP connection looks to the user. */
static enum conn_end end_of_tcp(const struct conn *c, enum tcp_end why)
{
	switch (why) {
	case TCP_END_REFUSED:
		return CONN_END_REFUSED;
	case TCP_END_TIMEOUT:
		return CONN_END_TIMEOUT;
	case TCP_END_ABORT:
		return CONN_END_ABORT;
	case TCP_END_DONE:
	case TCP_END_RESET:
		break;
	}
	return CONN_END_RESET;
}

/* An MPTCP connection lost a subflow that is not its last word. */
static void conn_lost_subflow(struct conn *c, const struct subflow *sf)
{
	conn_reinject_slot(c, sf->slot);
	if (sched_pick(c, 0, 0) != NULL)
		conn_push(c);
	else
		conn_orphaned(c);
	conn_tell_acked(c); /* what only this one still held is gone */
}

static void subflow_closed(struct tcp *t, enum tcp_end why)
{
	struct subflow *sf = subflow_of(t);
	struct conn *c = sf->conn;
	bool proven = sf->hs == SF_HS_DONE;

	subflow_unlink(sf);
	if (c->state == CONN_CLOSED || c->state == CONN_TIME_WAIT) {
		conn_maybe_free(c);
		return;
	}
	/* Before a DSS has come no other path can take over. */
	if (c->mode != CONN_MPTCP || c->state == CONN_OPENING || sf->fastclosed ||
	    (c->active && !c->fully_established)) {
		conn_end(c, end_of_tcp(c, why));
		return;
	}
	if (proven)
		conn_lost_subflow(c, sf);
}

/* The peer closed its direction of this TCP connection. */
static void subflow_rx_fin(struct tcp *t)
{
	struct subflow *sf = subflow_of(t);
	struct conn *c = sf->conn;

	/* No option of MPTCP ever arrived: it is not the peer's MPTCP that closes. */
	if (c->mode == CONN_MPTCP && !sf->mp_seen && conn_can_fall_back(c, sf)) {
		conn_fallback(c, sf, false, CTR_MPCAPABLE_DATA_FALLBACK);
		return;
	}
	if (c->mode != CONN_MPTCP) {
		if (c->state != CONN_CLOSED)
			conn_fin_received(c);
		return;
	}
	/* All of the peer's data is here and ours still has to go: with no other path this one stays open
	 * on our side, until conn_done() (RFC 8684 s3.3.3). */
	if (c->fin_rcvd && c->state != CONN_TIME_WAIT && c->state != CONN_CLOSED &&
	    (sched_pick(c, 0, sf->slot) == NULL))
		return;
	/* Without DATA_FIN only this path ends: answer with FIN, the data goes elsewhere. */
	t->orphan = true;
	tcp_shutdown(t);
	if (c->state != CONN_TIME_WAIT && c->state != CONN_CLOSED) {
		conn_reinject_slot(c, sf->slot);
		conn_push(c);
	}
}

static void subflow_acked(struct tcp *t, uint32_t octets)
{
	struct subflow *sf = subflow_of(t);
	struct conn *c = sf->conn;

	if (unlikely(c->state == CONN_CLOSED || c->state == CONN_TIME_WAIT))
		return;
	if (c->mode == CONN_MPTCP) {
		if (octets > 0)
			sf->bare_ack = !sf->dack_came;
		if (octets > 0 && unlikely(sf->stale)) {
			sf->stale = false;
			st_inc(c->mp->st, CTR_MP_SUBFLOW_RECOVER);
		}
		if (octets > 0 && unlikely(!sf->mp_seen) && sf->bytes_sent > 0) {
			/* RFC 8684 s3.7: data acknowledged without a DATA_ACK. */
			if (!conn_can_fall_back(c, sf)) {
				subflow_reset(sf, MP_RST_MIDDLEBOX);
				return;
			}
			conn_fallback(c, sf, true, CTR_MPCAPABLE_DATA_FALLBACK);
		}
		if (octets > 0 && t->sndq.head == NULL)
			conn_dack_watch(c);
	}
	if (c->mode != CONN_MPTCP) {
		uint64_t una = t->snd_una + c->fb_tx_off;

		/* fb_tx_off makes the low 32 bits meet; the FIN is not in the data. */
		una = dsn_promote(c->snd_una, (uint32_t)una);
		if (dsn_lt(c->snd_nxt, una))
			una = c->snd_nxt;
		c->snd_wnd_end = una + t->snd_wnd;
		conn_data_acked(c, una);
		if (t->fin_acked)
			conn_fin_acked(c);
	}
	/* After the DATA_ACK of the same packet. What that freed this queue may hold still, and the
	 * other way round: the later of the two makes the room. */
	if (octets > 0 || c->data_freed)
		conn_tell_acked(c);
	if (c->state != CONN_CLOSED)
		conn_push(c);
}

/* A retransmission timeout: as long as others live, they carry the data of this one too. */
static void subflow_timeout(struct tcp *t)
{
	struct subflow *sf = subflow_of(t), *other;
	struct conn *c = sf->conn;

	capable_timeout(sf);
	if (c->mode != CONN_MPTCP || sf->hs != SF_HS_DONE || c->state == CONN_CLOSED ||
	    c->state == CONN_TIME_WAIT)
		return;
	CONN_FOREACH_SUBFLOW (other, c) {
		if (other == sf || other->hs != SF_HS_DONE || other->stale ||
		    other->tcp.state != TCPS_ESTABLISHED)
			continue;
		if (!sf->stale) {
			sf->stale = true;
			st_inc(c->mp->st, CTR_MP_SUBFLOW_STALE);
		}
		conn_reinject_slot(c, sf->slot);
		conn_push(c);
		conn_tell_acked(c); /* what a stale one holds does not count */
		return;
	}
}

static void subflow_rx_data(struct tcp *t, struct seg *s)
{
	struct subflow *sf = subflow_of(t);
	struct conn *c = sf->conn;

	if (unlikely(c->state == CONN_CLOSED || c->state == CONN_TIME_WAIT)) {
		seg_drop(s);
		return;
	}
	c->last_rx = sf;
	if (c->mode == CONN_MPTCP)
		subflow_rx_mapped(sf, s);
	else
		subflow_rx_plain(sf, s);
}

static uint32_t subflow_rcv_window(struct tcp *t)
{
	return conn_rcv_window(subflow_of(t)->conn, t);
}

const struct tcp_ops subflow_tcp_ops = {
	.build_options = subflow_build_options,
	.handshake = subflow_handshake,
	.established = subflow_established,
	.rx_options = subflow_rx_options,
	.rx_reset = subflow_rx_reset,
	.rx_data = subflow_rx_data,
	.rx_fin = subflow_rx_fin,
	.acked = subflow_acked,
	.timeout = subflow_timeout,
	.closed = subflow_closed,
	.rcv_window = subflow_rcv_window,
};
