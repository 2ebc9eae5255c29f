/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Sorted intervals in one array.
 */
#include <stdlib.h>
#include <string.h>

#include "ranges.h"

/* Index of the first interval that ends at or beyond at. */
static unsigned int find(const struct ranges *s, uint64_t at)
{
	unsigned int lo = 0, hi = s->n;

	while (lo < hi) {
		unsigned int mid = (lo + hi) / 2;

		if (s->r[mid].to < at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

void ranges_add(struct ranges *s, uint64_t from, uint64_t to)
{
	unsigned int i = find(s, from), end = i;

	if (from >= to)
		return;
	while (end < s->n && s->r[end].from <= to) {
		from = s->r[end].from < from ? s->r[end].from : from;
		to = s->r[end].to > to ? s->r[end].to : to;
		end++;
	}
	if (end == i) {
		if (s->n == s->size) {
			s->size = s->size == 0 ? 16 : 2 * s->size;
			s->r = realloc(s->r, s->size * sizeof(*s->r));
			if (s->r == NULL)
				abort();
		}
		memmove(&s->r[i + 1], &s->r[i], (s->n - i) * sizeof(*s->r));
		s->n++;
	} else {
		memmove(&s->r[i + 1], &s->r[end], (s->n - end) * sizeof(*s->r));
		s->n -= end - i - 1;
	}
	s->r[i] = (struct range){from, to};
}

void ranges_cut(struct ranges *s, uint64_t below)
{
	unsigned int n = 0;

	while (n < s->n && s->r[n].to <= below)
		n++;
	if (n > 0)
		memmove(s->r, s->r + n, (s->n - n) * sizeof(*s->r));
	s->n -= n;
	if (s->n > 0 && s->r[0].from < below)
		s->r[0].from = below;
}

bool ranges_have(const struct ranges *s, uint64_t from, uint64_t to)
{
	unsigned int i = find(s, to);

	return from >= to || (i < s->n && s->r[i].from <= from);
}

bool ranges_touch(const struct ranges *s, uint64_t from, uint64_t to)
{
	unsigned int i = find(s, from + 1);

	return from < to && i < s->n && s->r[i].from < to;
}

unsigned int ranges_gaps(const struct ranges *s, uint64_t from, uint64_t to)
{
	unsigned int n = 0;

	for (unsigned int i = find(s, from); from < to; i++) {
		if (i == s->n || s->r[i].from >= to)
			return n + 1;
		n += from < s->r[i].from;
		from = s->r[i].to;
	}
	return n;
}

uint64_t ranges_end_of(const struct ranges *s, uint64_t at)
{
	unsigned int i = find(s, at);

	return i < s->n && s->r[i].from <= at ? s->r[i].to : at;
}

void ranges_clear(struct ranges *s)
{
	s->n = 0;
}

void ranges_free(struct ranges *s)
{
	free(s->r);
	*s = (struct ranges){0};
}
