/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which worker a packet belongs to, and the rings that take it there. The worker that polls the
 * queue decides, in this order:
 *   1. a steer entry of the 4-tuple: its owner (a join, or a connection made from a cookie);
 *   2. SYN with MP_JOIN: the worker that the token names (unproven);
 *   3. ACK with MP_JOIN for a flow it does not know: the worker in the acknowledged sequence number
 *      (unproven);
 *   4. else the RSS owner: a hash of the 4-tuple that NICs can compute as well.
 * The RSS owner looks once more: an ACK with both keys that answers a SYN cookie, for a flow it
 * does not know, goes to the worker that the key's token names, with the packets behind it.
 *
 * Any worker may poll any queue, so an entry is installed at every other worker: the owner sends
 * it to all, before its own packets to the peer leave, and orders it away at the end. Each owner
 * has an equal share of every table, so an entry that the owner has room for fits everywhere.
 * Unproven packets travel in rings of their own, behind token buckets, a few a pass; so do ICMP errors,
 * by rules 1 and 4 for the packet they quote.
 * Source: RFC 8684 s3.2; the hash is Toeplitz with a key of period 16, the same both ways.
 */
#ifndef MPGATE_STEER_H
#define MPGATE_STEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "config.h"
#include "mptcp/conn/conn.h"

struct worker;
struct app;

#define STEER_RSS_KEY_MAX  64
#define STEER_RETA         128   /* buckets of the hash; a NIC's RETA has the same mapping */
#define STEER_RING         2048  /* packets, from one worker to another */
#define STEER_JOIN_RING    256   /* unproven ones */
#define STEER_JOIN_BURST   8     /* unproven ones a worker takes from each other worker a pass */
#define STEER_MSG_RING     1024  /* orders */
#define STEER_JOIN_RATE    20000 /* unproven packets a second, from one worker to another */
#define STEER_TENTATIVE_MS 5000  /* life of an entry that its owner has not confirmed */

/* Where packets of key go. With owner == this worker: its own record of what it told others. */
struct steer_entry {
	struct flow_key key;
	struct steer_entry *next; /* pending list */
	struct wheel_timer timer; /* tentative entries only */
	uint16_t owner;
	uint16_t pending; /* bit i: worker i is yet to be told that it is gone */
};

struct steer {
	struct pool entries;
	struct flow_table table;
	uint32_t n_own, own_max;
	struct steer_entry *pending; /* own records being deleted whose orders found a ring full */
	struct rate_limit join_limit[CFG_WORKERS_MAX];
};

/* The worker a 4-tuple belongs to by hash alone. Pure but for the number of workers, which
 * steer_start() has set. */
uint16_t steer_rss_owner(const struct flow_key *key);
/* The worker of RETA bucket i. */
uint16_t steer_reta_owner(unsigned int i);
/* The Toeplitz hash, as a NIC would give it. Pure. */
uint32_t steer_hash(const struct flow_key *key);
/* Fill len octets with the key for NICs. */
void steer_rss_key(uint8_t *key, unsigned int len);

/* Once, before any other function here. */
void steer_start(uint16_t n_workers);
/* Octets of 64-aligned memory of one worker's table. */
size_t steer_memory(const struct config *cfg);
/* Make w's table in mem. */
void steer_init(struct worker *w, void *mem, const struct config *cfg);
/* Make the rings from and to every worker. Control thread; returns 0 or -errno. */
int steer_rings_create(struct app *app);
/* Free the rings with what is in them; after the workers have ended. */
void steer_rings_free(struct app *app);

/*
 * m is a TCP packet for an address of ours, at its IP header, just received by w. Returns true
 * when it is w's own: then the caller goes on with it, and *parsed says whether p was filled
 * already. Else m was consumed.
 */
bool steer_in(struct worker *w, struct rte_mbuf *m, struct pkt *p, bool *parsed);
/* The second look of the RSS owner at the parsed packet: whether m was sent on (consumed). */
bool steer_moved(struct worker *w, struct rte_mbuf *m, const struct pkt *p);
/* m is an ICMP error about a packet of key, which anyone may have made up; moved: it came over a ring.
 * Returns whether it is w's to look at; else m was consumed. */
bool steer_quoted(struct worker *w, struct rte_mbuf *m, const struct flow_key *key, bool moved);
/* Take what other workers sent: orders first, then packets. Returns the number taken. */
unsigned int steer_poll(struct worker *w);

/* mptcp_ops */
int steer_add(struct mptcp *mp, const struct flow_key *key);
void steer_del(struct mptcp *mp, const struct flow_key *key);

#endif
