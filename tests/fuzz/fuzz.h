/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What all fuzz targets have in common: reading their input as small numbers, ending the program when
 * a promise is broken, DPDK without devices, and packet buffers that AddressSanitizer watches: a free
 * one is poisoned, in the order of the oldest first, so that a late use of it is found.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "mptcp/tcp/seg.h"
#include "mptcp/wire/pkt.h"

/* libFuzzer's entry points, which a target defines. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* --- promises --------------------------------------------------------------------------------- */

/* Says what broke and aborts, which libFuzzer takes for a finding. */
void broken(const char *file, int line, const char *what) __attribute__((noreturn));
#define MUST(cond)                                         \
	do {                                               \
		if (__builtin_expect(!(cond), 0))          \
			broken(__FILE__, __LINE__, #cond); \
	} while (0)
/* Printed with the environment variable FUZZ_TRACE set: what the input does, step by step. */
void trace(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* --- input ------------------------------------------------------------------------------------ */

/* What is left of the input; behind its end there are zeros. */
struct input {
	const uint8_t *p;
	size_t left;
};
uint8_t in_u8(struct input *in);
uint16_t in_u16(struct input *in);
uint32_t in_u32(struct input *in);
/* Up to max octets to b: how many. */
unsigned int in_octets(struct input *in, uint8_t *b, unsigned int max);

/* Octet off of the stream that side sends. */
static inline uint8_t pattern(unsigned int side, uint32_t off)
{
	return (uint8_t)(((UINT64_C(1) + off) * UINT64_C(0x9e3779b97f4a7c15)) >> 56) ^
	       (uint8_t)(side * 0x5au);
}

/* --- packet buffers ----------------------------------------------------------------------------- */

#define FUZZ_NO_LIMIT UINT32_MAX

/* Starts DPDK with the first one. */
struct rte_mempool *fuzz_pool(const char *name, unsigned int n);
/* Buffers in use. */
unsigned int fuzz_pool_used(const struct rte_mempool *pool);
/* So many more can be had, then none until the next call. */
void fuzz_pool_limit(struct rte_mempool *pool, uint32_t n);

/* --- segments ------------------------------------------------------------------------------------- */

/* A segment as a port would give it, parsed: headers by h, len octets of payload that are those of
 * side from offset off on. NULL: the parser does not take it (its options). */
struct rte_mbuf *fuzz_segment(struct rte_mempool *pool, const struct tcp_hdr_out *h,
			      unsigned int side, uint32_t off, uint16_t len, struct pkt *p);

/* A segment that the code under test has sent. */
#define FUZZ_MTU 1500
struct sent {
	struct pkt p;
	unsigned int opt_len;
	const uint8_t *payload;
	uint8_t b[FUZZ_MTU];
};
/* Takes a copy of m, which stays the caller's, and sees that it is a segment without fault. */
void fuzz_sent(struct sent *s, struct rte_mbuf *m);

#endif
