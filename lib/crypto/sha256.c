/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SHA-256 and HMAC-SHA-256. Only libcrypto's block function is used (it picks the processor's SHA
 * instructions by itself); padding is done here, so that a prepared HMAC of a short message is two
 * block operations and nothing else. Threads: any; pure.
 * Source: RFC 6234 s4.1, s6.2; RFC 2104 s2.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <endian.h>
#include <string.h>

#include <openssl/sha.h>

#include "crypto/ct.h"
#include "crypto/sha256.h"

#define BLOCK_LEN  64
#define LENGTH_OFF 56 /* the message length in bits: last 8 octets of the last block */

_Static_assert(sizeof(SHA_LONG) == 4, "the state is eight 32-bit words");

/* RFC 6234 s6.1 */
static const uint32_t sha256_h0[8] = {
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
	0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

/* Hash msg from the given state, which has already taken done octets (whole blocks). */
static void sha256_from(const uint32_t state[8], uint64_t done, const void *msg, size_t len,
			uint8_t out[SHA256_LEN])
{
	const uint8_t *p = msg;
	uint64_t bits = htobe64((done + len) * 8);
	uint8_t block[BLOCK_LEN];
	SHA256_CTX c;

	memcpy(c.h, state, sizeof(c.h));
	for (; len >= BLOCK_LEN; p += BLOCK_LEN, len -= BLOCK_LEN)
		SHA256_Transform(&c, p);

	memset(block, 0, sizeof(block));
	if (len > 0)
		memcpy(block, p, len);
	block[len] = 0x80;
	if (len >= LENGTH_OFF) {
		SHA256_Transform(&c, block);
		memset(block, 0, LENGTH_OFF);
	}
	memcpy(&block[LENGTH_OFF], &bits, sizeof(bits));
	SHA256_Transform(&c, block);

	for (unsigned int i = 0; i < 8; i++) {
		uint32_t w = htobe32(c.h[i]);

		memcpy(&out[i * 4], &w, sizeof(w));
	}
}

void sha256(const void *msg, size_t len, uint8_t out[SHA256_LEN])
{
	sha256_from(sha256_h0, 0, msg, len, out);
}

/* The state after the one block key ^ pad. */
static void pad_state(uint32_t state[8], const uint8_t key[BLOCK_LEN], uint8_t pad)
{
	uint8_t block[BLOCK_LEN];
	SHA256_CTX c;

	for (unsigned int i = 0; i < BLOCK_LEN; i++)
		block[i] = key[i] ^ pad;
	memcpy(c.h, sha256_h0, sizeof(c.h));
	SHA256_Transform(&c, block);
	memcpy(state, c.h, sizeof(c.h));
	zeroise(block, sizeof(block));
	zeroise(c.h, sizeof(c.h));
}

void hmac_key_init(struct hmac_key *k, const void *key, size_t len)
{
	uint8_t block[BLOCK_LEN] = {0};

	if (len > BLOCK_LEN)
		sha256(key, len, block);
	else if (len > 0)
		memcpy(block, key, len);
	pad_state(k->inner, block, 0x36);
	pad_state(k->outer, block, 0x5c);
	zeroise(block, sizeof(block));
}

void hmac_sha256(const struct hmac_key *k, const void *msg, size_t len, uint8_t out[SHA256_LEN])
{
	uint8_t inner[SHA256_LEN];

	sha256_from(k->inner, BLOCK_LEN, msg, len, inner);
	sha256_from(k->outer, BLOCK_LEN, inner, sizeof(inner), out);
}
