/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SipHash-2-4 as its authors specify it: two rounds a word, four at the end.
 * Threads: any; pure.
 * Source: Aumasson, Bernstein, "SipHash: a fast short-input PRF", 2012.
 */
#include <endian.h>
#include <string.h>

#include "crypto/siphash.h"

static inline uint64_t rotl64(uint64_t x, unsigned int n)
{
	return x << n | x >> (64 - n);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotl64(v[1], 13) ^ v[0];
	v[0] = rotl64(v[0], 32);
	v[2] += v[3];
	v[3] = rotl64(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl64(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl64(v[1], 17) ^ v[2];
	v[2] = rotl64(v[2], 32);
}

static inline void sip_word(uint64_t v[4], uint64_t w)
{
	v[3] ^= w;
	sip_round(v);
	sip_round(v);
	v[0] ^= w;
}

uint64_t siphash(const struct siphash_key *k, const void *p, size_t len)
{
	/* "somepseudorandomlygeneratedbytes" */
	uint64_t v[4] = {
		k->k0 ^ 0x736f6d6570736575,
		k->k1 ^ 0x646f72616e646f6d,
		k->k0 ^ 0x6c7967656e657261,
		k->k1 ^ 0x7465646279746573,
	};
	const uint8_t *b = p;
	uint64_t last = (uint64_t)len << 56;
	uint64_t w;

	for (; len >= 8; b += 8, len -= 8) {
		memcpy(&w, b, 8);
		sip_word(v, le64toh(w));
	}
	for (size_t i = 0; i < len; i++)
		last |= (uint64_t)b[i] << (8 * i);
	sip_word(v, last);

	v[2] ^= 0xff;
	for (unsigned int i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
