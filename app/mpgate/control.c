/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The control thread's loop. Workers make no system call to wake it: it waits on the control socket for
 * WAIT_MS at a time, or for QUIET_WAIT_MS when they have not asked for a while, and a question about a
 * neighbour is never older than that. Control thread.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "app.h"
#include "control.h"
#include "ctl_server.h"
#include "msg.h"
#include "neigh.h"
#include "relay.h"
#include "worker.h"

#define CONTROL_BURST   64
#define WAIT_MS         1
#define QUIET_WAIT_MS   8  /* a wake-up takes a CPU from somebody, if this one has no own */
#define QUIET_TURNS     50 /* without a message */
#define CALL_TIMEOUT_MS 1000
#define LINGER_MS       200 /* after the last relay: its last segments */
#define ABORT_SLOTS     128 /* connections of a worker looked at between two of its bursts */

static volatile sig_atomic_t signals;

static void on_signal(int sig)
{
	(void)sig;
	signals = signals + 1;
}

int control_signals(void)
{
	struct sigaction sa = {.sa_handler = on_signal};

	sigemptyset(&sa.sa_mask);
	if (sigaction(SIGTERM, &sa, NULL) != 0 || sigaction(SIGINT, &sa, NULL) != 0)
		return -errno;
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

uint64_t app_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static unsigned int control_messages(struct app *app, uint64_t now_us)
{
	struct msg msgs[CONTROL_BURST];
	unsigned int total = 0;

	for (unsigned int i = 0; i < app->n_workers; i++) {
		unsigned int n = msg_recv(app->workers[i]->ctrl_out, msgs, CONTROL_BURST);

		for (unsigned int j = 0; j < n; j++)
			neigh_message(app->neigh, &msgs[j], now_us);
		total += n;
	}
	return total;
}

static void control_turn(struct app *app)
{
	uint64_t now_us;

	ctl_server_poll(app->ctl, app->quiet_turns < QUIET_TURNS ? WAIT_MS : QUIET_WAIT_MS);
	now_us = app_now_us();
	if (control_messages(app, now_us) > 0)
		app->quiet_turns = 0;
	else if (app->quiet_turns < QUIET_TURNS)
		app->quiet_turns++;
	neigh_timers(app->neigh, now_us);
}

static void begin_drain(struct worker *w, void *arg)
{
	(void)arg;
	w->mp.draining = true;
	relay_drain(w);
}

static uint32_t relays_left(const struct app *app)
{
	uint32_t n = 0;

	for (unsigned int i = 0; i < app->n_workers; i++)
		n += relay_count(app->workers[i]);
	return n;
}

/* Reset the connections in the next ABORT_SLOTS slots of the worker's pool; moves the cursor. */
static void abort_slots(struct worker *w, void *arg)
{
	uint32_t *cursor = arg;

	for (uint32_t i = 0; i < ABORT_SLOTS && *cursor < w->mp.conns.n; i++, (*cursor)++) {
		struct conn *c = mptcp_conn_at(&w->mp, *cursor);

		if (c != NULL)
			conn_abort(c);
	}
}

/* Time is up: tell the peers that their connections are gone, rather than fall silent. */
static void abort_all(struct app *app)
{
	for (unsigned int i = 0; i < app->n_workers; i++) {
		struct worker *w = app->workers[i];
		uint32_t cursor = 0;

		while (cursor < w->mp.conns.n)
			if (worker_call(w, abort_slots, &cursor, CALL_TIMEOUT_MS) != 0)
				break;
	}
}

static void control_drain(struct app *app)
{
	int signals_before = signals;
	uint64_t end_us = app_now_us() + app->cfg->drain_ms * 1000ull;
	uint64_t linger_us;

	app->draining = true;
	for (unsigned int i = 0; i < app->n_workers; i++)
		worker_call(app->workers[i], begin_drain, NULL, CALL_TIMEOUT_MS);
	while (relays_left(app) > 0) {
		if (app_now_us() >= end_us || signals != signals_before) {
			abort_all(app);
			break;
		}
		control_turn(app);
	}
	linger_us = app_now_us() + LINGER_MS * 1000;
	while (app_now_us() < linger_us)
		control_turn(app);
}

void control_run(struct app *app)
{
	neigh_announce(app->neigh, app_now_us());
	while (signals == 0)
		control_turn(app);
	control_drain(app);
}
