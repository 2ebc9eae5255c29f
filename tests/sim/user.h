/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Users: the applications at both ends of a connection. Each sends a stream that says from its first
 * octet whose it is, and knows of every octet it receives what it must be.
 */
#ifndef SIM_USER_H
#define SIM_USER_H

#include "mptcp/conn/conn.h"
#include "sim.h"

struct host;

struct user {
	struct sim *sim;
	struct host *host;
	const struct sc_user *spec;
	const struct sc_conn *conn;
	const struct sc_tcp *tcp;
	struct conn *c; /* NULL: not yet, or ended */
	uint8_t id;     /* its stream's first octet: index + 1 */
	uint8_t peer;   /* id of the stream it receives; 0: none yet */
	bool client;
	bool began, connected, shut, fin, ended, aborted;
	enum conn_end why;
	bool pump_due, read_due, think, paused, pause_over;
	uint64_t tx, rx; /* octets given to, and taken from the connection */
	uint64_t began_ns, ended_ns;
	struct segq held; /* received, not read */
};

extern const struct conn_ops user_ops;

/* Make the clients of the scenario, each of which connects at its time. */
void users_start(struct sim *s);
/* Whether every connection has come to its end, and to a right one: a violation otherwise. */
void users_check_end(struct sim *s);
/* Connections of the scenario that have begun and not ended, or have not begun. */
bool users_busy(const struct sim *s);
void users_free(struct sim *s);

#endif
