/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the state of a host may be: sums that must agree, queues in order, timers with an owner,
 * congestion window kept. Looks into the library's structs and changes nothing.
 */
#ifndef SIM_INSPECT_H
#define SIM_INSPECT_H

#include "host.h"

/* After each time at which something happened to h. */
void inspect_host(struct host *h);
/* A segment that h is about to put on the wire. */
void inspect_sent(struct host *h, struct frame *f);
/* The connection that key is one of, 0: none. */
uint32_t inspect_conn_id(struct host *h, const struct flow_key *key);
/* Segments in its send queue. */
uint32_t inspect_queue(struct host *h, const struct flow_key *key);
/* Whether what begins at seq is a part of a segment that was too big: what was SACKed of that before it was
 * cut is known for as long as the blocks are repeated. */
bool inspect_is_piece(struct host *h, const struct flow_key *key, uint32_t seq);
/* All is over: nothing may be left anywhere. */
void inspect_end(struct host *h);
/* Of all hosts: packet buffers in use are those that someone holds. */
void inspect_buffers(struct sim *s);

#endif
