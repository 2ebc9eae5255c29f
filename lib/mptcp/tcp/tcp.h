/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One TCP connection (RFC 9293 and friends), either role, IPv4 or IPv6. It knows neither MPTCP
 * nor ports: its owner (a subflow) adds options to what is sent, sees the options of what is
 * received, gives the receive window and takes the data, all through struct tcp_ops.
 *
 * Threads: the owning worker only. Nothing here allocates from the heap, logs or reads a clock.
 * Names are those of RFC 9293 s3.3.1. Sequence numbers are host order; windows and cwnd are octets.
 */
#ifndef TCP_TCP_H
#define TCP_TCP_H

#include <stdbool.h>
#include <stdint.h>

#include "mptcp/tcp/seg.h"
#include "mptcp/tcp/stack.h"
#include "mptcp/wire/pkt.h"

enum tcp_state {
	TCPS_CLOSED,
	TCPS_SYN_SENT,
	TCPS_SYN_RCVD,
	TCPS_ESTABLISHED,
	TCPS_FIN_WAIT_1,
	TCPS_FIN_WAIT_2,
	TCPS_CLOSE_WAIT,
	TCPS_CLOSING,
	TCPS_LAST_ACK,
	TCPS_TIME_WAIT,
	TCPS_MAX
};
extern const char *const tcp_state_name[TCPS_MAX];

/* Why a connection ended. */
enum tcp_end {
	TCP_END_DONE,    /* both directions closed in order */
	TCP_END_RESET,   /* RST received */
	TCP_END_REFUSED, /* RST in answer to our SYN */
	TCP_END_TIMEOUT, /* gave up retransmitting */
	TCP_END_ABORT,   /* tcp_abort() */
};

/* What the owner says to the packet that completes the handshake. */
enum tcp_verdict {
	TCP_ACCEPT,
	TCP_IGNORE, /* drop the packet, stay in the state */
	TCP_REJECT, /* send RST (options by build_options), end with TCP_END_ABORT */
};

struct tcp;

/* A segment about to be sent, for build_options(). */
struct tcp_tx {
	uint8_t flags; /* TCPF_* */
	uint32_t seq;
	const struct seg *seg; /* payload, or NULL */
};

/* Upcalls to the owner. None may free the struct tcp; they may call any tcp_*() function. After
 * each upcall the code here looks at the state again. */
struct tcp_ops {
	/* Add options behind the timestamps; SACK blocks get what room is left. */
	void (*build_options)(struct tcp *t, const struct tcp_tx *tx, struct opt_buf *o);
	/* The packet that would move SYN_RCVD or SYN_SENT to ESTABLISHED; state not changed yet. */
	enum tcp_verdict (*handshake)(struct tcp *t, const struct pkt *p);
	/* Now ESTABLISHED. */
	void (*established)(struct tcp *t);
	/* Options of a segment that passed the sequence, RST, SYN and ACK checks; ESTABLISHED or
	 * later; before its payload is delivered. */
	void (*rx_options)(struct tcp *t, const struct pkt *p);
	/* A RST that ends the connection arrived with p (before closed() is called). */
	void (*rx_reset)(struct tcp *t, const struct pkt *p);
	/* Next in-order payload. s has no holder: it is the owner's now. s->seq is set; s->map with
	 * SEG_MAPPED when its segment had a DSS mapping. */
	void (*rx_data)(struct tcp *t, struct seg *s);
	/* The peer's FIN is next in order: state has moved. */
	void (*rx_fin)(struct tcp *t);
	/* ACK processing of one segment is over: octets newly acknowledged (may be 0), and whether
	 * there may be room to send more now. */
	void (*acked)(struct tcp *t, uint32_t octets);
	/* One retransmission timeout has fired (t->backoff says how many in a row); before the
	 * retransmission goes out. */
	void (*timeout)(struct tcp *t);
	/* State is CLOSED, queues are empty, no timer armed. Called exactly once for a tcp that
	 * left CLOSED. */
	void (*closed)(struct tcp *t, enum tcp_end why);
	/* Window to offer from rcv_nxt: a multiple of 1 << rcv_wscale, at most 65535 << rcv_wscale.
	 * The owner never moves the right edge left. */
	uint32_t (*rcv_window)(struct tcp *t);
};

/* Segments that one ACK may add to cwnd in slow start, however much it acknowledges: none of what it
 * lets go is paced (RFC 9406 s4.2, L for senders without pacing). */
