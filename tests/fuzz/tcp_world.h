/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The surroundings of the connection in the fuzz target tcp: what it sends, and its application, which
 * checks what it is given and may do anything in an upcall. One run, one thread.
 */
#ifndef FUZZ_TCP_WORLD_H
#define FUZZ_TCP_WORLD_H

#include "tcp_watch.h"

#define SND_SEGS_MAX 64
#define DRIVER_MAX   32 /* frames that the driver may keep */

enum { OURS, PEERS }; /* streams */

/* What the application does in the next upcall. */
enum whim { WHIM_NONE, WHIM_ABORT, WHIM_SHUTDOWN, WHIM_WRITE, WHIM_PAUSE, WHIM_WINDOW, WHIM_MAX };

struct app {
	struct tcp t;
	struct tcp_watch watch;
	uint32_t edge; /* right edge of the window, never moves left */
	bool has_edge, paused, closed, eof;
	uint32_t room;     /* window with nothing kept */
	struct segq kept;  /* while paused */
	uint32_t received; /* octets */
	uint32_t written;
	enum tcp_verdict verdict;
	unsigned int established;
};

struct run {
	struct input in;
	struct stack st;
	struct tcp_config cfg;
	uint64_t ctrs[CTR_MAX];
	uint64_t now_us;
	uint32_t time_ms; /* passed */
	struct flow_key key, peer_key;
	struct app *app;
	enum whim whim;
	bool stray; /* what is sent now is for no connection */
	/* the driver */
	bool keeps;
	struct rte_mbuf *kept[DRIVER_MAX];
	unsigned int n_kept;
	/* the peer */
	uint32_t iss, nxt; /* first, next of the peer's stream */
	uint16_t wnd, mss;
	uint32_t tsval_off, cookie_ack, cookie_tsval;
	bool ts, sack, scale, has_mss, cookies;
	uint8_t shift;
};

extern struct run r;
extern struct rte_mempool *pool, *wire; /* of the code under test; of all others */
extern const struct stack_ops run_stack_ops;
extern const struct tcp_ops app_ops;

/* What the driver keeps is sent. */
void driver_lets_go(void);
/* A fresh one in the place of the one before, which is over. */
struct app *app_new(void);
void app_free(void);
void app_write(struct app *a, uint16_t len);
/* Reads again, and first what it has kept. */
void app_resume(struct app *a);

#endif
