/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What must hold of a TCP connection. Source: RFC 9293 s3.3, s3.8.6, s3.10.7; RFC 2018; RFC 7323.
 */
#include "tcp_watch.h"
#include "mptcp/tcp/tcp_internal.h"

static bool sends_data(const struct tcp *t)
{
	return t->state == TCPS_ESTABLISHED || t->state == TCPS_CLOSE_WAIT ||
	       t->state == TCPS_FIN_WAIT_1 || t->state == TCPS_CLOSING || t->state == TCPS_LAST_ACK;
}

static bool in_queue(const struct segq *q, const struct seg *what)
{
	const struct seg *s;

	if (what == NULL)
		return true;
	SEGQ_FOREACH (s, q)
		if (s == what)
			return true;
	return false;
}

/* Queue, scoreboard and the places remembered in it. */
static void check_sndq(const struct tcp *t)
{
	uint32_t sacked = 0, lost = 0, retx = 0, bytes = 0, n = 0, n_sacked = 0, flight = 0;
	bool unsent = false, fin = false;
	const struct seg *s, *prev = NULL;

	SEGQ_FOREACH (s, &t->sndq) {
		uint32_t space = seg_space(s);

		n++;
		bytes += s->len;
		MUST(space > 0);
		MUST(s->prev == prev && s->tcp == t && !fin);
		MUST(s->holders >= 1 && rte_mbuf_refcnt_read(seg_mbuf(s)) >= s->holders);
		if (prev != NULL)
			MUST(seg_end(prev) == s->seq);
		unsent = unsent || s == t->snd_unsent;
		MUST(!(s->flags & SEG_SENT) == unsent);
		MUST(!unsent || !(s->flags & (SEG_SACKED | SEG_LOST | SEG_RETX)));
		MUST((s->flags & (SEG_SACKED | SEG_LOST)) != (SEG_SACKED | SEG_LOST));
		/* In the list by time of transmission is what may still arrive. */
		MUST(!(s->flags & SEG_FLIGHT) ==
		     (unsent || (s->flags & (SEG_SACKED | SEG_LOST)) != 0));
		flight += !!(s->flags & SEG_FLIGHT);
		n_sacked += !!(s->flags & SEG_SACKED);
		if (s->flags & SEG_SACKED)
			sacked += space;
		if (s->flags & SEG_LOST)
			lost += space;
		else if ((s->flags & (SEG_RETX | SEG_SACKED)) == SEG_RETX)
			retx += space;
		fin = s->flags & SEG_FIN;
		prev = s;
	}
	MUST(t->sndq.tail == prev && t->sndq.n == n && t->sndq.bytes == bytes);
	MUST(unsent == (t->snd_unsent != NULL));
	MUST(!t->use_sack || t->sacked_bytes == sacked);
	MUST(t->lost_bytes == lost && t->retx_bytes == retx && t->n_sacked == n_sacked);
	prev = NULL;
	for (s = t->flight_head; s != NULL; s = s->tx_next, flight--) {
		MUST(s->flags & SEG_FLIGHT && s->tx_prev == prev && flight > 0);
		MUST(prev == NULL || (int32_t)(s->tx_us - prev->tx_us) >= 0);
		prev = s;
	}
	MUST(flight == 0 && t->flight_tail == prev);
	MUST(in_queue(&t->sndq, t->sack_hint) && in_queue(&t->sndq, t->sack_high));
	MUST(in_queue(&t->sndq, t->lost_hint));
	MUST(t->sack_high == NULL || t->sack_high->flags & SEG_SACKED || t->sacked_bytes == 0);
	for (s = t->sndq.head; t->lost_hint != NULL && s != t->lost_hint; s = s->next)
		MUST(!(s->flags & SEG_LOST));
	MUST(seq_leq(t->snd_una, t->snd_nxt) && seq_leq(t->snd_nxt, t->snd_max));
	MUST(seq_leq(t->snd_max, t->snd_end));
	if (t->sndq.head == NULL)
		MUST(t->snd_end == t->snd_una + !tcp_synchronised(t));
	else
		MUST(seq_lt(t->snd_una, seg_end(t->sndq.head)) &&
		     t->snd_end == seg_end(t->sndq.tail));
	MUST(!fin || t->fin_queued);
}