#define TCP_SLOW_START_L 8

/* Retransmissions of a recovery up to which the peer's reports of duplicates are matched with them. */
#define TCP_UNDO_RETX_MAX 8

/* Forward RTO-recovery after a timeout (RFC 5682 s3.1). */
enum tcp_frto {
	TCP_FRTO_OFF,
	TCP_FRTO_RETRANSMITTED, /* step 2: the first segment has been sent again */
	TCP_FRTO_NEW_DATA, /* step 3: it is acknowledged, and only new data has been sent since */
};

struct sack_block {
	uint32_t start, end; /* [start, end) */
};

/* How fast the network delivers: from the transmission of the segment sent last of those acknowledged now
 * until now (tcp_rate.c). */
struct tcp_rate_sample {
	bool has;                           /* something was delivered */
	bool app_limited;                   /* the sender had too little to send meanwhile */
	uint32_t end_seq;                   /* of the segment */
	uint32_t prior_delivered, prior_us; /* tcp.delivered and delivered_us when it was sent */
	uint32_t send_us;                   /* how long the flight took to leave */
	uint32_t prior_lost;                /* tcp.lost when it was sent */
	uint32_t tx_in_flight;              /* octets in flight then, with it */
	uint32_t delivered, lost;           /* octets since */
	uint32_t interval_us; /* in which they were delivered; 0: no reliable measure */
};

/* What one acknowledgement taught; lives on the stack of tcp_ack.c. */
struct tcp_ack {
	uint32_t acked;     /* octets cumulatively acknowledged now */
	uint32_t sacked;    /* octets newly marked SACKed */
	uint32_t delivered; /* octets newly known to have arrived, one way or the other */
	uint32_t credit;    /* octets that let cwnd grow */
	uint32_t lost;      /* octets newly marked lost */
	uint32_t prior_una;
	uint32_t prior_flight;
	uint32_t rtt_us; /* sample, 0: none */
	bool dup;        /* duplicate ACK in the sense of RFC 5681 s2 */
	bool wnd_update;
	bool fin_acked;
	bool bare; /* nothing but this acknowledgement, which is not new: no option of SACK */
	bool ece;  /* the peer echoes a congestion mark */
	bool cwnd_limited; /* the sender used all of its cwnd */
	/* of what was acknowledged now */
	bool orig_acked;   /* something that was sent once, before the present recovery */
	bool retx_acked;   /* something that was sent twice */
	bool retx_first;   /* the first octets were retransmitted ... */
	bool retx_in_vain; /* ... and the copy before the recovery has arrived (RFC 3522 s3) */
	/* a duplicate that the peer reports (RFC 2883) */
	bool has_dsack;
	struct sack_block dsack;
	/* timestamp echo, when there is one */
	bool has_ts;
	uint32_t tsecr;
	struct tcp_rate_sample rate;
};

/* Congestion control: policy only, cwnd, ssthresh and pacing_rate are its outputs. */
struct tcp_cc_ops {
	const char *name;
	/* It has a model of the path, in which a loss is one sign among others: cwnd is its own in recovery,
	 * too, where the others leave it to proportional rate reduction. */
	bool model;
	void (*init)(struct tcp *t);
	/* With a model every one that says something; without it not in recovery. */
	void (*on_ack)(struct tcp *t, const struct tcp_ack *a);
	/* flight: octets that were not acknowledged when it was found (RFC 5681's FlightSize) */
	void (*on_congestion)(struct tcp *t, uint32_t flight); /* sets ssthresh and cwnd */
	void (*on_timeout)(struct tcp *t, uint32_t flight);    /* the same; cwnd: one segment */
	/* Restart after idle: of an RTO (RFC 5681 s4.1), with a model of any length. */
	void (*on_idle)(struct tcp *t);
	/* A recovery begins that may be taken back, and it is, or it has ended. May be NULL without a model. */
	void (*save)(struct tcp *t);
	void (*undo)(struct tcp *t);
	void (*on_recovered)(struct tcp *t);
	/* s was found to be lost. May be NULL. */
	void (*on_lost)(struct tcp *t, const struct seg *s);
	/* The last segment of a flight had been lost, and is repaired. NULL: as on_congestion(). */
	void (*on_tail_lost)(struct tcp *t, uint32_t flight);
};
extern const struct tcp_cc_ops cc_newreno, cc_cubic, cc_bbr;
#define TCP_CCS 3
extern const struct tcp_cc_ops *const tcp_ccs[TCP_CCS];

