/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A worker's life: memory and library state (control thread), the loop (its own lcore), the end.
 * One turn of the loop: the time, timers, what other threads sent, received bursts, output. The
 * clock is read once a turn; there is no lock in it, and no system call of ours while there is work.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_pause.h>

#include "app.h"
#include "msg.h"
#include "mptcp/pm/pm.h"
#include "relay.h"
#include "worker.h"

/* Limits of one worker, a second. */
#define ICMP_RATE    1000
#define TOO_BIG_RATE 5000
#define CTRL_RATE    2000  /* ARP and ND frames of a port for the control thread */
#define WANT_RATE    2000  /* requests to resolve */
#define SLEEP_PASSES 8     /* empty passes before the CPU is given up ... */
#define SLEEP_NS     20000 /* ... for this long, and the timer slack */
#define CALL_NAP_NS  20000

static const struct stack_ops worker_stack_ops = {
	.output = tx_output,
	.route = route_find,
};

static const struct conn_params *worker_listen(struct mptcp *mp, const struct ip_addr *local,
					       uint16_t port)
{
	return listener_find(worker_of_mptcp(mp), local, port);
}

static bool worker_pick_port(struct mptcp *mp, struct flow_key *key)
{
	struct worker *w = worker_of_mptcp(mp);

	/* To an address of ours a packet would not come back. */
	return route_addr_port(&w->app->routes, &key->remote) < 0 && upstream_pick_port(w, key);
}

static const struct mptcp_ops worker_mptcp_ops = {
	.pick_port = worker_pick_port,
	.listen = worker_listen,
	.steer_add = steer_add,
	.steer_del = steer_del,
};

static struct rate_limit limit_of(uint32_t rate)
{
	return (struct rate_limit){
		.per_ms_x1000 = rate, .burst = rate / 4, .tokens_x1000 = rate / 4 * 1000};
}

static void worker_queues(struct worker *w)
{
	const struct app *app = w->app;

	for (uint16_t i = 0; i < app->n_ports; i++) {
		const struct port *p = &app->ports[i];

		if (p->worker_queue[w->index] != PORT_NO_QUEUE)
			w->rxqs[w->n_rxqs++] = (struct worker_rxq){
				.dev = p->dev, .queue = p->worker_queue[w->index], .port = i};
	}
}

/* Microseconds since tsc_base; the base is one second in the past, so 0 never occurs. */
static uint64_t worker_us(const struct worker *w, uint64_t tsc)
{
	uint64_t d = tsc - w->tsc_base;

	return d / w->tsc_hz * 1000000 + d % w->tsc_hz * 1000000 / w->tsc_hz;
}

struct worker *worker_new(struct app *app, uint16_t index)
{
	const struct config *cfg = app->cfg;
	unsigned int lcore = index + 1u;
	int socket = (int)rte_lcore_to_socket_id(lcore);
	size_t steer_octets = steer_memory(cfg);
	struct worker *w = rte_zmalloc_socket("worker", sizeof(*w), 64, socket);
	void *mem, *steer_mem = NULL;

	if (w == NULL)
		goto no_memory;
	w->table_mem[0] = mem = rte_zmalloc_socket(
		"mptcp", mptcp_memory(cfg->connections * 2, cfg->subflows), 64, socket);
	if (steer_octets > 0)
		w->table_mem[1] = steer_mem = rte_zmalloc_socket("steer", steer_octets, 64, socket);
	if (mem == NULL || (steer_octets > 0 && steer_mem == NULL))
		goto no_memory;
	w->app = app;
	w->index = index;
	w->lcore = (uint16_t)lcore;
	w->tsc_hz = rte_get_tsc_hz();
	w->tsc_base = app->tsc_base;
	w->icmp_limit = limit_of(ICMP_RATE);
	w->too_big_limit = limit_of(TOO_BIG_RATE);
	for (unsigned int i = 0; i < RTE_DIM(w->ctrl_limit); i++)
		w->ctrl_limit[i] = limit_of(CTRL_RATE);
	w->want_limit = limit_of(WANT_RATE);
	nexthop_cache_init(&w->nexthops);
	worker_queues(w);

	stack_init(&w->st, &worker_stack_ops, &app->tcp, &app->secrets, app->mbufs, w->ctrs,
		   worker_us(w, rte_rdtsc()));
	w->st.worker = index;
	w->st.n_workers = app->n_workers;
	if (csprng_init_os(&w->st.rng) != 0) {
		fprintf(stderr, "mpgate: no random numbers: getrandom(2) failed\n");
		worker_free(w);
		return NULL;
	}
	w->mp.local_addrs = app->local_addrs;
	w->mp.n_local_addrs = app->n_local_addrs;
	w->mp.half_open_max = cfg->half_open_max;
	steer_init(w, steer_mem, cfg);
	mptcp_init(&w->mp, &w->st, &worker_mptcp_ops, &pm_default, mem, cfg->connections * 2,
		   cfg->subflows);
	if (relay_init(w, cfg) == 0)
		return w;
no_memory:
	fprintf(stderr,
		"mpgate: worker %u: no memory for its tables: raise memory.size_mb, or lower "
		"memory.connections or memory.subflows\n",
		index);
	worker_free(w);
	return NULL;
}

void worker_free(struct worker *w)
{
	if (w == NULL)
		return;
	relay_free(w);
	for (unsigned int i = 0; i < RTE_DIM(w->table_mem); i++)
		rte_free(w->table_mem[i]);
	rte_free(w);
}

