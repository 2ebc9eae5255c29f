/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Hash index from a 64-bit keyed hash to a 32-bit object index. A bucket is one cache line of
 * eight 16-bit tags and eight indexes; an entry lives in one of two buckets, the emptier one. The
 * caller compares the whole key on a tag match. One worker owns a table; sized at twice the
 * entries, so an insertion fails only when the table is full beyond its plan.
 */
#ifndef TCP_FLOW_TABLE_H
#define TCP_FLOW_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLOW_BUCKET_SLOTS 8

struct flow_bucket {
	uint16_t tag[FLOW_BUCKET_SLOTS]; /* 0: free */
	uint32_t index[FLOW_BUCKET_SLOTS];
	uint32_t pad[4];
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct flow_bucket) == 64, "one cache line a bucket");

struct flow_table {
	struct flow_bucket *buckets;
	uint32_t mask;
	uint32_t used;
};

/* Whether the object at index has the key searched for. */
typedef bool (*flow_match)(const void *ctx, uint32_t index, const void *key);

size_t flow_table_memory(uint32_t entries);
/* mem: flow_table_memory(entries) octets, 64-octet aligned. */
void flow_table_init(struct flow_table *t, void *mem, uint32_t entries);
/* The index whose key matches, or -1. */
int64_t flow_table_find(const struct flow_table *t, uint64_t hash, flow_match match,
			const void *ctx, const void *key);
/* 0 or -ENOSPC. The caller has made sure that the key is not there. */
int flow_table_insert(struct flow_table *t, uint64_t hash, uint32_t index);
/* 0 or -ENOENT. */
int flow_table_remove(struct flow_table *t, uint64_t hash, uint32_t index);

#endif
