/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Parsed MPTCP options back to octets, for tests of the two against each other.
 */
#ifndef TEST_REBUILD_H
#define TEST_REBUILD_H

#include "mptcp/wire/mp_opt.h"

/* Append the option of this subtype that o holds; what its builder returns. */
int mp_rebuild(struct opt_buf *b, const struct mp_opts *o, unsigned int subtype);

/* The subtype of the only option in o; ends the program when it is not one. */
unsigned int mp_only_subtype(const struct mp_opts *o);

#endif
