/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the parts of the path manager share.
 */
#ifndef PM_PM_INTERNAL_H
#define PM_PM_INTERNAL_H

#include "mptcp/conn/conn_internal.h"

/* pm_announce.c */
void pm_announce_begin(struct conn *c);
void pm_echo_rx(struct conn *c, const struct mp_add_addr *a);

/* pm_remote.c */
void pm_add_addr_rx(struct conn *c, struct subflow *sf, const struct mp_add_addr *a);
void pm_remove_addr_rx(struct conn *c, struct subflow *via, const struct mp_remove_addr *r);

/* pm_join.c: begin the joins that are possible and missing. */
void pm_join(struct conn *c);

#endif
