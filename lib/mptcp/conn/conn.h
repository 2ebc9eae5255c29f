/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An MPTCP connection (RFC 8684): its keys, its data-level sequence space and its subflows. A plain
 * TCP connection is the same thing with one subflow and no mapping, so the user of this layer (the
 * relay) sees one kind of connection in every direction.
 *
 * Threads: the owning worker only. Memory: pools given at start. Data-level sequence numbers are
 * 64-bit everywhere; 32-bit forms exist on the wire only.
 */
#ifndef CONN_CONN_H
#define CONN_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "crypto/mp_key.h"
#include "mptcp/tcp/flow_table.h"
#include "mptcp/tcp/pool.h"
#include "mptcp/tcp/tcp.h"
#include "mptcp/wire/icmp.h"

#define CONN_SUBFLOWS_MAX     8 /* proven ones */
#define CONN_JOINS_MAX        3 /* and those that are not, beside them */
#define CONN_SLOTS_MAX        (CONN_SUBFLOWS_MAX + CONN_JOINS_MAX)
#define CONN_LOCAL_ADDRS_MAX  8   /* of ours, announced or used for joins */
#define CONN_REMOTE_ADDRS_MAX 8   /* announced by a peer */
#define MP_KEY_POOL           512 /* keys made in advance, a worker */

/* Data-level states: RFC 8684 appendix D, with the handshake before and CLOSED after. */
enum conn_state {
	CONN_CLOSED,
	CONN_OPENING, /* first subflow's handshake */
	CONN_ESTABLISHED,
	CONN_FIN_WAIT_1,
	CONN_FIN_WAIT_2,
	CONN_CLOSE_WAIT,
	CONN_CLOSING,
	CONN_LAST_ACK,
	CONN_TIME_WAIT, /* both DATA_FINs exchanged; subflows are closing */
	CONN_STATE_MAX
};
extern const char *const conn_state_name[CONN_STATE_MAX];

enum conn_mode {
	CONN_TCP, /* the peer never offered MPTCP, or the listener does not */
	CONN_MPTCP,
	CONN_FALLBACK, /* was offered, fell back to TCP (RFC 8684 s3.7) */
};

/* Why a connection ended, for the user. */
enum conn_end {
	CONN_END_DONE,    /* both directions closed in order */
	CONN_END_RESET,   /* the peer reset or fast-closed it, or the last subflow died */
	CONN_END_REFUSED, /* active open refused */
	CONN_END_TIMEOUT, /* gave up */
	CONN_END_ABORT,   /* conn_abort() */
};

struct conn;
struct mptcp;

/* Upcalls to the user of a connection. None may free the struct conn; all may call conn_*(). */
struct conn_ops {
	/* Passive open: the handshake is complete; the user sets c->user. Returns 0, or -errno to
	 * have the connection reset; closed() is not called then. */
	int (*accepted)(struct conn *c);
	/* Active open: established. */
	void (*connected)(struct conn *c);
	/* Next in-order data; s is the user's now and has no holder. Never more than rcv_space. */
	void (*rx)(struct conn *c, struct seg *s);
	/* The peer has closed its direction. */
	void (*rx_fin)(struct conn *c);
	/* conn_snd_queued() may have become less: data was acknowledged, or a subflow ended. */
	void (*acked)(struct conn *c);
	/* The last upcall: no further use of c, whose memory may live on until TIME_WAIT is over.
	 * With CONN_END_DONE all data was acknowledged. */
	void (*closed)(struct conn *c, enum conn_end why);
	/* Octets the user can take beyond what it was given: the receive window. */
	uint32_t (*rcv_space)(const struct conn *c);
	/* What that is when the user holds nothing. The window is offered in steps of a part of it. NULL: not
	 * known, and by the segment. */
	uint32_t (*rcv_buffer)(const struct conn *c);
};

/* What a listener, or an active open, gives its connections. Immutable; outlives them. */
struct conn_params {
	const struct conn_ops *ops;
	void *user;           /* listener: the initial value of c->user */
	bool mptcp;           /* listener: answer MP_CAPABLE; active open: ask for it */
	bool checksum;        /* ask for DSS checksums */
	uint8_t subflows_max; /* 1..CONN_SUBFLOWS_MAX */
	uint16_t listener;    /* index, for reports */
};

