/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What an acceptable acknowledgement teaches: window, cumulative and selective acknowledgement,
 * round-trip time. What follows from it is decided in tcp_loss.c and by the congestion control.
 * Owning worker only. Source: RFC 9293 s3.10.7.4, RFC 6298, RFC 2018, RFC 6675 s4, RFC 7323 s4.
 */
#include "mptcp/tcp/tcp_internal.h"

/* Segments one ACK may make us step over beyond those it marks: a peer that aims its blocks at the
 * middle of a long queue must not buy much of our time with one packet. A search that runs out
 * goes on with the next ACK from where it stopped. */
#define SACK_STEPS_MAX 256

/* Timestamp echoes older than this are no round-trip time. */
#define RTT_MAX_MS 120000
#define MIN_RTT_MS 60000

/* --- round-trip time ------------------------------------------------------------------------ */

/* RFC 6298 s2. The variance term has the minimum instead of the sum, as everywhere: with a small
 * variance a delayed ACK of the peer must not look like a loss. */
uint32_t tcp_rto_ms(const struct tcp *t)
{
	const struct tcp_config *cfg = t->st->cfg;
	uint64_t var_us = (uint64_t)t->rttvar_us * 4;
	uint64_t rto_ms;

	if (var_us < (uint64_t)cfg->rto_min_ms * 1000)
		var_us = (uint64_t)cfg->rto_min_ms * 1000;
	rto_ms = (t->srtt_us + var_us + 999) / 1000;
	return rto_ms < cfg->rto_max_ms ? (uint32_t)rto_ms : cfg->rto_max_ms;
}

/* RFC 8985 s6.2 step 1: of the running MIN_RTT_MS and those before, so that a path that has become longer is
 * believed to be in the end. */
static void min_rtt_sample(struct tcp *t, uint32_t rtt_us)
{
	uint32_t age_ms = t->st->now_ms - t->min_rtt_ms;

	if (t->srtt_us == 0 || age_ms >= 2 * MIN_RTT_MS)
		t->min_rtt_next_us = rtt_us;
	if (t->srtt_us == 0 || age_ms >= MIN_RTT_MS) {
		t->min_rtt_us = t->min_rtt_next_us;
		t->min_rtt_next_us = rtt_us;
		t->min_rtt_ms = t->st->now_ms;
	}
	t->min_rtt_next_us = RTE_MIN(t->min_rtt_next_us, rtt_us);
	t->min_rtt_us = RTE_MIN(t->min_rtt_us, rtt_us);
}

void tcp_rtt_sample(struct tcp *t, uint32_t rtt_us)
{
	if (rtt_us == 0)
		rtt_us = 1;
	min_rtt_sample(t, rtt_us);
	if (t->srtt_us == 0) {
		t->srtt_us = rtt_us;
		t->rttvar_us = rtt_us / 2;
	} else {
		uint32_t diff = t->srtt_us > rtt_us ? t->srtt_us - rtt_us : rtt_us - t->srtt_us;

		t->rttvar_us = (uint32_t)(((uint64_t)t->rttvar_us * 3 + diff) / 4);
		t->srtt_us = (uint32_t)(((uint64_t)t->srtt_us * 7 + rtt_us) / 8);
		if (t->srtt_us == 0)
			t->srtt_us = 1;
	}
	t->rto_ms = tcp_rto_ms(t);
	t->tlp_allowed = true;
}

/* A sample from the echoed timestamp: also good when the segment was sent twice. Both clocks have whole
 * milliseconds, and a shortest round trip that is too short would be believed for long. */
bool tcp_rtt_from_ts(const struct tcp *t, const struct pkt *p, uint32_t *rtt_us)
{
	uint32_t ms;

	if (!t->use_ts || !p->tcp.has_ts || p->tcp.tsecr == 0)
		return false;
	ms = tcp_ts_now(t) - p->tcp.tsecr;
	if (ms > RTT_MAX_MS)
		return false;
	*rtt_us = (ms + 1) * 1000;
	return true;
}

uint32_t tcp_ts_of(const struct tcp *t, const struct seg *s)
{
	uint64_t tx_us = t->st->now_us - tcp_age_us(t, s);

	return tcp_ts_now(t) - (t->st->now_ms - (uint32_t)(tx_us / 1000)) - s->ts_lag_ms;
}

