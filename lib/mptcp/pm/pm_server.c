/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Path manager, server role. Addresses are soft state: announced until echoed, at most ADD_TRIES
 * times; what the peer announces is echoed and not connected to (RFC 6181 s5: no amplification).
 * Threads: the owning worker. Source: RFC 8684 s3.4.
 */
#include "crypto/ct.h"
#include "mptcp/conn/conn_internal.h"
#include "mptcp/pm/pm.h"

#define ADD_TRIES    3
#define ADD_RETRY_MS 1000
#define ADD_PAUSE_MS 20
#define RM_PROBE_MS  1000 /* a live path answers a keepalive probe within this */

static struct subflow *pm_subflow(struct conn *c)
{
	return sched_pick(c, 0, 0);
}

static uint8_t all_announced(const struct conn *c)
{
	return (uint8_t)((1u << c->mp->n_local_addrs) - 1);
}

static void pm_announce_timer(struct wheel_timer *t, void *ctx);

/* A round: an ACK with ADD_ADDR for each address not echoed yet. To others on the path they look like
 * duplicate ACKs (RFC 8684 s3.4.1: two in a row at most), and peers handle one at a time, so the next
 * one follows the echo of the one before, or a pause. */
static void pm_announce(struct conn *c)
{
	struct conn_announce *an = &c->announce;
	struct stack *st = c->mp->st;
	struct subflow *sf = pm_subflow(c);
	bool sent = false;

	if (an->echoed == all_announced(c) || an->tries >= ADD_TRIES)
		return;
	for (; sf != NULL && an->at < c->mp->n_local_addrs; an->at++) {
		if ((an->echoed & (1u << an->at)) != 0)
			continue;
		if (sent) {
			wheel_arm(&st->wheel, &an->timer, st->now_ms + ADD_PAUSE_MS,
				  pm_announce_timer);
			return;
		}
		an->next = an->at;
		an->pending = true;
		sent = true;
		tcp_send_ack(&sf->tcp);
	}
	an->at = 0;
	wheel_arm(&st->wheel, &an->timer, st->now_ms + (ADD_RETRY_MS << an->tries),
		  pm_announce_timer);
	an->tries++;
}

static void pm_announce_timer(struct wheel_timer *t, void *ctx)
{
	pm_announce(RTE_PTR_SUB(t, offsetof(struct conn, announce.timer)));
}

static void pm_established(struct conn *c)
{
	struct conn_announce *an = &c->announce;

	/* The peer knows the address it connected to. */
	for (uint8_t i = 0; i < c->mp->n_local_addrs; i++) {
		const struct local_addr *la = &c->mp->local_addrs[i];

		if (c->subflows != NULL && ip_addr_eq(&la->addr, &c->subflows->tcp.key.local) &&
		    (la->port == 0 || la->port == c->subflows->tcp.key.local_port))
			an->echoed |= (uint8_t)(1u << i);
	}
	pm_announce(c);
}

static void pm_echo_rx(struct conn *c, const struct mp_add_addr *a)
{
	st_inc(c->mp->st, CTR_MP_ECHO_ADD_RX);
	for (uint8_t i = 0; i < c->mp->n_local_addrs; i++) {
		const struct local_addr *la = &c->mp->local_addrs[i];

		if (la->id == a->addr_id && ip_addr_eq(&la->addr, &a->addr))
			c->announce.echoed |= (uint8_t)(1u << i);
	}
	if (c->announce.echoed == all_announced(c))
		wheel_cancel(&c->mp->st->wheel, &c->announce.timer);
	else if (c->announce.at > 0)
		pm_announce(c);
}

static void pm_add_addr_rx(struct conn *c, struct subflow *sf, const struct mp_add_addr *a)
{
	uint8_t mac[MP_HMAC_ADDR_LEN];
	const uint8_t *octets;
	unsigned int len;

	if (a->echo) {
		pm_echo_rx(c, a);
		return;
	}
	octets = ip_addr_octets(&a->addr, &len);
	mp_addr_hmac(&c->hmac.theirs, a->addr_id, octets, len, a->port, mac);
	if (!a->has_hmac || !ct_equal(mac, a->hmac, sizeof(mac))) {
		st_inc(c->mp->st, CTR_MP_ADD_ADDR_DROP);
		return;
	}
	st_inc(c->mp->st, CTR_MP_ADD_ADDR_RX);
	c->announce.echo = *a;
	c->announce.echo.echo = true;
	c->announce.echo.has_hmac = false;
	c->announce.echo_pending = true;
	tcp_send_ack(&sf->tcp);
}

/* The deadline of a probe. */
static void pm_remove_expired(struct wheel_timer *t, void *ctx)
{
	struct subflow *sf = RTE_PTR_SUB(t, offsetof(struct subflow, rm_timer));

	if (sf->tcp.probes == 0)
		return; /* something arrived since */
	st_inc(sf->tcp.st, CTR_MP_RM_SUBFLOW);
	subflow_reset(sf, MP_RST_UNSPEC);
}

static void pm_remove_addr_rx(struct conn *c, struct subflow *via, const struct mp_remove_addr *r)
{
	struct stack *st = c->mp->st;
	struct subflow *sf;

	st_inc(st, CTR_MP_RM_ADDR_RX);
	for (uint8_t i = 0; i < r->n; i++) {
		CONN_FOREACH_SUBFLOW (sf, c) {
			if (sf->addr_id_remote != r->id[i] || sf->hs != SF_HS_DONE ||
			    wheel_armed(&sf->rm_timer))
				continue;
			/* RFC 8684 s3.4.2: probe before killing what may live. */
			wheel_arm(&st->wheel, &sf->rm_timer, st->now_ms + RM_PROBE_MS,
				  pm_remove_expired);
			tcp_probe(&sf->tcp);
		}
	}
}

static void pm_closed(struct conn *c)
{
	wheel_cancel(&c->mp->st->wheel, &c->announce.timer);
}

const struct pm_ops pm_server = {
	.established = pm_established,
	.add_addr_rx = pm_add_addr_rx,
	.remove_addr_rx = pm_remove_addr_rx,
	.closed = pm_closed,
};
