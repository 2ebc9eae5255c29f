/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One question to a running mpgate over its control socket.
 * One thread; blocks up to CLIENT_WAIT_MS.
 */
#ifndef MPGATECTL_CLIENT_H
#define MPGATECTL_CLIENT_H

#include <stddef.h>

#include <jansson.h>

#define CLIENT_SOCKET  "/run/mpgate.sock" /* the default of control.socket */
#define CLIENT_WAIT_MS 10000
#define CLIENT_WHY_LEN 512

/*
 * Send request (borrowed) to the socket at path. Returns the reply, a new reference that has "data",
 * or NULL with the reason, for the user, in why of CLIENT_WHY_LEN octets.
 */
json_t *client_ask(const char *path, const json_t *request, char *why);

#endif