/* The first slow start (RFC 9406 s4.2); zero: not known. */
struct hystart {
	uint32_t window_end; /* of the round */
	uint32_t last_round_min_rtt_us, current_round_min_rtt_us;
	uint32_t rtt_sample_count;
	uint32_t
		css_baseline_us; /* in conservative slow start since the round trips took so long */
	uint32_t css_rounds;
};

enum tcp_deadline {
	TCPD_PTO, /* RFC 8985 s7: the tail is probed; when both are due, instead of a timeout */
	TCPD_RTO,
	TCPD_REO, /* RFC 8985 s6.2: what is not acknowledged by then counts as lost */
	TCPD_PACE,
	TCPD_DELACK,
	TCPD_PERSIST,
	TCPD_KEEPALIVE,
	TCPD_STATE,
	TCPD_MAX
};

struct tcp {
	/* hot: both directions */
	struct stack *st;
	const struct tcp_ops *ops;
	uint8_t state;      /* w: tcp_set_state() only */
	uint8_t snd_wscale; /* of the peer's window field */
	uint8_t rcv_wscale;
	bool use_ts : 1, use_sack : 1, use_wscale : 1;
	bool fin_queued : 1; /* tcp_shutdown() called */
	bool fin_sent : 1, fin_acked : 1, fin_rcvd : 1;
	bool ack_now : 1;     /* an ACK must leave at the end of this input */
	bool ack_pending : 1; /* an ACK is owed: delayed */
	bool in_burst : 1;    /* on the stack's list of those to be looked at when the burst ends */
	bool wnd_check : 1;   /* ... and there may be a larger window to offer */
	bool ack_again : 1;   /* ... which left on a retransmission only */
	bool in_recovery : 1;
	bool use_ecn : 1;      /* RFC 3168; here and below w: tcp_ecn.c */
	bool ecn_echo : 1;     /* a mark arrived, and the peer has not answered yet */
	bool ecn_cwr : 1;      /* the next new octets say that the window was reduced */
	bool rto_recovery : 1; /* recovery that began with a timeout */
	bool cwnd_full : 1;    /* cwnd was used up in this round trip */
	bool no_data : 1;      /* w: owner. Send nothing but handshake and ACKs (join not proven) */
	bool orphan : 1;       /* w: owner. Nobody reads any more: fewer retries */
	uint32_t rcv_nxt;
	uint32_t rcv_adv; /* right edge offered so far: highest rcv_nxt + window */
	uint32_t snd_una, snd_nxt;
	uint32_t snd_max; /* highest sequence number sent + 1 */
	uint32_t snd_wnd, snd_wl1, snd_wl2;
	/* tx */
	struct segq sndq;       /* unacknowledged, then unsent; sorted by seq */
	struct seg *snd_unsent; /* first never sent, or NULL */
	uint32_t snd_end;       /* sequence number after the last queued octet */
	uint32_t cwnd, ssthresh;
	uint32_t cwnd_full_at; /* with cwnd_full: snd_max when cwnd was used up */
	uint64_t pacing_rate;  /* octets a second; 0: that of cwnd. w: the congestion control */
	uint32_t pace_us;      /* of the last filling; w: tcp_pace.c */
	int64_t pace_left;     /* millionths of an octet; below zero: a debt */
	/* delivery (tcp_rate.c) */
	uint32_t delivered, delivered_us; /* octets, and when the last of them was acknowledged */
	uint32_t lost;                    /* octets, ever */
	uint32_t first_tx_us;             /* of the flight that is measured */
	uint32_t app_limited;             /* until this much is delivered; 0: it is not */
	uint32_t sacked_bytes, lost_bytes, retx_bytes; /* parts of the unacknowledged */
	uint32_t recover;                              /* RFC 6582: snd_max when recovery began */
	uint32_t cwr_high; /* snd_max at the last reduction: until then it is the same event */
	uint32_t max_wnd;  /* largest window the peer ever offered */
	uint16_t snd_mss;  /* octets of payload and TCP options a segment may have */
	uint16_t rcv_mss;  /* MSS we offered */
	uint16_t mtu;
	uint16_t opt_reserve; /* w: owner. Octets it adds to data segments at most */
	uint8_t dupacks;
	uint8_t backoff;       /* RTOs in a row */
	uint8_t probes;        /* window or keepalive probes in a row that nothing answered */
	uint8_t persist_shift; /* backoff of the window probes */
	struct seg *sack_hint; /* where the last SACK search ended */
	struct seg *sack_high; /* highest SACKed */
	struct seg *lost_hint; /* none before it is LOST */
	struct sack_block sack_prev[TCP_SACK_BLOCKS_MAX]; /* of the ACK before, already marked */
	uint8_t n_sack_prev;
	uint32_t n_sacked; /* segments; the size of the SACK scoreboard */
	/* loss detection (tcp_rack.c): by time of transmission, the oldest first */
	struct seg *flight_head, *flight_tail;
	uint32_t rack_tx_us, rack_end_seq; /* of the delivered one that was sent last */
	uint32_t rack_rtt_us;              /* 0: none delivered yet */
	uint32_t rack_fack;                /* highest delivered */
	uint32_t dsack_round;              /* with has_dsack_round: its end */
	uint8_t reo_wnd_mult, reo_wnd_persist;
	bool reo_seen : 1, has_dsack_round : 1;
	bool tlp_out : 1, tlp_retrans : 1; /* a tail loss probe is out; it was a retransmission */
	bool tlp_allowed : 1;              /* a round-trip time was had since the last one */
	uint32_t tlp_end_seq;
	uint32_t last_tx_us, last_tx_seq; /* of the last transmission: times are strictly ordered */
	/* recovery (tcp_recovery.c) */
	uint32_t prr_delivered, prr_out, recover_fs; /* RFC 6937 s3.1 */
	uint32_t prior_cwnd, prior_ssthresh;         /* before it */
	uint32_t recovery_us;                        /* last_tx_us when it began */
	uint8_t frto;        /* enum tcp_frto: whether the timeout was spurious is not known yet */
	bool can_undo : 1;   /* by any of these: */
	bool undo_by_ts : 1; /* what it sends again first was sent once before it */
	bool undo_by_dsack : 1;    /* undo_retx is all that was sent again and not reported */
	bool undo_round_clean : 1; /* undo_round_ts is of this round trip */
	uint8_t n_undo_retx;
	struct sack_block undo_retx[TCP_UNDO_RETX_MAX];
	uint32_t retx_ts;                /* timestamp last sent below SND.MAX; w: tcp_opt.c */
	uint32_t undo_ts, undo_ts_first; /* our timestamp then, and when that first one was sent */
	uint32_t undo_round;             /* SND.MAX at the first undo of a round trip ... */
	uint32_t undo_walked;            /* ... and the octets that all of them went over */
	/* undo_ts... of the last recovery that began when nothing in flight had been sent again */
	uint32_t undo_round_ts, undo_round_ts_first;
	uint32_t retx_high; /* end of the highest segment sent again */
	/* path MTU (tcp_pmtu.c); sizes are those of IP packets, 0: none */
	uint16_t pmtu;        /* of the path, as far as known: nothing but a probe is larger */
	uint16_t search_high; /* RFC 4821 s7.1; pmtu is its eff_pmtu and search_low */
	uint16_t probe_mss;   /* snd_mss for the next segment, which is to be a probe */
	uint16_t probe_mtu;   /* of the probe that is out, which is [probe_seq, probe_end) */
	uint16_t ptb_mtu;     /* told by ICMP about ptb_seq, not believed yet */
	uint16_t hole_mtu;    /* pmtu before a black hole, which is to be tried again */
	uint16_t len_sent, len_acked; /* payload of the largest segment (RFC 5927 s7.2) */
	bool pmtu_low : 1;            /* pmtu is below what interface and peer take */
	bool pmtu_recovery : 1;       /* recovery of what was too big: no sign of congestion */
	bool probe_high : 1;          /* the next probe is of search_high, not half way */
	bool probes_lost : 1; /* black holes were met: probe, too, where only they are looked for */
	uint8_t probe_count;  /* probes of this size that were lost */
	uint8_t told;         /* ICMP believed since the last timeout */
	uint32_t probe_seq, probe_end, ptb_seq;
	uint32_t probe_ms; /* none before */
	/* the question of tcp_ask() */
	bool asked;
	uint32_t ask_seq; /* after the octet sent again */
	/* rtt */
	uint32_t srtt_us, rttvar_us;
	uint32_t min_rtt_us;      /* of the last minute or two */
	uint32_t min_rtt_next_us; /* since min_rtt_ms */
	uint32_t min_rtt_ms;
	uint32_t rto_ms;       /* doubled by each timeout until a sample is had (Karn) */
	uint32_t rtt_start_us; /* of the handshake */
	/* rx */
	struct segq ofo; /* out of order, sorted by seq, no overlaps */
	uint32_t ts_recent, ts_recent_ms, last_ack_sent, ts_offset;
	uint32_t paws_ts[2];         /* TS.Recent when this window and the one before began */
	uint32_t paws_edge, paws_ms; /* the end of this one, and when it began; w: tcp_paws.c */
	struct seg *ofo_root;        /* the same as a tree; w: tcp_ofo.c */
	struct sack_block sacks[TCP_SACK_BLOCKS_MAX]; /* to report, most recent first */
	struct sack_block dsack;                      /* a duplicate to report once; empty: none */
	uint8_t n_sacks;
	uint8_t quickacks;    /* segments still to be acknowledged at once */
	uint32_t rcv_wnd_max; /* largest window we ever offered */
	uint16_t rcv_seg_max; /* largest payload received: what "full-sized" means */
	uint32_t fin_seq;     /* of the peer's FIN, valid with fin_rcvd or when seen out of order */
	bool fin_ofo;
	/* timers: one wheel node, lazily moved; a deadline of 0 is off */
	struct wheel_timer timer;
	uint32_t deadline_ms[TCPD_MAX];
	struct tcp *tw_next, *tw_prev; /* in TIME_WAIT: the stack's list */
	uint32_t tw_since_ms;
	struct tcp *burst_next;
	uint32_t last_rx_ms, last_tx_ms, last_data_ms;
	uint32_t progress_ms;  /* since then what is not acknowledged waits */
	uint32_t challenge_ms; /* time of the last challenge ACK; 0: none yet */
	uint32_t oow_ms;       /* of the last ACK for a segment outside the window; 0: none yet */
	/* congestion control's own; and as it was before the recovery */
	const struct tcp_cc_ops *cc;
	struct hystart hystart; /* w: cc_slow_start.c */
	uint64_t cc_priv[20];
	/* cold */
	struct flow_key key;
	struct nexthop *nh;
	uint32_t iss, irs;
	uint16_t peer_mss;
	uint8_t ttl;
	bool active;                         /* we sent the first SYN */
	uint64_t bytes_sent, bytes_received; /* payload, without retransmissions */
	uint32_t retrans;                    /* segments retransmitted */
	uint32_t half_open_counted;          /* CTR_CUR_HALF_OPEN holds this one */
};

