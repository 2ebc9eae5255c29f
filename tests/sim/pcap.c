/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A writer of pcapng (draft-ietf-opsawg-pcapng): raw IP, nanoseconds.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pcap.h"

#define LINKTYPE_RAW 101

struct pcap {
	FILE *f;
};

static void put32(struct pcap *p, uint32_t x)
{
	fwrite(&x, sizeof(x), 1, p->f);
}

static void put_padded(struct pcap *p, const void *b, uint32_t len)
{
	static const uint8_t zero[4];

	fwrite(b, 1, len, p->f);
	fwrite(zero, 1, (4 - len % 4) % 4, p->f);
}

static uint32_t padded(uint32_t len)
{
	return (len + 3) & ~3u;
}

static void interface_block(struct pcap *p, const char *name)
{
	uint32_t len = (uint32_t)strlen(name);
	uint32_t total = 20 + 4 + padded(len) + 8 + 4;

	put32(p, 1);
	put32(p, total);
	put32(p, LINKTYPE_RAW);
	put32(p, 0);             /* no limit of length */
	put32(p, 2 | len << 16); /* if_name */
	put_padded(p, name, len);
	put32(p, 9 | 1 << 16); /* if_tsresol: nanoseconds */
	put32(p, 9);
	put32(p, 0); /* end of options */
	put32(p, total);
}

struct pcap *pcap_open(const char *file, const char *const *names, unsigned int n)
{
	struct pcap *p = malloc(sizeof(*p));

	if (p == NULL || (p->f = fopen(file, "wb")) == NULL) {
		fprintf(stderr, "mpsim: %s: %s\n", file, strerror(errno));
		free(p);
		return NULL;
	}
	put32(p, 0x0a0d0d0a);
	put32(p, 28);
	put32(p, 0x1a2b3c4d);
	put32(p, 1); /* version 1.0 */
	put32(p, UINT32_MAX);
	put32(p, UINT32_MAX); /* length not known */
	put32(p, 28);
	for (unsigned int i = 0; i < n; i++)
		interface_block(p, names[i]);
	return p;
}

void pcap_write(struct pcap *p, unsigned int interface, uint64_t at_ns, const void *ip,
		uint16_t len)
{
	uint32_t total = 32 + padded(len);

	put32(p, 6);
	put32(p, total);
	put32(p, interface);
	put32(p, (uint32_t)(at_ns >> 32));
	put32(p, (uint32_t)at_ns);
	put32(p, len);
	put32(p, len);
	put_padded(p, ip, len);
	put32(p, total);
}

void pcap_close(struct pcap *p)
{
	if (p == NULL)
		return;
	fclose(p->f);
	free(p);
}
