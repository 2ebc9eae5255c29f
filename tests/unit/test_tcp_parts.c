/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What TCP is built from: pool, timer wheel, flow table, segments, rate limit.
 */
#include <errno.h>
#include <stdlib.h>

#include "test_tcp_net.h"
#include "mptcp/tcp/flow_table.h"
#include "mptcp/tcp/pool.h"
#include "mptcp/wire/checksum.h"

static uint64_t seed = 1;

static uint64_t rnd(void)
{
	static struct net n;

	n.seed = seed++;
	return net_random(&n);
}

static void test_pool(void **state)
{
	struct pool p;
	size_t octets = pool_memory(100, 100);
	uint8_t *mem = aligned_alloc(64, (octets + 63) & ~(size_t)63);
	uint8_t *obj[100];
	bool seen[100] = {false};

	(void)state;
	pool_init(&p, mem, 100, 100);
	for (int i = 0; i < 100; i++) {
		obj[i] = pool_get(&p);
		assert_non_null(obj[i]);
		assert_int_equal((uintptr_t)obj[i] % 64, 0);
		for (int k = 0; k < 100; k++)
			assert_int_equal(obj[i][k], 0);
		memset(obj[i], 0xff, 100);
		assert_false(seen[pool_index(&p, obj[i])]);
		seen[pool_index(&p, obj[i])] = true;
		assert_ptr_equal(pool_at(&p, pool_index(&p, obj[i])), obj[i]);
		assert_true(obj[i] >= mem && obj[i] + 100 <= mem + octets);
	}
	assert_null(pool_get(&p));
	assert_int_equal(pool_used(&p), 100);
	for (int i = 0; i < 100; i++)
		pool_put(&p, obj[i]);
	assert_int_equal(pool_used(&p), 0);
	free(mem);
}

/* --- wheel ------------------------------------------------------------------------------------ */

#define TIMERS 2000
struct probe {
	struct wheel_timer t;
	uint32_t due_ms; /* model: 0 not armed */
	unsigned int fired;
};
static struct timer_wheel wheel;
static struct probe probes[TIMERS];

static void fired(struct wheel_timer *t, void *ctx)
{
	struct probe *p = (struct probe *)t;

	assert_ptr_equal(ctx, &wheel);
	assert_int_equal(p->due_ms, wheel.now_ms);
	assert_false(wheel_armed(t));
	p->due_ms = 0;
	p->fired++;
	if (rnd() % 3 == 0) { /* arms itself or cancels another from within */
		p->due_ms = wheel.now_ms + 1 + (uint32_t)(rnd() % 1000);
		wheel_arm(&wheel, t, p->due_ms, fired);
	} else if (rnd() % 3 == 0) {
		struct probe *o = &probes[rnd() % TIMERS];

		wheel_cancel(&wheel, &o->t);
		o->due_ms = 0;
	}
}

static void test_wheel_random(void **state)
{
	static const uint32_t spans[] = {1, 300, 70000, 20000000, 300000};

	(void)state;
	memset(probes, 0, sizeof(probes));
	wheel_init(&wheel, UINT32_MAX - 1000000); /* wraps in the middle */
	for (unsigned int step = 0; step < 3000; step++) {
		uint32_t armed = 0;

		for (int i = 0; i < 5; i++) {
			struct probe *p = &probes[rnd() % TIMERS];

			if (rnd() % 4 == 0) {
				wheel_cancel(&wheel, &p->t);
				p->due_ms = 0;
				continue;
			}
			p->due_ms = wheel.now_ms + 1 + (uint32_t)(rnd() % spans[rnd() % 5]);
			if (p->due_ms == 0)
				p->due_ms = 1;
			wheel_arm(&wheel, &p->t, p->due_ms, fired);
		}
		wheel_advance(&wheel, wheel.now_ms + (uint32_t)(rnd() % (step % 50 ? 500 : 100000)),
			      &wheel);
		for (int i = 0; i < TIMERS; i++) {
			assert_int_equal(wheel_armed(&probes[i].t), probes[i].due_ms != 0);
			armed += probes[i].due_ms != 0;
			if (probes[i].due_ms != 0)
				assert_true((int32_t)(probes[i].due_ms - wheel.now_ms) > 0);
		}
		assert_int_equal(armed, wheel.armed);
	}
}

