/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The connection layer of one worker: its pools and tables, the way of a packet to its subflow, and
 * the end of what died. Threads: the owning worker.
 */
#include "mptcp/conn/conn_internal.h"

/* Joins with a valid token, a second and at once: each costs a subflow until it is proven. */
#define JOIN_RATE  10000
#define JOIN_BURST 1000

/* TIME_WAITs ended early, a pass. */
#define RECYCLE_MAX 64

/* Connections that mptcp_relieve() looks at, a call. */
#define RELIEVE_SLOTS 256

/* Between the sequence numbers of two connections on a 4-tuple: more than one window of 64 KiB. */
#define ISS_GAP 65537

#define ALIGN64(n) (((n) + 63u) & ~(size_t)63u)

size_t mptcp_memory(uint32_t conns, uint32_t subflows)
{
	return ALIGN64(pool_memory(conns, sizeof(struct conn))) +
	       ALIGN64(pool_memory(subflows, sizeof(struct subflow))) +
	       ALIGN64(flow_table_memory(subflows)) + ALIGN64(flow_table_memory(conns));
}

void mptcp_init(struct mptcp *mp, struct stack *st, const struct mptcp_ops *ops,
		const struct pm_ops *pm, void *mem, uint32_t conns, uint32_t subflows)
{
	uint8_t *p = mem;

	mp->st = st;
	mp->ops = ops;
	mp->pm = pm;
	pool_init(&mp->conns, p, conns, sizeof(struct conn));
	p += ALIGN64(pool_memory(conns, sizeof(struct conn)));
	pool_init(&mp->subflows, p, subflows, sizeof(struct subflow));
	p += ALIGN64(pool_memory(subflows, sizeof(struct subflow)));
	flow_table_init(&mp->flows, p, subflows);
	p += ALIGN64(flow_table_memory(subflows));
	flow_table_init(&mp->tokens, p, conns);
	mp->next_conn_id = 1;
	if (mp->half_open_max == 0)
		mp->half_open_max = subflows / 4 + 1;
	mp->join_limit = (struct rate_limit){.per_ms_x1000 = JOIN_RATE,
					     .burst = JOIN_BURST,
					     .tokens_x1000 = JOIN_BURST * 1000,
					     .last_ms = st->now_ms};
	token_refill(mp, MP_KEY_POOL * 2u * st->n_workers);
}

void mptcp_idle(struct mptcp *mp)
{
	token_refill(mp, 4);
}

uint64_t flow_hash(const struct stack *st, const struct flow_key *key)
{
	return siphash(&st->secrets->flow, key, sizeof(*key));
}

static bool flow_key_match(const void *ctx, uint32_t index, const void *key)
{
	const struct mptcp *mp = ctx;
	const struct subflow *sf = pool_at(&mp->subflows, index);

	return flow_key_eq(&sf->tcp.key, key);
}

struct subflow *flow_find(struct mptcp *mp, const struct flow_key *key)
{
	int64_t i = flow_table_find(&mp->flows, flow_hash(mp->st, key), flow_key_match, mp, key);

	return i < 0 ? NULL : pool_at(&mp->subflows, (uint32_t)i);
}

int flow_insert(struct mptcp *mp, struct subflow *sf)
{
	int rc = flow_table_insert(&mp->flows, flow_hash(mp->st, &sf->tcp.key),
				   pool_index(&mp->subflows, sf));

	if (rc == 0)
		st_inc(mp->st, CTR_CUR_FLOWS);
	return rc;
}

void flow_remove(struct mptcp *mp, struct subflow *sf)
{
	if (flow_table_remove(&mp->flows, flow_hash(mp->st, &sf->tcp.key),
			      pool_index(&mp->subflows, sf)) == 0)
		st_dec(mp->st, CTR_CUR_FLOWS);
}

bool mptcp_knows(struct mptcp *mp, const struct flow_key *key)
{
	return flow_find(mp, key) != NULL;
}

/* Answer p with RST; mp_reason >= 0 adds MP_TCPRST (RFC 8684 s3.6). */
void mptcp_reset(struct mptcp *mp, const struct pkt *p, int mp_reason)
{
	struct opt_buf o = {.room = TCP_OPTIONS_MAX};
	uint16_t mtu;
	struct nexthop *nh;

	if ((p->flags & TCPF_RST) != 0)
		return;
	nh = mp->st->ops->route(mp->st, &p->key.local, &p->key.remote, &mtu);
	if (nh == NULL)
		return;
	if (mp_reason >= 0 && mp_build_tcprst(&o, 0, (uint8_t)mp_reason) == 0)
		st_inc(mp->st, CTR_MP_RST_TX);
	tcp_reset_unknown(mp->st, p, nh, o.len > 0 ? &o : NULL);
}

/* sf is in TIME_WAIT and the SYN p would open its 4-tuple anew: whether our sequence numbers can begin
 * beyond those of before (RFC 9293 s3.6.1); mptcp_iss() then does. That of a join says who owns it and
 * cannot move: timestamps must tell old from new. */
static bool iss_beyond(struct mptcp *mp, const struct subflow *sf, const struct pkt *p)
{
	if ((p->mp.present & MP_BIT(MP_JOIN)) != 0)
		return sf->tcp.use_ts && p->tcp.has_ts;
	mp->has_iss_floor = true;
	mp->iss_floor = sf->tcp.snd_max + ISS_GAP;
	return true;
}

