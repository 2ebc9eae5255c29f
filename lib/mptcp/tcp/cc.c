/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The congestion controls there are.
 */
#include <string.h>

#include "mptcp/tcp/tcp.h"

const struct tcp_cc_ops *const tcp_ccs[TCP_CCS] = {&cc_cubic, &cc_newreno, &cc_bbr};

const struct tcp_cc_ops *tcp_cc_find(const char *name)
{
	for (unsigned int i = 0; i < TCP_CCS; i++)
		if (strcmp(tcp_ccs[i]->name, name) == 0)
			return tcp_ccs[i];
	return NULL;
}
