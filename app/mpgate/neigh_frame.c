/* SPDX-License-Identifier: BSD-3-Clause
 *
 * ARP packets and neighbour solicitations and advertisements: octets to struct neigh_msg and back.
 * Lengths are checked before anything is read. Control thread; no state.
 * Source: RFC 826, RFC 5227 s2.3, RFC 4861 s4.3, s4.4, s7.1 and s7.2, RFC 4291 s2.7.1.
 */
#include <netinet/in.h>
#include <string.h>

#include "mptcp/wire/checksum.h"
#include "mptcp/wire/octets.h"
#include "neigh_parts.h"

#define ETH_LEN       14
#define ARP_LEN       28
#define IP6_LEN       40
#define ND_LEN        24 /* ICMPv6 header, flags, target */
#define ND_OPT_LEN    8  /* one link-layer address */
#define ND_NS         135
#define ND_NA         136
#define ND_OPT_SOURCE 1
#define ND_OPT_TARGET 2
#define NA_SOLICITED  0x40
#define NA_OVERRIDE   0x20
#define ARP_REQUEST   1
#define ARP_REPLY     2

static const struct rte_ether_addr eth_broadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

const struct ip_addr *neigh_source(const struct cfg_port *p, const struct ip_addr *dst)
{
	bool v4 = ip_addr_is_v4(dst);

	for (unsigned int i = 0; i < p->n_addrs; i++)
		if (ip_addr_is_v4(&p->addrs[i].addr) == v4 &&
		    ip_addr_in_prefix(dst, &p->addrs[i].addr, p->addrs[i].plen))
			return &p->addrs[i].addr;
	return NULL;
}

static bool is_ours(const struct cfg_port *p, const struct ip_addr *a)
{
	for (unsigned int i = 0; i < p->n_addrs; i++)
		if (ip_addr_eq(&p->addrs[i].addr, a))
			return true;
	return false;
}

/* A station on the link that is not us, with an address in a prefix of the port. */
static bool sender_legal(const struct port *p, const struct neigh_msg *f)
{
	return ip_addr_is_unicast(&f->sender) && !is_ours(p->cfg, &f->sender) &&
	       neigh_source(p->cfg, &f->sender) != NULL &&
	       rte_is_valid_assigned_ether_addr(&f->mac);
}

/* --- parse ------------------------------------------------------------------------------------ */

static bool parse_arp(const struct port *p, const uint8_t *b, unsigned int len, struct neigh_msg *f)
{
	static const uint8_t fixed[6] = {0, 1, 8, 0, 6, 4}; /* Ethernet, IPv4 */
	uint16_t op;

	if (len < ARP_LEN || memcmp(b, fixed, sizeof(fixed)) != 0)
		return false;
	op = get_be16(&b[6]);
	memcpy(f->mac.addr_bytes, &b[8], sizeof(f->mac));
	f->sender = ip_addr_from_v4(&b[14]);
	f->target = ip_addr_from_v4(&b[24]);
	/* The sender inside must be the sender outside. */
	if (!rte_is_same_ether_addr(&f->mac, &f->eth) || !rte_is_valid_assigned_ether_addr(&f->mac))
		return false;
	if (op == ARP_REQUEST && is_ours(p->cfg, &f->target)) {
		f->request = true;
		f->learn = sender_legal(p, f);
		/* Answered, nothing learnt: 0.0.0.0, a probe for duplicates (RFC 5227), and the
		 * addresses of other networks that a host may ask with. */
		return get_be32(&b[14]) == 0 ||
		       (ip_addr_is_unicast(&f->sender) && !is_ours(p->cfg, &f->sender));
	}
	if (op == ARP_REPLY && is_ours(p->cfg, &f->target)) {
		f->learn = sender_legal(p, f);
		return f->learn;
	}
	if (op == ARP_REQUEST && ip_addr_eq(&f->sender, &f->target)) {
		/* An announcement: never a new neighbour, but one may have moved. */
		f->learn = sender_legal(p, f);
		f->override = true;
		return f->learn;
	}
	return false;
}

/* The link-layer address option of a type; false when an option is malformed. */
static bool nd_option(const uint8_t *o, unsigned int len, uint8_t type, const uint8_t **mac)
{
	*mac = NULL;
	while (len >= 2) {
		unsigned int n = o[1] * 8u;

		if (n == 0 || n > len)
			return false;
		if (o[0] == type && n == ND_OPT_LEN && *mac == NULL)
			*mac = &o[2];
		o += n;
		len -= n;
	}
	return len == 0;
}

static uint16_t nd_csum(const uint8_t *ip, unsigned int len)
{
	uint64_t sum = csum_words(&ip[8], 8) + csum_partial(&ip[IP6_LEN], len);

	return csum_fold(sum + htobe16((uint16_t)len) + htobe16(IPPROTO_ICMPV6));
}

