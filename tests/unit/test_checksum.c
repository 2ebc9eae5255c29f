/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One's complement sums against RFC 1071 written out plainly, at every length and alignment.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <arpa/inet.h>
#include <string.h>

#include <cmocka.h>

#include "mptcp/wire/checksum.h"
#include "mptcp/wire/mp_opt.h"
#include "octets.h"

#define BUF_LEN 2000

/* RFC 1071 s3: 00 01 f2 03 f4 f5 f6 f7 gives ddf2. */
static void test_rfc1071(void **state)
{
	static const uint8_t b[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};

	(void)state;
	assert_int_equal(ntohs(csum_partial(b, sizeof(b))), 0xddf2);
	assert_int_equal(ref_sum(b, sizeof(b), 0), 0xddf2);
	assert_int_equal(ntohs(csum_fold(csum_words(b, 2))), 0xddf2);
	assert_int_equal(csum_partial(b, 0), 0);
	assert_int_equal(ntohs(csum_partial(b + 2, 1)), 0xf200);
}

static void test_fold(void **state)
{
	(void)state;
	assert_int_equal(csum_fold(0), 0);
	assert_int_equal(csum_fold(0xffff), 0xffff);
	assert_int_equal(csum_fold(0x10000), 1);
	assert_int_equal(csum_fold(0x1ffff), 1);
	assert_int_equal(csum_fold(0xffffffffffffffff), 0xffff);
	assert_int_equal(csum_fold(0xfffffffffffffffe), 0xfffe);
	assert_int_equal(csum_fold(0xffffffff00000001), 1);
}

static void test_lengths(void **state)
{
	static uint8_t buf[BUF_LEN];
	struct rnd r = {7};

	(void)state;
	for (unsigned int i = 0; i < BUF_LEN; i++)
		buf[i] = (uint8_t)rnd_next(&r);
	for (unsigned int n = 0; n < BUF_LEN; n++)
		assert_int_equal(ntohs(csum_partial(guard_put(buf, n), n)), ref_sum(buf, n, 0));
	for (unsigned int at = 0; at < 64; at++)
		assert_int_equal(ntohs(csum_partial(buf + at, 777)), ref_sum(buf + at, 777, 0));
	memset(buf, 0xff, BUF_LEN);
	assert_int_equal(csum_partial(buf, BUF_LEN), 0xffff);
	memset(buf, 0, BUF_LEN);
	assert_int_equal(csum_partial(buf, BUF_LEN), 0);
}

/* Sums of parts add; a part that begins at an odd offset is swapped first. */
static void test_parts(void **state)
{
	uint8_t buf[200];
	struct rnd r = {8};

	(void)state;
	for (unsigned int i = 0; i < sizeof(buf); i++)
		buf[i] = (uint8_t)rnd_next(&r);
	for (unsigned int cut = 0; cut <= sizeof(buf); cut++) {
		uint16_t head = csum_partial(buf, cut);
		uint16_t tail = csum_partial(buf + cut, sizeof(buf) - cut);
		uint16_t all = csum_partial(buf, sizeof(buf));

		if (cut % 2 != 0)
			tail = csum_swap(tail);
		assert_int_equal(csum_add(head, tail), all);
		assert_int_equal(csum_sub(all, tail), head == 0 ? 0xffff : head);
	}
}

/* RFC 1624 s4: the packet where eqn 2 of RFC 1141 goes wrong. */
static void test_update(void **state)
{
	uint8_t buf[64];
	struct rnd r = {9};

	(void)state;
	assert_int_equal(csum_update16(0xdd2f, 0x5555, 0x3285), 0x0000);
	for (unsigned int i = 0; i < 20000; i++) {
		unsigned int at = rnd_below(&r, 15) * 4;
		uint16_t before, after, w16[2];
		uint32_t w32[2];

		for (unsigned int k = 0; k < sizeof(buf); k += 8) {
			uint64_t v = rnd_below(&r, 4) == 0 ? 0 : rnd_next(&r);

			memcpy(&buf[k], &v, 8);
		}
		buf[63] |= 1; /* never all zero, as no packet is */
		before = (uint16_t)~csum_partial(buf, sizeof(buf));
		memcpy(&w32[0], &buf[at], 4);
		memcpy(&w16[0], &buf[at], 2);
		w32[1] = rnd_below(&r, 3) == 0 ? ~w32[0] : (uint32_t)rnd_next(&r);
		memcpy(&w16[1], &w32[1], 2);

		memcpy(&buf[at], &w16[1], 2);
		after = (uint16_t)~csum_partial(buf, sizeof(buf));
		assert_int_equal(csum_update16(before, w16[0], w16[1]), after);
		memcpy(&buf[at], &w32[1], 4);
		after = (uint16_t)~csum_partial(buf, sizeof(buf));
		assert_int_equal(csum_update32(before, w32[0], w32[1]), after);
	}
}

static void test_tcp_pseudo(void **state)
{
	uint8_t v4[12] = {10, 0, 1, 1, 192, 168, 200, 254, 0, 6};
	uint8_t v6[40] = {
		0x20, 0x01, 0x0d, 0xb8, [15] = 1, [16] = 0xfe, 0x80, [31] = 0xee, [39] = 6};
	struct ip_addr s4 = ip_addr_from_v4(v4), d4 = ip_addr_from_v4(v4 + 4);
	struct ip_addr s6 = ip_addr_from_v6(v6), d6 = ip_addr_from_v6(v6 + 16);
	static const uint32_t lens[] = {20, 0x1234, 0xffff};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_LEN(lens); i++) {
		v4[10] = v6[34] = (uint8_t)(lens[i] >> 8);
		v4[11] = v6[35] = (uint8_t)lens[i];
		assert_int_equal(ntohs(csum_tcp_pseudo(&s4, &d4, lens[i])), ref_sum(v4, 12, 0));
		assert_int_equal(ntohs(csum_tcp_pseudo(&s6, &d6, lens[i])), ref_sum(v6, 40, 0));
	}
}

/* The DATA_FINs that Linux sent, and random mappings. */
static void test_dss_pseudo(void **state)
{
	struct rnd r = {10};
	uint16_t csum;

	(void)state;
	csum = (uint16_t)~mp_dss_pseudo_sum(0xf1700304d71e357b, 0, 1);
	assert_int_equal(ntohs(csum), 0xfeef);
	csum = (uint16_t)~mp_dss_pseudo_sum(0xabdef3819adf4943, 0, 1);
	assert_int_equal(ntohs(csum), 0x7c7b);
	for (unsigned int i = 0; i < 10000; i++) {
		uint64_t dsn = rnd_next(&r);
		uint32_t ssn = (uint32_t)rnd_next(&r);
		uint16_t len = (uint16_t)rnd_next(&r);
		uint8_t b[16] = {0};

		for (unsigned int k = 0; k < 8; k++)
			b[k] = (uint8_t)(dsn >> (56 - 8 * k));
		for (unsigned int k = 0; k < 4; k++)
			b[8 + k] = (uint8_t)(ssn >> (24 - 8 * k));
		b[12] = (uint8_t)(len >> 8);
		b[13] = (uint8_t)len;
		assert_int_equal(ntohs(mp_dss_pseudo_sum(dsn, ssn, len)), ref_sum(b, 16, 0));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc1071),    cmocka_unit_test(test_fold),
		cmocka_unit_test(test_lengths),    cmocka_unit_test(test_parts),
		cmocka_unit_test(test_update),     cmocka_unit_test(test_tcp_pseudo),
		cmocka_unit_test(test_dss_pseudo),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
