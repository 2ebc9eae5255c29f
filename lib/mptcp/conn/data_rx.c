/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From subflow octets to the connection's stream: data sequence mappings, checksums, the
 * data-level queue, DATA_FIN and the shared receive window. Segments in the two queues here have
 * no holder: the queue is their only owner. Threads: the owning worker.
 * Source: RFC 8684 s3.3.
 */
#include "mptcp/conn/conn_internal.h"
#include "mptcp/wire/checksum.h"

/* Octets a subflow may keep without a mapping before it counts as broken (RFC 8684 s3.7). */
#define UNMAPPED_MAX  65536
#define UNMAPPED_SEGS 256
/* Segments out of order at data level, and steps to find the place of one of them: honest ones
 * follow the last one of their subflow. */
#define DATA_OFO_SEGS_MAX  8192
#define DATA_OFO_STEPS_MAX 512
/* Segments that a mapping with checksum may be spread over. */
#define CSUM_SEGS_MAX 2048
/* Octets that rounding to the window scale may lend beyond what the user has room for. */
#define RCV_LENT_MAX 65536
/* Steps of the window: so many segments, and no more than such a part of the buffer. */
#define WND_STEP_SEGS  16
#define WND_STEP_PART  8
#define WND_WHOLE_SEGS 4

/* --- the connection's stream ------------------------------------------------------------------- */

static void conn_deliver(struct conn *c, struct seg *s)
{
	c->rcv_nxt += s->len;
	if (likely(c->upcalls && !c->user_closed))
		c->params->ops->rx(c, s);
	else
		seg_drop(s);
}

static void conn_check_data_fin(struct conn *c)
{
	struct subflow *sf;

	if (!c->peer_fin || c->fin_rcvd || c->rcv_nxt != c->peer_fin_dsn || c->state == CONN_CLOSED)
		return;
	c->rcv_nxt++;
	conn_fin_received(c);
	/* The DATA_ACK of it: on the subflow that is awake. */
	for (sf = c->last_rx != NULL ? c->last_rx : c->subflows; sf != NULL; sf = sf->next) {
		if (sf->hs == SF_HS_DONE) {
			tcp_send_ack(&sf->tcp);
			return;
		}
	}
}

void conn_data_fin(struct conn *c, uint64_t dsn)
{
	if (!c->peer_fin && !dsn_lt(dsn, c->rcv_nxt)) {
		c->peer_fin = true;
		c->peer_fin_dsn = dsn;
	}
	conn_check_data_fin(c);
}

/* Take the first one out of the queue. */
static struct seg *ofo_pop(struct conn *c)
{
	struct seg *s = c->ofo.head;

	if (s->sf_slot != 0 && c->ofo_hint[s->sf_slot - 1] == s)
		c->ofo_hint[s->sf_slot - 1] = NULL;
	segdq_remove(&c->ofo, s);
	return s;
}

static uint64_t dsn_distance(uint64_t a, uint64_t b)
{
	return dsn_lt(a, b) ? b - a : a - b;
}

/* The last one queued at or before s (*prev, NULL: none), searched from the nearest of both ends and the
 * last one of the same subflow. False: too far to look. */
static bool ofo_place(const struct conn *c, const struct seg *s, struct seg **prev)
{
	struct seg *at = c->ofo.tail, *hint;
	unsigned int budget = DATA_OFO_STEPS_MAX;

	if (at != NULL && dsn_lt(s->dsn, at->dsn)) {
		hint = s->sf_slot != 0 ? c->ofo_hint[s->sf_slot - 1] : NULL;
		if (hint != NULL && dsn_distance(s->dsn, hint->dsn) < dsn_distance(s->dsn, at->dsn))
			at = hint;
		if (dsn_distance(s->dsn, c->ofo.head->dsn) < dsn_distance(s->dsn, at->dsn))
			at = c->ofo.head;
	}
	while (at != NULL && dsn_lt(s->dsn, at->dsn) && --budget > 0)
		at = at->dprev;
	while (at != NULL && at->dnext != NULL && !dsn_lt(s->dsn, at->dnext->dsn) && --budget > 0)
		at = at->dnext;
	*prev = at;
	return budget > 0;
}

static void ofo_insert(struct conn *c, struct seg *next, struct seg *s)
{
	segdq_insert_before(&c->ofo, next, s);
	if (s->sf_slot != 0)
		c->ofo_hint[s->sf_slot - 1] = s;
}

