/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One connection layer under test in virtual time, with a user that checks what it is given, and a
 * scripted peer of several paths that says one segment after the other. Nothing is lost, delayed or
 * answered but by the script.
 */
#ifndef TEST_CONN_NET_H
#define TEST_CONN_NET_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "mptcp/conn/conn.h"
#include "mptcp/pm/pm.h"

#define PATHS      12
#define POOL_MBUFS 4095
#define SENT_MAX   1024
#define RX_MAX     (1 << 20)
#define MTU        1500
#define KEY_A      UINT64_C(0x34689aee812f0eec) /* of the peer */

/* A segment the layer under test has sent. */
struct sent {
	struct pkt p;
	unsigned int path;
	uint8_t data[MTU];
};

/* One TCP connection of the peer. */
struct path {
	struct flow_key key; /* as the layer under test sees it */
	uint32_t iss, seq;   /* ours: first, next */
	uint32_t irs, ack;   /* theirs: first, next */
	uint32_t tsecr;
	uint32_t nonce, nonce_theirs;
	uint8_t id;
	uint16_t wnd, mss;
	bool deaf; /* what is sent to it does not arrive */
};

struct world {
	struct stack st;
	struct mptcp mp;
	struct tcp_config cfg;
	struct conn_params params;
	struct local_addr addrs[CONN_LOCAL_ADDRS_MAX];
	uint64_t ctrs[CTR_MAX];
	uint64_t now_us;
	void *mem;
	bool listens;
	unsigned int steered; /* entries in force */
	/* user */
	struct conn *c; /* of the last accepted, until closed() */
	unsigned int accepted, connected, fins, closed, acked;
	enum conn_end why;
	int accept_rc;
	uint32_t space, buffer;        /* buffer 0: not known */
	void (*on_rx)(struct conn *c); /* here and below NULL: nothing */
	void (*on_fin)(struct conn *c);
	void (*on_closed)(struct conn *c);
	void (*on_accepted)(struct conn *c);
	uint32_t rx_len;
	uint8_t *rx;
	bool rx_plain;   /* some of it after fallback */
	uint64_t tx_off; /* octets given to conn_send() */
	/* peer */
	struct path path[PATHS];
	bool no_ts;
	uint64_t key_b;
	uint32_t token_b;
	uint64_t idsn_a, idsn_b;
	struct mp_hmac_keys hmac; /* ours: of the peer */
	uint64_t dack;            /* data octets of theirs that arrived in order, as a DSN */
	/* what was sent and not looked at */
	struct sent *sent;
	unsigned int n_sent, at;
	struct rte_mbuf *held[POOL_MBUFS];
	unsigned int n_held;
};

int world_setup(void **state);
int world_teardown(void **state);
struct world *world_new(uint16_t worker, uint16_t n_workers);
/* Abort what is left, wait, and see that all levels are where they began. */
void world_free(struct world *w);
/* Leave the layer under test so many packet buffers; give them back. */
void world_starve(struct world *w, unsigned int leave);
void world_feed(struct world *w);
void world_wait(struct world *w, uint32_t ms);
/* Packets that came in and are kept. */
unsigned int world_kept(void);

uint8_t pattern(uint64_t off);
/* Octets of the pattern from off that the user has not got as they should be. */
unsigned int rx_wrong(const struct world *w, uint32_t off, uint32_t len);
/* The user sends len octets of the pattern, in segments of at most 1400. */
void user_send(struct world *w, uint32_t len);
struct seg *user_seg(uint64_t off, uint16_t len);

/* --- peer ---------------------------------------------------------------------------------------- */

/* One segment on a path, sequence number as given. */
void feed(struct world *w, unsigned int i, uint8_t flags, uint32_t seq, const struct opt_buf *mp,
	  const void *data, unsigned int len);
/* The same, false when it has no room for mp or is none that TCP is asked about. */
bool feed_any(struct world *w, unsigned int i, uint8_t flags, uint32_t seq,
	      const struct opt_buf *mp, const void *data, unsigned int len);
/* The next one in order. */
void say(struct world *w, unsigned int i, uint8_t flags, const struct opt_buf *mp, const void *data,
	 unsigned int len);
/* Handshakes. */
void open_syn(struct world *w, uint8_t version, uint8_t flags);
void take_keys(struct world *w, uint64_t key_b);
void open_ack(struct world *w, uint8_t flags);
void open_mptcp(struct world *w, uint8_t flags);
void open_plain(struct world *w);
void join_syn(struct world *w, unsigned int i, bool backup);
void join_ack(struct world *w, unsigned int i);
void join(struct world *w, unsigned int i);

/* DSS with what mapping says, and a 64-bit DATA_ACK of what arrived. */
#define NO_CSUM 0x100u
#define MAP64   (DSS_FLAG_MAP | DSS_FLAG_DSN8)
#define ACK64   (DSS_FLAG_ACK | DSS_FLAG_ACK8)
void put_dss(struct world *w, struct opt_buf *o, unsigned int flags, uint64_t dsn, uint32_t ssn,
	     uint16_t len, const void *data, unsigned int data_len);
/* Octets [off, off + len) of the stream on path i with a mapping of their own. */
void data(struct world *w, unsigned int i, uint32_t off, uint16_t len);
/* A pure ACK with DATA_ACK. */
void ack(struct world *w, unsigned int i);
void data_fin(struct world *w, unsigned int i, uint32_t off);
/* MP_PRIO on path i. */
void prio(struct world *w, unsigned int i, bool backup);

/* The next segment sent, or NULL. */
struct sent *next(struct world *w);
/* The next one, which must be on path i. */
struct sent *want(struct world *w, unsigned int i);
/* The next one with the option; NULL: none before the end. */
struct sent *find(struct world *w, enum mp_subtype subtype);
struct sent *find_data(struct world *w);
struct sent *find_flag(struct world *w, uint8_t flag);
void forget(struct world *w);
/* Segments with payload on path i since then. */
unsigned int sent_on(struct world *w, unsigned int i);

/* The next RST, which must be on path i with that reason (negative: without MP_TCPRST). */
struct sent *want_rst(struct world *w, unsigned int i, int reason);
/* The last DATA_ACK sent that was not looked at, as an offset in the peer's stream. */
uint32_t acked_off(struct world *w);
/* closed() was called once, with that. */
void closed_with(const struct world *w, enum conn_end why);
/* Offsets in the peer's stream and in ours as data sequence numbers. */
uint64_t in_dsn(const struct world *w, uint32_t off);
uint64_t out_dsn(const struct world *w, uint32_t off);
/* Relative number of what the peer sends next on path i. */
uint32_t ssn_of(const struct world *w, unsigned int i);
void fill(uint8_t *b, uint32_t off, uint32_t len);

uint64_t ctr(const struct world *w, enum counter c);

#endif
