/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files of one TCP connection share among themselves; nobody else includes this.
 */
#ifndef TCP_TCP_INTERNAL_H
#define TCP_TCP_INTERNAL_H

#include "mptcp/tcp/tcp.h"

#define IP4_TCP_HDR_LEN 40
#define IP6_TCP_HDR_LEN 60
#define TS_OPT_LEN      12 /* two NOPs and the option */
#define TTL_DEFAULT     64
#define LINK_ROOM       18 /* of headroom for the sender of frames: Ethernet and one VLAN tag */

#define MSS_DEFAULT_V4 536  /* RFC 9293 s3.7.1 */
#define MSS_DEFAULT_V6 1220 /* the same */
/* Smaller offers are taken for this: options of 40 octets must leave room for payload, and a peer
 * must not make us send an avalanche of tiny segments (CVE-2019-11479). */
#define MSS_MIN 88

#define DUP_THRESH            3   /* RFC 5681 s3.2 */
#define TCP_IW_SEGS           10u /* a first window, or burst later on (RFC 6928) */
#define QUICKACKS             16  /* segments acknowledged at once while the peer's cwnd is small */
#define CHALLENGE_MIN_MS      500 /* between challenge ACKs of a connection (RFC 5961 s7) */
#define OOW_MIN_MS            100 /* between ACKs for empty segments outside the window */
#define RTO_AFTER_SYN_LOSS_MS 3000 /* RFC 6298 (5.7) */
#define FIN_WAIT_2_MS         60000
#define TIME_WAIT_TAKEOVER_MS 1000 /* the peer's timestamp clock has moved by then */
#define KEEPALIVE_INTERVAL_MS 75000
#define KEEPALIVE_PROBES      9

/* One segment on its way through the steps of RFC 9293 s3.10.7.4; lives on tcp_input()'s stack. */
struct tcp_rx {
	const struct pkt *p;
	struct rte_mbuf *m; /* NULL once it has become a seg */
	uint32_t seq;       /* of the first payload octet */
	uint8_t flags;      /* p->flags less what an earlier step has dealt with */
	bool no_text;       /* payload and FIN are not to be taken (zero window) */
	bool acked_new;     /* SND.UNA has moved */
	bool fin_acked;     /* our FIN has just been acknowledged */
	uint32_t acked;     /* payload octets newly acknowledged */
};

/* tcp.c */
void tcp_set_state(struct tcp *t, enum tcp_state to);
void tcp_closed(struct tcp *t, enum tcp_end why);
void tcp_setup(struct tcp *t, struct stack *st, const struct tcp_ops *ops,
	       const struct flow_key *key, struct nexthop *nh, uint16_t mtu, uint32_t iss);
void tcp_apply_syn(struct tcp *t, const struct pkt *p);
void tcp_set_peer_mss(struct tcp *t, uint16_t peer_mss);
void tcp_to_established(struct tcp *t);
void tcp_enter_time_wait(struct tcp *t);

/* tcp_isn.c */
uint32_t tcp_ts_offset(const struct stack *st, const struct flow_key *key);

/* tcp_opt.c */
uint32_t tcp_ts_now(const struct tcp *t);
/* How old the timestamp of a copy of s is that leaves now; NULL: of any. */
uint8_t tcp_retx_lag(const struct tcp *t, const struct seg *s);
/* Write the options that open a SYN: MSS, SACK permitted, timestamps, window scale (< 0: none). */
void tcp_put_syn_options(struct opt_buf *o, uint16_t mss, bool sack, bool ts, uint32_t tsval,
			 uint32_t tsecr, int wscale);
/* All options of one segment of t; SACK blocks leave room for payload_len octets below the MSS. False:
 * there are some to tell, and no room for any. */
bool tcp_put_options(struct tcp *t, const struct tcp_tx *tx, uint16_t payload_len,
		     struct opt_buf *o);

