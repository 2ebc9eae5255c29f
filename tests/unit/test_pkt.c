/* SPDX-License-Identifier: BSD-3-Clause
 *
 * pkt_parse(), pkt_peek() and pkt_prepend_headers(): each field, each reason to refuse, TCP options
 * of every wrong length, link padding, checksums with and without a port that verified them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "eal.h"
#include "mptcp/wire/checksum.h"
#include "mptcp/wire/pkt.h"
#include "octets.h"

#define PKT_MAX 2048

/* IPv4 and IPv6 with the same TCP segment: 20 octets of options, 5 of payload. Checksums are filled
 * in by make_v4() and make_v6(). */
#define TCP_HEX                                            \
	"c628 1092 3f4b8706 b625050e a0 18 fafa 0000 0000" \
	"0101080a25992a9b5df86ad3 1e082001d71e357b 68656c6c6f"
#define V4_HEX "45 02 0041 1234 4000 40 06 0000 0a000101 0a000202"
#define V6_HEX \
	"6025 0000 002d 06 40 20010db8000000000000000000000001 20010db8000000000000000000000002"

#define V4_L4   20
#define V6_L4   40
#define TCP_LEN 45

struct packet {
	uint8_t b[PKT_MAX];
	unsigned int n;
	unsigned int l4_off;
};

static void fix(struct packet *k)
{
	if (k->b[0] >> 4 == 4)
		fix_ip_csum(k->b);
	fix_tcp_csum(k->b, k->n, k->l4_off);
}

static struct packet make(const char *ip_hex, const char *tcp_hex)
{
	struct packet k = {.n = 0};

	k.l4_off = hex_octets(ip_hex, k.b, sizeof(k.b));
	k.n = k.l4_off + hex_octets(tcp_hex, &k.b[k.l4_off], sizeof(k.b) - k.l4_off);
	if (k.b[0] >> 4 == 4) {
		k.b[2] = (uint8_t)(k.n >> 8);
		k.b[3] = (uint8_t)k.n;
	} else {
		k.b[4] = (uint8_t)((k.n - 40) >> 8);
		k.b[5] = (uint8_t)(k.n - 40);
	}
	fix(&k);
	return k;
}

static enum counter parse_ol(struct pkt *p, const struct packet *k, uint64_t ol_flags)
{
	struct rte_mbuf m;

	mbuf_around(&m, guard_put(k->b, k->n), k->n);
	m.ol_flags = ol_flags;
	memset(p, 0xa5, sizeof(*p));
	return pkt_parse(p, &m);
}

static enum counter parse(struct pkt *p, const struct packet *k)
{
	return parse_ol(p, k, 0);
}

static void check_fields(const struct packet *k)
{
	struct flow_key key;
	struct rte_mbuf m;
	uint16_t l4_off;
	uint8_t flags;
	struct pkt p;

	assert_int_equal(parse(&p, k), CTR_NONE);
	assert_int_equal(p.key.remote_port, 0xc628);
	assert_int_equal(p.key.local_port, 0x1092);
	assert_int_equal(p.key.zero, 0);
	assert_int_equal(p.seq, 0x3f4b8706);
	assert_int_equal(p.ack, 0xb625050e);
	assert_int_equal(p.wnd, 0xfafa);
	assert_int_equal(p.flags, TCPF_ACK | TCPF_PSH);
	assert_int_equal(p.ecn, 2);
	assert_int_equal(p.l4_off, k->l4_off);
	assert_int_equal(p.payload_off, k->l4_off + 40);
	assert_int_equal(p.payload_len, 5);
	assert_int_equal(pkt_seg_len(&p), 5);
	assert_int_equal(ntohs(p.payload_sum), ref_sum((const uint8_t *)"hello", 5, 0));
	assert_true(p.tcp.has_ts);
	assert_int_equal(p.tcp.tsval, 0x25992a9b);
	assert_int_equal(p.tcp.tsecr, 0x5df86ad3);
	assert_false(p.tcp.has_mss || p.tcp.has_wscale || p.tcp.has_sack_perm);
	assert_int_equal(p.tcp.n_sack, 0);
	assert_int_equal(p.mp.present, MP_BIT(MP_DSS));
	assert_true(p.mp.dss.data_ack == 0xd71e357b);
	assert_false(p.mp.malformed || p.mp.conflicting);

	mbuf_around(&m, guard_put(k->b, k->n), k->n);
	assert_int_equal(pkt_peek(&m, &key, &flags, &l4_off), CTR_NONE);
	assert_true(flow_key_eq(&key, &p.key));
	assert_int_equal(flags, p.flags);
	assert_int_equal(l4_off, p.l4_off);
}