/* --- opening ------------------------------------------------------------------------------- */

/*
 * Make t (zeroed memory of the caller) the passive side of the connection that the SYN p opens:
 * SYN_RCVD, SYN/ACK sent and its timer armed. ops, nh and mtu as in the struct. iss: initial
 * sequence number. Returns 0, or -ENOBUFS when no mbuf could be had (t is CLOSED; closed() is not
 * called). The owner may set fields marked "w: owner" before.
 */
int tcp_accept(struct tcp *t, struct stack *st, const struct tcp_ops *ops, const struct pkt *p,
	       struct nexthop *nh, uint16_t mtu, uint32_t iss);

/* The active side: SYN sent. rcv_mss_max: upper bound of the MSS we offer (0: none). Same returns.
 * Source: RFC 9293 s3.10.1. */
int tcp_connect(struct tcp *t, struct stack *st, const struct tcp_ops *ops,
		const struct flow_key *key, struct nexthop *nh, uint16_t mtu, uint32_t iss,
		uint16_t rcv_mss_max);

/* Initial sequence number: keyed hash of the key plus a 4 us clock (RFC 6528 s3). */
uint32_t tcp_isn(const struct stack *st, const struct flow_key *key);

/* --- SYN cookies (syn_cookie.c) ------------------------------------------------------------- */