/* An address of ours; configuration, immutable. */
struct local_addr {
	struct ip_addr addr;
	uint16_t port; /* 0: that of the connection */
	uint8_t id;    /* 1..255 */
	bool signal;   /* announce it with ADD_ADDR */
	bool subflow;  /* client role: join from it */
	bool backup;   /* subflows to or from it are backup */
};

/* The subflow handshake; one writer: subflow_set_hs(). */
enum subflow_hs {
	SF_HS_PLAIN,           /* no MPTCP on this TCP connection */
	SF_HS_CAPABLE,         /* first subflow: SYN/ACK with our key is out */
	SF_HS_JOIN,            /* join: SYN/ACK with HMAC-B is out, HMAC-A awaited */
	SF_HS_CAPABLE_SENT,    /* active: SYN with MP_CAPABLE is out */
	SF_HS_JOIN_SENT,       /* active: SYN with token and nonce is out, HMAC-B awaited */
	SF_HS_PRE_ESTABLISHED, /* active: HMAC-A is out, the fourth packet awaited */
	SF_HS_DONE,            /* proven: data may flow */
	SF_HS_MAX
};

/* One subflow: a TCP connection and its place in the data-level sequence space. */
struct subflow {
	struct tcp tcp; /* first: struct tcp * <-> struct subflow * */
	struct conn *conn;
	struct subflow *next; /* of the connection, or of the dead list */
	uint8_t hs;           /* enum subflow_hs; w: subflow_set_hs() */
	uint8_t slot;         /* 1..CONN_SLOTS_MAX: seg->sf_slot of what was sent on it */
	uint8_t addr_id_local, addr_id_remote;
	bool first : 1;
	bool dead : 1;         /* closed; on the dead list */
	bool backup_peer : 1;  /* the peer asks us to send on it only as a last resort */
	bool backup_local : 1; /* we ask that of the peer */
	bool stale : 1;        /* timed out while others live: not used for new data */
	bool prio_pending : 1;
	bool fail_pending : 1;
	bool mp_seen : 1;    /* an MPTCP option arrived on it after the handshake */
	bool fastclosed : 1; /* the RST that ends it carries MP_FASTCLOSE with our key */
	bool unmapped_started : 1;
	bool dack_came : 1; /* the segment in hand brings a DATA_ACK, late or not */
	bool bare_ack : 1;  /* what acknowledged octets last brought none */
	bool blind : 1; /* data waits for its DATA_ACK for long after that, and none came since */
	uint32_t nonce_local, nonce_remote;
	uint8_t rst_reason; /* for MP_TCPRST when we reset it */
	bool rst_fastclose, rst_fail;
	uint64_t fail_dsn;
	/* rx: in-order octets of the subflow that have no complete mapping yet */
	struct segq pending;
	bool map_valid, map_infinite, map_fin, map_csum;
	uint64_t map_dsn;
	uint32_t map_seq; /* absolute sequence number of the mapping's first octet */
	uint32_t map_len; /* payload octets */
	uint16_t map_csum_wire;
	uint32_t map_ssn;
	uint16_t csum_sum; /* over pending octets of this mapping so far */
	uint32_t csum_len;
	struct dss_map spare; /* a mapping that came without payload */
	bool spare_valid;
	uint64_t bytes_sent, bytes_received;
	uint32_t created_ms;
	/* REMOVE_ADDR named its address: killed at the deadline unless the probe is answered */
	struct wheel_timer rm_timer;
	struct wheel_timer hs_timer; /* PRE_ESTABLISHED: the third packet goes again */
	uint8_t hs_tries;
};
_Static_assert(__builtin_offsetof(struct subflow, tcp) == 0, "tcp is the first member");

static inline struct subflow *subflow_of(struct tcp *t)
{
	return (struct subflow *)t;
}

