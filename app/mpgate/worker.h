/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A worker: one thread that receives, terminates, relays and sends, to completion, for the
 * connections it owns. Field comments say who writes (w) and who reads (r) what two threads see;
 * everything else is the worker's alone once it runs.
 */
#ifndef MPGATE_WORKER_H
#define MPGATE_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_common.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "config.h"
#include "mptcp/conn/conn.h"
#include "route.h"
#include "steer.h"

struct app;
struct relay_ctx;
struct worker;

#define WORKER_BURST     32
#define WORKER_TXQ       1024 /* packets a port may wait for its transmit queue; a power of two */
#define WORKER_TX_RING   1024 /* packets to be sent by another worker */
#define WORKER_CTRL_RING 1024 /* messages to and from the control thread */

/* Packets of one port on their way out: FIFO, indices run free. */
struct worker_txq {
	uint32_t head, tail; /* send at head, add at tail */
	struct rte_mbuf *m[WORKER_TXQ];
};

/* A queue this worker polls. */
struct worker_rxq {
	uint16_t dev, queue;
	uint16_t port; /* index in the configuration */
};

/* A call of the control thread: posted, then run by the worker between two bursts. */
enum worker_call_state { CALL_IDLE, CALL_POSTED, CALL_RUNNING, CALL_DONE };
struct worker_call_slot {
	void (*fn)(struct worker *w, void *arg);
	void *arg;
	int state; /* atomic. w: control IDLE->POSTED->IDLE, worker POSTED->RUNNING->DONE */
};

struct worker {
	/* what the library works on; worker_of_stack() and worker_of_mptcp() go back from them */
	struct stack st;
	struct mptcp mp;
	struct relay_ctx *relay; /* w, r: relay.c */
	struct app *app;
	uint16_t index;
	uint16_t lcore;
	uint64_t tsc_base, tsc_hz; /* now_us counts from tsc_base */
	/* io */
	uint16_t n_rxqs;
	struct worker_rxq rxqs[CFG_PORTS_MAX];
	struct worker_txq txqs[CFG_PORTS_MAX];
	struct nexthop_cache nexthops;
	struct steer steer;
	struct rate_limit icmp_limit, too_big_limit, want_limit;
	struct rate_limit ctrl_limit[CFG_PORTS_MAX]; /* a flood on one port is that port's */
	/* rings by the other worker's index; [index] is NULL. in: r; out: w */
	struct rte_ring *steer_in[CFG_WORKERS_MAX], *steer_out[CFG_WORKERS_MAX];
	struct rte_ring *join_in[CFG_WORKERS_MAX], *join_out[CFG_WORKERS_MAX];
	struct rte_ring *msg_in[CFG_WORKERS_MAX], *msg_out[CFG_WORKERS_MAX];
	struct rte_ring *tx_in[CFG_WORKERS_MAX], *tx_out[CFG_WORKERS_MAX];
	struct rte_ring *ctrl_in;  /* w: control, r: worker */
	struct rte_ring *ctrl_out; /* w: worker, r: control */
	void *table_mem[3];        /* w, r: control thread. What worker_free() gives back */
	/* w: worker, r: control (relaxed) */
	uint64_t ctrs[CTR_MAX] __rte_cache_aligned;
	uint64_t busy_cycles, total_cycles; /* TSC; since the start */
	uint64_t passes;
	/* both ways */
	struct worker_call_slot call __rte_cache_aligned;
	int stop; /* atomic. w: control, r: worker */
};

static inline struct worker *worker_of_stack(struct stack *st)
{
	return container_of(st, struct worker, st);
}

static inline struct worker *worker_of_mptcp(struct mptcp *mp)
{
	return container_of(mp, struct worker, mp);
}

/* A counter of w as another thread may read it. */
static inline uint64_t worker_ctr(const struct worker *w, enum counter c)
{
	return __atomic_load_n(&w->ctrs[c], __ATOMIC_RELAXED);
}

/* --- control thread ------------------------------------------------------------------------- */

/* Allocates all that worker index needs, from rte memory of its socket, and makes its library
 * state; rings come later (steer_rings_create()). NULL: out of memory, said on stderr. */
struct worker *worker_new(struct app *app, uint16_t index);
/* After the worker has ended. w may be NULL. */
void worker_free(struct worker *w);
/* Start the loop on its lcore. Returns 0 or -errno. */
int worker_launch(struct worker *w);
/* Tell w to end and wait until it has. */
void worker_stop(struct worker *w);

/*
 * Run fn(w, arg) on w between two bursts and wait until it has returned. fn must be short (it holds
 * up the worker's packets): neither blocks nor allocates. Returns 0, or -ETIMEDOUT when w did not
 * begin within timeout_ms; fn then will not be run.
 */
int worker_call(struct worker *w, void (*fn)(struct worker *w, void *arg), void *arg,
		uint32_t timeout_ms);

/* --- worker ----------------------------------------------------------------------------------- */

/* rx.c: one burst of received frames of rxq q. */
void rx_burst(struct worker *w, const struct worker_rxq *q, struct rte_mbuf **m, unsigned int n);
/* rx.c: a packet that is w's own, at its IP header: p is filled when parsed. Consumed. */
void rx_tcp(struct worker *w, struct rte_mbuf *m, struct pkt *p, bool parsed);

/* icmp.c: an ICMP or ICMPv6 packet (not neighbour discovery) for an address of ours, at its IP
 * header; consumed. */
void icmp_input(struct worker *w, struct rte_mbuf *m, bool v4);
/* icmp.c: "too big", by its type, that another worker has sent here; consumed. */
void icmp_too_big_moved(struct worker *w, struct rte_mbuf *m);

/* tx.c: stack_ops.output. */
void tx_output(struct stack *st, struct rte_mbuf *m, struct nexthop *nh);
/* Send the IP packet m on port to mac; consumed. */
void tx_ip(struct worker *w, struct rte_mbuf *m, uint16_t port, const struct rte_ether_addr *mac);
/* Queue the frame m on port, or give it to the worker that has the port's queue; consumed. */
void tx_frame(struct worker *w, struct rte_mbuf *m, uint16_t port);
/* Take what other workers want sent. Returns the number taken. */
unsigned int tx_poll(struct worker *w);
/* Hand everything queued to the drivers, as far as they take it. */
void tx_flush(struct worker *w);
/* Free what is still queued (at the end). */
void tx_drop_all(struct worker *w);

#endif
