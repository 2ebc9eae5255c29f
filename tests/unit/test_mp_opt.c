/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Every MPTCP option: field by field, at every length, with every value of its first two octets,
 * in every pair, and built into every amount of room. Source: RFC 8684 s3.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <string.h>

#include <cmocka.h>

#include "octets.h"
#include "rebuild.h"

#define OPT_LEN_MAX 40

enum { SYN = 1, ACK = 2, SYNACK = 3 }; /* bits: SYN, ACK */

/* As pkt_parse() does it. All else in o is left as rubbish on purpose. */
static void parse_into(struct mp_opts *o, const uint8_t *b, unsigned int len, unsigned int seg)
{
	mp_opt_parse(o, guard_put(b, len), len, seg & SYN, seg & ACK);
}

static void opts_clear(struct mp_opts *o)
{
	memset(o, 0xa5, sizeof(*o));
	o->present = 0;
	o->malformed = o->conflicting = false;
}

static struct mp_opts parse(const uint8_t *b, unsigned int len, unsigned int seg)
{
	struct mp_opts o;

	opts_clear(&o);
	parse_into(&o, b, len, seg);
	return o;
}

static struct mp_opts parse_hex(const char *hex, unsigned int seg)
{
	uint8_t b[OPT_LEN_MAX];
	unsigned int len = hex_octets(hex, b, sizeof(b));

	assert_int_equal(b[1], len);
	return parse(b, len, seg);
}

/* One legal option of each form; the first of each subtype come from Linux' packets. */
static const struct {
	const char *hex;
	unsigned int seg;
	enum mp_subtype subtype;
} legal[] = {
	{"1e040181", SYN, MP_CAPABLE},
	{"1e040221", SYN, MP_CAPABLE}, /* a version to come: reported */
	{"1e0c0181be17e6336be34e3b", SYNACK, MP_CAPABLE},
	{"1e140181a8a61b201fe790bcbe17e6336be34e3b", ACK, MP_CAPABLE},
	{"1e160101a8a61b201fe790bcbe17e6336be34e3b05a8", ACK, MP_CAPABLE},
	{"1e180181a8a61b201fe790bcbe17e6336be34e3b05a8beef", ACK, MP_CAPABLE},
	{"1e0c11014c0775077df9f111", SYN, MP_JOIN},
	{"1e0c100365f09d603b37d513", SYN, MP_JOIN},
	{"1e101000a9e2765d4703f6bafb61cc67", SYNACK, MP_JOIN},
	{"1e101105a9e2765d4703f6bafb61cc67", SYNACK, MP_JOIN},
	{"1e181000ad7c2edf2f872db37c6b29ecd60eb45411b2dfdd", ACK, MP_JOIN},
	{"1e082001d71e357b", ACK, MP_DSS},
	{"1e18201d9adf4943f1700304d71e357b000000000001feef", ACK, MP_DSS},
	{"1e042000", ACK, MP_DSS},
	{"1e0c2003 0102030405060708", ACK, MP_DSS},
	{"1e0e2004 01020304 05060708 090a", ACK, MP_DSS},
	{"1e102004 01020304 05060708 090a 0b0c", ACK, MP_DSS},
	{"1e1a200f 0102030405060708 1112131415161718 21222324 2526", ACK, MP_DSS},
	{"1e1c200f 0102030405060708 1112131415161718 21222324 2526 2728", ACK, MP_DSS},
	{"1e1230020a000302115b57798ab0bac45696", ACK, MP_ADD_ADDR},
	{"1e1030010a000302d08883c0d6892af9", ACK, MP_ADD_ADDR},
	{"1e1c3003dead000200000000000000000000000238abd35a19cafecd", ACK, MP_ADD_ADDR},
	{"1e1e3003dead0002000000000000000000000002115b38abd35a19cafecd", ACK, MP_ADD_ADDR},
	{"1e0831010a000302", ACK, MP_ADD_ADDR},
	{"1e0a31020a000302115b", ACK, MP_ADD_ADDR},
	{"1e143103dead0002000000000000000000000002", ACK, MP_ADD_ADDR},
	{"1e163103dead0002000000000000000000000002115b", ACK, MP_ADD_ADDR},
	{"1e044007", ACK, MP_REMOVE_ADDR},
	{"1e0740070800ff", ACK, MP_REMOVE_ADDR},
	{"1e0350", ACK, MP_PRIO},
	{"1e0351", ACK, MP_PRIO},
	{"1e0c60000102030405060708", ACK, MP_FAIL},
	{"1e0c70000102030405060708", ACK, MP_FASTCLOSE},
	{"1e048001", 0, MP_TCPRST},
	{"1e04810c", ACK, MP_TCPRST},
};

