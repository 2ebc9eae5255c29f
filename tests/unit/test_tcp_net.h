/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Two TCP stacks back to back in virtual time, over a link that loses, delays, reorders and
 * duplicates by a seed; and a scripted peer that sends one crafted segment after the other.
 */
#ifndef TEST_TCP_NET_H
#define TEST_TCP_NET_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "mptcp/tcp/tcp.h"

#define NET_MTU 1500

struct net;

/* An application on one connection: sends `total` octets of a known pattern, checks what comes. */
struct app {
	struct tcp t;
	struct end *end;
	uint64_t total, queued; /* to send, and of that handed to TCP */
	uint64_t received;
	uint32_t rx_buffer; /* receive window when nothing is held */
	uint32_t held_bytes;
	struct segq held;       /* received while paused */
	bool paused;            /* read nothing */
	bool fin_after;         /* shut down when all is queued */
	bool bad;               /* wrong octets received */
	unsigned int chunk_max; /* octets of a segment, 0: as large as possible */
	/* what the upcalls have seen */
	unsigned int established, fins, closed, resets, timeouts;
	enum tcp_end why;
	enum tcp_verdict verdict;
};

struct end {
	struct stack st;
	struct net *net;
	int side;
	uint64_t ctrs[CTR_MAX];
	struct flow_key key; /* of the connection, from here */
	struct app *app;     /* the connection, or NULL */
	bool listens;
	bool cookies;        /* answer SYNs with cookies */
	struct app *pending; /* app for the next connection accepted */
};

struct flight {
	struct rte_mbuf *m;
	uint64_t at_us;
	uint64_t order;
	int to;
};

#define NET_FLIGHTS 16384
struct net {
	struct end end[2];
	uint64_t now_us;
	uint64_t order;
	struct flight *flight;
	unsigned int n;
	uint64_t seed;
	/* the link */
	uint64_t delay_us;
	unsigned int loss_pm, dup_pm, reorder_pm; /* per mille */
	bool hold;        /* the driver keeps what it sends until it arrives */
	bool capture;     /* nothing arrives: net_take() gets it */
	bool strip;       /* no SACK, no timestamps */
	unsigned int mtu; /* of the path; 0: any */
	bool router;      /* says so when a packet is larger */
	uint64_t too_big; /* that were */
	struct {
		bool due;
		uint32_t seq;
	} told[2]; /* the senders, with the next tick */
};

extern const struct tcp_ops app_ops;
extern struct tcp_config net_cfg;

struct rte_mempool *net_pool(void);
void net_init(struct net *n, uint64_t seed, bool v6);
/* Ends with everything given back; fails the test otherwise. */
void net_fini(struct net *n);
/* Run until `until` is true (checked each step; NULL: never) or max_ms have passed. */
bool net_run(struct net *n, uint64_t max_ms, bool (*until)(struct net *n, void *ctx), void *ctx);
void app_init(struct app *a, struct end *e);
void app_connect(struct app *a);
void app_pump(struct app *a);
void app_resume(struct app *a);
uint64_t net_random(struct net *n);

/* --- scripted peer of end[0] ------------------------------------------------------------------ */

struct craft {
	uint8_t flags;
	uint8_t ecn; /* of the IP header */
	uint32_t seq, ack;
	uint16_t wnd;
	uint16_t len; /* payload: pattern from offset off */
	uint64_t off;
	bool ts;
	uint32_t tsval, tsecr;
	const struct sack_block *sack;
	unsigned int n_sack;
	const char *syn; /* letters: m MSS 1460, s SACK, w scale 2 */
};
/* Give a crafted segment to the connection (or listener) of end[0]. */
enum counter craft_in(struct net *n, const struct craft *c);
/* The next segment that end[0] has sent: parsed into *p. False: none. */
bool net_take(struct net *n, struct pkt *p);
unsigned int net_drop_all(struct net *n); /* forget what was sent: how many */

uint8_t pattern(int side, uint64_t off);

#endif