struct syn_cookie {
	uint32_t iss, irs;
	uint16_t peer_mss;
	bool use_ts, use_sack, use_wscale, use_ecn;
	uint8_t snd_wscale;
};
/* Answer the SYN p with a SYN/ACK that keeps no state: MSS class in the sequence number; window
 * scale and SACK in the low bits of the timestamp when the peer has timestamps, else neither is
 * used. extra: further options (already built, may be NULL). rcv_mss: MSS to offer; wnd: unscaled
 * window field. */
void syn_cookie_reply(struct stack *st, const struct pkt *p, struct nexthop *nh, uint16_t rcv_mss,
		      uint16_t wnd, const struct opt_buf *extra);
/* Whether the ACK p (no SYN, no RST) acknowledges a cookie of ours not older than 2 periods of
 * 64 s; fills c. */
bool syn_cookie_check(const struct stack *st, const struct pkt *p, struct syn_cookie *c);
/* Make t the connection of a cookie: SYN_RCVD as if the SYN/ACK had been sent from state; the
 * caller then gives p to tcp_input(). */
void tcp_accept_cookie(struct tcp *t, struct stack *st, const struct tcp_ops *ops,
		       const struct pkt *p, const struct syn_cookie *c, struct nexthop *nh,
		       uint16_t mtu);

