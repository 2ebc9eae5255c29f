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

/* The first question comes soon, since it costs little, the next ones when an answer could have come, each
 * after twice as long at least. Then it is up to the retransmission timer. */
#define DACK_PROBE_MS  2
#define DACK_PROBE_MAX 7

/* Whom to ask: the subflow that the last segment sent went out on, NULL: nobody. Some of what was sent
 * has no DATA_ACK then, and no subflow will bring an ACK. */
static struct subflow *dack_missing(const struct conn *c, struct seg **last)
{
	struct subflow *sf, *ask = NULL;

	if (c->mode != CONN_MPTCP || c->sndq.head == NULL || c->sndq.head == c->snd_unsent)
		return NULL;
	*last = c->snd_unsent != NULL ? c->snd_unsent->dprev : c->sndq.tail;
	CONN_FOREACH_SUBFLOW (sf, c) {
		if (!sf->stale && sf->tcp.sndq.head != NULL)
			return NULL;
		if (sf->slot == (*last)->sf_slot)
			ask = sf;
	}
	return ask;
}

static void dack_probe(struct wheel_timer *w, void *ctx)
{
	struct conn *c = RTE_PTR_SUB(w, offsetof(struct conn, dack_timer));
	struct seg *last;
	struct subflow *sf = dack_missing(c, &last);

	if (sf == NULL || !tcp_ask(&sf->tcp, last))
		return;
	st_inc(c->mp->st, CTR_MP_DACK_PROBE);
	c->dack_probes++;
	conn_dack_watch(c);
}

void conn_dack_watch(struct conn *c)
{
	struct stack *st = c->mp->st;
	struct subflow *sf;
	struct seg *last;
	uint32_t ms;

	if (wheel_armed(&c->dack_timer) || c->dack_probes >= DACK_PROBE_MAX)
		return;
	sf = dack_missing(c, &last);
	if (sf == NULL)
		return;
	ms = DACK_PROBE_MS << c->dack_probes;
	if (c->dack_probes > 0)
		ms = RTE_MAX(ms, sf->tcp.srtt_us / 1000);
	wheel_arm(&st->wheel, &c->dack_timer, st->now_ms + ms, dack_probe);
}
