/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SHA-256 and HMAC-SHA-256 on libcrypto's low-level block functions.
 * The two pad blocks of an HMAC key are hashed once and kept as midstates, so that a short
 * message costs two blocks. Threads: any; no allocation, no global state.
 * Source: RFC 6234, RFC 2104.
 */
#ifndef CRYPTO_SHA256_H
#define CRYPTO_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_LEN 32 /* octets of a digest */

/* The midstates of an HMAC key: H(K ^ ipad) and H(K ^ opad) before the message. Secret. */
struct hmac_key {
	uint32_t inner[8];
	uint32_t outer[8];
};

/* out = SHA-256(msg[0..len)) */
void sha256(const void *msg, size_t len, uint8_t out[SHA256_LEN]);

/* Prepare k from a key of len octets (any length; above 64 it is hashed first). */
void hmac_key_init(struct hmac_key *k, const void *key, size_t len);

/* out = HMAC-SHA-256(k, msg[0..len)). len of 55 octets or less costs two block operations. */
void hmac_sha256(const struct hmac_key *k, const void *msg, size_t len, uint8_t out[SHA256_LEN]);

#endif
