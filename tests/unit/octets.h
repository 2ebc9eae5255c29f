/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Octets for tests: from hexadecimal text, from captures, and laid out so that reading one octet
 * too many ends the program; and a checksum written as plainly as RFC 1071 has it.
 */
#ifndef TEST_OCTETS_H
#define TEST_OCTETS_H

#include <stddef.h>
#include <stdint.h>

#include <rte_mbuf.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Hexadecimal text, blanks ignored; returns the number of octets. Ends the program on nonsense. */
unsigned int hex_octets(const char *hex, uint8_t *out, unsigned int max);

/* A copy of n octets (at most 4096) whose end is the end of readable memory. Overwritten by the
 * next call. */
uint8_t *guard_put(const void *octets, unsigned int n);

/* An mbuf around n octets at b, of no pool: only to be parsed, never to be freed. */
void mbuf_around(struct rte_mbuf *m, uint8_t *b, unsigned int n);

/* The sum of RFC 1071 in host order, not inverted. */
uint16_t ref_sum(const uint8_t *b, unsigned int n, uint32_t sum);

/* The sum of the TCP pseudo-header of the IP packet b, whose TCP header is at l4_off. */
uint16_t ref_pseudo_sum(const uint8_t *b, unsigned int n, unsigned int l4_off);

/* Write the checksums of an IP packet of n octets whose TCP header is at l4_off. */
void fix_ip_csum(uint8_t *b);
void fix_tcp_csum(uint8_t *b, unsigned int n, unsigned int l4_off);

/* Pseudo-random numbers that are the same in every run (xorshift64*). */
struct rnd {
	uint64_t s;
};
uint64_t rnd_next(struct rnd *r);
/* 0 .. n-1 */
uint32_t rnd_below(struct rnd *r, uint32_t n);

/* Calls each() for every frame of a capture file, beginning with the Ethernet header. Returns the
 * number of frames; ends the program when the file is no capture. */
unsigned int pcap_each(const char *path,
		       void (*each)(void *arg, const uint8_t *frame, unsigned int len), void *arg);

#endif
