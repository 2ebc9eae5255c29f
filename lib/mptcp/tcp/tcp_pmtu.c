/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Path MTU. It goes down when a router says so (ICMP, believed when it speaks of what is in flight and
 * nothing that has arrived contradicts), and when large segments time out again and again without a word
 * (a black hole). It goes up by probes: one segment larger than the others, whose loss says nothing of
 * congestion. What is queued and too big then is sent in pieces.
 * Owning worker only. Source: RFC 8201, RFC 5927 s4.1 and s7.2, RFC 4821 s7, RFC 8899 s5.
 */
#include "mptcp/tcp/tcp_internal.h"
#include "mptcp/wire/checksum.h"
#include "mptcp/wire/icmp.h"

#define BASE_V4         1024   /* RFC 4821 s7.2: where a search begins when nothing is known */
#define BLACKHOLE_RTOS  3      /* timeouts in a row: R1 (RFC 4821 s7.7, RFC 9293 s3.8.3) */
#define MAX_PROBES      3      /* RFC 8899 s5.1.2 */
#define RAISE_MS        600000 /* RFC 4821 s7.3, RFC 8899 s5.1.1 PMTU_RAISE_TIMER */
#define TOLD_MAX        8      /* each may cut what is queued once more */
#define SEARCH_MIN      16     /* octets that are worth a probe */
#define PROBE_MIN_MS    1000   /* between a probe that was lost and the next one */
#define PROBE_SEGS_MORE 3      /* segments behind the probe that show its loss (RFC 4821 s7.4) */

/* --- sizes ---------------------------------------------------------------------------------------- */

/* Interface and peer take that much. */
static uint16_t mtu_max(const struct tcp *t)
{
	uint32_t peer = (uint32_t)t->peer_mss + tcp_ip_hdr_len(t);

	return (uint16_t)RTE_MIN(peer, (uint32_t)t->mtu);
}

/* No path is taken for smaller, but an interface that is. */
static uint16_t mtu_min(const struct tcp *t)
{
	uint16_t least = ip_addr_is_v4(&t->key.local) ? PMTU_MIN_V4 : PMTU_MIN_V6;

	return RTE_MIN(least, mtu_max(t));
}

/* RFC 4821 s7.2: for a search that begins anew. */
static uint16_t mtu_base(const struct tcp *t)
{
	uint16_t base = ip_addr_is_v4(&t->key.local) ? BASE_V4 : PMTU_MIN_V6;

	return RTE_MIN(base, mtu_max(t));
}

/* Of the packet that carries so much payload, with all options that it may have. */
static uint32_t packet_size(const struct tcp *t, uint16_t len)
{
	return tcp_ip_hdr_len(t) + (t->use_ts ? TS_OPT_LEN : 0u) + t->opt_reserve + len;
}

/* Payload of all segments but a probe. */
static uint16_t payload_max(const struct tcp *t)
{
	uint32_t less = packet_size(t, 0) - tcp_ip_hdr_len(t);

	return (uint16_t)(t->snd_mss - less); /* MSS_MIN is more than all options */
}

static void set_pmtu(struct tcp *t, uint16_t mtu)
{
	uint32_t mss = mtu > tcp_ip_hdr_len(t) + MSS_MIN ? mtu - tcp_ip_hdr_len(t) : MSS_MIN;

	t->pmtu = mtu;
	t->snd_mss = (uint16_t)RTE_MIN(mss, (uint32_t)t->peer_mss);
	t->pmtu_low = mtu < mtu_max(t);
	t->probe_mss = 0;
	if (t->cwnd < t->snd_mss)
		t->cwnd = t->snd_mss;
}

void tcp_pmtu_init(struct tcp *t)
{
	t->pmtu = t->search_high = mtu_max(t);
	t->pmtu_low = false;
}

/* --- pieces --------------------------------------------------------------------------------------- */

/* A segment of its own for n octets of s from off. The octets are those of s, which are not cut: its
 * other holder has all of them. */
static struct seg *piece_of(struct tcp *t, const struct seg *s, uint16_t off, uint16_t n)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(t->st->mbufs);
	struct seg *p;

	if (m == NULL)
		return NULL;
	rte_pktmbuf_attach(m, seg_mbuf(s));
	m->data_off = (uint16_t)(s->payload_off + off);
	m->data_len = n;
	m->pkt_len = n;
	p = seg_init(m, csum_partial(seg_payload(s) + off, n));
	p->seq = s->seq + off;
	p->flags = (s->flags & ~(SEG_FIN | SEG_PSH | SEG_FLIGHT)) | SEG_PIECE;
	p->tx_us = s->tx_us;
	p->n_tx = s->n_tx;
	p->ts_lag_ms = s->ts_lag_ms;
	p->rate = s->rate;
	p->dsn = s->dsn + off;
	p->map = s->map;
	p->tcp = t;
	return p;
}