static void count_fired(struct wheel_timer *t, void *ctx)
{
	(void)ctx;
	((struct probe *)t)->fired++;
}

/* The time of the next one: never too late, and those who skip to it find something in a few skips. */
static void test_wheel_next(void **state)
{
	static const uint32_t delta[] = {1,     2,     255,   256,      257,     511,
					 65535, 65536, 70000, 16777216, 40000000};
	uint32_t at, due;
	struct probe p;

	(void)state;
	wheel_init(&wheel, 7);
	assert_false(wheel_next(&wheel, &at));
	for (uint32_t start = UINT32_MAX - 600; start != 602; start += 3) {
		for (unsigned int i = 0; i < RTE_DIM(delta); i++) {
			unsigned int skips = 0;

			memset(&p, 0, sizeof(p));
			wheel_init(&wheel, start);
			due = start + delta[i];
			wheel_arm(&wheel, &p.t, due, count_fired);
			for (; p.fired == 0; skips++) {
				assert_true(wheel_next(&wheel, &at));
				assert_true((int32_t)(at - wheel.now_ms) > 0);
				assert_true((int32_t)(due - at) >= 0);
				wheel.now_ms = at - 1; /* nothing happens until then */
				wheel_advance(&wheel, at, NULL);
			}
			assert_int_equal(wheel.now_ms, due);
			assert_true(skips <= WHEEL_LEVELS);
			assert_false(wheel_next(&wheel, &at));
		}
	}
	/* the earliest of several, on whatever level it lies */
	memset(probes, 0, sizeof(probes));
	wheel_init(&wheel, 250);
	wheel_arm(&wheel, &probes[0].t, 250 + 300, count_fired);
	wheel_advance(&wheel, 255, NULL);
	wheel_arm(&wheel, &probes[1].t, 255 + 200, count_fired);
	wheel_arm(&wheel, &probes[2].t, 255 + 100000, count_fired);
	assert_true(wheel_next(&wheel, &at));
	assert_true(at <= 455);
	wheel_advance(&wheel, 455, NULL);
	assert_int_equal(probes[1].fired, 1);
	assert_true(wheel_next(&wheel, &at));
	assert_true(at <= 550);
}

static void test_wheel_edges(void **state)
{
	static const uint32_t delta[] = {1,     255,   256,   257,      65535,
					 65536, 65537, 65792, 16777215, 16777216};
	struct probe p;

	(void)state;
	for (unsigned int start = 0; start < 600; start += 7) {
		for (unsigned int i = 0; i < RTE_DIM(delta) - (start % 100 ? 3 : 0); i++) {
			memset(&p, 0, sizeof(p));
			wheel_init(&wheel, start);
			wheel_arm(&wheel, &p.t, start + delta[i], count_fired);
			wheel_advance(&wheel, start + delta[i] - 1, NULL);
			assert_int_equal(p.fired, 0);
			wheel_advance(&wheel, start + delta[i], NULL);
			assert_int_equal(p.fired, 1);
			assert_int_equal(wheel.armed, 0);
		}
	}
	/* in the past: at the next tick */
	memset(&p, 0, sizeof(p));
	wheel_init(&wheel, 5000);
	wheel_arm(&wheel, &p.t, 4000, count_fired);
	wheel_arm(&wheel, &p.t, 4000, count_fired);
	assert_int_equal(wheel.armed, 1);
	wheel_advance(&wheel, 5000, NULL);
	assert_int_equal(p.fired, 0);
	wheel_advance(&wheel, 5001, NULL);
	assert_int_equal(p.fired, 1);
	wheel_cancel(&wheel, &p.t);
	assert_int_equal(wheel.armed, 0);
}

/* --- flow table ------------------------------------------------------------------------------- */

#define ENTRIES 4000
static uint64_t keys[ENTRIES];