/* Every legal form parses, and building it again gives its octets and then NOPs. */
static void test_legal(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < ARRAY_LEN(legal); i++) {
		struct opt_buf out = {.room = OPT_LEN_MAX};
		struct mp_opts o = parse_hex(legal[i].hex, legal[i].seg);
		uint8_t want[OPT_LEN_MAX];
		unsigned int n = hex_octets(legal[i].hex, want, sizeof(want));

		assert_int_equal(o.present, MP_BIT(legal[i].subtype));
		assert_false(o.malformed);
		assert_false(o.conflicting);
		while (n % 4 != 0)
			want[n++] = 1;
		assert_int_equal(mp_rebuild(&out, &o, legal[i].subtype), 0);
		assert_int_equal(out.len, n);
		assert_memory_equal(out.b, want, n);
	}
}

static void test_capable_fields(void **state)
{
	struct mp_opts o = parse_hex("1e040181", SYN);

	(void)state;
	assert_int_equal(o.capable.version, 1);
	assert_int_equal(o.capable.flags, MPC_FLAG_A | MPC_FLAG_H);
	assert_int_equal(o.capable.n_keys, 0);
	assert_true(o.capable.sender_key == 0 && o.capable.receiver_key == 0);
	assert_int_equal(mp_capable_size(&o.capable), 4);

	o = parse_hex("1e0c0101be17e6336be34e3b", SYNACK);
	assert_int_equal(o.capable.n_keys, 1);
	assert_true(o.capable.sender_key == 0xbe17e6336be34e3b);
	assert_true(o.capable.receiver_key == 0);
	assert_int_equal(mp_capable_size(&o.capable), 12);

	o = parse_hex("1e140101a8a61b201fe790bcbe17e6336be34e3b", ACK);
	assert_int_equal(o.capable.n_keys, 2);
	assert_true(o.capable.sender_key == 0xa8a61b201fe790bc);
	assert_true(o.capable.receiver_key == 0xbe17e6336be34e3b);
	assert_false(o.capable.has_data_len);
	assert_false(o.capable.has_csum);
	assert_int_equal(mp_capable_size(&o.capable), 20);

	o = parse_hex("1e160101a8a61b201fe790bcbe17e6336be34e3b05a8", ACK);
	assert_true(o.capable.has_data_len);
	assert_false(o.capable.has_csum);
	assert_int_equal(o.capable.data_len, 0x5a8);
	assert_int_equal(mp_capable_size(&o.capable), 24);

	o = parse_hex("1e180181a8a61b201fe790bcbe17e6336be34e3b05a8beef", ACK);
	assert_true(o.capable.has_data_len && o.capable.has_csum);
	assert_int_equal(o.capable.csum, 0xbeef);
	assert_int_equal(mp_capable_size(&o.capable), 24);
}

/* The version decides nothing here but that version 0 is another option altogether. */
static void test_capable_versions(void **state)
{
	struct mp_opts o;

	(void)state;
	o = parse_hex("1e0c00010102030405060708", SYN); /* a SYN of version 0, RFC 6824 */
	assert_int_equal(o.present, 0);
	assert_false(o.malformed);
	o = parse_hex("1e040081", SYN);
	assert_int_equal(o.present, 0);
	o = parse_hex("1e140001a8a61b201fe790bcbe17e6336be34e3b", ACK);
	assert_int_equal(o.present, 0);
	o = parse_hex("1e040f01", SYN);
	assert_int_equal(o.present, MP_BIT(MP_CAPABLE));
	assert_int_equal(o.capable.version, 15);
	o = parse_hex("1e040141", SYN); /* B: for the state machine */
	assert_int_equal(o.capable.flags, MPC_FLAG_B | MPC_FLAG_H);
}