/* Put s where it belongs among those ahead; of octets that are there twice the first ones stay. */
static void conn_queue_ofo(struct conn *c, struct seg *s)
{
	struct stack *st = c->mp->st;
	struct seg *prev, *next, *rest;

	if (!ofo_place(c, s, &prev)) {
		st_inc(st, CTR_DROP_TCP_OFO_LIMIT);
		seg_drop(s);
		return;
	}
	for (; s != NULL; s = rest, prev = next) {
		int64_t overlap = prev == NULL ? 0 : (int64_t)(prev->dsn + prev->len - s->dsn);
		int64_t gap;

		rest = NULL;
		next = prev != NULL ? prev->dnext : c->ofo.head;
		if (overlap >= s->len) {
			st_inc(st, CTR_MP_DUPLICATE_DATA);
			seg_drop(s);
			return;
		}
		if (c->ofo.n >= DATA_OFO_SEGS_MAX || c->ofo.n >= st->seg_share) {
			st_inc(st, CTR_DROP_TCP_OFO_LIMIT);
			seg_drop(s);
			return;
		}
		if (overlap > 0)
			seg_trim_front(s, (uint16_t)overlap);
		st_inc(st, CTR_MP_OFO_QUEUE);
		gap = next == NULL ? s->len : (int64_t)(next->dsn - s->dsn);
		if (gap >= s->len) {
			ofo_insert(c, next, s);
			return;
		}
		/* next is in the way: what lies behind it goes on; without an mbuf it comes again. */
		if (s->len - gap > next->len) {
			rest = seg_split(st, s, (uint16_t)(gap + next->len));
			if (rest != NULL)
				rest->sf_slot = s->sf_slot;
		}
		if (gap == 0) {
			seg_drop(s);
			continue;
		}
		seg_trim_tail(s, (uint16_t)(s->len - gap));
		ofo_insert(c, next, s);
	}
}

static void conn_drain_ofo(struct conn *c)
{
	while (c->ofo.head != NULL && !dsn_lt(c->rcv_nxt, c->ofo.head->dsn)) {
		struct seg *s = ofo_pop(c);
		int64_t old = (int64_t)(c->rcv_nxt - s->dsn);

		if (old >= s->len) {
			seg_drop(s);
			continue;
		}
		if (old > 0)
			seg_trim_front(s, (uint16_t)old);
		conn_deliver(c, s);
	}
}

/* Cut off what lies beyond the window or behind the peer's DATA_FIN. Returns whether something is
 * left; else s is gone. A sender may pair a new DATA_ACK with the window of an older segment (RFC
 * 9293's rules for window updates do not look at it), so one more window is taken rather than
 * lost. */
static bool conn_clip(struct conn *c, struct seg *s)
{
	uint64_t edge = c->rcv_adv + c->rcv_wnd_max;
	int64_t room;

	if (unlikely(c->peer_fin) && dsn_lt(c->peer_fin_dsn, edge))
		edge = c->peer_fin_dsn;
	room = (int64_t)(edge - s->dsn);
	if (likely(room >= s->len))
		return true;
	st_inc(c->mp->st, CTR_DROP_TCP_SEQ);
	if (room <= 0) {
		seg_drop(s);
		return false;
	}
	seg_trim_tail(s, (uint16_t)(s->len - room));
	return true;
}

/* s, whose dsn is known, enters the stream. */
static void conn_rx(struct conn *c, struct seg *s)
{
	int64_t ahead = (int64_t)(s->dsn - c->rcv_nxt);

	if (!conn_clip(c, s))
		return;
	if (unlikely(ahead > 0)) {
		conn_queue_ofo(c, s);
		return;
	}
	if (unlikely(ahead < 0)) {
		if (-ahead >= s->len) {
			st_inc(c->mp->st, CTR_MP_DUPLICATE_DATA);
			seg_drop(s);
			return;
		}
		seg_trim_front(s, (uint16_t)-ahead);
	}
	conn_deliver(c, s);
	if (unlikely(c->ofo.head != NULL))
		conn_drain_ofo(c);
	if (unlikely(c->peer_fin))
		conn_check_data_fin(c);
}

/* --- mappings ------------------------------------------------------------------------------------ */

static bool map_covers(const struct subflow *sf, uint32_t seq)
{
	return sf->map_valid && seq - sf->map_seq < sf->map_len;
}

/* Whether the received mapping m says something of the octet at seq. */
static bool map_has(const struct subflow *sf, const struct dss_map *m, uint32_t seq)
{
	uint32_t start = sf->tcp.irs + m->ssn;
	uint32_t len = m->len - ((m->flags & DSS_FLAG_FIN) != 0);

	return m->len == 0 ? !seq_lt(seq, start) : seq - start < len;
}

