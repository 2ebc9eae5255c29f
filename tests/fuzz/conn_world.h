/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The surroundings of the connection layer in the fuzz target conn: what it sends and who hears it, the
 * user of its connections, and a peer of four paths who knows its keys. One world, one thread.
 */
#ifndef FUZZ_CONN_WORLD_H
#define FUZZ_CONN_WORLD_H

#include "conn_watch.h"

#define PATHS      4
#define MAPS_MAX   64 /* a path */
#define CONNS      6
#define SUBFLOWS   14
#define DRIVER_MAX 32

enum { OURS, PEERS }; /* streams */

/* Octets [ssn, ssn + len) of a path are those of the stream from off on. */
struct map {
	uint32_t ssn, off;
	uint16_t len;
};

struct path {
	struct flow_key key, peer_key; /* as the code under test sees it, as the peer does */
	uint32_t iss, seq;             /* the peer's: first, next */
	uint32_t irs, ack;             /* ours: first, next */
	uint32_t tsecr, nonce, nonce_theirs;
	uint16_t wnd, mss;
	bool deaf, no_ts;
	struct map map[MAPS_MAX];
	unsigned int n_maps;
};

/* What the user does in the next upcall. */
enum whim { WHIM_NONE, WHIM_ABORT, WHIM_SHUTDOWN, WHIM_WRITE, WHIM_WINDOW, WHIM_REFUSE, WHIM_MAX };

/* Of one connection, by its place in the pool. */
struct user {
	bool live, eof;
	uint32_t received, written;
};

struct world {
	struct input in;
	struct stack st;
	struct mptcp mp;
	struct tcp_config cfg;
	uint64_t ctrs[CTR_MAX];
	uint64_t now_us;
	struct conn_params params;
	struct local_addr addrs[2];
	struct tcp_watch watch[SUBFLOWS];
	uint64_t edge[SUBFLOWS]; /* data level: right edge of the window offered there; 0: none */
	struct user user[CONNS];
	uint32_t time_ms, space;
	enum whim whim;
	bool lied, keeps;
	bool plain; /* the peer knows of no mappings: a path's octets are the stream's */
	const struct pkt *in_hand; /* of which input is not over */
	struct rte_mbuf *kept[DRIVER_MAX];
	unsigned int n_kept;
	/* the peer */
	struct path path[PATHS];
	uint64_t key_b, idsn_a, idsn_b;
	uint32_t token_b;
	struct mp_hmac_keys hmac; /* ours: of the peer */
	uint32_t off;             /* next of the peer's stream */
	uint64_t dack;            /* next of ours, as a DSN */
};

extern struct world world;
extern struct rte_mempool *pool, *wire; /* of the code under test; of all others */

/* --- conn_world.c -------------------------------------------------------------------------------- */

extern const struct stack_ops world_stack_ops;
extern const struct mptcp_ops world_mptcp_ops;
extern const struct conn_ops user_ops;

/* What the driver keeps is sent. */
void driver_lets_go(void);
struct tcp_watch *watch_of(const struct subflow *sf);
/* A subflow begins with the window of the packet that brought it; p NULL: none did. */
void watch_new(const struct subflow *sf, const struct pkt *p);
struct user *user_of(const struct conn *c);
void user_write(struct conn *c, uint32_t len);

/* --- conn_peer.c: each step reads what it is about from the input ---------------------------------- */

#define KEY_A UINT64_C(0x34689aee812f0eec) /* of the peer */

/* The connection that path belongs to, or NULL. */
struct conn *conn_of(const struct path *path);
/* Which connection the peer means by its keys, or NULL. */
struct conn *main_conn(void);
/* The next segment of path in order. */
void say(struct path *path, uint8_t flags, const struct opt_buf *mp, uint16_t len);
/* MP_CAPABLE of a SYN, or of the third packet, which may have data. */
void capable(struct path *path, uint8_t tcp_flags, uint8_t flags, uint16_t len);
/* A new mapping, sent in pieces of which some are left out, and some have it with them. lie: bits that say
 * what of it is not as it should be. */
void step_data(struct path *path, uint8_t lie);
/* Octets of the last mappings again. */
void step_again(struct path *path);
/* A pure ACK; what of ours it takes. */
void step_ack(struct path *path);
void step_handshake(struct path *path);
/* Every other option. */
void step_option(struct path *path);
/* Anything. */
void step_raw(struct path *path);

#endif
