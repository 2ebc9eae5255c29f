/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SYN cookies: a SYN/ACK whose sequence number is the connection's memory. Of its 32 bits three say
 * the MSS class, 29 are a keyed hash of the addresses, the peer's sequence number, that class and
 * the period. With timestamps, the low six bits of ours say window scale, SACK and ECN; they are not
 * covered by the hash, since the peer may only spoil its own options with them.
 * Pure but for what it sends. Source: RFC 4987 s3.6 and appendix A.
 */
#include "mptcp/tcp/tcp_internal.h"

#define PERIOD_US   UINT64_C(64000000)
#define MSS_BITS    3
#define MSS_MASK    ((1u << MSS_BITS) - 1)
#define TS_BITS     6
#define TS_MASK     ((1u << TS_BITS) - 1)
#define TS_SACK     0x10
#define TS_ECN      0x20
#define TS_WSCALE   0x0f
#define TS_NO_SCALE 0x0f /* 15 is no legal shift */
#define WSCALE_MAX  14   /* RFC 7323 s2.3 */

/* Ethernet with tunnels, with and without timestamps, both families; jumbo frames last. */
static const uint16_t mss_class[1 << MSS_BITS] = {MSS_MIN, 536, 1220, 1360, 1400, 1440, 1460, 8940};

static unsigned int class_of(const struct pkt *p)
{
	uint16_t mss = p->tcp.mss;
	unsigned int i = MSS_MASK;

	if (!p->tcp.has_mss)
		mss = ip_addr_is_v4(&p->key.local) ? MSS_DEFAULT_V4 : MSS_DEFAULT_V6;
	while (i > 0 && mss_class[i] > mss)
		i--;
	return i;
}

static uint32_t cookie_of(const struct stack *st, const struct flow_key *key, uint32_t irs,
			  uint64_t period, unsigned int class)
{
	struct {
		struct flow_key key;
		uint64_t period;
		uint32_t irs, class;
	} in = {.key = *key, .period = period, .irs = irs, .class = class};

	return (uint32_t)siphash(&st->secrets->cookie, &in, sizeof(in)) << MSS_BITS | class;
}

/* A timestamp at or before now with the low bits replaced. */
static uint32_t cookie_ts(const struct stack *st, const struct pkt *p)
{
	uint32_t now = st->now_ms + tcp_ts_offset(st, &p->key);
	uint32_t bits = p->tcp.has_wscale ? p->tcp.wscale : TS_NO_SCALE;
	uint32_t ts;

	if (p->tcp.has_sack_perm)
		bits |= TS_SACK;
	if (tcp_ecn_asked(st, p))
		bits |= TS_ECN;
	ts = (now & ~TS_MASK) | bits;
	return seq_lt(now, ts) ? ts - (TS_MASK + 1) : ts;
}

void syn_cookie_reply(struct stack *st, const struct pkt *p, struct nexthop *nh, uint16_t rcv_mss,
		      uint16_t wnd, const struct opt_buf *extra)
{
	bool ts = p->tcp.has_ts;
	struct opt_buf o = {.room = TCP_OPTIONS_MAX};
	struct tcp_hdr_out h = {
		.key = &p->key,
		.ack = p->seq + 1,
		.wnd = wnd,
		.flags = TCPF_SYN | TCPF_ACK,
		.ttl = TTL_DEFAULT,
		.opt = &o,
	};

	h.seq = cookie_of(st, &p->key, p->seq, st->now_us / PERIOD_US, class_of(p));
	tcp_put_syn_options(&o, rcv_mss, ts && p->tcp.has_sack_perm, ts, ts ? cookie_ts(st, p) : 0,
			    ts ? p->tcp.tsval : 0,
			    ts && p->tcp.has_wscale ? st->cfg->rcv_wscale : -1);
	if (extra != NULL && extra->len <= o.room - o.len) {
		memcpy(&o.b[o.len], extra->b, extra->len);
		o.len += extra->len;
	}
	if (ts && tcp_ecn_asked(st, p))
		h.flags |= TCPF_ECE;
	h.ip_id = st->ip_id++;
	if (tcp_send_bare(st, &h, nh))
		st_inc(st, CTR_SYN_COOKIES_SENT);
}

bool syn_cookie_check(const struct stack *st, const struct pkt *p, struct syn_cookie *c)
{
	uint64_t period = st->now_us / PERIOD_US;
	uint32_t iss = p->ack - 1;
	uint32_t irs = p->seq - 1;
	unsigned int class = iss & MSS_MASK;

	if ((p->flags & (TCPF_ACK | TCPF_SYN | TCPF_RST)) != TCPF_ACK)
		return false;
	if (cookie_of(st, &p->key, irs, period, class) != iss &&
	    (period == 0 || cookie_of(st, &p->key, irs, period - 1, class) != iss))
		return false;
	*c = (struct syn_cookie){.iss = iss, .irs = irs, .peer_mss = mss_class[class]};
	if (p->tcp.has_ts) {
		uint32_t bits = p->tcp.tsecr & TS_MASK;

		c->use_ts = true;
		c->use_sack = bits & TS_SACK;
		c->use_ecn = bits & TS_ECN && st->cfg->ecn != TCP_ECN_OFF;
		c->use_wscale = (bits & TS_WSCALE) <= WSCALE_MAX;
		c->snd_wscale = c->use_wscale ? (uint8_t)(bits & TS_WSCALE) : 0;
	}
	return true;
}
