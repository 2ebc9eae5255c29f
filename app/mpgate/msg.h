/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What threads tell each other, by value over rings with one producer and one consumer each:
 * worker to control thread, control thread to worker, worker to worker.
 */
#ifndef MPGATE_MSG_H
#define MPGATE_MSG_H

#include <stdint.h>

#include <rte_ether.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>

#include "mptcp/wire/ip_addr.h"

enum msg_type {
	MSG_NEIGH_WANT, /* worker -> control: resolve or confirm addr on port */
	MSG_FRAME,      /* worker -> control: ARP or ND frame m, received on port */
	MSG_NEIGH_SET,  /* control -> worker: addr has mac, or (up 0) does not answer */
	MSG_TX,         /* control -> worker: send the whole frame m on port */
	MSG_STEER_ADD,  /* worker -> worker: packets of key go to owner */
	MSG_STEER_DEL,  /* worker -> worker: ... no longer */
};

struct msg {
	uint8_t type; /* enum msg_type */
	uint8_t up;
	uint16_t port; /* index in the configuration */
	uint16_t owner;
	uint16_t zero;
	union {
		struct {
			struct ip_addr addr;
			struct rte_ether_addr mac;
		} neigh;
		struct rte_mbuf *m; /* the receiver's from here on */
		struct flow_key key;
	};
};
_Static_assert(sizeof(struct msg) == 48, "the element size of message rings");

/* 0 or -ENOBUFS. */
static inline int msg_send(struct rte_ring *r, const struct msg *msg)
{
	return rte_ring_sp_enqueue_elem(r, (void *)(uintptr_t)msg, sizeof(*msg));
}

static inline unsigned int msg_recv(struct rte_ring *r, struct msg *msgs, unsigned int n)
{
	return rte_ring_sc_dequeue_burst_elem(r, msgs, sizeof(*msgs), n, NULL);
}

#endif
