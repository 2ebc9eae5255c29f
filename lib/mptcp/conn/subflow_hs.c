/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Handshakes of the server role: MP_CAPABLE and MP_JOIN, from state and from SYN cookies. Nothing
 * but the SYN/ACK is sent, and no data accepted, before the third packet has proven its sender.
 * Threads: the owning worker. Source: RFC 8684 s3.1, s3.2; RFC 6181 s5.
 */
#include "crypto/ct.h"
#include "mptcp/conn/conn_internal.h"

/* Timeouts in a row after which a path gives its place to a new one. */
#define DEAD_BACKOFF 3

/* --- sequence numbers of joins ---------------------------------------------------------------- */

static uint8_t join_mask(const struct stack *st, const struct flow_key *key)
{
	return (uint8_t)siphash(&st->secrets->join, key, sizeof(*key));
}

/* The first octet of the ISN names the owner, masked by a keyed hash of the 4-tuple: any worker
 * that gets the third packet, which has no token, can tell whose it is. */
uint32_t mptcp_join_iss(const struct stack *st, const struct flow_key *key)
{
	uint8_t top = (uint8_t)(st->worker ^ join_mask(st, key));

	return (tcp_isn(st, key) & 0x00ffffff) | (uint32_t)top << 24;
}

uint16_t mptcp_join_ack_owner(const struct stack *st, const struct flow_key *key, uint32_t ack)
{
	uint8_t owner = (uint8_t)((ack - 1) >> 24) ^ join_mask(st, key);

	return owner % st->n_workers;
}

/* --- SYN ---------------------------------------------------------------------------------------- */

/* Whether the MP_CAPABLE of a SYN asks for what we speak (RFC 8684 s3.1). */
static bool capable_acceptable(const struct conn_params *params, const struct pkt *p)
{
	const struct mp_capable *mpc = &p->mp.capable;

	return params->mptcp && (p->mp.present & MP_BIT(MP_CAPABLE)) != 0 && mpc->n_keys == 0 &&
	       mpc->version >= MPTCP_VERSION && (mpc->flags & MPC_FLAG_B) == 0 &&
	       (mpc->flags & MPC_FLAG_H) != 0;
}

static bool half_open_full(const struct mptcp *mp)
{
	return mp->st->ctrs[CTR_CUR_HALF_OPEN] >= mp->half_open_max ||
	       mp->conns.n_free < mp->conns.n / 16 + 1 ||
	       mp->subflows.n_free < mp->subflows.n / 16 + 1;
}

static void syn_cookie(struct mptcp *mp, const struct conn_params *params, const struct pkt *p,
		       struct nexthop *nh, uint16_t mtu)
{
	struct opt_buf o = {.room = TCP_OPTIONS_MAX};
	bool v4 = ip_addr_is_v4(&p->key.local);

	if (capable_acceptable(params, p)) {
		struct mp_capable mpc = {
			.version = MPTCP_VERSION,
			.flags = MPC_FLAG_H | (params->checksum ? MPC_FLAG_A : 0),
			.n_keys = 1,
			.sender_key = mp_cookie_key(mp->st, &p->key, p->seq),
		};
		mp_build_capable(&o, &mpc);
	}
	syn_cookie_reply(mp->st, p, nh, (uint16_t)(mtu - (v4 ? 40 : 60)), CONN_OPENING_WND,
			 o.len > 0 ? &o : NULL);
}

