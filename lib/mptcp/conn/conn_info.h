/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A copy of what an operator wants to know of a connection and its subflows: filled by the owning
 * worker, read by the control thread afterwards.
 */
#ifndef CONN_CONN_INFO_H
#define CONN_CONN_INFO_H

#include "mptcp/conn/conn.h"

struct subflow_info {
	struct flow_key key;
	uint8_t tcp_state, hs, addr_id_local, addr_id_remote;
	bool backup, stale;
	uint32_t srtt_us, rttvar_us, rto_ms, cwnd, ssthresh, mss, pmtu, unacked, retrans;
	uint32_t snd_wnd, rcv_wnd;
	uint64_t bytes_sent, bytes_received;
};

struct conn_info {
	uint32_t id, token, age_ms;
	uint8_t state, mode, n_subflows;
	bool active;
	uint16_t listener;
	uint32_t snd_queued, ofo_bytes;
	uint64_t bytes_sent, bytes_received;
	uint64_t pair_id; /* w: user's choice through conn_info_pair; 0: none */
	struct subflow_info subflow[CONN_SLOTS_MAX];
};

/*
 * Copy up to max connections into out, beginning with pool slot *cursor; moves *cursor and returns
 * the number copied. The end is reached when *cursor == mp->conns.n. Looks at no more than budget
 * slots.
 */
uint32_t conn_dump(struct mptcp *mp, uint32_t *cursor, uint32_t budget, struct conn_info *out,
		   uint32_t max);

#endif