static void test_fields(void **state)
{
	struct packet v4 = make(V4_HEX, TCP_HEX), v6 = make(V6_HEX, TCP_HEX);
	struct ip_addr want;
	struct pkt p;

	(void)state;
	v6.b[1] = 0x25; /* ECN is in the middle of the first word */
	check_fields(&v4);
	check_fields(&v6);
	parse(&p, &v4);
	ip_addr_parse("10.0.1.1", &want);
	assert_true(ip_addr_eq(&p.key.remote, &want));
	ip_addr_parse("10.0.2.2", &want);
	assert_true(ip_addr_eq(&p.key.local, &want));
	parse(&p, &v6);
	ip_addr_parse("2001:db8::1", &want);
	assert_true(ip_addr_eq(&p.key.remote, &want));
	ip_addr_parse("2001:db8::2", &want);
	assert_true(ip_addr_eq(&p.key.local, &want));
}

/* Write octets at an offset, make the checksums right again, and see it refused. */
struct fault {
	unsigned int at; /* from the IP header; TCP() from the TCP header */
	const char *hex;
	enum counter reason;
};
#define TCP(off) (0x8000 + (off))

static void check_faults(const char *ip_hex, const struct fault *v, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		struct packet k = make(ip_hex, TCP_HEX);
		unsigned int at = v[i].at >= TCP(0) ? v[i].at - TCP(0) + k.l4_off : v[i].at;
		uint8_t *ip_csum = &k.b[10];
		struct pkt p;

		hex_octets(v[i].hex, &k.b[at], sizeof(k.b) - at);
		if (v[i].reason != CTR_DROP_IP_CSUM && k.b[0] >> 4 == 4) {
			uint16_t sum;

			ip_csum[0] = ip_csum[1] = 0;
			sum = (uint16_t)~ref_sum(k.b, (k.b[0] & 15u) * 4, 0);
			ip_csum[0] = (uint8_t)(sum >> 8);
			ip_csum[1] = (uint8_t)sum;
		}
		if (v[i].reason != CTR_DROP_TCP_CSUM)
			fix_tcp_csum(k.b, k.n, k.l4_off);
		if (parse(&p, &k) != v[i].reason)
			fail_msg("%u: %u <- %s: %s, not %s", i, v[i].at, v[i].hex,
				 counter_desc[parse(&p, &k)].name, counter_desc[v[i].reason].name);
	}
}

static const struct fault tcp_faults[] = {
	{TCP(0), "0000", CTR_DROP_TCP_PORT},
	{TCP(2), "0000", CTR_DROP_TCP_PORT},
	{TCP(12), "00", CTR_DROP_TCP_HDR},
	{TCP(12), "40", CTR_DROP_TCP_HDR},
	{TCP(12), "c0", CTR_DROP_TCP_HDR}, /* 48 octets of 45 */
	{TCP(12), "f0", CTR_DROP_TCP_HDR},
	{TCP(12), "50", CTR_NONE},
	{TCP(12), "af", CTR_NONE}, /* reserved bits */
	{TCP(13), "00", CTR_DROP_TCP_FLAGS},
	{TCP(13), "c0", CTR_DROP_TCP_FLAGS},
	{TCP(13), "03", CTR_DROP_TCP_FLAGS},
	{TCP(13), "06", CTR_DROP_TCP_FLAGS},
	{TCP(13), "ff", CTR_DROP_TCP_FLAGS},
	{TCP(13), "c2", CTR_NONE},
	{TCP(13), "12", CTR_NONE},
	{TCP(13), "04", CTR_NONE},
	{TCP(13), "14", CTR_NONE},
	{TCP(13), "29", CTR_NONE},
	{TCP(16), "1234", CTR_DROP_TCP_CSUM},
	{TCP(4), "3f4b8705", CTR_DROP_TCP_CSUM},
	{TCP(44), "6e", CTR_DROP_TCP_CSUM}, /* last octet of the payload */
	{TCP(33), "00", CTR_DROP_TCP_OPT},
	{TCP(33), "01", CTR_DROP_TCP_OPT},
	{TCP(33), "09", CTR_DROP_TCP_OPT},
	{TCP(33), "ff", CTR_DROP_TCP_OPT},
	{TCP(32), "0000", CTR_NONE}, /* end of options: the rest is not looked at */
	{TCP(39), "1e", CTR_NONE},
	{TCP(32), "010101010101011e", CTR_DROP_TCP_OPT}, /* a kind with no length behind it */
	{TCP(32), "01010101010101 05", CTR_DROP_TCP_OPT},
};

