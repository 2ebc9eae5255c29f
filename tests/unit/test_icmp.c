/* SPDX-License-Identifier: BSD-3-Clause
 *
 * icmp_parse_too_big(): each field, and each reason not to read further.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "mptcp/wire/checksum.h"
#include "mptcp/wire/icmp.h"
#include "mptcp/wire/octets.h"
#include "octets.h"

/* A router, 10.0.0.9 or 2001:db8::9, to 10.0.1.1 or 2001:db8::1; ICMP; the header of a packet of 1500
 * octets; ports 50728 and 4242, sequence number 3f4b8706. */
#define V4                                                                       \
	"45 00 0038 1234 4000 40 01 0000 0a000009 0a000101 03 04 0000 0000 0578" \
	"45 00 05dc 1234 4000 40 06 0000 0a000101 0a000202 c628 1092 3f4b8706"
#define V6                                                                                       \
	"6000 0000 0038 3a 40 20010db8000000000000000000000009 20010db8000000000000000000000001" \
	"02 00 0000 00000514"                                                                    \
	"6025 0000 05b4 06 40 20010db8000000000000000000000001 20010db8000000000000000000000002" \
	"c628 1092 3f4b8706"

struct message {
	uint8_t b[256];
	unsigned int n;
	bool v4;
	unsigned int icmp, quote;
};

static void seal(struct message *g)
{
	uint16_t sum;

	if (g->v4) {
		put_be16(&g->b[2], (uint16_t)g->n);
		fix_ip_csum(g->b);
	} else {
		put_be16(&g->b[4], (uint16_t)(g->n - 40));
	}
	put_be16(&g->b[g->icmp + 2], 0);
	sum = csum_partial(&g->b[g->icmp], g->n - g->icmp);
	if (!g->v4) {
		sum = csum_add(sum, csum_partial(&g->b[8], 32));
		sum = csum_add(sum, htobe16((uint16_t)(g->n - 40)));
		sum = csum_add(sum, htobe16(58));
	}
	sum = (uint16_t)~sum;
	memcpy(&g->b[g->icmp + 2], &sum, 2);
}

static struct message make(bool v4)
{
	struct message g = {.v4 = v4, .icmp = v4 ? 20 : 40};

	g.n = hex_octets(v4 ? V4 : V6, g.b, sizeof(g.b));
	g.quote = g.icmp + 8;
	seal(&g);
	return g;
}

static enum counter parse(const struct message *g, struct icmp_too_big *e)
{
	struct rte_mbuf m;

	mbuf_around(&m, guard_put(g->b, g->n), g->n);
	return icmp_parse_too_big(e, &m);
}

static enum counter reason_of(const struct message *g)
{
	struct icmp_too_big e;

	return parse(g, &e);
}

static void test_fields(void **state)
{
	struct icmp_too_big e;

	(void)state;
	for (unsigned int v4 = 0; v4 < 2; v4++) {
		struct message g = make(v4);
		char text[IP_ADDR_STRLEN];

		assert_int_equal(parse(&g, &e), CTR_NONE);
		assert_int_equal(e.mtu, v4 ? 1400 : 1300);
		assert_int_equal(e.seq, 0x3f4b8706);
		assert_int_equal(e.key.local_port, 50728);
		assert_int_equal(e.key.remote_port, 4242);
		assert_int_equal(e.key.zero, 0);
		assert_string_equal(ip_addr_str(&e.key.local, text),
				    v4 ? "10.0.1.1" : "2001:db8::1");
		assert_string_equal(ip_addr_str(&e.key.remote, text),
				    v4 ? "10.0.2.2" : "2001:db8::2");
	}
}

