/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What schedulers have in common: which subflows may carry data, and what is known of them. Backup subflows
 * serve only while no other lives (RFC 8684 s3.3.8); a stale one only while all are. Threads: the owning
 * worker.
 */
#include "mptcp/conn/conn_internal.h"

#define REST_HALF_MS 500

const struct sched_ops *const scheds[SCHEDS] = {
	&sched_minrtt,   &sched_blest,     &sched_roundrobin, &sched_weighted,
	&sched_priority, &sched_redundant, &sched_ecf,
};

static bool can_send(const struct subflow *sf)
{
	return (sf->hs == SF_HS_DONE || sf->conn->mode != CONN_MPTCP) &&
	       (sf->tcp.state == TCPS_ESTABLISHED || sf->tcp.state == TCPS_CLOSE_WAIT) &&
	       !sf->tcp.fin_queued;
}

/* 0: best class. */
static unsigned int class_of(const struct subflow *sf)
{
	return (sf->stale || sf->blind ? 2u : 0u) + (sf->backup_peer || sf->backup_local ? 1u : 0u);
}

/* A smoothed RTT has the queue in it that stood before the bottleneck when it was taken. While the path
 * rests that queue drains, and nothing corrects what was measured: with time it counts less, or the
 * path would not be used again. */
uint32_t sched_rtt_us(const struct subflow *sf)
{
	const struct tcp *t = &sf->tcp;
	uint32_t idle_ms = t->st->now_ms - t->last_data_ms, in_use_ms = t->srtt_us / 1000;
	uint32_t halves;

	if (t->sndq.head != NULL || idle_ms <= in_use_ms)
		return t->srtt_us;
	halves = RTE_MIN((idle_ms - in_use_ms) / REST_HALF_MS, 31u);
	return t->min_rtt_us + ((t->srtt_us - RTE_MIN(t->srtt_us, t->min_rtt_us)) >> halves);
}

static bool has_room(const struct subflow *sf, uint32_t len)
{
	return tcp_snd_space(&sf->tcp) >= RTE_MIN(len, tcp_payload_max(&sf->tcp));
}

/* Those of the best class. */
static void look(struct sched_set *s, const struct conn *c, uint32_t len, uint8_t avoid_slot)
{
	unsigned int best_class = 4;
	struct subflow *sf;

	s->c = c;
	s->len = len;
	s->n = 0;
	CONN_FOREACH_SUBFLOW (sf, c) {
		unsigned int class = class_of(sf);

		if (!can_send(sf) || sf->slot == avoid_slot || class > best_class)
			continue;
		if (class < best_class)
			s->n = 0;
		best_class = class;
		s->path[s->n++] = (struct sched_path){.sf = sf,
						      .rtt_us = sched_rtt_us(sf),
						      .room = len == 0 || has_room(sf, len)};
	}
}

const struct sched_path *sched_fastest(const struct sched_set *s, bool room)
{
	const struct sched_path *best = NULL;

	for (unsigned int i = 0; i < s->n; i++) {
		const struct sched_path *p = &s->path[i];

		if ((p->room || !room) && (best == NULL || p->rtt_us < best->rtt_us))
			best = p;
	}
	return best;
}

struct subflow *sched_pick(const struct conn *c, uint32_t len, uint8_t avoid_slot)
{
	const struct sched_path *p;
	struct sched_set s;

	look(&s, c, len, avoid_slot);
	p = sched_fastest(&s, true);
	return p != NULL ? p->sf : NULL;
}

struct subflow *sched_pick_new(struct conn *c, uint32_t len)
{
	const struct sched_path *p;
	struct sched_set s;

	look(&s, c, len, 0);
	if (s.n > 1)
		return c->sched.ops->pick(c, &s);
	p = sched_fastest(&s, true);
	return p != NULL ? p->sf : NULL;
}

unsigned int sched_others(const struct conn *c, uint32_t len, const struct subflow *but,
			  struct subflow **to)
{
	struct sched_set s;
	unsigned int n = 0;

	look(&s, c, len, 0);
	for (unsigned int i = 0; i < s.n; i++)
		if (s.path[i].room && s.path[i].sf != but)
			to[n++] = s.path[i].sf;
	return n;
}
