/* SPDX-License-Identifier: BSD-3-Clause
 *
 * ChaCha20 with fast key erasure: each refill makes a buffer of keystream whose first 32 octets
 * become the next key; octets are wiped as they are given out. Whoever reads the memory later
 * learns nothing about what was given out before.
 * Threads: the worker that owns the instance. Source: RFC 8439 s2.3.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "crypto/csprng.h"
#include "crypto/ct.h"

#define CHACHA_BLOCK_LEN 64
#define CHACHA_KEY_LEN   32

_Static_assert(CSPRNG_SEED_LEN == CHACHA_KEY_LEN, "the seed is the first key");
_Static_assert(CSPRNG_BUF_LEN % CHACHA_BLOCK_LEN == 0, "whole blocks");

static inline uint32_t rotl32(uint32_t x, unsigned int n)
{
	return x << n | x >> (32 - n);
}

static inline void quarter_round(uint32_t s[16], unsigned int a, unsigned int b, unsigned int c,
				 unsigned int d)
{
	s[a] += s[b];
	s[d] = rotl32(s[d] ^ s[a], 16);
	s[c] += s[d];
	s[b] = rotl32(s[b] ^ s[c], 12);
	s[a] += s[b];
	s[d] = rotl32(s[d] ^ s[a], 8);
	s[c] += s[d];
	s[b] = rotl32(s[b] ^ s[c], 7);
}

/* One block of keystream; the nonce is zero, as no key is used for a second buffer. */
static void chacha20_block(const uint32_t key[8], uint32_t counter, uint8_t out[CHACHA_BLOCK_LEN])
{
	/* "expand 32-byte k" */
	const uint32_t in[16] = {
		0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, key[0],  key[1], key[2], key[3],
		key[4],     key[5],     key[6],     key[7],     counter, 0,      0,      0,
	};
	uint32_t s[16];

	memcpy(s, in, sizeof(s));
	for (unsigned int i = 0; i < 10; i++) {
		quarter_round(s, 0, 4, 8, 12);
		quarter_round(s, 1, 5, 9, 13);
		quarter_round(s, 2, 6, 10, 14);
		quarter_round(s, 3, 7, 11, 15);
		quarter_round(s, 0, 5, 10, 15);
		quarter_round(s, 1, 6, 11, 12);
		quarter_round(s, 2, 7, 8, 13);
		quarter_round(s, 3, 4, 9, 14);
	}
	for (unsigned int i = 0; i < 16; i++) {
		uint32_t w = htole32(s[i] + in[i]);

		memcpy(&out[i * 4], &w, sizeof(w));
	}
}

static void set_key(struct csprng *r, const uint8_t key[CHACHA_KEY_LEN])
{
	for (unsigned int i = 0; i < 8; i++) {
		uint32_t w;

		memcpy(&w, &key[i * 4], sizeof(w));
		r->key[i] = le32toh(w);
	}
}

static void refill(struct csprng *r)
{
	for (unsigned int i = 0; i < CSPRNG_BUF_LEN / CHACHA_BLOCK_LEN; i++)
		chacha20_block(r->key, i, &r->buf[i * CHACHA_BLOCK_LEN]);
	set_key(r, r->buf);
	zeroise(r->buf, CHACHA_KEY_LEN);
	r->used = CHACHA_KEY_LEN;
}

int csprng_init_os(struct csprng *r)
{
	uint8_t seed[CSPRNG_SEED_LEN];
	size_t have = 0;

	while (have < sizeof(seed)) {
		ssize_t n = getrandom(&seed[have], sizeof(seed) - have, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		have += (size_t)n;
	}
	csprng_init_seed(r, seed);
	zeroise(seed, sizeof(seed));
	return 0;
}

void csprng_init_seed(struct csprng *r, const uint8_t seed[CSPRNG_SEED_LEN])
{
	set_key(r, seed);
	memset(r->buf, 0, sizeof(r->buf));
	r->used = CSPRNG_BUF_LEN;
}

void csprng_bytes(struct csprng *r, void *out, size_t len)
{
	uint8_t *p = out;

	while (len > 0) {
		size_t n;

		if (r->used == CSPRNG_BUF_LEN)
			refill(r);
		n = CSPRNG_BUF_LEN - r->used;
		if (n > len)
			n = len;
		memcpy(p, &r->buf[r->used], n);
		zeroise(&r->buf[r->used], n);
		r->used += n;
		p += n;
		len -= n;
	}
}

uint32_t csprng_u32(struct csprng *r)
{
	uint32_t v;

	csprng_bytes(r, &v, sizeof(v));
	return le32toh(v); /* the same seed gives the same numbers everywhere */
}

uint64_t csprng_u64(struct csprng *r)
{
	uint64_t v;

	csprng_bytes(r, &v, sizeof(v));
	return le64toh(v);
}