static bool parse_ns(const struct port *p, const uint8_t *ip, const uint8_t *mac,
		     struct neigh_msg *f)
{
	f->request = true;
	if (!is_ours(p->cfg, &f->target))
		return false;
	if (ip_addr_is_zero(&f->sender))
		/* Duplicate address detection: to the solicited-node group, without an address. */
		return ip[24] == 0xff && mac == NULL;
	if (mac != NULL) {
		memcpy(f->mac.addr_bytes, mac, sizeof(f->mac));
		f->learn = sender_legal(p, f);
	}
	return ip_addr_is_unicast(&f->sender);
}

static bool parse_na(const struct port *p, const uint8_t *ip, const uint8_t *icmp,
		     const uint8_t *mac, struct neigh_msg *f)
{
	bool solicited = icmp[4] & NA_SOLICITED;
	struct ip_addr dst = ip_addr_from_v6(&ip[24]);

	if (solicited && ip[24] == 0xff)
		return false;
	f->sender = f->target; /* what it speaks for */
	if (mac != NULL)
		memcpy(f->mac.addr_bytes, mac, sizeof(f->mac));
	else
		f->mac = f->eth;
	f->learn = sender_legal(p, f) && (!solicited || is_ours(p->cfg, &dst));
	f->override = !solicited && (icmp[4] & NA_OVERRIDE) != 0;
	return f->learn && (solicited || f->override);
}

static bool parse_nd(const struct port *p, const uint8_t *ip, unsigned int len, struct neigh_msg *f)
{
	const uint8_t *icmp = &ip[IP6_LEN], *mac;
	unsigned int icmp_len;

	if (len < IP6_LEN + ND_LEN || ip[0] >> 4 != 6 || ip[6] != IPPROTO_ICMPV6 || ip[7] != 255)
		return false;
	icmp_len = get_be16(&ip[4]);
	if (icmp_len < ND_LEN || icmp_len > len - IP6_LEN || icmp[1] != 0)
		return false;
	if (icmp[0] != ND_NS && icmp[0] != ND_NA)
		return false;
	if (nd_csum(ip, icmp_len) != 0xffff)
		return false;
	if (!nd_option(&icmp[ND_LEN], icmp_len - ND_LEN,
		       icmp[0] == ND_NS ? ND_OPT_SOURCE : ND_OPT_TARGET, &mac))
		return false;
	f->sender = ip_addr_from_v6(&ip[8]);
	f->target = ip_addr_from_v6(&icmp[8]);
	if (icmp[0] == ND_NS)
		return parse_ns(p, ip, mac, f);
	return parse_na(p, ip, icmp, mac, f);
}

bool neigh_frame_is_arp(const struct rte_mbuf *m)
{
	return m->data_len >= ETH_LEN &&
	       get_be16(rte_pktmbuf_mtod_offset(m, const uint8_t *, 12)) == RTE_ETHER_TYPE_ARP;
}

bool neigh_frame_parse(const struct port *p, const struct rte_mbuf *m, struct neigh_msg *f)
{
	const uint8_t *b = rte_pktmbuf_mtod(m, const uint8_t *);
	unsigned int len = m->data_len;

	memset(f, 0, sizeof(*f));
	if (len < ETH_LEN)
		return false;
	memcpy(f->eth.addr_bytes, &b[6], sizeof(f->eth));
	if (neigh_frame_is_arp(m))
		return parse_arp(p, &b[ETH_LEN], len - ETH_LEN, f);
	return parse_nd(p, &b[ETH_LEN], len - ETH_LEN, f);
}

/* --- build ------------------------------------------------------------------------------------ */

static uint8_t *frame_new(struct rte_mempool *pool, const struct port *p,
			  const struct rte_ether_addr *to, uint16_t type, uint16_t len,
			  struct rte_mbuf **m)
{
	uint8_t *b;

	*m = rte_pktmbuf_alloc(pool);
	if (*m == NULL)
		return NULL;
	b = (uint8_t *)rte_pktmbuf_append(*m, (uint16_t)(ETH_LEN + len));
	if (b == NULL) {
		rte_pktmbuf_free(*m);
		*m = NULL;
		return NULL;
	}
	b = put_octets(b, to, RTE_ETHER_ADDR_LEN);
	b = put_octets(b, &p->mac, RTE_ETHER_ADDR_LEN);
	return put_be16(b, type);
}

static struct rte_mbuf *arp_new(struct rte_mempool *pool, const struct port *p,
				const struct rte_ether_addr *to, uint16_t op,
				const struct ip_addr *sender,
				const struct rte_ether_addr *target_mac,
				const struct ip_addr *target)
{
	struct rte_mbuf *m;
	uint8_t *b = frame_new(pool, p, to, RTE_ETHER_TYPE_ARP, ARP_LEN, &m);

	if (b == NULL)
		return NULL;
	b = put_be16(b, 1);
	b = put_be16(b, RTE_ETHER_TYPE_IPV4);
	b = put_be16(b, RTE_ETHER_ADDR_LEN << 8 | 4);
	b = put_be16(b, op);
	b = put_octets(b, &p->mac, RTE_ETHER_ADDR_LEN);
	b = put_octets(b, &sender->b[12], 4);
	b = put_octets(b, target_mac, RTE_ETHER_ADDR_LEN);
	put_octets(b, &target->b[12], 4);
	return m;
}

