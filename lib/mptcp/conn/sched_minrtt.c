/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Scheduler: the shortest round trip of those that have room. Owning worker only. Source: RFC 8041 s3.3.
 */
#include "mptcp/conn/conn_internal.h"

static struct subflow *pick(struct conn *c, const struct sched_set *s)
{
	const struct sched_path *p = sched_fastest(s, true);

	(void)c;
	return p != NULL ? p->sf : NULL;
}

const struct sched_ops sched_minrtt = {.name = "minrtt", .pick = pick};
