/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Addresses: text, prefixes across the two halves, and which ones a peer can have. And that every
 * counter has a name of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <string.h>

#include <cmocka.h>

#include "mptcp/wire/counters.h"
#include "mptcp/wire/ip_addr.h"
#include "octets.h"

static struct ip_addr addr(const char *s)
{
	struct ip_addr a;

	assert_int_equal(ip_addr_parse(s, &a), 0);
	return a;
}

static void test_text(void **state)
{
	static const char *const same[] = {"10.0.3.2", "255.255.255.255",     "dead:2::2", "::1",
					   "::",       "2001:db8:1:2:3:4:5:6"};
	static const char *const bad[] = {"",          "10.0.3",      "10.0.3.256", "10.0.3.2 ",
					  "1.2.3.4/8", "2001:db8::g", ":::",        "host"};
	char buf[IP_ADDR_STRLEN];
	struct ip_addr a, b;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_LEN(same); i++) {
		a = addr(same[i]);
		assert_string_equal(ip_addr_str(&a, buf), same[i]);
		assert_int_equal(ip_addr_is_v4(&a), strchr(same[i], ':') == NULL);
	}
	for (unsigned int i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(ip_addr_parse(bad[i], &a), -EINVAL);
	a = addr("::ffff:10.0.3.2");
	b = addr("10.0.3.2");
	assert_true(ip_addr_eq(&a, &b));
}

static void test_prefix(void **state)
{
	static const struct {
		const char *a, *net;
		unsigned int plen;
		bool in;
	} v[] = {
		{"10.1.2.3", "10.1.0.0", 96 + 16, true},
		{"10.2.2.3", "10.1.0.0", 96 + 16, false},
		{"10.1.2.3", "10.1.2.2", 128, false},
		{"10.1.2.3", "10.1.2.2", 127, true},
		{"10.1.2.3", "10.1.2.3", 128, true},
		{"10.1.2.3", "0.0.0.0", 96, true},
		{"2001:db8::1", "0.0.0.0", 96, false},
		{"2001:db8::1", "::", 0, true},
		{"2001:db8:0:1::1", "2001:db8::", 63, true},
		{"2001:db8:0:1::1", "2001:db8::", 64, false},
		{"2001:db8::8000:0:0:1", "2001:db8::", 64, true},
		{"2001:db8::8000:0:0:1", "2001:db8::", 65, false},
		{"3001:db8::", "2001:db8::", 128, false},
		{"3001:db8::", "2001:db8::", 3, true},
		{"3001:db8::", "2001:db8::", 4, false},
		{"3001:db8::", "2001:db8::", 1000, false},
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_LEN(v); i++) {
		struct ip_addr a = addr(v[i].a), net = addr(v[i].net);

		assert_int_equal(ip_addr_in_prefix(&a, &net, v[i].plen), v[i].in);
	}
}

static void test_unicast(void **state)
{
	static const char *const yes[] = {
		"10.0.0.1",    "1.0.0.0", "126.255.255.255", "128.0.0.1", "223.255.255.255",
		"2001:db8::1", "fe80::1", "fc00::1",         "::2",       "100::"};
	static const char *const no[] = {"0.0.0.0",         "0.1.2.3",   "127.0.0.1",
					 "127.255.0.1",     "224.0.0.1", "239.255.255.255",
					 "255.255.255.255", "::",        "::1",
					 "ff02::1",         "ffff::"};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_LEN(yes); i++) {
		struct ip_addr a = addr(yes[i]);

		assert_true(ip_addr_is_unicast(&a));
	}
	for (unsigned int i = 0; i < ARRAY_LEN(no); i++) {
		struct ip_addr a = addr(no[i]);

		assert_false(ip_addr_is_unicast(&a));
	}
}

static void test_counter_names(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < CTR_MAX; i++) {
		assert_non_null(counter_desc[i].name);
		assert_true(counter_desc[i].name[0] != '\0');
		assert_true(counter_desc[i].help[0] != '\0');
		for (unsigned int k = 0; k < i; k++)
			assert_string_not_equal(counter_desc[i].name, counter_desc[k].name);
	}
	assert_string_equal(counter_desc[CTR_DROP_TCP_CSUM].name, "TCPInCsumErrors");
	assert_int_equal(counter_desc[CTR_DROP_TCP_CSUM].kind, CTR_KIND_DROP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_unicast),
		cmocka_unit_test(test_counter_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
