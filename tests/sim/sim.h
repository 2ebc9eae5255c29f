/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The simulation: virtual time, events, and the world they happen in. One thread, no clock, no
 * device; everything follows from the scenario and its seed.
 *
 *   user.c    what applications do          host.c   the library's code, as a worker has it
 *   path.c    links: rate, delay, loss ...  box.c    middleboxes on the way
 *   watch.c   what the wire may show        inspect.c  what the state may be
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "rng.h"
#include "scenario.h"

#define SIM_HOSTS_MAX 3
#define SIM_USERS_MAX (2 * SC_CONNS_MAX)
#define SIM_PATHS_MAX (SC_PATHS_MAX + 1)

#define NSEC_PER_USEC UINT64_C(1000)
#define NSEC_PER_MSEC UINT64_C(1000000)
#define NSEC_PER_SEC  UINT64_C(1000000000)

struct frame;
struct host;
struct path;
struct pcap;
struct sim;
struct user;
struct watch;

typedef void (*event_fn)(struct sim *s, void *ctx, uint64_t arg);

struct event {
	uint64_t at_ns, order;
	event_fn fn;
	void *ctx;
	uint64_t arg;
	bool frame; /* arg is a frame: freed when the event does not happen any more */
};

struct sim {
	uint64_t now_ns; /* since the start */
	const struct scenario *sc;
	struct rng rng;
	struct event *heap;
	unsigned int n_events, events_size;
	uint64_t order, events_run;
	unsigned int n_hosts, n_paths, n_users;
	struct host *hosts[SIM_HOSTS_MAX];
	struct path *paths[SIM_PATHS_MAX];
	struct user *users[SIM_USERS_MAX];
	struct watch *watch;  /* NULL: not watched */
	struct pcap *pcap;    /* NULL: none is written */
	FILE *trace;          /* NULL: not wanted */
	uint64_t progress_ns; /* when a user last sent, received or ended */
	bool failed;
	bool moot; /* something that TCP cannot hold against has happened: nothing more to learn */
	char violation[512]; /* the first one */
};

/* Run fn(s, ctx, arg) at that time, after all that was asked for the same time before. */
void sim_at(struct sim *s, uint64_t at_ns, event_fn fn, void *ctx, uint64_t arg);
/* The same with a frame, which is fn's then. */
void sim_frame_at(struct sim *s, uint64_t at_ns, event_fn fn, void *ctx, struct frame *f);
/* Something that must not be is. The first one counts and ends the run. */
void sim_violation(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sim_trace(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Build the world of sc; pcap_file may be NULL. */
void sim_init(struct sim *s, const struct scenario *sc, const char *pcap_file, FILE *trace);
/* Run it to its end. Returns whether no rule was broken. */
bool sim_run(struct sim *s);
void sim_free(struct sim *s);

/* Packet buffers of all hosts; started with as many as sim_pool_size says. */
extern unsigned int sim_pool_size;
struct rte_mempool *sim_pool(void);

#endif
