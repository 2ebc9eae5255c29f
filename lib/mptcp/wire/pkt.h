/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A received packet, parsed once: IPv4 or IPv6, TCP header, every TCP option. The parser is the
 * only code that reads unvalidated octets; it never reads past the frame and never changes it.
 * Any thread; pure. Source: RFC 791, RFC 8200, RFC 9293 s3.1, RFC 7323, RFC 2018.
 */
#ifndef WIRE_PKT_H
#define WIRE_PKT_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "mptcp/wire/counters.h"
#include "mptcp/wire/ip_addr.h"
#include "mptcp/wire/mp_opt.h"

#define TCPF_FIN 0x01
#define TCPF_SYN 0x02
#define TCPF_RST 0x04
#define TCPF_PSH 0x08
#define TCPF_ACK 0x10
#define TCPF_URG 0x20
#define TCPF_ECE 0x40
#define TCPF_CWR 0x80

#define TCP_SACK_BLOCKS_MAX 4

/* TCP options of a segment; has_* says which were there with a legal length. */
struct tcp_opts {
	bool has_mss, has_wscale, has_sack_perm, has_ts;
	uint8_t wscale; /* as sent, at most 14 (RFC 7323 s2.3) */
	uint8_t n_sack;
	uint16_t mss;
	uint32_t tsval, tsecr;
	struct {
		uint32_t start, end; /* [start, end) */
	} sack[TCP_SACK_BLOCKS_MAX];
};

struct pkt {
	struct flow_key key; /* local = destination of the packet */
	uint32_t seq, ack;
	uint16_t wnd;         /* unscaled */
	uint8_t flags;        /* TCPF_* */
	uint8_t ecn;          /* the two ECN bits of the IP header */
	uint16_t l4_off;      /* octets from the IP header to the TCP header */
	uint16_t payload_off; /* octets from the IP header to the payload */
	uint16_t payload_len;
	uint16_t payload_sum; /* one's complement sum of the payload; valid after pkt_parse */
	struct tcp_opts tcp;
	struct mp_opts mp;
};

/* Sequence space a segment takes: payload, SYN and FIN. */
static inline uint32_t pkt_seg_len(const struct pkt *p)
{
	return p->payload_len + !!(p->flags & TCPF_SYN) + !!(p->flags & TCPF_FIN);
}

/*
 * Parse the IP packet that begins at rte_pktmbuf_mtod(m) of a single-segment mbuf into p.
 * Trailing octets beyond the IP total length are cut off the mbuf (link padding). Checks the
 * IPv4 header checksum and the TCP checksum unless m->ol_flags says the port did. Fragments,
 * IPv6 extension headers other than hop-by-hop and destination options without content for us,
 * and protocols other than TCP are refused with their own reason.
 * Returns CTR_NONE (0) or the drop reason; on a reason p is undefined. m stays the caller's.
 * Malformed TCP options (length 0, beyond the area) drop the packet; a known TCP option with a
 * wrong length is ignored; see mp_opt_parse() for kind 30.
 */
enum counter pkt_parse(struct pkt *p, struct rte_mbuf *m);

/*
 * The flow key alone, as cheap as can be, for steering: reads addresses, ports and flags.
 * Returns CTR_NONE or a drop reason. No checksum is verified.
 */
enum counter pkt_peek(const struct rte_mbuf *m, struct flow_key *key, uint8_t *tcp_flags,
		      uint16_t *l4_off);

/* What a TCP segment's header says, for building one. */
struct tcp_hdr_out {
	const struct flow_key *key; /* local is the source */
	uint32_t seq, ack;
	uint16_t wnd; /* already scaled */
	uint8_t flags;
	uint8_t ecn; /* the two bits for the IP header */
	uint8_t ttl;
	uint16_t ip_id;
	const struct opt_buf *opt; /* padded here with NOP... to four octets */
};

/* Octets pkt_prepend_headers() will put in front of the payload. */
unsigned int pkt_header_len(bool v4, unsigned int opt_len);

/*
 * Put the IP and TCP headers in front of m's data (the payload, the first segment's headroom must
 * hold them) with both checksums in software. payload_sum: one's complement sum of the payload.
 * Sets m->l2_len 0, l3_len, l4_len, and clears ol_flags. Returns 0 or -ENOSPC.
 */
int pkt_prepend_headers(struct rte_mbuf *m, const struct tcp_hdr_out *h, uint16_t payload_sum);

#endif
