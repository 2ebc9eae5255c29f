/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What must hold of the connection layer after every step, whatever peers and users do: queues,
 * tables, pools, counters, timers, and where each packet buffer is.
 */
#ifndef FUZZ_CONN_WATCH_H
#define FUZZ_CONN_WATCH_H

#include "tcp_watch.h"
#include "mptcp/conn/conn.h"

/* watch: one for each slot of the pool of subflows. Returns the packet buffers that are held. */
unsigned int conn_watch_step(struct mptcp *mp, struct tcp_watch *watch);
/* All is given back. */
void conn_watch_end(const struct mptcp *mp);

#endif
