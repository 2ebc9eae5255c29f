/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Comparing and erasing secrets. The empty asm statements hide from the compiler what it could
 * otherwise use to leave the loop early or to drop a store nobody reads.
 * Threads: any; pure.
 */
#include <stdint.h>
#include <string.h>

#include "crypto/ct.h"

bool ct_equal(const void *a, const void *b, size_t len)
{
	const uint8_t *x = a, *y = b;
	unsigned int diff = 0;

	for (size_t i = 0; i < len; i++) {
		diff |= x[i] ^ y[i];
		__asm__ __volatile__("" : "+r"(diff));
	}
	return diff == 0;
}

void zeroise(void *p, size_t len)
{
	if (len == 0)
		return;
	memset(p, 0, len);
	__asm__ __volatile__("" : : "r"(p) : "memory");
}