/* A SYN for a listener: state for it, or a cookie when memory is short. */
static void syn_new(struct mptcp *mp, const struct conn_params *params, const struct pkt *p)
{
	struct stack *st = mp->st;
	struct subflow *sf;
	struct nexthop *nh;
	struct conn *c;
	uint16_t mtu;

	nh = st->ops->route(st, &p->key.local, &p->key.remote, &mtu);
	if (nh == NULL) {
		st_inc(st, CTR_DROP_NO_ROUTE);
		return;
	}
	if (unlikely(st->mem_out) || half_open_full(mp)) {
		syn_cookie(mp, params, p, nh, mtu);
		return;
	}
	c = conn_new(mp, params);
	if (c == NULL) {
		syn_cookie(mp, params, p, nh, mtu);
		return;
	}
	sf = subflow_new(c, &p->key);
	if (sf == NULL) {
		conn_end(c, CONN_END_ABORT);
		syn_cookie(mp, params, p, nh, mtu);
		return;
	}
	sf->first = true;
	if (capable_acceptable(params, p)) {
		st_inc(st, CTR_MPCAPABLE_SYN_RX);
		if (token_take_key(mp, c)) {
			c->csum = params->checksum || (p->mp.capable.flags & MPC_FLAG_A) != 0;
			subflow_set_hs(sf, SF_HS_CAPABLE);
		}
	}
	if (tcp_accept(&sf->tcp, st, &subflow_tcp_ops, p, nh, mtu, mptcp_iss(mp, &p->key)) != 0) {
		subflow_discard(sf);
		conn_end(c, CONN_END_ABORT);
		st_inc(st, CTR_DROP_NO_MBUF);
	}
}

/* --- MP_JOIN ------------------------------------------------------------------------------------ */

unsigned int proven_subflows(const struct conn *c)
{
	const struct subflow *sf;
	unsigned int n = 0;

	CONN_FOREACH_SUBFLOW (sf, c)
		n += !subflow_is_joining(sf);
	return n;
}

/* The one that does not answer for the longest time, or NULL: each does. */
static struct subflow *worst_subflow(const struct conn *c)
{
	struct subflow *sf, *worst = NULL;

	CONN_FOREACH_SUBFLOW (sf, c) {
		if (sf->hs == SF_HS_DONE && sf->tcp.backoff >= DEAD_BACKOFF &&
		    (worst == NULL || worst->tcp.backoff < sf->tcp.backoff))
			worst = sf;
	}
	return worst;
}

/* Why a join of c is refused, or -1. */
static int join_refused(const struct conn *c)
{
	if (c->mode != CONN_MPTCP || c->state == CONN_OPENING || c->state == CONN_TIME_WAIT ||
	    c->state == CONN_CLOSED)
		return MP_RST_MPTCP;
	/* A join may begin when a DSS has come through (RFC 8684 s3.1): ours, to the peer. To wait
	 * for one of the peer would refuse the joins of a client that has nothing to say yet. */
	if (proven_subflows(c) >= c->params->subflows_max && worst_subflow(c) == NULL)
		return MP_RST_PROHIBITED;
	return -1;
}

/* Our address ID for the address a join came to: as announced, or 0 for that of the first one. */
static const struct local_addr *local_addr_find(const struct mptcp *mp, const struct ip_addr *a)
{
	for (unsigned int i = 0; i < mp->n_local_addrs; i++) {
		if (ip_addr_eq(&mp->local_addrs[i].addr, a))
			return &mp->local_addrs[i];
	}
	return NULL;
}