static void test_faults_v4(void **state)
{
	static const struct fault v[] = {
		{0, "55", CTR_DROP_IP_VERSION},
		{0, "05", CTR_DROP_IP_VERSION},
		{0, "44", CTR_DROP_IP_HDR},
		{0, "40", CTR_DROP_IP_HDR},
		{2, "0013", CTR_DROP_IP_HDR},
		{2, "0000", CTR_DROP_IP_HDR},
		{2, "0042", CTR_DROP_IP_SHORT},
		{2, "ffff", CTR_DROP_IP_SHORT},
		{2, "0027", CTR_DROP_TCP_SHORT},
		{2, "0014", CTR_DROP_TCP_SHORT},
		{6, "2000", CTR_DROP_IP_FRAG},
		{6, "0001", CTR_DROP_IP_FRAG},
		{6, "1fff", CTR_DROP_IP_FRAG},
		{6, "0000", CTR_NONE},
		{6, "8000", CTR_NONE}, /* the reserved bit means nothing */
		{8, "00", CTR_NONE},   /* it has arrived */
		{9, "11", CTR_DROP_IP_PROTO},
		{9, "01", CTR_DROP_IP_PROTO},
		{10, "0000", CTR_DROP_IP_CSUM},
		{12, "0a000103", CTR_DROP_IP_CSUM},
		{12, "7f000001", CTR_DROP_IP_SRC},
		{12, "00000000", CTR_DROP_IP_SRC},
		{12, "e0000001", CTR_DROP_IP_SRC},
		{12, "ffffffff", CTR_DROP_IP_SRC},
		{12, "0a000202", CTR_DROP_IP_SRC}, /* our own */
		{16, "e0000001", CTR_DROP_IP_DST},
		{16, "ffffffff", CTR_DROP_IP_DST},
		{16, "7f000001", CTR_DROP_IP_DST},
	};

	(void)state;
	check_faults(V4_HEX, v, ARRAY_LEN(v));
	check_faults(V4_HEX, tcp_faults, ARRAY_LEN(tcp_faults));
}

static void test_faults_v6(void **state)
{
	static const struct fault v[] = {
		{0, "70", CTR_DROP_IP_VERSION},
		{4, "002e", CTR_DROP_IP_SHORT},
		{4, "ffff", CTR_DROP_IP_SHORT},
		{4, "0000", CTR_DROP_TCP_SHORT}, /* no jumbograms */
		{4, "0013", CTR_DROP_TCP_SHORT},
		{6, "3a", CTR_DROP_IP_PROTO},
		{6, "3b", CTR_DROP_IP_PROTO},
		{6, "2c", CTR_DROP_IP_FRAG},
		{6, "2b", CTR_DROP_IP_EXT},
		{6, "32", CTR_DROP_IP_EXT},
		{6, "33", CTR_DROP_IP_EXT},
		{6, "87", CTR_DROP_IP_EXT},
		{6, "8b", CTR_DROP_IP_EXT},
		{6, "8c", CTR_DROP_IP_EXT},
		{8, "ff", CTR_DROP_IP_SRC},
		{8, "00000000000000000000000000000000", CTR_DROP_IP_SRC},
		{8, "00000000000000000000000000000001", CTR_DROP_IP_SRC},
		{8, "00000000000000000000ffff0a000101", CTR_DROP_IP_SRC},
		{8, "20010db8000000000000000000000002", CTR_DROP_IP_SRC},
		{24, "00000000000000000000ffff0a000101", CTR_DROP_IP_DST},
		{24, "ff020000000000000000000000000001", CTR_DROP_IP_DST},
	};

	(void)state;
	check_faults(V6_HEX, v, ARRAY_LEN(v));
	check_faults(V6_HEX, tcp_faults, ARRAY_LEN(tcp_faults));
}

