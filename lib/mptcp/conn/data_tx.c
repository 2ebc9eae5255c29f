/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The connection's send queue: data-level sequence numbers, mapping to subflows, DATA_ACK,
 * reinjection and DATA_FIN. A segment stays queued until it is acknowledged at data level, whatever
 * its subflow acknowledged. Threads: the owning worker. Source: RFC 8684 s3.3.
 */
#include "mptcp/conn/conn_internal.h"
#include "mptcp/wire/checksum.h"

/* Segments this small are worth copying behind the one before. */
#define MERGE_MAX 256
/* Until a segment that found no buffer is tried again. */
#define PUSH_AGAIN_MS 100
/* Of the peer's window over several paths: the part that stays free, segments that always may be in flight. */
#define WND_FREE_PART  8
#define WND_SEGS_LEAST 4

/* The 64-bit number nearest to ref whose low half is low (RFC 8684 s3.3.1). */
uint64_t dsn_promote(uint64_t ref, uint32_t low)
{
	return ref + (int64_t)(int32_t)(low - (uint32_t)ref);
}

static bool conn_usable(const struct conn *c)
{
	return c->state != CONN_CLOSED && c->state != CONN_TIME_WAIT && c->state != CONN_OPENING;
}

void conn_send(struct conn *c, struct seg *s)
{
	struct stack *st = c->mp->st;
	struct seg *tail = c->sndq.tail;

	if (c->state == CONN_CLOSED || c->state == CONN_TIME_WAIT || c->fin_queued || s->len == 0) {
		seg_drop(s);
		return;
	}
	if (c->snd_unsent != NULL && s->len <= MERGE_MAX && tail->len <= 1024) {
		uint16_t len = s->len;

		if (seg_merge(tail, s)) {
			c->sndq.bytes += len;
			c->snd_end += len;
			seg_drop(s);
			conn_push(c);
			return;
		}
	}
	s->dsn = c->snd_end;
	s->flags &= (uint16_t)~SEG_MAPPED;
	s->sf_slot = 0;
	s->tcp = NULL;
	seg_hold(st, s);
	segdq_push_tail(&c->sndq, s);
	if (c->snd_unsent == NULL)
		c->snd_unsent = s;
	c->snd_end += s->len;
	conn_push(c);
}

/* Cut s, which is in the send queue, after octets; the rest follows it with the next DSN. */
static bool sndq_split(struct conn *c, struct seg *s, uint16_t octets)
{
	struct seg *rest = seg_split(c->mp->st, s, octets);

	if (rest == NULL)
		return false;
	c->sndq.bytes -= rest->len;
	rest->dsn = s->dsn + octets;
	rest->sf_slot = 0;
	rest->tcp = NULL;
	seg_hold(c->mp->st, rest);
	segdq_insert_before(&c->sndq, s->dnext, rest);
	return true;
}

/* The mapping of s on sf, from where the subflow's queue ends now. */
static void map_segment(struct conn *c, struct subflow *sf, struct seg *s)
{
	struct tcp *t = &sf->tcp;

	if (c->mode != CONN_MPTCP) {
		s->flags &= (uint16_t)~SEG_MAPPED;
		if (unlikely(c->infinite_tx)) {
			c->infinite_tx = false;
			t->opt_reserve = 0; /* s was cut to leave room for this one */
			s->flags |= SEG_MAPPED;
			s->map = (struct dss_map){.dsn = s->dsn,
						  .ssn = t->snd_end - t->iss,
						  .flags = DSS_FLAG_DSN8,
						  .has_csum = c->csum};
		}
		return;
	}
	s->flags |= SEG_MAPPED;
	s->map = (struct dss_map){
		.dsn = s->dsn,
		.ssn = t->snd_end - t->iss,
		.len = s->len,
		.flags = DSS_FLAG_DSN8,
		.has_csum = c->csum,
	};
	if (c->csum) {
		uint16_t sum =
			csum_add(mp_dss_pseudo_sum(s->dsn, s->map.ssn, s->len), s->payload_sum);

		s->map.csum = rte_be_to_cpu_16((uint16_t)~sum);
	}
}