static void test_join_fields(void **state)
{
	static const uint8_t hmac[20] = {0xad, 0x7c, 0x2e, 0xdf, 0x2f, 0x87, 0x2d,
					 0xb3, 0x7c, 0x6b, 0x29, 0xec, 0xd6, 0x0e,
					 0xb4, 0x54, 0x11, 0xb2, 0xdf, 0xdd};
	struct mp_opts o = parse_hex("1e0c11074c0775077df9f111", SYN);

	(void)state;
	assert_int_equal(o.join.form, MPJ_SYN);
	assert_true(o.join.backup);
	assert_int_equal(o.join.addr_id, 7);
	assert_int_equal(o.join.token, 0x4c077507);
	assert_int_equal(o.join.nonce, 0x7df9f111);

	o = parse_hex("1e101e08ad7c2edf2f872db3fb61cc67", SYNACK);
	assert_int_equal(o.join.form, MPJ_SYNACK);
	assert_false(o.join.backup);
	assert_int_equal(o.join.addr_id, 8);
	assert_int_equal(o.join.nonce, 0xfb61cc67);
	assert_memory_equal(o.join.hmac, hmac, 8);
	assert_int_equal(o.join.hmac[8], 0);

	o = parse_hex("1e181fffad7c2edf2f872db37c6b29ecd60eb45411b2dfdd", ACK);
	assert_int_equal(o.join.form, MPJ_ACK);
	assert_false(o.join.backup); /* reserved here */
	assert_int_equal(o.join.addr_id, 0);
	assert_memory_equal(o.join.hmac, hmac, 20);
}

/* All 32 combinations of flags, with and without checksum. */
static void test_dss_fields(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 64; i++) {
		struct mp_dss d = {
			.flags = i & 31,
			.has_csum = i >> 5,
			.data_ack = 0x1112131415161718,
			.dsn = 0x2122232425262728,
			.ssn = 0x31323334,
			.data_len = 0x4142,
			.csum = 0x5152,
		};
		bool map = d.flags & DSS_FLAG_MAP, ack = d.flags & DSS_FLAG_ACK;
		bool dsn8 = map && (d.flags & DSS_FLAG_DSN8),
		     ack8 = ack && (d.flags & DSS_FLAG_ACK8);
		unsigned int len = 4 + (ack ? ack8 ? 8 : 4 : 0) + (map ? dsn8 ? 14 : 10 : 0) +
				   (map && d.has_csum ? 2 : 0);
		struct opt_buf out = {.room = OPT_LEN_MAX};
		struct mp_opts o;

		if ((d.flags & DSS_FLAG_FIN) && !map) {
			assert_int_equal(mp_build_dss(&out, &d), -EINVAL);
			assert_int_equal(out.len, 0);
			continue;
		}
		assert_int_equal(mp_build_dss(&out, &d), 0);
		assert_int_equal(out.b[1], len);
		assert_int_equal(out.len, mp_dss_size(&d));
		o = parse(out.b, len, ACK);
		assert_int_equal(o.present, MP_BIT(MP_DSS));
		assert_int_equal(o.dss.flags & DSS_FLAG_FIN, d.flags & DSS_FLAG_FIN);
		assert_int_equal(!!(o.dss.flags & DSS_FLAG_MAP), map);
		assert_int_equal(!!(o.dss.flags & DSS_FLAG_ACK), ack);
		assert_int_equal(!!(o.dss.flags & DSS_FLAG_DSN8), dsn8);
		assert_int_equal(!!(o.dss.flags & DSS_FLAG_ACK8), ack8);
		assert_int_equal(o.dss.has_csum, map && d.has_csum);
		assert_true(o.dss.data_ack == (!ack ? 0 : ack8 ? d.data_ack : 0x15161718));
		assert_true(o.dss.dsn == (!map ? 0 : dsn8 ? d.dsn : 0x25262728));
		assert_int_equal(o.dss.ssn, map ? d.ssn : 0);
		assert_int_equal(o.dss.data_len, map ? d.data_len : 0);
		assert_int_equal(o.dss.csum, o.dss.has_csum ? d.csum : 0);
	}
}

