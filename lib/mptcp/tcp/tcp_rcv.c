/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Received payload: in order to the owner, out of order into a bounded queue, FIN in its place. Of
 * octets received twice the first ones count.
 * Owning worker only. Source: RFC 9293 s3.10.7.4 (seventh and eighth), RFC 2018 s4, RFC 5681 s4.2.
 */
#include "mptcp/tcp/tcp_internal.h"

/* Segments stepped over for the place of one out of order. Honest ones are near the front, the end
 * or the last one; a peer that aims at the middle of a long queue is not served. */
#define OFO_STEPS_MAX 128

/* --- SACK blocks to report ------------------------------------------------------------------- */

/* [start, end) has come out of order: the block with it becomes the first (RFC 2018 s4). */
static void sack_note(struct tcp *t, uint32_t start, uint32_t end)
{
	struct sack_block b = {start, end};
	unsigned int n = 0;

	/* What touches it joins it; what remains keeps its order behind it. */
	for (unsigned int i = 0; i < t->n_sacks; i++) {
		struct sack_block *old = &t->sacks[i];

		if (seq_lt(b.end, old->start) || seq_lt(old->end, b.start)) {
			t->sacks[n++] = *old;
			continue;
		}
		if (seq_lt(old->start, b.start))
			b.start = old->start;
		if (seq_lt(b.end, old->end))
			b.end = old->end;
	}
	if (n == TCP_SACK_BLOCKS_MAX)
		n--;
	for (unsigned int i = n; i > 0; i--)
		t->sacks[i] = t->sacks[i - 1];
	t->sacks[0] = b;
	t->n_sacks = (uint8_t)(n + 1);
}

/* RCV.NXT has moved: blocks below it are history. */
static void sack_forget(struct tcp *t)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < t->n_sacks; i++)
		if (seq_lt(t->rcv_nxt, t->sacks[i].start))
			t->sacks[n++] = t->sacks[i];
	t->n_sacks = (uint8_t)n;
}

unsigned int tcp_sack_blocks(const struct tcp *t, struct sack_block *b, unsigned int max)
{
	unsigned int n = t->n_sacks < max ? t->n_sacks : max;

	if (!t->use_sack)
		return 0;
	for (unsigned int i = 0; i < n; i++)
		b[i] = t->sacks[i];
	return n;
}

/* --- payload ---------------------------------------------------------------------------------- */

/* The packet as a seg: headers stripped, mapping noted. NULL when the mbuf is not what the parser
 * said. */
static struct seg *to_seg(struct tcp_rx *rx)
{
	const struct pkt *p = rx->p;
	struct seg *s;

	if (rte_pktmbuf_adj(rx->m, p->payload_off) == NULL || rx->m->data_len != p->payload_len)
		return NULL;
	s = seg_init(rx->m, p->payload_sum);
	rx->m = NULL;
	s->seq = rx->seq;
	if (p->flags & TCPF_PSH)
		s->flags |= SEG_PSH;
	if (p->mp.present & MP_BIT(MP_DSS) && p->mp.dss.flags & DSS_FLAG_MAP) {
		const struct mp_dss *dss = &p->mp.dss;

		s->flags |= SEG_MAPPED;
		s->map = (struct dss_map){
			.dsn = dss->dsn,
			.ssn = dss->ssn,
			.len = dss->data_len,
			.csum = dss->csum,
			.flags = dss->flags & (DSS_FLAG_FIN | DSS_FLAG_DSN8),
			.has_csum = dss->has_csum,
		};
	}
	return s;
}

/* s begins at RCV.NXT and has no holder. */
static void deliver(struct tcp *t, struct seg *s)
{
	t->rcv_nxt += s->len;
	t->bytes_received += s->len;
	t->ops->rx_data(t, s);
}

static struct seg *ofo_pop(struct tcp *t)
{
	struct seg *s = t->ofo.head;

