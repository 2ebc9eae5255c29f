/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One address type for both families: IPv4 is kept as ::ffff:a.b.c.d (RFC 4291 s2.5.5.2), so that
 * tables and comparisons have one form. Octets are in network order. Pure; any thread.
 */
#ifndef WIRE_IP_ADDR_H
#define WIRE_IP_ADDR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct ip_addr {
	union {
		uint8_t b[16];
		uint32_t w[4];
		uint64_t q[2];
	};
};

static inline bool ip_addr_is_v4(const struct ip_addr *a)
{
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};
	return memcmp(a->b, prefix, sizeof(prefix)) == 0;
}

/* be: the four octets as they are on the wire. */
static inline struct ip_addr ip_addr_from_v4(const void *be)
{
	struct ip_addr a = {.b = {[10] = 0xff, [11] = 0xff}};
	memcpy(&a.b[12], be, 4);
	return a;
}

static inline struct ip_addr ip_addr_from_v6(const void *be)
{
	struct ip_addr a;
	memcpy(a.b, be, 16);
	return a;
}

/* The octets as they go on the wire: 4 for IPv4, 16 for IPv6; len may be NULL. */
static inline const uint8_t *ip_addr_octets(const struct ip_addr *a, unsigned int *len)
{
	bool v4 = ip_addr_is_v4(a);
	if (len != NULL)
		*len = v4 ? 4 : 16;
	return v4 ? &a->b[12] : a->b;
}

static inline bool ip_addr_eq(const struct ip_addr *a, const struct ip_addr *b)
{
	return a->q[0] == b->q[0] && a->q[1] == b->q[1];
}

static inline bool ip_addr_is_zero(const struct ip_addr *a)
{
	return a->q[0] == 0 && a->q[1] == 0;
}

/* Whether the first plen bits of a and net are equal. plen counts bits of the 128-bit form: an
 * IPv4 prefix length has 96 added. */
bool ip_addr_in_prefix(const struct ip_addr *a, const struct ip_addr *net, unsigned int plen);

/* Neither multicast, broadcast, unspecified nor loopback: an address a TCP peer can have. */
bool ip_addr_is_unicast(const struct ip_addr *a);

#define IP_ADDR_STRLEN 46
/* Text of a into buf (at least IP_ADDR_STRLEN octets); returns buf. Not for the data path. */
const char *ip_addr_str(const struct ip_addr *a, char *buf);
/* Parse text. Returns 0 or -EINVAL. Not for the data path. */
int ip_addr_parse(const char *s, struct ip_addr *a);

/* The two ends of a TCP connection as seen by us; ports in host order. No padding: it is hashed
 * and compared as octets. */
struct flow_key {
	struct ip_addr local;
	struct ip_addr remote;
	uint16_t local_port;
	uint16_t remote_port;
	uint32_t zero; /* keeps the size a multiple of 8; always 0 */
};
_Static_assert(sizeof(struct flow_key) == 40, "flow_key is hashed as octets");

static inline bool flow_key_eq(const struct flow_key *a, const struct flow_key *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

#endif
