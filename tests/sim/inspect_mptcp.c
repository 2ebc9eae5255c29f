/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rules of the data level: of the state of a connection, and of what is sent on its subflows.
 */
#include <string.h>

#include "inspect.h"
#include "mptcp/conn/conn_internal.h"
#include "user.h"

#define KIND_MPTCP  30
#define SUBTYPE_DSS 2

static void broken(struct host *h, const struct conn *c, const char *what)
{
	sim_violation(h->sim, "%s, connection %u in %s: %s (una %llu nxt %llu end %llu rcv %llu)",
		      h->name, c->id, conn_state_name[c->state], what,
		      (unsigned long long)(c->snd_una - c->idsn_local),
		      (unsigned long long)(c->snd_nxt - c->idsn_local),
		      (unsigned long long)(c->snd_end - c->idsn_local),
		      (unsigned long long)(c->rcv_nxt - c->idsn_remote));
}

/* --- state ------------------------------------------------------------------------------------- */

/* By DSN, without a gap, what was sent before what was not, and counted right. */
static void check_send_queue(struct host *h, const struct conn *c)
{
	uint64_t at = 0;
	uint32_t bytes = 0, n = 0;
	bool unsent = false;

	for (const struct seg *s = c->sndq.head; s != NULL; s = s->dnext) {
		if (n > 0 && s->dsn != at)
			broken(h, c, "a gap in the send queue of the data level");
		unsent = unsent || s == c->snd_unsent;
		if (unsent && s->dsn < c->snd_nxt && !c->fin_sent)
			broken(h, c, "sent behind unsent at the data level");
		at = s->dsn + s->len;
		bytes += s->len;
		n++;
	}
	if (n != c->sndq.n || bytes != c->sndq.bytes)
		broken(h, c, "the send queue of the data level is miscounted");
	if (n > 0 && at != c->snd_end)
		broken(h, c, "the send queue of the data level does not end where it says");
	if (dsn_lt(c->snd_nxt, c->snd_una) || dsn_lt(c->snd_end + 1, c->snd_nxt))
		broken(h, c, "data sequence numbers in a wrong order");
}

/* Sorted, beyond what is in order, and within what was offered. */
static void check_out_of_order(struct host *h, const struct conn *c)
{
	uint32_t bytes = 0, n = 0;

	for (const struct seg *s = c->ofo.head; s != NULL; s = s->dnext) {
		if (s->dnext != NULL && dsn_lt(s->dnext->dsn, s->dsn))
			broken(h, c, "the out-of-order queue of the data level is not sorted");
		if (dsn_lt(s->dsn + s->len, c->rcv_nxt + 1))
			broken(h, c, "the out-of-order queue of the data level holds what is old");
		bytes += s->len;
		n++;
	}
	if (n != c->ofo.n || bytes != c->ofo.bytes)
		broken(h, c, "the out-of-order queue of the data level is miscounted");
	if (c->mode == CONN_MPTCP && bytes > CONN_SLOTS_MAX * (uint64_t)c->rcv_wnd_max)
		broken(h, c, "more out of order at the data level than was offered");
}

/* What has no mapping yet is less than a window (RFC 8684 s3.3.5). */
static void check_unmapped(struct host *h, const struct conn *c)
{
	const struct subflow *sf;

	CONN_FOREACH_SUBFLOW (sf, c)
		if (sf->pending.bytes > RTE_MAX(c->rcv_wnd_max, (uint32_t)CONN_OPENING_WND))
			broken(h, c, "more without a mapping than a window");
}

void inspect_conn(struct host *h, const struct conn *c)
{
	if (c->state == CONN_OPENING || c->state == CONN_CLOSED)
		return;
	check_send_queue(h, c);
	check_out_of_order(h, c);
	check_unmapped(h, c);
}

/* --- what is sent ------------------------------------------------------------------------------ */

/* The next option of MPTCP from *at on, or NULL. */
static const uint8_t *next_option(const struct tcp_view *v, unsigned int *at)
{
	while (*at < v->opt_len) {
		const uint8_t *o = &v->opt[*at];

		if (o[0] == 0)
			return NULL;
		*at += o[0] == 1 ? 1 : *at + 1 < v->opt_len && o[1] >= 2 ? o[1] : v->opt_len;
		if (o[0] == KIND_MPTCP && *at <= v->opt_len)
			return o;
	}
	return NULL;
}

static uint64_t get(const uint8_t *p, unsigned int octets)
{
	uint64_t n = 0;

	while (octets-- > 0)
		n = n << 8 | *p++;
	return n;
}

/* The octets of the frame are those of the user's stream that its mapping says they are. */
static void check_mapping(struct host *h, const struct subflow *sf, const struct tcp_view *v,
			  const uint8_t *o)
{
	const struct conn *c = sf->conn;
	const struct user *u = c->user;
	bool ack = o[3] & 1, ack8 = o[3] & 2, map = o[3] & 4, dsn8 = o[3] & 8, fin = o[3] & 16;
	const uint8_t *p = o + 4 + (ack ? ack8 ? 8 : 4 : 0);
	uint32_t at = v->seq - sf->tcp.iss, ssn, len;
	uint64_t dsn;

	if (!map || v->payload_len == 0 || !c->upcalls)
		return;
	dsn = get(p, dsn8 ? 8 : 4);
	if (!dsn8)
		dsn = dsn_promote(c->snd_una, (uint32_t)dsn);
	p += dsn8 ? 8 : 4;
	ssn = (uint32_t)get(p, 4);
	len = (uint32_t)get(p + 4, 2);
	if (len == 0)
		return; /* infinite */
	if (at < ssn || at + v->payload_len > ssn + len - fin) {
		broken(h, c, "a mapping that does not hold what it comes with");
		return;
	}
	dsn += at - ssn;
	if (!user_octets_are(u, dsn - c->idsn_local - 1, v->payload, v->payload_len))
		broken(h, c, "octets sent with the mapping of others");
}

void inspect_options(struct host *h, const struct subflow *sf, const struct tcp_view *v)
{
	const struct conn *c = sf->conn;
	unsigned int at = 0;
	const uint8_t *o;

	while ((o = next_option(v, &at)) != NULL) {
		if (c->mode == CONN_TCP && !(v->flags & 2))
			broken(h, c, "an option of MPTCP on a TCP connection");
		if (c->mode == CONN_MPTCP && !h->relay && o[2] >> 4 == SUBTYPE_DSS && o[1] >= 4)
			check_mapping(h, sf, v, o);
	}
}