/* Cut anywhere, whatever the header says is left. */
static void test_truncated(void **state)
{
	static const char *const hex[] = {V4_HEX, V6_HEX};

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		const struct packet whole = make(hex[i], TCP_HEX);

		for (unsigned int n = 0; n < whole.n; n++) {
			struct packet k = whole;
			struct flow_key key;
			enum counter reason;
			struct rte_mbuf m;
			uint16_t l4_off;
			uint8_t flags;
			struct pkt p;

			k.n = n;
			assert_int_equal(parse(&p, &k), CTR_DROP_IP_SHORT);
			mbuf_around(&m, guard_put(k.b, n), n);
			assert_int_equal(pkt_peek(&m, &key, &flags, &l4_off), CTR_DROP_IP_SHORT);
			if (n < whole.l4_off)
				continue;
			/* the same with a length that says so, which need not be wrong */
			if (i == 0)
				k.b[3] = (uint8_t)n;
			else
				k.b[5] = (uint8_t)(n - V6_L4);
			if (i == 0)
				fix_ip_csum(k.b);
			reason = n < whole.l4_off + 20   ? CTR_DROP_TCP_SHORT
				 : n < whole.l4_off + 40 ? CTR_DROP_TCP_HDR
							 : CTR_NONE;
			if (n >= whole.l4_off + 20)
				fix_tcp_csum(k.b, k.n, k.l4_off);
			assert_int_equal(parse(&p, &k), reason);
		}
	}
}

/* Ethernet pads short frames: not part of the packet, and not of its checksum. */
static void test_link_padding(void **state)
{
	struct packet k = make(V4_HEX, TCP_HEX);
	unsigned int n = k.n;
	struct rte_mbuf *m;
	struct pkt p;

	(void)state;
	memset(&k.b[n], 0xee, 19);
	m = eal_mbuf(k.b, n + 19);
	assert_int_equal(pkt_parse(&p, m), CTR_NONE);
	assert_int_equal(m->data_len, n);
	assert_int_equal(m->pkt_len, n);
	assert_int_equal(p.payload_len, 5);
	rte_pktmbuf_free(m);
}

static void test_segments(void **state)
{
	struct packet k = make(V4_HEX, TCP_HEX);
	struct rte_mbuf *m = eal_mbuf(k.b, k.n);
	struct pkt p;

	(void)state;
	assert_int_equal(rte_pktmbuf_chain(m, eal_mbuf(k.b, 4)), 0);
	assert_int_equal(pkt_parse(&p, m), CTR_DROP_ETH_SEGS);
	rte_pktmbuf_free(m);
}

/* What the port verified is not verified again; the payload's sum is there all the same. */
static void test_offloads(void **state)
{
	struct packet k = make(V4_HEX, TCP_HEX);
	struct pkt p;

	(void)state;
	k.b[k.l4_off + 16] ^= 1;
	assert_int_equal(parse_ol(&p, &k, 0), CTR_DROP_TCP_CSUM);
	assert_int_equal(parse_ol(&p, &k, RTE_MBUF_F_RX_L4_CKSUM_BAD), CTR_DROP_TCP_CSUM);
	assert_int_equal(parse_ol(&p, &k, RTE_MBUF_F_RX_IP_CKSUM_GOOD), CTR_DROP_TCP_CSUM);
	assert_int_equal(parse_ol(&p, &k, RTE_MBUF_F_RX_L4_CKSUM_NONE), CTR_NONE);
	assert_int_equal(parse_ol(&p, &k, RTE_MBUF_F_RX_L4_CKSUM_GOOD), CTR_NONE);
	assert_int_equal(ntohs(p.payload_sum), ref_sum((const uint8_t *)"hello", 5, 0));

	k = make(V4_HEX, TCP_HEX);
	k.b[10] ^= 1;
	assert_int_equal(parse_ol(&p, &k, 0), CTR_DROP_IP_CSUM);
	assert_int_equal(parse_ol(&p, &k, RTE_MBUF_F_RX_L4_CKSUM_GOOD), CTR_DROP_IP_CSUM);
	assert_int_equal(parse_ol(&p, &k, RTE_MBUF_F_RX_IP_CKSUM_GOOD), CTR_NONE);
}

/* IPv4 options are stepped over. */
static void test_ip4_options(void **state)
{
	struct packet k = make(
		"47 00 0000 1234 4000 40 06 0000 0a000101 0a000202 9404 0000 01010100", TCP_HEX);
	struct pkt p;

	(void)state;
	assert_int_equal(parse(&p, &k), CTR_NONE);
	assert_int_equal(p.l4_off, 28);
	assert_int_equal(p.payload_len, 5);
	k.b[0] = 0x4f; /* 60 octets, then too few for TCP */
	fix_ip_csum(k.b);
	assert_int_equal(parse(&p, &k), CTR_DROP_TCP_SHORT);
}

