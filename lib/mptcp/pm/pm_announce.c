/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What we tell: the addresses to be signalled, each until it is echoed, at most ADD_TRIES times.
 * Threads: the owning worker. Source: RFC 8684 s3.4.1.
 */
#include "mptcp/pm/pm_internal.h"

#define ADD_TRIES    3
#define ADD_RETRY_MS 1000
#define ADD_PAUSE_MS 20

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
	struct subflow *sf = sched_pick(c, 0, 0);
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

void pm_announce_begin(struct conn *c)
{
	struct conn_announce *an = &c->announce;

	/* The peer knows the address that it is connected to. */
	for (uint8_t i = 0; i < c->mp->n_local_addrs; i++) {
		const struct local_addr *la = &c->mp->local_addrs[i];

		if (!la->signal)
			an->echoed |= (uint8_t)(1u << i);
		if (c->subflows != NULL && ip_addr_eq(&la->addr, &c->subflows->tcp.key.local) &&
		    (la->port == 0 || la->port == c->subflows->tcp.key.local_port))
			an->echoed |= (uint8_t)(1u << i);
	}
	pm_announce(c);
}

void pm_echo_rx(struct conn *c, const struct mp_add_addr *a)
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