/* ADD_ADDR / REMOVE_ADDR to be sent and awaited; policy is pm's. */
struct conn_announce {
	uint8_t next;   /* index into mp->local_addrs of the one to be sent now */
	uint8_t at;     /* where this round goes on */
	uint8_t tries;  /* rounds of transmission so far */
	uint8_t echoed; /* bit i: local_addrs[i] was echoed, or is not to be announced */
	bool pending;   /* local_addrs[next] must go out on the next pure ACK */
	bool echo_pending;
	struct mp_add_addr echo; /* the peer's ADD_ADDR to be echoed */
	uint8_t rm_n;
	uint8_t rm_id[CONN_LOCAL_ADDRS_MAX]; /* REMOVE_ADDR to be sent */
	struct wheel_timer timer;
};

/* An address that the peer has announced. */
struct conn_remote {
	struct ip_addr addr;
	uint16_t port;
	uint8_t id;
};

struct conn {
	/* hot */
	struct mptcp *mp;
	const struct conn_params *params;
	void *user;
	uint8_t state; /* w: conn_set_state() */
	uint8_t mode;  /* enum conn_mode; w: conn_fallback() and the handshake */
	uint8_t n_subflows;
	bool csum : 1;              /* DSS checksums in force */
	bool ack64 : 1;             /* the peer sends 64-bit DSNs */
	bool fully_established : 1; /* a DSS of the peer arrived */
	bool user_closed : 1;       /* closed() was called */
	bool fin_queued : 1, fin_sent : 1;
	bool peer_fin : 1;      /* peer_fin_dsn is known */
	bool fin_rcvd : 1;      /* ... and reached */
	bool peer_no_joins : 1; /* flag C of the peer */
	bool pushing : 1;
	bool data_freed : 1; /* by a DATA_ACK; the user has not heard of it */
	bool in_dead_list : 1;
	bool active : 1;
	bool upcalls : 1;     /* the user knows of it */
	bool infinite_tx : 1; /* the next data segment carries an infinite mapping */
	bool has_token : 1;
	bool fin_turn : 1; /* of the ACKs that bring our key those in between have the DATA_FIN */
	bool joined : 1;   /* had a second subflow: fallback is no choice any more */
	bool estab_counted : 1;   /* CTR_MP_CUR_ESTAB holds this one */
	struct subflow *subflows; /* list */
	struct subflow *last_rx;  /* received data last */
	/* rx: data level */
	uint64_t rcv_nxt;     /* next DSN expected */
	uint64_t rcv_adv;     /* right edge offered, never moves left */
	uint32_t rcv_wnd_max; /* largest window ever offered */
	uint16_t rcv_seg_max; /* largest payload that came, of all subflows there ever were */
	uint32_t rcv_lent;    /* octets offered by rounding while the user had no room */
	struct segq ofo;      /* over dnext/dprev, sorted by dsn */
	struct seg *ofo_hint[CONN_SLOTS_MAX]; /* last one put in, by subflow slot */
	uint64_t peer_fin_dsn;
	/* tx: data level. sndq is over dnext/dprev, sorted by dsn */
	struct segq sndq;
	struct seg *snd_unsent; /* first with no DSN sent yet, or NULL */
	uint32_t snd_segs;      /* of sndq, before snd_unsent */
	uint16_t snd_seg_max;   /* largest payload that was sent */
	struct seg *reinject;   /* where to look for segments to be sent again, or NULL */
	uint8_t avoid_slot;     /* these do not go to that subflow: its DATA_ACKs do not come */
	uint64_t snd_una, snd_nxt;
	uint64_t snd_end;              /* DSN after the last queued octet */
	uint64_t snd_wnd_end;          /* right edge of the peer's window */
	uint64_t fb_tx_off;            /* fallback: DSN - subflow sequence number, tx */
	struct wheel_timer rtx_timer;  /* data-level retransmission, DATA_FIN */
	struct wheel_timer push_timer; /* no buffer when there was something to send */
	struct wheel_timer dack_timer; /* all has arrived, and no DATA_ACK came */
	uint8_t rtx_tries, dack_probes;
	/* identity */
	uint64_t key_local, key_remote;
	uint64_t idsn_local, idsn_remote;
	uint32_t token_local, token_remote;
	struct mp_hmac_keys hmac;
	uint8_t peer_version;
	uint16_t slots;                /* bit i: slot i + 1 is taken */
	struct wheel_timer life_timer; /* break-before-make, TIME_WAIT */
	struct conn_announce announce;
	struct flow_key first_key; /* of the first subflow */
	struct conn_remote remotes[CONN_REMOTE_ADDRS_MAX];
	uint8_t n_remotes;
	uint8_t joins_tried; /* by us */
	struct conn *next_dead;
	/* cold */
	uint32_t id; /* unique for the worker's life */
	uint32_t created_ms;
	uint64_t bytes_sent, bytes_received;
};