static uint64_t hash_of(uint64_t key)
{
	static struct net n;

	n.seed = key % 500 ? key : 17; /* some with the very same hash */
	return net_random(&n);
}

static bool match(const void *ctx, uint32_t index, const void *key)
{
	assert_ptr_equal(ctx, keys);
	return keys[index] == *(const uint64_t *)key;
}

static void test_flow_table(void **state)
{
	size_t octets = flow_table_memory(ENTRIES);
	void *mem = aligned_alloc(64, octets);
	bool in[ENTRIES] = {false};
	struct flow_table t;
	uint32_t used = 0;

	(void)state;
	flow_table_init(&t, mem, ENTRIES);
	for (unsigned int i = 0; i < ENTRIES; i++)
		keys[i] = i * UINT64_C(1000003);
	for (unsigned int step = 0; step < 200000; step++) {
		uint32_t i = (uint32_t)(rnd() % ENTRIES);
		uint64_t h = hash_of(keys[i]);
		int64_t found = flow_table_find(&t, h, match, keys, &keys[i]);

		assert_int_equal(found, in[i] ? (int64_t)i : -1);
		if (in[i]) {
			if (rnd() % (step < 50000 ? 4 : 2) != 0)
				continue;
			assert_int_equal(flow_table_remove(&t, h, i), 0);
			assert_int_equal(flow_table_remove(&t, h, i), -ENOENT);
			used--;
		} else {
			assert_int_equal(flow_table_insert(&t, h, i), 0);
			used++;
		}
		in[i] = !in[i];
		assert_int_equal(t.used, used);
	}
	for (unsigned int i = 0; i < ENTRIES; i++)
		if (in[i])
			assert_int_equal(flow_table_remove(&t, hash_of(keys[i]), i), 0);
	assert_int_equal(t.used, 0);
	/* full: both buckets of one hash */
	for (uint32_t i = 0; i < 2 * FLOW_BUCKET_SLOTS; i++)
		assert_int_equal(flow_table_insert(&t, 12345, i), 0);
	assert_int_equal(flow_table_insert(&t, 12345, 99), -ENOSPC);
	free(mem);
}

/* --- segments --------------------------------------------------------------------------------- */

static struct net net;

static struct seg *new_seg(uint16_t len, uint64_t off)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(net_pool());
	uint8_t *to = (uint8_t *)rte_pktmbuf_append(m, len);

	for (unsigned int i = 0; i < len; i++)
		to[i] = pattern(0, off + i);
	return seg_init(m, csum_partial(to, len));
}

static void check_seg(const struct seg *s, uint64_t off, uint16_t len)
{
	assert_int_equal(s->len, len);
	for (unsigned int i = 0; i < len; i++)
		assert_int_equal(seg_payload(s)[i], pattern(0, off + i));
	assert_int_equal(s->payload_sum % 0xffff, csum_partial(seg_payload(s), len) % 0xffff);
}

static void test_seg(void **state)
{
	struct stack *st = &net.end[0].st;
	struct seg *s, *c, *r;

	(void)state;
	net_init(&net, 1, false);
	s = new_seg(1001, 0);
	s->seq = 500;
	s->dsn = 7000;
	s->flags = SEG_PSH | SEG_FIN;
	seg_hold(st, s);
	seg_hold(st, s);
	assert_int_equal(net.end[0].ctrs[CTR_CUR_SEGS], 1);
	assert_false(seg_in_flight_below(s));
	c = seg_copy(st, s);
	check_seg(c, 0, 1001);
	assert_int_equal(c->holders, 0);
	seg_drop(c);
	seg_trim_front(s, 101);
	check_seg(s, 101, 900);
	assert_int_equal(s->seq, 601);
	assert_int_equal(s->dsn, 7101);
	seg_trim_tail(s, 99);
	check_seg(s, 101, 801);
	/* a driver has it: headers in front, data begins elsewhere */
	rte_mbuf_refcnt_update(seg_mbuf(s), 1);
	rte_pktmbuf_prepend(seg_mbuf(s), 40);
	assert_true(seg_in_flight_below(s));
	check_seg(s, 101, 801);
	r = seg_split(st, s, 301);
	check_seg(s, 101, 301);
	check_seg(r, 402, 500);
	assert_int_equal(r->seq, 902);
	assert_int_equal(r->flags, SEG_PSH | SEG_FIN);
	assert_int_equal(s->flags, 0);
	assert_false(seg_merge(s, r));
	rte_pktmbuf_free_seg(seg_mbuf(s));
	assert_false(seg_in_flight_below(s));
	assert_false(seg_merge(s, r)); /* two holders */
	seg_release(st, s);
	assert_true(seg_merge(s, r));
	check_seg(s, 101, 801);
	assert_int_equal(seg_mbuf(s)->pkt_len, 801);
	assert_int_equal(seg_mbuf(s)->data_off, s->payload_off);
	seg_drop(r);
	seg_unhold(st, s);
	assert_int_equal(s->holders, 0);
	assert_int_equal(net.end[0].ctrs[CTR_CUR_SEGS], 0);
	seg_drop(s);
	net_fini(&net);
}

