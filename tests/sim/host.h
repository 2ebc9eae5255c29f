/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A host: the library as a worker has it, with paths where a worker has ports. The relay is the
 * appliance's own; ends have users (user.c).
 */
#ifndef SIM_HOST_H
#define SIM_HOST_H

#include "frame.h"
#include "sim.h"
#include "worker.h"

#define HOST_PATHS_MAX SIM_PATHS_MAX
#define HOST_HELD_MAX  64

/* A packet that the driver has not let go of: its octets may not change meanwhile. */
struct held_tx {
	struct rte_mbuf *m;
	uint64_t sum;
};

struct host {
	struct worker w; /* first: a struct stack * or struct mptcp * leads here */
	struct sim *sim;
	const char *name;
	unsigned int index;
	bool relay;
	struct tcp_config tcp;
	struct conn_params params;               /* of what an end accepts or opens */
	struct local_addr addrs[HOST_PATHS_MAX]; /* with MPTCP: to be joined from, or to */
	uint16_t next_port;                      /* of joins */
	unsigned int n_paths;
	struct {
		struct path *path;
		unsigned int end;
	} path[HOST_PATHS_MAX];
	struct held_tx held[HOST_HELD_MAX];
	unsigned int n_held, held_at;
	struct frame *rx_head, **rx_tail; /* wait for the next poll */
	bool polling;                     /* there is an event for it */
	bool touched;                     /* something has happened at this time */
	uint64_t wake_ns;                 /* the event for its timers; UINT64_MAX: none */
	struct frame *rx_now;             /* being processed */
	void *mem;
	struct config *cfg; /* of a relay */
};

struct host *host_new(struct sim *s, const char *name, bool relay, const struct sc_tcp *tcp);
void host_attach(struct host *h, struct path *p, unsigned int end);
/* Everything given back; a violation when something is left. */
void host_free(struct host *h);
/* After all paths are attached: listeners, upstream pool. */
void host_start(struct host *h);
/* A frame arrives; consumed. */
void host_receive(struct host *h, struct path *p, struct frame *f);
/* The end of what happens at one time: acknowledge, reap, see to timers. */
void host_settle(struct host *h);
/* Something outside of receive and timers has called the library. */
void host_touch(struct host *h);
/* The driver lets go of all it has. */
void host_release_held(struct host *h);

static inline struct host *host_of(struct stack *st)
{
	return container_of(worker_of_stack(st), struct host, w);
}

#endif
