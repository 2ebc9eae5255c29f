/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Scheduler: of the subflows that may carry data and have room for it, the one with the least
 * smoothed RTT. Backup subflows serve only while no other lives (RFC 8684 s3.3.8); a stale one
 * only while all are. Threads: the owning worker.
 */
#include "mptcp/conn/conn_internal.h"

static bool can_send(const struct subflow *sf)
{
	return (sf->hs == SF_HS_DONE || sf->conn->mode != CONN_MPTCP) &&
	       (sf->tcp.state == TCPS_ESTABLISHED || sf->tcp.state == TCPS_CLOSE_WAIT) &&
	       !sf->tcp.fin_queued;
}

/* 0: best class. */
static unsigned int class_of(const struct subflow *sf)
{
	return (sf->stale || sf->blind ? 2u : 0u) + (sf->backup_peer || sf->backup_local ? 1u : 0u);
}

/* len 0: any subflow that may carry a control signal. */
struct subflow *sched_pick(struct conn *c, uint32_t len, uint8_t avoid_slot)
{
	struct subflow *sf, *best = NULL;
	unsigned int best_class = 4;

	CONN_FOREACH_SUBFLOW (sf, c) {
		if (can_send(sf) && sf->slot != avoid_slot)
			best_class = RTE_MIN(best_class, class_of(sf));
	}
	CONN_FOREACH_SUBFLOW (sf, c) {
		if (!can_send(sf) || sf->slot == avoid_slot || class_of(sf) != best_class)
			continue;
		if (len > 0 && tcp_snd_space(&sf->tcp) < RTE_MIN(len, tcp_payload_max(&sf->tcp)))
			continue;
		if (best == NULL || sf->tcp.srtt_us < best->tcp.srtt_us)
			best = sf;
	}
	return best;
}
