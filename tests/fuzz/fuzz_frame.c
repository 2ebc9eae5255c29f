/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Whole IPv4 and IPv6 packets through the parser and the look at the flow key, with lengths and
 * checksums as they come or put right first. In one buffer that ends where the packet does, and in
 * several as a port may give them: those are refused, and joined they say what the one did.
 */
#include <stdlib.h>
#include <string.h>

#include "pkt_watch.h"
#include "../unit/octets.h"

#define POOL_MBUFS 63
#define FRAME_MAX  1600
#define PIECES_MAX 4

#define FIX_LENGTH 0x01
#define FIX_CSUM   0x02
#define PORT_GOOD  0x04 /* the port says that checksums are good */
#define PORT_NONE  0x08
#define IN_PIECES  0x10
#define JUNK       0xa5

static struct rte_mempool *pool;

static void fix(uint8_t mode, uint8_t *b, unsigned int n)
{
	struct flow_key key;
	struct rte_mbuf m;
	uint16_t l4_off;
	uint8_t flags;
	bool v4 = n > 0 && b[0] >> 4 == 4;

	if (n < (v4 ? 20u : 40u))
		return;
	if (mode & FIX_LENGTH) {
		unsigned int len = v4 ? n : n - 40;

		b[v4 ? 2 : 4] = (uint8_t)(len >> 8);
		b[v4 ? 3 : 5] = (uint8_t)len;
	}
	mbuf_around(&m, b, n);
	if (!(mode & FIX_CSUM) || pkt_peek(&m, &key, &flags, &l4_off) != CTR_NONE)
		return;
	if (v4)
		fix_ip_csum(b);
	if (mode & FIX_LENGTH)
		fix_tcp_csum(b, n, l4_off);
}

static uint64_t ol_flags_of(uint8_t mode)
{
	if (mode & PORT_GOOD)
		return RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	if (mode & PORT_NONE)
		return RTE_MBUF_F_RX_IP_CKSUM_NONE | RTE_MBUF_F_RX_L4_CKSUM_NONE;
	return 0;
}

/* In one piece of memory of exactly its size. */
static enum counter parse_alone(struct pkt *p, uint8_t mode, const uint8_t *b, unsigned int n)
{
	enum counter reason, peek_reason;
	struct flow_key key;
	struct rte_mbuf m;
	uint16_t l4_off;
	uint8_t flags, *copy = malloc(n > 0 ? n : 1);

	MUST(copy != NULL);
	if (n > 0)
		memcpy(copy, b, n);
	mbuf_around(&m, copy, n);
	m.ol_flags = ol_flags_of(mode);
	peek_reason = pkt_peek(&m, &key, &flags, &l4_off);
	memset(p, JUNK, sizeof(*p));
	reason = pkt_parse(p, &m);
	MUST(n == 0 || memcmp(copy, b, n) == 0);
	if (reason != CTR_NONE) {
		MUST(reason < CTR_MAX && counter_desc[reason].kind == CTR_KIND_DROP);
		MUST(m.data_len == n);
	} else {
		MUST(peek_reason == CTR_NONE && flow_key_eq(&key, &p->key));
		MUST(flags == p->flags && l4_off == p->l4_off);
		pkt_watch(p, &m, b, n);
		if (!(mode & (PORT_GOOD | PORT_NONE)))
			MUST(ref_sum(&b[p->l4_off], m.data_len - p->l4_off,
				     ref_pseudo_sum(b, m.data_len, p->l4_off)) == 0xffff);
	}
	free(copy);
	return reason;
}

/* As a port that scatters: pieces of any length, none included. */
static struct rte_mbuf *scattered(const uint8_t *b, unsigned int n, const uint8_t cut[PIECES_MAX])
{
	struct rte_mbuf *head = NULL, *m;
	unsigned int at = 0;

	for (unsigned int i = 0; i < PIECES_MAX; i++) {
		unsigned int len = n - at;

		if (i < PIECES_MAX - 1 && cut[i] < len)
			len = cut[i];
		m = rte_pktmbuf_alloc(pool);
		MUST(m != NULL);
		memcpy(rte_pktmbuf_append(m, (uint16_t)len), &b[at], len);
		at += len;
		if (head == NULL)
			head = m;
		else
			MUST(rte_pktmbuf_chain(head, m) == 0);
		if (at == n)
			break;
	}
	return head;
}

static void parse_pieces(enum counter want, const struct pkt *want_p, uint8_t mode,
			 const uint8_t *b, unsigned int n, const uint8_t cut[PIECES_MAX])
{
	struct rte_mbuf *m = scattered(b, n, cut);
	struct flow_key key;
	uint16_t l4_off;
	uint8_t flags;
	struct pkt p;

	m->ol_flags = ol_flags_of(mode);
	if (m->nb_segs > 1) {
		MUST(pkt_parse(&p, m) == CTR_DROP_ETH_SEGS);
		pkt_peek(m, &key, &flags, &l4_off); /* within the first one */
		MUST(rte_pktmbuf_linearize(m) == 0);
	}
	memset(&p, JUNK, sizeof(p));
	MUST(pkt_parse(&p, m) == want);
	if (want == CTR_NONE)
		MUST(memcmp(&p, want_p, sizeof(p)) == 0);
	rte_pktmbuf_free(m);
	MUST(fuzz_pool_used(pool) == 0);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	pool = fuzz_pool("frame", POOL_MBUFS);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	uint8_t mode = in_u8(&in), cut[PIECES_MAX] = {0}, b[FRAME_MAX];
	enum counter reason;
	unsigned int n;
	struct pkt p;

	if (mode & IN_PIECES)
		in_octets(&in, cut, sizeof(cut));
	n = in_octets(&in, b, sizeof(b));
	fix(mode, b, n);
	reason = parse_alone(&p, mode, b, n);
	if (mode & IN_PIECES)
		parse_pieces(reason, &p, mode, b, n, cut);
	return 0;
}
