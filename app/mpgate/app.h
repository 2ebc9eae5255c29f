/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The process: what main() makes before the workers start and takes down after they have ended.
 * Every field is written by the control thread before the workers are launched and is constant
 * from then on, unless its comment says otherwise.
 */
#ifndef MPGATE_APP_H
#define MPGATE_APP_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "mptcp/conn/conn.h"
#include "port.h"
#include "route.h"

struct worker;
struct neigh;
struct ctl_server;

struct app {
	const struct config *cfg;
	const char *config_path;
	struct stack_secrets secrets;
	struct tcp_config tcp;
	struct local_addr local_addrs[CFG_SIGNAL_MAX]; /* announced; of every struct mptcp */
	uint8_t n_local_addrs;
	struct rte_mempool *mbufs; /* the one pool of packet buffers */
	uint32_t mbufs_reserve;    /* of them for receiving and acknowledging; stack_memory() */
	uint16_t n_ports;
	struct port ports[CFG_PORTS_MAX];
	struct route_table routes;
	uint64_t tsc_base; /* where the workers' time begins: a second before they are made */
	uint16_t n_workers;
	struct worker *workers[CFG_WORKERS_MAX];
	/* control thread only, from start to end */
	struct neigh *neigh;
	struct ctl_server *ctl;
	uint64_t ctrs[CTR_MAX]; /* what this thread drops */
	uint64_t started_us;    /* CLOCK_MONOTONIC when serving began */
	uint16_t quiet_turns;   /* of the control loop in a row: no worker asked anything */
	bool draining;          /* SIGTERM or SIGINT came */
};

/* CLOCK_MONOTONIC in microseconds. Control thread only: a system call. */
uint64_t app_now_us(void);

#endif
