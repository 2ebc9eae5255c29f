/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The way out of a worker: the Ethernet header in front of an IP packet.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <rte_malloc.h>

#include "app.h"
#include "eal.h"
#include "worker.h"

static const struct rte_ether_addr to = {{2, 0, 0, 0, 0, 1}}, from = {{2, 0, 0, 0, 0, 2}};
static struct worker *w;

/* tx_output() is not called here. */
struct nexthop_slot *nexthop_slot_of(struct worker *of, const struct nexthop *nh,
				     const struct rte_mbuf *m)
{
	return NULL;
}

void nexthop_ask(struct worker *of, struct nexthop_slot *s)
{
}

void nexthop_park(struct worker *of, struct nexthop_slot *s, struct rte_mbuf *m)
{
	rte_pktmbuf_free(m);
}

/* A payload that was cut at an odd octet has its headers at an odd address. */
static void test_ethernet_header(void **state)
{
	struct rte_mempool *pool = *state;
	static const struct {
		uint8_t version;
		uint8_t type[2];
	} of[] = {{0x45, {0x08, 0x00}}, {0x60, {0x86, 0xdd}}};

	for (unsigned int i = 0; i < 2 * RTE_DIM(of); i++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
		struct worker_txq *q = &w->txqs[0];
		const uint8_t *b;

		m->data_off += i / RTE_DIM(of);
		memset(rte_pktmbuf_append(m, 40), of[i % 2].version, 40);
		tx_ip(w, m, 0, &to);
		assert_int_equal(q->tail - q->head, 1);
		assert_ptr_equal(q->m[q->head++ & (WORKER_TXQ - 1)], m);
		assert_int_equal(m->pkt_len, 54);
		b = rte_pktmbuf_mtod(m, const uint8_t *);
		assert_memory_equal(b, &to, 6);
		assert_memory_equal(b + 6, &from, 6);
		assert_memory_equal(b + 12, of[i % 2].type, 2);
		assert_int_equal(b[14], of[i % 2].version);
		rte_pktmbuf_free(m);
	}
	assert_int_equal(w->ctrs[CTR_DROP_NO_MBUF], 0);
}

static void test_no_room(void **state)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(*state);

	m->data_off = 13;
	memset(rte_pktmbuf_append(m, 40), 0x45, 40);
	tx_ip(w, m, 0, &to);
	assert_int_equal(w->ctrs[CTR_DROP_NO_MBUF], 1);
	assert_int_equal(rte_mempool_in_use_count(*state), 0);
}

static int setup(void **state)
{
	struct app *app = rte_zmalloc(NULL, sizeof(*app), 0);

	w = rte_zmalloc(NULL, sizeof(*w), RTE_CACHE_LINE_SIZE);
	if (app == NULL || w == NULL)
		return -1;
	w->app = app;
	w->st.ctrs = w->ctrs;
	app->ports[0].mac = from;
	*state = rte_pktmbuf_pool_create("tx", 31, 0, 0, 2048, SOCKET_ID_ANY);
	return *state == NULL ? -1 : 0;
}

static int teardown(void **state)
{
	rte_mempool_free(*state);
	rte_free(w->app);
	rte_free(w);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_ethernet_header, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_room, setup, teardown),
	};

	(void)eal_pool(); /* starts DPDK */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
