/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Opening in both roles, and what strangers get. Owning worker only.
 * Source: RFC 9293 s3.10.1, s3.10.7.1, s3.10.7.2.
 */
#include <errno.h>

#include "mptcp/tcp/tcp_internal.h"

/* SYN or SYN/ACK on its way, or t as it was. */
static int open_with(struct tcp *t, enum tcp_state state)
{
	tcp_set_state(t, state);
	if (!tcp_send_syn(t)) {
		tcp_set_state(t, TCPS_CLOSED);
		return -ENOBUFS;
	}
	tcp_timer_set(t, TCPD_RTO, t->rto_ms);
	return 0;
}

int tcp_accept(struct tcp *t, struct stack *st, const struct tcp_ops *ops, const struct pkt *p,
	       struct nexthop *nh, uint16_t mtu, uint32_t iss)
{
	int rc;

	tcp_setup(t, st, ops, &p->key, nh, mtu, iss);
	tcp_apply_syn(t, p);
	rc = open_with(t, TCPS_SYN_RCVD);
	if (rc != 0)
		return rc;
	t->half_open_counted = 1;
	st_inc(st, CTR_CUR_HALF_OPEN);
	st_inc(st, CTR_TCP_PASSIVE_OPENS);
	return 0;
}

int tcp_connect(struct tcp *t, struct stack *st, const struct tcp_ops *ops,
		const struct flow_key *key, struct nexthop *nh, uint16_t mtu, uint32_t iss,
		uint16_t rcv_mss_max)
{
	int rc;

	tcp_setup(t, st, ops, key, nh, mtu, iss);
	t->active = true;
	if (rcv_mss_max != 0 && rcv_mss_max < t->rcv_mss)
		t->rcv_mss = rcv_mss_max < MSS_MIN ? MSS_MIN : rcv_mss_max;
	rc = open_with(t, TCPS_SYN_SENT);
	if (rc != 0)
		return rc;
	st_inc(st, CTR_TCP_ACTIVE_OPENS);
	return 0;
}

void tcp_accept_cookie(struct tcp *t, struct stack *st, const struct tcp_ops *ops,
		       const struct pkt *p, const struct syn_cookie *c, struct nexthop *nh,
		       uint16_t mtu)
{
	tcp_setup(t, st, ops, &p->key, nh, mtu, c->iss);
	t->irs = c->irs;
	t->rcv_nxt = c->irs + 1;
	/* What the SYN/ACK offered is not known any more; any window field is at most this. */
	t->rcv_adv = t->rcv_nxt + UINT16_MAX;
	t->last_ack_sent = t->rcv_nxt;
	tcp_set_peer_mss(t, c->peer_mss);
	t->use_sack = c->use_sack;
	t->use_ecn = c->use_ecn;
	t->use_ts = c->use_ts;
	t->use_wscale = c->use_wscale;
	t->snd_wscale = c->snd_wscale;
	if (!t->use_wscale)
		t->rcv_wscale = 0;
	if (t->use_ts)
		tcp_paws_begin(t, p->tcp.tsval);
	t->snd_wnd = t->max_wnd = p->wnd;
	t->snd_wl1 = c->irs;
	t->snd_wl2 = t->snd_una;
	tcp_set_state(t, TCPS_SYN_RCVD);
	/* Should the owner ignore p, the SYN/ACK is sent again like any other. */
	tcp_timer_set(t, TCPD_RTO, t->rto_ms);
	st_inc(st, CTR_TCP_PASSIVE_OPENS);
}

void tcp_reset_unknown(struct stack *st, const struct pkt *p, struct nexthop *nh,
		       const struct opt_buf *extra)
{
	struct tcp_hdr_out h = {
		.key = &p->key,
		.flags = TCPF_RST,
		.ttl = TTL_DEFAULT,
		.opt = extra,
	};

	if (p->flags & TCPF_RST)
		return;
	if (!rate_limit_ok(&st->rst_limit, st->now_ms)) {
		st_inc(st, CTR_TCP_RST_LIMITED);
		return;
	}
	if (p->flags & TCPF_ACK) {
		h.seq = p->ack;
	} else {
		h.flags |= TCPF_ACK;
		h.ack = p->seq + pkt_seg_len(p);
	}
	h.ip_id = st->ip_id++;
	if (tcp_send_bare(st, &h, nh))
		st_inc(st, CTR_TCP_OUT_RSTS);
}
