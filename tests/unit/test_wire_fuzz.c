/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Random option areas and mutated packets through the parser, the same ones in every run, each laid
 * out before memory that cannot be read; what it accepts must keep the promises of pkt.h and
 * mp_opt.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "mptcp/wire/pkt.h"
#include "octets.h"
#include "rebuild.h"

#define ROUNDS      100000
#define PKT_MAX     1600
#define CORPUS_MAX  128
#define ETH_HDR_LEN 14

static struct {
	uint8_t b[256];
	unsigned int n;
} corpus[CORPUS_MAX];
static unsigned int n_corpus;

static void add_frame(void *arg, const uint8_t *frame, unsigned int len)
{
	(void)arg;
	assert_true(len > ETH_HDR_LEN && len - ETH_HDR_LEN <= sizeof(corpus[0].b));
	if (n_corpus == CORPUS_MAX)
		return;
	corpus[n_corpus].n = len - ETH_HDR_LEN;
	memcpy(corpus[n_corpus].b, frame + ETH_HDR_LEN, len - ETH_HDR_LEN);
	n_corpus++;
}

static int load_corpus(void **state)
{
	static const char *const files[] = {"b1", "b2", "b3", "c1", "c2", "c3"};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_LEN(files); i++) {
		char path[512];

		snprintf(path, sizeof(path), "%s/%s.pcap", VECTORS_DIR, files[i]);
		pcap_each(path, add_frame, NULL);
	}
	return 0;
}

/* Two subtypes that may not share a segment, by the rules of mp_opt.h. */
static bool excluded(uint32_t present)
{
	const uint32_t not_join = MP_BIT(MP_CAPABLE) | MP_BIT(MP_DSS) | MP_BIT(MP_ADD_ADDR) |
				  MP_BIT(MP_FAIL) | MP_BIT(MP_FASTCLOSE) | MP_BIT(MP_TCPRST);

	if ((present & MP_BIT(MP_CAPABLE)) &&
	    (present & ~(MP_BIT(MP_CAPABLE) | MP_BIT(MP_REMOVE_ADDR))) != 0)
		return true;
	return (present & MP_BIT(MP_JOIN)) && (present & not_join) != 0;
}

static void check_opts(const struct mp_opts *o, bool syn, bool ack)
{
	assert_true((o->present & ~0x1ffu) == 0);
	assert_false(excluded(o->present));
	if (o->present & MP_BIT(MP_CAPABLE)) {
		assert_int_equal(o->capable.n_keys, !syn ? 2 : ack ? 1 : 0);
		assert_true(o->capable.version != 0);
		assert_true(o->capable.has_data_len || !o->capable.has_csum);
	}
	if (o->present & MP_BIT(MP_JOIN))
		assert_int_equal(o->join.form, !syn ? MPJ_ACK : ack ? MPJ_SYNACK : MPJ_SYN);
	if (o->present & MP_BIT(MP_DSS)) {
		assert_true((o->dss.flags & DSS_FLAG_MAP) ||
			    !((o->dss.flags & (DSS_FLAG_FIN | DSS_FLAG_DSN8)) || o->dss.has_csum));
		assert_true((o->dss.flags & DSS_FLAG_ACK) || !(o->dss.flags & DSS_FLAG_ACK8));
		assert_true((o->dss.flags & DSS_FLAG_ACK8) || o->dss.data_ack >> 32 == 0);
		assert_true((o->dss.flags & DSS_FLAG_DSN8) || o->dss.dsn >> 32 == 0);
	}
	if (o->present & MP_BIT(MP_ADD_ADDR))
		assert_int_equal(o->add_addr.has_hmac, !o->add_addr.echo);
	if (o->present & MP_BIT(MP_REMOVE_ADDR))
		assert_in_range(o->remove_addr.n, 1, 37);
}

/* Build, parse and build each option: the same octets. */
static void check_round_trip(const struct mp_opts *o, bool syn, bool ack)
{
	for (unsigned int s = 0; s <= MP_TCPRST; s++) {
		struct opt_buf one = {.room = TCP_OPTIONS_MAX}, two = {.room = TCP_OPTIONS_MAX};
		struct mp_opts again = {.present = 0};

		if (!(o->present & MP_BIT(s)))
			continue;
		assert_int_equal(mp_rebuild(&one, o, s), 0);
		mp_opt_parse(&again, guard_put(one.b, one.b[1]), one.b[1], syn, ack);
		assert_int_equal(mp_only_subtype(&again), s);
		assert_int_equal(mp_rebuild(&two, &again, s), 0);
		assert_int_equal(one.len, two.len);
		assert_memory_equal(one.b, two.b, one.len);
	}
}

