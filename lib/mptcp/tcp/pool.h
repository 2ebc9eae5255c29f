/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A pool of equal objects in memory given at start: a free list, nothing else. One worker owns a
 * pool; neither locks nor allocates. Objects have a stable index, so tables can hold 32 bits.
 */
#ifndef TCP_POOL_H
#define TCP_POOL_H

#include <stddef.h>
#include <stdint.h>

struct pool {
	uint8_t *base;
	uint32_t *free; /* stack of free indexes */
	uint32_t n_free;
	uint32_t n;
	uint32_t size; /* octets an object, a multiple of 64 */
};

/* Octets of memory pool_init() wants for n objects of obj_size octets. */
size_t pool_memory(uint32_t n, size_t obj_size);
/* mem: at least pool_memory() octets, 64-octet aligned, owned by the caller. */
void pool_init(struct pool *p, void *mem, uint32_t n, size_t obj_size);
/* A zeroed object, or NULL when none is left. */
void *pool_get(struct pool *p);
/* Give back obj, which came from pool_get(); its contents are poisoned. */
void pool_put(struct pool *p, void *obj);

static inline uint32_t pool_index(const struct pool *p, const void *obj)
{
	return (uint32_t)((size_t)((const uint8_t *)obj - p->base) / p->size);
}

static inline void *pool_at(const struct pool *p, uint32_t index)
{
	return p->base + (size_t)index * p->size;
}

static inline uint32_t pool_used(const struct pool *p)
{
	return p->n - p->n_free;
}

#endif
