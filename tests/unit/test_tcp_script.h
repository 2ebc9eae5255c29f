/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One TCP against a scripted peer: what the peer says, and what must come back.
 */
#ifndef TEST_TCP_SCRIPT_H
#define TEST_TCP_SCRIPT_H

#include "test_tcp_net.h"

#define ISS 1000u /* of the peer */
#define WND 60000

extern struct net net;
extern struct app a;
extern struct pkt p;
extern uint32_t iss; /* ours */

/* The next segment sent must be there. */
void take(void);
void take_flags(uint8_t flags);
void nothing_sent(void);
/* How often the segment seq is among what was sent; takes all of that. */
unsigned int times_sent(uint32_t seq);
/* Established as the passive side; syn: options of the peer, 't' asks for timestamps. */
void begin(const char *syn);
/* A segment of the peer: seq and ack count from the first octet of each direction. */
enum counter in(uint8_t flags, uint32_t seq, uint32_t ack, uint16_t len);
/* An empty one, with n SACK blocks: from, to, and so on. */
enum counter in_sack(uint32_t ack, unsigned int n, const uint32_t *edge);
/* An empty one whose timestamp echo is ours of ago_ms before. */
void in_echo(uint8_t flags, uint32_t ack, uint32_t ago_ms, unsigned int n, const uint32_t *edge);
/* n segments of 1000 octets are queued, and leave if they may. */
void in_flight(unsigned int n);
/* Established with a round trip of 20 ms; n segments have left 20 ms ago. */
void sent(const char *syn, unsigned int n);

#endif
