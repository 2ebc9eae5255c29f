/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What RFC 8684 derives from the keys of a connection. Everything is hashed in network order.
 * Threads: any; pure. Source: RFC 8684 s3.1, s3.2, s3.4.1.
 */
#include <endian.h>
#include <string.h>

#include "crypto/ct.h"
#include "crypto/mp_key.h"

void mp_key_derive(uint64_t key, uint32_t *token, uint64_t *idsn)
{
	uint64_t key_be = htobe64(key);
	uint8_t digest[SHA256_LEN];
	uint32_t token_be;
	uint64_t idsn_be;

	sha256(&key_be, sizeof(key_be), digest);
	memcpy(&token_be, digest, sizeof(token_be));
	memcpy(&idsn_be, &digest[SHA256_LEN - sizeof(idsn_be)], sizeof(idsn_be));
	*token = be32toh(token_be);
	*idsn = be64toh(idsn_be);
}

void mp_hmac_keys_init(struct mp_hmac_keys *k, uint64_t key_local, uint64_t key_remote)
{
	uint64_t pair[3] = {htobe64(key_local), htobe64(key_remote), htobe64(key_local)};

	hmac_key_init(&k->ours, &pair[0], 16);
	hmac_key_init(&k->theirs, &pair[1], 16);
	zeroise(pair, sizeof(pair));
}

void mp_join_hmac(const struct hmac_key *k, uint32_t nonce_own, uint32_t nonce_other,
		  uint8_t out[SHA256_LEN])
{
	uint32_t msg[2] = {htobe32(nonce_own), htobe32(nonce_other)};

	hmac_sha256(k, msg, sizeof(msg), out);
}

void mp_addr_hmac(const struct hmac_key *k, uint8_t id, const void *addr, unsigned int addr_len,
		  uint16_t port, uint8_t out[MP_HMAC_ADDR_LEN])
{
	uint8_t msg[1 + 16 + 2];
	uint8_t digest[SHA256_LEN];

	if (addr_len > 16)
		addr_len = 16;
	msg[0] = id;
	memcpy(&msg[1], addr, addr_len);
	msg[1 + addr_len] = (uint8_t)(port >> 8);
	msg[2 + addr_len] = (uint8_t)port;
	hmac_sha256(k, msg, 3 + addr_len, digest);
	memcpy(out, &digest[SHA256_LEN - MP_HMAC_ADDR_LEN], MP_HMAC_ADDR_LEN);
}
