/* SPDX-License-Identifier: BSD-3-Clause
 *
 * MPTCP options of a subflow: what goes onto each segment, and what those received change.
 * Threads: the owning worker. Source: RFC 8684 s3.
 */
#include "crypto/ct.h"
#include "mptcp/conn/conn_internal.h"

/* --- out ---------------------------------------------------------------------------------------- */

static void build_syn(struct subflow *sf, const struct tcp_tx *tx, struct opt_buf *o)
{
	struct conn *c = sf->conn;

	if ((tx->flags & TCPF_ACK) == 0) {
		if (sf->hs == SF_HS_CAPABLE_SENT)
			capable_build_syn(sf, o);
		else if (sf->hs == SF_HS_JOIN_SENT)
			join_build_syn(sf, o);
		return;
	}
	if (sf->hs == SF_HS_CAPABLE) {
		struct mp_capable mpc = {
			.version = MPTCP_VERSION,
			.flags = MPC_FLAG_H | (c->csum ? MPC_FLAG_A : 0),
			.n_keys = 1,
			.sender_key = c->key_local,
		};
		mp_build_capable(o, &mpc);
	} else if (sf->hs == SF_HS_JOIN) {
		struct mp_join j = {
			.form = MPJ_SYNACK,
			.backup = sf->backup_local,
			.addr_id = sf->addr_id_local,
			.nonce = sf->nonce_local,
		};
		uint8_t mac[SHA256_LEN];

		mp_join_hmac(&c->hmac.ours, sf->nonce_local, sf->nonce_remote, mac);
		memcpy(j.hmac, mac, MP_HMAC_SYNACK_LEN);
		mp_build_join(o, &j);
	}
}

static void build_rst(struct subflow *sf, struct opt_buf *o)
{
	struct stack *st = sf->tcp.st;

	if (sf->rst_fastclose)
		mp_build_fastclose(o, sf->conn->key_remote);
	else if (sf->rst_fail && mp_build_fail(o, sf->fail_dsn) == 0)
		st_inc(st, CTR_MP_FAIL_TX);
	if (mp_build_tcprst(o, 0, sf->rst_reason) == 0)
		st_inc(st, CTR_MP_RST_TX);
}

static void dss_ack(const struct conn *c, struct mp_dss *d)
{
	d->flags |= DSS_FLAG_ACK | (c->ack64 ? DSS_FLAG_ACK8 : 0);
	d->data_ack = c->rcv_nxt;
}

static void build_data_dss(struct subflow *sf, const struct seg *s, struct opt_buf *o)
{
	struct conn *c = sf->conn;
	struct mp_dss d = {
		.flags = DSS_FLAG_MAP | DSS_FLAG_DSN8,
		.dsn = s->map.dsn,
		.ssn = s->map.ssn,
		.data_len = s->map.len,
		.has_csum = s->map.has_csum,
		.csum = s->map.csum,
	};

	if (s->map.len == 0)
		st_inc(sf->tcp.st, CTR_MP_INFINITE_MAP_TX);
	else
		dss_ack(c, &d);
	mp_build_dss(o, &d);
}

/* DATA_FIN alone: SSN 0, length 1 (RFC 8684 s3.3.3). */
static void dss_data_fin(const struct conn *c, struct mp_dss *d)
{
	d->flags |= DSS_FLAG_MAP | DSS_FLAG_DSN8 | DSS_FLAG_FIN;
	d->dsn = c->snd_end;
	d->ssn = 0;
	d->data_len = 1;
	d->has_csum = c->csum;
	if (c->csum)
		d->csum = rte_be_to_cpu_16((uint16_t)~mp_dss_pseudo_sum(c->snd_end, 0, 1));
}

/* ADD_ADDR, its echo or REMOVE_ADDR, one an ACK. Returns whether something was written. */
static bool build_addr_op(struct subflow *sf, struct opt_buf *o)
{
	struct conn *c = sf->conn;
	struct conn_announce *an = &c->announce;
	struct stack *st = sf->tcp.st;

	if (an->echo_pending && mp_build_add_addr(o, &an->echo) == 0) {
		an->echo_pending = false;
		st_inc(st, CTR_MP_ECHO_ADD_TX);
		return true;
	}
	if (an->pending) {
		const struct local_addr *la = &c->mp->local_addrs[an->next];
		struct mp_add_addr a = {
			.addr_id = la->id, .addr = la->addr, .port = la->port, .has_hmac = true};
		const uint8_t *octets;
		unsigned int len;

		/* 30 octets do not fit beside timestamps: announce without the port. */
		if (mp_add_addr_size(&a) > (unsigned int)(o->room - o->len))
			a.port = 0;
		octets = ip_addr_octets(&la->addr, &len);
		mp_addr_hmac(&c->hmac.ours, la->id, octets, len, a.port, a.hmac);
		if (mp_build_add_addr(o, &a) == 0) {
			an->pending = false;
			st_inc(st, CTR_MP_ADD_ADDR_TX);
			return true;
		}
	}
	if (an->rm_n > 0) {
		struct mp_remove_addr r = {.n = an->rm_n};

		memcpy(r.id, an->rm_id, an->rm_n);
		if (mp_build_remove_addr(o, &r) == 0) {
			an->rm_n = 0;
			st_inc(st, CTR_MP_RM_ADDR_TX);
			return true;
		}
	}
	return false;
}

