/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From the octets of an IP packet to struct pkt. Every length is compared with what is left before
 * anything behind it is read; the one loop over TCP options and the one over IPv6 options advance
 * in every turn. Runs for every packet received: no copies, one pass over the payload.
 * Worker threads; pure but for cutting off link padding.
 * Source: RFC 791 s3.1, RFC 8200 s3 and s4, RFC 9293 s3.1, RFC 7323 s2 and s3, RFC 2018 s3.
 */
#include <netinet/in.h>

#include "mptcp/wire/checksum.h"
#include "mptcp/wire/octets.h"
#include "mptcp/wire/pkt.h"

#define IP4_HDR_LEN    20
#define IP6_HDR_LEN    40
#define TCP_HDR_LEN    20
#define IP4_FRAG_MASK  0x3fff /* more fragments, or an offset */
#define IP6_OPT_PAD1   0
#define IP6_OPT_ACT    0xc0 /* what a host that does not know the option does; 0: skip it */
#define TCP_WSCALE_MAX 14

enum {
	OPT_EOL = 0,
	OPT_NOP = 1,
	OPT_MSS = 2,
	OPT_WSCALE = 3,
	OPT_SACK_PERM = 4,
	OPT_SACK = 5,
	OPT_TS = 8
};

/* NOP NOP timestamp: how nearly every segment's options begin (RFC 7323 appendix A). */
#define OPT_TS_ALIGNED     0x0101080a
#define OPT_TS_ALIGNED_LEN 12

/* Of the IP header, what the rest needs. */
struct l3 {
	const uint8_t *src, *dst;
	uint32_t total_len;
	uint16_t l4_off;
	uint8_t ecn;
	bool v4;
};

static inline __attribute__((always_inline)) enum counter parse_ip4(struct l3 *h, const uint8_t *b,
								    unsigned int n, bool verify)
{
	unsigned int hdr_len;

	if (n < IP4_HDR_LEN)
		return CTR_DROP_IP_SHORT;
	hdr_len = (b[0] & 0x0f) * 4u;
	h->total_len = get_be16(&b[2]);
	if (hdr_len < IP4_HDR_LEN || h->total_len < hdr_len)
		return CTR_DROP_IP_HDR;
	if (h->total_len > n)
		return CTR_DROP_IP_SHORT;
	if (verify && csum_fold(csum_words(b, hdr_len / 4)) != 0xffff)
		return CTR_DROP_IP_CSUM;
	if (get_be16(&b[6]) & IP4_FRAG_MASK)
		return CTR_DROP_IP_FRAG;
	if (b[9] != IPPROTO_TCP)
		return CTR_DROP_IP_PROTO;
	h->src = &b[12];
	h->dst = &b[16];
	h->l4_off = (uint16_t)hdr_len;
	h->ecn = b[1] & 3;
	h->v4 = true;
	return CTR_NONE;
}

/* Whether every option of a hop-by-hop or destination options header may be skipped. */
static bool ip6_opts_skippable(const uint8_t *b, unsigned int n)
{
	unsigned int i = 2;

	while (i < n) {
		if (b[i] == IP6_OPT_PAD1) {
			i++;
			continue;
		}
		if ((b[i] & IP6_OPT_ACT) != 0 || n - i < 2 || b[i + 1] > n - i - 2)
			return false;
		i += 2u + b[i + 1];
	}
	return true;
}

/* Step over the extension headers that may be there: hop-by-hop options first, then destination
 * options, each at most once (RFC 8200 s4.1). end: octets from b to the end of the packet. */
static enum counter skip_ip6_ext(const uint8_t *b, unsigned int end, uint8_t next,
				 unsigned int *off)
{
	bool may_hbh = true, may_dst = true;

	while (next != IPPROTO_TCP) {
		unsigned int len;

		switch (next) {
		case IPPROTO_HOPOPTS:
			if (!may_hbh)
				return CTR_DROP_IP_EXT;
			break;
		case IPPROTO_DSTOPTS:
			if (!may_dst)
				return CTR_DROP_IP_EXT;
			may_dst = false;
			break;
		case IPPROTO_FRAGMENT:
			return CTR_DROP_IP_FRAG;
		case IPPROTO_ROUTING:
		case IPPROTO_ESP:
		case IPPROTO_AH:
		case IPPROTO_MH:
		case 139: /* HIP, RFC 7401 */
		case 140: /* Shim6, RFC 5533 */
			return CTR_DROP_IP_EXT;
		default:
			return CTR_DROP_IP_PROTO;
		}
		may_hbh = false;
		if (end - *off < 8)
			return CTR_DROP_IP_SHORT;
		len = (b[*off + 1] + 1u) * 8;
		if (len > end - *off)
			return CTR_DROP_IP_SHORT;
		if (!ip6_opts_skippable(&b[*off], len))
			return CTR_DROP_IP_EXT;
		next = b[*off];
		*off += len;
	}
	return CTR_NONE;
}

