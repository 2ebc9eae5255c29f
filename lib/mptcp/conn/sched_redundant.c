/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Scheduler: every segment over every path that has room for it, so that each octet arrives as early as the
 * earliest path brings it. Costs as much of each path. Owning worker only. Source: RFC 8041 s3.3.
 */
#include "mptcp/conn/conn_internal.h"

static struct subflow *pick(struct conn *c, const struct sched_set *s)
{
	return sched_minrtt.pick(c, s);
}

const struct sched_ops sched_redundant = {.name = "redundant", .pick = pick, .redundant = true};