	if (t->ofo_hint == s)
		t->ofo_hint = NULL;
	segq_remove(&t->ofo, s);
	seg_unhold(t->st, s);
	return s;
}

void tcp_ofo_flush(struct tcp *t)
{
	while (t->ofo.head != NULL)
		seg_drop(ofo_pop(t));
	t->n_sacks = 0;
	t->fin_ofo = false;
}

/* What the gap just filled has set free. */
static void drain_ofo(struct tcp *t)
{
	while (t->state != TCPS_CLOSED && t->ofo.head != NULL &&
	       seq_leq(t->ofo.head->seq, t->rcv_nxt)) {
		struct seg *s = ofo_pop(t);
		uint32_t old = t->rcv_nxt - s->seq;

		if (old >= s->len) {
			seg_drop(s);
			continue;
		}
		if (old > 0)
			seg_trim_front(s, (uint16_t)old);
		deliver(t, s);
	}
}

/* The last queued segment at or below seq (*prev, NULL: none). False: too far to look. */
static bool ofo_place(const struct tcp *t, uint32_t seq, struct seg **prev)
{
	struct seg *s = t->ofo.tail;
	unsigned int budget = OFO_STEPS_MAX;

	if (t->ofo_hint != NULL && seq_lt(seq, s->seq))
		s = t->ofo_hint;
	if (s != NULL && seq_lt(seq, s->seq) &&
	    seq - t->ofo.head->seq < s->seq - seq) /* nearer to the front */
		s = t->ofo.head;
	while (s != NULL && seq_lt(seq, s->seq) && --budget > 0)
		s = s->prev;
	while (s != NULL && s->next != NULL && seq_leq(s->next->seq, seq) && --budget > 0)
		s = s->next;
	*prev = s;
	return budget > 0;
}

static enum counter queue_ofo(struct tcp *t, struct seg *s)
{
	struct seg *prev, *next;
	uint32_t end;

	if (t->ofo.n >= t->st->cfg->ofo_segs_max || t->ofo.n >= t->st->seg_share ||
	    !ofo_place(t, s->seq, &prev)) {
		seg_drop(s);
		return CTR_DROP_TCP_OFO_LIMIT;
	}
	if (prev != NULL && seq_lt(s->seq, prev->seq + prev->len)) {
		uint32_t old = prev->seq + prev->len - s->seq;

		if (old >= s->len) {
			seg_drop(s);
			st_inc(t->st, CTR_TCP_DUP_DATA);
			return CTR_DROP_TCP_DUP;
		}
		seg_trim_front(s, (uint16_t)old);
	}
	/* Octets behind the next one's would be a second segment; the peer sends them again. */
	next = prev != NULL ? prev->next : t->ofo.head;
	end = s->seq + s->len;
	if (next != NULL && seq_lt(next->seq, end)) {
		uint32_t over = end - next->seq;

		if (over >= s->len) {
			seg_drop(s);
			st_inc(t->st, CTR_TCP_DUP_DATA);
			return CTR_DROP_TCP_DUP;
		}
		seg_trim_tail(s, (uint16_t)over);
	}
	seg_hold(t->st, s);
	segq_insert_before(&t->ofo, next, s);
	t->ofo_hint = s;
	sack_note(t, s->seq, s->seq + s->len);
	st_inc(t->st, CTR_TCP_OFO_QUEUE);
	return CTR_NONE;
}

/* --- FIN -------------------------------------------------------------------------------------- */

static void take_fin(struct tcp *t)
{
	t->rcv_nxt++;
	t->fin_rcvd = true;
	t->fin_ofo = false;
	t->ack_now = true;
	tcp_ofo_flush(t); /* nothing can follow */
	switch (t->state) {
	case TCPS_ESTABLISHED:
		tcp_set_state(t, TCPS_CLOSE_WAIT);
		break;
	case TCPS_FIN_WAIT_1:
		tcp_set_state(t, TCPS_CLOSING);
		break;
	case TCPS_FIN_WAIT_2:
		tcp_enter_time_wait(t);
		break;
	default:
		return;
	}
	t->ops->rx_fin(t);
}