static void check_packet(const uint8_t *b, unsigned int n, uint64_t ol_flags,
			 unsigned int accepted[2])
{
	enum counter reason, peek_reason;
	struct flow_key key;
	struct rte_mbuf m;
	uint16_t l4_off;
	uint8_t flags;
	struct pkt p;
	bool syn, ack;

	mbuf_around(&m, guard_put(b, n), n);
	m.ol_flags = ol_flags;
	peek_reason = pkt_peek(&m, &key, &flags, &l4_off);
	memset(&p, 0xa5, sizeof(p));
	reason = pkt_parse(&p, &m);
	accepted[reason == CTR_NONE]++;
	assert_true(reason < CTR_MAX);
	assert_memory_equal(rte_pktmbuf_mtod(&m, uint8_t *), b, n);
	if (reason != CTR_NONE) {
		assert_int_equal(counter_desc[reason].kind, CTR_KIND_DROP);
		assert_int_equal(m.data_len, n);
		return;
	}
	assert_int_equal(peek_reason, CTR_NONE);
	assert_true(flow_key_eq(&key, &p.key));
	assert_int_equal(flags, p.flags);
	assert_int_equal(l4_off, p.l4_off);

	assert_true(m.data_len <= n);
	assert_int_equal(m.data_len, m.pkt_len);
	assert_int_equal(p.payload_off + p.payload_len, m.data_len);
	assert_true(p.payload_off >= p.l4_off + 20);
	assert_int_equal(ntohs(p.payload_sum), ref_sum(&b[p.payload_off], p.payload_len, 0));
	assert_true(p.key.local_port != 0 && p.key.remote_port != 0);
	assert_true(ip_addr_is_unicast(&p.key.remote));
	assert_true(p.tcp.n_sack <= TCP_SACK_BLOCKS_MAX);
	syn = p.flags & TCPF_SYN;
	ack = p.flags & TCPF_ACK;
	assert_true(!syn || !(p.flags & (TCPF_FIN | TCPF_RST)));
	assert_true(!p.tcp.has_wscale || p.tcp.wscale <= 14);
	assert_true(syn || !(p.tcp.has_mss || p.tcp.has_wscale || p.tcp.has_sack_perm));
	check_opts(&p.mp, syn, ack);
	check_round_trip(&p.mp, syn, ack);
	if (!(ol_flags & RTE_MBUF_F_RX_L4_CKSUM_GOOD))
		assert_int_equal(ref_sum(&b[p.l4_off], m.data_len - p.l4_off,
					 ref_pseudo_sum(b, m.data_len, p.l4_off)),
				 0xffff);
}

/* An option area of some length: kinds that mean something, lengths mostly near the right ones. */
static unsigned int random_opts(struct rnd *r, uint8_t *o)
{
	static const uint8_t kinds[] = {0, 1, 1, 2, 3, 4, 5, 8, 30, 30, 30, 30, 30, 30, 30, 30};
	static const uint8_t lens[] = {3, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30};
	unsigned int n = rnd_below(r, 11) * 4, i = 0;

	for (unsigned int k = 0; k < n; k++)
		o[k] = (uint8_t)rnd_next(r);
	while (i < n && rnd_below(r, 50) != 0) {
		uint8_t kind = kinds[rnd_below(r, ARRAY_LEN(kinds))];
		unsigned int len = lens[rnd_below(r, ARRAY_LEN(lens))];

		if (rnd_below(r, 30) == 0)
			len = rnd_below(r, 256);
		o[i] = kind;
		if (kind < 2) {
			i++;
			continue;
		}
		if (i + 1 < n)
			o[i + 1] = (uint8_t)len;
		if (i + 2 < n && kind == 30)
			o[i + 2] = (uint8_t)(rnd_below(r, 10) << 4 | rnd_below(r, 4));
		if (i + 3 < n && kind == 30)
			o[i + 3] &= 0x1f;
		i += len == 0 ? 2 : len;
	}
	return n;
}

