/* SPDX-License-Identifier: BSD-3-Clause
 *
 * DPDK for tests: no huge pages, no devices, one core, no files. Started at the first call.
 */
#ifndef TEST_EAL_H
#define TEST_EAL_H

#include <rte_mbuf.h>

#define EAL_POOL_MBUFS    1023
#define EAL_MBUF_HEADROOM 256

/* The pool all tests of a program share; ends the program when DPDK does not start. */
struct rte_mempool *eal_pool(void);

/* A new packet with a copy of len octets. */
struct rte_mbuf *eal_mbuf(const void *octets, unsigned int len);

#endif