static void map_load(struct subflow *sf, const struct dss_map *m)
{
	struct conn *c = sf->conn;
	bool fin = (m->flags & DSS_FLAG_FIN) != 0;

	sf->map_dsn = (m->flags & DSS_FLAG_DSN8) != 0 ? m->dsn
						      : dsn_promote(c->rcv_nxt, (uint32_t)m->dsn);
	sf->map_ssn = m->ssn;
	sf->map_seq = sf->tcp.irs + m->ssn;
	sf->map_len = (uint32_t)m->len - fin;
	sf->map_fin = fin;
	sf->map_csum = m->has_csum;
	sf->map_csum_wire = m->csum;
	sf->map_valid = true;
}

/* A mapping for the octet at the head of the pending queue: its own segment's, one that came
 * alone, or that of a later segment. */
static const struct dss_map *map_search(struct subflow *sf)
{
	struct seg *s = sf->pending.head, *i;
	uint32_t seq = s->seq;

	SEGQ_FOREACH (i, &sf->pending) {
		if ((i->flags & SEG_MAPPED) != 0 && map_has(sf, &i->map, seq))
			return &i->map;
	}
	if (sf->spare_valid && map_has(sf, &sf->spare, seq))
		return &sf->spare;
	return NULL;
}

void subflow_set_capable_map(struct subflow *sf, const struct mp_capable *mpc)
{
	struct conn *c = sf->conn;

	/* MP_CAPABLE with data: DSN IDSN + 1 and SSN 1 are implied (RFC 8684 s3.1). */
	sf->spare = (struct dss_map){
		.dsn = c->idsn_remote + 1,
		.ssn = 1,
		.len = mpc->data_len,
		.csum = mpc->csum,
		.flags = DSS_FLAG_DSN8,
		.has_csum = mpc->has_csum,
	};
	sf->spare_valid = mpc->data_len > 0;
}

void subflow_rx_spare(struct subflow *sf, const struct mp_dss *d)
{
	struct conn *c = sf->conn;

	if ((d->flags & DSS_FLAG_FIN) != 0 && d->data_len == 1) {
		uint64_t dsn = (d->flags & DSS_FLAG_DSN8) != 0
				       ? d->dsn
				       : dsn_promote(c->rcv_nxt, (uint32_t)d->dsn);

		/* Again: our acknowledgement may have been lost. */
		if (c->fin_rcvd)
			tcp_send_ack(&sf->tcp);
		conn_data_fin(c, dsn);
		return;
	}
	if (d->data_len == 0) {
		st_inc(c->mp->st, CTR_MP_INFINITE_MAP_RX);
		if (conn_can_fall_back(c, sf))
			conn_fallback(c, sf, false, CTR_NONE);
		return;
	}
	sf->spare = (struct dss_map){.dsn = d->dsn,
				     .ssn = d->ssn,
				     .len = d->data_len,
				     .csum = d->csum,
				     .flags = d->flags,
				     .has_csum = d->has_csum};
	sf->spare_valid = true;
}

/* The head of the pending queue has no mapping. */
static void rx_unmapped(struct subflow *sf)
{
	struct conn *c = sf->conn;

	if (!c->fully_established && conn_can_fall_back(c, sf)) {
		conn_fallback(c, sf, false, CTR_MPCAPABLE_DATA_FALLBACK);
		return;
	}
	if (sf->pending.bytes < UNMAPPED_MAX && sf->pending.n < UNMAPPED_SEGS)
		return;
	st_inc(c->mp->st, CTR_MP_NO_DSS_IN_WINDOW);
	subflow_reset(sf, MP_RST_MIDDLEBOX);
}

/* Cut s, which is in the pending queue, so that it ends with the mapping. */
static bool pending_split(struct subflow *sf, struct seg *s, uint32_t octets)
{
	struct seg *rest = seg_split(sf->tcp.st, s, (uint16_t)octets);

	if (rest == NULL)
		return false;
	rest->map = s->map;
	rest->flags |= s->flags & SEG_MAPPED;
	rest->seq = s->seq + octets;
	sf->pending.bytes -= rest->len;
	segq_insert_before(&sf->pending, s->next, rest);
	return true;
}