/* Pieces of one segment follow each other, and the last one of them holds it. */
unsigned int tcp_watch_wholes(const struct tcp *t, unsigned int *segs)
{
	const struct seg *s;
	unsigned int n = 0;

	*segs = 0;
	SEGQ_FOREACH (s, &t->sndq) {
		const struct seg *next = s->next;

		if (!(s->flags & SEG_PIECE))
			continue;
		if (next != NULL && next->flags & SEG_PIECE &&
		    seg_mbuf(next)->buf_addr == seg_mbuf(s)->buf_addr) {
			MUST(s->whole == NULL);
			continue;
		}
		n += s->whole == NULL || s->whole->holders == 1;
		*segs += s->whole != NULL && s->whole->holders == 1;
		MUST(s->whole == NULL || s->whole->tcp == t);
	}
	return n;
}

/* Whether all of b is queued out of order: what was reported may not be forgotten. */
static bool ofo_has(const struct tcp *t, const struct sack_block *b)
{
	uint32_t from = b->start;
	const struct seg *s;

	SEGQ_FOREACH (s, &t->ofo)
		if (seq_leq(s->seq, from) && seq_lt(from, s->seq + s->len))
			from = s->seq + s->len;
	return seq_leq(b->end, from);
}

/* The tree in its order is the list, each parent above its children: how many it has. */
static uint32_t tree_follows(const struct seg *s, const struct seg **prev)
{
	uint32_t n;

	if (s == NULL)
		return 0;
	n = tree_follows(s->left, prev);
	MUST(s->prev == *prev);
	MUST(s->left == NULL || s->left->prio <= s->prio);
	MUST(s->right == NULL || s->right->prio <= s->prio);
	*prev = s;
	return n + 1 + tree_follows(s->right, prev);
}

/* The first of a run knows its end, the last one its beginning. */
static void check_runs(const struct tcp *t)
{
	const struct seg *s, *first = NULL;

	SEGQ_FOREACH (s, &t->ofo) {
		uint32_t end = s->seq + s->len;

		if (first == NULL)
			first = s;
		if (s->next != NULL && s->next->seq == end)
			continue;
		MUST(first->run_end == end);
		MUST(first == t->ofo.head || s->run_start == first->seq);
		first = NULL;
	}
}

static void check_ofo(const struct tcp *t)
{
	const struct seg *s, *prev = NULL;
	uint32_t n = 0, bytes = 0;

	SEGQ_FOREACH (s, &t->ofo) {
		n++;
		bytes += s->len;
		MUST(s->len > 0 && s->holders == 1 && s->prev == prev);
		MUST(seq_leq(s->seq + s->len, t->rcv_adv));
		MUST(prev == NULL ? seq_lt(t->rcv_nxt, s->seq)
				  : seq_leq(prev->seq + prev->len, s->seq));
		prev = s;
	}
	MUST(t->ofo.tail == prev && t->ofo.n == n && t->ofo.bytes == bytes);
	MUST(n <= RTE_MAX(t->st->cfg->ofo_segs_max, t->rcv_wnd_max / 512));
	prev = NULL;
	MUST(tree_follows(t->ofo_root, &prev) == n && prev == t->ofo.tail);
	check_runs(t);
	MUST(prev == NULL || !t->fin_ofo || seq_leq(prev->seq + prev->len, t->fin_seq));
	MUST(!t->fin_ofo || seq_lt(t->rcv_nxt, t->fin_seq));
	MUST(t->n_sacks <= TCP_SACK_BLOCKS_MAX);
	for (unsigned int i = 0; i < t->n_sacks; i++) {
		MUST(seq_lt(t->sacks[i].start, t->sacks[i].end));
		MUST(ofo_has(t, &t->sacks[i]));
	}
}