#define V6_ADDRS "20010db8000000000000000000000001 20010db8000000000000000000000002"

static void test_ip6_extensions(void **state)
{
	static const struct {
		const char *hex;
		enum counter reason;
	} v[] = {
		/* padding, and a router alert: nothing for us to do */
		{"60000000 0000 00 40" V6_ADDRS "0600 010400000000", CTR_NONE},
		{"60000000 0000 00 40" V6_ADDRS "0600 050200000100", CTR_NONE},
		{"60000000 0000 00 40" V6_ADDRS "0600 000000000000", CTR_NONE},
		{"60000000 0000 3c 40" V6_ADDRS "0600 010400000000", CTR_NONE},
		{"60000000 0000 00 40" V6_ADDRS
		 "3c00 010400000000 0601 010c000000000000 000000000000",
		 CTR_NONE},
		/* an option that wants more than skipping */
		{"60000000 0000 00 40" V6_ADDRS "0600 c20400010000", CTR_DROP_IP_EXT},
		{"60000000 0000 3c 40" V6_ADDRS "0600 410400010000", CTR_DROP_IP_EXT},
		/* an option that runs past its header, or has no length */
		{"60000000 0000 00 40" V6_ADDRS "0600 010500000000", CTR_DROP_IP_EXT},
		{"60000000 0000 00 40" V6_ADDRS "0600 0102000001ff", CTR_DROP_IP_EXT},
		{"60000000 0000 00 40" V6_ADDRS "0600 010300000001", CTR_DROP_IP_EXT},
		/* twice, out of order */
		{"60000000 0000 00 40" V6_ADDRS "0000 010400000000 0600 010400000000",
		 CTR_DROP_IP_EXT},
		{"60000000 0000 3c 40" V6_ADDRS "3c00 010400000000 0600 010400000000",
		 CTR_DROP_IP_EXT},
		{"60000000 0000 3c 40" V6_ADDRS "0000 010400000000 0600 010400000000",
		 CTR_DROP_IP_EXT},
		/* longer than the packet; leads elsewhere */
		{"60000000 0000 00 40" V6_ADDRS "06ff 010400000000", CTR_DROP_IP_SHORT},
		{"60000000 0000 00 40" V6_ADDRS "2c00 010400000000", CTR_DROP_IP_FRAG},
		{"60000000 0000 00 40" V6_ADDRS "2b00 010400000000", CTR_DROP_IP_EXT},
		{"60000000 0000 00 40" V6_ADDRS "1100 010400000000", CTR_DROP_IP_PROTO},
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_LEN(v); i++) {
		struct packet k = make(v[i].hex, TCP_HEX);
		struct pkt p;

		if (parse(&p, &k) != v[i].reason)
			fail_msg("%u: %s", i, counter_desc[parse(&p, &k)].name);
		if (v[i].reason == CTR_NONE)
			assert_int_equal(p.payload_off, k.l4_off + 40);
	}
}

/* A segment with these options, padded with zeros (end of options) to four octets. */
static enum counter parse_opts(struct pkt *p, uint8_t flags, const char *opt_hex)
{
	struct packet k = make(V4_HEX, "c628 1092 3f4b8706 b625050e 50 00 fafa 0000 0000");
	unsigned int n = hex_octets(opt_hex, &k.b[k.n], 40);

	n = (n + 3) & ~3u;
	k.b[k.l4_off + 12] = (uint8_t)((20 + n) / 4 << 4);
	k.b[k.l4_off + 13] = flags;
	k.n += n;
	k.b[3] = (uint8_t)k.n;
	fix(&k);
	return parse(p, &k);
}