static void test_segq(void **state)
{
	struct segq q = {0}, d = {0};
	struct seg s[4] = {{.len = 1}, {.len = 2}, {.len = 3}, {.len = 4}};
	struct seg *i;
	unsigned int n = 0;

	(void)state;
	segq_push_tail(&q, &s[1]);
	segq_push_tail(&q, &s[3]);
	segq_insert_before(&q, &s[3], &s[2]);
	segq_insert_before(&q, &s[1], &s[0]);
	SEGQ_FOREACH (i, &q)
		assert_ptr_equal(i, &s[n++]);
	assert_int_equal(q.n, 4);
	assert_int_equal(q.bytes, 10);
	for (int k = 0; k < 4; k++)
		segdq_insert_before(&d, d.head, &s[k]);
	assert_ptr_equal(d.tail, &s[0]);
	segq_remove(&q, &s[1]);
	segq_remove(&q, &s[0]);
	segq_remove(&q, &s[3]);
	assert_ptr_equal(q.head, &s[2]);
	assert_ptr_equal(q.tail, &s[2]);
	segq_remove(&q, &s[2]);
	assert_null(q.head);
	assert_null(q.tail);
	assert_int_equal(d.n, 4);
	for (int k = 0; k < 4; k++)
		segdq_remove(&d, &s[k]);
	assert_null(d.head);
	assert_int_equal(d.bytes, 0);
}

static void test_rate_limit(void **state)
{
	struct rate_limit r = {.per_ms_x1000 = 100, .burst = 5, .last_ms = UINT32_MAX - 10};
	unsigned int n = 0;

	(void)state;
	for (uint32_t ms = 0; ms < 10000; ms++)
		n += rate_limit_ok(&r, UINT32_MAX - 10 + ms);
	assert_in_range(n, 995, 1005);
	n = 0;
	for (unsigned int i = 0; i < 100; i++)
		n += rate_limit_ok(&r, r.last_ms + (i == 0) * 2000000);
	assert_int_equal(n, 5);
}

static void test_isn(void **state)
{
	struct flow_key k;
	uint32_t x;

	(void)state;
	net_init(&net, 1, false);
	k = net.end[0].key;
	x = tcp_isn(&net.end[0].st, &k);
	assert_int_equal(tcp_isn(&net.end[0].st, &k), x);
	net.end[0].st.now_us += 4000;
	assert_int_equal(tcp_isn(&net.end[0].st, &k), x + 1000);
	k.local_port++;
	assert_int_not_equal(tcp_isn(&net.end[0].st, &k), x + 1000);
	net.end[0].st.now_us -= 4000;
	net_fini(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pool),       cmocka_unit_test(test_wheel_random),
		cmocka_unit_test(test_wheel_next), cmocka_unit_test(test_wheel_edges),
		cmocka_unit_test(test_flow_table), cmocka_unit_test(test_seg),
		cmocka_unit_test(test_segq),       cmocka_unit_test(test_rate_limit),
		cmocka_unit_test(test_isn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
