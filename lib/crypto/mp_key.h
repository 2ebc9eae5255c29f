/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What RFC 8684 derives from the keys of a connection: token, initial data sequence number and
 * the HMACs of MP_JOIN and ADD_ADDR. Keys, tokens and nonces are host-order integers whose
 * big-endian octets are those on the wire. Threads: any; pure.
 * Source: RFC 8684 s3.1, s3.2, s3.4.1.
 */
#ifndef CRYPTO_MP_KEY_H
#define CRYPTO_MP_KEY_H

#include <stdint.h>

#include "crypto/sha256.h"

#define MP_HMAC_SYNACK_LEN 8  /* left 64 bits in the SYN/ACK of a join */
#define MP_HMAC_ACK_LEN    20 /* left 160 bits in the third packet of a join */
#define MP_HMAC_ADDR_LEN   8  /* right 64 bits in ADD_ADDR */

/* token = most significant 32 bits, idsn = least significant 64 bits of SHA-256(key). */
void mp_key_derive(uint64_t key, uint32_t *token, uint64_t *idsn);

/* The two HMAC keys of a connection: ours = key_local || key_remote signs what we send,
 * theirs = key_remote || key_local signs what the peer sends. */
struct mp_hmac_keys {
	struct hmac_key ours;
	struct hmac_key theirs;
};
void mp_hmac_keys_init(struct mp_hmac_keys *k, uint64_t key_local, uint64_t key_remote);

/* HMAC of a join by the side whose hmac_key is k: message = its nonce || the other's nonce. */
void mp_join_hmac(const struct hmac_key *k, uint32_t nonce_own, uint32_t nonce_other,
		  uint8_t out[SHA256_LEN]);

/* HMAC of ADD_ADDR: message = id || address (addr_len 4 or 16 octets, network order) || port
 * (0 when absent). out gets the right-most 64 bits of the digest. */
void mp_addr_hmac(const struct hmac_key *k, uint8_t id, const void *addr, unsigned int addr_len,
		  uint16_t port, uint8_t out[MP_HMAC_ADDR_LEN]);

#endif
