/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Scheduler: of the subflows that may carry data and have room for it, the one with the least RTT:
 * the smoothed one, which nears the least ever seen while the path rests. Backup subflows serve
 * only while no other lives (RFC 8684 s3.3.8); a stale one only while all are. Threads: the owning
 * worker.
 */
#include "mptcp/conn/conn_internal.h"

#define REST_HALF_MS 500

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

/* A smoothed RTT has the queue in it that stood before the bottleneck when it was taken. While the path
 * rests that queue drains, and nothing corrects what was measured: with time it counts less, or the
 * path would not be used again. */
static uint32_t rtt_of(const struct subflow *sf)
{
	const struct tcp *t = &sf->tcp;
	uint32_t idle_ms = t->st->now_ms - t->last_data_ms, in_use_ms = t->srtt_us / 1000;
	uint32_t halves;

	if (t->sndq.head != NULL || idle_ms <= in_use_ms)
		return t->srtt_us;
	halves = RTE_MIN((idle_ms - in_use_ms) / REST_HALF_MS, 31u);
	return t->min_rtt_us + ((t->srtt_us - RTE_MIN(t->srtt_us, t->min_rtt_us)) >> halves);
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
		if (best == NULL || rtt_of(sf) < rtt_of(best))
			best = sf;
	}
	return best;
}
