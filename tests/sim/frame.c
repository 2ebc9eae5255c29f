/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Frames and their headers. RFC 791, RFC 8200, RFC 9293 s3.1, RFC 1071.
 */
#include <stdlib.h>
#include <string.h>

#include "frame.h"

#define IPPROTO 6 /* TCP */

static struct frame *cache;

struct frame *frame_new(void)
{
	struct frame *f = cache;

	if (f != NULL)
		cache = f->next;
	else
		f = malloc(sizeof(*f));
	if (f == NULL)
		abort();
	f->next = NULL;
	f->len = 0;
	f->damaged = false;
	return f;
}

struct frame *frame_copy(const struct frame *f)
{
	struct frame *c = frame_new();

	c->len = f->len;
	c->damaged = f->damaged;
	memcpy(c->b, f->b, f->len);
	return c;
}

void frame_free(struct frame *f)
{
	f->next = cache;
	cache = f;
}

void frame_cache_free(void)
{
	while (cache != NULL) {
		struct frame *f = cache;

		cache = f->next;
		free(f);
	}
}

bool frame_tcp(struct frame *f, struct tcp_view *v)
{
	unsigned int l4, hdr;

	if (f->len < 20)
		return false;
	memset(v, 0, sizeof(*v));
	v->ip = f->b;
	v->v4 = f->b[0] >> 4 == 4;
	if (v->v4) {
		l4 = (f->b[0] & 15) * 4u;
		v->ip_len = get16(&f->b[2]);
		if (f->b[9] != IPPROTO || l4 < 20)
			return false;
		v->src = ip_addr_from_v4(&f->b[12]);
		v->dst = ip_addr_from_v4(&f->b[16]);
	} else {
		l4 = 40;
		v->ip_len = (uint16_t)(get16(&f->b[4]) + 40);
		if (f->len < 40 || f->b[6] != IPPROTO)
			return false;
		v->src = ip_addr_from_v6(&f->b[8]);
		v->dst = ip_addr_from_v6(&f->b[24]);
	}
	if (v->ip_len > f->len || l4 + 20 > v->ip_len)
		return false;
	v->th = &f->b[l4];
	hdr = (v->th[12] >> 4) * 4u;
	if (hdr < 20 || l4 + hdr > v->ip_len)
		return false;
	v->opt = v->th + 20;
	v->opt_len = (uint16_t)(hdr - 20);
	v->payload = v->th + hdr;
	v->payload_len = (uint16_t)(v->ip_len - l4 - hdr);
	v->sport = get16(v->th);
	v->dport = get16(v->th + 2);
	v->seq = get32(v->th + 4);
	v->ack = get32(v->th + 8);
	v->flags = v->th[13];
	v->wnd = get16(v->th + 14);
	return true;
}

uint8_t *frame_tcp_header(struct frame *f)
{
	return &f->b[f->b[0] >> 4 == 4 ? (f->b[0] & 15) * 4 : 40];
}

uint8_t *frame_option(const struct tcp_view *v, uint8_t kind)
{
	for (unsigned int i = 0; i < v->opt_len && v->opt[i] != 0;) {
		unsigned int len = v->opt[i] == 1 ? 1 : i + 1 < v->opt_len ? v->opt[i + 1] : 0;

		if (len == 0 || i + len > v->opt_len || (len == 1 && v->opt[i] != 1))
			return NULL;
		if (v->opt[i] == kind)
			return &v->opt[i];
		i += len;
	}
	return NULL;
}

static uint64_t sum_of(const uint8_t *p, unsigned int len, uint64_t sum)
{
	for (; len > 1; p += 2, len -= 2)
		sum += get16(p);
	return len == 1 ? sum + ((uint32_t)p[0] << 8) : sum;
}

static uint16_t fold(uint64_t sum)
{
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

void frame_seal(struct frame *f, struct tcp_view *v)
{
	unsigned int l4 = (unsigned int)(v->th - v->ip);
	unsigned int tcp_len = (unsigned int)(v->payload - v->th) + v->payload_len;
	uint64_t sum = IPPROTO + tcp_len;

	v->ip_len = f->len = (uint16_t)(l4 + tcp_len);
	if (v->v4) {
		set16(&f->b[2], f->len);
		set16(&f->b[10], 0);
		set16(&f->b[10], fold(sum_of(f->b, l4, 0)));
		sum = sum_of(&f->b[12], 8, sum);
	} else {
		set16(&f->b[4], (uint16_t)tcp_len);
		sum = sum_of(&f->b[8], 32, sum);
	}
	set16(v->th + 16, 0);
	set16(v->th + 16, fold(sum_of(v->th, tcp_len, sum)));
}

bool frame_intact(const struct frame *f, const struct tcp_view *v)
{
	unsigned int tcp_len = (unsigned int)(v->payload - v->th) + v->payload_len;
	uint64_t sum = IPPROTO + tcp_len;

	sum = v->v4 ? sum_of(&f->b[12], 8, sum) : sum_of(&f->b[8], 32, sum);
	return fold(sum_of(v->th, tcp_len, sum)) == 0;
}

bool frame_mark(struct frame *f)
{
	bool v4 = f->b[0] >> 4 == 4;
	uint8_t *tos = &f->b[1];
	uint8_t ce = v4 ? 3 : 3 << 4;

	if (!(*tos & ce))
		return false;
	*tos |= ce;
	if (v4) {
		set16(&f->b[10], 0);
		set16(&f->b[10], fold(sum_of(f->b, (f->b[0] & 15) * 4u, 0)));
	}
	return true;
}

void frame_seal_too_big(struct frame *f)
{
	bool v4 = f->b[0] >> 4 == 4;
	unsigned int off = v4 ? 20 : 40;
	uint64_t sum = 0;

	if (v4) {
		set16(&f->b[2], f->len);
		set16(&f->b[10], 0);
		set16(&f->b[10], fold(sum_of(f->b, 20, 0)));
	} else {
		set16(&f->b[4], (uint16_t)(f->len - 40));
		sum = sum_of(&f->b[8], 32, f->len - 40u + 58u);
	}
	set16(&f->b[off + 2], 0);
	set16(&f->b[off + 2], fold(sum_of(&f->b[off], f->len - off, sum)));
}

/* From a neighbour of the receiver: the last octet of its address is another one. */
struct frame *frame_too_big(const struct frame *f, uint32_t mtu, unsigned int quote)
{
	struct frame *e = frame_new();
	bool v4 = f->b[0] >> 4 == 4;
	unsigned int off = v4 ? 20 : 40;

	quote = quote < f->len ? quote : f->len;
	memset(e->b, 0, off + 8);
	e->b[0] = v4 ? 0x45 : 0x60;
	e->b[v4 ? 8 : 7] = 64;
	e->b[v4 ? 9 : 6] = v4 ? 1 : 58;
	if (v4) {
		memcpy(&e->b[12], &f->b[16], 4);
		memcpy(&e->b[16], &f->b[12], 4);
		set16(&e->b[off + 6], (uint16_t)mtu);
	} else {
		memcpy(&e->b[8], &f->b[24], 16);
		memcpy(&e->b[24], &f->b[8], 16);
		set32(&e->b[off + 4], mtu);
	}
	e->b[v4 ? 15 : 23] ^= 0x40;
	e->b[off] = v4 ? 3 : 2;
	e->b[off + 1] = v4 ? 4 : 0;
	memcpy(&e->b[off + 8], f->b, quote);
	e->len = (uint16_t)(off + 8 + quote);
	frame_seal_too_big(e);
	return e;
}
