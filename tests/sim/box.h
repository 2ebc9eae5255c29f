/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Middleboxes: what RFC 3234 and the studies behind MPTCP's design found on real paths. One kind a
 * table entry in box.c; each sees every packet of its path both ways and passes on what it likes.
 */
#ifndef SIM_BOX_H
#define SIM_BOX_H

#include "frame.h"
#include "sim.h"

#define BOX_FLOWS 32

/* What a box keeps of a TCP connection, by the client's port (and address: one a path). */
struct box_flow {
	bool used;
	uint16_t port, outside;
	uint32_t packets;
	uint32_t delta[2]; /* BOX_SEQ: what is added to the sequence numbers of each end */
	uint32_t seq[2];   /* next after the last one seen, by end */
	uint32_t edge[2];  /* right edge last offered, by end */
	uint8_t wscale[2];
	bool scale_ok[2];
	/* BOX_WRAPPED, by direction: a segment with payload, whether a newer timestamp has been echoed, the
	 * octets acknowledged since, from where on, and the largest window meanwhile */
	struct frame *old[2];
	bool old_ticked[2];
	uint32_t old_passed[2], old_from[2], old_window[2];
	struct frame *held[2]; /* BOX_COALESCE */
};

struct box {
	struct path *path;
	int index;
	const struct sc_box *spec;
	uint32_t packets;
	struct box_flow flow[BOX_FLOWS];
};

void box_init(struct box *b, struct path *p, int index, const struct sc_box *spec);
void box_free(struct box *b);
/* f (consumed) on its way in direction dir. */
void box_input(struct box *b, unsigned int dir, struct frame *f);

#endif