bool tcp_echo_before(const struct tcp *t, const struct seg *s, const struct tcp_ack *a)
{
	return a->has_ts && seq_lt(a->tsecr, tcp_ts_of(t, s));
}

/* A segment newly acknowledged, one way or the other. Karn: only when it was sent once. */
static void delivered(struct tcp *t, const struct seg *s, struct tcp_ack *a)
{
	uint32_t rtt_us = tcp_age_us(t, s);

	tcp_rack_delivered(t, s, a);
	tcp_rate_delivered(t, s, &a->rate);
	tcp_pmtu_delivered(t, s);
	if (s->n_tx != 1) {
		a->retx_acked = true;
		return;
	}
	if (seq_leq(seg_end(s), t->recover))
		a->orig_acked = true;
	if (rtt_us == 0)
		rtt_us = 1;
	/* The one sent last: for the others the peer may have waited. */
	if (a->rtt_us == 0 || rtt_us < a->rtt_us)
		a->rtt_us = rtt_us;
}

/* --- the send queue ------------------------------------------------------------------------- */

/* Take s out of the send queue and let go of it. */
void tcp_sndq_remove(struct tcp *t, struct seg *s)
{
	tcp_flight_remove(t, s);
	if (s->flags & SEG_SACKED) {
		t->sacked_bytes -= seg_space(s);
		t->n_sacked--;
	}
	if (s->flags & SEG_LOST)
		t->lost_bytes -= seg_space(s);
	else if ((s->flags & (SEG_RETX | SEG_SACKED)) == SEG_RETX)
		t->retx_bytes -= seg_space(s);
	if (t->snd_unsent == s)
		t->snd_unsent = s->next;
	if (t->lost_hint == s)
		t->lost_hint = s->next;
	if (t->sack_hint == s)
		t->sack_hint = NULL;
	if (t->sack_high == s)
		t->sack_high = NULL;
	segq_remove(&t->sndq, s);
	if (unlikely(s->flags & SEG_PIECE))
		tcp_pmtu_piece_gone(t, s);
	s->flags &= ~(SEG_SENT | SEG_RETX | SEG_SACKED | SEG_LOST | SEG_FIN);
	s->tcp = NULL;
	seg_release(t->st, s);
}

void tcp_sndq_flush(struct tcp *t)
{
	while (t->sndq.head != NULL)
		tcp_sndq_remove(t, t->sndq.head);
	t->sacked_bytes = t->lost_bytes = t->retx_bytes = t->n_sacked = 0;
}

/* Without SACK sacked_bytes is an estimate, one segment per duplicate ACK; what is acknowledged now
 * was among them but for the first segment. */
static void deflate_estimate(struct tcp *t, struct tcp_ack *a)
{
	uint32_t less = a->acked > t->snd_mss ? a->acked - t->snd_mss : 0;

	less = RTE_MIN(less, t->sacked_bytes);
	t->sacked_bytes -= less;
	a->delivered -= RTE_MIN(less, a->delivered); /* the duplicate ACKs have told of it */
}

/* Cumulative acknowledgement up to ack. A segment acknowledged in part stays whole: the data level
 * may have it too. */
static void take_cumulative(struct tcp *t, uint32_t ack, struct tcp_ack *a)
{
	uint32_t octets = ack - t->snd_una;
	struct seg *s;

	if ((s = t->sndq.head) != NULL && s->n_tx > 1 && seq_leq(seg_end(s), ack)) {
		a->retx_first = true;
		a->retx_in_vain = a->has_ts && seq_lt(a->tsecr, t->undo_ts) &&
				  seq_leq(t->undo_ts_first, a->tsecr);
	}
	while ((s = t->sndq.head) != NULL && seq_leq(seg_end(s), ack)) {
		if (!(s->flags & SEG_SACKED)) {
			delivered(t, s, a);
			a->delivered += seg_space(s);
		}
		if (s->flags & SEG_FIN)
			a->fin_acked = true;
		tcp_sndq_remove(t, s);
	}
	t->snd_una = ack;
	if (a->fin_acked) {
		t->fin_acked = true;
		octets--;
	}
	a->acked = octets;
	if (!t->use_sack)
		deflate_estimate(t, a);
}

/* --- SACK scoreboard ------------------------------------------------------------------------- */