static struct rte_mbuf *nd_new(struct rte_mempool *pool, const struct port *p,
			       const struct rte_ether_addr *to, const struct ip_addr *src,
			       const struct ip_addr *dst, uint8_t type, uint8_t flags,
			       const struct ip_addr *target)
{
	struct rte_mbuf *m;
	uint8_t *ip =
		frame_new(pool, p, to, RTE_ETHER_TYPE_IPV6, IP6_LEN + ND_LEN + ND_OPT_LEN, &m);
	uint8_t *icmp;
	uint16_t csum;

	if (ip == NULL)
		return NULL;
	memset(ip, 0, IP6_LEN + ND_LEN + ND_OPT_LEN);
	ip[0] = 0x60;
	put_be16(&ip[4], ND_LEN + ND_OPT_LEN);
	ip[6] = IPPROTO_ICMPV6;
	ip[7] = 255;
	put_octets(&ip[8], src->b, 16);
	put_octets(&ip[24], dst->b, 16);
	icmp = &ip[IP6_LEN];
	icmp[0] = type;
	icmp[4] = flags;
	put_octets(&icmp[8], target->b, 16);
	icmp[ND_LEN] = type == ND_NS ? ND_OPT_SOURCE : ND_OPT_TARGET;
	icmp[ND_LEN + 1] = 1;
	put_octets(&icmp[ND_LEN + 2], &p->mac, RTE_ETHER_ADDR_LEN);
	csum = (uint16_t)~nd_csum(ip, ND_LEN + ND_OPT_LEN);
	memcpy(&icmp[2], &csum, sizeof(csum));
	return m;
}

/* The Ethernet group of an IPv6 group (RFC 2464 s7). */
static struct rte_ether_addr eth_group(const struct ip_addr *group)
{
	struct rte_ether_addr e = {{0x33, 0x33}};

	memcpy(&e.addr_bytes[2], &group->b[12], 4);
	return e;
}

static struct ip_addr solicited_node(const struct ip_addr *a)
{
	struct ip_addr g = {.b = {0xff, 0x02, [11] = 0x01, [12] = 0xff}};

	memcpy(&g.b[13], &a->b[13], 3);
	return g;
}

struct rte_mbuf *neigh_frame_request(struct rte_mempool *pool, const struct port *p,
				     const struct ip_addr *src, const struct ip_addr *target,
				     const struct rte_ether_addr *to)
{
	static const struct rte_ether_addr zero;
	struct rte_ether_addr group;
	struct ip_addr dst;

	if (ip_addr_is_v4(target))
		return arp_new(pool, p, to != NULL ? to : &eth_broadcast, ARP_REQUEST, src,
			       to != NULL ? to : &zero, target);
	if (to != NULL)
		return nd_new(pool, p, to, src, target, ND_NS, 0, target);
	dst = solicited_node(target);
	group = eth_group(&dst);
	return nd_new(pool, p, &group, src, &dst, ND_NS, 0, target);
}

struct rte_mbuf *neigh_frame_reply(struct rte_mempool *pool, const struct port *p,
				   const struct neigh_msg *f)
{
	static const struct ip_addr all_nodes = {.b = {0xff, 0x02, [15] = 0x01}};
	struct rte_ether_addr group;

	if (ip_addr_is_v4(&f->target))
		return arp_new(pool, p, &f->eth, ARP_REPLY, &f->target, &f->eth, &f->sender);
	if (!ip_addr_is_zero(&f->sender))
		return nd_new(pool, p, &f->eth, &f->target, &f->sender, ND_NA,
			      NA_SOLICITED | NA_OVERRIDE, &f->target);
	group = eth_group(&all_nodes);
	return nd_new(pool, p, &group, &f->target, &all_nodes, ND_NA, NA_OVERRIDE, &f->target);
}

struct rte_mbuf *neigh_frame_announce(struct rte_mempool *pool, const struct port *p,
				      const struct ip_addr *addr)
{
	static const struct ip_addr all_nodes = {.b = {0xff, 0x02, [15] = 0x01}};
	static const struct rte_ether_addr zero;
	struct rte_ether_addr group;

	if (ip_addr_is_v4(addr))
		return arp_new(pool, p, &eth_broadcast, ARP_REQUEST, addr, &zero, addr);
	group = eth_group(&all_nodes);
	return nd_new(pool, p, &group, addr, &all_nodes, ND_NA, NA_OVERRIDE, addr);
}
