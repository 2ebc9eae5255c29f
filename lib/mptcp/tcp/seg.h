/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A segment's payload: one mbuf and what the layers know of it, kept in the mbuf's private area
 * (SEG_PRIV_SIZE octets that every pool must give). The received mbuf is the unit of relay: it is
 * queued, sent, held until acknowledged and sent again without a copy of the payload.
 *
 * Holders: a seg is in at most one TCP queue (next/prev) and at most one data-level queue
 * (dnext/dprev). seg->holders counts them; each has one mbuf reference. The mbuf's reference count
 * above holders means that a driver still has it, and its octets must not be changed.
 * A transmission puts headers in front, and the mbuf's own offset and lengths then describe the
 * frame until seg_restore(). So payload_off and len are what counts: read the payload through
 * seg_payload() only.
 */
#ifndef TCP_SEG_H
#define TCP_SEG_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#define SEG_SENT   0x01 /* transmitted at least once on its TCP connection */
#define SEG_RETX   0x02 /* transmitted more than once */
#define SEG_SACKED 0x04
#define SEG_LOST   0x08
#define SEG_FIN    0x10  /* carries our FIN; len may be 0 */
#define SEG_MAPPED 0x20  /* map is meaningful */
#define SEG_REINJ  0x40  /* a copy sent on another subflow; not in the data-level queue */
#define SEG_PSH    0x80  /* last of what the application had: sent with PSH */
#define SEG_FLIGHT 0x100 /* in the connection's list of segments by time of transmission */
#define SEG_PIECE  0x200 /* stands for a part of a segment too big for the path (tcp_pmtu.c) */
#define SEG_APP    0x400 /* sent when there was too little to send (tcp_rate.c) */

/* A data sequence mapping, as received with the segment or to be sent with it (RFC 8684 s3.3.1). */
struct dss_map {
	uint64_t dsn;
	uint32_t ssn; /* relative */
	uint16_t len; /* 0: infinite */
	uint16_t csum;
	uint8_t flags; /* DSS_FLAG_FIN, DSS_FLAG_DSN8 */
	bool has_csum;
};

/* The connection's counters when a segment left: tcp_rate.c. */
struct seg_rate {
	uint32_t delivered, delivered_us, first_tx_us, lost;
	uint32_t in_flight; /* with it */
};

struct seg {
	/* tcp queue; and of what is in flight, in order of transmission (RFC 8985 s6.2) */
	struct seg *next, *prev;
	struct seg *tx_next, *tx_prev;
	uint32_t seq;   /* sequence number of the first octet */
	uint16_t len;   /* payload octets */
	uint16_t flags; /* SEG_* */
	union {
		uint32_t tx_us; /* low 32 bits of the time of the last transmission */
		uint32_t prio;  /* out of order on a subflow: in its tree (tcp_ofo.c) */
	};
	uint16_t payload_sum; /* one's complement sum of the payload, valid always */
	uint8_t n_tx;         /* transmissions, saturating */
	uint8_t holders;
	uint16_t payload_off; /* where it begins in the mbuf's buffer, headers in front or not */
	uint8_t sf_slot;      /* w: the data level. Subflow it was last sent on, 0: none */
	uint8_t ts_lag_ms;    /* so much older than tx_us is the timestamp it left with */
	struct seg_rate rate; /* w: tcp_rate.c */
	union {
		struct {
			struct seg *dnext, *dprev; /* data level */
		};
		struct {
			struct seg *left, *right; /* out of order on a subflow: in its tree */
		};
		struct seg *whole; /* of the last piece: the segment, which it holds, or NULL */
	};
	union {
		uint64_t dsn; /* of the first octet */
		struct {
			uint32_t run_start, run_end; /* out of order on a subflow: tcp_ofo.c */
		};
	};
	struct dss_map map;
	void *tcp; /* the struct tcp whose send queue holds it, or NULL */
};

#define SEG_PRIV_SIZE 128
_Static_assert(sizeof(struct seg) <= SEG_PRIV_SIZE, "seg must fit the mbuf's private area");