static uint32_t distance(uint32_t a, uint32_t b)
{
	int32_t d = (int32_t)(a - b);

	return d < 0 ? (uint32_t)-d : (uint32_t)d;
}

/* The sent segment that seq falls into, searched from the nearest of both ends and the place of
 * the last search; NULL when budget runs out on the way. */
static struct seg *sack_find(struct tcp *t, uint32_t seq, unsigned int *budget)
{
	struct seg *last = tcp_last_sent(t);
	struct seg *s = t->sndq.head;

	if (last == NULL)
		return NULL;
	if (distance(last->seq, seq) < distance(s->seq, seq))
		s = last;
	if (t->sack_hint != NULL && distance(t->sack_hint->seq, seq) < distance(s->seq, seq))
		s = t->sack_hint;
	while (seq_lt(seq, s->seq) && s->prev != NULL) {
		s = s->prev;
		if (--*budget == 0)
			break;
	}
	while (*budget > 0 && seq_leq(seg_end(s), seq) && s != last) {
		s = s->next;
		--*budget;
	}
	t->sack_hint = s;
	return *budget > 0 ? s : NULL;
}

static void mark_sacked(struct tcp *t, struct seg *s, struct tcp_ack *a)
{
	uint32_t octets = seg_space(s);

	if (s->flags & SEG_LOST)
		t->lost_bytes -= octets;
	else if (s->flags & SEG_RETX)
		t->retx_bytes -= octets;
	s->flags &= ~SEG_LOST;
	s->flags |= SEG_SACKED;
	tcp_flight_remove(t, s);
	t->sacked_bytes += octets;
	t->n_sacked++;
	a->sacked += octets;
	a->delivered += octets;
	delivered(t, s, a);
	if (t->sack_high == NULL || seq_lt(t->sack_high->seq, s->seq))
		t->sack_high = s;
}

/* Mark what block b covers wholly, looking at [*from, to) of it. Returns false when it had to stop
 * before the end: *from is how far it came. */
static bool sack_range(struct tcp *t, const struct sack_block *b, uint32_t *from, uint32_t to,
		       unsigned int *budget, struct tcp_ack *a)
{
	struct seg *s = sack_find(t, *from, budget);

	while (s != NULL && s->flags & SEG_SENT && seq_lt(s->seq, to)) {
		t->sack_hint = s;
		if (!(s->flags & SEG_SACKED) && seq_leq(b->start, s->seq) &&
		    seq_leq(seg_end(s), b->end))
			mark_sacked(t, s, a);
		else if (--*budget == 0) {
			*from = s->seq;
			return false;
		}
		s = s->next;
	}
	return *budget > 0;
}

/* What of b the ACK before did not have already. When it returns false the rest of b, from *from on,
 * was not looked at. */
static bool sack_block_in(struct tcp *t, const struct sack_block *b, uint32_t *from,
			  unsigned int *budget, struct tcp_ack *a)
{
	*from = b->start;

	for (unsigned int i = 0; i < t->n_sack_prev; i++) {
		const struct sack_block *old = &t->sack_prev[i];

		if (seq_leq(old->end, *from) || seq_leq(b->end, old->start))
			continue;
		if (seq_lt(*from, old->start) && !sack_range(t, b, from, old->start, budget, a))
			return false;
		*from = old->end;
	}
	return !seq_lt(*from, b->end) || sack_range(t, b, from, b->end, budget, a);
}

/* The blocks of p that say something, sorted. Those at or below the acknowledgement are reports of
 * duplicates (RFC 2883); those beyond what was sent are lies. */
static unsigned int sack_blocks_of(const struct tcp *t, const struct pkt *p,
				   struct sack_block out[TCP_SACK_BLOCKS_MAX])
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < p->tcp.n_sack && i < TCP_SACK_BLOCKS_MAX; i++) {
		struct sack_block b = {p->tcp.sack[i].start, p->tcp.sack[i].end};
		unsigned int at = n;

		if (!seq_lt(b.start, b.end) || seq_leq(b.start, t->snd_una) ||
		    seq_lt(t->snd_max, b.end) || seq_lt(t->snd_max, b.start))
			continue;
		while (at > 0 && seq_lt(b.start, out[at - 1].start)) {
			out[at] = out[at - 1];
			at--;
		}
		out[at] = b;
		n++;
	}
	return n;
}