static void test_tcp_options(void **state)
{
	struct pkt p;

	(void)state;
	assert_int_equal(parse_opts(&p, TCPF_SYN,
				    "020405b4 0402 080a2590000000000000 01 03030a"
				    "1e040181"),
			 CTR_NONE);
	assert_true(p.tcp.has_mss && p.tcp.has_sack_perm && p.tcp.has_ts && p.tcp.has_wscale);
	assert_int_equal(p.tcp.mss, 1460);
	assert_int_equal(p.tcp.wscale, 10);
	assert_int_equal(p.tcp.tsval, 0x25900000);
	assert_int_equal(p.mp.present, MP_BIT(MP_CAPABLE));
	assert_int_equal(pkt_seg_len(&p), 1);

	/* RFC 7323 s2.3: at most 14; an MSS of 0 is none; of two the first counts */
	assert_int_equal(parse_opts(&p, TCPF_SYN, "0303ff 02040000 0204ffff 020405b4"), CTR_NONE);
	assert_int_equal(p.tcp.wscale, 14);
	assert_true(p.tcp.has_mss);
	assert_int_equal(p.tcp.mss, 65535);
	assert_int_equal(parse_opts(&p, TCPF_SYN, "02040000"), CTR_NONE);
	assert_false(p.tcp.has_mss);

	/* only a SYN has these */
	assert_int_equal(parse_opts(&p, TCPF_ACK, "020405b4 0402 03030a"), CTR_NONE);
	assert_false(p.tcp.has_mss || p.tcp.has_sack_perm || p.tcp.has_wscale);

	/* RFC 2018, behind the usual timestamp and alone with four blocks */
	assert_int_equal(parse_opts(&p, TCPF_ACK,
				    "0101080a0000000100000002 0101 0512 0000000a00000014"
				    "0000001e00000028"),
			 CTR_NONE);
	assert_int_equal(p.tcp.n_sack, 2);
	assert_int_equal(p.tcp.sack[0].start, 10);
	assert_int_equal(p.tcp.sack[0].end, 20);
	assert_int_equal(p.tcp.sack[1].start, 30);
	assert_int_equal(p.tcp.sack[1].end, 40);
	assert_int_equal(parse_opts(&p, TCPF_ACK,
				    "0522 0000000a00000014 0000001e00000028 0000000a00000014"
				    "fffffff000000028"),
			 CTR_NONE);
	assert_int_equal(p.tcp.n_sack, 4);
	assert_int_equal(p.tcp.sack[3].start, 0xfffffff0);
}

/* A known option of a wrong length is as if it were not there; the walk goes on behind it. */
static void test_tcp_option_lengths(void **state)
{
	static const struct {
		uint8_t kind, flags;
		uint64_t legal; /* bit n: length n */
	} v[] = {
		{2, TCPF_SYN, 1 << 4},  {3, TCPF_SYN, 1 << 3},
		{4, TCPF_SYN, 1 << 2},  {5, TCPF_ACK, 1ULL << 10 | 1 << 18 | 1 << 26 | 1ULL << 34},
		{8, TCPF_SYN, 1 << 10}, {30, TCPF_ACK, 1 << 4},
		{253, TCPF_ACK, 0},
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_LEN(v); i++) {
		for (unsigned int len = 0; len <= 48; len++) {
			bool legal = v[i].legal >> len & 1, last = len > 34;
			uint8_t opt[TCP_OPTIONS_MAX] = {v[i].kind, (uint8_t)len, MP_DSS << 4};
			char hex[2 * TCP_OPTIONS_MAX + 1];
			enum counter reason;
			struct pkt p;
			bool got;

			opt[3] = 7; /* not 0, the MSS; no DSS of more than four octets either */
			if (v[i].kind == 30)
				opt[3] = 0;
			if (len >= 2 && !last) { /* an MP_PRIO behind it, if there is room */
				opt[len] = TCPOPT_MPTCP;
				opt[len + 1] = 3;
				opt[len + 2] = MP_PRIO << 4 | 1;
			}
			for (unsigned int b = 0; b < sizeof(opt); b++)
				snprintf(&hex[2 * b], 3, "%02x", opt[b]);
			reason = parse_opts(&p, v[i].flags, hex);
			if (len < 2 || len > TCP_OPTIONS_MAX) {
				assert_int_equal(reason, CTR_DROP_TCP_OPT);
				continue;
			}
			assert_int_equal(reason, CTR_NONE);
			got = v[i].kind == 2    ? p.tcp.has_mss
			      : v[i].kind == 3  ? p.tcp.has_wscale
			      : v[i].kind == 4  ? p.tcp.has_sack_perm
			      : v[i].kind == 5  ? p.tcp.n_sack > 0 && p.tcp.n_sack == (len - 2) / 8
			      : v[i].kind == 8  ? p.tcp.has_ts
			      : v[i].kind == 30 ? (p.mp.present & MP_BIT(MP_DSS)) != 0
						: false;
			assert_int_equal(got, legal);
			if (v[i].kind == 30 && !legal)
				assert_true(p.mp.malformed);
			if (!last && v[i].flags == TCPF_ACK)
				assert_true(p.mp.present & MP_BIT(MP_PRIO));
		}
	}
}

