/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Segments that came out of order: a list in order of sequence numbers, a tree to find the place of the
 * next one, and the SACK blocks that tell the peer. The tree is a treap (Seidel and Aragon, "Randomized
 * search trees", 1996): its shape follows from random numbers, so no choice of sequence numbers makes
 * a search long. Segments without a gap between them are a run, which is what a SACK block reports:
 * the first one knows the end of it (run_end) and the last one its beginning (run_start).
 * Owning worker only. Source: RFC 2018 s4.
 */
#include "mptcp/tcp/tcp_internal.h"

/* Gaps that one segment may fill: each takes a packet buffer, however small it is. */
#define PIECES_MAX 4
/* Octets that a segment of a queue longer than the configured one has to carry on average. */
#define SEG_LEAST 512

/* --- SACK blocks to report ------------------------------------------------------------------- */

/* A segment has come out of order and made [start, end) of what it touched: that block becomes the
 * first (RFC 2018 s4), and those it has swallowed go. */
static void sack_note(struct tcp *t, uint32_t start, uint32_t end)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < t->n_sacks; i++)
		if (seq_lt(t->sacks[i].start, start) || seq_lt(end, t->sacks[i].end))
			t->sacks[n++] = t->sacks[i];
	if (n == TCP_SACK_BLOCKS_MAX)
		n--;
	for (unsigned int i = n; i > 0; i--)
		t->sacks[i] = t->sacks[i - 1];
	t->sacks[0] = (struct sack_block){start, end};
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
	unsigned int n = 0;

	if (!t->use_sack || max == 0)
		return 0;
	if (tcp_has_dsack(t))
		b[n++] = t->dsack;
	for (unsigned int i = 0; i < t->n_sacks && n < max; i++)
		b[n++] = t->sacks[i];
	return n;
}

void tcp_duplicate(struct tcp *t, uint32_t start, uint32_t end)
{
	st_inc(t->st, CTR_TCP_DUP_DATA);
	if (t->use_sack && !tcp_has_dsack(t))
		t->dsack = (struct sack_block){start, end};
}

/* --- tree -------------------------------------------------------------------------------------- */

static void tree_insert(struct tcp *t, struct seg *s)
{
	struct seg **at = &t->ofo_root, **below = &s->left, **above = &s->right;
	struct seg *n;

	s->prio = csprng_u32(&t->st->rng);
	while (*at != NULL && (*at)->prio >= s->prio)
		at = seq_lt(s->seq, (*at)->seq) ? &(*at)->left : &(*at)->right;
	/* What was here is split by s. */
	for (n = *at; n != NULL;) {
		if (seq_lt(n->seq, s->seq)) {
			*below = n;
			below = &n->right;
			n = n->right;
		} else {
			*above = n;
			above = &n->left;
			n = n->left;
		}
	}
	*below = *above = NULL;
	*at = s;
}

/* The first one leaves. */
static void tree_pop(struct tcp *t)
{
	struct seg **at = &t->ofo_root;
	struct seg *s;

	while ((*at)->left != NULL)
		at = &(*at)->left;
	s = *at;
	*at = s->right;
	s->left = s->right = NULL;
	s->prio = 0;
}

/* The last one that begins at or before seq, or NULL. */
static struct seg *tree_floor(const struct tcp *t, uint32_t seq)
{
	struct seg *n = t->ofo_root, *found = NULL;

	while (n != NULL) {
		if (seq_leq(n->seq, seq)) {
			found = n;
			n = n->right;
		} else {
			n = n->left;
		}
	}
	return found;
}

/* --- queue ------------------------------------------------------------------------------------- */

static struct seg *ofo_pop(struct tcp *t)
{
	struct seg *s = t->ofo.head;

	tree_pop(t);
	/* The next one is the first of what remains of the run. */
	if (s->next != NULL && s->next->seq == s->seq + s->len)
		s->next->run_end = s->run_end;
	s->dsn = 0;
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

void tcp_ofo_drain(struct tcp *t)
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
		tcp_deliver(t, s);
	}
	sack_forget(t);
}