/* RFC 2883 s4: the first block is about a duplicate when it is acknowledged, or part of the second. */
static void take_dsack(const struct tcp *t, const struct pkt *p, struct tcp_ack *a)
{
	struct sack_block b;

	if (!t->use_sack || p->tcp.n_sack == 0)
		return;
	b = (struct sack_block){p->tcp.sack[0].start, p->tcp.sack[0].end};
	if (!seq_lt(b.start, b.end) || seq_lt(t->snd_max, b.end) ||
	    seq_lt(b.start, t->snd_una - t->max_wnd))
		return;
	if (seq_lt(p->ack, b.end) && (p->tcp.n_sack < 2 || seq_lt(b.start, p->tcp.sack[1].start) ||
				      seq_lt(p->tcp.sack[1].end, b.end)))
		return;
	if (t->asked && b.end == t->ask_seq && b.start == t->ask_seq - 1)
		return; /* our question, and so its answer */
	st_inc(t->st, CTR_TCP_DSACK_RX);
	a->has_dsack = true;
	a->dsack = b;
}

static void take_sack(struct tcp *t, const struct pkt *p, struct tcp_ack *a)
{
	struct sack_block blocks[TCP_SACK_BLOCKS_MAX];
	unsigned int n = sack_blocks_of(t, p, blocks);
	unsigned int budget = SACK_STEPS_MAX;
	uint32_t from;

	for (unsigned int i = 0; i < n; i++) {
		if (sack_block_in(t, &blocks[i], &from, &budget, a))
			continue;
		/* The next ACK goes on here. */
		blocks[i].end = from;
		n = seq_lt(blocks[i].start, from) ? i + 1 : i;
	}
	t->n_sack_prev = (uint8_t)n;
	for (unsigned int i = 0; i < t->n_sack_prev; i++)
		t->sack_prev[i] = blocks[i];
}

/* --- one acknowledgement --------------------------------------------------------------------- */

static void rto_restart(struct tcp *t)
{
	if (t->srtt_us == 0)
		return;
	t->rto_ms = tcp_rto_ms(t);
	if (tcp_timer_on(t, TCPD_RTO) &&
	    (int32_t)(t->deadline_ms[TCPD_RTO] - t->st->now_ms - t->rto_ms) > 0)
		tcp_timer_set(t, TCPD_RTO, t->rto_ms);
}

/* RFC 9293's test by SND.WL1 and SND.WL2, but who acknowledges more says something newer, whatever its
 * number is: data sent again has an old number and the window of now. To keep the window of before would
 * move the right edge by what is acknowledged, beyond all that was ever offered. */
static bool take_window(struct tcp *t, const struct tcp_rx *rx)
{
	const struct pkt *p = rx->p;
	uint32_t wnd = tcp_wnd_of(t, p);
	bool changed = wnd != t->snd_wnd;

	if (!seq_lt(t->snd_una, p->ack) && !seq_lt(t->snd_wl1, rx->seq) &&
	    !(t->snd_wl1 == rx->seq && seq_leq(t->snd_wl2, p->ack)))
		return false;
	if (t->snd_wnd == 0 && wnd > 0) {
		tcp_persist_over(t);
		/* What was held up starts its count of attempts now, at the pace of a new one. */
		t->backoff = 0;
		rto_restart(t);
	}
	t->snd_wnd = wnd;
	if (seq_lt(t->snd_wl1, rx->seq))
		t->snd_wl1 = rx->seq;
	t->snd_wl2 = p->ack;
	if (wnd > t->max_wnd)
		t->max_wnd = wnd;
	return changed;
}

/* RFC 5681 s2; an MPTCP signal on a pure ACK makes it no duplicate (RFC 8684 s3.3.4). */
static bool is_duplicate(const struct tcp *t, const struct tcp_rx *rx, const struct tcp_ack *a)
{
	if (t->use_sack)
		return a->sacked > 0;
	return rx->p->ack == a->prior_una && rx->p->payload_len == 0 && !a->wnd_update &&
	       !(rx->flags & (TCPF_SYN | TCPF_FIN)) && tcp_unacked(t) &&
	       (rx->p->mp.present & ~MP_BIT(MP_DSS)) == 0;
}

/* In slow start half of it counts (RFC 7661's concern, in the form Linux has). */
bool tcp_is_cwnd_limited(const struct tcp *t, uint32_t flight)
{
	if (t->cwnd < t->ssthresh && !t->cc->model)
		return (uint64_t)flight * 2 >= t->cwnd;
	return (uint64_t)flight + 2u * t->snd_mss > t->cwnd;
}

