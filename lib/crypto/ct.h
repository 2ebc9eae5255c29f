/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Operations on secrets whose time and traces must not depend on them.
 * Threads: any; pure.
 */
#ifndef CRYPTO_CT_H
#define CRYPTO_CT_H

#include <stdbool.h>
#include <stddef.h>

/* Whether len octets of a and b are equal; the time taken depends on len only. */
bool ct_equal(const void *a, const void *b, size_t len);

/* Overwrite len octets of p in a way the compiler may not remove. */
void zeroise(void *p, size_t len);

#endif
