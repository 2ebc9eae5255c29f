/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A worker's own cryptographically secure random numbers: ChaCha20 keystream with fast key
 * erasure, so that no system call and no lock is needed on the data path. One instance a worker.
 */
#ifndef CRYPTO_CSPRNG_H
#define CRYPTO_CSPRNG_H

#include <stddef.h>
#include <stdint.h>

#define CSPRNG_SEED_LEN 32
#define CSPRNG_BUF_LEN  512

struct csprng {
	uint32_t key[8];
	uint32_t used; /* octets of buf already given out */
	uint8_t buf[CSPRNG_BUF_LEN];
};

/* Seed from the operating system (getrandom(2)). Returns 0 or -errno. Not for the data path. */
int csprng_init_os(struct csprng *r);

/* Seed from given octets: the same seed gives the same stream (simulator, tests). */
void csprng_init_seed(struct csprng *r, const uint8_t seed[CSPRNG_SEED_LEN]);

void csprng_bytes(struct csprng *r, void *out, size_t len);
uint32_t csprng_u32(struct csprng *r);
uint64_t csprng_u64(struct csprng *r);

#endif
