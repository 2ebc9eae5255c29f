/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a router says of a packet of ours that was too big for its next link: ICMP "fragmentation needed"
 * (RFC 792, RFC 1191) and ICMPv6 "packet too big" (RFC 4443 s3.2). Anyone may have sent it: what is read
 * here is what the message says, not what is true. Any thread; pure.
 */
#ifndef WIRE_ICMP_H
#define WIRE_ICMP_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "mptcp/wire/counters.h"
#include "mptcp/wire/ip_addr.h"

/* What is smaller is not believed. No IPv6 link is (RFC 8200 s5). IPv4 links go down to 68 octets (RFC 791
 * s3.2), but hosts take 576 at least, and a forger must not make us send crumbs. */
#define PMTU_MIN_V4 576
#define PMTU_MIN_V6 1280

struct icmp_too_big {
	struct flow_key key; /* of the packet quoted, which was ours: local is its source */
	uint32_t seq;        /* of the segment quoted */
	uint16_t mtu;        /* of the next link; smaller than the packet was */
};

/* Whether the IP packet that begins at rte_pktmbuf_mtod(m) is one, going by its type alone. */
bool icmp_is_too_big(const struct rte_mbuf *m);

/*
 * Read such a packet, of one buffer. Returns CTR_NONE or the drop reason; on a reason e is undefined.
 * Checked are lengths and checksums, that what is quoted is the beginning of a TCP segment from the
 * address the message came to, and that the MTU is one that a link can have and the packet exceeded.
 */
enum counter icmp_parse_too_big(struct icmp_too_big *e, const struct rte_mbuf *m);

#endif