static void test_option_areas(void **state)
{
	static const uint8_t ip4[20] = {0x45, 0, 0,  0, 0, 0, 0x40, 0, 64, 6,
					0,    0, 10, 0, 1, 1, 10,   0, 2,  2};
	static const uint8_t flags[] = {TCPF_SYN,           TCPF_SYN | TCPF_ACK, TCPF_ACK,
					TCPF_ACK,           TCPF_ACK | TCPF_PSH, TCPF_RST,
					TCPF_ACK | TCPF_FIN};
	unsigned int accepted[2] = {0, 0};
	struct rnd r = {20250101};

	(void)state;
	for (unsigned int i = 0; i < ROUNDS; i++) {
		uint8_t b[128];
		unsigned int n;

		memcpy(b, ip4, sizeof(ip4));
		memset(&b[20], 0, 20);
		b[20] = b[22] = 4;
		b[33] = flags[rnd_below(&r, ARRAY_LEN(flags))];
		n = 40 + random_opts(&r, &b[40]);
		b[32] = (uint8_t)((n - 20) / 4 << 4);
		/* so that the end of the options is the end of the memory, but not always */
		for (unsigned int k = rnd_below(&r, 4); k > 0; k--)
			b[n++] = (uint8_t)rnd_next(&r);
		b[3] = (uint8_t)n;
		fix_ip_csum(b);
		fix_tcp_csum(b, n, 20);
		check_packet(b, n, 0, accepted);
	}
	assert_true(accepted[1] > ROUNDS / 10);
	assert_true(accepted[0] > ROUNDS / 10);
}

static void mutate(struct rnd *r, uint8_t *b, unsigned int *n)
{
	static const uint8_t special[] = {0, 1, 2, 3, 4, 30, 40, 0x7f, 0x80, 0xff};

	for (unsigned int k = rnd_below(r, 6); k > 0; k--) {
		unsigned int at = rnd_below(r, *n);

		switch (rnd_below(r, 6)) {
		case 0:
			b[at] ^= (uint8_t)(1 << rnd_below(r, 8));
			break;
		case 1:
			b[at] = (uint8_t)rnd_next(r);
			break;
		case 2:
			b[at] = special[rnd_below(r, ARRAY_LEN(special))];
			break;
		case 3: /* something from elsewhere */
			memmove(&b[at], &b[rnd_below(r, *n)], rnd_below(r, 8) % (*n - at));
			break;
		case 4: /* cut */
			*n = at + 1;
			break;
		default: /* grow */
			while (*n < PKT_MAX && rnd_below(r, 16) != 0)
				b[(*n)++] = (uint8_t)rnd_next(r);
			break;
		}
	}
}

/* Captured packets with a few octets changed; every other one with its lengths and checksums put
 * right, so that what is behind those tests is reached. */
static void test_mutated_packets(void **state)
{
	unsigned int accepted[2] = {0, 0};
	struct rnd r = {20250102};

	(void)state;
	for (unsigned int i = 0; i < ROUNDS; i++) {
		unsigned int from = rnd_below(&r, n_corpus), n = corpus[from].n;
		uint64_t ol_flags = 0;
		uint8_t b[PKT_MAX + 64];
		unsigned int l4_off;

		memcpy(b, corpus[from].b, n);
		mutate(&r, b, &n);
		l4_off = b[0] >> 4 == 4 ? (b[0] & 15u) * 4 : 40;
		if (i % 2 == 0 && n >= l4_off + 20 && l4_off >= 20) {
			if (b[0] >> 4 == 4) {
				b[2] = (uint8_t)(n >> 8);
				b[3] = (uint8_t)n;
				fix_ip_csum(b);
			} else {
				b[4] = (uint8_t)((n - 40) >> 8);
				b[5] = (uint8_t)(n - 40);
			}
			fix_tcp_csum(b, n, l4_off);
		} else if (i % 4 == 1) {
			ol_flags = RTE_MBUF_F_RX_L4_CKSUM_GOOD | RTE_MBUF_F_RX_IP_CKSUM_GOOD;
		}
		check_packet(b, n, ol_flags, accepted);
	}
	assert_true(accepted[1] > ROUNDS / 10);
	assert_true(accepted[0] > ROUNDS / 10);
}

/* Nothing but noise, beginning like an IP packet. */
static void test_noise(void **state)
{
	unsigned int accepted[2] = {0, 0};
	struct rnd r = {20250103};

	(void)state;
	for (unsigned int i = 0; i < ROUNDS; i++) {
		uint8_t b[160];
		unsigned int n = rnd_below(&r, sizeof(b) + 1);

		for (unsigned int k = 0; k < n; k++)
			b[k] = (uint8_t)rnd_next(&r);
		if (n > 9) {
			bool v4 = i % 2;

			b[0] = v4 ? 0x45 : 0x60;
			b[v4 ? 2 : 4] = 0;
			b[v4 ? 3 : 5] = (uint8_t)(v4 ? n : n - 40);
			b[v4 ? 9 : 6] = rnd_below(&r, 4) == 0 ? 0 : 6;
			if (v4)
				b[6] = b[7] = 0;
		}
		check_packet(b, n, RTE_MBUF_F_RX_L4_CKSUM_GOOD | RTE_MBUF_F_RX_IP_CKSUM_GOOD,
			     accepted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_option_areas),
		cmocka_unit_test(test_mutated_packets),
		cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests(tests, load_corpus, NULL);
}