static void test_add_addr_fields(void **state)
{
	static const uint8_t hmac[8] = {0x38, 0xab, 0xd3, 0x5a, 0x19, 0xca, 0xfe, 0xcd};
	struct mp_opts o;
	struct ip_addr want;

	(void)state;
	o = parse_hex("1e1e3e03dead0002000000000000000000000002115b38abd35a19cafecd", ACK);
	assert_int_equal(o.present, MP_BIT(MP_ADD_ADDR));
	ip_addr_parse("dead:2::2", &want);
	assert_true(ip_addr_eq(&o.add_addr.addr, &want));
	assert_false(o.add_addr.echo);
	assert_true(o.add_addr.has_hmac);
	assert_int_equal(o.add_addr.addr_id, 3);
	assert_int_equal(o.add_addr.port, 4443);
	assert_memory_equal(o.add_addr.hmac, hmac, 8);
	assert_int_equal(mp_add_addr_size(&o.add_addr), 32);

	o = parse_hex("1e0831010a000302", ACK);
	ip_addr_parse("10.0.3.2", &want);
	assert_true(ip_addr_eq(&o.add_addr.addr, &want));
	assert_true(o.add_addr.echo);
	assert_false(o.add_addr.has_hmac);
	assert_int_equal(o.add_addr.port, 0);
	assert_int_equal(mp_add_addr_size(&o.add_addr), 8);

	/* IPv4-mapped in the IPv6 form; a port that is 0 */
	o = parse_hex("1e14310300000000000000000000ffff0a000302", ACK);
	assert_int_equal(o.present, 0);
	assert_true(o.malformed);
	o = parse_hex("1e0a31020a0003020000", ACK);
	assert_int_equal(o.present, 0);
	assert_true(o.malformed);
}

static void test_other_fields(void **state)
{
	struct mp_opts o;
	uint8_t b[OPT_LEN_MAX] = {TCPOPT_MPTCP, OPT_LEN_MAX, MP_REMOVE_ADDR << 4};

	(void)state;
	o = parse_hex("1e0740070800ff", ACK);
	assert_int_equal(o.remove_addr.n, 4);
	assert_memory_equal(o.remove_addr.id, "\x07\x08\x00\xff", 4);
	for (unsigned int i = 3; i < sizeof(b); i++)
		b[i] = (uint8_t)i;
	o = parse(b, sizeof(b), ACK);
	assert_int_equal(o.present, MP_BIT(MP_REMOVE_ADDR));
	assert_int_equal(o.remove_addr.n, 37);
	assert_int_equal(o.remove_addr.id[36], 39);

	o = parse_hex("1e035f", ACK);
	assert_true(o.prio_backup);
	o = parse_hex("1e035e", ACK);
	assert_false(o.prio_backup);
	o = parse_hex("1e045100", ACK); /* version 0 could name an address */
	assert_int_equal(o.present, 0);
	assert_true(o.malformed);

	o = parse_hex("1e0c6fff0102030405060708", ACK);
	assert_true(o.fail_dsn == 0x0102030405060708);
	o = parse_hex("1e0c70001112131415161718", ACK);
	assert_true(o.fastclose_key == 0x1112131415161718);
	o = parse_hex("1e048306", 0);
	assert_int_equal(o.rst_flags, 3);
	assert_int_equal(o.rst_reason, MP_RST_MIDDLEBOX);
}

