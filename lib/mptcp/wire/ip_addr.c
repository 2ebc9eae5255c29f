/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Addresses of both families in their one form: prefixes, kinds and text.
 * Any thread; pure. Source: RFC 4291 s2.4, s2.5.5.2; RFC 1122 s3.2.1.3.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>

#include "mptcp/wire/ip_addr.h"

bool ip_addr_in_prefix(const struct ip_addr *a, const struct ip_addr *net, unsigned int plen)
{
	uint64_t hi = be64toh(a->q[0] ^ net->q[0]);
	uint64_t lo = be64toh(a->q[1] ^ net->q[1]);

	if (plen == 0)
		return true;
	if (plen <= 64)
		return hi >> (64 - plen) == 0;
	if (plen >= 128)
		return hi == 0 && lo == 0;
	return hi == 0 && lo >> (128 - plen) == 0;
}

bool ip_addr_is_unicast(const struct ip_addr *a)
{
	if (ip_addr_is_v4(a)) {
		uint8_t first = a->b[12];

		if (first == 0 || first == 127 || (first & 0xf0) == 224)
			return false;
		return a->w[3] != 0xffffffff;
	}
	if (a->b[0] == 0xff)
		return false;
	/* :: and ::1 */
	return a->q[0] != 0 || be64toh(a->q[1]) > 1;
}

const char *ip_addr_str(const struct ip_addr *a, char *buf)
{
	unsigned int len;
	const uint8_t *octets = ip_addr_octets(a, &len);

	if (inet_ntop(len == 4 ? AF_INET : AF_INET6, octets, buf, IP_ADDR_STRLEN) == NULL)
		buf[0] = '\0';
	return buf;
}

int ip_addr_parse(const char *s, struct ip_addr *a)
{
	uint8_t octets[16];

	if (inet_pton(AF_INET, s, octets) == 1) {
		*a = ip_addr_from_v4(octets);
		return 0;
	}
	if (inet_pton(AF_INET6, s, octets) == 1) {
		*a = ip_addr_from_v6(octets);
		return 0;
	}
	return -EINVAL;
}
