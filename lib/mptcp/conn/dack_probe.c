/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Asking for a DATA_ACK that is late. A receiver may acknowledge octets on the subflow before its data
 * level has looked at them (Linux does while the application holds the socket), and when nothing follows,
 * no packet brings the DATA_ACK: the sender's queue stays full, and the data-level retransmission timer
 * would have to send everything twice. The last octet again is enough: an old segment is answered with an
 * ACK at once (RFC 9293 s3.10.7.4), and each ACK carries the DATA_ACK of that moment.
 * Threads: the owning worker.
 */
#include "mptcp/conn/conn_internal.h"

/* The first question, and how often it is repeated, each time after twice as long. Then it is up to the
 * retransmission timer. */
#define DACK_PROBE_MS  2
#define DACK_PROBE_MAX 7

/* Some of what was sent has no DATA_ACK, and no subflow will bring an ACK. */
static bool dack_missing(const struct conn *c)
{
	const struct subflow *sf;

	if (c->mode != CONN_MPTCP || c->sndq.head == NULL || c->sndq.head == c->snd_unsent)
		return false;
	CONN_FOREACH_SUBFLOW (sf, c) {
		if (!sf->stale && sf->tcp.sndq.head != NULL)
			return false;
	}
	return true;
}

static void dack_probe(struct wheel_timer *w, void *ctx)
{
	struct conn *c = RTE_PTR_SUB(w, offsetof(struct conn, dack_timer));
	struct subflow *sf;
	struct seg *s;

	if (!dack_missing(c))
		return;
	s = c->snd_unsent != NULL ? c->snd_unsent->dprev : c->sndq.tail;
	CONN_FOREACH_SUBFLOW (sf, c) {
		if (sf->slot == s->sf_slot) {
			tcp_probe_with(&sf->tcp, s);
			st_inc(c->mp->st, CTR_MP_DACK_PROBE);
			break;
		}
	}
	c->dack_probes++;
	conn_dack_watch(c);
}

void conn_dack_watch(struct conn *c)
{
	struct stack *st = c->mp->st;

	if (wheel_armed(&c->dack_timer) || c->dack_probes >= DACK_PROBE_MAX || !dack_missing(c))
		return;
	wheel_arm(&st->wheel, &c->dack_timer, st->now_ms + (DACK_PROBE_MS << c->dack_probes),
		  dack_probe);
}
