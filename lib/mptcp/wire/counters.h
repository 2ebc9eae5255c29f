/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Every counter and every drop reason of the data path, from one list (counters.def). Each worker
 * owns one array: written by that worker only, read by the control thread with relaxed loads.
 */
#ifndef WIRE_COUNTERS_H
#define WIRE_COUNTERS_H

#include <stdint.h>

enum counter {
	CTR_NONE = 0, /* "no drop reason"; never counted */
#define CTR(id, name, kind, help) CTR_##id,
#include "mptcp/wire/counters.def"
#undef CTR
	CTR_MAX
};

/* What a counter means for a reader. */
enum counter_kind {
	CTR_KIND_EVENT, /* something that happened */
	CTR_KIND_DROP,  /* a packet dropped for this reason */
	CTR_KIND_GAUGE, /* a level: goes up and down */
};

struct counter_desc {
	const char *name; /* names of Linux' MPTcpExt/TcpExt where there is one */
	enum counter_kind kind;
	const char *help;
};

extern const struct counter_desc counter_desc[CTR_MAX];

static inline void ctr_inc(uint64_t *ctrs, enum counter c)
{
	__atomic_store_n(&ctrs[c], ctrs[c] + 1, __ATOMIC_RELAXED);
}

static inline void ctr_add(uint64_t *ctrs, enum counter c, uint64_t n)
{
	__atomic_store_n(&ctrs[c], ctrs[c] + n, __ATOMIC_RELAXED);
}

#endif