static void build_ack(struct subflow *sf, struct opt_buf *o)
{
	struct conn *c = sf->conn;
	struct mp_dss d = {0};
	bool addr_op = build_addr_op(sf, o);

	if (sf->fail_pending && mp_build_fail(o, sf->fail_dsn) == 0) {
		sf->fail_pending = false;
		st_inc(sf->tcp.st, CTR_MP_FAIL_TX);
	}
	if (sf->prio_pending && mp_build_prio(o, sf->backup_local) == 0) {
		sf->prio_pending = false;
		st_inc(sf->tcp.st, CTR_MP_PRIO_TX);
	}
	dss_ack(c, &d);
	if (c->fin_sent && !dsn_lt(c->snd_end, c->snd_una) && !addr_op)
		dss_data_fin(c, &d);
	mp_build_dss(o, &d);
}

void subflow_build_options(struct tcp *t, const struct tcp_tx *tx, struct opt_buf *o)
{
	struct subflow *sf = subflow_of(t);
	struct conn *c = sf->conn;

	if ((tx->flags & TCPF_SYN) != 0) {
		build_syn(sf, tx, o);
		return;
	}
	if (unlikely(!c->fully_established) && c->mode == CONN_MPTCP && capable_build(sf, tx, o))
		return;
	if (tx->seg != NULL && tx->seg->len > 0 && (tx->seg->flags & SEG_MAPPED) != 0 &&
	    (c->mode == CONN_MPTCP || tx->seg->map.len == 0)) {
		build_data_dss(sf, tx->seg, o);
		return;
	}
	if ((tx->flags & TCPF_RST) != 0) {
		if (sf->hs == SF_HS_DONE || subflow_is_joining(sf))
			build_rst(sf, o);
		return;
	}
	if (sf->fail_pending && c->mode == CONN_FALLBACK && mp_build_fail(o, sf->fail_dsn) == 0) {
		sf->fail_pending = false;
		st_inc(t->st, CTR_MP_FAIL_TX);
	}
	if (unlikely(sf->hs == SF_HS_PRE_ESTABLISHED))
		join_build_ack(sf, o);
	else if (c->mode == CONN_MPTCP && sf->hs == SF_HS_DONE)
		build_ack(sf, o);
}

/* --- in ----------------------------------------------------------------------------------------- */

/* DATA_ACK and the window that is relative to it (RFC 8684 s3.3.2, s3.3.5). */
static void rx_data_ack(struct subflow *sf, const struct pkt *p)
{
	const struct mp_dss *d = &p->mp.dss;
	struct conn *c = sf->conn;
	uint64_t una, edge, max = c->snd_nxt;

	una = (d->flags & DSS_FLAG_ACK8) != 0 ? d->data_ack
					      : dsn_promote(c->snd_una, (uint32_t)d->data_ack);
	if (dsn_lt(max, una)) {
		st_inc(c->mp->st, CTR_MP_DATA_ACK_BAD);
		return;
	}
	edge = una + ((uint32_t)p->wnd << sf->tcp.snd_wscale);
	if (dsn_lt(c->snd_wnd_end, edge)) {
		c->snd_wnd_end = edge;
		if (unlikely(c->rtx_tries > 0)) { /* what was a window probe is due now */
			c->rtx_tries = 0;
			conn_rtx_arm(c);
		}
	}
	if (dsn_lt(c->snd_una, una))
		conn_data_acked(c, una);
}

