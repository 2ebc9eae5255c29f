/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Received payload: in order to the owner, out of order into a queue (tcp_ofo.c), FIN in its place. Of
 * octets received twice the first ones count.
 * Owning worker only. Source: RFC 9293 s3.10.7.4 (seventh and eighth), RFC 5681 s4.2.
 */
#include <rte_branch_prediction.h>

#include "mptcp/tcp/tcp_internal.h"

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
void tcp_deliver(struct tcp *t, struct seg *s)
{
	t->rcv_nxt += s->len;
	t->bytes_received += s->len;
	t->ops->rx_data(t, s);
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

/* s fills the gap and goes on into what waits behind it: of s remains what the gap lacks, and what lies
 * beyond the octets that are there is queued. Without an mbuf it comes again. */
static void part_at_queue(struct tcp *t, struct seg *s)
{
	const struct seg *head = t->ofo.head;
	uint32_t end = s->seq + s->len;
	struct seg *rest = NULL;

	if (seq_lt(head->run_end, end))
		rest = seg_split(t->st, s, (uint16_t)(head->seq - s->seq));
	if (rest != NULL) {
		tcp_ofo_queue(t, rest);
		return;
	}
	tcp_duplicate(t, head->seq, seq_lt(head->run_end, end) ? head->run_end : end);
	seg_trim_tail(s, (uint16_t)(end - head->seq));
}

static enum counter take_in_order(struct tcp *t, struct seg *s)
{
	bool gap = t->ofo.head != NULL;
	uint32_t old = t->rcv_nxt - s->seq;
	uint16_t len;

	if (old > 0) {
		tcp_duplicate(t, s->seq, t->rcv_nxt);
		seg_trim_front(s, (uint16_t)old);
	}
	if (gap && seq_lt(t->ofo.head->seq, s->seq + s->len))
		part_at_queue(t, s);
	len = s->len;
	tcp_deliver(t, s);
	tcp_ofo_drain(t);
	if (t->state == TCPS_CLOSED)
		return CTR_NONE;
	tcp_owe_ack(t, len, gap);
	return CTR_NONE;
}

static enum counter take_payload(struct tcp *t, struct tcp_rx *rx, uint16_t len)
{
	struct seg *s;

	if (unlikely(tcp_has_dsack(t)))
		t->dsack = (struct sack_block){0}; /* of a segment before: could not be told */
	if (seq_leq(rx->seq + len, t->rcv_nxt)) {
		t->ack_now = true;
		tcp_duplicate(t, rx->seq, rx->seq + len);
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
	return tcp_ofo_queue(t, s);
}

/* Whether the FIN at fin_seq, of a segment that begins at seq, is where the stream can end: not below
 * what has come. What is queued beyond it does not count once nothing before it is missing. */
static bool fin_fits(const struct tcp *t, uint32_t seq, uint32_t fin_seq)
{
	if (seq_lt(fin_seq, t->rcv_nxt))
		return false;
	if (t->ofo.tail == NULL || seq_leq(t->ofo.tail->seq + t->ofo.tail->len, fin_seq))
		return true;
	return seq_leq(seq, t->rcv_nxt) && seq_lt(fin_seq, t->ofo.head->seq);
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
	tcp_ecn_data_in(t, rx->p);
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
		t->ack_now = true;
		if (len == 0)
			return CTR_DROP_TCP_DATA_AFTER_FIN;
	}
	if (fin) {
		t->ack_now = true; /* in its place or not (RFC 5681 s4.2) */
		if (!t->fin_ofo && fin_fits(t, rx->seq, rx->seq + len)) {
			t->fin_ofo = true;
			t->fin_seq = rx->seq + len;
		}
	}
	if (len > 0)
		reason = take_payload(t, rx, len);
	if (t->state != TCPS_CLOSED && t->fin_ofo && t->rcv_nxt == t->fin_seq)
		take_fin(t);
	return reason;
}
