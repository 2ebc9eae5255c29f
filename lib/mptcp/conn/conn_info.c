/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Copies of connections for the operator's eyes. Threads: the owning worker, between bursts.
 */
#include "mptcp/conn/conn_info.h"

static void subflow_dump(const struct subflow *sf, struct subflow_info *i)
{
	const struct tcp *t = &sf->tcp;

	*i = (struct subflow_info){
		.key = t->key,
		.tcp_state = t->state,
		.hs = sf->hs,
		.addr_id_local = sf->addr_id_local,
		.addr_id_remote = sf->addr_id_remote,
		.backup = sf->backup_peer || sf->backup_local,
		.stale = sf->stale,
		.srtt_us = t->srtt_us,
		.rttvar_us = t->rttvar_us,
		.rto_ms = t->rto_ms,
		.cwnd = t->cwnd,
		.ssthresh = t->ssthresh,
		.mss = t->snd_mss,
		.pmtu = t->pmtu,
		.unacked = t->snd_nxt - t->snd_una,
		.retrans = t->retrans,
		.snd_wnd = t->snd_wnd,
		.rcv_wnd = t->rcv_adv - t->rcv_nxt,
		.bytes_sent = t->bytes_sent,
		.bytes_received = t->bytes_received,
	};
}

static void conn_dump_one(const struct conn *c, struct conn_info *i)
{
	const struct subflow *sf;

	*i = (struct conn_info){
		.id = c->id,
		.token = c->token_local,
		.age_ms = c->mp->st->now_ms - c->created_ms,
		.state = c->state,
		.mode = c->mode,
		.active = c->active,
		.listener = c->params->listener,
		.snd_queued = c->sndq.bytes,
		.ofo_bytes = c->ofo.bytes,
		.bytes_sent = c->bytes_sent,
		.bytes_received = c->bytes_received,
	};
	CONN_FOREACH_SUBFLOW (sf, c) {
		i->bytes_sent += sf->tcp.bytes_sent;
		i->bytes_received += sf->tcp.bytes_received;
		if (i->n_subflows < CONN_SLOTS_MAX)
			subflow_dump(sf, &i->subflow[i->n_subflows++]);
	}
}

uint32_t conn_dump(struct mptcp *mp, uint32_t *cursor, uint32_t budget, struct conn_info *out,
		   uint32_t max)
{
	uint32_t n = 0;

	for (; *cursor < mp->conns.n && n < max && budget > 0; (*cursor)++, budget--) {
		const struct conn *c = mptcp_conn_at(mp, *cursor);

		if (c != NULL)
			conn_dump_one(c, &out[n++]);
	}
	return n;
}