/* --- one segment ----------------------------------------------------------------------------- */

static enum counter take_in_order(struct tcp *t, struct seg *s)
{
	bool gap = t->ofo.head != NULL;
	uint32_t old = t->rcv_nxt - s->seq;
	uint16_t len;

	if (old > 0)
		seg_trim_front(s, (uint16_t)old);
	if (gap && seq_lt(t->ofo.head->seq, s->seq + s->len))
		seg_trim_tail(s, (uint16_t)(s->seq + s->len - t->ofo.head->seq));
	len = s->len;
	deliver(t, s);
	drain_ofo(t);
	if (t->state == TCPS_CLOSED)
		return CTR_NONE;
	sack_forget(t);
	tcp_owe_ack(t, len, gap);
	return CTR_NONE;
}

static enum counter take_payload(struct tcp *t, struct tcp_rx *rx, uint16_t len)
{
	struct seg *s;

	if (seq_leq(rx->seq + len, t->rcv_nxt)) {
		t->ack_now = true;
		st_inc(t->st, CTR_TCP_DUP_DATA);
		return CTR_DROP_TCP_DUP;
	}
	s = to_seg(rx);
	if (s == NULL)
		return CTR_DROP_TCP_SHORT;
	if (len < s->len)
		seg_trim_tail(s, s->len - len);
	if (seq_leq(s->seq, t->rcv_nxt))
		return take_in_order(t, s);
	t->ack_now = true; /* RFC 5681 s4.2 */
	return queue_ofo(t, s);
}

/* The seventh and eighth step: payload and FIN of an acceptable segment. */
enum counter tcp_rcv_text(struct tcp *t, struct tcp_rx *rx)
{
	uint32_t edge = t->rcv_nxt + tcp_rcv_wnd(t);
	uint16_t len = rx->p->payload_len;
	bool fin = rx->flags & TCPF_FIN;
	enum counter reason = CTR_NONE;

	if (len == 0 && !fin)
		return CTR_NONE;
	if (unlikely(t->st->mem_out) && len > 0)
		return CTR_DROP_MEMORY; /* not acknowledged: it comes again */
	if (t->state != TCPS_ESTABLISHED && t->state != TCPS_FIN_WAIT_1 &&
	    t->state != TCPS_FIN_WAIT_2) {
		t->ack_now = true;
		return CTR_DROP_TCP_DATA_AFTER_FIN;
	}
	if (seq_lt(edge, rx->seq + len)) { /* what the window does not take, and with it the FIN */
		len = seq_lt(rx->seq, edge) ? (uint16_t)(edge - rx->seq) : 0;
		fin = false;
		t->ack_now = true;
		if (len == 0)
			return CTR_DROP_TCP_SEQ;
	}
	if (t->fin_ofo && seq_lt(t->fin_seq, rx->seq + len)) {
		len = seq_lt(rx->seq, t->fin_seq) ? (uint16_t)(t->fin_seq - rx->seq) : 0;
		fin = false;
		if (len == 0)
			return CTR_DROP_TCP_DATA_AFTER_FIN;
	}
	/* A FIN below data that is there already, or in two places, is none. */
	if (fin && !t->fin_ofo && !seq_lt(rx->seq + len, t->rcv_nxt) &&
	    (t->ofo.tail == NULL || seq_leq(t->ofo.tail->seq + t->ofo.tail->len, rx->seq + len))) {
		t->fin_ofo = true;
		t->fin_seq = rx->seq + len;
		t->ack_now = true;
	}
	if (len > 0)
		reason = take_payload(t, rx, len);
	if (t->state != TCPS_CLOSED && t->fin_ofo && t->rcv_nxt == t->fin_seq)
		take_fin(t);
	return reason;
}
