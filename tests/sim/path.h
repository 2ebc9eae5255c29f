/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A path between two interfaces: middleboxes at the side of end 0, then a link each way.
 *
 *   end 0 --- box 0 --- box 1 ... === link === end 1        DIR_UP: from end 0
 */
#ifndef SIM_PATH_H
#define SIM_PATH_H

#include "box.h"
#include "frame.h"
#include "sim.h"

enum dir { DIR_UP, DIR_DOWN, DIRS };

/* What became of the packets of one direction. */
struct link_stats {
	uint64_t packets, bytes; /* delivered */
	uint64_t lost, marked, overrun, too_big, outage, duplicated, corrupted, late;
	uint64_t queue_max; /* octets */
};

struct link {
	struct path *path;
	const struct sc_link *spec;
	uint64_t busy_until_ns; /* the last octet of the queue leaves then */
	bool bad;               /* in a burst of losses ... */
	uint64_t bad_ns;        /* ... which was seen to last then */
	struct link_stats stats;
};

struct path {
	struct sim *sim;
	const struct sc_path *spec;
	struct host *host[2];
	struct ip_addr addr[2];
	struct link link[DIRS];
	unsigned int n_boxes;
	struct box box[SC_BOXES_MAX];
};

void path_init(struct path *p, struct sim *s, const struct sc_path *spec);
void path_free(struct path *p);
/* Send f, which is consumed, from end e. */
void path_send(struct path *p, unsigned int e, struct frame *f);
/* A middlebox has done its part: box number i (-1, n_boxes: the ends of the row) is next. */
void path_forward(struct path *p, enum dir dir, int i, struct frame *f);

#endif
