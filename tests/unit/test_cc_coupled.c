/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Coupled congestion control: the formulas of LIA, OLIA and BALIA, reckoned here by hand or by themselves.
 */
#include "mptcp/tcp/tcp_internal.h"
#include "test_tcp_net.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#define MSS    1000u
#define PATHS  3
#define MS(n)  ((n)*1000u)
#define AVOID  (10 * MSS) /* ssthresh: all windows below are beyond it */
#define ACKS   200000
#define OCTETS 1000000u

static struct tcp paths[PATHS];
static unsigned int n_paths;
static struct net net;

static struct tcp *coupled(const struct tcp *t, const struct tcp *p)
{
	size_t next = p == NULL ? 0 : (size_t)(p - paths) + 1;

	(void)t;
	return next < n_paths ? &paths[next] : NULL;
}

static const struct tcp_ops ops = {.coupled = coupled};

static void begin(const struct tcp_cc_ops *cc, unsigned int n)
{
	net_init(&net, 1, false);
	n_paths = n;
	memset(paths, 0, sizeof(paths));
	for (unsigned int i = 0; i < n; i++) {
		paths[i].st = &net.end[0].st;
		paths[i].ops = &ops;
		paths[i].cc = cc;
		paths[i].snd_mss = MSS;
		paths[i].ssthresh = AVOID;
		paths[i].cwnd = 100 * MSS;
		paths[i].srtt_us = MS(100);
		cc->init(&paths[i]);
	}
}

/* How many octets an octet acknowledged lets the window of path i grow by; measured over enough of them for
 * whole segments not to matter, with the window put back each time. */
static double growth(unsigned int i)
{
	struct tcp *t = &paths[i];
	struct tcp_ack a = {.credit = MSS, .acked = MSS, .cwnd_limited = true};
	uint32_t cwnd = t->cwnd;
	double grown = 0;

	for (unsigned int k = 0; k < ACKS; k++) {
		t->cc->on_ack(t, &a);
		grown += (double)t->cwnd - cwnd;
		t->cwnd = cwnd;
	}
	return grown / ((double)ACKS * MSS);
}

/* Of what growth() finds the last segment is not whole. */
static void assert_near(double is, double should)
{
	if (fabs(is - should) > fabs(should) * 0.01 + 1.0 / ACKS)
		fail_msg("%g is not %g", is, should);
}

static const struct tcp_cc_ops *const ccs[] = {&cc_lia, &cc_olia, &cc_balia};

/* Alone each is Reno: a segment a round trip, half upon loss, slow start as ever. */
static void test_alone(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(ccs); i++) {
		struct tcp_ack a = {.credit = MSS, .cwnd_limited = true, .rtt_us = MS(100)};

		begin(ccs[i], 1);
		assert_near(growth(0), 1.0 / 100);
		paths[0].cc->on_congestion(&paths[0], 60 * MSS);
		assert_int_equal(paths[0].ssthresh, 30 * MSS);
		assert_int_equal(paths[0].cwnd, 30 * MSS);
		paths[0].cc->on_congestion(&paths[0], 3 * MSS);
		assert_int_equal(paths[0].cwnd, 2 * MSS); /* the least of a path alone */
		paths[0].cc->on_timeout(&paths[0], 60 * MSS);
		assert_int_equal(paths[0].cwnd, MSS);
		paths[0].ssthresh = UINT32_MAX;
		paths[0].cwnd = 10 * MSS;
		paths[0].cc->on_ack(&paths[0], &a);
		assert_int_equal(paths[0].cwnd, 11 * MSS);
		net_fini(&net);
	}
}

/* Two equal paths: alpha = 2w (w / r^2) / (2w / r)^2 = 1/2, a quarter of Reno's growth each. */
static void test_lia_equal(void **state)
{
	(void)state;
	begin(&cc_lia, 2);
	assert_near(growth(0), 0.25 / 100);
	assert_near(growth(1), 0.25 / 100);
	net_fini(&net);
}

/* RFC 6356 s3 with other numbers. */
static void test_lia_unequal(void **state)
{
	double w0 = 20 * MSS, w1 = 200 * MSS, r0 = MS(10), r1 = MS(200), alpha;

	(void)state;
	begin(&cc_lia, 2);
	paths[0].cwnd = (uint32_t)w0;
	paths[1].cwnd = (uint32_t)w1;
	paths[0].srtt_us = (uint32_t)r0;
	paths[1].srtt_us = (uint32_t)r1;
	alpha = (w0 + w1) * fmax(w0 / r0 / r0, w1 / r1 / r1) / pow(w0 / r0 + w1 / r1, 2);
	/* the first would grow by more than a TCP does; it does not */
	assert_true(alpha / (w0 + w1) < 1 / w0);
	assert_near(growth(0), MSS * alpha / (w0 + w1));
	assert_near(growth(1), MSS * fmin(alpha / (w0 + w1), 1 / w1));
	net_fini(&net);
}

