/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The control socket: a UNIX stream socket on which each request is one line of JSON and each reply
 * is one line of JSON. Control thread only; nothing here blocks, whatever a client does.
 *
 *   {"cmd":"show","what":"status"}
 *   {"ok":true,"data":{...}}   or   {"ok":false,"error":"what is wrong"}
 *
 * Beside "data" there may be more of the reply: what is missing in a list (ctl_show.h).
 */
#ifndef MPGATE_CTL_SERVER_H
#define MPGATE_CTL_SERVER_H

#include <stddef.h>

#include <jansson.h>

#define CTL_CLIENTS_MAX 16
#define CTL_REQUEST_MAX 4096                 /* octets, the end of the line included */
#define CTL_REPLY_MAX   (64u * 1024 * 1024)  /* octets of one reply */
#define CTL_OUTPUT_MAX  (128u * 1024 * 1024) /* octets waiting for all clients together */
#define CTL_SHOW_MAX    32
#define CTL_IDLE_MS     30000 /* a client without a whole request or any progress for so long */

struct ctl_server;

/*
 * Produces the data of "show <what>". arg: as registered; params: the whole request object,
 * borrowed; reply: the object that data becomes a member of, borrowed, to which others may be
 * added. Returns a new reference, which the server releases, or NULL when there is no answer.
 */
typedef json_t *ctl_show_fn(void *arg, const json_t *params, json_t *reply);

/*
 * Listen on path, with mode 0600. A socket that a dead process left there is replaced. Returns 0
 * with the server in *out, or -EADDRINUSE when a live process listens there, -EEXIST when path is
 * no socket, -ENAMETOOLONG, -ENOMEM, or the -errno of the system.
 */
int ctl_server_init(struct ctl_server **out, const char *path);

/* Answer "show name" with fn. name is borrowed for the server's life. Returns 0, -EEXIST or
 * -ENOSPC. */
int ctl_server_register(struct ctl_server *srv, const char *name, ctl_show_fn *fn, void *arg);

/*
 * Wait up to timeout_ms (0: not at all) until a client wants something, and serve each client that
 * does once: at most one request of each. Returns 0, -EINTR when a signal came, or the -errno of
 * poll().
 */
int ctl_server_poll(struct ctl_server *srv, int timeout_ms);

/* Another limit than CTL_IDLE_MS. */
void ctl_server_set_idle(struct ctl_server *srv, int idle_ms);
/* Another clock than CLOCK_MONOTONIC, milliseconds; NULL: that one again. */
void ctl_server_set_clock(struct ctl_server *srv, int64_t (*now_ms)(void));

/* Clients connected now. */
unsigned int ctl_server_clients(const struct ctl_server *srv);

/* Close every client and remove the socket, if it is still ours; srv may be NULL. Frees srv. */
void ctl_server_close(struct ctl_server *srv);

#endif