/* Whether the checksum over the whole mapping, which is pending, is right. */
static bool map_checksum_ok(struct subflow *sf)
{
	uint16_t sum =
		mp_dss_pseudo_sum(sf->map_dsn, sf->map_ssn, (uint16_t)(sf->map_len + sf->map_fin));
	uint32_t done = 0;
	struct seg *s;

	SEGQ_FOREACH (s, &sf->pending) {
		if (done >= sf->map_len)
			break;
		sum = csum_add(sum, done % 2 != 0 ? csum_swap(s->payload_sum) : s->payload_sum);
		done += s->len;
	}
	sum = csum_add(sum, rte_cpu_to_be_16(sf->map_csum_wire));
	return sum == 0xffff;
}

/* The last segment of a complete mapping must end with it. */
static bool map_align_end(struct subflow *sf)
{
	uint32_t done = 0;
	struct seg *s;

	SEGQ_FOREACH (s, &sf->pending) {
		if (done + s->len > sf->map_len)
			return pending_split(sf, s, sf->map_len - done);
		done += s->len;
		if (done == sf->map_len)
			return true;
	}
	return true;
}

/* The head of the pending queue, covered by the mapping, goes to the stream. Returns false when
 * it has to wait or the subflow is gone. */
static bool map_advance(struct subflow *sf)
{
	struct conn *c = sf->conn;
	struct seg *s = sf->pending.head;
	uint32_t room = sf->map_seq + sf->map_len - s->seq;
	bool last;

	if (unlikely(s->len > room) && !pending_split(sf, s, room)) {
		subflow_reset(sf, MP_RST_RESOURCES);
		return false;
	}
	s->dsn = sf->map_dsn + (s->seq - sf->map_seq);
	last = s->len == room;
	segq_remove(&sf->pending, s);
	if (last) {
		sf->map_valid = false;
		if (unlikely(sf->map_fin) && !c->peer_fin &&
		    !dsn_lt(sf->map_dsn + sf->map_len, c->rcv_nxt)) {
			c->peer_fin = true;
			c->peer_fin_dsn = sf->map_dsn + sf->map_len;
		}
	}
	sf->bytes_received += s->len;
	s->sf_slot = sf->slot;
	conn_rx(c, s);
	if (unlikely(c->peer_fin)) /* also when s had only been sent again to carry it */
		conn_check_data_fin(c);
	return !sf->dead;
}

/* A mapping with a checksum waits until it is whole. */
static bool map_verify(struct subflow *sf)
{
	if (sf->pending.head->seq != sf->map_seq) {
		if (sf->csum_len > 0)
			return true; /* verified before; the rest follows */
		/* Its beginning went under another mapping: nothing can prove it any more. */
		st_inc(sf->tcp.st, CTR_MP_DSS_CORRUPTION_RESET);
		subflow_reset(sf, MP_RST_MPTCP);
		return false;
	}
	if (sf->pending.bytes < sf->map_len) {
		if (sf->pending.n >= CSUM_SEGS_MAX)
			subflow_reset(sf, MP_RST_TOO_MUCH);
		return false;
	}
	if (!map_align_end(sf)) {
		subflow_reset(sf, MP_RST_RESOURCES);
		return false;
	}
	if (!map_checksum_ok(sf)) {
		subflow_checksum_failed(sf);
		return false;
	}
	sf->csum_len = sf->map_len;
	return true;
}

static void map_run(struct subflow *sf)
{
	struct conn *c = sf->conn;
	const struct dss_map *m;

	while (!sf->dead && sf->pending.head != NULL && c->mode == CONN_MPTCP) {
		if (!map_covers(sf, sf->pending.head->seq)) {
			m = map_search(sf);
			if (m == NULL) {
				rx_unmapped(sf);
				break;
			}
			if (m->len == 0) {
				st_inc(c->mp->st, CTR_MP_INFINITE_MAP_RX);
				if (conn_can_fall_back(c, sf))
					conn_fallback(c, sf, false, CTR_NONE);
				else
					subflow_reset(sf, MP_RST_MPTCP);
				break;
			}
			if (m->has_csum != c->csum) {
				st_inc(c->mp->st, CTR_MP_DSS_CORRUPTION_RESET);
				subflow_reset(sf, MP_RST_MPTCP);
				return;
			}
			map_load(sf, m);
			sf->csum_len = 0;
		}
		if (sf->map_csum && !map_verify(sf))
			break;
		if (sf->dead || c->mode != CONN_MPTCP || !map_advance(sf))
			break;
	}
}

