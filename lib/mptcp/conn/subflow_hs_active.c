/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Handshakes of the client role: MP_CAPABLE on the SYN of a new connection, MP_JOIN on that of a further
 * subflow. Our key goes with each packet until the peer has shown, by any DSS, that it has it; the third
 * packet of a join is sent again until it is acknowledged, and no data before.
 * Threads: the owning worker. Source: RFC 8684 s3.1, s3.2, s3.7.
 */
#include "crypto/ct.h"
#include "mptcp/conn/conn_internal.h"

/* SYNs with MP_CAPABLE before one without, when none is answered: local policy (s3.1). The user waits. */
#define CAPABLE_SYNS 1
/* Third packets of a join before it is given up. */
#define JOIN_ACKS 6

/* --- MP_CAPABLE --------------------------------------------------------------------------------- */

/* c will ask for MPTCP. Without a key that can be had, it is plain TCP. */
void capable_prepare(struct conn *c, struct subflow *sf)
{
	if (!c->params->mptcp || !token_take_key(c->mp, c))
		return;
	c->csum = c->params->checksum;
	subflow_set_hs(sf, SF_HS_CAPABLE_SENT);
}

void capable_build_syn(struct subflow *sf, struct opt_buf *o)
{
	struct mp_capable mpc = {.version = MPTCP_VERSION,
				 .flags = MPC_FLAG_H | (sf->conn->csum ? MPC_FLAG_A : 0)};

	if (mp_build_capable(o, &mpc) == 0)
		st_inc(sf->tcp.st, CTR_MPCAPABLE_SYN_TX);
}

/* Regular TCP, and nothing of MPTCP any more (s3.7). */
static void capable_refused(struct subflow *sf, enum counter why)
{
	struct conn *c = sf->conn;

	st_inc(c->mp->st, why);
	token_remove(c->mp, c);
	c->csum = false;
	c->mode = CONN_FALLBACK;
	subflow_set_hs(sf, SF_HS_PLAIN);
}

/* The SYN was not answered: something on the path may not let the option pass. */
void capable_timeout(struct subflow *sf)
{
	if (sf->hs == SF_HS_CAPABLE_SENT && sf->tcp.backoff >= CAPABLE_SYNS)
		capable_refused(sf, CTR_MPCAPABLE_SYN_TX_DROP);
}

enum tcp_verdict handshake_capable_sent(struct subflow *sf, const struct pkt *p)
{
	const struct mp_capable *mpc = &p->mp.capable;
	struct conn *c = sf->conn;

	if ((p->flags & TCPF_SYN) == 0 || sf->tcp.state != TCPS_SYN_SENT) {
		capable_refused(sf, CTR_MP_SIMULT_CONNECT_FALLBACK);
		return TCP_ACCEPT;
	}
	if ((p->mp.present & MP_BIT(MP_CAPABLE)) == 0 || mpc->n_keys != 1 ||
	    mpc->version != MPTCP_VERSION || (mpc->flags & MPC_FLAG_B) != 0 ||
	    (mpc->flags & MPC_FLAG_H) == 0) {
		capable_refused(sf, CTR_MPCAPABLE_FALLBACK_SYNACK);
		return TCP_ACCEPT;
	}
	st_inc(c->mp->st, CTR_MPCAPABLE_SYNACK_RX);
	capable_agreed(sf, mpc);
	conn_start_rx(c);
	return TCP_ACCEPT;
}

/* Whether the peer may not have our key yet, and tx is what brings it: a pure ACK, or the first octets. A
 * DATA_FIN without data before needs ACKs, too: they take turns. */
static bool brings_key(const struct subflow *sf, const struct tcp_tx *tx)
{
	struct conn *c = sf->conn;
	bool fin;

	if (!c->active || !sf->first || c->fully_established)
		return false;
	if (tx->seg != NULL && tx->seg->len > 0)
		return tx->seg->map.ssn == 1;
	if ((tx->flags & TCPF_RST) != 0 || sf->tcp.snd_max != sf->tcp.iss + 1)
		return false;
	fin = c->fin_turn;
	c->fin_turn = c->fin_sent && !fin;
	return !fin;
}

/* Both keys, and in place of a DSS the length and checksum of the first data (s3.1). */
bool capable_build(struct subflow *sf, const struct tcp_tx *tx, struct opt_buf *o)
{
	struct conn *c = sf->conn;
	struct mp_capable mpc = {
		.version = MPTCP_VERSION,
		.flags = MPC_FLAG_H | (c->csum ? MPC_FLAG_A : 0),
		.n_keys = 2,
		.sender_key = c->key_local,
		.receiver_key = c->key_remote,
	};

	if (!brings_key(sf, tx))
		return false;
	if (tx->seg != NULL && tx->seg->len > 0) {
		mpc.has_data_len = true;
		mpc.data_len = tx->seg->map.len;
		mpc.has_csum = tx->seg->map.has_csum;
		mpc.csum = tx->seg->map.csum;
	}
	return mp_build_capable(o, &mpc) == 0;
}

/* --- MP_JOIN ------------------------------------------------------------------------------------ */