/* None grows faster than a TCP in its place: here alpha alone would have the large slow one do so. */
static void test_lia_no_faster_than_tcp(void **state)
{
	double w0 = 10 * MSS, w1 = 1000 * MSS, r0 = MS(1), r1 = MS(500);
	double alpha = (w0 + w1) * (w0 / r0 / r0) / pow(w0 / r0 + w1 / r1, 2);

	(void)state;
	begin(&cc_lia, 2);
	paths[0].cwnd = (uint32_t)w0;
	paths[1].cwnd = (uint32_t)w1;
	paths[0].srtt_us = (uint32_t)r0;
	paths[1].srtt_us = (uint32_t)r1;
	assert_true(alpha / (w0 + w1) > 1 / w1);
	assert_near(growth(1), MSS / w1);
	net_fini(&net);
}

/* In slow start a path does not ask what others do. */
static void test_slow_start_is_not_coupled(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(ccs); i++) {
		struct tcp_ack a = {.credit = MSS, .cwnd_limited = true};

		begin(ccs[i], 2);
		paths[0].ssthresh = 200 * MSS;
		paths[0].cc->on_ack(&paths[0], &a);
		assert_int_equal(paths[0].cwnd, 101 * MSS);
		net_fini(&net);
	}
}

/* Beside other paths the least is one segment; who sends less than it may does not grow. */
static void test_common(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(ccs); i++) {
		struct tcp_ack a = {.credit = 100 * MSS};

		begin(ccs[i], 2);
		paths[0].cc->on_ack(&paths[0], &a);
		assert_int_equal(paths[0].cwnd, 100 * MSS);
		paths[0].cc->on_congestion(&paths[0], MSS);
		assert_int_equal(paths[0].cwnd, MSS);
		net_fini(&net);
	}
}

/* OLIA: all equal, nothing moves: w / r^2 / (n w / r)^2 = 1 / (n^2 w). */
static void test_olia_equal(void **state)
{
	(void)state;
	begin(&cc_olia, 3);
	for (unsigned int i = 0; i < 3; i++)
		assert_near(growth(i), 1.0 / (9 * 100));
	net_fini(&net);
}

static void lose_after(unsigned int i, uint64_t octets)
{
	paths[i].bytes_sent += octets;
	paths[i].cc->on_congestion(&paths[i], 100 * MSS);
	paths[i].ssthresh = AVOID;
}

/* The best path, with a small window, gains what the one with the largest gives; the third does neither. */
static void test_olia_moves(void **state)
{
	double w[] = {20, 100, 50}, sum = 0;

	(void)state;
	begin(&cc_olia, 3);
	lose_after(0, 100 * OCTETS);
	lose_after(1, OCTETS);
	lose_after(2, OCTETS);
	for (unsigned int i = 0; i < 3; i++) {
		paths[i].cwnd = (uint32_t)(w[i] * MSS);
		sum += w[i];
	}
	assert_near(growth(0), w[0] / (sum * sum) + 1.0 / 3 / w[0]);
	assert_near(growth(1), w[1] / (sum * sum) - 1.0 / 3 / w[1]);
	assert_near(growth(2), w[2] / (sum * sum));
	net_fini(&net);
}

/* A window that gives is never less than two segments. */
static void test_olia_gives_no_more(void **state)
{
	struct tcp_ack a = {.credit = MSS, .cwnd_limited = true};

	(void)state;
	begin(&cc_olia, 2);
	lose_after(0, 1000 * OCTETS);
	lose_after(1, OCTETS);
	paths[0].cwnd = 3 * MSS;
	paths[1].cwnd = 4 * MSS;
	paths[0].ssthresh = paths[1].ssthresh = 2 * MSS;
	paths[0].srtt_us = MS(1);
	for (unsigned int k = 0; k < 100000; k++) {
		paths[1].cc->on_ack(&paths[1], &a);
		assert_true(paths[1].cwnd >= 2 * MSS);
		if (paths[0].cwnd >= paths[1].cwnd)
			paths[0].cwnd = paths[1].cwnd - 1;
	}
	assert_int_equal(paths[1].cwnd, 2 * MSS);
	net_fini(&net);
}