static void syn_join(struct mptcp *mp, const struct pkt *p)
{
	const struct mp_join *j = &p->mp.join;
	struct conn *c = token_find(mp, j->token);
	const struct local_addr *la;
	struct stack *st = mp->st;
	struct subflow *sf;
	struct nexthop *nh;
	uint16_t mtu;
	int reason;

	st_inc(st, CTR_MPJOIN_SYN_RX);
	if (j->backup)
		st_inc(st, CTR_MPJOIN_SYN_BACKUP_RX);
	if (c == NULL) {
		st_inc(st, CTR_MPJOIN_NO_TOKEN);
		mptcp_reset(mp, p, MP_RST_MPTCP);
		return;
	}
	reason = join_refused(c);
	if (reason >= 0) {
		st_inc(st, CTR_MPJOIN_REJECTED);
		mptcp_reset(mp, p, reason);
		return;
	}
	/* Who saw a token can begin joins, and not more: they may not use up the connection's. */
	if (c->n_subflows - proven_subflows(c) >= CONN_JOINS_MAX ||
	    !rate_limit_ok(&mp->join_limit, st->now_ms)) {
		st_inc(st, CTR_DROP_JOIN_LIMIT);
		return;
	}
	nh = st->ops->route(st, &p->key.local, &p->key.remote, &mtu);
	sf = nh == NULL ? NULL : subflow_new(c, &p->key);
	if (sf == NULL) {
		st_inc(st, nh == NULL ? CTR_DROP_NO_ROUTE : CTR_DROP_NO_CONN);
		if (nh != NULL)
			mptcp_reset(mp, p, MP_RST_RESOURCES);
		return;
	}
	subflow_set_hs(sf, SF_HS_JOIN);
	la = local_addr_find(mp, &p->key.local);
	sf->addr_id_local = la != NULL ? la->id : 0;
	sf->backup_local = la != NULL && la->backup;
	sf->addr_id_remote = j->addr_id;
	sf->backup_peer = j->backup;
	sf->nonce_remote = j->nonce;
	sf->nonce_local = csprng_u32(&st->rng);
	if (tcp_accept(&sf->tcp, st, &subflow_tcp_ops, p, nh, mtu, mptcp_join_iss(st, &p->key))) {
		subflow_discard(sf);
		st_inc(st, CTR_DROP_NO_MBUF);
	}
}

/* A SYN that belongs to no flow. */
void mptcp_syn(struct mptcp *mp, const struct pkt *p)
{
	const struct conn_params *params;

	/* The token decides, not the port (RFC 8684 s3.2). With MP_CAPABLE beside it the parser
	 * has kept the first of the two only. */
	if ((p->mp.present & MP_BIT(MP_JOIN)) != 0 && p->mp.join.form == MPJ_SYN) {
		syn_join(mp, p);
		return;
	}
	params = mp->ops->listen(mp, &p->key.local, p->key.local_port);
	if (params == NULL || mp->draining) {
		st_inc(mp->st, CTR_DROP_NO_LISTENER);
		mptcp_reset(mp, p, -1);
		return;
	}
	syn_new(mp, params, p);
}

/* --- an ACK that belongs to no flow: a cookie's third packet, or a stray ------------------------- */

static bool cookie_conn(struct mptcp *mp, const struct conn_params *params,
			const struct syn_cookie *ck, struct rte_mbuf *m, const struct pkt *p)
{
	const struct mp_capable *mpc = &p->mp.capable;
	struct stack *st = mp->st;
	struct subflow *sf;
	struct nexthop *nh;
	enum counter drop;
	struct conn *c;
	uint16_t mtu;

	nh = st->ops->route(st, &p->key.local, &p->key.remote, &mtu);
	if (nh == NULL)
		return false;
	c = conn_new(mp, params);
	if (c == NULL)
		return false;
	sf = subflow_new(c, &p->key);
	if (sf == NULL) {
		conn_end(c, CONN_END_ABORT);
		return false;
	}
	sf->first = true;
	if (params->mptcp && (p->mp.present & MP_BIT(MP_CAPABLE)) != 0 && mpc->n_keys == 2 &&
	    mpc->receiver_key == mp_cookie_key(st, &p->key, ck->irs) &&
	    token_insert(mp, c, mpc->receiver_key)) {
		c->csum = params->checksum || (mpc->flags & MPC_FLAG_A) != 0;
		subflow_set_hs(sf, SF_HS_CAPABLE);
		/* The token was not chosen for this worker: it came here by steering. */
		if (st->n_workers > 1 && mp->ops->steer_add(mp, &p->key) != 0) {
			subflow_discard(sf);
			conn_end(c, CONN_END_ABORT);
			return false;
		}
	}
	tcp_accept_cookie(&sf->tcp, st, &subflow_tcp_ops, p, ck, nh, mtu);
	c->rcv_adv = c->rcv_nxt + UINT16_MAX; /* at most this was offered in the SYN/ACK */
	drop = tcp_input(&sf->tcp, m, p);
	if (drop != CTR_NONE)
		st_inc(st, drop);
	return true;
}

