/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What "show" answers on the control socket: status, ports, listeners, connections, subflows,
 * counters. Control thread; what only a worker may look at, that worker copies between two bursts,
 * a bounded slice at a time.
 *
 * connections and subflows take "limit" (a number of entries, CTL_SHOW_ENTRIES unless told,
 * CTL_SHOW_ENTRIES_MAX at most, shared equally by the workers) and "all" (true: what is in
 * TIME_WAIT as well). The reply has, beside "data", "truncated":true when there are more entries
 * than that, and "silent_workers":[1] when some did not answer in time: theirs are left out.
 */
#ifndef MPGATE_CTL_SHOW_H
#define MPGATE_CTL_SHOW_H

struct app;
struct ctl_server;

#define CTL_SHOW_ENTRIES     4096
#define CTL_SHOW_ENTRIES_MAX 16384 /* some tenths of a second in which no ARP is answered */

/* Register all of the above with srv. app must outlive it; its workers run by the first request.
 * To be called once. */
void ctl_show_register(struct ctl_server *srv, struct app *app);

#endif