/* Whether s has to wait for the peer's window. A peer pays for what it queues by the buffer, full or not. Linux
 * (6.18) takes nothing more from its subflows once that is spent on what lies behind a gap at the data level, not
 * even the octets that fill the gap: the connection would stand still for good. So where paths can overtake one
 * another, what is in flight counts as full segments, and some of the window stays free. */
static bool window_full(const struct conn *c, const struct seg *s)
{
	uint64_t wnd;

	if (c->snd_una == c->snd_nxt)
		return false;
	if (dsn_lt(c->snd_wnd_end, s->dsn + s->len))
		return true;
	if (c->n_subflows < 2 || c->snd_segs < WND_SEGS_LEAST)
		return false;
	wnd = c->snd_wnd_end - c->snd_una;
	return (uint64_t)(c->snd_segs + 1) * c->snd_seg_max > wnd - wnd / WND_FREE_PART;
}

/* s, with no DSN sent before, goes to sf. False when it cannot now. */
static bool send_new(struct conn *c, struct subflow *sf, struct seg *s)
{
	uint16_t max = tcp_payload_max(&sf->tcp);
	int64_t wnd = (int64_t)(c->snd_wnd_end - s->dsn);

	if (window_full(c, s))
		return false;
	/* Nothing in flight: fill what is open, or let TCP probe with it. */
	if (wnd > 0 && wnd < RTE_MIN(s->len, max))
		max = (uint16_t)wnd;
	if (s->len > max && !sndq_split(c, s, max))
		return false;
	map_segment(c, sf, s);
	c->snd_segs++;
	c->snd_seg_max = RTE_MAX(c->snd_seg_max, s->len);
	s->sf_slot = sf->slot;
	c->snd_nxt = s->dsn + s->len;
	c->snd_unsent = s->dnext;
	sf->bytes_sent += s->len;
	tcp_send(&sf->tcp, s);
	return true;
}

/* Let go of what is acknowledged as a whole. */
static void drop_acked(struct conn *c)
{
	struct seg *s;

	while ((s = c->sndq.head) != NULL && s != c->snd_unsent &&
	       !dsn_lt(c->snd_una, s->dsn + s->len)) {
		if (c->reinject == s)
			c->reinject = s->dnext;
		segdq_remove(&c->sndq, s);
		seg_release(c->mp->st, s);
		c->snd_segs--;
		c->data_freed = true;
	}
}

/* s was sent on a subflow that failed: send it again on sf. */
static bool send_again(struct conn *c, struct subflow *sf, struct seg *s)
{
	struct stack *st = c->mp->st;
	uint16_t max = tcp_payload_max(&sf->tcp);
	struct seg *copy = s, *rest;

	if (s->holders > 1 || s->tcp != NULL) {
		copy = seg_copy(st, s);
		if (copy == NULL)
			return false;
		copy->dsn = s->dsn;
		copy->flags |= SEG_REINJ;
	}
	if (copy == s) {
		if (s->len > max) {
			if (!sndq_split(c, s, max))
				return false;
			c->snd_segs++;
		}
		/* Of a segment acknowledged in part the first piece may be so as a whole. */
		if (!dsn_lt(c->snd_una, s->dsn + s->len)) {
			drop_acked(c);
			return true;
		}
	} else {
		while (copy->len > max) {
			rest = seg_split(st, copy, max);
			if (rest == NULL) {
				seg_drop(copy);
				return false;
			}
			rest->dsn = copy->dsn + copy->len;
			map_segment(c, sf, copy);
			tcp_send(&sf->tcp, copy);
			copy = rest;
		}
	}
	map_segment(c, sf, copy);
	s->sf_slot = sf->slot;
	tcp_send(&sf->tcp, copy);
	st_inc(st, CTR_MP_RETRANS);
	return true;
}

/* The next segment to be sent again, or NULL. */
static struct seg *next_reinject(struct conn *c)
{
	struct seg *s = c->reinject;

	while (s != NULL && s != c->snd_unsent && s->sf_slot != 0)
		s = s->dnext;
	c->reinject = s == c->snd_unsent ? NULL : s;
	return c->reinject;
}