/* The rules of RFC 8684 s3 again, as a list of lengths rather than a parser. */
static bool is_legal(uint8_t b2, uint8_t b3, unsigned int len, unsigned int seg)
{
	static const unsigned int dss_ack[4] = {0, 4, 0, 8};   /* a A */
	static const unsigned int dss_map[4] = {0, 10, 0, 14}; /* m M */
	unsigned int want;

	if (b2 >> 4 >= MP_DSS && (seg & SYN))
		return false;
	switch (b2 >> 4) {
	case MP_CAPABLE:
		return (seg == SYN && len == 4) || (seg == SYNACK && len == 12) ||
		       (seg == ACK && (len == 20 || len == 22 || len == 24));
	case MP_JOIN:
		return (seg == SYN && len == 12) || (seg == SYNACK && len == 16) ||
		       (seg == ACK && len == 24);
	case MP_DSS:
		if ((b3 & 0x10) && !(b3 & 4))
			return false;
		want = 4 + dss_ack[b3 & 3] + dss_map[b3 >> 2 & 3];
		return len == want || ((b3 & 4) && len == want + 2);
	case MP_ADD_ADDR:
		if (b2 & 1)
			return len == 8 || len == 10 || len == 20 || len == 22;
		return len == 16 || len == 18 || len == 28 || len == 30;
	case MP_REMOVE_ADDR:
		return len >= 4;
	case MP_PRIO:
		return len == 3;
	case MP_FAIL:
	case MP_FASTCLOSE:
		return len == 12;
	default:
		return len == 4;
	}
}

static void test_every_length(void **state)
{
	uint8_t b[OPT_LEN_MAX];
	struct mp_opts o;

	(void)state;
	memset(b, 0x77, sizeof(b));
	b[0] = TCPOPT_MPTCP;
	for (unsigned int i = 0; i < 0x10000; i++) {
		bool known = i >> 12 <= MP_TCPRST && i >> 8 != MP_CAPABLE << 4; /* not version 0 */

		b[2] = (uint8_t)(i >> 8);
		b[3] = (uint8_t)i;
		for (unsigned int k = 3 * 4; k < (OPT_LEN_MAX + 1) * 4; k++) {
			unsigned int len = k / 4, seg = k % 4;
			bool want = known && is_legal(b[2], b[3], len, seg);

			b[1] = (uint8_t)len;
			o.present = 0;
			o.malformed = o.conflicting = false;
			parse_into(&o, b, len, seg);
			if (o.present != (want ? MP_BIT(b[2] >> 4) : 0) ||
			    o.malformed != (known && !want) || o.conflicting)
				fail_msg("b2 %02x b3 %02x len %u seg %u", b[2], b[3], len, seg);
		}
	}
}

/* A malformed option leaves what was there untouched, and does not keep out one that follows. */
static void test_malformed_changes_nothing(void **state)
{
	static const char *const bad[] = {"1e05200100", "1e0d11014c0775077df9f11100",
					  "1e1730",     "1e0340",
					  "1e045100",   "1e0b6000",
					  "1e0d7000",   "1e0380"};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_LEN(bad); i++) {
		uint8_t b[OPT_LEN_MAX] = {0};
		struct mp_opts before, o;

		hex_octets(bad[i], b, sizeof(b));
		opts_clear(&o);
		before = o;
		parse_into(&o, b, b[1], ACK);
		assert_true(o.malformed);
		before.malformed = true;
		assert_memory_equal(&o, &before, sizeof(o));
	}
}

static unsigned int first_legal(enum mp_subtype subtype, unsigned int seg, uint8_t *b)
{
	for (unsigned int i = 0; i < ARRAY_LEN(legal); i++) {
		if (legal[i].subtype == subtype && (legal[i].seg == seg || legal[i].seg == 0))
			return hex_octets(legal[i].hex, b, OPT_LEN_MAX);
	}
	abort();
}