/* s is in the list: join the runs on both sides, if it touches them. */
static void run_join(struct tcp *t, struct seg *s)
{
	uint32_t start = s->seq, end = s->seq + s->len;
	struct seg *first = s, *last = s;

	if (s->prev != NULL && s->prev->seq + s->prev->len == start) {
		start = s->prev->run_start;
		first = s->prev->prev != NULL ? tree_floor(t, start) : s->prev;
	}
	if (s->next != NULL && s->next->seq == end) {
		end = s->next->run_end;
		last = tree_floor(t, end - 1);
	}
	first->run_end = end;
	last->run_start = start;
	sack_note(t, start, end);
}

/* s, of which the queue has nothing, in front of next. */
static void put(struct tcp *t, struct seg *next, struct seg *s)
{
	seg_hold(t->st, s);
	segq_insert_before(&t->ofo, next, s);
	tree_insert(t, s);
	run_join(t, s);
	st_inc(t->st, CTR_TCP_OFO_QUEUE);
}

/* The window bounds the octets; segments that carry few of them are bounded by their number. */
static bool is_full(const struct tcp *t)
{
	uint32_t most = RTE_MAX(t->st->cfg->ofo_segs_max, t->rcv_wnd_max / SEG_LEAST);

	return t->ofo.n >= RTE_MIN(most, t->st->seg_share);
}

/* Octets of the queue have come again: the block that they are part of is told next to them. */
static void duplicate_ofo(struct tcp *t, uint32_t start, uint32_t end)
{
	tcp_duplicate(t, start, end);
	for (unsigned int i = 0; i < t->n_sacks; i++) {
		const struct sack_block b = t->sacks[i];

		if (seq_leq(b.start, start) && seq_leq(end, b.end)) {
			sack_note(t, b.start, b.end);
			break;
		}
	}
}

/* Of octets that are there twice the first ones stay: what lies between them goes in piece by piece. */
enum counter tcp_ofo_queue(struct tcp *t, struct seg *s)
{
	struct seg *prev = t->ofo.tail, *next, *rest;
	unsigned int n = 0;

	if (prev != NULL && seq_lt(s->seq, prev->seq))
		prev = tree_floor(t, s->seq);
	for (; s != NULL; s = rest, prev = next) {
		uint32_t gap;

		rest = NULL;
		next = prev != NULL ? prev->next : t->ofo.head;
		if (prev != NULL && seq_lt(s->seq, prev->seq + prev->len)) {
			uint32_t old = prev->seq + prev->len - s->seq;

			if (old >= s->len)
				break;
			duplicate_ofo(t, s->seq, s->seq + old);
			seg_trim_front(s, (uint16_t)old);
		}
		if (is_full(t) || n == PIECES_MAX) {
			seg_drop(s);
			return n > 0 ? CTR_NONE : CTR_DROP_TCP_OFO_LIMIT;
		}
		gap = next != NULL ? next->seq - s->seq : s->len;
		if (gap < s->len) {
			/* next is in the way. Without an mbuf what lies behind it comes again. */
			uint32_t over = RTE_MIN(s->len - gap, (uint32_t)next->len);

			duplicate_ofo(t, next->seq, next->seq + over);
			if (s->len - gap > next->len)
				rest = seg_split(t->st, s, (uint16_t)(gap + next->len));
			seg_trim_tail(s, (uint16_t)(s->len - gap));
		}
		if (s->len > 0) {
			put(t, next, s);
			n++;
		} else {
			seg_drop(s);
		}
	}
	if (s != NULL) {
		duplicate_ofo(t, s->seq, s->seq + s->len);
		seg_drop(s);
	}
	return n > 0 ? CTR_NONE : CTR_DROP_TCP_DUP;
}