/* --- input ----------------------------------------------------------------------------------- */

/*
 * Process p, parsed from m, for t (RFC 9293 s3.10.7). m is consumed. Returns CTR_NONE or the drop
 * reason, which the caller counts. Sends what must be sent (ACK, retransmissions, queued data).
 */
enum counter tcp_input(struct tcp *t, struct rte_mbuf *m, const struct pkt *p);

/* RFC 9293 s3.10.7.1: answer p, which belongs to no connection, with RST unless it is one;
 * within the stack's rate limit. extra may be NULL. */
void tcp_reset_unknown(struct stack *st, const struct pkt *p, struct nexthop *nh,
		       const struct opt_buf *extra);

/* Whether the SYN p may replace t, which is in TIME_WAIT (RFC 9293 s3.10.7.4, RFC 6191). */
bool tcp_time_wait_reusable(const struct tcp *t, const struct pkt *p);

/* Whether a new active connection may take over t's 4-tuple: t is in TIME_WAIT for a second at
 * least, and timestamps tell old segments from new ones (RFC 6191, the active side). */
bool tcp_time_wait_takeover(const struct tcp *t);
/* End the connection that is in TIME_WAIT for the longest time. False: there is none. */
bool tcp_time_wait_recycle(struct stack *st);

/*
 * Somebody says that the segment of t that began at seq was too big for a link of mtu octets. Returns
 * CTR_NONE, or why that is not believed. Sends again what is too big.
 * Source: RFC 8201, RFC 5927 s4.1 and s7.2.
 */
enum counter tcp_too_big(struct tcp *t, uint32_t seq, uint16_t mtu);

/* --- output ---------------------------------------------------------------------------------- */

/* Payload octets a segment can carry now: snd_mss less timestamps and opt_reserve; at least 1. When the
 * path is to be probed it is more for one segment. */
uint16_t tcp_payload_max(const struct tcp *t);
/* Payload octets that congestion window and peer window let go now, less what is queued unsent;
 * with nothing queued nor in flight at least tcp_payload_max(), so that a zero window is probed. */
uint32_t tcp_snd_space(const struct tcp *t);
/* Octets in flight by RFC 6675's "pipe". */
uint32_t tcp_flight(const struct tcp *t);
/* Queue s (len <= tcp_payload_max()) at the end; t takes a hold; s->seq and s->tcp are set.
 * Nothing is sent before tcp_output(). Not after tcp_shutdown(). */
void tcp_send(struct tcp *t, struct seg *s);
/* Send what may be sent: lost segments first, then new data, FIN, and an ACK when one is owed at
 * once. Small segments wait for nothing (no Nagle: the relay's source paced them), but sender
 * silly-window avoidance holds (RFC 9293 s3.8.6.2.1). */
void tcp_output(struct tcp *t);
/* Send an ACK now (DATA_ACK, options). */
void tcp_send_ack(struct tcp *t);
/* The owner's window may have grown: at the end of the burst send a window update when it is worth it
 * (RFC 9293 s3.8.6.2.2: grown by two segments or half of the buffer, or opened from below one
 * segment). */
void tcp_window_update(struct tcp *t);
/* No more to send: FIN follows the queue. Idempotent. */
void tcp_shutdown(struct tcp *t);
/* End at once: RST when the peer may know of us, closed(TCP_END_ABORT). No-op when CLOSED. */
void tcp_abort(struct tcp *t);
/* Send one keepalive probe now (an ACK with seq snd_una - 1). */
void tcp_probe(struct tcp *t);
/* Have the peer send an ACK now: the last octet that it acknowledged, again (answers to empty segments
 * are limited). It must be the last one of s. Returns whether it is, and was sent. */
bool tcp_ask(struct tcp *t, struct seg *s);

/* Sequence comparison, RFC 9293 s3.4. */
static inline bool seq_lt(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}
static inline bool seq_leq(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) <= 0;
}

#endif