static inline __attribute__((always_inline)) enum counter parse_ip6(struct l3 *h, const uint8_t *b,
								    unsigned int n)
{
	unsigned int off = IP6_HDR_LEN;

	if (n < IP6_HDR_LEN)
		return CTR_DROP_IP_SHORT;
	h->total_len = IP6_HDR_LEN + get_be16(&b[4]);
	if (h->total_len > n)
		return CTR_DROP_IP_SHORT;
	if (b[6] != IPPROTO_TCP) {
		enum counter reason = skip_ip6_ext(b, h->total_len, b[6], &off);

		if (reason != CTR_NONE)
			return reason;
	}
	h->src = &b[8];
	h->dst = &b[24];
	h->l4_off = (uint16_t)off;
	h->ecn = b[1] >> 4 & 3;
	h->v4 = false;
	return CTR_NONE;
}

static inline __attribute__((always_inline)) enum counter parse_ip(struct l3 *h, const uint8_t *b,
								   unsigned int n, bool verify)
{
	if (n == 0)
		return CTR_DROP_IP_SHORT;
	switch (b[0] >> 4) {
	case 4:
		return parse_ip4(h, b, n, verify);
	case 6:
		return parse_ip6(h, b, n);
	default:
		return CTR_DROP_IP_VERSION;
	}
}

static inline void set_key(struct flow_key *key, const struct l3 *h, const uint8_t *th)
{
	key->remote = h->v4 ? ip_addr_from_v4(h->src) : ip_addr_from_v6(h->src);
	key->local = h->v4 ? ip_addr_from_v4(h->dst) : ip_addr_from_v6(h->dst);
	key->remote_port = get_be16(&th[0]);
	key->local_port = get_be16(&th[2]);
	key->zero = 0;
}

/* One TCP option, the whole of it at o. Of two of a kind the first counts. */
static void parse_tcp_opt(struct tcp_opts *t, const uint8_t *o, unsigned int len, bool syn)
{
	switch (o[0]) {
	case OPT_MSS:
		if (syn && len == 4 && !t->has_mss) {
			t->mss = get_be16(&o[2]);
			t->has_mss = t->mss != 0;
		}
		break;
	case OPT_WSCALE:
		if (syn && len == 3 && !t->has_wscale) {
			t->has_wscale = true;
			t->wscale = o[2] > TCP_WSCALE_MAX ? TCP_WSCALE_MAX : o[2];
		}
		break;
	case OPT_SACK_PERM:
		if (syn && len == 2)
			t->has_sack_perm = true;
		break;
	case OPT_SACK:
		if (syn || t->n_sack != 0 || len < 10 || (len - 2) % 8 != 0 ||
		    (len - 2) / 8 > TCP_SACK_BLOCKS_MAX)
			break;
		t->n_sack = (uint8_t)((len - 2) / 8);
		for (unsigned int i = 0; i < t->n_sack; i++) {
			t->sack[i].start = get_be32(&o[2 + i * 8]);
			t->sack[i].end = get_be32(&o[6 + i * 8]);
		}
		break;
	case OPT_TS:
		if (len == 10 && !t->has_ts) {
			t->has_ts = true;
			t->tsval = get_be32(&o[2]);
			t->tsecr = get_be32(&o[6]);
		}
		break;
	default:
		break;
	}
}

/* Walk the option area of n octets at o. Returns false when an option runs past it or has a length
 * that does not even cover its own kind and length. */
static bool parse_opts(struct pkt *p, const uint8_t *o, unsigned int n)
{
	bool syn = p->flags & TCPF_SYN;
	bool ack = p->flags & TCPF_ACK;
	unsigned int i = 0;

	if (n >= OPT_TS_ALIGNED_LEN && get_be32(o) == OPT_TS_ALIGNED) {
		p->tcp.has_ts = true;
		p->tcp.tsval = get_be32(&o[4]);
		p->tcp.tsecr = get_be32(&o[8]);
		i = OPT_TS_ALIGNED_LEN;
	}
	while (i < n) {
		unsigned int left = n - i;
		unsigned int len;

		if (o[i] == OPT_EOL)
			break;
		if (o[i] == OPT_NOP) {
			i++;
			continue;
		}
		if (left < 2)
			return false;
		len = o[i + 1];
		if (len < 2 || len > left)
			return false;
		if (o[i] != TCPOPT_MPTCP)
			parse_tcp_opt(&p->tcp, &o[i], len, syn);
		else if (len >= 3)
			mp_opt_parse(&p->mp, &o[i], len, syn, ack);
		else
			p->mp.malformed = true;
		i += len;
	}
	return true;
}