/* Octets [from, len) of s in pieces of at most max, chained by next, the last one in *last. NULL: no
 * mbuf is left. */
static struct seg *pieces_of(struct tcp *t, const struct seg *s, uint16_t from, uint16_t max,
			     struct seg **last)
{
	struct seg *first = NULL, *p;

	*last = NULL;
	for (uint32_t off = from; off < s->len; off += max) {
		p = piece_of(t, s, (uint16_t)off, (uint16_t)RTE_MIN(max, s->len - off));
		if (p == NULL) {
			while ((p = first) != NULL) {
				first = p->next;
				seg_drop(p);
			}
			return NULL;
		}
		if (*last == NULL)
			first = p;
		else
			(*last)->next = p;
		*last = p;
	}
	if (*last != NULL)
		(*last)->flags |= s->flags & (SEG_FIN | SEG_PSH);
	return first;
}

/* Take part in the sums of the queue, or no more. */
static void count_in(struct tcp *t, const struct seg *s)
{
	if (s->flags & SEG_LOST)
		t->lost_bytes += seg_space(s);
	else if (s->flags & SEG_RETX)
		t->retx_bytes += seg_space(s);
}

static void count_out(struct tcp *t, const struct seg *s)
{
	if (s->flags & SEG_LOST)
		t->lost_bytes -= seg_space(s);
	else if (s->flags & SEG_RETX)
		t->retx_bytes -= seg_space(s);
}

/* Whether the last SACK blocks told of all of p: they were about a part of the segment until now. */
static bool was_sacked(const struct tcp *t, const struct seg *p)
{
	for (unsigned int i = 0; i < t->n_sack_prev; i++)
		if (p->flags & SEG_SENT && seq_leq(t->sack_prev[i].start, p->seq) &&
		    seq_leq(seg_end(p), t->sack_prev[i].end))
			return true;
	return false;
}

static void born_sacked(struct tcp *t, struct seg *p)
{
	p->flags &= ~SEG_LOST;
	p->flags |= SEG_SACKED;
	t->sacked_bytes += seg_space(p);
	t->n_sacked++;
	if (t->sack_high == NULL || seq_lt(t->sack_high->seq, p->seq))
		t->sack_high = p;
}

/* The queue has first and those behind it in place of s. Returns the first one that has not arrived. */
static struct seg *replace(struct tcp *t, struct seg *s, struct seg *first)
{
	struct seg *at = s->next, *tx_at = s->tx_next, *p, *next, *missing = NULL;
	bool in_flight = s->flags & SEG_FLIGHT;

	if (t->snd_unsent == s)
		t->snd_unsent = first;
	if (t->lost_hint == s)
		t->lost_hint = first;
	if (t->sack_hint == s)
		t->sack_hint = first;
	tcp_flight_remove(t, s);
	count_out(t, s);
	segq_remove(&t->sndq, s);
	for (p = first; p != NULL; p = next) {
		next = p->next;
		seg_hold(t->st, p);
		segq_insert_before(&t->sndq, at, p);
		/* One is left in any case: the caller sends it. */
		if ((next != NULL || missing != NULL) && t->use_sack && was_sacked(t, p)) {
			born_sacked(t, p);
			continue;
		}
		if (missing == NULL)
			missing = p;
		count_in(t, p);
		if (in_flight)
			tcp_flight_insert(t, tx_at, p);
	}
	return missing;
}

static void piece_let_go(struct tcp *t, struct seg *whole)
{
	whole->flags &= ~(SEG_SENT | SEG_RETX | SEG_SACKED | SEG_LOST | SEG_FIN | SEG_PIECE);
	whole->tcp = NULL;
	seg_release(t->st, whole);
}

/* s is replaced by pieces that fit. The data level goes on to see s, whole and in our hands, until the
 * last of them is acknowledged. */
static struct seg *cut(struct tcp *t, struct seg *s, uint16_t max)
{
	uint16_t from = seq_lt(s->seq, t->snd_una) ? (uint16_t)(t->snd_una - s->seq) : 0;
	struct seg *last, *first = pieces_of(t, s, RTE_MIN(from, s->len - 1), max, &last);