void mptcp_stray_ack(struct mptcp *mp, struct rte_mbuf *m, const struct pkt *p)
{
	const struct conn_params *params = mp->ops->listen(mp, &p->key.local, p->key.local_port);
	struct syn_cookie ck;

	if (params != NULL && !mp->draining && syn_cookie_check(mp->st, p, &ck)) {
		st_inc(mp->st, CTR_SYN_COOKIES_RECV);
		if (cookie_conn(mp, params, &ck, m, p))
			return;
		st_inc(mp->st, CTR_DROP_NO_CONN);
	} else {
		if (params != NULL && mp->st->ctrs[CTR_SYN_COOKIES_SENT] != 0)
			st_inc(mp->st, CTR_SYN_COOKIES_FAILED);
		st_inc(mp->st, CTR_DROP_NO_LISTENER);
	}
	mptcp_reset(mp, p, -1);
	rte_pktmbuf_free(m);
}

/* --- third packet ------------------------------------------------------------------------------- */

void capable_agreed(struct subflow *sf, const struct mp_capable *mpc)
{
	struct conn *c = sf->conn;

	c->mode = CONN_MPTCP;
	conn_count_estab(c, true);
	c->key_remote = mpc->sender_key;
	mp_key_derive(c->key_remote, &c->token_remote, &c->idsn_remote);
	mp_hmac_keys_init(&c->hmac, c->key_local, c->key_remote);
	if ((mpc->flags & MPC_FLAG_A) != 0)
		c->csum = true;
	c->peer_no_joins = (mpc->flags & MPC_FLAG_C) != 0;
	c->ack64 = true;
	subflow_set_hs(sf, SF_HS_DONE);
}

static enum tcp_verdict handshake_capable(struct subflow *sf, const struct pkt *p)
{
	const struct mp_capable *mpc = &p->mp.capable;
	struct conn *c = sf->conn;

	if ((p->mp.present & MP_BIT(MP_CAPABLE)) != 0 && mpc->n_keys == 2 &&
	    mpc->receiver_key == c->key_local && mpc->version == MPTCP_VERSION) {
		st_inc(c->mp->st, CTR_MPCAPABLE_ACK_RX);
		capable_agreed(sf, mpc);
		conn_start_sequences(c);
		if (mpc->has_data_len)
			subflow_set_capable_map(sf, mpc);
		return TCP_ACCEPT;
	}
	/* The path lets options pass: data, or a DATA_FIN, that overtook what has the keys. That comes again. */
	if ((p->mp.present & MP_BIT(MP_DSS)) != 0)
		return TCP_IGNORE;
	/* RFC 8684 s3.1: no MP_CAPABLE in the third packet: regular TCP. */
	st_inc(c->mp->st, CTR_MPCAPABLE_FALLBACK_ACK);
	token_remove(c->mp, c);
	c->csum = false;
	c->mode = CONN_FALLBACK;
	subflow_set_hs(sf, SF_HS_PLAIN);
	return TCP_ACCEPT;
}

static enum tcp_verdict handshake_join(struct subflow *sf, const struct pkt *p)
{
	struct conn *c = sf->conn;
	uint8_t mac[SHA256_LEN];

