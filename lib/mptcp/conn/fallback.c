/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Back to plain TCP, and what a wrong checksum leads to. Once fallen back a connection never
 * returns to MPTCP. Threads: the owning worker. Source: RFC 8684 s3.7.
 */
#include "mptcp/conn/conn_internal.h"

/* Whether what is in flight went out on sf in the order of the stream, without a gap. */
static bool tx_contiguous(const struct conn *c, const struct subflow *sf)
{
	bool fin = c->fin_sent; /* takes a DSN, and nothing of the subflow */
	uint32_t off = (uint32_t)c->snd_nxt - fin - sf->tcp.snd_end;
	const struct seg *s;

	for (s = c->sndq.head; s != NULL && s != c->snd_unsent; s = s->dnext) {
		if ((s->tcp != NULL && s->tcp != &sf->tcp) || (uint32_t)s->dsn - s->seq != off)
			return false;
	}
	return true;
}

/* The stream of the lone subflow is the connection's stream: nothing ever went or came elsewhere. Joins
 * that are not proven yet do not count: conn_fallback() ends them. */
bool conn_can_fall_back(const struct conn *c, const struct subflow *sf)
{
	const struct subflow *other;

	if (c->mode != CONN_MPTCP || !sf->first || c->joined || c->ofo.head != NULL ||
	    c->reinject != NULL || (c->fin_sent && c->fully_established))
		return false;
	CONN_FOREACH_SUBFLOW (other, c) {
		if (other != sf && !subflow_is_joining(other))
			return false;
	}
	return tx_contiguous(c, sf);
}

/* announce: tell the peer by one infinite mapping on the next data. */
void conn_fallback(struct conn *c, struct subflow *sf, bool announce, enum counter why)
{
	struct mptcp *mp = c->mp;
	struct subflow *other, *next;
	bool fin;

	if (why != CTR_NONE)
		st_inc(mp->st, why);
	mp->pm->closed(c);
	wheel_cancel(&mp->st->wheel, &c->rtx_timer);
	wheel_cancel(&mp->st->wheel, &c->dack_timer);
	token_remove(mp, c);
	for (other = c->subflows; other != NULL; other = next) {
		next = other->next;
		if (other != sf)
			subflow_reset(other, MP_RST_MPTCP);
	}
	fin = c->fin_sent;
	if (fin) { /* nobody has taken the DATA_FIN: FIN says it now */
		c->fin_sent = false;
		c->snd_nxt = c->snd_end;
	}
	c->fb_tx_off = c->snd_nxt - sf->tcp.snd_end;
	c->infinite_tx = announce;
	c->announce.pending = c->announce.echo_pending = false;
	c->mode = CONN_FALLBACK;
	conn_count_estab(c, false);
	subflow_set_hs(sf, SF_HS_PLAIN);
	if (announce)
		sf->tcp.opt_reserve = DSS_OPT_MAX; /* until the infinite mapping is out */
	subflow_rx_drain(sf);
	/* A TCP FIN that came first now means what it says. */
	if (!sf->dead && sf->tcp.fin_rcvd)
		conn_fin_received(c);
	if (fin)
		conn_push(c);
}

/* The checksum over the mapping at the head of the pending queue is wrong. */
void subflow_checksum_failed(struct subflow *sf)
{
	struct conn *c = sf->conn;

	st_inc(c->mp->st, CTR_MP_DATA_CSUM_ERR);
	sf->fail_dsn = sf->map_dsn;
	if (!conn_can_fall_back(c, sf) || sf->map_dsn != c->rcv_nxt) {
		sf->rst_fail = true;
		subflow_reset(sf, MP_RST_MIDDLEBOX);
		return;
	}
	/* One path and all of it contiguous: MP_FAIL, then the altered stream as it is. */
	sf->fail_pending = true;
	conn_fallback(c, sf, true, CTR_NONE);
	tcp_send_ack(&sf->tcp);
}

void subflow_mp_fail_rx(struct subflow *sf, uint64_t dsn)
{
	struct conn *c = sf->conn;

	st_inc(c->mp->st, CTR_MP_FAIL_RX);
	if (!conn_can_fall_back(c, sf)) {
		subflow_reset(sf, MP_RST_MIDDLEBOX);
		return;
	}
	sf->fail_pending = true;
	sf->fail_dsn = c->rcv_nxt;
	conn_fallback(c, sf, true, CTR_NONE);
	tcp_send_ack(&sf->tcp);
}
