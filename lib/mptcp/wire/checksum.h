/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One's complement sums: IPv4 header, TCP pseudo-header, payload, and RFC 1624 updates.
 * "sum" is folded to 16 bits and not inverted; "csum" is what goes on the wire. Values are the
 * 16-bit words as they lie in memory (network order words read natively), so sums of parts that
 * begin at even offsets simply add. Any thread; pure. Source: RFC 1071, RFC 1624 eqn 3.
 */
#ifndef WIRE_CHECKSUM_H
#define WIRE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

#include "mptcp/wire/ip_addr.h"

static inline uint16_t csum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* a + b in one's complement. */
static inline uint16_t csum_add(uint16_t a, uint16_t b)
{
	uint32_t s = (uint32_t)a + b;
	return (uint16_t)((s & 0xffff) + (s >> 16));
}

/* a - b in one's complement. */
static inline uint16_t csum_sub(uint16_t a, uint16_t b)
{
	return csum_add(a, (uint16_t)~b);
}

/* The sum of octets that begin at an odd offset of the whole: swap. */
static inline uint16_t csum_swap(uint16_t s)
{
	return (uint16_t)(s << 8 | s >> 8);
}

/* Unfolded sum of n 32-bit words at p: for headers, short and a multiple of four octets. */
static inline uint64_t csum_words(const void *p, unsigned int n)
{
	const uint8_t *b = (const uint8_t *)p;
	uint64_t sum = 0;

	for (unsigned int i = 0; i < n; i++) {
		uint32_t w;

		memcpy(&w, b + i * sizeof(w), sizeof(w));
		sum += w;
	}
	return sum;
}

/* Sum of len octets at p (an odd last octet is padded with zero). */
uint16_t csum_partial(const void *p, size_t len);

/* Sum of the TCP pseudo-header for addresses of one family and a TCP length of tcp_len octets. */
uint16_t csum_tcp_pseudo(const struct ip_addr *src, const struct ip_addr *dst, uint32_t tcp_len);

/* New csum after one 16-bit word of the covered data changed from old_word to new_word (RFC 1624
 * eqn 3). */
uint16_t csum_update16(uint16_t csum, uint16_t old_word, uint16_t new_word);
uint16_t csum_update32(uint16_t csum, uint32_t old_word, uint32_t new_word);

#endif
