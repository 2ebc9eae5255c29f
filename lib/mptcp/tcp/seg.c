/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Payload segments and their queues: who holds what, and cutting without copying.
 * Owning worker only.
 */
#include <string.h>

#include "mptcp/tcp/seg.h"
#include "mptcp/tcp/stack.h"
#include "mptcp/wire/checksum.h"

void segq_insert_before(struct segq *q, struct seg *at, struct seg *s)
{
	s->next = at;
	s->prev = at != NULL ? at->prev : q->tail;
	if (s->prev != NULL)
		s->prev->next = s;
	else
		q->head = s;
	if (at != NULL)
		at->prev = s;
	else
		q->tail = s;
	q->n++;
	q->bytes += s->len;
}

void segq_push_tail(struct segq *q, struct seg *s)
{
	segq_insert_before(q, NULL, s);
}

void segq_remove(struct segq *q, struct seg *s)
{
	if (s->prev != NULL)
		s->prev->next = s->next;
	else
		q->head = s->next;
	if (s->next != NULL)
		s->next->prev = s->prev;
	else
		q->tail = s->prev;
	s->next = s->prev = NULL;
	q->n--;
	q->bytes -= s->len;
}

void segdq_insert_before(struct segq *q, struct seg *at, struct seg *s)
{
	s->dnext = at;
	s->dprev = at != NULL ? at->dprev : q->tail;
	if (s->dprev != NULL)
		s->dprev->dnext = s;
	else
		q->head = s;
	if (at != NULL)
		at->dprev = s;
	else
		q->tail = s;
	q->n++;
	q->bytes += s->len;
}

void segdq_push_tail(struct segq *q, struct seg *s)
{
	segdq_insert_before(q, NULL, s);
}

void segdq_remove(struct segq *q, struct seg *s)
{
	if (s->dprev != NULL)
		s->dprev->dnext = s->dnext;
	else
		q->head = s->dnext;
	if (s->dnext != NULL)
		s->dnext->dprev = s->dprev;
	else
		q->tail = s->dprev;
	s->dnext = s->dprev = NULL;
	q->n--;
	q->bytes -= s->len;
}

struct seg *seg_init(struct rte_mbuf *m, uint16_t payload_sum)
{
	struct seg *s = seg_of(m);

	memset(s, 0, sizeof(*s));
	s->payload_off = m->data_off;
	s->len = m->data_len;
	s->payload_sum = payload_sum;
	return s;
}

void seg_hold(struct stack *st, struct seg *s)
{
	if (s->holders == 0)
		st_inc(st, CTR_CUR_SEGS);
	else
		rte_mbuf_refcnt_update(seg_mbuf(s), 1);
	s->holders++;
}

void seg_release(struct stack *st, struct seg *s)
{
	if (--s->holders == 0)
		st_dec(st, CTR_CUR_SEGS);
	rte_pktmbuf_free_seg(seg_mbuf(s));
}

void seg_unhold(struct stack *st, struct seg *s)
{
	if (s->holders > 1) {
		seg_release(st, s);
		return;
	}
	s->holders = 0;
	st_dec(st, CTR_CUR_SEGS);
}

void seg_drop(struct seg *s)
{
	if (s->holders == 0)
		rte_pktmbuf_free_seg(seg_mbuf(s));
}

/* A fresh mbuf with n octets of s from off, or NULL. */
static struct seg *copy_part(struct stack *st, const struct seg *s, uint16_t off, uint16_t n)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(st->mbufs);
	char *to;

	if (m == NULL)
		return NULL;
	to = rte_pktmbuf_append(m, n);
	if (to == NULL) {
		rte_pktmbuf_free_seg(m);
		return NULL;
	}
	memcpy(to, seg_payload(s) + off, n);
	return seg_init(m, 0);
}

struct seg *seg_copy(struct stack *st, const struct seg *s)
{
	struct seg *c = copy_part(st, s, 0, s->len);

	if (c == NULL)
		return NULL;
	c->seq = s->seq;
	c->flags = s->flags & (SEG_MAPPED | SEG_PSH);
	c->payload_sum = s->payload_sum;
	c->dsn = s->dsn;
	c->map = s->map;
	return c;
}

/* The length or place of the payload has changed: its sum, and the mbuf when it is ours alone. */
static void payload_changed(struct seg *s)
{
	s->payload_sum = csum_partial(seg_payload(s), s->len);
	if (!seg_in_flight_below(s))
		seg_restore(s);
}

void seg_trim_front(struct seg *s, uint16_t octets)
{
	s->payload_off += octets;
	s->len -= octets;
	s->seq += octets;
	s->dsn += octets;
	payload_changed(s);
}

void seg_trim_tail(struct seg *s, uint16_t octets)
{
	s->len -= octets;
	payload_changed(s);
}

struct seg *seg_split(struct stack *st, struct seg *s, uint16_t octets)
{
	struct seg *rest = copy_part(st, s, octets, s->len - octets);

	if (rest == NULL)
		return NULL;
	rest->seq = s->seq + octets;
	rest->dsn = s->dsn + octets;
	rest->map = s->map;
	rest->flags = s->flags;
	s->flags &= ~(SEG_FIN | SEG_PSH);
	rest->payload_sum = csum_partial(seg_payload(rest), rest->len);
	seg_trim_tail(s, rest->len);
	return rest;
}

bool seg_merge(struct seg *s, const struct seg *from)
{
	struct rte_mbuf *m = seg_mbuf(s);
	uint16_t sum = from->payload_sum;

	/* Shared octets may not change, and the buffer of a clone or of the port is not ours. */
	if (s->holders > 1 || seg_in_flight_below(s) || !RTE_MBUF_DIRECT(m) ||
	    (uint32_t)s->payload_off + s->len + from->len > m->buf_len ||
	    (uint32_t)s->len + from->len > UINT16_MAX)
		return false;
	memcpy(seg_payload(s) + s->len, seg_payload(from), from->len);
	s->payload_sum = csum_add(s->payload_sum, s->len % 2 ? csum_swap(sum) : sum);
	s->len += from->len;
	seg_restore(s);
	return true;
}
