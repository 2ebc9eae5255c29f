/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What must hold of the connection layer. Source: RFC 8684 s3.3.
 */
#include "conn_watch.h"
#include "mptcp/conn/conn_internal.h"

#define DATA_OFO_SEGS_MAX 8192 /* as in data_rx.c */

struct sums {
	unsigned int conns, subflows, estab, half_open, time_wait;
	unsigned int segs;  /* with a holder */
	unsigned int loose; /* whose queue is the only owner */
};

static bool in_dqueue(const struct segq *q, const struct seg *what)
{
	const struct seg *s = q->head;

	while (what != NULL && s != NULL && s != what)
		s = s->dnext;
	return what == NULL || s != NULL;
}

static void check_sndq(const struct conn *c, struct sums *sum)
{
	uint32_t n = 0, bytes = 0;
	const struct seg *s, *prev = NULL;
	bool unsent = false;

	for (s = c->sndq.head; s != NULL; s = s->dnext) {
		n++;
		bytes += s->len;
		MUST(s->len > 0 && s->dprev == prev);
		MUST(s->holders == 1 || s->holders == 2);
		MUST(rte_mbuf_refcnt_read(seg_mbuf(s)) >= s->holders);
		MUST(s->holders == 1 || s->tcp != NULL);
		if (prev != NULL)
			MUST(prev->dsn + prev->len == s->dsn);
		unsent = unsent || s == c->snd_unsent;
		MUST(unsent ? s->tcp == NULL : !dsn_lt(c->snd_nxt, s->dsn + s->len));
		prev = s;
	}
	MUST(c->sndq.tail == prev && c->sndq.n == n && c->sndq.bytes == bytes);
	MUST(unsent == (c->snd_unsent != NULL));
	MUST(in_dqueue(&c->sndq, c->reinject));
	MUST(prev == NULL || prev->dsn + prev->len == c->snd_end);
	if (c->sndq.head != NULL && c->sndq.head != c->snd_unsent)
		MUST(dsn_lt(c->snd_una, c->sndq.head->dsn + c->sndq.head->len));
	if (c->state != CONN_OPENING) {
		MUST(!dsn_lt(c->snd_nxt, c->snd_una));
		MUST(!dsn_lt(c->snd_end + 1, c->snd_nxt));
	}
	sum->segs += n;
}

static void check_ofo(const struct conn *c, struct sums *sum)
{
	uint32_t n = 0, bytes = 0;
	const struct seg *s, *prev = NULL;

	for (s = c->ofo.head; s != NULL; s = s->dnext) {
		n++;
		bytes += s->len;
		MUST(s->len > 0 && s->dprev == prev && s->holders == 0);
		MUST(prev == NULL ? dsn_lt(c->rcv_nxt, s->dsn)
				  : !dsn_lt(s->dsn, prev->dsn + prev->len));
		MUST(!dsn_lt(c->rcv_adv + c->rcv_wnd_max, s->dsn + s->len));
		prev = s;
	}
	MUST(c->ofo.tail == prev && c->ofo.n == n && c->ofo.bytes == bytes);
	MUST(n <= DATA_OFO_SEGS_MAX);
	for (unsigned int i = 0; i < CONN_SLOTS_MAX; i++)
		MUST(in_dqueue(&c->ofo, c->ofo_hint[i]));
	sum->loose += n;
}

static void check_pending(const struct subflow *sf, struct sums *sum)
{
	uint32_t n = 0, bytes = 0;
	const struct seg *s, *prev = NULL;

	SEGQ_FOREACH (s, &sf->pending) {
		n++;
		bytes += s->len;
		MUST(s->len > 0 && s->prev == prev && s->holders == 0);
		MUST(prev == NULL || prev->seq + prev->len == s->seq);
		prev = s;
	}
	MUST(sf->pending.tail == prev && sf->pending.n == n && sf->pending.bytes == bytes);
	if (prev != NULL)
		MUST(prev->seq + prev->len == sf->tcp.rcv_nxt - sf->tcp.fin_rcvd);
	sum->loose += n;
}

static void check_subflow(struct mptcp *mp, const struct conn *c, struct subflow *sf,
			  struct tcp_watch *w, struct sums *sum)
{
	const struct tcp *t = &sf->tcp;
	const struct seg *s;
	unsigned int segs;