/* tcp_out.c */
bool tcp_send_syn(struct tcp *t); /* SYN or SYN/ACK by the state; false: no mbuf */
void tcp_send_rst(struct tcp *t);
void tcp_challenge_ack(struct tcp *t);
void tcp_persist(struct tcp *t);
void tcp_retransmit_head(struct tcp *t);
/* Whether there is data never sent that the peer's window takes. */
bool tcp_has_new(const struct tcp *t);
/* A new segment, or the last one again (RFC 8985 s7.3). False: neither could be sent. */
bool tcp_send_probe(struct tcp *t, bool *fresh);
/* Send a segment without payload that belongs to no connection (cookie, RST). */
bool tcp_send_bare(struct stack *st, const struct tcp_hdr_out *h, struct nexthop *nh);

/* tcp_rate.c */
void tcp_rate_sent(struct tcp *t, struct seg *s);
void tcp_rate_delivered(struct tcp *t, const struct seg *s, struct tcp_rate_sample *r);
void tcp_rate_sample(struct tcp *t, struct tcp_rate_sample *r);
/* Before an ACK or a timer lets more leave: whether there was room for it before. */
void tcp_rate_check_app(struct tcp *t);
void tcp_rate_mark_app(struct tcp *t);

/* cc_slow_start.c */
/* Grow cwnd, which is below ssthresh, by what a acknowledges. Returns the octets of it that are left for
 * congestion avoidance. */
uint32_t cc_slow_start(struct tcp *t, const struct tcp_ack *a);

/* tcp_ack.c */
/* Whether cwnd is what holds the sender back that has so many octets in flight. */
bool tcp_is_cwnd_limited(const struct tcp *t, uint32_t flight);
void tcp_ack_in(struct tcp *t, struct tcp_rx *rx);
void tcp_rtt_sample(struct tcp *t, uint32_t rtt_us);
/* RTO without backoff (RFC 6298 s2). */
uint32_t tcp_rto_ms(const struct tcp *t);
bool tcp_rtt_from_ts(const struct tcp *t, const struct pkt *p, uint32_t *rtt_us);
void tcp_sndq_remove(struct tcp *t, struct seg *s);
void tcp_sndq_flush(struct tcp *t);

/* The clock of timestamps when s was sent last. */
uint32_t tcp_ts_of(const struct tcp *t, const struct seg *s);
/* Whether the timestamp echo in a is older than the last transmission of s. */
bool tcp_echo_before(const struct tcp *t, const struct seg *s, const struct tcp_ack *a);

/* tcp_loss.c */
void tcp_loss_on_ack(struct tcp *t, struct tcp_ack *a);
void tcp_loss_on_timeout(struct tcp *t);
void tcp_mark_lost(struct tcp *t, struct seg *s);
void tcp_found_lost(struct tcp *t, struct seg *s);
void tcp_unmark_lost(struct tcp *t, struct seg *s);
/* Segments were marked lost: recovery begins unless it goes on already. */
void tcp_lost_some(struct tcp *t, uint32_t flight);

/* tcp_rack.c */
void tcp_flight_sent(struct tcp *t, struct seg *s);
void tcp_flight_remove(struct tcp *t, struct seg *s);
void tcp_flight_restore(struct tcp *t, struct seg *s);
void tcp_flight_insert(struct tcp *t, struct seg *next, struct seg *s); /* next NULL: the latest */
void tcp_rack_delivered(struct tcp *t, const struct seg *s, const struct tcp_ack *a);
/* Octets newly marked lost. */
uint32_t tcp_rack_on_ack(struct tcp *t, const struct tcp_ack *a);
void tcp_rack_misled(struct tcp *t, const struct tcp_ack *a);
void tcp_rack_leave_recovery(struct tcp *t);
void tcp_rack_timeout(struct tcp *t);
void tcp_rack_mark_on_timeout(struct tcp *t);
void tcp_tlp_arm(struct tcp *t);
void tcp_tlp_timeout(struct tcp *t);
/* Whether the probe has hidden a loss, which congestion control has to hear of. */
bool tcp_tlp_on_ack(struct tcp *t, const struct tcp_ack *a);