uint32_t mptcp_iss(const struct mptcp *mp, const struct flow_key *key)
{
	uint32_t iss = tcp_isn(mp->st, key);

	return mp->has_iss_floor && seq_lt(iss, mp->iss_floor) ? mp->iss_floor : iss;
}

void mptcp_input(struct mptcp *mp, struct rte_mbuf *m, const struct pkt *p)
{
	struct subflow *sf = flow_find(mp, &p->key);
	enum counter drop;

	if (unlikely(p->mp.malformed))
		st_inc(mp->st, CTR_MP_OPT_MALFORMED);
	if (unlikely(p->mp.conflicting))
		st_inc(mp->st, CTR_MP_OPT_CONFLICT);

	if (sf != NULL && unlikely(sf->tcp.state == TCPS_TIME_WAIT) &&
	    (p->flags & (TCPF_SYN | TCPF_ACK | TCPF_RST)) == TCPF_SYN &&
	    tcp_time_wait_reusable(&sf->tcp, p) && iss_beyond(mp, sf, p)) {
		tcp_abort(&sf->tcp);
		sf = NULL;
	}
	if (likely(sf != NULL)) {
		drop = tcp_input(&sf->tcp, m, p);
		if (drop != CTR_NONE)
			st_inc(mp->st, drop);
		return;
	}
	switch (p->flags & (TCPF_SYN | TCPF_ACK | TCPF_RST)) {
	case TCPF_SYN:
		mptcp_syn(mp, p);
		mp->has_iss_floor = false;
		rte_pktmbuf_free(m);
		break;
	case TCPF_ACK:
		mptcp_stray_ack(mp, m, p);
		break;
	case 0:
		if (mp->ops->listen(mp, &p->key.local, p->key.local_port) != NULL &&
		    !mp->draining) {
			/* RFC 9293 s3.10.7.2 (fourth): dropped, only CLOSED answers it */
			st_inc(mp->st, CTR_DROP_TCP_NO_ACK);
			rte_pktmbuf_free(m);
			break;
		}
		/* fall through */
	default:
		st_inc(mp->st, CTR_DROP_NO_LISTENER);
		mptcp_reset(mp, p, -1);
		rte_pktmbuf_free(m);
	}
}

enum counter mptcp_too_big(struct mptcp *mp, const struct icmp_too_big *e)
{
	struct subflow *sf = flow_find(mp, &e->key);

	return sf != NULL ? tcp_too_big(&sf->tcp, e->seq, e->mtu) : CTR_DROP_ICMP_NO_CONN;
}

bool mptcp_free_flow(struct mptcp *mp, const struct flow_key *key)
{
	struct subflow *sf = flow_find(mp, key);

	if (sf == NULL)
		return true;
	if (!tcp_time_wait_takeover(&sf->tcp))
		return false;
	st_inc(mp->st, CTR_TCP_TW_RECYCLED);
	tcp_abort(&sf->tcp);
	return true;
}

/* Packet buffers that c holds. */
static uint32_t conn_held(const struct conn *c)
{
	const struct subflow *sf;
	uint32_t n = conn_snd_queued(c).segs + c->ofo.n;

	CONN_FOREACH_SUBFLOW (sf, c)
		n += sf->pending.n + sf->tcp.ofo.n + (sf->stale ? sf->tcp.sndq.n : 0);
	return n;
}

void mptcp_relieve(struct mptcp *mp)
{
	struct conn *c;

	for (unsigned int i = 0; i < RELIEVE_SLOTS; i++) {
		c = mptcp_conn_at(mp, mp->relieve_at);
		if (c != NULL && conn_held(c) > mp->relieve_held) {
			mp->relieve_held = conn_held(c);
			mp->relieve_worst = mp->relieve_at;
			mp->relieve_id = c->id;
		}
		if (++mp->relieve_at < mp->conns.n)
			continue;
		c = mptcp_conn_at(mp, mp->relieve_worst);
		if (mp->relieve_held > 0 && c != NULL && c->id == mp->relieve_id) {
			st_inc(mp->st, CTR_TCP_ABORT_MEMORY);
			conn_abort(c);
		}
		mp->relieve_at = mp->relieve_held = 0;
		return;
	}
}

/* A pool below an eighth; below a sixteenth SYNs get cookies. */
static bool pools_short(const struct mptcp *mp)
{
	return mp->conns.n_free < mp->conns.n / 8 + 1 ||
	       mp->subflows.n_free < mp->subflows.n / 8 + 1;
}

static void reap_dead(struct mptcp *mp)
{
	while (mp->dead_subflows != NULL) {
		struct subflow *sf = mp->dead_subflows;

		mp->dead_subflows = sf->next;
		pool_put(&mp->subflows, sf);
		st_dec(mp->st, CTR_CUR_SUBFLOWS);
	}
	while (mp->dead_conns != NULL) {
		struct conn *c = mp->dead_conns;

		mp->dead_conns = c->next_dead;
		pool_put(&mp->conns, c);
		st_dec(mp->st, CTR_CUR_CONNS);
	}
}

void mptcp_reap(struct mptcp *mp)
{
	reap_dead(mp);
	for (unsigned int i = 0; unlikely(pools_short(mp)) && i < RECYCLE_MAX; i++) {
		if (!tcp_time_wait_recycle(mp->st))
			break;
		reap_dead(mp);
	}
}
