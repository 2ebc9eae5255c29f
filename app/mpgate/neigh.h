/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Neighbours: ARP (RFC 826, RFC 5227 for announcements) and IPv6 neighbour discovery (RFC 4861).
 * Control thread only: the table is its own; workers ask by message and are told by message.
 *
 * Nothing is learnt from a frame but for an address that a worker asked for, or from a valid
 * request that asks for one of our addresses out of the port's own prefix; and an answer counts
 * only for a neighbour that exists in the table. So unsolicited frames neither make nor move
 * anything but what is being probed.
 */
#ifndef MPGATE_NEIGH_H
#define MPGATE_NEIGH_H

#include <stddef.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "mptcp/wire/ip_addr.h"
#include "msg.h"

struct app;
struct neigh;

#define NEIGH_MAX          4096
#define NEIGH_RETRANS_MS   1000   /* RFC 4861 s10 RETRANS_TIMER */
#define NEIGH_PROBES       3      /* unicast, then multicast; RFC 4861 s10 */
#define NEIGH_REACHABLE_MS 30000  /* RFC 4861 s10 REACHABLE_TIME */
#define NEIGH_IDLE_MS      600000 /* forgotten when nobody asked for so long */

enum neigh_state {
	NEIGH_FREE,
	NEIGH_INCOMPLETE, /* asked, no answer yet */
	NEIGH_REACHABLE,
	NEIGH_STALE,  /* confirmed too long ago; used until a worker asks again */
	NEIGH_PROBE,  /* unicast requests under way */
	NEIGH_FAILED, /* does not answer; asked again when a worker wants it */
};

struct neigh_info {
	struct ip_addr addr;
	uint16_t port;
	uint8_t state; /* enum neigh_state */
	uint8_t mac[6];
	uint32_t age_ms; /* since it was confirmed */
};

/* Allocates. NULL: no memory. */
struct neigh *neigh_new(struct app *app);
void neigh_free(struct neigh *n);
/* Tell every link of our addresses (gratuitous ARP, unsolicited NA). */
void neigh_announce(struct neigh *n, uint64_t now_us);
/* A worker's message of type MSG_NEIGH_WANT or MSG_FRAME; its mbuf is consumed. */
void neigh_message(struct neigh *n, const struct msg *msg, uint64_t now_us);
/* Retries and expiry; call every few milliseconds. */
void neigh_timers(struct neigh *n, uint64_t now_us);
/* Copy up to max entries for reports; returns their number. */
uint32_t neigh_dump(const struct neigh *n, struct neigh_info *out, uint32_t max, uint64_t now_us);

#endif
