/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a worker lends to the library: time, randomness, secrets, buffers, counters, a way out.
 * One stack a worker; a simulator has one an endpoint. Nothing here is shared between workers but
 * the secrets, which are equal on all.
 */
#ifndef TCP_STACK_H
#define TCP_STACK_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "crypto/csprng.h"
#include "crypto/siphash.h"
#include "mptcp/tcp/timer_wheel.h"
#include "mptcp/wire/counters.h"
#include "mptcp/wire/pkt.h"

struct stack;
struct tcp;

/* Where packets of a connection leave: opaque to the library, resolved by its user. */
struct nexthop;

struct stack_ops {
	/* Send m, which begins with its IP header; m is consumed whatever happens. */
	void (*output)(struct stack *st, struct rte_mbuf *m, struct nexthop *nh);
	/* The way from local to remote, or NULL; *mtu gets the IP packet size it takes. */
	struct nexthop *(*route)(struct stack *st, const struct ip_addr *local,
				 const struct ip_addr *remote, uint16_t *mtu);
};

/* Secrets shared by all workers of a process; made at start. */
struct stack_secrets {
	struct siphash_key isn;    /* RFC 6528 */
	struct siphash_key ts;     /* timestamp offsets */
	struct siphash_key cookie; /* SYN cookies and the MPTCP keys under them */
	struct siphash_key join;   /* owner bits in the ISN of joins */
	struct siphash_key flow;   /* hash tables */
};

/* Path MTU besides what ICMP says: nothing; black holes (and back from them); and probing upwards. */
enum tcp_mtu_probing { TCP_MTU_OFF, TCP_MTU_BLACKHOLE, TCP_MTU_ON };

enum tcp_ecn { TCP_ECN_OFF, TCP_ECN_ACCEPT, TCP_ECN_REQUEST }; /* REQUEST accepts, too */

struct tcp_config {
	const struct tcp_cc_ops *cc;
	uint32_t time_wait_ms;
	uint32_t rto_min_ms, rto_max_ms, rto_initial_ms;
	uint32_t delack_ms;
	uint8_t ecn;            /* enum tcp_ecn */
	bool pacing;            /* tcp_pace.c */
	uint8_t mtu_probing;    /* enum tcp_mtu_probing */
	uint8_t rcv_wscale;     /* window scale we offer */
	uint8_t syn_retries;    /* SYN and SYN/ACK retransmissions */
	uint8_t data_retries;   /* RTOs in a row before giving up */
	uint8_t orphan_retries; /* the same when our side is closed */
	uint32_t keepalive_ms;  /* idle time before probes; 0: none */
	/* Time without any progress before giving up, the retries or not; 0: they alone decide (RFC 9293
	 * s3.8.3, RFC 5482 s3, whose option is neither sent nor read). */
	uint32_t user_timeout_ms;
	uint32_t ofo_segs_max; /* out-of-order segments a connection may hold */
};
extern const struct tcp_config tcp_config_default;

/* A bucket of tokens a millisecond. */
struct rate_limit {
	uint32_t per_ms_x1000; /* tokens a second */
	uint32_t burst;
	uint32_t tokens_x1000;
	uint32_t last_ms;
};
/* Takes a token: whether there was one. */
bool rate_limit_ok(struct rate_limit *r, uint32_t now_ms);

struct stack {
	uint64_t now_us; /* set by the loop once a burst, never moves back */
	uint32_t now_ms;
	uint16_t worker; /* index of the owner */
	uint16_t n_workers;
	uint64_t *ctrs; /* [CTR_MAX] */
	const struct stack_ops *ops;
	const struct tcp_config *cfg;
	const struct stack_secrets *secrets;
	struct rte_mempool *mbufs; /* private area of SEG_PRIV_SIZE */
	/* Packet buffers are shared by all: see stack_memory(). */
	uint32_t seg_share; /* segments that one queue may hold */
	bool mem_out;       /* nothing that can be refused is taken */
	struct csprng rng;
	struct timer_wheel wheel;
	struct tcp *tw_oldest, *tw_newest; /* connections in TIME_WAIT; w: tcp.c */
	struct tcp *burst; /* connections that acknowledge when the burst ends; w: tcp_delack.c */
	struct rate_limit rst_limit, challenge_limit;
	uint16_t ip_id;
};

/* Fill st; ops, cfg, secrets, mbufs and ctrs stay the caller's and must outlive it. The caller seeds
 * st->rng afterwards, and may set n_workers, worker and other limits. */
void stack_init(struct stack *st, const struct stack_ops *ops, const struct tcp_config *cfg,
		const struct stack_secrets *secrets, struct rte_mempool *mbufs, uint64_t *ctrs,
		uint64_t now_us);
/*
 * Of the packet buffers so many are free, and reserve of them are for receiving and acknowledging,
 * which is what frees buffers again. A queue may hold an eighth of the rest: the more queues are
 * full the less each of them gets, and some is always left for a new one. Call once a millisecond or
 * so; never called, there is no limit.
 * Source: Choudhury and Hahne, "Dynamic queue length thresholds", 1998.
 */
void stack_memory(struct stack *st, uint32_t free, uint32_t reserve);
/* All packets of a burst are in: acknowledges what came in order, and offers new room. Call after each
 * burst, and after what else may call conn_window_update(). */
void stack_end_burst(struct stack *st);
/* New time, and all timers that are due. Call once a burst or poll. */
void stack_advance(struct stack *st, uint64_t now_us);

static inline void st_inc(struct stack *st, enum counter c)
{
	ctr_inc(st->ctrs, c);
}
static inline void st_dec(struct stack *st, enum counter c)
{
	ctr_add(st->ctrs, c, (uint64_t)-1);
}

#endif