static void rx_dss(struct subflow *sf, const struct pkt *p)
{
	const struct mp_dss *d = &p->mp.dss;
	struct conn *c = sf->conn;

	if (unlikely(!c->fully_established)) {
		c->fully_established = true;
		c->mp->pm->fully_established(c);
	}
	if ((d->flags & DSS_FLAG_ACK) != 0) {
		sf->blind = false;
		rx_data_ack(sf, p);
	}
	if ((d->flags & DSS_FLAG_MAP) == 0 || c->state == CONN_CLOSED || c->mode != CONN_MPTCP)
		return;
	c->ack64 = (d->flags & DSS_FLAG_DSN8) != 0;
	if (p->payload_len > 0)
		return;                                  /* goes with the segment */
	if (d->data_len > 0 && d->has_csum != c->csum) { /* not as negotiated: RFC 8684 s3.3 */
		st_inc(c->mp->st, CTR_MP_DSS_CORRUPTION_RESET);
		subflow_reset(sf, MP_RST_MPTCP);
		return;
	}
	subflow_rx_spare(sf, d);
}

static bool fastclose_ok(struct conn *c, const struct pkt *p)
{
	bool ok = ct_equal(&p->mp.fastclose_key, &c->key_local, sizeof(c->key_local));

	st_inc(c->mp->st, ok ? CTR_MP_FASTCLOSE_RX : CTR_MP_FASTCLOSE_BAD);
	return ok;
}

void subflow_rx_options(struct tcp *t, const struct pkt *p)
{
	struct subflow *sf = subflow_of(t);
	struct conn *c = sf->conn;
	uint32_t present = p->mp.present;

	if (unlikely(sf->hs == SF_HS_PRE_ESTABLISHED) && c->mode == CONN_MPTCP &&
	    c->state != CONN_CLOSED && (p->flags & TCPF_SYN) == 0)
		join_confirmed(sf);
	if (c->mode != CONN_MPTCP || sf->hs != SF_HS_DONE || c->state == CONN_CLOSED)
		return;
	if (likely((present & ~(MP_BIT(MP_CAPABLE) | MP_BIT(MP_JOIN))) != 0))
		sf->mp_seen = true;
	sf->dack_came = (present & MP_BIT(MP_DSS)) != 0 && (p->mp.dss.flags & DSS_FLAG_ACK) != 0;
	if (likely((present & MP_BIT(MP_DSS)) != 0))
		rx_dss(sf, p);
	if (likely((present & ~MP_BIT(MP_DSS)) == 0) || sf->dead || c->mode != CONN_MPTCP)
		return;
	if ((present & MP_BIT(MP_FASTCLOSE)) != 0) {
		/* RFC 8684 s3.5, option A: answered with RST on every subflow. */
		if (fastclose_ok(c, p))
			conn_end(c, CONN_END_RESET);
		return;
	}
	if ((present & MP_BIT(MP_CAPABLE)) != 0 && sf->first && !c->active &&
	    p->mp.capable.has_data_len && p->mp.capable.sender_key == c->key_remote)
		subflow_set_capable_map(sf, &p->mp.capable);
	if ((present & MP_BIT(MP_JOIN)) != 0)
		tcp_send_ack(t); /* the third packet; again, when our answer was lost */
	if ((present & MP_BIT(MP_PRIO)) != 0) {
		st_inc(c->mp->st, CTR_MP_PRIO_RX);
		sf->backup_peer = p->mp.prio_backup;
	}
	if ((present & MP_BIT(MP_ADD_ADDR)) != 0)
		c->mp->pm->add_addr_rx(c, sf, &p->mp.add_addr);
	if ((present & MP_BIT(MP_REMOVE_ADDR)) != 0)
		c->mp->pm->remove_addr_rx(c, sf, &p->mp.remove_addr);
	if ((present & MP_BIT(MP_FAIL)) != 0)
		subflow_mp_fail_rx(sf, p->mp.fail_dsn);
}

/* A RST that TCP accepted; closed() follows. */
void subflow_rx_reset(struct tcp *t, const struct pkt *p)
{
	struct subflow *sf = subflow_of(t);
	struct conn *c = sf->conn;

	if (c->mode != CONN_MPTCP || sf->hs != SF_HS_DONE || c->state == CONN_CLOSED)
		return;
	if ((p->mp.present & MP_BIT(MP_TCPRST)) != 0)
		st_inc(c->mp->st, CTR_MP_RST_RX);
	if ((p->mp.present & MP_BIT(MP_FAIL)) != 0)
		st_inc(c->mp->st, CTR_MP_FAIL_RX);
	/* The end of them all, once this one is closed: it must not answer a RST with another. */
	if ((p->mp.present & MP_BIT(MP_FASTCLOSE)) != 0)
		sf->fastclosed = fastclose_ok(c, p);
}
