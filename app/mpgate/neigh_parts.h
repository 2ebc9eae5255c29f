/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What neigh.c (the table) and neigh_frame.c (the octets of ARP and ND) share. Control thread.
 */
#ifndef MPGATE_NEIGH_PARTS_H
#define MPGATE_NEIGH_PARTS_H

#include <stdbool.h>

#include <rte_ether.h>
#include <rte_mbuf.h>

#include "neigh.h"
#include "port.h"

struct neigh_entry {
	struct ip_addr addr;
	uint16_t port;
	uint16_t next;
	uint8_t state; /* enum neigh_state */
	uint8_t probes;
	bool wanted; /* a worker asked for it */
	struct rte_ether_addr mac;
	uint32_t probed_ms, confirmed_ms, wanted_ms;
};

/* A valid ARP or ND message for us. */
struct neigh_msg {
	bool request;  /* asks for target, an address of ours on this port */
	bool learn;    /* sender and mac may be learnt */
	bool override; /* an unsolicited one that says that it replaces what is known */
	struct ip_addr sender, target;
	struct rte_ether_addr mac; /* of sender */
	struct rte_ether_addr eth; /* where the frame came from */
};

/* Our address on port p from which to ask for dst: the one whose prefix holds it, or NULL. */
const struct ip_addr *neigh_source(const struct cfg_port *p, const struct ip_addr *dst);

/* Whether m, which a worker sent here, is ARP; else it is neighbour discovery. */
bool neigh_frame_is_arp(const struct rte_mbuf *m);

/* Whether the frame m, received on p, is a valid message for us; fills f. m stays the caller's. */
bool neigh_frame_parse(const struct port *p, const struct rte_mbuf *m, struct neigh_msg *f);

/* New frames; NULL when no buffer is left. to: where to, NULL for everyone. */
struct rte_mbuf *neigh_frame_request(struct rte_mempool *pool, const struct port *p,
				     const struct ip_addr *src, const struct ip_addr *target,
				     const struct rte_ether_addr *to);
struct rte_mbuf *neigh_frame_reply(struct rte_mempool *pool, const struct port *p,
				   const struct neigh_msg *f);
/* Gratuitous ARP request, or unsolicited NA to all nodes. */
struct rte_mbuf *neigh_frame_announce(struct rte_mempool *pool, const struct port *p,
				      const struct ip_addr *addr);

#endif
