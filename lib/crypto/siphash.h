/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SipHash-2-4: the keyed hash for tables, initial sequence numbers and cookies, so that nobody
 * outside can choose collisions or predict values. Threads: any; pure.
 */
#ifndef CRYPTO_SIPHASH_H
#define CRYPTO_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct siphash_key {
	uint64_t k0, k1;
};

/* SipHash-2-4 of len octets at p, as the 64-bit little-endian value of its specification. */
uint64_t siphash(const struct siphash_key *k, const void *p, size_t len);

#endif
