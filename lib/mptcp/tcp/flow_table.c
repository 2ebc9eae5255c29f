/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Two-choice hash table with cache-line buckets. Nothing is ever moved, so an index stays where a
 * prefetch expects it. The hash must be keyed: nobody outside may choose the bucket.
 * Owning worker only.
 */
#include <errno.h>
#include <string.h>

#include "mptcp/tcp/flow_table.h"

/* Buckets so that the planned entries fill half of the slots: with two choices of eight slots an
 * overflow below that is out of reach. */
static uint32_t bucket_count(uint32_t entries)
{
	uint64_t want = ((uint64_t)entries * 2 + FLOW_BUCKET_SLOTS - 1) / FLOW_BUCKET_SLOTS;
	uint32_t n = 2;

	while (n < want && n < UINT32_C(1) << 31)
		n <<= 1;
	return n;
}

size_t flow_table_memory(uint32_t entries)
{
	return (size_t)bucket_count(entries) * sizeof(struct flow_bucket);
}

void flow_table_init(struct flow_table *t, void *mem, uint32_t entries)
{
	uint32_t n = bucket_count(entries);

	memset(mem, 0, (size_t)n * sizeof(struct flow_bucket));
	t->buckets = mem;
	t->mask = n - 1;
	t->used = 0;
}

/* Tag and the two buckets come from separate bits of the hash. */
static inline uint16_t tag_of(uint64_t hash)
{
	uint16_t tag = (uint16_t)(hash >> 48);

	return tag != 0 ? tag : 1;
}

static inline struct flow_bucket *first_of(const struct flow_table *t, uint64_t hash)
{
	return &t->buckets[(uint32_t)hash & t->mask];
}

/* Differs from the first: the distance is odd, the size is even. */
static inline struct flow_bucket *second_of(const struct flow_table *t, uint64_t hash)
{
	return &t->buckets[((uint32_t)hash ^ ((uint32_t)(hash >> 20) | 1)) & t->mask];
}

static int64_t find_in(const struct flow_bucket *b, uint16_t tag, flow_match match, const void *ctx,
		       const void *key)
{
	for (unsigned int i = 0; i < FLOW_BUCKET_SLOTS; i++)
		if (b->tag[i] == tag && match(ctx, b->index[i], key))
			return b->index[i];
	return -1;
}

int64_t flow_table_find(const struct flow_table *t, uint64_t hash, flow_match match,
			const void *ctx, const void *key)
{
	uint16_t tag = tag_of(hash);
	int64_t index = find_in(first_of(t, hash), tag, match, ctx, key);

	return index >= 0 ? index : find_in(second_of(t, hash), tag, match, ctx, key);
}

static unsigned int used_in(const struct flow_bucket *b)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < FLOW_BUCKET_SLOTS; i++)
		n += b->tag[i] != 0;
	return n;
}

int flow_table_insert(struct flow_table *t, uint64_t hash, uint32_t index)
{
	struct flow_bucket *b = first_of(t, hash);
	struct flow_bucket *other = second_of(t, hash);

	if (used_in(other) < used_in(b))
		b = other;
	for (unsigned int i = 0; i < FLOW_BUCKET_SLOTS; i++) {
		if (b->tag[i] != 0)
			continue;
		b->tag[i] = tag_of(hash);
		b->index[i] = index;
		t->used++;
		return 0;
	}
	return -ENOSPC;
}

static bool remove_from(struct flow_bucket *b, uint16_t tag, uint32_t index)
{
	for (unsigned int i = 0; i < FLOW_BUCKET_SLOTS; i++) {
		if (b->tag[i] != tag || b->index[i] != index)
			continue;
		b->tag[i] = 0;
		return true;
	}
	return false;
}

int flow_table_remove(struct flow_table *t, uint64_t hash, uint32_t index)
{
	uint16_t tag = tag_of(hash);

	if (!remove_from(first_of(t, hash), tag, index) &&
	    !remove_from(second_of(t, hash), tag, index))
		return -ENOENT;
	t->used--;
	return 0;
}
