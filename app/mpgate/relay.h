/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The relay: a client's connection and one to a server, joined. Payload goes over without a copy,
 * FIN and RST of one leg become FIN and RST of the other, and the receive window of one leg closes
 * as the other one stalls. One struct relay_ctx a worker; that worker only, unless said otherwise.
 *
 *   accepted --> CONNECTING --connected--> OPEN --both legs closed--> dead --relay_reap()--> free
 *                 |      ^ |                ^
 *                 +-next-+ +-none left, or the client is gone: the other leg is reset--> dead
 *                  server
 */
#ifndef MPGATE_RELAY_H
#define MPGATE_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "listener.h"
#include "mptcp/conn/conn.h"
#include "relay_tune.h"
#include "upstream.h"

struct worker;
struct relay_ctx;

/* What a client may send before its server is connected: the window that its SYN/ACK offered. */
#define RELAY_EARLY_MAX 65535

enum relay_side { RELAY_CLIENT, RELAY_SERVER, RELAY_SIDES };

struct relay_leg {
	struct conn *c;         /* NULL: closed */
	uint32_t id;            /* of c, also after its end */
	bool fin;               /* its peer has closed its direction */
	struct relay_tune tune; /* of what its peer sends */
};

struct relay {
	struct relay_ctx *ctx;
	struct listener *listener;
	struct relay_leg leg[RELAY_SIDES];
	bool open; /* the server is connected */
	bool dead; /* on the dead list */
	/* while the server is being connected */
	struct segq early; /* what the client sent; over next/prev, the relay is its only owner */
	struct upstream_walk walk;
	struct wheel_timer timer; /* connect timeout */
	struct relay *next_dead;
};

/* The relays of one worker, and where their connections come from and go to. */
struct relay_ctx {
	struct worker *w;
	uint32_t buffer,
		buffer_max; /* octets each direction of a relay may hold: at first, at most */
	struct relay *dead; /* ended; given back by relay_reap() */
	struct pool relays;
	struct upstream upstreams;
	struct listener_table listeners;
};

/* --- control thread, before the worker starts or after it has ended --------------------------- */

/* Octets relay_init() takes a worker. Pure. */
size_t relay_memory(const struct config *cfg);
/* Make w->relay, listeners and upstream pools included; w->lcore and w->index are set. cfg must
 * outlive it. Returns 0 or -ENOMEM. */
int relay_init(struct worker *w, const struct config *cfg);
/* Give it back; w->relay may be NULL. */
void relay_free(struct worker *w);

/* --- worker ------------------------------------------------------------------------------------- */

/* Free the relays that ended. Call once a burst, beside mptcp_reap(), never from an upcall. */
void relay_reap(struct worker *w);
/* Accept no more connections; those that live go on. */
void relay_drain(struct worker *w);
/* The relay of c, or NULL: none yet, or no more. For reports. */
const struct relay *relay_of(const struct conn *c);

/* --- any thread ----------------------------------------------------------------------------------- */

/* Relays that live. */
uint32_t relay_count(const struct worker *w);

#endif