/* tcp_recovery.c */
/* flight, here and below: as in struct tcp_cc_ops. */
void tcp_recovery_enter(struct tcp *t, uint32_t flight);
/* Slow down for a sign of congestion, unless it belongs to what has been answered. Whether it did. */
bool tcp_reduce(struct tcp *t, uint32_t flight);
/* s has left once more. */
void tcp_recovery_sent_again(struct tcp *t, const struct seg *s);
void tcp_recovery_enter_timeout(struct tcp *t);
/* What was lost was too big for the path. */
void tcp_recovery_enter_too_big(struct tcp *t);
/* The same in a recovery that goes on. */
void tcp_recovery_too_big(struct tcp *t);
/* In such a recovery: something else is lost, or marked. */
void tcp_recovery_congested(struct tcp *t, uint32_t flight);
void tcp_recovery_leave(struct tcp *t);
void tcp_prr_on_ack(struct tcp *t, const struct tcp_ack *a);
bool tcp_undo_on_ack(struct tcp *t, const struct tcp_ack *a);

/* tcp_pace.c */
bool tcp_is_paced(const struct tcp *t);
/* Whether so many octets may leave now. If not, tcp_output() is called when they may. */
bool tcp_pace_allows(struct tcp *t, uint32_t octets);
void tcp_pace_sent(struct tcp *t, uint32_t octets);

/* tcp_paws.c */
void tcp_paws_begin(struct tcp *t, uint32_t tsval);
/* Whether a segment with that timestamp is older than what may still be on its way. */
bool tcp_paws_rejects(const struct tcp *t, uint32_t tsval);
/* An acceptable segment: its timestamp may be the one to echo (RFC 7323 s4.3). */
void tcp_paws_in(struct tcp *t, const struct tcp_rx *rx);
/* s before t: 0 < t - s < 2^31 (RFC 7323 s5.2). */
static inline bool tcp_ts_before(uint32_t s, uint32_t t)
{
	return (int32_t)(t - s) > 0;
}

/* tcp_pmtu.c */
void tcp_pmtu_init(struct tcp *t);
/* s as it may leave now: itself, or its first piece. NULL: no mbuf. */
struct seg *tcp_pmtu_cut(struct tcp *t, struct seg *s);
static inline struct seg *tcp_pmtu_fit(struct tcp *t, struct seg *s)
{
	return likely(!t->pmtu_low) ? s : tcp_pmtu_cut(t, s);
}
/* Payload octets of a window probe. */
uint16_t tcp_pmtu_part(const struct tcp *t);
/* A piece has left the send queue. */
void tcp_pmtu_piece_gone(struct tcp *t, struct seg *s);
/* s is queued while a probe is wanted. */
void tcp_pmtu_queued(struct tcp *t, const struct seg *s);
void tcp_pmtu_arrived(struct tcp *t, const struct seg *s);
static inline void tcp_pmtu_delivered(struct tcp *t, const struct seg *s)
{
	if (s->len > t->len_acked)
		t->len_acked = s->len;
	if (unlikely(t->pmtu_low))
		tcp_pmtu_arrived(t, s);
}
/* At the end of an ACK: whether the next segment is to be a probe. */
void tcp_pmtu_plan(struct tcp *t);
/* s is the probe that is out, or a piece of it. */
static inline bool tcp_pmtu_of_probe(const struct tcp *t, const struct seg *s)
{
	return t->probe_mtu != 0 && seq_leq(t->probe_seq, s->seq) &&
	       seq_leq(s->seq + s->len, t->probe_end);
}
/* Whether all that is lost is the probe: then it is dealt with. */
bool tcp_pmtu_probe_lost(struct tcp *t);
/* A retransmission timeout, before what follows from it. */
void tcp_pmtu_timeout(struct tcp *t);

/* tcp_rcv.c */
enum counter tcp_rcv_text(struct tcp *t, struct tcp_rx *rx);
/* s begins at RCV.NXT and has no holder. */
void tcp_deliver(struct tcp *t, struct seg *s);