/* In an ACK, every option after every other. Row first, column second; x: refused. */
static void test_pairs(void **state)
{
	static const char *const refused[] = {
		/*         CAP JOIN DSS ADD RM PRIO FAIL FC RST */
		[MP_CAPABLE] = "xxxx.xxxx",     [MP_JOIN] = "xxxx..xxx",
		[MP_DSS] = "xxx......",         [MP_ADD_ADDR] = "xx.x.....",
		[MP_REMOVE_ADDR] = "....x....", [MP_PRIO] = "x....x...",
		[MP_FAIL] = "xx....x..",        [MP_FASTCLOSE] = "xx.....x.",
		[MP_TCPRST] = "xx......x",
	};
	uint8_t a[OPT_LEN_MAX], b[OPT_LEN_MAX];

	(void)state;
	for (unsigned int i = 0; i <= MP_TCPRST; i++) {
		for (unsigned int k = 0; k <= MP_TCPRST; k++) {
			bool no = refused[i][k] == 'x';
			struct mp_opts o, before;

			opts_clear(&o);
			parse_into(&o, a, first_legal(i, ACK, a), ACK);
			before = o;
			parse_into(&o, b, first_legal(k, ACK, b), ACK);
			assert_false(o.malformed);
			assert_int_equal(o.conflicting, no);
			if (no) {
				before.conflicting = true;
				assert_memory_equal(&o, &before, sizeof(o));
			} else {
				assert_int_equal(o.present, MP_BIT(i) | MP_BIT(k));
			}
		}
	}
	/* both ways of asking in one SYN: the first counts */
	for (unsigned int i = 0; i < 2; i++) {
		struct mp_opts o;

		opts_clear(&o);
		parse_into(&o, a, first_legal(i == 0 ? MP_CAPABLE : MP_JOIN, SYN, a), SYN);
		parse_into(&o, b, first_legal(i == 0 ? MP_JOIN : MP_CAPABLE, SYN, b), SYN);
		assert_int_equal(o.present, MP_BIT(i == 0 ? MP_CAPABLE : MP_JOIN));
		assert_true(o.conflicting);
	}
}

/* Room is kept to the octet, and a refusal changes nothing. */
static void test_room(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < ARRAY_LEN(legal); i++) {
		struct mp_opts o = parse_hex(legal[i].hex, legal[i].seg);
		uint8_t hex[OPT_LEN_MAX];
		unsigned int need = (hex_octets(legal[i].hex, hex, sizeof(hex)) + 3) & ~3u;

		for (unsigned int room = 0; room <= 255; room++) {
			for (unsigned int len = 0; len <= 20; len += 4) {
				struct opt_buf b, before;
				bool fits;

				memset(&b, 0x3c, sizeof(b));
				b.room = (uint8_t)room;
				b.len = (uint8_t)len;
				before = b;
				fits = len + need <= room && len + need <= TCP_OPTIONS_MAX;
				assert_int_equal(mp_rebuild(&b, &o, legal[i].subtype),
						 fits ? 0 : -ENOSPC);
				if (fits) {
					assert_int_equal(b.len, len + need);
					assert_memory_equal(b.b, before.b, len);
					for (unsigned int k = b.len; k < sizeof(b.b); k++)
						assert_int_equal(b.b[k], 0x3c);
				} else {
					assert_memory_equal(&b, &before, sizeof(b));
				}
			}
		}
	}
}

static void test_build_nonsense(void **state)
{
	struct opt_buf b = {.room = OPT_LEN_MAX};
	struct mp_join j = {.form = 13};
	struct mp_remove_addr r = {.n = 0};

	(void)state;
	assert_int_equal(mp_build_join(&b, &j), -EINVAL);
	assert_int_equal(mp_build_remove_addr(&b, &r), -EINVAL);
	r.n = 38;
	assert_int_equal(mp_build_remove_addr(&b, &r), -EINVAL);
	assert_int_equal(b.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_legal),
		cmocka_unit_test(test_capable_fields),
		cmocka_unit_test(test_capable_versions),
		cmocka_unit_test(test_join_fields),
		cmocka_unit_test(test_dss_fields),
		cmocka_unit_test(test_add_addr_fields),
		cmocka_unit_test(test_other_fields),
		cmocka_unit_test(test_every_length),
		cmocka_unit_test(test_malformed_changes_nothing),
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_build_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
