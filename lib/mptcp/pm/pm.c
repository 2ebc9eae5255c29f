/* SPDX-License-Identifier: BSD-3-Clause
 *
 * When the parts of the path manager have something to do. Threads: the owning worker.
 */
#include "mptcp/pm/pm.h"
#include "mptcp/pm/pm_internal.h"

/* The addresses to be signalled are for those who come to us. */
static void pm_established(struct conn *c)
{
	if (!c->active)
		pm_announce_begin(c);
}

static void pm_closed(struct conn *c)
{
	wheel_cancel(&c->mp->st->wheel, &c->announce.timer);
}

const struct pm_ops pm_default = {
	.established = pm_established,
	.fully_established = pm_join,
	.add_addr_rx = pm_add_addr_rx,
	.remove_addr_rx = pm_remove_addr_rx,
	.closed = pm_closed,
};
