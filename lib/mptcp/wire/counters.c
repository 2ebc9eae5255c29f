/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Names and meanings of all counters, from the one list in counters.def. Read-only; any thread.
 */
#include "mptcp/wire/counters.h"

const struct counter_desc counter_desc[CTR_MAX] = {
	[CTR_NONE] = {"None", CTR_KIND_EVENT, "no counter"},
#define CTR(id, name, kind, help) [CTR_##id] = {name, kind, help},
#include "mptcp/wire/counters.def"
#undef CTR
};
