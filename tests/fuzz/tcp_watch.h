/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What must hold of a TCP connection after every step, and of every segment that it sends, whatever
 * its peer does. For one struct tcp a watch; the target says what the peer sent.
 */
#ifndef FUZZ_TCP_WATCH_H
#define FUZZ_TCP_WATCH_H

#include "fuzz.h"
#include "mptcp/tcp/tcp.h"

struct tcp_watch {
	uint32_t edge;      /* right edge of the window that it offered */
	uint32_t peer_edge; /* highest one that its peer ever offered */
	uint32_t rcv_nxt, snd_una, snd_max;
	bool begun, has_peer_edge;
};

/* After a step. */
void tcp_watch_step(struct tcp_watch *w, const struct tcp *t);
/* p is given to t, which is in no step. */
void tcp_watch_in(struct tcp_watch *w, const struct tcp *t, const struct pkt *p);
/* t sends s: from within stack_ops.output(). slack: octets its right edge may waver by. */
void tcp_watch_out(struct tcp_watch *w, const struct tcp *t, const struct sent *s, uint32_t slack);
/* Buffers that t's pieces of segments keep beside their own and those of the data level; *segs of them are
 * segments still. */
unsigned int tcp_watch_wholes(const struct tcp *t, unsigned int *segs);

#endif
