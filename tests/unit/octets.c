/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Octets for tests. One thread.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "octets.h"

#define GUARD_LEN 4096

static void die(const char *what, const char *arg)
{
	fprintf(stderr, "%s: %s\n", what, arg);
	exit(1);
}

static int nibble(int c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c == '\0' ? NULL : strchr(digits, tolower(c));

	return at == NULL ? -1 : (int)(at - digits);
}

unsigned int hex_octets(const char *hex, uint8_t *out, unsigned int max)
{
	unsigned int n = 0;

	for (const char *s = hex; *s != '\0';) {
		int hi, lo;

		if (*s == ' ') {
			s++;
			continue;
		}
		hi = nibble(s[0]);
		lo = hi < 0 ? -1 : nibble(s[1]);
		if (lo < 0 || n == max)
			die("not hexadecimal, or too long", hex);
		out[n++] = (uint8_t)(hi << 4 | lo);
		s += 2;
	}
	return n;
}

uint8_t *guard_put(const void *octets, unsigned int n)
{
	static uint8_t *page;
	uint8_t *p;

	if (page == NULL) {
		page = mmap(NULL, 2 * GUARD_LEN, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (page == MAP_FAILED || mprotect(page + GUARD_LEN, GUARD_LEN, PROT_NONE) != 0)
			die("mmap", "guard page");
	}
	if (n > GUARD_LEN)
		die("too long", "guard_put");
	p = page + GUARD_LEN - n;
	if (n > 0)
		memcpy(p, octets, n);
	return p;
}

void mbuf_around(struct rte_mbuf *m, uint8_t *b, unsigned int n)
{
	memset(m, 0, sizeof(*m));
	m->buf_addr = b;
	m->buf_len = (uint16_t)n;
	m->data_len = (uint16_t)n;
	m->pkt_len = n;
	m->nb_segs = 1;
}

uint16_t ref_sum(const uint8_t *b, unsigned int n, uint32_t sum)
{
	for (unsigned int i = 0; i < n; i++) {
		sum += i % 2 == 0 ? (uint32_t)b[i] << 8 : b[i];
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)sum;
}

uint16_t ref_pseudo_sum(const uint8_t *b, unsigned int n, unsigned int l4_off)
{
	uint32_t sum = 6 + n - l4_off;

	if (b[0] >> 4 == 4)
		return ref_sum(&b[12], 8, (sum & 0xffff) + (sum >> 16));
	return ref_sum(&b[8], 32, (sum & 0xffff) + (sum >> 16));
}

void fix_ip_csum(uint8_t *b)
{
	uint16_t csum;

	b[10] = b[11] = 0;
	csum = (uint16_t)~ref_sum(b, (b[0] & 15u) * 4, 0);
	b[10] = (uint8_t)(csum >> 8);
	b[11] = (uint8_t)csum;
}

void fix_tcp_csum(uint8_t *b, unsigned int n, unsigned int l4_off)
{
	uint16_t csum;

	b[l4_off + 16] = b[l4_off + 17] = 0;
	csum = (uint16_t)~ref_sum(&b[l4_off], n - l4_off, ref_pseudo_sum(b, n, l4_off));
	b[l4_off + 16] = (uint8_t)(csum >> 8);
	b[l4_off + 17] = (uint8_t)csum;
}

uint64_t rnd_next(struct rnd *r)
{
	r->s ^= r->s >> 12;
	r->s ^= r->s << 25;
	r->s ^= r->s >> 27;
	return r->s * 0x2545f4914f6cdd1dULL;
}

uint32_t rnd_below(struct rnd *r, uint32_t n)
{
	return (uint32_t)((rnd_next(r) >> 32) * n >> 32);
}

/* The format of libpcap's savefiles, little-endian, microseconds: all that the vectors use. */
unsigned int pcap_each(const char *path,
		       void (*each)(void *arg, const uint8_t *frame, unsigned int len), void *arg)
{
	FILE *f = fopen(path, "rb");
	uint32_t file_hdr[6], rec[4];
	uint8_t frame[GUARD_LEN];
	unsigned int n = 0;

	if (f == NULL || fread(file_hdr, sizeof(file_hdr), 1, f) != 1 || file_hdr[0] != 0xa1b2c3d4)
		die("not a capture", path);
	while (fread(rec, sizeof(rec), 1, f) == 1) {
		if (rec[2] > sizeof(frame) || rec[2] != rec[3] || fread(frame, rec[2], 1, f) != 1)
			die("truncated capture", path);
		each(arg, frame, rec[2]);
		n++;
	}
	fclose(f);
	return n;
}