/* What was sent since the last loss counts when it is more than what was sent before it. */
static void test_olia_since_loss(void **state)
{
	(void)state;
	begin(&cc_olia, 2);
	lose_after(0, OCTETS);
	lose_after(1, 50 * OCTETS);
	paths[0].cwnd = 20 * MSS;
	paths[1].cwnd = 100 * MSS;
	assert_near(growth(0), 20.0 / (120 * 120)); /* not the best one */
	paths[0].bytes_sent += 60 * OCTETS;
	assert_near(growth(0), 20.0 / (120 * 120) + 1.0 / 2 / 20);
	net_fini(&net);
}

/* BALIA: x / r / (sum x)^2 (1 + a) / 2 (4 + a) / 5. */
static void test_balia(void **state)
{
	double x0 = 100 * MSS / (double)MS(100), x1 = 50 * MSS / (double)MS(20);
	double a0 = x1 / x0, sum = x0 + x1;

	(void)state;
	begin(&cc_balia, 2);
	paths[1].cwnd = 50 * MSS;
	paths[1].srtt_us = MS(20);
	assert_true(x1 > x0);
	assert_near(growth(0), MSS * x0 / MS(100) / (sum * sum) * (1 + a0) / 2 * (4 + a0) / 5);
	assert_near(growth(1), MSS * x1 / MS(20) / (sum * sum));
	/* by half the window times alpha, at most one and a half */
	paths[1].cc->on_congestion(&paths[1], 50 * MSS);
	assert_int_equal(paths[1].cwnd, 25 * MSS);
	paths[0].cc->on_congestion(&paths[0], 100 * MSS);
	assert_near(paths[0].cwnd, 100 * MSS * (1 - fmin(1.25, 1.5) / 2));
	paths[0].cwnd = 10 * MSS;
	paths[0].cc->on_congestion(&paths[0], 100 * MSS);
	assert_near(paths[0].cwnd, 10 * MSS * (1 - 1.5 / 2));
	net_fini(&net);
}

/* A recovery that was a mistake leaves no trace of it. */
static void test_undo(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(ccs); i++) {
		struct cc_coupled before;

		begin(ccs[i], 2);
		lose_after(0, OCTETS);
		growth(0);
		paths[0].bytes_sent += 7;
		before = *cc_coupled_of(&paths[0]);
		paths[0].cc->save(&paths[0]);
		paths[0].cc->on_congestion(&paths[0], 100 * MSS);
		assert_true(cc_coupled_of(&paths[0])->lost_at != before.lost_at);
		paths[0].cc->undo(&paths[0]);
		assert_memory_equal(cc_coupled_of(&paths[0]), &before, sizeof(before));
		net_fini(&net);
	}
}

/* No round-trip time yet, windows of one segment, large ones: no division by nothing, no window lost. */
static void test_extremes(void **state)
{
	static const uint32_t windows[] = {MSS, 2 * MSS, 1u << 30};
	struct tcp_ack a = {.credit = 1u << 20, .cwnd_limited = true};

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(ccs); i++)
		for (unsigned int k = 0; k < 27; k++) {
			begin(ccs[i], 2);
			paths[0].srtt_us = k % 3 == 0 ? 0 : k % 3 == 1 ? 1 : MS(60000);
			paths[0].cwnd = windows[k / 3 % 3];
			paths[1].cwnd = windows[k / 9];
			paths[0].ssthresh = MSS;
			paths[0].cc->on_ack(&paths[0], &a);
			assert_in_range(paths[0].cwnd, windows[k / 3 % 3] - MSS,
					windows[k / 3 % 3] + (2u << 20));
			paths[0].cc->on_congestion(&paths[0], paths[0].cwnd);
			assert_in_range(paths[0].cwnd, MSS, (1u << 30) + (2u << 20));
			net_fini(&net);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alone),
		cmocka_unit_test(test_lia_equal),
		cmocka_unit_test(test_lia_unequal),
		cmocka_unit_test(test_lia_no_faster_than_tcp),
		cmocka_unit_test(test_slow_start_is_not_coupled),
		cmocka_unit_test(test_common),
		cmocka_unit_test(test_olia_equal),
		cmocka_unit_test(test_olia_moves),
		cmocka_unit_test(test_olia_gives_no_more),
		cmocka_unit_test(test_olia_since_loss),
		cmocka_unit_test(test_balia),
		cmocka_unit_test(test_undo),
		cmocka_unit_test(test_extremes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