/* tcp_ofo.c */
/* s begins beyond RCV.NXT and has no holder; consumed. Returns CTR_NONE or why it was dropped. */
enum counter tcp_ofo_queue(struct tcp *t, struct seg *s);
/* RCV.NXT has moved: deliver what the gap just filled has set free. */
void tcp_ofo_drain(struct tcp *t);
void tcp_ofo_flush(struct tcp *t);
/* [start, end) has arrived again: the next ACK says so (RFC 2883 s4). Of several parts of a segment the
 * first one is told (s4.2). */
void tcp_duplicate(struct tcp *t, uint32_t start, uint32_t end);
static inline bool tcp_has_dsack(const struct tcp *t)
{
	return t->dsack.start != t->dsack.end;
}
unsigned int tcp_sack_blocks(const struct tcp *t, struct sack_block *b, unsigned int max);

/* tcp_ecn.c */
uint8_t tcp_ecn_syn_flags(const struct tcp *t);
bool tcp_ecn_asked(const struct stack *st, const struct pkt *p);
void tcp_ecn_take_syn(struct tcp *t, const struct pkt *p);
void tcp_ecn_data_in(struct tcp *t, const struct pkt *p);
bool tcp_ecn_ack_in(struct tcp *t, const struct tcp_ack *a);
uint8_t tcp_ecn_out(struct tcp *t, bool fresh, uint8_t *flags);

/* tcp_delack.c */
void tcp_owe_ack(struct tcp *t, uint16_t len, bool gap);
void tcp_leave_burst(struct tcp *t); /* t ends */

/* tcp_timer.c */
void tcp_timer_set(struct tcp *t, enum tcp_deadline d, uint32_t ms);
void tcp_timer_stop(struct tcp *t);

static inline void tcp_timer_off(struct tcp *t, enum tcp_deadline d)
{
	t->deadline_ms[d] = 0; /* the wheel's node finds nothing due when it fires */
}

static inline bool tcp_timer_on(const struct tcp *t, enum tcp_deadline d)
{
	return t->deadline_ms[d] != 0;
}

static inline uint32_t seg_space(const struct seg *s)
{
	return s->len + !!(s->flags & SEG_FIN);
}

static inline uint32_t seg_end(const struct seg *s)
{
	return s->seq + seg_space(s);
}

/* Since s was sent last. That time may be a little ahead of the clock: tcp_out.c. */
static inline uint32_t tcp_age_us(const struct tcp *t, const struct seg *s)
{
	int32_t age_us = (int32_t)((uint32_t)t->st->now_us - s->tx_us);

	return age_us < 0 && age_us >= -1000 ? 0 : (uint32_t)age_us;
}

/* The peer took something, or has room again: its window is judged anew, without backoff. */
static inline void tcp_persist_over(struct tcp *t)
{
	t->persist_shift = 0;
	tcp_timer_off(t, TCPD_PERSIST);
}

/* Whether something sent waits for its acknowledgement. */
static inline bool tcp_unacked(const struct tcp *t)
{
	return t->sndq.head != NULL && t->sndq.head != t->snd_unsent;
}

/* Last one sent, or NULL. */
static inline struct seg *tcp_last_sent(const struct tcp *t)
{
	return t->snd_unsent != NULL ? t->snd_unsent->prev : t->sndq.tail;
}

/* Window that acceptability is judged by: up to the highest right edge ever offered. */
static inline uint32_t tcp_rcv_wnd(const struct tcp *t)
{
	return seq_lt(t->rcv_nxt, t->rcv_adv) ? t->rcv_adv - t->rcv_nxt : 0;
}

/* The window p offers; never scaled in a SYN. */
static inline uint32_t tcp_wnd_of(const struct tcp *t, const struct pkt *p)
{
	return (uint32_t)p->wnd << (p->flags & TCPF_SYN ? 0 : t->snd_wscale);
}

static inline bool tcp_synchronised(const struct tcp *t)
{
	return t->state >= TCPS_ESTABLISHED;
}

static inline uint16_t tcp_ip_hdr_len(const struct tcp *t)
{
	return ip_addr_is_v4(&t->key.local) ? IP4_TCP_HDR_LEN : IP6_TCP_HDR_LEN;
}

#endif
