/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The control thread's loop: the control socket, neighbours, signals. Control thread.
 */
#ifndef MPGATE_CONTROL_H
#define MPGATE_CONTROL_H

struct app;

/* Once, before control_run(): SIGTERM and SIGINT end it, SIGPIPE is ignored. 0 or -errno. */
int control_signals(void);

/*
 * Serve until a signal comes, then refuse new connections and wait until the relays are done, for
 * at most the configuration's drain_ms, or until a second signal; what lives then is reset.
 */
void control_run(struct app *app);

#endif