	if ((p->mp.present & MP_BIT(MP_JOIN)) == 0 || p->mp.join.form != MPJ_ACK) {
		sf->rst_reason = MP_RST_MPTCP;
		return TCP_REJECT;
	}
	mp_join_hmac(&c->hmac.theirs, sf->nonce_remote, sf->nonce_local, mac);
	if (!ct_equal(mac, p->mp.join.hmac, MP_HMAC_ACK_LEN)) {
		st_inc(c->mp->st, CTR_MPJOIN_ACK_HMAC_FAIL);
		sf->rst_reason = MP_RST_MPTCP;
		return TCP_REJECT;
	}
	if (c->mode != CONN_MPTCP || c->state == CONN_TIME_WAIT || c->state == CONN_CLOSED) {
		st_inc(c->mp->st, CTR_MPJOIN_REJECTED);
		sf->rst_reason = MP_RST_MPTCP;
		return TCP_REJECT;
	}
	if (proven_subflows(c) >= c->params->subflows_max) {
		struct subflow *worst = worst_subflow(c);

		if (worst == NULL) {
			st_inc(c->mp->st, CTR_MPJOIN_REJECTED);
			sf->rst_reason = MP_RST_PROHIBITED;
			return TCP_REJECT;
		}
		subflow_reset(worst, MP_RST_PERF);
	}
	if (c->mp->st->n_workers > 1 && c->mp->ops->steer_add(c->mp, &sf->tcp.key) != 0) {
		sf->rst_reason = MP_RST_RESOURCES;
		return TCP_REJECT;
	}
	c->joined = true;
	st_inc(c->mp->st, CTR_MPJOIN_ACK_RX);
	subflow_set_hs(sf, SF_HS_DONE);
	return TCP_ACCEPT;
}

enum tcp_verdict subflow_handshake(struct tcp *t, const struct pkt *p)
{
	struct subflow *sf = subflow_of(t);

	switch (sf->hs) {
	case SF_HS_CAPABLE:
		return handshake_capable(sf, p);
	case SF_HS_JOIN:
		return handshake_join(sf, p);
	case SF_HS_CAPABLE_SENT:
		return handshake_capable_sent(sf, p);
	case SF_HS_JOIN_SENT:
		return handshake_join_sent(sf, p);
	default:
		return TCP_ACCEPT;
	}
}

/* A path is there again. What lies on paths that do not answer need not wait for their timers. */
void join_takes_over(struct conn *c, const struct subflow *joined)
{
	struct subflow *sf;

	CONN_FOREACH_SUBFLOW (sf, c) {
		if (sf == joined || sf->hs != SF_HS_DONE || sf->tcp.backoff == 0)
			continue;
		if (!sf->stale)
			st_inc(c->mp->st, CTR_MP_SUBFLOW_STALE);
		sf->stale = true;
		conn_reinject_slot(c, sf->slot);
	}
	wheel_cancel(&c->mp->st->wheel, &c->life_timer);
	c->rtx_tries = c->dack_probes = 0;
	conn_push(c);
	conn_tell_acked(c);
	conn_rtx_arm(c);
}

/* TCP is ESTABLISHED. */
void subflow_established(struct tcp *t)
{
	struct subflow *sf = subflow_of(t);
	struct conn *c = sf->conn;

	if (sf->hs == SF_HS_PRE_ESTABLISHED) {
		join_pre_established(sf);
		return;
	}
	if (!sf->first) {
		/* The fourth ACK follows: subflow_rx_options() has the same packet next. */
		wheel_cancel(&c->mp->st->wheel, &c->life_timer);
		join_takes_over(c, sf);
		return;
	}
	c->first_key = t->key;
	conn_set_state(c, CONN_ESTABLISHED);
	if (c->mode != CONN_MPTCP) {
		if (!c->active)
			conn_start_sequences(c);
		c->fb_tx_off = c->snd_nxt - t->snd_nxt;
	}
	c->snd_wnd_end = c->snd_una + t->snd_wnd;
	if (c->active) {
		if (c->fin_queued)
			conn_set_state(c, CONN_FIN_WAIT_1);
		c->params->ops->connected(c);
		conn_push(c); /* what was queued before */
		if (c->mode == CONN_MPTCP && c->state != CONN_CLOSED)
			c->mp->pm->established(c);
		return;
	}
	if (c->params->ops->accepted(c) != 0) {
		conn_abort(c);
		return;
	}
	c->upcalls = true;
	if (c->state == CONN_CLOSED) { /* by accepted() itself */
		conn_tell_closed(c, CONN_END_ABORT);
		return;
	}
	if (c->mode == CONN_MPTCP) {
		tcp_send_ack(t);
		c->mp->pm->established(c);
	}
}