	if (first == NULL) {
		st_inc(t->st, CTR_DROP_NO_MBUF);
		return NULL;
	}
	first = replace(t, s, first);
	if (s->flags & SEG_PIECE) { /* of a piece, which the mbufs of its own keep */
		last->whole = s->whole;
		s->whole = NULL;
		piece_let_go(t, s);
	} else if (s->holders == 1) {
		piece_let_go(t, s);
	} else {
		last->whole = s;
	}
	return first;
}

void tcp_pmtu_piece_gone(struct tcp *t, struct seg *s)
{
	struct seg *whole = s->whole;

	s->whole = NULL;
	s->flags &= ~SEG_PIECE;
	if (whole != NULL)
		piece_let_go(t, whole);
}

/* --- probes --------------------------------------------------------------------------------------- */

static bool is_probe(const struct tcp *t, const struct seg *s)
{
	return t->probe_mtu != 0 && s->seq == t->probe_seq && s->seq + s->len == t->probe_end;
}

/* Whether probes may find a larger MTU than now. */
static bool may_search(const struct tcp *t)
{
	uint8_t how = t->st->cfg->mtu_probing;

	return how == TCP_MTU_ON || (how == TCP_MTU_BLACKHOLE && t->probes_lost);
}

/* RFC 4821 s7.3: converged; the search begins anew after a while, for the path may have changed. */
static void search_over(struct tcp *t)
{
	t->search_high = mtu_max(t);
	t->probe_high = true;
	t->probe_count = 0;
	t->hole_mtu = 0;
	t->probe_ms = t->st->now_ms + RAISE_MS;
}

static void search_on(struct tcp *t)
{
	if (t->search_high < t->pmtu + SEARCH_MIN)
		search_over(t);
}

/* RFC 4821 s7.6.2: not before as many round trips have passed as the window has segments. */
static uint32_t probe_interval_ms(const struct tcp *t)
{
	uint64_t ms = (uint64_t)(t->srtt_us / 1000) * (t->cwnd / t->snd_mss);

	ms = RTE_MIN(ms, (uint64_t)RAISE_MS);
	return RTE_MAX((uint32_t)ms, (uint32_t)PROBE_MIN_MS);
}

static uint16_t probe_size(const struct tcp *t)
{
	if (t->probe_high)
		return t->search_high;
	return (uint16_t)(t->pmtu + (t->search_high - t->pmtu + 1) / 2);
}

/* RFC 4821 s7.6.4: it was lost among others, or it was never sent. */
static void probe_inconclusive(struct tcp *t)
{
	t->probe_mtu = 0;
	t->probe_ms = t->st->now_ms + probe_interval_ms(t);
}

/* Whether what ICMP said is still open: the segment has not arrived (RFC 5927 s7.2). */
static bool ptb_pending(struct tcp *t)
{
	if (t->ptb_mtu != 0 && (seq_lt(t->ptb_seq, t->snd_una) || seq_leq(t->snd_max, t->ptb_seq) ||
				t->ptb_mtu >= t->pmtu))
		t->ptb_mtu = 0;
	return t->ptb_mtu != 0;
}

/* RFC 4821 s7.4. That enough data follows is the owner's business: it has what we have not yet. */
void tcp_pmtu_plan(struct tcp *t)
{
	uint32_t need;

	t->probe_mss = 0;
	if (t->probe_mtu != 0 && seq_leq(t->probe_end, t->snd_una))
		probe_inconclusive(t);
	if (!may_search(t) || !t->use_sack || t->probe_mtu != 0 || t->in_recovery ||
	    t->lost_bytes > 0 || t->n_sacked > 0 || ptb_pending(t) ||
	    (int32_t)(t->st->now_ms - t->probe_ms) < 0)
		return;
	need = probe_size(t) + (uint32_t)PROBE_SEGS_MORE * t->snd_mss;
	if (t->cwnd >= need && t->snd_wnd >= need)
		t->probe_mss = (uint16_t)(probe_size(t) - tcp_ip_hdr_len(t));
}

void tcp_pmtu_queued(struct tcp *t, const struct seg *s)
{
	uint32_t size = packet_size(t, s->len);

	if (s->len <= payload_max(t) || size < t->pmtu + SEARCH_MIN / 2u || size > mtu_max(t))
		return;
	t->probe_mss = 0;
	t->probe_mtu = (uint16_t)size;
	t->probe_seq = s->seq;
	t->probe_end = s->seq + s->len;
}

/* RFC 4821 s7.6.1. */
static void probe_succeeded(struct tcp *t)
{
	st_inc(t->st, CTR_TCP_MTUP_SUCCESS);
	set_pmtu(t, t->probe_mtu);
	t->probe_mtu = 0;
	t->probe_count = 0;
	t->search_high = RTE_MAX(t->search_high, t->pmtu);
	if (t->hole_mtu != 0 && t->pmtu >= t->hole_mtu)
		t->hole_mtu = 0;
	search_on(t);
}

