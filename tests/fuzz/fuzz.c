/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What all fuzz targets have in common. One thread; nothing is read but the input.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_mempool.h>
#include <sanitizer/asan_interface.h>

#include "fuzz.h"
#include "mptcp/wire/checksum.h"

#define JUNK 0xa5 /* in buffers that nobody has written yet */

void broken(const char *file, int line, const char *what)
{
	fprintf(stderr, "BROKEN %s:%d: %s\n", file, line, what);
	abort();
}

void trace(const char *fmt, ...)
{
	static int on = -1;
	va_list ap;

	if (on < 0)
		on = getenv("FUZZ_TRACE") != NULL;
	if (!on)
		return;
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

/* --- input ------------------------------------------------------------------------------------ */

uint8_t in_u8(struct input *in)
{
	if (in->left == 0)
		return 0;
	in->left--;
	return *in->p++;
}

uint16_t in_u16(struct input *in)
{
	uint16_t hi = in_u8(in);

	return (uint16_t)(hi << 8 | in_u8(in));
}

uint32_t in_u32(struct input *in)
{
	uint32_t hi = in_u16(in);

	return hi << 16 | in_u16(in);
}

unsigned int in_octets(struct input *in, uint8_t *b, unsigned int max)
{
	unsigned int n = in->left < max ? (unsigned int)in->left : max;

	if (n > 0)
		memcpy(b, in->p, n);
	in->p += n;
	in->left -= n;
	return n;
}

/* --- packet buffers: mempool operations with a queue, oldest first --------------------------------- */

struct fifo {
	uint32_t limit; /* buffers that can still be had */
	unsigned int at, n, size;
	bool watched;
	void *obj[];
};

/* DPDK keeps its pointers where LeakSanitizer does not look. */
#define POOLS_MAX 4
static struct fifo *fifos[POOLS_MAX];

static int fifo_alloc(struct rte_mempool *mp)
{
	static unsigned int n;
	struct fifo *f = calloc(1, sizeof(*f) + mp->size * sizeof(f->obj[0]));

	if (f == NULL || n == POOLS_MAX)
		return -ENOMEM;
	fifos[n++] = f;
	f->size = mp->size;
	f->limit = FUZZ_NO_LIMIT;
	mp->pool_data = f;
	return 0;
}

static void fifo_free(struct rte_mempool *mp)
{
	free(mp->pool_data);
}

static int fifo_put(struct rte_mempool *mp, void *const *obj, unsigned int n)
{
	struct fifo *f = mp->pool_data;

	for (unsigned int i = 0; i < n; i++) {
		MUST(f->n < f->size);
		if (f->watched) {
			MUST(!__asan_address_is_poisoned(obj[i])); /* freed twice */
			ASAN_POISON_MEMORY_REGION(obj[i], mp->elt_size);
		}
		f->obj[(f->at + f->n++) % f->size] = obj[i];
	}
	return 0;
}

/* Nothing that was in a buffer before, or is not written, may have a meaning. */
static void fifo_scribble(struct rte_mempool *mp, struct rte_mbuf *m)
{
	ASAN_UNPOISON_MEMORY_REGION(m, mp->elt_size);
	memset(m + 1, JUNK, mp->elt_size - sizeof(*m));
}

static int fifo_get(struct rte_mempool *mp, void **obj, unsigned int n)
{
	struct fifo *f = mp->pool_data;

	if (n > f->n || n > f->limit)
		return -ENOBUFS;
	if (f->limit != FUZZ_NO_LIMIT)
		f->limit -= n;
	for (unsigned int i = 0; i < n; i++) {
		obj[i] = f->obj[f->at];
		f->at = (f->at + 1) % f->size;
		f->n--;
		if (f->watched)
			fifo_scribble(mp, obj[i]);
	}
	return 0;
}

static unsigned int fifo_count(const struct rte_mempool *mp)
{
	const struct fifo *f = mp->pool_data;

	return f->n;
}

static const struct rte_mempool_ops fifo_ops = {
	.name = "fuzz_fifo",
	.alloc = fifo_alloc,
	.free = fifo_free,
	.enqueue = fifo_put,
	.dequeue = fifo_get,
	.get_count = fifo_count,
};

struct rte_mempool *fuzz_pool(const char *name, unsigned int n)
{
	char *argv[] = {"fuzz", "--no-huge", "--no-shconf",         "--no-pci",      "-m", "64",
			"-l",   "0",         "--log-level=*:error", "--no-telemetry"};
	static bool started;
	struct rte_mempool *mp;
	struct fifo *f;

	if (!started) {
		MUST(rte_eal_init((int)RTE_DIM(argv), argv) >= 0);
		MUST(rte_mempool_register_ops(&fifo_ops) >= 0);
		started = true;
	}
	mp = rte_pktmbuf_pool_create_by_ops(name, n, 0, SEG_PRIV_SIZE, RTE_MBUF_DEFAULT_BUF_SIZE,
					    SOCKET_ID_ANY, fifo_ops.name);
	MUST(mp != NULL);
	f = mp->pool_data;
	for (unsigned int i = 0; i < f->n; i++)
		ASAN_POISON_MEMORY_REGION(f->obj[i], mp->elt_size);
	f->watched = true;
	return mp;
}

unsigned int fuzz_pool_used(const struct rte_mempool *pool)
{
	return pool->size - rte_mempool_avail_count(pool);
}

void fuzz_pool_limit(struct rte_mempool *pool, uint32_t n)
{
	struct fifo *f = pool->pool_data;

	f->limit = n;
}

/* --- segments ------------------------------------------------------------------------------------- */

struct rte_mbuf *fuzz_segment(struct rte_mempool *pool, const struct tcp_hdr_out *h,
			      unsigned int side, uint32_t off, uint16_t len, struct pkt *p)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	uint8_t *b;

	MUST(m != NULL);
	b = (uint8_t *)rte_pktmbuf_append(m, len);
	for (unsigned int i = 0; i < len; i++)
		b[i] = pattern(side, off + i);
	MUST(pkt_prepend_headers(m, h, csum_partial(b, len)) == 0);
	memset(p, JUNK, sizeof(*p));
	if (pkt_parse(p, m) == CTR_NONE)
		return m;
	rte_pktmbuf_free(m);
	return NULL;
}

void fuzz_sent(struct sent *s, struct rte_mbuf *m)
{
	unsigned int n = 0;
	struct rte_mbuf fake;

	MUST(m->pkt_len <= sizeof(s->b));
	for (const struct rte_mbuf *i = m; i != NULL; i = i->next) {
		MUST(n + i->data_len <= sizeof(s->b));
		memcpy(&s->b[n], rte_pktmbuf_mtod(i, const uint8_t *), i->data_len);
		n += i->data_len;
	}
	MUST(n == m->pkt_len);
	memset(&fake, 0, sizeof(fake));
	fake.buf_addr = s->b;
	fake.buf_len = fake.data_len = (uint16_t)n;
	fake.pkt_len = n;
	fake.nb_segs = 1;
	MUST(pkt_parse(&s->p, &fake) == CTR_NONE);
	MUST(fake.data_len == n);
	MUST(!s->p.mp.malformed && !s->p.mp.conflicting);
	s->opt_len = s->p.payload_off - s->p.l4_off - 20u;
	s->payload = &s->b[s->p.payload_off];
}
