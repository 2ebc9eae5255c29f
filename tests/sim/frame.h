/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An IP packet on the wire: octets, no buffer of anyone's. What middleboxes need to read and rewrite
 * of it, with a reader of headers that is not the library's.
 */
#ifndef SIM_FRAME_H
#define SIM_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "mptcp/wire/ip_addr.h"

#define FRAME_MAX 2048

struct frame {
	struct frame *next;
	uint16_t len;
	bool damaged; /* its checksum is wrong: a middlebox that updates it leaves it wrong */
	uint8_t b[FRAME_MAX];
};

/* What a router says of f (RFC 792, RFC 4443 s3.2): the next link takes mtu; quote octets of f come with
 * it. */
struct frame *frame_too_big(const struct frame *f, uint32_t mtu, unsigned int quote);
/* After a change of such a frame: its checksums anew. */
void frame_seal_too_big(struct frame *f);

/* Where things are in a TCP segment, and what they say. */
struct tcp_view {
	uint8_t *ip, *th, *opt, *payload;
	bool v4;
	uint16_t ip_len, opt_len, payload_len;
	struct ip_addr src, dst;
	uint16_t sport, dport;
	uint32_t seq, ack;
	uint16_t wnd;
	uint8_t flags;
};

struct frame *frame_new(void);
struct frame *frame_copy(const struct frame *f);
void frame_free(struct frame *f);
/* Give back what frame_free() keeps. */
void frame_cache_free(void);

/* False: no TCP over IPv4 or IPv6, or not whole. */
bool frame_tcp(struct frame *f, struct tcp_view *v);
/* Whether the TCP checksum is right, which covers the addresses, too. */
bool frame_intact(const struct frame *f, const struct tcp_view *v);
/* Mark congestion in the IP header. False: the packet is not ECN-capable. */
bool frame_mark(struct frame *f);
/* Of one that frame_tcp() took. */
uint8_t *frame_tcp_header(struct frame *f);
/* The option's first octet, or NULL. */
uint8_t *frame_option(const struct tcp_view *v, uint8_t kind);
/* After a change: IP length (payload_len as in v) and both checksums anew. */
void frame_seal(struct frame *f, struct tcp_view *v);

static inline uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}
static inline uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}
static inline void set16(uint8_t *p, uint16_t x)
{
	p[0] = (uint8_t)(x >> 8);
	p[1] = (uint8_t)x;
}
static inline void set32(uint8_t *p, uint32_t x)
{
	set16(p, (uint16_t)(x >> 16));
	set16(p + 2, (uint16_t)x);
}

#endif
