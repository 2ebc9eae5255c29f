/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Schedulers: which subflow carries the next segment. What all of them have in common is in sched.c: backup
 * subflows serve only while no other lives (RFC 8684 s3.3.8), a stale one only while all are; a scheduler
 * chooses among the rest. Owning worker only.
 */
#ifndef CONN_SCHEDULER_H
#define CONN_SCHEDULER_H

#include "mptcp/conn/conn.h"

/* The subflows that come into question for a segment. */
struct sched_set {
	const struct conn *c;
	uint32_t len; /* of the segment */
	unsigned int n;
	struct sched_path {
		struct subflow *sf;
		uint32_t rtt_us;
		bool room; /* congestion window and peer's window let the segment go now */
	} path[CONN_SLOTS_MAX];
};

struct sched_ops {
	const char *name;
	/* One of those that have room, or NULL: it waits, which only one may mean that has something in flight:
	 * its acknowledgement asks again. s has one path at least. */
	struct subflow *(*pick)(struct conn *c, const struct sched_set *s);
	/* Each segment goes over every path that has room for it. */
	bool redundant;
};

extern const struct sched_ops sched_blest, sched_minrtt, sched_roundrobin, sched_weighted,
	sched_priority, sched_redundant, sched_ecf;
#define SCHEDS 7
extern const struct sched_ops *const scheds[SCHEDS]; /* the first one is the default */

/* Shortest round trip of those with room (without: of all), or NULL. */
const struct sched_path *sched_fastest(const struct sched_set *s, bool room);

#endif
