/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files of this layer share among themselves. Nothing here is for other layers, but the
 * path manager may use the subflow functions marked so.
 */
#ifndef CONN_CONN_INTERNAL_H
#define CONN_CONN_INTERNAL_H

#include "mptcp/conn/conn.h"

/* Octets a DSS option takes at most on a data segment: 64-bit DATA_ACK and DSN, checksum. */
#define DSS_OPT_MAX 28
/* Window offered before the user is there to say what it takes. */
#define CONN_OPENING_WND 65535
/* A connection without any subflow is kept this long (break before make, RFC 8684 s3.6). */
#define CONN_ORPHAN_MS 10000
/* Data-level retransmissions in a row before giving up. */
#define CONN_RTX_MAX 12

/* Before in data sequence space. */
static inline bool dsn_lt(uint64_t a, uint64_t b)
{
	return (int64_t)(a - b) < 0;
}

/* A join that is not proven: no data on it, and it counts for nothing yet. */
static inline bool subflow_is_joining(const struct subflow *sf)
{
	return sf->hs == SF_HS_JOIN || sf->hs == SF_HS_JOIN_SENT || sf->hs == SF_HS_PRE_ESTABLISHED;
}

/* conn.c */
struct conn *conn_new(struct mptcp *mp, const struct conn_params *params);
void conn_set_state(struct conn *c, enum conn_state to);
/* Whether c counts as an MPTCP connection that is established. */
void conn_count_estab(struct conn *c, bool estab);
/* The data-level sequence spaces begin after the two IDSNs. */
void conn_start_sequences(struct conn *c);
/* The same of what is received, when it was only that that was not known. */
void conn_start_rx(struct conn *c);
/* Tell the user of the end, once. */
void conn_tell_closed(struct conn *c, enum conn_end why);
/* The connection is over: closed() to the user (once), everything released, subflows reset. */
void conn_end(struct conn *c, enum conn_end why);
/* Both directions are closed in order: closed(CONN_END_DONE); subflows close with FIN. */
void conn_done(struct conn *c);
/* The peer's FIN or DATA_FIN was reached; ours was acknowledged. */
void conn_fin_received(struct conn *c);
void conn_fin_acked(struct conn *c);
/* To the dead list when nothing refers to it any more. */
void conn_maybe_free(struct conn *c);
void conn_orphaned(struct conn *c);

/* data_tx.c */
void conn_push(struct conn *c);
/* Frees what is below una; the user hears of it by conn_tell_acked(). */
void conn_data_acked(struct conn *c, uint64_t una);
/* dack_probe.c: a subflow was acknowledged; ask for the DATA_ACK if it does not come. */
void conn_dack_watch(struct conn *c);
/* conn_snd_queued() has become less. */
void conn_tell_acked(struct conn *c);
/* What was sent last on slot and is not DATA_ACKed must be sent again elsewhere. */
void conn_reinject_slot(struct conn *c, uint8_t slot);
void conn_rtx_arm(struct conn *c);
void conn_tx_release(struct conn *c);
uint64_t dsn_promote(uint64_t ref, uint32_t low);

/* data_rx.c */
void subflow_rx_mapped(struct subflow *sf, struct seg *s);
void subflow_rx_plain(struct subflow *sf, struct seg *s);
/* A mapping that came without payload. */
void subflow_rx_spare(struct subflow *sf, const struct mp_dss *d);
void subflow_set_capable_map(struct subflow *sf, const struct mp_capable *mpc);
void conn_data_fin(struct conn *c, uint64_t dsn);
void conn_rx_release(struct conn *c);
uint32_t conn_rcv_window(struct conn *c, struct tcp *t);
void subflow_rx_release(struct subflow *sf);
/* After fallback: what waits for a mapping is the plain stream. */
void subflow_rx_drain(struct subflow *sf);

/* fallback.c */
void conn_fallback(struct conn *c, struct subflow *sf, bool announce, enum counter why);
bool conn_can_fall_back(const struct conn *c, const struct subflow *sf);
void subflow_checksum_failed(struct subflow *sf);
void subflow_mp_fail_rx(struct subflow *sf, uint64_t dsn);

/* sched_minrtt.c */
struct subflow *sched_pick(struct conn *c, uint32_t len, uint8_t avoid_slot);

/* subflow.c */
extern const struct tcp_ops subflow_tcp_ops;
struct subflow *subflow_new(struct conn *c, const struct flow_key *key);
void subflow_set_hs(struct subflow *sf, enum subflow_hs to);
/* Reset sf with a reason for MP_TCPRST. For pm as well. */
void subflow_reset(struct subflow *sf, enum mp_rst_reason reason);
/* Unlink what never became a connection (SYN/ACK could not be sent). */
void subflow_discard(struct subflow *sf);

/* subflow_hs.c */
enum tcp_verdict subflow_handshake(struct tcp *t, const struct pkt *p);
void subflow_established(struct tcp *t);
void mptcp_syn(struct mptcp *mp, const struct pkt *p);
void mptcp_stray_ack(struct mptcp *mp, struct rte_mbuf *m, const struct pkt *p);
uint32_t mptcp_join_iss(const struct stack *st, const struct flow_key *key);
void mptcp_reset(struct mptcp *mp, const struct pkt *p, int mp_reason);

/* What both keys make possible: the peer's are in mpc. */
void capable_agreed(struct subflow *sf, const struct mp_capable *mpc);
unsigned int proven_subflows(const struct conn *c);
/* joined is a path that works. */
void join_takes_over(struct conn *c, const struct subflow *joined);

/* subflow_hs_active.c */
void capable_prepare(struct conn *c, struct subflow *sf);
void capable_build_syn(struct subflow *sf, struct opt_buf *o);
/* Whether it was MP_CAPABLE that had to go on this segment. */
bool capable_build(struct subflow *sf, const struct tcp_tx *tx, struct opt_buf *o);
void capable_timeout(struct subflow *sf);
enum tcp_verdict handshake_capable_sent(struct subflow *sf, const struct pkt *p);
void join_build_syn(struct subflow *sf, struct opt_buf *o);
void join_build_ack(struct subflow *sf, struct opt_buf *o);
enum tcp_verdict handshake_join_sent(struct subflow *sf, const struct pkt *p);
void join_pre_established(struct subflow *sf);
void join_confirmed(struct subflow *sf);

/* subflow_opt.c */
void subflow_build_options(struct tcp *t, const struct tcp_tx *tx, struct opt_buf *o);
void subflow_rx_options(struct tcp *t, const struct pkt *p);
void subflow_rx_reset(struct tcp *t, const struct pkt *p);

/* token.c */
uint64_t mp_cookie_key(const struct stack *st, const struct flow_key *key, uint32_t irs);
bool token_take_key(struct mptcp *mp, struct conn *c);
bool token_insert(struct mptcp *mp, struct conn *c, uint64_t key);
void token_remove(struct mptcp *mp, struct conn *c);
struct conn *token_find(struct mptcp *mp, uint32_t token);
void token_refill(struct mptcp *mp, unsigned int n);

/* mptcp.c */
struct subflow *flow_find(struct mptcp *mp, const struct flow_key *key);
int flow_insert(struct mptcp *mp, struct subflow *sf);
/* Our initial sequence number for the SYN in hand. */
uint32_t mptcp_iss(const struct mptcp *mp, const struct flow_key *key);
void flow_remove(struct mptcp *mp, struct subflow *sf);

#endif
