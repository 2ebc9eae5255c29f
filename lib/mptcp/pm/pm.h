/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Path manager: announces addresses with ADD_ADDR and repeats each until it is echoed, answers ADD_ADDR with
 * its echo, acts on REMOVE_ADDR, and in the client role joins over all pairs of addresses.
 * Threads: the owning worker only. Source: RFC 8684 s3.4.
 */
#ifndef PM_PM_H
#define PM_PM_H

#include "mptcp/conn/conn.h"

extern const struct pm_ops pm_default;

#endif
