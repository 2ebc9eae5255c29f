/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Parsed MPTCP options back to octets.
 */
#include <stdlib.h>

#include "rebuild.h"

int mp_rebuild(struct opt_buf *b, const struct mp_opts *o, unsigned int subtype)
{
	switch (subtype) {
	case MP_CAPABLE:
		return mp_build_capable(b, &o->capable);
	case MP_JOIN:
		return mp_build_join(b, &o->join);
	case MP_DSS:
		return mp_build_dss(b, &o->dss);
	case MP_ADD_ADDR:
		return mp_build_add_addr(b, &o->add_addr);
	case MP_REMOVE_ADDR:
		return mp_build_remove_addr(b, &o->remove_addr);
	case MP_PRIO:
		return mp_build_prio(b, o->prio_backup);
	case MP_FAIL:
		return mp_build_fail(b, o->fail_dsn);
	case MP_FASTCLOSE:
		return mp_build_fastclose(b, o->fastclose_key);
	case MP_TCPRST:
		return mp_build_tcprst(b, o->rst_flags, o->rst_reason);
	default:
		abort();
	}
}

unsigned int mp_only_subtype(const struct mp_opts *o)
{
	if (o->present == 0 || (o->present & (o->present - 1)) != 0)
		abort();
	return (unsigned int)__builtin_ctz(o->present);
}