int conn_join(struct conn *c, const struct flow_key *key, uint8_t id_local, uint8_t id_remote,
	      bool backup)
{
	struct mptcp *mp = c->mp;
	struct stack *st = mp->st;
	struct subflow *sf;
	struct nexthop *nh;
	uint16_t mtu;

	/* A DSS has come through (s3.1), and no end is near. */
	if (c->mode != CONN_MPTCP || !c->fully_established || c->state == CONN_OPENING ||
	    c->state == CONN_TIME_WAIT || c->state == CONN_CLOSED)
		return -ENOTCONN;
	if (c->n_subflows >= c->params->subflows_max)
		return -EDQUOT;
	if (flow_find(mp, key) != NULL)
		return -EADDRINUSE;
	nh = st->ops->route(st, &key->local, &key->remote, &mtu);
	if (nh == NULL)
		return -ENETUNREACH;
	sf = subflow_new(c, key);
	if (sf == NULL)
		return -ENOMEM;
	subflow_set_hs(sf, SF_HS_JOIN_SENT);
	sf->addr_id_local = id_local;
	sf->addr_id_remote = id_remote;
	sf->backup_local = backup;
	sf->nonce_local = csprng_u32(&st->rng);
	if (tcp_connect(&sf->tcp, st, &subflow_tcp_ops, key, nh, mtu, tcp_isn(st, key), 0) != 0) {
		subflow_discard(sf);
		return -ENOBUFS;
	}
	return 0;
}

void join_build_syn(struct subflow *sf, struct opt_buf *o)
{
	struct mp_join j = {
		.form = MPJ_SYN,
		.backup = sf->backup_local,
		.addr_id = sf->addr_id_local,
		.token = sf->conn->token_remote,
		.nonce = sf->nonce_local,
	};

	if (mp_build_join(o, &j) == 0)
		st_inc(sf->tcp.st, CTR_MPJOIN_SYN_TX);
}

void join_build_ack(struct subflow *sf, struct opt_buf *o)
{
	struct mp_join j = {.form = MPJ_ACK};
	uint8_t mac[SHA256_LEN];

	mp_join_hmac(&sf->conn->hmac.ours, sf->nonce_local, sf->nonce_remote, mac);
	memcpy(j.hmac, mac, MP_HMAC_ACK_LEN);
	mp_build_join(o, &j);
}

/* The SYN/ACK: whether it is the peer of the connection that answers. */
enum tcp_verdict handshake_join_sent(struct subflow *sf, const struct pkt *p)
{
	const struct mp_join *j = &p->mp.join;
	struct conn *c = sf->conn;
	uint8_t mac[SHA256_LEN];

	sf->rst_reason = MP_RST_MPTCP;
	if ((p->flags & TCPF_SYN) == 0 || (p->mp.present & MP_BIT(MP_JOIN)) == 0 ||
	    j->form != MPJ_SYNACK || c->mode != CONN_MPTCP) {
		st_inc(c->mp->st, CTR_MPJOIN_SYNACK_NONE);
		return TCP_REJECT;
	}
	mp_join_hmac(&c->hmac.theirs, j->nonce, sf->nonce_local, mac);
	if (!ct_equal(mac, j->hmac, MP_HMAC_SYNACK_LEN)) {
		st_inc(c->mp->st, CTR_MPJOIN_SYNACK_HMAC_FAIL);
		return TCP_REJECT;
	}
	st_inc(c->mp->st, CTR_MPJOIN_SYNACK_RX);
	if (proven_subflows(c) >= c->params->subflows_max) { /* joins of the peer were faster */
		sf->rst_reason = MP_RST_PROHIBITED;
		return TCP_REJECT;
	}
	sf->rst_reason = MP_RST_UNSPEC;
	if (j->backup)
		st_inc(c->mp->st, CTR_MPJOIN_SYNACK_BACKUP_RX);
	sf->nonce_remote = j->nonce;
	sf->backup_peer = j->backup;
	sf->addr_id_remote = j->addr_id;
	c->joined = true;
	subflow_set_hs(sf, SF_HS_PRE_ESTABLISHED);
	return TCP_ACCEPT;
}

static void join_ack_again(struct wheel_timer *w, void *ctx);

static void join_ack_arm(struct subflow *sf)
{
	struct stack *st = sf->tcp.st;

	/* A SYN that was lost has its own backoff in the RTO. */
	uint32_t rto_ms = RTE_MIN(sf->tcp.rto_ms, st->cfg->rto_initial_ms);

	wheel_arm(&st->wheel, &sf->hs_timer, st->now_ms + (rto_ms << sf->hs_tries), join_ack_again);
}

static void join_ack_again(struct wheel_timer *w, void *ctx)
{
	struct subflow *sf = RTE_PTR_SUB(w, offsetof(struct subflow, hs_timer));

	if (++sf->hs_tries >= JOIN_ACKS) {
		subflow_reset(sf, MP_RST_PERF);
		return;
	}
	tcp_send_ack(&sf->tcp);
	join_ack_arm(sf);
}

/* TCP is ESTABLISHED, and its ACK follows. */
void join_pre_established(struct subflow *sf)
{
	join_ack_arm(sf);
}

/* The fourth packet, or any after it: the peer has our HMAC. */
void join_confirmed(struct subflow *sf)
{
	wheel_cancel(&sf->tcp.st->wheel, &sf->hs_timer);
	subflow_set_hs(sf, SF_HS_DONE);
	join_takes_over(sf->conn, sf);
}