	MUST(sf->conn == c && !sf->dead && t->state != TCPS_CLOSED);
	MUST(sf->slot >= 1 && sf->slot <= CONN_SLOTS_MAX && c->slots & (1u << (sf->slot - 1)));
	MUST(flow_find(mp, &t->key) == sf);
	MUST(sf->hs < SF_HS_MAX &&
	     t->no_data == (sf->hs == SF_HS_JOIN || sf->hs == SF_HS_JOIN_SENT ||
			    sf->hs == SF_HS_PRE_ESTABLISHED));
	MUST(c->mode == CONN_MPTCP || sf->first);
	tcp_watch_step(w, t);
	check_pending(sf, sum);
	MUST(c->mode == CONN_MPTCP || sf->pending.head == NULL);
	MUST(c->state != CONN_TIME_WAIT || sf->pending.head == NULL);
	SEGQ_FOREACH (s, &t->sndq) {
		MUST(s->holders <= 2);
		sum->segs += s->holders == 1;
	}
	sum->loose += tcp_watch_wholes(t, &segs);
	sum->loose -= segs;
	sum->segs += segs;
	sum->segs += t->ofo.n;
	sum->subflows++;
	sum->half_open += t->half_open_counted;
	sum->time_wait += t->state == TCPS_TIME_WAIT;
}

static void check_conn(const struct conn *c)
{
	bool over = c->state == CONN_TIME_WAIT || c->state == CONN_CLOSED;

	MUST(c->state < CONN_STATE_MAX);
	MUST(!over || (c->sndq.head == NULL && c->ofo.head == NULL));
	MUST(!dsn_lt(c->rcv_adv + UINT32_C(0x40000000), c->rcv_nxt));
	MUST(c->mode == CONN_MPTCP || !wheel_armed(&c->rtx_timer));
	/* What is not acknowledged at data level is watched, or the connection is on its way out. */
	if (c->mode == CONN_MPTCP && !over && c->state != CONN_OPENING && c->snd_una != c->snd_nxt)
		MUST(wheel_armed(&c->rtx_timer) || wheel_armed(&c->life_timer));
	/* Without a path there is an end to the waiting. */
	if (c->subflows == NULL)
		MUST(wheel_armed(&c->life_timer));
}

unsigned int conn_watch_step(struct mptcp *mp, struct tcp_watch *watch)
{
	const uint64_t *ctrs = mp->st->ctrs;
	struct sums sum = {0};
	struct subflow *sf;

	MUST(mp->dead_conns == NULL && mp->dead_subflows == NULL);
	for (uint32_t i = 0; i < mp->conns.n; i++) {
		const struct conn *c = mptcp_conn_at(mp, i);
		uint16_t slots = 0, n = 0;

		if (c == NULL)
			continue;
		sum.conns++;
		sum.estab += c->estab_counted;
		CONN_FOREACH_SUBFLOW (sf, c) {
			check_subflow(mp, c, sf, &watch[pool_index(&mp->subflows, sf)], &sum);
			MUST(!(slots & (1u << (sf->slot - 1))));
			slots |= (uint16_t)(1u << (sf->slot - 1));
			n++;
		}
		MUST(c->slots == slots && c->n_subflows == n);
		check_sndq(c, &sum);
		check_ofo(c, &sum);
		check_conn(c);
	}
	MUST(sum.conns == pool_used(&mp->conns) && sum.conns == ctrs[CTR_CUR_CONNS]);
	MUST(sum.subflows == pool_used(&mp->subflows) && sum.subflows == ctrs[CTR_CUR_SUBFLOWS]);
	MUST(sum.subflows == mp->flows.used && sum.subflows == ctrs[CTR_CUR_FLOWS]);
	MUST(mp->tokens.used == ctrs[CTR_CUR_TOKENS] && mp->tokens.used <= sum.conns);
	MUST(sum.estab == ctrs[CTR_MP_CUR_ESTAB]);
	MUST(sum.half_open == ctrs[CTR_CUR_HALF_OPEN]);
	MUST(sum.time_wait == ctrs[CTR_CUR_TIME_WAIT]);
	MUST(sum.segs == ctrs[CTR_CUR_SEGS]);
	MUST(ctrs[CTR_TCP_BAD_STATE] == 0);
	return sum.segs + sum.loose;
}

void conn_watch_end(const struct mptcp *mp)
{
	const uint64_t *ctrs = mp->st->ctrs;

	for (unsigned int i = CTR_NONE + 1; i < CTR_MAX; i++)
		MUST(counter_desc[i].kind != CTR_KIND_GAUGE || ctrs[i] == 0);
	MUST(ctrs[CTR_TCP_BAD_STATE] == 0);
	MUST(mp->st->wheel.armed == 0 && mp->st->burst == NULL);
	MUST(mp->st->tw_oldest == NULL && mp->st->tw_newest == NULL);
	MUST(pool_used(&mp->conns) == 0 && pool_used(&mp->subflows) == 0);
	MUST(mp->flows.used == 0 && mp->tokens.used == 0);
}
