/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The way in: Ethernet to IPv4, IPv6 or ARP; for us or not; TCP to its worker and the library,
 * echo to icmp.c, ARP and neighbour discovery to the control thread. Everything else is dropped
 * under its own reason. Worker threads.
 */
#include <netinet/in.h>

#include <rte_ethdev.h>
#include <rte_prefetch.h>

#include "app.h"
#include "msg.h"
#include "worker.h"

#define IP4_HDR_LEN    20
#define IP6_HDR_LEN    40
#define ICMP6_ND_FIRST 133 /* router solicitation .. redirect, RFC 4861 s4 */
#define ICMP6_ND_LAST  137
#define ICMP6_ND_NS    135
#define ICMP6_ND_NA    136

static void rx_drop(struct worker *w, struct rte_mbuf *m, enum counter reason)
{
	rte_pktmbuf_free(m);
	st_inc(&w->st, reason);
}

/* Hand the frame m to the control thread. The limit keeps a flood of ARP from its core. */
static void rx_control(struct worker *w, struct rte_mbuf *m, uint16_t port)
{
	struct msg msg = {.type = MSG_FRAME, .port = port, .m = m};

	if (!rate_limit_ok(&w->ctrl_limit[port], w->st.now_ms) || msg_send(w->ctrl_out, &msg) != 0)
		rx_drop(w, m, CTR_DROP_CTRL_LIMIT);
}

void rx_tcp(struct worker *w, struct rte_mbuf *m, struct pkt *p, bool parsed)
{
	if (!parsed) {
		enum counter reason = pkt_parse(p, m);

		if (unlikely(reason != CTR_NONE)) {
			rx_drop(w, m, reason);
			return;
		}
	}
	if (w->st.n_workers > 1 && unlikely(steer_moved(w, m, p)))
		return;
	mptcp_input(&w->mp, m, p);
}

static void rx_tcp_first(struct worker *w, struct rte_mbuf *m)
{
	bool parsed = false;
	struct pkt p;

	if (w->st.n_workers > 1 && !steer_in(w, m, &p, &parsed))
		return;
	rx_tcp(w, m, &p, parsed);
}

static void rx_ip4(struct worker *w, struct rte_mbuf *m)
{
	const uint8_t *b = rte_pktmbuf_mtod(m, const uint8_t *);
	struct ip_addr dst;

	if (m->data_len < IP4_HDR_LEN) {
		rx_drop(w, m, CTR_DROP_IP_SHORT);
		return;
	}
	if (b[0] >> 4 != 4) {
		rx_drop(w, m, CTR_DROP_IP_VERSION);
		return;
	}
	dst = ip_addr_from_v4(&b[16]);
	if (route_addr_port(&w->app->routes, &dst) < 0) {
		rx_drop(w, m, CTR_DROP_IP_DST);
		return;
	}
	if (b[9] == IPPROTO_ICMP)
		icmp_input(w, m, true);
	else
		rx_tcp_first(w, m); /* the parser refuses what is not TCP */
}

/* Neighbour discovery: only what may change or answer something reaches the control thread, so that
 * a flood from beyond the link (hop limit below 255, RFC 4861 s7.1) does not use up its share. */
static void rx_nd(struct worker *w, struct rte_mbuf *m, uint16_t port, const struct ip_addr *dst)
{
	const uint8_t *b = rte_pktmbuf_mtod(m, const uint8_t *);
	bool solicits = b[IP6_HDR_LEN] == ICMP6_ND_NS || b[IP6_HDR_LEN] == ICMP6_ND_NA;

	if (!solicits || b[7] != 255 ||
	    (b[24] != 0xff && route_addr_port(&w->app->routes, dst) < 0)) {
		rx_drop(w, m, CTR_DROP_ND);
		return;
	}
	rte_pktmbuf_prepend(m, sizeof(struct rte_ether_hdr)); /* cut off just before */
	rx_control(w, m, port);
}

static void rx_ip6(struct worker *w, struct rte_mbuf *m, uint16_t port)
{
	const uint8_t *b = rte_pktmbuf_mtod(m, const uint8_t *);
	struct ip_addr dst;

	if (m->data_len < IP6_HDR_LEN) {
		rx_drop(w, m, CTR_DROP_IP_SHORT);
		return;
	}
	if (b[0] >> 4 != 6) {
		rx_drop(w, m, CTR_DROP_IP_VERSION);
		return;
	}
	dst = ip_addr_from_v6(&b[24]);
	if (b[6] == IPPROTO_ICMPV6 && m->data_len > IP6_HDR_LEN &&
	    b[IP6_HDR_LEN] >= ICMP6_ND_FIRST && b[IP6_HDR_LEN] <= ICMP6_ND_LAST) {
		rx_nd(w, m, port, &dst);
		return;
	}
	if (route_addr_port(&w->app->routes, &dst) < 0) {
		rx_drop(w, m, CTR_DROP_IP_DST);
		return;
	}
	if (b[6] == IPPROTO_ICMPV6)
		icmp_input(w, m, false);
	else
		rx_tcp_first(w, m);
}

/* Our own station, everyone, or the groups of neighbour discovery: solicited-node ff02::1:ffxx:xxxx
 * and all nodes ff02::1 (RFC 2464 s7). */
static bool rx_for_us(const struct port *p, const struct rte_ether_addr *dst)
{
	const uint8_t *d = dst->addr_bytes;

	if (rte_is_same_ether_addr(dst, &p->mac) || rte_is_broadcast_ether_addr(dst))
		return true;
	return d[0] == 0x33 && d[1] == 0x33 &&
	       (d[2] == 0xff || (d[2] == 0 && d[3] == 0 && d[4] == 0 && d[5] == 1));
}

static void rx_frame(struct worker *w, struct rte_mbuf *m, uint16_t port)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	rte_be16_t type;

	if (m->nb_segs > 1 && rte_pktmbuf_linearize(m) != 0) {
		rx_drop(w, m, CTR_DROP_ETH_SEGS);
		return;
	}
	if (m->data_len < sizeof(*eth)) {
		rx_drop(w, m, CTR_DROP_ETH_SHORT);
		return;
	}
	if (!rx_for_us(&w->app->ports[port], &eth->dst_addr)) {
		rx_drop(w, m, CTR_DROP_ETH_DST);
		return;
	}
	type = eth->ether_type;
	if (type == RTE_BE16(RTE_ETHER_TYPE_ARP)) {
		rx_control(w, m, port);
		return;
	}
	rte_pktmbuf_adj(m, sizeof(*eth));
	if (type == RTE_BE16(RTE_ETHER_TYPE_IPV4))
		rx_ip4(w, m);
	else if (type == RTE_BE16(RTE_ETHER_TYPE_IPV6))
		rx_ip6(w, m, port);
	else
		rx_drop(w, m, CTR_DROP_ETH_TYPE);
}

void rx_burst(struct worker *w, const struct worker_rxq *q, struct rte_mbuf **m, unsigned int n)
{
	uint64_t octets = 0;

	for (unsigned int i = 0; i < n; i++) {
		rte_prefetch0(rte_pktmbuf_mtod(m[i], void *));
		octets += m[i]->pkt_len;
	}
	ctr_add(w->ctrs, CTR_RX_PKTS, n);
	ctr_add(w->ctrs, CTR_RX_BYTES, octets);
	for (unsigned int i = 0; i < n; i++)
		rx_frame(w, m[i], q->port);
}