/* Addresses and ports a segment from a peer to us can have. */
static inline enum counter check_key(const struct flow_key *key, bool v4)
{
	/* An IPv4-mapped address in an IPv6 header would pass for the IPv4 one. */
	if (!ip_addr_is_unicast(&key->remote) || (!v4 && ip_addr_is_v4(&key->remote)) ||
	    ip_addr_eq(&key->remote, &key->local))
		return CTR_DROP_IP_SRC;
	if (!ip_addr_is_unicast(&key->local) || (!v4 && ip_addr_is_v4(&key->local)))
		return CTR_DROP_IP_DST;
	if (key->remote_port == 0 || key->local_port == 0)
		return CTR_DROP_TCP_PORT;
	return CTR_NONE;
}

static inline bool flags_illegal(uint8_t flags)
{
	if (flags & TCPF_SYN)
		return flags & (TCPF_FIN | TCPF_RST);
	return (flags & (TCPF_FIN | TCPF_RST | TCPF_PSH | TCPF_ACK | TCPF_URG)) == 0;
}

/* GOOD, or NONE: verified, though the field itself is not filled in (a virtual port). */
static inline bool ip_csum_verified(uint64_t ol_flags)
{
	ol_flags &= RTE_MBUF_F_RX_IP_CKSUM_MASK;
	return ol_flags == RTE_MBUF_F_RX_IP_CKSUM_GOOD || ol_flags == RTE_MBUF_F_RX_IP_CKSUM_NONE;
}

static inline bool l4_csum_verified(uint64_t ol_flags)
{
	ol_flags &= RTE_MBUF_F_RX_L4_CKSUM_MASK;
	return ol_flags == RTE_MBUF_F_RX_L4_CKSUM_GOOD || ol_flags == RTE_MBUF_F_RX_L4_CKSUM_NONE;
}

enum counter pkt_parse(struct pkt *p, struct rte_mbuf *m)
{
	const uint8_t *b = rte_pktmbuf_mtod(m, const uint8_t *);
	unsigned int tcp_len, hdr_len;
	enum counter reason;
	const uint8_t *th;
	struct l3 h;

	if (m->nb_segs != 1)
		return CTR_DROP_ETH_SEGS;
	reason = parse_ip(&h, b, m->data_len, !ip_csum_verified(m->ol_flags));
	if (reason != CTR_NONE)
		return reason;
	tcp_len = h.total_len - h.l4_off;
	if (tcp_len < TCP_HDR_LEN)
		return CTR_DROP_TCP_SHORT;
	th = &b[h.l4_off];
	hdr_len = (th[12] >> 4) * 4u;
	if (hdr_len < TCP_HDR_LEN || hdr_len > tcp_len)
		return CTR_DROP_TCP_HDR;

	p->payload_len = (uint16_t)(tcp_len - hdr_len);
	p->payload_sum = p->payload_len > 0 ? csum_partial(&th[hdr_len], p->payload_len) : 0;
	if (!l4_csum_verified(m->ol_flags)) {
		unsigned int addr_words = h.v4 ? 1 : 4;
		uint64_t sum = csum_words(th, hdr_len / 4) + p->payload_sum;

		sum += csum_words(h.src, addr_words) + csum_words(h.dst, addr_words);
		sum += htobe16((uint16_t)tcp_len) + htobe16(IPPROTO_TCP);
		if (csum_fold(sum) != 0xffff)
			return CTR_DROP_TCP_CSUM;
	}

	set_key(&p->key, &h, th);
	reason = check_key(&p->key, h.v4);
	if (reason != CTR_NONE)
		return reason;
	p->seq = get_be32(&th[4]);
	p->ack = get_be32(&th[8]);
	p->flags = th[13];
	p->wnd = get_be16(&th[14]);
	if (flags_illegal(p->flags))
		return CTR_DROP_TCP_FLAGS;
	p->ecn = h.ecn;
	p->l4_off = h.l4_off;
	p->payload_off = (uint16_t)(h.l4_off + hdr_len);

	p->tcp.has_mss = p->tcp.has_wscale = p->tcp.has_sack_perm = p->tcp.has_ts = false;
	p->tcp.n_sack = 0;
	p->mp.present = 0;
	p->mp.malformed = p->mp.conflicting = false;
	if (!parse_opts(p, &th[TCP_HDR_LEN], hdr_len - TCP_HDR_LEN))
		return CTR_DROP_TCP_OPT;

	if (h.total_len < m->data_len)
		rte_pktmbuf_trim(m, (uint16_t)(m->data_len - h.total_len));
	return CTR_NONE;
}

enum counter pkt_peek(const struct rte_mbuf *m, struct flow_key *key, uint8_t *tcp_flags,
		      uint16_t *l4_off)
{
	const uint8_t *b = rte_pktmbuf_mtod(m, const uint8_t *);
	enum counter reason;
	struct l3 h;

	reason = parse_ip(&h, b, m->data_len, false);
	if (reason != CTR_NONE)
		return reason;
	if (h.total_len - h.l4_off < TCP_HDR_LEN)
		return CTR_DROP_TCP_SHORT;
	set_key(key, &h, &b[h.l4_off]);
	*tcp_flags = b[h.l4_off + 13];
	*l4_off = h.l4_off;
	return CTR_NONE;
}