/* Whatever is owed has a timer: nothing waits for ever. */
static void check_timers(const struct tcp *t)
{
	uint32_t nearest = 0;

	for (int d = 0; d < TCPD_MAX; d++) {
		uint32_t at = t->deadline_ms[d];

		if (at != 0 && (nearest == 0 || (int32_t)(at - nearest) < 0))
			nearest = at;
	}
	if (nearest != 0) {
		MUST(wheel_armed(&t->timer));
		/* Never late by more than the tick that a deadline in the past waits for. */
		MUST((int32_t)(t->timer.expires_ms - nearest) <= 0 ||
		     t->timer.expires_ms == t->st->wheel.now_ms + 1);
	}
	if (t->state == TCPS_SYN_SENT || t->state == TCPS_SYN_RCVD)
		MUST(tcp_timer_on(t, TCPD_RTO));
	if (t->state == TCPS_TIME_WAIT)
		MUST(tcp_timer_on(t, TCPD_STATE));
	if (tcp_synchronised(t) && tcp_unacked(t))
		MUST(tcp_timer_on(t, TCPD_RTO));
	if (sends_data(t) && t->snd_unsent != NULL && !t->no_data && !tcp_unacked(t))
		MUST(tcp_timer_on(t, TCPD_RTO) || tcp_timer_on(t, TCPD_PERSIST));
	if (sends_data(t) && t->fin_queued && !t->fin_acked && t->sndq.head == NULL && !t->no_data)
		MUST(tcp_timer_on(t, TCPD_RTO));
	if (t->ack_pending)
		MUST(tcp_timer_on(t, TCPD_DELACK));
	MUST(t->rto_ms > 0 && t->rto_ms <= t->st->cfg->rto_max_ms);
}

static void check_state(const struct tcp *t)
{
	bool fin_rcvd = t->state == TCPS_CLOSE_WAIT || t->state == TCPS_CLOSING ||
			t->state == TCPS_LAST_ACK || t->state == TCPS_TIME_WAIT;
	bool fin_acked = t->state == TCPS_FIN_WAIT_2 || t->state == TCPS_TIME_WAIT;

	MUST(t->fin_rcvd == fin_rcvd && t->fin_acked == fin_acked);
	MUST(!fin_rcvd || t->ofo.head == NULL);
	MUST(!fin_acked || t->sndq.head == NULL);
	if (tcp_synchronised(t) && t->state != TCPS_ESTABLISHED && t->state != TCPS_CLOSE_WAIT)
		MUST(t->fin_queued);
	if (t->state == TCPS_ESTABLISHED || t->state == TCPS_CLOSE_WAIT)
		MUST(!t->fin_queued);
	if (tcp_synchronised(t))
		MUST(t->cwnd > 0 && t->snd_mss >= MSS_MIN && t->snd_mss <= t->peer_mss);
	MUST(t->pmtu <= t->mtu && (t->pmtu_low || t->probe_mss == 0));
}

void tcp_watch_step(struct tcp_watch *w, const struct tcp *t)
{
	if (t->state == TCPS_CLOSED) {
		MUST(t->sndq.head == NULL && t->ofo.head == NULL && !wheel_armed(&t->timer));
		return;
	}
	MUST(t->state < TCPS_MAX);
	check_sndq(t);
	check_timers(t);
	if (t->state == TCPS_SYN_SENT)
		return;
	check_ofo(t);
	check_state(t);
	if (w->begun) {
		MUST(seq_leq(w->rcv_nxt, t->rcv_nxt));
		MUST(seq_leq(w->snd_una, t->snd_una) && seq_leq(w->snd_max, t->snd_max));
	}
	w->begun = true;
	w->rcv_nxt = t->rcv_nxt;
	w->snd_una = t->snd_una;
	w->snd_max = t->snd_max;
}

