/* SPDX-License-Identifier: BSD-3-Clause
 *
 * ICMP and ICMPv6: echo, answered in the buffer it came in; what says that a packet was too big, for the
 * worker whose connection sent it. Each within a rate limit. All other types are counted and dropped.
 * Worker threads. Source: RFC 792, RFC 1122 s3.2.2.6, RFC 4443 s4, RFC 8201.
 */
#include <netinet/in.h>
#include <string.h>

#include "mptcp/wire/checksum.h"
#include "mptcp/wire/icmp.h"
#include "mptcp/wire/octets.h"
#include "worker.h"

#define ICMP4_ECHO       8
#define ICMP4_ECHO_REPLY 0
#define ICMP6_ECHO       128
#define ICMP6_ECHO_REPLY 129
#define ICMP_HDR_LEN     8
#define IP4_HDR_LEN      20
#define IP6_HDR_LEN      40
#define ECHO_TTL         64

/* Where the ICMP message begins, or 0 when m holds no whole one; *len gets its octets. */
static unsigned int icmp_offset(struct rte_mbuf *m, bool v4, unsigned int *len)
{
	const uint8_t *b = rte_pktmbuf_mtod(m, const uint8_t *);
	unsigned int off = v4 ? (b[0] & 0x0f) * 4u : IP6_HDR_LEN;
	unsigned int total = v4 ? get_be16(&b[2]) : IP6_HDR_LEN + get_be16(&b[4]);

	if (off < IP4_HDR_LEN || total > m->data_len || total < off + ICMP_HDR_LEN)
		return 0;
	if (v4 && (get_be16(&b[6]) & 0x3fff) != 0) /* a fragment */
		return 0;
	if (v4 && csum_fold(csum_words(b, off / 4)) != 0xffff)
		return 0;
	*len = total - off;
	if (total < m->data_len)
		rte_pktmbuf_trim(m, (uint16_t)(m->data_len - total));
	return off;
}

static uint16_t icmp6_pseudo_sum(const uint8_t *ip, unsigned int len)
{
	uint64_t sum = csum_words(&ip[8], 8); /* both addresses */

	return csum_fold(sum + htobe16((uint16_t)len) + htobe16(IPPROTO_ICMPV6));
}

static bool echo4_reply(uint8_t *ip, uint8_t *icmp, unsigned int hdr_len, unsigned int len)
{
	uint8_t addr[4];
	uint16_t sum;

	if (icmp[0] != ICMP4_ECHO || icmp[1] != 0 || csum_partial(icmp, len) != 0xffff)
		return false;
	memcpy(addr, &ip[12], sizeof(addr));
	memcpy(&ip[12], &ip[16], sizeof(addr));
	memcpy(&ip[16], addr, sizeof(addr));
	ip[8] = ECHO_TTL;
	memset(&ip[10], 0, 2);
	sum = (uint16_t)~csum_fold(csum_words(ip, hdr_len / 4));
	memcpy(&ip[10], &sum, sizeof(sum));
	icmp[0] = ICMP4_ECHO_REPLY;
	memset(&icmp[2], 0, 2);
	sum = (uint16_t)~csum_partial(icmp, len);
	memcpy(&icmp[2], &sum, sizeof(sum));
	return true;
}

static bool echo6_reply(uint8_t *ip, uint8_t *icmp, unsigned int len)
{
	uint8_t addr[16];
	uint16_t pseudo = icmp6_pseudo_sum(ip, len), sum;

	if (icmp[0] != ICMP6_ECHO || icmp[1] != 0 ||
	    csum_add(pseudo, csum_partial(icmp, len)) != 0xffff)
		return false;
	memcpy(addr, &ip[8], sizeof(addr));
	memcpy(&ip[8], &ip[24], sizeof(addr));
	memcpy(&ip[24], addr, sizeof(addr));
	ip[7] = ECHO_TTL;
	icmp[0] = ICMP6_ECHO_REPLY;
	memset(&icmp[2], 0, 2);
	sum = (uint16_t)~csum_add(pseudo, csum_partial(icmp, len));
	memcpy(&icmp[2], &sum, sizeof(sum));
	return true;
}

/* moved: it has come from another worker. */
static void too_big(struct worker *w, struct rte_mbuf *m, bool moved)
{
	enum counter reason = CTR_DROP_ICMP_LIMIT;
	struct icmp_too_big e;

	if (moved || rate_limit_ok(&w->too_big_limit, w->st.now_ms))
		reason = icmp_parse_too_big(&e, m);
	if (reason == CTR_NONE) {
		if (w->st.n_workers > 1 && !steer_quoted(w, m, &e.key, moved))
			return;
		reason = mptcp_too_big(&w->mp, &e);
	}
	rte_pktmbuf_free(m);
	if (reason != CTR_NONE)
		st_inc(&w->st, reason);
}

void icmp_too_big_moved(struct worker *w, struct rte_mbuf *m)
{
	too_big(w, m, true);
}

void icmp_input(struct worker *w, struct rte_mbuf *m, bool v4)
{
	uint8_t *ip = rte_pktmbuf_mtod(m, uint8_t *);
	struct ip_addr src = v4 ? ip_addr_from_v4(&ip[12]) : ip_addr_from_v6(&ip[8]);
	struct ip_addr dst = v4 ? ip_addr_from_v4(&ip[16]) : ip_addr_from_v6(&ip[24]);
	enum counter reason = CTR_DROP_ICMP;
	unsigned int off, len = 0;
	struct nexthop *nh;
	uint16_t mtu;

	if (icmp_is_too_big(m)) {
		too_big(w, m, false);
		return;
	}
	off = icmp_offset(m, v4, &len);
	if (off == 0)
		goto drop;
	if (!ip_addr_is_unicast(&src) || (!v4 && ip_addr_is_v4(&src))) {
		reason = CTR_DROP_IP_SRC;
		goto drop;
	}
	if (!rate_limit_ok(&w->icmp_limit, w->st.now_ms)) {
		reason = CTR_DROP_ICMP_LIMIT;
		goto drop;
	}
	if (!(v4 ? echo4_reply(ip, ip + off, off, len) : echo6_reply(ip, ip + off, len)))
		goto drop;
	nh = route_find(&w->st, &dst, &src, &mtu);
	if (nh == NULL) {
		reason = CTR_DROP_NO_ROUTE;
		goto drop;
	}
	m->ol_flags = 0;
	tx_output(&w->st, m, nh);
	return;
drop:
	rte_pktmbuf_free(m);
	st_inc(&w->st, reason);
}