/* An MPTCP option without a subtype: nothing behind it may be taken for one, nor read. */
static void test_mptcp_option_empty(void **state)
{
	struct packet k =
		make(V4_HEX, "c628 1092 3f4b8706 b625050e 60 10 fafa 0000 0000 0101 1e02");
	struct pkt p;

	(void)state;
	assert_int_equal(parse(&p, &k), CTR_NONE);
	assert_true(p.mp.malformed);
	assert_int_equal(p.mp.present, 0);
	assert_int_equal(parse_opts(&p, TCPF_ACK, "1e02 fd04f0f0"), CTR_NONE);
	assert_true(p.mp.malformed);
	assert_int_equal(p.mp.present, 0);
}

/* Two DSS of different size in one segment: the first, and nothing of the second. */
static void test_two_dss(void **state)
{
	struct pkt p;

	(void)state;
	assert_int_equal(parse_opts(&p, TCPF_ACK,
				    "1e082001d71e357b"
				    "1e18201d9adf4943f1700304d71e357b000000000001feef"),
			 CTR_NONE);
	assert_true(p.mp.conflicting);
	assert_int_equal(p.mp.dss.flags, DSS_FLAG_ACK);
	assert_true(p.mp.dss.data_ack == 0xd71e357b);
	assert_true(p.mp.dss.dsn == 0);
	/* the first malformed: the second counts */
	assert_int_equal(parse_opts(&p, TCPF_ACK, "1e092001d71e357b00 1e082001d71e357b"), CTR_NONE);
	assert_true(p.mp.malformed);
	assert_int_equal(p.mp.present, MP_BIT(MP_DSS));
}

/* What is built is what is parsed, for both families, all option lengths, odd and even payloads. */
static void test_build(void **state)
{
	struct flow_key key = {.local_port = 443, .remote_port = 50000}, back;
	static uint8_t payload[1500];
	struct rnd r = {3};

	(void)state;
	for (unsigned int i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)rnd_next(&r);
	for (unsigned int i = 0; i < 2 * (TCP_OPTIONS_MAX + 1) * 8; i++) {
		bool v4 = i % 2;
		unsigned int opt_len = i / 2 % (TCP_OPTIONS_MAX + 1);
		unsigned int n = i < 20 ? i / 2 : rnd_below(&r, sizeof(payload));
		struct opt_buf opt = {.len = (uint8_t)opt_len, .room = TCP_OPTIONS_MAX};
		struct tcp_hdr_out h = {
			.key = &key,
			.seq = (uint32_t)rnd_next(&r),
			.ack = (uint32_t)rnd_next(&r),
			.wnd = (uint16_t)rnd_next(&r),
			.flags = TCPF_ACK,
			.ecn = (uint8_t)rnd_below(&r, 4),
			.ttl = 64,
			.ip_id = (uint16_t)rnd_next(&r),
			.opt = opt_len == 0 && i % 3 == 0 ? NULL : &opt,
		};
		struct rte_mbuf *m = eal_mbuf(payload, n);
		const uint8_t *b;
		struct pkt p;

		memset(opt.b, 1, sizeof(opt.b));
		if (opt_len >= 10)
			memcpy(opt.b, "\x08\x0a\x11\x22\x33\x44\x55\x66\x77\x88", 10);
		ip_addr_parse(v4 ? "192.0.2.1" : "2001:db8::1", &key.local);
		ip_addr_parse(v4 ? "198.51.100.7" : "2001:db8:ffff::7", &key.remote);
		m->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_GOOD | RTE_MBUF_F_TX_TCP_SEG;
		m->tso_segsz = 1000;
		assert_int_equal(pkt_prepend_headers(m, &h, csum_partial(payload, n)), 0);
		assert_int_equal(m->ol_flags, 0);
		assert_int_equal(m->tso_segsz, 0);
		assert_int_equal(m->l2_len, 0);
		assert_int_equal(m->l3_len, v4 ? 20 : 40);
		assert_int_equal(m->l4_len, 20 + ((opt_len + 3) & ~3u));
		assert_int_equal(m->pkt_len, n + pkt_header_len(v4, opt_len));
		assert_int_equal(m->pkt_len, n + m->l3_len + m->l4_len);
		b = rte_pktmbuf_mtod(m, const uint8_t *);
		if (v4) {
			assert_int_equal(b[6], 0x40); /* DF */
			assert_int_equal(b[4] << 8 | b[5], h.ip_id);
			assert_int_equal(ref_sum(b, 20, 0), 0xffff);
		}
		assert_int_equal(b[v4 ? 8 : 7], 64);
		assert_int_equal(ref_sum(b + m->l3_len, m->pkt_len - m->l3_len,
					 ref_pseudo_sum(b, m->pkt_len, m->l3_len)),
				 0xffff);

		assert_int_equal(pkt_parse(&p, m), CTR_NONE);
		back = (struct flow_key){.local = p.key.remote,
					 .remote = p.key.local,
					 .local_port = p.key.remote_port,
					 .remote_port = p.key.local_port};
		assert_true(flow_key_eq(&back, &key));
		assert_int_equal(p.seq, h.seq);
		assert_int_equal(p.ack, h.ack);
		assert_int_equal(p.wnd, h.wnd);
		assert_int_equal(p.flags, h.flags);
		assert_int_equal(p.ecn, h.ecn);
		assert_int_equal(p.payload_len, n);
		assert_int_equal(p.payload_sum, csum_partial(payload, n));
		assert_int_equal(p.tcp.has_ts, opt_len >= 10);
		assert_memory_equal(b + p.payload_off, payload, n);
		rte_pktmbuf_free(m);
	}
}

