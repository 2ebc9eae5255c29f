/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A free list of indexes over equal objects. Get and put touch the object and one word of the list.
 * Owning worker only.
 */
#include <string.h>

#include "mptcp/tcp/pool.h"

#define POOL_ALIGN  64
#define POOL_POISON 0xa5 /* a pointer read from a freed object faults: not canonical */

static size_t object_size(size_t obj_size)
{
	return (obj_size + POOL_ALIGN - 1) & ~(size_t)(POOL_ALIGN - 1);
}

size_t pool_memory(uint32_t n, size_t obj_size)
{
	return n * object_size(obj_size) + n * sizeof(uint32_t);
}

void pool_init(struct pool *p, void *mem, uint32_t n, size_t obj_size)
{
	p->size = (uint32_t)object_size(obj_size);
	p->base = mem;
	p->free = (uint32_t *)(void *)(p->base + (size_t)n * p->size);
	p->n = n;
	p->n_free = n;
	/* The lowest index is on top: a pool little used stays in few pages. */
	for (uint32_t i = 0; i < n; i++)
		p->free[i] = n - 1 - i;
}

void *pool_get(struct pool *p)
{
	void *obj;

	if (p->n_free == 0)
		return NULL;
	obj = pool_at(p, p->free[--p->n_free]);
	memset(obj, 0, p->size);
	return obj;
}

void pool_put(struct pool *p, void *obj)
{
	memset(obj, POOL_POISON, p->size);
	p->free[p->n_free++] = pool_index(p, obj);
}
