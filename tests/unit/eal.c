/* SPDX-License-Identifier: BSD-3-Clause
 *
 * DPDK for tests. One thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>

#include "eal.h"

static struct rte_mempool *pool;

static void start(void)
{
	char *argv[] = {"test", "--no-huge", "--no-shconf", "--no-pci",          "-m",
			"64",   "--lcores",  "0",           "--log-level=error", "--no-telemetry"};

	if (rte_eal_init((int)(sizeof(argv) / sizeof(argv[0])), argv) < 0) {
		fprintf(stderr, "DPDK does not start: %s\n", rte_strerror(rte_errno));
		exit(1);
	}
	pool = rte_pktmbuf_pool_create("test", EAL_POOL_MBUFS, 0, 0,
				       EAL_MBUF_HEADROOM + RTE_MBUF_DEFAULT_DATAROOM,
				       SOCKET_ID_ANY);
	if (pool == NULL) {
		fprintf(stderr, "no packet buffers: %s\n", rte_strerror(rte_errno));
		exit(1);
	}
}

struct rte_mempool *eal_pool(void)
{
	if (pool == NULL)
		start();
	return pool;
}

struct rte_mbuf *eal_mbuf(const void *octets, unsigned int len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(eal_pool());
	char *p;

	if (m == NULL)
		abort();
	m->data_off = EAL_MBUF_HEADROOM;
	p = rte_pktmbuf_append(m, (uint16_t)len);
	if (p == NULL)
		abort();
	if (len > 0)
		memcpy(p, octets, len);
	return m;
}
