/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What "show" answers on the control socket: status, ports, listeners, connections, subflows,
 * counters. Control thread; what only a worker may look at, that worker copies between two bursts,
 * a bounded slice at a time.
 *
 * connections and subflows take "limit" (a number of entries, CTL_SHOW_ENTRIES at most and unless
 * told) and "all" (true: what is in TIME_WAIT as well).
 */
#ifndef MPGATE_CTL_SHOW_H
#define MPGATE_CTL_SHOW_H

struct app;
struct ctl_server;

#define CTL_SHOW_ENTRIES 4096

/* Register all of the above with srv. app must outlive it; its workers run by the first request.
 * To be called once. */
void ctl_show_register(struct ctl_server *srv, struct app *app);

#endif