#define CONN_FOREACH_SUBFLOW(sf, c) for ((sf) = (c)->subflows; (sf) != NULL; (sf) = (sf)->next)

/* What the worker's environment does for this layer. */
struct mptcp_ops {
	/* The parameters of the listener at local:port, or NULL. */
	const struct conn_params *(*listen)(struct mptcp *mp, const struct ip_addr *local,
					    uint16_t port);
	/* Packets of key (as seen by us) arrive at worker rx_worker but are ours: have them handed
	 * over, or stop it. Called only when n_workers > 1. Returns 0 or -ENOSPC. */
	int (*steer_add)(struct mptcp *mp, const struct flow_key *key);
	void (*steer_del)(struct mptcp *mp, const struct flow_key *key);
	/* Client role: complete key with a free local port whose packets come to this worker. Returns
	 * whether there is one. NULL: no joins of ours. */
	bool (*pick_port)(struct mptcp *mp, struct flow_key *key);
};

/* Upcalls to the path manager (lib/mptcp/pm). */
struct pm_ops {
	void (*established)(struct conn *c);       /* both keys known */
	void (*fully_established)(struct conn *c); /* a DSS of the peer has come through */
	void (*add_addr_rx)(struct conn *c, struct subflow *sf, const struct mp_add_addr *a);
	void (*remove_addr_rx)(struct conn *c, struct subflow *sf, const struct mp_remove_addr *r);
	void (*closed)(struct conn *c);
};

/* The connection layer of one worker. */
struct mptcp {
	struct stack *st;
	const struct mptcp_ops *ops;
	const struct pm_ops *pm;
	struct pool conns, subflows;
	struct flow_table flows;  /* 4-tuple -> subflow */
	struct flow_table tokens; /* local token -> connection */
	const struct local_addr *local_addrs;
	uint8_t n_local_addrs;
	uint32_t half_open_max;
	bool draining; /* refuse new connections */
	struct conn *dead_conns;
	struct subflow *dead_subflows;
	uint64_t key_pool[MP_KEY_POOL]; /* each names this worker in its token; 0 is none */
	uint32_t n_keys;
	uint32_t iss_floor; /* of the SYN in hand, which takes over a 4-tuple */
	bool has_iss_floor;
	/* mptcp_relieve(): the next slot to look at, what held most so far */
	uint32_t relieve_at, relieve_worst, relieve_id, relieve_held;
	uint32_t next_conn_id;
	struct rate_limit join_limit;
};

/* Octets of 64-aligned memory mptcp_init() takes for these numbers. */
size_t mptcp_memory(uint32_t conns, uint32_t subflows);
/* mp is zeroed memory; mem as above. Makes the first keys. */
void mptcp_init(struct mptcp *mp, struct stack *st, const struct mptcp_ops *ops,
		const struct pm_ops *pm, void *mem, uint32_t conns, uint32_t subflows);

/* The worker a token belongs to: its most significant bits. */
static inline uint16_t token_owner(uint32_t token, uint16_t n_workers)
{
	unsigned int bits = n_workers <= 1 ? 0 : 32 - (unsigned int)__builtin_clz(n_workers - 1u);
	uint32_t o = bits == 0 ? 0 : token >> (32 - bits);
	return (uint16_t)(o < n_workers ? o : o - n_workers);
}

/* The owner of the join whose third packet is p, read from the sequence number it acknowledges;
 * meaningful only for an ACK with MP_JOIN that belongs to no known flow. */
