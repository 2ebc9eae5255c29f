/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Ports: ethdevs with the addresses that live on them. Made and closed by the control thread;
 * workers read struct port and call rx and tx burst on the queues that are theirs.
 *
 * Queue q of port p belongs to worker (p + q) % n_workers, receive and transmit alike. A port with
 * fewer queues than there are workers is polled by some only; the others get their packets, and
 * have theirs sent, over rings.
 */
#ifndef MPGATE_PORT_H
#define MPGATE_PORT_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>
#include <rte_mempool.h>

#include "config.h"

#define PORT_NO_QUEUE UINT16_MAX

struct port {
	const struct cfg_port *cfg;
	uint16_t index; /* in the configuration */
	uint16_t dev;   /* ethdev id, also rte_mbuf.port of what is received */
	uint16_t mtu;   /* octets of the largest IP packet */
	uint16_t n_queues;
	uint16_t worker_queue[CFG_WORKERS_MAX]; /* the worker's own queue, or PORT_NO_QUEUE */
	uint16_t tx_worker[CFG_WORKERS_MAX];    /* the worker that sends for a worker: itself, if it
						 * has a queue */
	struct rte_ether_addr mac;
	bool multi_segs; /* sends chained buffers */
	bool hw_rss;     /* spreads flows over its queues as steer_rss_owner() does */
	bool started;
	char driver[32];
};

struct app;

/*
 * Find, configure and start the ethdev of every configured port, with mbufs as their buffers.
 * Returns 0, or -errno after a line on stderr that names the port and the fix. What was started
 * stays for port_close_all().
 */
int port_init_all(struct app *app);
/* Stop and close every port that was started; safe after a port_init_all() that failed. */
void port_close_all(struct app *app);
/* Whether the link is up (the driver's word, not waited for). Control thread. */
bool port_link_up(const struct port *p);

#endif