void subflow_rx_mapped(struct subflow *sf, struct seg *s)
{
	struct conn *c = sf->conn;

	/* Next in order, wholly inside a known mapping or wholly mapped by itself. */
	if (likely(sf->pending.head == NULL && !c->csum)) {
		if (!map_covers(sf, s->seq) && (s->flags & SEG_MAPPED) != 0 && s->map.len > 0 &&
		    !s->map.has_csum && map_has(sf, &s->map, s->seq))
			map_load(sf, &s->map);
	}
	segq_push_tail(&sf->pending, s);
	map_run(sf);
}

void subflow_rx_plain(struct subflow *sf, struct seg *s)
{
	struct conn *c = sf->conn;

	if (c->state == CONN_CLOSED || c->fin_rcvd) {
		seg_drop(s);
		return;
	}
	s->dsn = c->rcv_nxt;
	sf->bytes_received += s->len;
	conn_deliver(c, s);
}

void subflow_rx_drain(struct subflow *sf)
{
	struct seg *s;

	while (!sf->dead && (s = sf->pending.head) != NULL) {
		segq_remove(&sf->pending, s);
		subflow_rx_plain(sf, s);
	}
}

void subflow_rx_release(struct subflow *sf)
{
	struct seg *s;

	while ((s = sf->pending.head) != NULL) {
		segq_remove(&sf->pending, s);
		seg_drop(s);
	}
}

void conn_rx_release(struct conn *c)
{
	while (c->ofo.head != NULL)
		seg_drop(ofo_pop(c));
}

/* --- shared receive window (RFC 8684 s3.3.5) ---------------------------------------------------- */

/* Whether so many octets are worth moving the edge by. Less than a segment is not (RFC 9293 s3.8.6.2.2). Of a
 * large window several segments: who waits for it may fill it with a short one each time it opens, and that is
 * relayed as it came. most: the largest window that t can offer. */
static bool worth_moving(const struct conn *c, uint32_t octets, uint32_t most)
{
	uint32_t part = 0;

	if (octets < c->rcv_seg_max)
		return false;
	if (c->upcalls && !c->user_closed && c->params->ops->rcv_buffer != NULL)
		part = RTE_MIN(c->params->ops->rcv_buffer(c), most) / WND_STEP_PART;
	return octets >= RTE_MIN(part, WND_STEP_SEGS * (uint32_t)c->rcv_seg_max);
}

/* A window beyond the edge there is, least: by whole segments as far as the scale allows, where they are
 * several. */
static uint32_t whole_segments(const struct conn *c, const struct tcp *t, uint32_t wnd,
			       uint32_t least)
{
	uint32_t seg = c->rcv_seg_max, whole;

	if (seg == 0 || wnd - least < WND_WHOLE_SEGS * seg)
		return wnd;
	whole = (wnd - (wnd - least) % seg) & ~((1u << t->rcv_wscale) - 1);
	return whole > least ? whole : wnd; /* the segments may be less than a unit */
}

/* Octets from rcv_nxt, as a multiple of the scale; the right edge never moves left. */
uint32_t conn_rcv_window(struct conn *c, struct tcp *t)
{
	uint32_t unit = 1u << t->rcv_wscale, max = 65535u << t->rcv_wscale;
	uint32_t space = CONN_OPENING_WND, wnd, least;

	if (c->upcalls)
		space = c->user_closed ? 0 : c->params->ops->rcv_space(c);
	least = dsn_lt(c->rcv_nxt, c->rcv_adv) ? (uint32_t)(c->rcv_adv - c->rcv_nxt) : 0;
	wnd = RTE_MIN(space, max) & ~(unit - 1);
	/* The edge is that of all subflows, and so is what a segment is. */
	c->rcv_seg_max = RTE_MAX(c->rcv_seg_max, t->rcv_seg_max);
	if (wnd < least || !worth_moving(c, wnd - least, max)) {
		/* Rounding up keeps the edge where it is, but lends up to a unit each time. To a
		 * peer that makes a living of that the edge wavers by less than a unit instead
		 * (RFC 7323 s2.4). */
		wnd = least & ~(unit - 1);
		if (wnd < least && c->rcv_lent < RCV_LENT_MAX) {
			wnd += unit;
			c->rcv_lent += wnd - least;
		}
		wnd = RTE_MIN(wnd, max);
	} else {
		wnd = whole_segments(c, t, wnd, least);
		c->rcv_lent = 0;
	}
	if (wnd > 0 && dsn_lt(c->rcv_adv, c->rcv_nxt + wnd))
		c->rcv_adv = c->rcv_nxt + wnd;
	if (wnd > c->rcv_wnd_max)
		c->rcv_wnd_max = wnd;
	return wnd;
}