uint16_t mptcp_join_ack_owner(const struct stack *st, const struct flow_key *key, uint32_t ack);
/* The owner of a cookie connection whose third packet p carries both keys: by the token of the
 * key it echoes. */
uint16_t mptcp_capable_ack_owner(const struct pkt *p, uint16_t n_workers);

/* Input of one parsed packet of this worker. m is consumed. Counts its own drops. */
void mptcp_input(struct mptcp *mp, struct rte_mbuf *m, const struct pkt *p);

/* What e says of a packet of a subflow of ours. Returns CTR_NONE, or why it is not believed, which the
 * caller counts. */
enum counter mptcp_too_big(struct mptcp *mp, const struct icmp_too_big *e);
/* Free what ended; call once a burst after input and timers. */
void mptcp_reap(struct mptcp *mp);
/* Idle pass: refill the key pool a little. */
void mptcp_idle(struct mptcp *mp);
/* The connection in slot i of the pool, or NULL: there is none, or it has ended. */
static inline struct conn *mptcp_conn_at(const struct mptcp *mp, uint32_t i)
{
	struct conn *c = pool_at(&mp->conns, i);

	/* A free slot is poisoned or was never used: mp is not this one. */
	return c->mp == mp && !c->in_dead_list ? c : NULL;
}
/* Packet buffers are out: reset the connection that holds most of them. Looks at a part of the pool a
 * call; call once a millisecond or so for as long as the stack's mem_out is set. */
void mptcp_relieve(struct mptcp *mp);
/* Whether p's 4-tuple is in the flow table (for steering decisions). */
bool mptcp_knows(struct mptcp *mp, const struct flow_key *key);
/* Whether a new active connection can have this 4-tuple; ends one in TIME_WAIT for it. */
bool mptcp_free_flow(struct mptcp *mp, const struct flow_key *key);
/* The same hash that the flow table uses. */
uint64_t flow_hash(const struct stack *st, const struct flow_key *key);

/* Active open; with params->mptcp it asks for MPTCP, and is plain TCP if it does not get it. Returns it, or NULL: no pool entry, no buffer, no route,
 * or the 4-tuple is in use. rcv_mss_max as in tcp_connect(). */
struct conn *conn_connect(struct mptcp *mp, const struct conn_params *params,
			  const struct flow_key *key, uint16_t rcv_mss_max, void *user);

/* Active open of a further subflow of c, from key->local to key->remote; id_local and id_remote are their
 * address IDs. Returns 0 (the rest of the handshake may fail silently), -ENOTCONN: not possible in the state
 * of c, -EDQUOT: it has as many as it may, -EADDRINUSE: the 4-tuple, -ENETUNREACH, -ENOMEM, -ENOBUFS. */
int conn_join(struct conn *c, const struct flow_key *key, uint8_t id_local, uint8_t id_remote,
	      bool backup);

/* Queue s (no holder; consumed) for sending and send what may go. Not after conn_shutdown(). */
void conn_send(struct conn *c, struct seg *s);
/* No more to send: FIN or DATA_FIN follows. Idempotent. */
void conn_shutdown(struct conn *c);
/* End at once: RST (MPTCP: MP_FASTCLOSE on RST of each subflow). closed(CONN_END_ABORT) is called
 * unless closed() was. */
void conn_abort(struct conn *c);
/* The user took data: offer the space again when it is worth it. */
void conn_window_update(struct conn *c);
/* What is queued and not yet acknowledged, at data level or by the subflow: the memory bound of the
 * relay. A peer may acknowledge at data level what it keeps unacknowledged on a subflow. A stale one
 * does not count: it gets nothing new, and what it has must not stop the others. */
struct conn_queued {
	uint32_t octets, segs; /* segs: the packet buffers they take */
	uint32_t arrived;      /* octets of these that only the DATA_ACK is missing for; 0: not all
				* from the first one on */
};
struct conn_queued conn_snd_queued(const struct conn *c);
/* The longest of its live subflows' shortest round-trip times; 0: none is known. */
uint32_t conn_min_rtt_us(const struct conn *c);
/* The largest payload all subflows of c take in one segment (MSS alignment of the other leg). */
uint16_t conn_payload_max(const struct conn *c);

#endif