/* RFC 4821 s7.6.2, RFC 8899 s5.3.1: a loss may have other reasons, several hardly. */
static void probe_failed(struct tcp *t)
{
	st_inc(t->st, CTR_TCP_MTUP_FAIL);
	t->probe_ms = t->st->now_ms + probe_interval_ms(t);
	if (++t->probe_count >= MAX_PROBES) {
		t->probe_count = 0;
		t->probe_high = false;
		t->search_high = (uint16_t)(t->probe_mtu - 1);
	}
	t->probe_mtu = 0;
	search_on(t);
}

/* At once, whatever the window is, and nothing else may take it for a loss. */
static bool send_probe_again(struct tcp *t)
{
	uint32_t lost;

	t->tlp_out = false;
	do {
		lost = t->lost_bytes;
		tcp_retransmit_head(t);
	} while (t->lost_bytes > 0 && t->lost_bytes < lost);
	return t->lost_bytes == 0;
}

bool tcp_pmtu_probe_lost(struct tcp *t)
{
	struct seg *s = t->lost_hint;
	uint32_t lost = 0;

	if (likely(t->probe_mtu == 0) || t->in_recovery)
		return false;
	/* Its last octets may have gone again as a tail loss probe. */
	while (s != NULL && s->flags & SEG_SENT && seq_lt(s->seq, t->probe_end)) {
		if (s->flags & SEG_LOST && tcp_pmtu_of_probe(t, s))
			lost += seg_space(s);
		s = s->next;
	}
	if (lost != t->lost_bytes)
		return false;
	probe_failed(t);
	return send_probe_again(t);
}

void tcp_pmtu_arrived(struct tcp *t, const struct seg *s)
{
	uint32_t size = packet_size(t, s->len);

	if (is_probe(t, s)) {
		probe_succeeded(t);
		return;
	}
	/* After a black hole: what has been large all the time gets through. */
	if (t->hole_mtu == 0 || !t->use_sack || size <= t->pmtu || size > t->hole_mtu)
		return;
	st_inc(t->st, CTR_TCP_PMTU_UNDO);
	set_pmtu(t, t->hole_mtu);
	t->hole_mtu = 0;
	search_on(t);
}

struct seg *tcp_pmtu_cut(struct tcp *t, struct seg *s)
{
	uint16_t max = payload_max(t);

	/* A mapping that the owner's reserve is no longer for (of a connection that has fallen back). */
	if (s->flags & SEG_MAPPED && t->opt_reserve == 0)
		max -= TCP_OPTIONS_MAX - TS_OPT_LEN;
	if (s->len <= max || s->flags & SEG_SACKED)
		return s;
	/* A part of it is out that a small window took: it goes as it is before it goes in pieces. */
	if (!(s->flags & SEG_SENT) && seq_lt(s->seq, t->snd_max))
		return s;
	if (is_probe(t, s) && !(s->flags & SEG_SENT)) {
		if (!t->in_recovery && seq_leq(s->seq + s->len, t->snd_una + t->snd_wnd))
			return s;
		probe_inconclusive(t);
	}
	return cut(t, s, max);
}

/* No retransmission timeout tells of a black hole for what the persist timer sends, so the least that a path
 * takes is tried after a while. */
uint16_t tcp_pmtu_part(const struct tcp *t)
{
	uint16_t max = payload_max(t);

	if (t->st->cfg->mtu_probing == TCP_MTU_OFF || t->persist_shift <= BLACKHOLE_RTOS)
		return max;
	return (uint16_t)RTE_MIN((uint32_t)max, mtu_min(t) - packet_size(t, 0));
}

/* --- downwards ------------------------------------------------------------------------------------ */

/* Everything in flight that is too big is lost, whether or not we have been told of it. */
static bool mark_too_big(struct tcp *t)
{
	uint16_t max = payload_max(t);
	uint32_t before = t->lost_bytes;
	struct seg *s, *next;

	for (s = t->flight_head; s != NULL; s = next) {
		next = s->tx_next;
		if (s->len > max)
			tcp_mark_lost(t, s);
	}
	return t->lost_bytes != before;
}

/* What ICMP says is believed. The next attempt at more waits (RFC 8201 s4). */
static void lower_as_told(struct tcp *t, uint16_t mtu)
{
	st_inc(t->st, CTR_TCP_PMTU_ICMP);
	set_pmtu(t, mtu);
	t->ptb_mtu = 0;
	t->probe_mtu = 0;
	t->len_sent = 0;
	t->len_acked = RTE_MIN(t->len_acked, payload_max(t));
	search_over(t);
}