/* An ACK with the DATA_FIN; where the peer may not have our key yet, one with the key as well. */
static void send_fin_ack(struct conn *c, struct subflow *sf)
{
	tcp_send_ack(&sf->tcp);
	if (c->active && !c->fully_established)
		tcp_send_ack(&sf->tcp);
}

static void send_data_fin(struct conn *c)
{
	struct subflow *sf;

	if (c->fin_sent || !c->fin_queued || c->snd_unsent != NULL || !conn_usable(c))
		return;
	if (c->mode != CONN_MPTCP) {
		if (c->subflows != NULL) {
			c->fin_sent = true;
			tcp_shutdown(&c->subflows->tcp);
		}
		return;
	}
	sf = sched_pick(c, 0, 0);
	if (sf == NULL)
		return;
	c->fin_sent = true;
	c->snd_nxt = c->snd_end + 1;
	send_fin_ack(c, sf);
	conn_rtx_arm(c);
}

static void push_again(struct wheel_timer *w, void *ctx)
{
	conn_push(RTE_PTR_SUB(w, offsetof(struct conn, push_timer)));
}

/* A segment could not be cut for want of a buffer. Where nothing is in flight no ACK will bring us
 * here again. */
static void push_later(struct conn *c)
{
	if (!wheel_armed(&c->push_timer))
		wheel_arm(&c->mp->st->wheel, &c->push_timer, c->mp->st->now_ms + PUSH_AGAIN_MS,
			  push_again);
}

void conn_push(struct conn *c)
{
	uint16_t touched = 0;
	bool ok = true;
	struct subflow *sf, *next;
	struct seg *s;

	if (c->pushing || !conn_usable(c))
		return;
	c->pushing = true;
	for (;;) {
		bool again = (s = next_reinject(c)) != NULL;

		if (!again)
			s = c->snd_unsent;
		if (s == NULL)
			break;
		sf = sched_pick(c, s->len, again ? c->avoid_slot : 0);
		if (sf == NULL && again && c->avoid_slot != 0)
			sf = sched_pick(c, s->len, 0);
		if (sf == NULL)
			break;
		ok = again ? send_again(c, sf, s) : send_new(c, sf, s);
		if (!ok)
			break;
		touched |= (uint16_t)(1u << (sf->slot - 1));
	}
	for (sf = c->subflows; sf != NULL && touched != 0; sf = next) {
		next = sf->next;
		if ((touched & (1u << (sf->slot - 1))) != 0)
			tcp_output(&sf->tcp);
	}
	c->pushing = false;
	if (touched != 0 && !wheel_armed(&c->rtx_timer))
		conn_rtx_arm(c);
	if (unlikely(s != NULL && !ok))
		push_later(c);
	if (unlikely(c->fin_queued))
		send_data_fin(c);
}

void conn_reinject_slot(struct conn *c, uint8_t slot)
{
	struct seg *s;

	for (s = c->sndq.head; s != NULL && s != c->snd_unsent; s = s->dnext) {
		if (s->sf_slot == slot) {
			s->sf_slot = 0;
			/* In this TCP queue no more, or its end is: a copy is sent then. */
			if (s->holders <= 1)
				s->tcp = NULL;
		}
	}
	c->reinject = c->sndq.head;
}

/* DATA_ACK, or in TCP mode the subflow's ACK: una is at most snd_nxt. */
void conn_data_acked(struct conn *c, uint64_t una)
{
	if ((int64_t)(una - c->snd_una) <= 0)
		return;
	c->snd_una = una;
	drop_acked(c);
	c->rtx_tries = c->dack_probes = 0;
	c->avoid_slot = 0;
	conn_rtx_arm(c);
	if (c->mode == CONN_MPTCP && c->fin_sent && c->snd_una == c->snd_end + 1)
		conn_fin_acked(c);
}

void conn_tell_acked(struct conn *c)
{
	c->data_freed = false;
	if (c->upcalls && !c->user_closed)
		c->params->ops->acked(c);
}

void conn_tx_release(struct conn *c)
{
	struct seg *s;

	c->snd_unsent = NULL;
	c->snd_segs = 0;
	c->reinject = NULL;
	while ((s = c->sndq.head) != NULL) {
		segdq_remove(&c->sndq, s);
		seg_release(c->mp->st, s);
	}
}

