/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The congestion controls there are.
 */
#include "mptcp/tcp/tcp.h"

const struct tcp_cc_ops *const tcp_ccs[TCP_CCS] = {&cc_cubic, &cc_newreno, &cc_bbr};