/* RFC 4821 s7.6.2: the probe itself was too big, and now we know by how much. */
static void probe_too_big(struct tcp *t, uint16_t mtu)
{
	struct seg *s = t->flight_head;

	while (s != NULL && !is_probe(t, s))
		s = s->tx_next;
	st_inc(t->st, CTR_TCP_MTUP_FAIL);
	t->search_high = mtu;
	t->probe_high = true;
	t->probe_count = 0;
	t->probe_mtu = 0;
	t->probe_ms = t->st->now_ms + probe_interval_ms(t);
	search_on(t);
	if (s == NULL)
		return;
	tcp_mark_lost(t, s);
	if (!t->in_recovery)
		send_probe_again(t);
	tcp_output(t);
}

enum counter tcp_too_big(struct tcp *t, uint32_t seq, uint16_t mtu)
{
	/* RFC 5927 s4.1. What is out may be part of a segment that counts as unsent. */
	if (!tcp_synchronised(t) || seq_lt(seq, t->snd_una) || !seq_lt(seq, t->snd_max))
		return CTR_DROP_ICMP_SEQ;
	if (t->probe_mtu != 0 && mtu >= t->pmtu && mtu < t->probe_mtu && seq == t->probe_seq) {
		probe_too_big(t, mtu);
		return CTR_NONE;
	}
	if (mtu >= t->pmtu)
		return CTR_DROP_ICMP_KNOWN; /* RFC 8201 s4: never upwards */
	if (mtu < mtu_min(t) || mtu >= packet_size(t, t->len_sent))
		return CTR_DROP_ICMP_MTU;
	/* RFC 5927 s7.2: what has got through is not too big, unless nothing gets through any more. */
	if ((mtu < packet_size(t, t->len_acked) && t->len_acked > 0) || t->told >= TOLD_MAX) {
		st_inc(t->st, CTR_TCP_PMTU_HELD);
		t->ptb_mtu = mtu;
		t->ptb_seq = seq;
		return CTR_NONE;
	}
	t->told++;
	lower_as_told(t, mtu);
	if (mark_too_big(t)) {
		if (t->in_recovery)
			tcp_recovery_too_big(t);
		else
			tcp_recovery_enter_too_big(t);
	}
	tcp_output(t);
	return CTR_NONE;
}

/* RFC 4821 s7.7, for packets of size that vanish: what is known to pass; else where a search begins; then
 * half of it, again and again. */
static uint16_t after_black_hole(const struct tcp *t, uint32_t size)
{
	uint32_t known = packet_size(t, t->len_acked);

	if (t->len_acked > 0 && known < size && known > mtu_base(t))
		return (uint16_t)known;
	if (size > mtu_base(t))
		return mtu_base(t);
	return RTE_MAX((uint16_t)(size / 2), mtu_min(t));
}

/* Nothing has been heard for long while a segment goes again that a smaller path would not take. */
static void black_hole(struct tcp *t)
{
	uint32_t size = packet_size(t, t->sndq.head->len);
	uint16_t mtu = after_black_hole(t, size);

	if (t->st->cfg->mtu_probing == TCP_MTU_OFF || t->backoff < BLACKHOLE_RTOS ||
	    mtu >= t->pmtu || mtu >= size)
		return;
	/* A peer that took its window back takes nothing, whatever the size. */
	if (seq_lt(t->snd_una + t->snd_wnd, t->sndq.head->seq + t->sndq.head->len))
		return;
	st_inc(t->st, CTR_TCP_PMTU_BLACKHOLE);
	if (t->hole_mtu == 0)
		t->hole_mtu = t->pmtu;
	set_pmtu(t, mtu);
	/* It may not have been the size: the one before is tried as soon as something gets through. */
	t->probes_lost = true;
	t->search_high = t->hole_mtu;
	t->probe_high = true;
	t->probe_count = 0;
	t->probe_ms = t->st->now_ms;
}

void tcp_pmtu_timeout(struct tcp *t)
{
	if (t->probe_mtu != 0) { /* RFC 4821 s7.6.3 */
		uint32_t ms = probe_interval_ms(t) * 5;

		probe_failed(t);
		t->probe_ms = t->st->now_ms + RTE_MIN(ms, (uint32_t)RAISE_MS);
	}
	t->probe_mss = t->told = 0;
	if (ptb_pending(t))
		lower_as_told(t, t->ptb_mtu);
	else
		black_hole(t);
	if (t->pmtu_low)
		mark_too_big(t);
}