/* A payload in several buffers, one of them shared: whose it is must stay known. */
static void test_build_chain(void **state)
{
	struct flow_key key = {.local_port = 443, .remote_port = 50000};
	struct tcp_hdr_out h = {.key = &key, .flags = TCPF_ACK, .ttl = 64};
	struct rte_mbuf *owner, *head;
	uint8_t flat[64];
	struct pkt p;

	(void)state;
	ip_addr_parse("192.0.2.1", &key.local);
	ip_addr_parse("192.0.2.2", &key.remote);
	owner = eal_mbuf("abcdefgh", 8);
	head = rte_pktmbuf_alloc(eal_pool());
	rte_pktmbuf_attach(head, owner);
	assert_int_equal(rte_pktmbuf_chain(head, eal_mbuf("ijk", 3)), 0);
	assert_int_equal(pkt_prepend_headers(head, &h, csum_partial("abcdefghijk", 11)), 0);
	assert_int_equal(head->pkt_len, 51);
	assert_int_equal(head->data_len, 48);
	assert_true(head->ol_flags == RTE_MBUF_F_INDIRECT);
	assert_non_null(rte_pktmbuf_read(head, 0, 51, flat));
	rte_pktmbuf_free(owner);
	owner = eal_mbuf(rte_pktmbuf_read(head, 0, 51, flat), 51);
	assert_int_equal(pkt_parse(&p, owner), CTR_NONE);
	assert_int_equal(p.payload_len, 11);
	rte_pktmbuf_free(owner);
	rte_pktmbuf_free(head);
	assert_int_equal(rte_mempool_in_use_count(eal_pool()), 0);
}

static void test_build_no_room(void **state)
{
	struct flow_key key = {.local_port = 443, .remote_port = 50000};
	struct opt_buf opt = {.len = TCP_OPTIONS_MAX};
	struct tcp_hdr_out h = {.key = &key, .flags = TCPF_ACK, .opt = &opt};
	struct rte_mbuf *m = eal_mbuf("x", 1);

	(void)state;
	m->data_off = 99; /* one octet less than 40 + 60 */
	assert_int_equal(pkt_prepend_headers(m, &h, 0), -ENOSPC);
	assert_int_equal(m->data_len, 1);
	opt.len = 41;
	m->data_off = 200;
	assert_int_equal(pkt_prepend_headers(m, &h, 0), -ENOSPC);
	opt.len = 0;
	m->pkt_len = 65535 - 59; /* as of a long chain */
	assert_int_equal(pkt_prepend_headers(m, &h, 0), -ENOSPC);
	m->pkt_len = 1;
	rte_pktmbuf_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_faults_v4),
		cmocka_unit_test(test_faults_v6),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_link_padding),
		cmocka_unit_test(test_segments),
		cmocka_unit_test(test_offloads),
		cmocka_unit_test(test_ip4_options),
		cmocka_unit_test(test_ip6_extensions),
		cmocka_unit_test(test_tcp_options),
		cmocka_unit_test(test_tcp_option_lengths),
		cmocka_unit_test(test_mptcp_option_empty),
		cmocka_unit_test(test_two_dss),
		cmocka_unit_test(test_build),
		cmocka_unit_test(test_build_chain),
		cmocka_unit_test(test_build_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