static inline struct seg *seg_of(struct rte_mbuf *m)
{
	return (struct seg *)(m + 1);
}

static inline struct rte_mbuf *seg_mbuf(const struct seg *s)
{
	return (struct rte_mbuf *)(uintptr_t)s - 1;
}

/* FIFO or sorted list over next/prev. */
struct segq {
	struct seg *head, *tail;
	uint32_t n;     /* segments */
	uint32_t bytes; /* payload octets */
};
#define SEGQ_FOREACH(s, q) for ((s) = (q)->head; (s) != NULL; (s) = (s)->next)

void segq_push_tail(struct segq *q, struct seg *s);
void segq_insert_before(struct segq *q, struct seg *at, struct seg *s); /* at NULL: tail */
void segq_remove(struct segq *q, struct seg *s);

/* The same over dnext/dprev. */
void segdq_push_tail(struct segq *q, struct seg *s);
void segdq_insert_before(struct segq *q, struct seg *at, struct seg *s);
void segdq_remove(struct segq *q, struct seg *s);

struct stack;

/*
 * Make m (payload only, single segment) a seg with no holder: private area initialised,
 * payload_sum as given. The caller's mbuf reference becomes the seg's: the first seg_hold()
 * takes it over, so a fresh seg must be held once or dropped with seg_drop().
 */
struct seg *seg_init(struct rte_mbuf *m, uint16_t payload_sum);
/* A queue takes hold: holders + 1 (a further mbuf reference when it was held already). Counts
 * CTR_CUR_SEGS when it is the first. */
void seg_hold(struct stack *st, struct seg *s);
/* A queue lets go: holders - 1, one mbuf reference freed. */
void seg_release(struct stack *st, struct seg *s);
/* The only holder hands s on: no holder afterwards, its mbuf reference becomes the caller's, as
 * after seg_init(). With other holders it is seg_release(). */
void seg_unhold(struct stack *st, struct seg *s);
/* Free a seg that nobody holds. */
void seg_drop(struct seg *s);
/* A copy in a fresh mbuf (payload, map, dsn; no holder), or NULL when no mbuf is left. */
struct seg *seg_copy(struct stack *st, const struct seg *s);
/* Cut octets (at most len) off the front or the end; payload_sum and seq/dsn (front) follow. The
 * octets themselves are not touched, so a driver may have it. Here and below: a queue that has s
 * keeps its count of bytes, so change lengths outside of queues or correct it. */
void seg_trim_front(struct seg *s, uint16_t octets);
void seg_trim_tail(struct seg *s, uint16_t octets);
/* Split after octets: returns the rest as a fresh seg (copy), or NULL and s unchanged when no
 * mbuf is left. Flags FIN and PSH move to the rest. */
struct seg *seg_split(struct stack *st, struct seg *s, uint16_t octets);
/* Append the payload of from to s by copying, when s has tailroom and no holder but its queue has
 * the mbuf. Returns whether it was done; from stays the caller's. */
bool seg_merge(struct seg *s, const struct seg *from);
/* First octet of the payload, len octets long, whatever headers stand in front. */
static inline uint8_t *seg_payload(const struct seg *s)
{
	return (uint8_t *)seg_mbuf(s)->buf_addr + s->payload_off;
}
/* Make the mbuf describe the payload alone again. Only while no driver has it. */
static inline void seg_restore(struct seg *s)
{
	struct rte_mbuf *m = seg_mbuf(s);

	m->data_off = s->payload_off;
	m->data_len = s->len;
	m->pkt_len = s->len;
	m->nb_segs = 1;
	m->next = NULL;
}
/* Whether a driver (or anyone beyond the holders) has a reference to the mbuf. */
static inline bool seg_in_flight_below(const struct seg *s)
{
	return rte_mbuf_refcnt_read(seg_mbuf(s)) > (s->holders > 0 ? s->holders : 1);
}

#endif