void tcp_watch_in(struct tcp_watch *w, const struct tcp *t, const struct pkt *p)
{
	/* A SYN says what the scale is; from then on it holds. */
	uint8_t shift = t->state == TCPS_SYN_SENT || t->state == TCPS_CLOSED ? 0 : t->snd_wscale;
	uint32_t edge;

	if (!(p->flags & TCPF_ACK))
		edge = t->snd_una + p->wnd; /* of a SYN; else it is none */
	else if (seq_lt(t->snd_max, p->ack) || seq_lt(p->ack, t->snd_una - t->max_wnd))
		return; /* acknowledges what no peer can */
	else
		edge = p->ack + ((uint32_t)p->wnd << (p->flags & TCPF_SYN ? 0 : shift));
	if (!w->has_peer_edge || seq_lt(w->peer_edge, edge))
		w->peer_edge = edge;
	w->has_peer_edge = true;
}

static void check_window_out(struct tcp_watch *w, const struct tcp *t, const struct pkt *p,
			     uint32_t slack)
{
	uint32_t edge = p->ack + ((uint32_t)p->wnd << (p->flags & TCPF_SYN ? 0 : t->rcv_wscale));

	if (w->edge != 0 && slack != UINT32_MAX)
		MUST(seq_leq(w->edge, edge + slack));
	if (w->edge == 0 || seq_lt(w->edge, edge))
		w->edge = edge != 0 ? edge : 1;
}

static void check_payload_out(const struct tcp_watch *w, const struct tcp *t, const struct pkt *p,
			      unsigned int opt_len)
{
	uint32_t end = p->seq + p->payload_len;

	MUST(sends_data(t) || seq_leq(end, t->snd_una));
	MUST(!t->no_data);
	MUST(seq_leq(end, t->snd_end));
	if (t->probe_mtu == 0 || p->seq != t->probe_seq)
		MUST(p->payload_len + opt_len <= t->snd_mss);
	MUST(p->payload_len + opt_len <= t->peer_mss);
	MUST(p->payload_len + opt_len + tcp_ip_hdr_len(t) <= t->mtu);
	MUST(w->has_peer_edge && seq_leq(end, w->peer_edge));
	/* What goes for the first time stays within the window as it is now. */
	if (seq_lt(t->snd_max, end))
		MUST(seq_leq(end, t->snd_una + t->snd_wnd));
}

void tcp_watch_out(struct tcp_watch *w, const struct tcp *t, const struct sent *s, uint32_t slack)
{
	const struct pkt *p = &s->p;
	bool syn = t->state == TCPS_SYN_SENT || t->state == TCPS_SYN_RCVD;

	MUST(t->state != TCPS_CLOSED);
	MUST(!(p->flags & TCPF_URG));
	MUST(s->opt_len <= TCP_OPTIONS_MAX);
	if (p->flags & TCPF_RST) {
		MUST(p->payload_len == 0);
		return;
	}
	MUST(!(p->flags & TCPF_SYN) || (syn && p->seq == t->iss));
	MUST(!(p->flags & TCPF_ACK) == (t->state == TCPS_SYN_SENT));
	/* Before the handshake is over only a challenge (RFC 5961 s4.2). */
	MUST(p->flags & TCPF_SYN || tcp_synchronised(t) ||
	     (t->state == TCPS_SYN_RCVD && p->payload_len == 0 && p->flags == TCPF_ACK));
	if (p->flags & TCPF_ACK) {
		MUST(p->ack == t->rcv_nxt);
		check_window_out(w, t, p, slack);
		MUST(p->tcp.has_ts == t->use_ts);
		MUST(!t->use_ts || p->tcp.tsecr == t->ts_recent);
	}
	if (p->flags & TCPF_FIN)
		MUST(t->fin_queued && p->seq + p->payload_len + 1 == t->snd_end);
	/* What was acknowledged in part goes again as a whole. */
	MUST(seq_leq(t->snd_una - !p->payload_len, p->seq + p->payload_len));
	if (p->payload_len > 0)
		check_payload_out(w, t, p, s->opt_len);
}
