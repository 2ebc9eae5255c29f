/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Numbers as people read them, and memory that does not run out. One thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "units.h"

const char *units_bytes(double octets, char *buf)
{
	static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	unsigned int i = 0;

	/* 1023.95 would print as 1024.0 with the smaller unit */
	while (octets >= 1023.95 && i < sizeof(unit) / sizeof(unit[0]) - 1) {
		octets /= 1024;
		i++;
	}
	snprintf(buf, UNITS_STRLEN, i == 0 || octets >= 99.95 ? "%.0f %s" : "%.1f %s", octets,
		 unit[i]);
	return buf;
}

const char *units_duration(double ms, char *buf)
{
	unsigned long long s = ms > 0 ? (unsigned long long)(ms / 1000) : 0;

	if (ms < 1000)
		snprintf(buf, UNITS_STRLEN, "%.0fms", ms);
	else if (s < 60)
		snprintf(buf, UNITS_STRLEN, "%.1fs", (double)(unsigned long long)(ms / 100) / 10);
	else if (s < 3600)
		snprintf(buf, UNITS_STRLEN, "%llum%02llus", s / 60, s % 60);
	else if (s < 86400)
		snprintf(buf, UNITS_STRLEN, "%lluh%02llum", s / 3600, s / 60 % 60);
	else
		snprintf(buf, UNITS_STRLEN, "%llud%02lluh", s / 86400, s / 3600 % 24);
	return buf;
}

void *must_alloc(void *old, size_t size)
{
	void *p = realloc(old, size);

	if (p == NULL) {
		fprintf(stderr, "mpgatectl: out of memory\n");
		exit(1);
	}
	return p;
}

char *must_copy(const char *s)
{
	size_t len = strlen(s) + 1;

	return memcpy(must_alloc(NULL, len), s, len);
}
