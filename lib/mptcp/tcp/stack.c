/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a worker lends to the library: set up, and the clock. Owning worker only.
 */
#include <string.h>

#include "mptcp/tcp/stack.h"
#include "mptcp/tcp/tcp.h"

/* Answers to strangers a second, and at once. Linux limits challenge ACKs to 1000 a second too. */
#define ANSWER_RATE  1000
#define ANSWER_BURST 200

const struct tcp_config tcp_config_default = {
	.cc = &cc_cubic,
	.time_wait_ms = 60000, /* 2 MSL with the MSL of 30 s that every system takes */
	.rto_min_ms = 200,
	.rto_max_ms = 60000,    /* RFC 6298 (2.5) */
	.rto_initial_ms = 1000, /* RFC 6298 (2.1) */
	.delack_ms = 40,
	.ecn = TCP_ECN_ACCEPT, /* as Linux does */
	.pacing = true,
	.mtu_probing = TCP_MTU_ON,
	.rcv_wscale = 9,
	.syn_retries = 5,
	.data_retries = 15, /* RFC 9293 s3.8.3: R2 of at least 100 s */
	.orphan_retries = 8,
	.keepalive_ms = 7200000, /* RFC 9293 s3.8.4 */
	.ofo_segs_max = 4096,
};

bool rate_limit_ok(struct rate_limit *r, uint32_t now_ms)
{
	uint32_t elapsed_ms = now_ms - r->last_ms;
	uint64_t tokens = r->tokens_x1000 + (uint64_t)elapsed_ms * r->per_ms_x1000;
	uint64_t most = (uint64_t)r->burst * 1000;

	if (most > UINT32_MAX)
		most = UINT32_MAX;
	r->last_ms = now_ms;
	r->tokens_x1000 = (uint32_t)(tokens < most ? tokens : most);
	if (r->tokens_x1000 < 1000)
		return false;
	r->tokens_x1000 -= 1000;
	return true;
}

static void limit_init(struct rate_limit *r, uint32_t now_ms)
{
	r->per_ms_x1000 = ANSWER_RATE;
	r->burst = ANSWER_BURST;
	r->tokens_x1000 = ANSWER_BURST * 1000;
	r->last_ms = now_ms;
}

void stack_init(struct stack *st, const struct stack_ops *ops, const struct tcp_config *cfg,
		const struct stack_secrets *secrets, struct rte_mempool *mbufs, uint64_t *ctrs,
		uint64_t now_us)
{
	memset(st, 0, sizeof(*st));
	st->now_us = now_us;
	st->now_ms = (uint32_t)(now_us / 1000);
	st->n_workers = 1;
	st->ctrs = ctrs;
	st->ops = ops;
	st->cfg = cfg;
	st->secrets = secrets;
	st->mbufs = mbufs;
	st->seg_share = UINT32_MAX;
	wheel_init(&st->wheel, st->now_ms);
	limit_init(&st->rst_limit, st->now_ms);
	limit_init(&st->challenge_limit, st->now_ms);
}

void stack_memory(struct stack *st, uint32_t free, uint32_t reserve)
{
	st->seg_share = free > reserve ? (free - reserve) / 8 : 0;
	st->mem_out = free < reserve;
}

void stack_advance(struct stack *st, uint64_t now_us)
{
	st->now_us = now_us;
	st->now_ms = (uint32_t)(now_us / 1000);
	wheel_advance(&st->wheel, st->now_ms, st);
	__atomic_store_n(&st->ctrs[CTR_CUR_TIMERS], st->wheel.armed, __ATOMIC_RELAXED);
}
