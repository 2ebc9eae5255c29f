/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Addresses as they are written in a configuration: alone, with a prefix length, with a port, and
 * those of PCI devices.
 * Control thread; pure.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_parts.h"

/* Decimal digits only, at most max; -1 otherwise. */
static int parse_number(const char *s, int max)
{
	int v = 0;

	if (*s == '\0')
		return -1;
	for (; *s != '\0'; s++) {
		if (*s < '0' || *s > '9')
			return -1;
		v = v * 10 + (*s - '0');
		if (v > max)
			return -1;
	}
	return v;
}

static const char *parse_any(const char *s, struct ip_addr *a)
{
	if (ip_addr_parse(s, a) != 0)
		return "is no IPv4 or IPv6 address: write it like 10.1.0.1 or fd00:1::1";
	if (strchr(s, ':') != NULL && ip_addr_is_v4(a))
		return "is an IPv4 address in IPv6 form: write it like 10.1.0.1";
	return NULL;
}

const char *cfg_parse_addr(const char *s, struct ip_addr *a)
{
	struct ip_addr parsed;
	const char *why;

	if (strchr(s, '/') != NULL)
		return "has a prefix length: write the address alone";
	why = parse_any(s, &parsed);
	if (why == NULL && !ip_addr_is_unicast(&parsed))
		why = "is no address a host can have: use a unicast address";
	if (why == NULL)
		*a = parsed;
	return why;
}

const char *cfg_parse_prefix(const char *s, struct cfg_prefix *p)
{
	const char *slash = strchr(s, '/'), *why;
	char addr[IP_ADDR_STRLEN + 1];
	struct ip_addr parsed;
	int plen;

	if (slash == NULL)
		return "has no prefix length: write it like 10.1.0.1/24 or fd00:1::1/64";
	if ((size_t)(slash - s) >= sizeof(addr))
		return "is no IPv4 or IPv6 address: write it like 10.1.0.1/24 or fd00:1::1/64";
	memcpy(addr, s, (size_t)(slash - s));
	addr[slash - s] = '\0';
	why = parse_any(addr, &parsed);
	if (why != NULL)
		return why;
	plen = parse_number(slash + 1, ip_addr_is_v4(&parsed) ? 32 : 128);
	if (plen < 0)
		return ip_addr_is_v4(&parsed) ? "has a bad prefix length: it is 0 to 32"
					      : "has a bad prefix length: it is 0 to 128";
	p->addr = parsed;
	p->plen = (uint8_t)(ip_addr_is_v4(&parsed) ? plen + 96 : plen);
	return NULL;
}

const char *cfg_parse_server(const char *s, struct cfg_server *server)
{
	static const char form[] =
		"is no server: write address:port like 10.9.0.2:80 or \"[fd00:9::2]:80\"";
	const char *colon = strrchr(s, ':'), *end = colon, *why;
	char addr[IP_ADDR_STRLEN + 1];
	int port;

	if (colon == NULL)
		return "has no port: write address:port like 10.9.0.2:80";
	if (*s == '[') {
		s++;
		if (colon == s || colon[-1] != ']')
			return form;
		end = colon - 1;
	} else if (memchr(s, ':', (size_t)(colon - s)) != NULL) {
		return "is ambiguous: write an IPv6 server in brackets, like \"[fd00:9::2]:80\"";
	}
	if (end <= s || (size_t)(end - s) >= sizeof(addr))
		return form;
	memcpy(addr, s, (size_t)(end - s));
	addr[end - s] = '\0';
	why = cfg_parse_addr(addr, &server->addr);
	if (why != NULL)
		return why;
	port = parse_number(colon + 1, 65535);
	if (port < 1)
		return "has a bad port: it is 1 to 65535";
	server->tcp_port = (uint16_t)port;
	return NULL;
}

bool cfg_is_pci(const char *s)
{
	static const char hex[] = "0123456789abcdefABCDEF";
	size_t len = strlen(s);

	if (len == 12 && strspn(s, hex) == 4 && s[4] == ':')
		s += 5;
	else if (len != 7)
		return false;
	return strspn(s, hex) == 2 && s[2] == ':' && strspn(s + 3, hex) == 2 && s[5] == '.' &&
	       s[6] >= '0' && s[6] <= '7' && s[7] == '\0';
}