/* Every length there is: read whole, or refused. */
static void test_short(void **state)
{
	(void)state;
	for (unsigned int v4 = 0; v4 < 2; v4++) {
		struct message g = make(v4);
		unsigned int whole = g.n;

		for (unsigned int n = 1; n < whole; n++) {
			enum counter reason;

			g = make(v4);
			g.n = n;
			reason = reason_of(&g);
			assert_true(reason == CTR_DROP_ICMP_SHORT || reason == CTR_DROP_ICMP);
			if (n < g.quote)
				continue;
			seal(&g);
			assert_int_equal(reason_of(&g), CTR_DROP_ICMP_SHORT);
		}
	}
}

static void test_checksums(void **state)
{
	(void)state;
	for (unsigned int v4 = 0; v4 < 2; v4++) {
		struct message g = make(v4);

		for (unsigned int i = g.icmp + 2; i < g.n; i++) {
			g.b[i] ^= 1;
			assert_int_equal(reason_of(&g), CTR_DROP_ICMP_CSUM);
			g.b[i] ^= 1;
		}
		g.b[v4 ? 15 : 23] ^= 1; /* the source */
		assert_int_equal(reason_of(&g), v4 ? CTR_DROP_IP_CSUM : CTR_DROP_ICMP_CSUM);
	}
}

static void test_mtu(void **state)
{
	static const struct {
		uint32_t mtu;
		bool v4, v6;
	} cases[] = {
		{0, false, false},     {68, false, false},      {575, false, false},
		{576, true, false},    {1279, true, false},     {1280, true, true},
		{1499, true, true},    {1500, false, false},    {65535, false, false},
		{65536, false, false}, {0x10514, false, false}, {UINT32_MAX, false, false},
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct message g = make(true);

		put_be16(&g.b[26], (uint16_t)cases[i].mtu);
		seal(&g);
		if (cases[i].mtu <= UINT16_MAX)
			assert_int_equal(reason_of(&g), cases[i].v4 ? CTR_NONE : CTR_DROP_ICMP_MTU);
		g = make(false);
		put_be32(&g.b[44], cases[i].mtu);
		seal(&g);
		assert_int_equal(reason_of(&g), cases[i].v6 ? CTR_NONE : CTR_DROP_ICMP_MTU);
	}
}

/* Not about a segment that we can have sent. */
static void test_quote(void **state)
{
	static const struct {
		bool v4;
		unsigned int at; /* in the packet quoted */
		uint8_t octet;
		enum counter reason;
	} cases[] = {
		{true, 0, 0x65, CTR_DROP_ICMP_QUOTE},  {true, 0, 0x44, CTR_DROP_ICMP_QUOTE},
		{true, 0, 0x46, CTR_DROP_ICMP_SHORT},  {true, 7, 1, CTR_DROP_ICMP_QUOTE},
		{true, 9, 17, CTR_DROP_ICMP_QUOTE},    {true, 15, 2, CTR_DROP_ICMP_QUOTE},
		{false, 0, 0x45, CTR_DROP_ICMP_QUOTE}, {false, 6, 44, CTR_DROP_ICMP_QUOTE},
		{false, 23, 3, CTR_DROP_ICMP_QUOTE},
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct message g = make(cases[i].v4);

		g.b[g.quote + cases[i].at] = cases[i].octet;
		seal(&g);
		assert_int_equal(reason_of(&g), cases[i].reason);
	}
}

static void test_other(void **state)
{
	struct message g = make(true);

	(void)state;
	g.b[6] = 0x20; /* more fragments */
	seal(&g);
	assert_int_equal(reason_of(&g), CTR_DROP_IP_FRAG);
	g = make(true);
	g.b[g.icmp + 1] = 3; /* port unreachable */
	seal(&g);
	assert_int_equal(reason_of(&g), CTR_DROP_ICMP);
	g = make(false);
	g.b[g.icmp] = 1;
	seal(&g);
	assert_int_equal(reason_of(&g), CTR_DROP_ICMP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),    cmocka_unit_test(test_short),
		cmocka_unit_test(test_checksums), cmocka_unit_test(test_mtu),
		cmocka_unit_test(test_quote),     cmocka_unit_test(test_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