/* cwnd was used up when what is acknowledged now, or what left after that, was in flight. */
static bool was_limited(struct tcp *t, uint32_t flight)
{
	t->cwnd_full = t->cwnd_full && seq_lt(t->snd_una, t->cwnd_full_at);
	return t->cwnd_full || tcp_is_cwnd_limited(t, flight);
}

static void update_rtt(struct tcp *t, const struct tcp_rx *rx, struct tcp_ack *a)
{
	/* Who waited for what was sent twice had arrived before. */
	if (a->retx_acked)
		a->rtt_us = 0;
	if (a->rtt_us == 0 && a->acked > 0 && !tcp_rtt_from_ts(t, rx->p, &a->rtt_us))
		return;
	if (a->rtt_us != 0)
		tcp_rtt_sample(t, a->rtt_us);
}

/* SND.UNA has moved: a mark that no ACK reached for long must not come to lie ahead of it, which half of
 * the numbers are. */
static void keep_behind(uint32_t *mark, uint32_t una)
{
	if (seq_lt(*mark, una - 1))
		*mark = una - 1;
}

static void marks_follow(struct tcp *t)
{
	keep_behind(&t->recover, t->snd_una);
	keep_behind(&t->cwr_high, t->snd_una);
	keep_behind(&t->undo_round, t->snd_una);
	keep_behind(&t->retx_high, t->snd_una);
	keep_behind(&t->hystart.window_end, t->snd_una);
}

/* An acknowledgement older than what is known: what it says of octets beyond may still be news. */
static void take_overtaken(struct tcp *t, const struct pkt *p, struct tcp_ack *a)
{
	if (!t->use_sack || p->tcp.n_sack == 0 || !tcp_unacked(t))
		return;
	tcp_rate_check_app(t);
	a->prior_flight = tcp_flight(t);
	a->cwnd_limited = was_limited(t, a->prior_flight);
	take_sack(t, p, a);
	a->dup = a->sacked > 0;
	if (a->rtt_us != 0)
		tcp_rtt_sample(t, a->rtt_us);
	tcp_loss_on_ack(t, a);
}

void tcp_ack_in(struct tcp *t, struct tcp_rx *rx)
{
	const struct pkt *p = rx->p;
	struct tcp_ack a = {.prior_una = t->snd_una};

	t->probes = 0;
	a.has_ts = t->use_ts && p->tcp.has_ts;
	a.tsecr = p->tcp.tsecr;
	a.ece = t->use_ecn && p->flags & TCPF_ECE;
	if (seq_lt(p->ack, t->snd_una)) {
		take_overtaken(t, p, &a);
		return;
	}
	a.wnd_update = take_window(t, rx);
	if (p->ack == t->snd_una && !tcp_unacked(t) && p->tcp.n_sack == 0 && !t->tlp_out)
		return;
	tcp_rate_check_app(t);
	a.prior_flight = tcp_flight(t);
	a.cwnd_limited = was_limited(t, a.prior_flight);
	if (seq_lt(t->snd_una, p->ack))
		take_cumulative(t, p->ack, &a);
	take_dsack(t, p, &a);
	if (t->use_sack && p->tcp.n_sack > 0 && tcp_unacked(t))
		take_sack(t, p, &a);
	a.dup = is_duplicate(t, rx, &a);
	a.bare = p->ack == a.prior_una && p->payload_len == 0 && p->tcp.n_sack == 0 &&
		 !a.wnd_update && !(rx->flags & (TCPF_SYN | TCPF_FIN));
	update_rtt(t, rx, &a);
	if (t->snd_una != a.prior_una) {
		tcp_persist_over(t);
		rx->acked_new = true;
		t->progress_ms = t->st->now_ms;
		t->backoff = 0;
		tcp_timer_off(t, TCPD_RTO);
		if (tcp_unacked(t))
			tcp_timer_set(t, TCPD_RTO, t->rto_ms); /* RFC 6298 (5.3) */
		marks_follow(t);
	}
	tcp_loss_on_ack(t, &a);
	if (unlikely(t->pmtu_low))
		tcp_pmtu_plan(t);
	rx->acked = a.acked;
	rx->fin_acked = a.fin_acked;
}
