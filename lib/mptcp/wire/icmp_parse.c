/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From the octets of an ICMP message to struct icmp_too_big. Every length is compared with what is left
 * before anything behind it is read. Worker threads; pure.
 * Source: RFC 792, RFC 1191 s4, RFC 4443 s2.3 and s3.2, RFC 5927 s4 and s7.
 */
#include <netinet/in.h>

#include "mptcp/wire/checksum.h"
#include "mptcp/wire/icmp.h"
#include "mptcp/wire/octets.h"

#define IP4_HDR_LEN     20
#define IP6_HDR_LEN     40
#define IP4_FRAG_MASK   0x3fff /* more fragments, or an offset */
#define IP4_OFFSET_MASK 0x1fff
#define ICMP_HDR_LEN    8
#define TCP_QUOTE_MIN   8 /* RFC 792: 64 bits of the packet's data: ports and sequence number */
#define ICMP4_UNREACH   3
#define ICMP4_NEED_FRAG 4
#define ICMP6_TOO_BIG   2

/* The message, from its type on, and the packet it quotes. */
struct message {
	const uint8_t *ip, *icmp, *quote;
	unsigned int len, quote_len;
	uint32_t mtu;
};

bool icmp_is_too_big(const struct rte_mbuf *m)
{
	const uint8_t *b = rte_pktmbuf_mtod(m, const uint8_t *);
	unsigned int off;

	if (m->data_len < IP4_HDR_LEN)
		return false;
	if (b[0] >> 4 == 4) {
		off = (b[0] & 0x0f) * 4u;
		return b[9] == IPPROTO_ICMP && off >= IP4_HDR_LEN && m->data_len >= off + 2 &&
		       b[off] == ICMP4_UNREACH && b[off + 1] == ICMP4_NEED_FRAG;
	}
	return b[0] >> 4 == 6 && m->data_len > IP6_HDR_LEN && b[6] == IPPROTO_ICMPV6 &&
	       b[IP6_HDR_LEN] == ICMP6_TOO_BIG;
}

static enum counter message4(struct message *g, const uint8_t *b, unsigned int n)
{
	unsigned int hdr_len = (b[0] & 0x0f) * 4u;
	unsigned int total = get_be16(&b[2]);

	if (hdr_len < IP4_HDR_LEN || total > n || total < hdr_len + ICMP_HDR_LEN)
		return CTR_DROP_ICMP_SHORT;
	if (csum_fold(csum_words(b, hdr_len / 4)) != 0xffff)
		return CTR_DROP_IP_CSUM;
	if (get_be16(&b[6]) & IP4_FRAG_MASK)
		return CTR_DROP_IP_FRAG;
	g->icmp = b + hdr_len;
	g->len = total - hdr_len;
	if (csum_partial(g->icmp, g->len) != 0xffff)
		return CTR_DROP_ICMP_CSUM;
	g->mtu = get_be16(&g->icmp[6]); /* 0 from routers that do not know RFC 1191 */
	return CTR_NONE;
}

static enum counter message6(struct message *g, const uint8_t *b, unsigned int n)
{
	unsigned int total = IP6_HDR_LEN + get_be16(&b[4]);
	uint64_t sum;

	if (total > n || total < IP6_HDR_LEN + ICMP_HDR_LEN)
		return CTR_DROP_ICMP_SHORT;
	g->icmp = b + IP6_HDR_LEN;
	g->len = total - IP6_HDR_LEN;
	sum = csum_words(&b[8], 8); /* both addresses */
	sum += htobe16((uint16_t)g->len) + htobe16(IPPROTO_ICMPV6) + csum_partial(g->icmp, g->len);
	if (csum_fold(sum) != 0xffff)
		return CTR_DROP_ICMP_CSUM;
	g->mtu = get_be32(&g->icmp[4]);
	return CTR_NONE;
}

/* We send TCP right behind the IP header, and no fragments but those that a router made. *size: of the
 * packet quoted. */
static enum counter quoted(struct icmp_too_big *e, const struct message *g, uint32_t *size)
{
	const uint8_t *q = g->quote, *th;
	bool v4 = g->ip[0] >> 4 == 4;
	unsigned int hdr_len;
	struct ip_addr to;

	if (g->quote_len < (v4 ? IP4_HDR_LEN : IP6_HDR_LEN))
		return CTR_DROP_ICMP_SHORT;
	hdr_len = v4 ? (q[0] & 0x0f) * 4u : IP6_HDR_LEN;
	if (q[0] >> 4 != g->ip[0] >> 4 || hdr_len < IP4_HDR_LEN)
		return CTR_DROP_ICMP_QUOTE;
	if (q[v4 ? 9 : 6] != IPPROTO_TCP || (v4 && get_be16(&q[6]) & IP4_OFFSET_MASK))
		return CTR_DROP_ICMP_QUOTE;
	if (g->quote_len < hdr_len + TCP_QUOTE_MIN)
		return CTR_DROP_ICMP_SHORT;
	th = q + hdr_len;
	e->key.local = v4 ? ip_addr_from_v4(&q[12]) : ip_addr_from_v6(&q[8]);
	e->key.remote = v4 ? ip_addr_from_v4(&q[16]) : ip_addr_from_v6(&q[24]);
	e->key.local_port = get_be16(&th[0]);
	e->key.remote_port = get_be16(&th[2]);
	e->key.zero = 0;
	e->seq = get_be32(&th[4]);
	*size = v4 ? get_be16(&q[2]) : IP6_HDR_LEN + (uint32_t)get_be16(&q[4]);
	/* Errors go to the source of what they are about. An IPv4-mapped address in an IPv6 header would
	 * pass for the IPv4 one. */
	to = v4 ? ip_addr_from_v4(&g->ip[16]) : ip_addr_from_v6(&g->ip[24]);
	if (!ip_addr_eq(&to, &e->key.local) || ip_addr_is_v4(&e->key.local) != v4 ||
	    ip_addr_is_v4(&e->key.remote) != v4)
		return CTR_DROP_ICMP_QUOTE;
	return CTR_NONE;
}

enum counter icmp_parse_too_big(struct icmp_too_big *e, const struct rte_mbuf *m)
{
	struct message g = {.ip = rte_pktmbuf_mtod(m, const uint8_t *)};
	enum counter reason;
	uint32_t size;
	bool v4;

	if (m->nb_segs != 1 || !icmp_is_too_big(m))
		return CTR_DROP_ICMP;
	v4 = g.ip[0] >> 4 == 4;
	reason = v4 ? message4(&g, g.ip, m->data_len) : message6(&g, g.ip, m->data_len);
	if (reason != CTR_NONE)
		return reason;
	g.quote = g.icmp + ICMP_HDR_LEN;
	g.quote_len = g.len - ICMP_HDR_LEN;
	reason = quoted(e, &g, &size);
	if (reason != CTR_NONE)
		return reason;
	/* RFC 8201 s4: less than 1280 is to be discarded. A packet that fits was not too big. */
	if (g.mtu < (v4 ? PMTU_MIN_V4 : PMTU_MIN_V6) || g.mtu >= size)
		return CTR_DROP_ICMP_MTU;
	e->mtu = (uint16_t)g.mtu;
	return CTR_NONE;
}
