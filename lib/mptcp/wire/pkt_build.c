/* SPDX-License-Identifier: BSD-3-Clause
 *
 * IP and TCP headers in front of a payload, with both checksums. The payload itself is not read:
 * its sum comes from the caller, who mostly has it from the packet it arrived in.
 * Worker threads; writes only the packet. Source: RFC 791 s3.1, RFC 8200 s3, RFC 9293 s3.1.
 */
#include <errno.h>
#include <netinet/in.h>

#include "mptcp/wire/checksum.h"
#include "mptcp/wire/octets.h"
#include "mptcp/wire/pkt.h"

#define IP4_HDR_LEN 20
#define IP6_HDR_LEN 40
#define TCP_HDR_LEN 20
#define IP4_DF      0x4000
#define TCPOPT_NOP  1

static inline unsigned int padded(unsigned int len)
{
	return (len + 3) & ~3u;
}

unsigned int pkt_header_len(bool v4, unsigned int opt_len)
{
	return (v4 ? IP4_HDR_LEN : IP6_HDR_LEN) + TCP_HDR_LEN + padded(opt_len);
}

static void write_ip4(uint8_t *ip, const struct tcp_hdr_out *h, unsigned int total_len)
{
	uint16_t csum;

	ip[0] = 4 << 4 | IP4_HDR_LEN / 4;
	ip[1] = h->ecn & 3;
	put_be16(&ip[2], (uint16_t)total_len);
	put_be16(&ip[4], h->ip_id);
	put_be16(&ip[6], IP4_DF);
	ip[8] = h->ttl;
	ip[9] = IPPROTO_TCP;
	put_be16(&ip[10], 0);
	memcpy(&ip[12], &h->key->local.b[12], 4);
	memcpy(&ip[16], &h->key->remote.b[12], 4);
	csum = (uint16_t)~csum_fold(csum_words(ip, IP4_HDR_LEN / 4));
	memcpy(&ip[10], &csum, sizeof(csum));
}

static void write_ip6(uint8_t *ip, const struct tcp_hdr_out *h, unsigned int total_len)
{
	put_be32(&ip[0], 6u << 28 | (uint32_t)(h->ecn & 3) << 20);
	put_be16(&ip[4], (uint16_t)(total_len - IP6_HDR_LEN));
	ip[6] = IPPROTO_TCP;
	ip[7] = h->ttl;
	memcpy(&ip[8], h->key->local.b, 16);
	memcpy(&ip[24], h->key->remote.b, 16);
}

int pkt_prepend_headers(struct rte_mbuf *m, const struct tcp_hdr_out *h, uint16_t payload_sum)
{
	bool v4 = ip_addr_is_v4(&h->key->local);
	unsigned int ip_len = v4 ? IP4_HDR_LEN : IP6_HDR_LEN;
	unsigned int opt_len = h->opt != NULL ? h->opt->len : 0;
	unsigned int tcp_hdr_len = TCP_HDR_LEN + padded(opt_len);
	unsigned int total_len = ip_len + tcp_hdr_len + m->pkt_len;
	uint8_t *ip, *th;
	uint16_t csum;
	uint64_t sum;

	if (opt_len > TCP_OPTIONS_MAX || total_len > UINT16_MAX)
		return -ENOSPC;
	ip = (uint8_t *)rte_pktmbuf_prepend(m, (uint16_t)(ip_len + tcp_hdr_len));
	if (ip == NULL)
		return -ENOSPC;
	th = ip + ip_len;

	if (v4)
		write_ip4(ip, h, total_len);
	else
		write_ip6(ip, h, total_len);

	put_be16(&th[0], h->key->local_port);
	put_be16(&th[2], h->key->remote_port);
	put_be32(&th[4], h->seq);
	put_be32(&th[8], h->ack);
	th[12] = (uint8_t)(tcp_hdr_len / 4 << 4);
	th[13] = h->flags;
	put_be16(&th[14], h->wnd);
	put_be32(&th[16], 0); /* checksum, urgent pointer */
	if (opt_len > 0) {
		memcpy(&th[TCP_HDR_LEN], h->opt->b, opt_len);
		memset(&th[TCP_HDR_LEN + opt_len], TCPOPT_NOP, padded(opt_len) - opt_len);
	}
	sum = csum_words(th, tcp_hdr_len / 4) + payload_sum;
	sum += csum_tcp_pseudo(&h->key->local, &h->key->remote, total_len - ip_len);
	csum = (uint16_t)~csum_fold(sum);
	memcpy(&th[16], &csum, sizeof(csum));

	/* What says who owns the data must stay. */
	m->ol_flags &= RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL;
	m->tx_offload = 0;
	m->l3_len = ip_len;
	m->l4_len = tcp_hdr_len;
	return 0;
}