/* --- the loop --------------------------------------------------------------------------------- */

static unsigned int worker_control(struct worker *w)
{
	struct msg msgs[WORKER_BURST];
	unsigned int n = msg_recv(w->ctrl_in, msgs, WORKER_BURST);

	for (unsigned int i = 0; i < n; i++) {
		const struct msg *msg = &msgs[i];

		if (msg->type == MSG_TX)
			tx_frame(w, msg->m, msg->port);
		else if (msg->type == MSG_NEIGH_SET)
			nexthop_update(w, msg->port, &msg->neigh.addr,
				       msg->up ? &msg->neigh.mac : NULL);
	}
	return n;
}

static void worker_run_call(struct worker *w)
{
	int posted = CALL_POSTED;

	if (likely(__atomic_load_n(&w->call.state, __ATOMIC_RELAXED) != CALL_POSTED))
		return;
	if (!__atomic_compare_exchange_n(&w->call.state, &posted, CALL_RUNNING, false,
					 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	w->call.fn(w, w->call.arg);
	__atomic_store_n(&w->call.state, CALL_DONE, __ATOMIC_RELEASE);
}

/* What happens between two readings of the clock. Returns the packets and messages handled. */
static unsigned int worker_pass(struct worker *w)
{
	struct rte_mbuf *m[WORKER_BURST];
	unsigned int work = worker_control(w);

	if (w->st.n_workers > 1) {
		work += steer_poll(w);
		work += tx_poll(w);
	}
	for (unsigned int i = 0; i < w->n_rxqs; i++) {
		const struct worker_rxq *q = &w->rxqs[i];
		unsigned int n = rte_eth_rx_burst(q->dev, q->queue, m, WORKER_BURST);

		if (n > 0)
			rx_burst(w, q, m, n);
		work += n;
	}
	stack_end_burst(&w->st);
	tx_flush(w);
	mptcp_reap(&w->mp);
	relay_reap(w);
	return work;
}

/* Once a millisecond: looks at the caches of all workers, too. */
static void worker_memory(struct worker *w)
{
	const struct app *app = w->app;

	stack_memory(&w->st, rte_mempool_avail_count(app->mbufs), app->mbufs_reserve);
	if (unlikely(w->st.mem_out))
		mptcp_relieve(&w->mp);
}

/* After the nth pass in a row that found nothing to do. */
static void worker_idle(enum cfg_idle how, unsigned int n)
{
	const struct timespec nap = {.tv_nsec = SLEEP_NS};

	if (how == IDLE_YIELD)
		sched_yield();
	else if (how == IDLE_SLEEP && n % SLEEP_PASSES == 0)
		nanosleep(&nap, NULL);
	else
		rte_pause();
}

static int worker_main(void *arg)
{
	struct worker *w = arg;
	const enum cfg_idle how = w->app->cfg->idle;
	uint64_t last = rte_rdtsc();
	unsigned int work = 0, idle = 0;

	while (!__atomic_load_n(&w->stop, __ATOMIC_RELAXED)) {
		uint64_t tsc = rte_rdtsc();
		uint32_t last_ms = w->st.now_ms;

		/* The turn before is charged now: it ended where this one begins. */
		if (work > 0)
			__atomic_store_n(&w->busy_cycles, w->busy_cycles + (tsc - last),
					 __ATOMIC_RELAXED);
		__atomic_store_n(&w->total_cycles, w->total_cycles + (tsc - last),
				 __ATOMIC_RELAXED);
		__atomic_store_n(&w->passes, w->passes + 1, __ATOMIC_RELAXED);
		last = tsc;
		stack_advance(&w->st, worker_us(w, tsc));
		if (w->st.now_ms != last_ms)
			worker_memory(w);
		work = worker_pass(w);
		worker_run_call(w);
		idle = work == 0 ? idle + 1 : 0;
		if (idle == 0)
			continue;
		mptcp_idle(&w->mp);
		worker_idle(how, idle);
	}
	tx_flush(w);
	tx_drop_all(w);
	nexthop_cache_flush(w);
	return 0;
}

/* --- control thread ------------------------------------------------------------------------- */

int worker_launch(struct worker *w)
{
	return rte_eal_remote_launch(worker_main, w, w->lcore);
}

void worker_stop(struct worker *w)
{
	__atomic_store_n(&w->stop, 1, __ATOMIC_RELAXED);
	rte_eal_wait_lcore(w->lcore);
}

int worker_call(struct worker *w, void (*fn)(struct worker *w, void *arg), void *arg,
		uint32_t timeout_ms)
{
	const struct timespec nap = {.tv_nsec = CALL_NAP_NS};
	uint64_t end_us = app_now_us() + timeout_ms * 1000ull;
	int state;

	w->call.fn = fn;
	w->call.arg = arg;
	__atomic_store_n(&w->call.state, CALL_POSTED, __ATOMIC_RELEASE);
	for (;;) {
		state = __atomic_load_n(&w->call.state, __ATOMIC_ACQUIRE);
		if (state == CALL_DONE)
			break;
		/* Once it runs it ends soon; before that it can be taken back. */
		if (state == CALL_POSTED && app_now_us() >= end_us &&
		    __atomic_compare_exchange_n(&w->call.state, &state, CALL_IDLE, false,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return -ETIMEDOUT;
		nanosleep(&nap, NULL);
	}
	__atomic_store_n(&w->call.state, CALL_IDLE, __ATOMIC_RELAXED);
	return 0;
}