/* --- data-level retransmission (RFC 8684 s3.3.6) ------------------------------------------------- */

/* The peer has closed its window over what is in flight, and lives (RFC 9293 s3.8.6.1). */
static bool held_by_window(const struct conn *c)
{
	const struct stack *st = c->mp->st;
	const struct seg *s = c->sndq.head;
	const struct subflow *sf;

	if (s == NULL || s == c->snd_unsent)
		return false;
	CONN_FOREACH_SUBFLOW (sf, c) {
		/* The edge never moves left here; what a peer took back shows in its last segments. */
		bool closed = dsn_lt(c->snd_wnd_end, s->dsn + s->len) || sf->tcp.snd_wnd == 0;

		if (closed && st->now_ms - sf->tcp.last_rx_ms < 2 * st->cfg->rto_max_ms)
			return true;
	}
	return false;
}

/* The subflow that s went out on has acknowledged it without a DATA_ACK, neither of s nor of anything:
 * something may take out the options, or acknowledge for the peer. It is used last until it brings one,
 * and is asked for one: nothing else may make the peer speak there. */
static void mark_blind(struct conn *c, struct seg *s)
{
	struct subflow *sf;

	if (s->holders > 1)
		return;
	CONN_FOREACH_SUBFLOW (sf, c) {
		if (sf->slot != s->sf_slot || !sf->bare_ack || sf->blind)
			continue;
		sf->blind = true;
		if (!tcp_ask(&sf->tcp, s))
			tcp_probe(&sf->tcp);
	}
}

static void conn_rtx(struct wheel_timer *w, void *ctx)
{
	struct conn *c = RTE_PTR_SUB(w, offsetof(struct conn, rtx_timer));
	struct seg *s = c->sndq.head;
	struct subflow *sf;
	unsigned int alive = 0;
	bool held;

	if (c->mode != CONN_MPTCP || !conn_usable(c) || c->snd_una == c->snd_nxt)
		return;
	held = held_by_window(c);
	if (!held && ++c->rtx_tries > CONN_RTX_MAX) {
		st_inc(c->mp->st, CTR_TCP_GIVE_UP);
		conn_end(c, CONN_END_TIMEOUT);
		return;
	}
	CONN_FOREACH_SUBFLOW (sf, c)
		alive += sf->hs == SF_HS_DONE && !sf->stale;
	if (s != NULL && s != c->snd_unsent) {
		sf = s->tcp != NULL ? subflow_of(s->tcp) : NULL;
		/* On a lone live subflow TCP itself repeats what it still has. */
		if (alive > 1 || s->holders <= 1 || (sf != NULL && sf->stale)) {
			if (!held) /* a full reader has not taken it at data level: no fault of the path */
				mark_blind(c, s);
			c->avoid_slot = s->sf_slot;
			s->sf_slot = 0;
			c->reinject = s;
			conn_push(c);
		}
	} else if (c->fin_sent) {
		CONN_FOREACH_SUBFLOW (sf, c) {
			if (sf->hs == SF_HS_DONE)
				send_fin_ack(c, sf);
		}
	}
	conn_rtx_arm(c);
}

void conn_rtx_arm(struct conn *c)
{
	struct timer_wheel *w = &c->mp->st->wheel;
	uint32_t rto = 0, shift = RTE_MIN(c->rtx_tries, 6);
	struct subflow *sf;

	if (c->mode != CONN_MPTCP || !conn_usable(c) || c->snd_una == c->snd_nxt) {
		wheel_cancel(w, &c->rtx_timer);
		return;
	}
	CONN_FOREACH_SUBFLOW (sf, c) {
		if (sf->hs == SF_HS_DONE && !sf->stale)
			rto = RTE_MAX(rto, sf->tcp.rto_ms);
	}
	if (rto == 0)
		rto = c->mp->st->cfg->rto_initial_ms;
	rto = RTE_MIN(rto + 100, c->mp->st->cfg->rto_initial_ms * 2);
	wheel_arm(w, &c->rtx_timer, c->mp->st->now_ms + (rto << shift), conn_rtx);
}
