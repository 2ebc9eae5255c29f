/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Numbers as people read them, and memory that does not run out. One thread.
 */
#ifndef MPGATECTL_UNITS_H
#define MPGATECTL_UNITS_H

#include <stddef.h>

#define UNITS_STRLEN 32

/* "512 B", "1.5 KiB", "20 GiB" into buf of UNITS_STRLEN octets; returns buf. */
const char *units_bytes(double octets, char *buf);
/* "980ms", "12.3s", "4m05s", "3h07m", "2d04h" */
const char *units_duration(double ms, char *buf);

/* realloc() and strdup() that end the program with exit code 1 when there is no memory. */
void *must_alloc(void *old, size_t size);
char *must_copy(const char *s);

#endif
