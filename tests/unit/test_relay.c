/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The relay between two legs that are puppets: the conn_*() functions here keep what they are told,
 * and each test plays the upcalls. After every test nothing may be held: no relay, no timer, no
 * packet buffer.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <rte_malloc.h>
#include <rte_mempool.h>

#include "eal.h"
#include "relay.h"
#include "steer.h"
#include "worker.h"

#define CONNS      96
#define RELAYS     4
#define SEG_OCTETS 1000
#define BUFFER     (256u << 10)
#define PAYLOAD    1432
#define N_WORKERS  4
#define TIMEOUT_MS 3000

/* What a leg was told. */
struct puppet {
	struct flow_key key;
	uint16_t mss;
	uint8_t sent[65536];
	uint32_t n_sent, window_updates, arrived, rtt_us;
	bool shut, aborted, die_at_send;
};

static struct config cfg;
static struct worker *w;
static struct puppet puppets[CONNS];
static struct rte_mempool *mbufs;
static uint8_t conn_mem[CONNS * (sizeof(struct conn) + 64 + 4)] __attribute__((aligned(64)));
static unsigned int connects, unreachable; /* unreachable: bit i: the address 10.9.0.i */
static unsigned int busy_of_256;           /* source ports in use: so many of each 256 */
static bool no_memory;

static struct puppet *puppet(const struct conn *c)
{
	return &puppets[pool_index(&w->mp.conns, c)];
}

/* --- what the relay calls --------------------------------------------------------------------- */

static struct conn *make(const struct conn_params *params, bool active)
{
	struct conn *c = pool_get(&w->mp.conns);

	assert_non_null(c);
	c->mp = &w->mp;
	c->params = params;
	c->user = params->user;
	c->active = active;
	c->id = ++w->mp.next_conn_id;
	c->state = active ? CONN_OPENING : CONN_ESTABLISHED;
	memset(puppet(c), 0, sizeof(struct puppet));
	return c;
}

struct conn *conn_connect(struct mptcp *mp, const struct conn_params *params,
			  const struct flow_key *key, uint16_t rcv_mss_max, void *user)
{
	struct conn *c;

	assert_ptr_equal(mp, &w->mp);
	if (no_memory)
		return NULL;
	c = make(params, true);
	c->user = user;
	c->upcalls = true;
	puppet(c)->key = *key;
	puppet(c)->mss = rcv_mss_max;
	connects++;
	return c;
}

static void release(struct conn *c, uint32_t n)
{
	for (; n > 0 && c->sndq.head != NULL; n--) {
		struct seg *s = c->sndq.head;

		segdq_remove(&c->sndq, s);
		seg_release(&w->st, s);
	}
}

/* The library's way to end a connection. */
static void end(struct conn *c, enum conn_end why)
{
	c->state = why == CONN_END_DONE ? CONN_TIME_WAIT : CONN_CLOSED;
	release(c, UINT32_MAX);
	if (!c->upcalls || c->user_closed)
		return;
	c->user_closed = true;
	c->params->ops->closed(c, why);
}

void conn_send(struct conn *c, struct seg *s)
{
	struct puppet *p = puppet(c);

	assert_int_equal(s->holders, 0);
	assert_null(s->next);
	assert_false(p->shut);
	assert_int_equal(c->state, CONN_ESTABLISHED);
	assert_true(p->n_sent + s->len <= sizeof(p->sent));
	memcpy(&p->sent[p->n_sent], seg_payload(s), s->len);
	p->n_sent += s->len;
	seg_hold(&w->st, s);
	segdq_push_tail(&c->sndq, s);
	if (p->die_at_send)
		end(c, CONN_END_TIMEOUT);
}

void conn_shutdown(struct conn *c)
{
	assert_int_equal(c->state, CONN_ESTABLISHED);
	puppet(c)->shut = true;
}

void conn_abort(struct conn *c)
{
	if (c->state == CONN_CLOSED || c->state == CONN_TIME_WAIT)
		return;
	puppet(c)->aborted = true;
	end(c, CONN_END_ABORT);
}

void conn_window_update(struct conn *c)
{
	puppet(c)->window_updates++;
}

uint16_t conn_payload_max(const struct conn *c)
{
	return PAYLOAD;
}

uint32_t conn_min_rtt_us(const struct conn *c)
{
	return puppet(c)->rtt_us;
}

struct conn_queued conn_snd_queued(const struct conn *c)
{
	return (struct conn_queued){
		.octets = c->sndq.bytes, .segs = c->sndq.n, .arrived = puppet(c)->arrived};
}

bool mptcp_free_flow(struct mptcp *mp, const struct flow_key *key)
{
	return key->local_port % 256u >= busy_of_256;
}

uint16_t steer_rss_owner(const struct flow_key *key)
{
	return key->local_port % N_WORKERS;
}

int route_source(struct worker *worker, const struct ip_addr *dst, struct ip_addr *src)
{
	if ((unreachable & (1u << dst->b[15])) != 0)
		return -ENETUNREACH;
	return ip_addr_parse("10.9.0.254", src);
}

/* --- the plot ----------------------------------------------------------------------------------- */

static struct conn *accepted(void)
{
	struct ip_addr a;
	struct conn *c;

	ip_addr_parse("10.1.0.1", &a);
	c = make(listener_find(w, &a, 80), false);
	if (c->params->ops->accepted(c) != 0) {
		conn_abort(c);
		return NULL;
	}
	c->upcalls = true;
	return c;
}

/* The leg that the relay opened last, which still is being opened. */
static struct conn *server_of(const struct conn *client)
{
	return relay_of(client)->leg[RELAY_SERVER].c;
}

static void established(struct conn *server)
{
	server->state = CONN_ESTABLISHED;
	server->params->ops->connected(server);
}

static void rx(struct conn *c, uint8_t first, uint16_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(mbufs);
	uint8_t *p;

	assert_non_null(m);
	p = (uint8_t *)rte_pktmbuf_append(m, len);
	for (uint16_t i = 0; i < len; i++)
		p[i] = (uint8_t)(first + i);
	c->params->ops->rx(c, seg_init(m, 0));
}

static void rx_fin(struct conn *c)
{
	c->params->ops->rx_fin(c);
}

static void open_pair(struct conn **client, struct conn **server)
{
	*client = accepted();
	assert_non_null(*client);
	*server = server_of(*client);
	established(*server);
}

static uint64_t ctr(enum counter c)
{
	return w->ctrs[c];
}

/* Both legs end in order. */
static void finish(struct conn *a, struct conn *b)
{
	rx_fin(a);
	assert_true(puppet(b)->shut);
	rx_fin(b);
	assert_true(puppet(a)->shut);
	end(a, CONN_END_DONE);
	assert_false(puppet(b)->aborted);
	assert_int_equal(ctr(CTR_CUR_RELAYS), 1);
	end(b, CONN_END_DONE);
	assert_false(puppet(a)->aborted);
}

static void server_is(const struct conn *c, uint8_t host)
{
	assert_int_equal(puppet(c)->key.remote.b[15], host);
	assert_int_equal(puppet(c)->key.remote_port, 8000);
}

static int set_up(void **state)
{
	struct cfg_listener *l = cfg.listeners;

	(void)eal_pool(); /* starts DPDK */
	if (mbufs == NULL)
		mbufs = rte_pktmbuf_pool_create("segs", 1023, 0, SEG_PRIV_SIZE,
						RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	assert_non_null(mbufs);
	memset(&cfg, 0, sizeof(cfg));
	cfg.connections = RELAYS;
	cfg.relay_buffer = BUFFER;
	cfg.subflows_per_conn = 8;
	cfg.n_pools = 1;
	cfg.pools[0].connect_timeout_ms = TIMEOUT_MS;
	cfg.pools[0].n_servers = 3;
	for (int i = 0; i < 3; i++) {
		ip_addr_parse(i == 0   ? "10.9.0.1"
			      : i == 1 ? "10.9.0.2"
				       : "10.9.0.3",
			      &cfg.pools[0].servers[i].addr);
		cfg.pools[0].servers[i].tcp_port = 8000;
	}
	cfg.n_listeners = 2;
	l[0].n_addrs = 2;
	ip_addr_parse("10.1.0.1", &l[0].addrs[0]);
	ip_addr_parse("fd00:1::1", &l[0].addrs[1]);
	l[0].tcp_port = 80;
	l[0].mptcp = true;
	l[1].tcp_port = 443; /* every address */
	w = rte_zmalloc(NULL, sizeof(*w), 64);
	assert_non_null(w);
	w->st.worker = w->index = 2;
	w->st.n_workers = N_WORKERS;
	w->st.ctrs = w->ctrs;
	w->st.seg_share = UINT32_MAX;
	w->mp.st = &w->st;
	wheel_init(&w->st.wheel, 0);
	csprng_init_seed(&w->st.rng, (const uint8_t[CSPRNG_SEED_LEN]){7});
	pool_init(&w->mp.conns, conn_mem, CONNS, sizeof(struct conn));
	connects = unreachable = 0;
	busy_of_256 = 0;
	no_memory = false;
	assert_int_equal(relay_init(w, &cfg), 0);
	return 0;
}

static int tear_down(void **state)
{
	relay_reap(w);
	assert_int_equal(relay_count(w), 0);
	assert_int_equal(pool_used(&w->relay->relays), 0);
	assert_int_equal(ctr(CTR_CUR_SEGS), 0);
	assert_int_equal(w->st.wheel.armed, 0);
	assert_int_equal(rte_mempool_in_use_count(mbufs), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(w->relay->listeners.listeners[i].current, 0);
	relay_free(w);
	rte_free(w);
	return 0;
}

static void advance(uint32_t ms)
{
	w->st.now_ms += ms;
	wheel_advance(&w->st.wheel, w->st.now_ms, &w->st);
}

/* --- listeners and upstreams ------------------------------------------------------------------- */

static const struct conn_params *find(const char *addr, uint16_t port)
{
	struct ip_addr a;

	assert_int_equal(ip_addr_parse(addr, &a), 0);
	return listener_find(w, &a, port);
}

static void test_listener_is_found(void **state)
{
	const struct conn_params *http = find("10.1.0.1", 80), *any = find("10.1.0.7", 443);

	assert_non_null(http);
	assert_int_equal(http->listener, 0);
	assert_true(http->mptcp);
	assert_int_equal(http->subflows_max, 8);
	assert_ptr_equal(find("fd00:1::1", 80), http);
	assert_null(find("10.1.0.2", 80));
	assert_null(find("10.1.0.1", 81));
	assert_non_null(any);
	assert_int_equal(any->listener, 1);
	assert_false(any->mptcp);
	assert_ptr_equal(find("fd00:1::1", 443), any);
	assert_null(find("::", 80));
}

static void test_servers_take_turns(void **state)
{
	/* worker 2 begins with the third */
	static const uint8_t order[] = {3, 1, 2, 3};
	struct conn *client, *server;

	for (size_t i = 0; i < sizeof(order); i++) {
		open_pair(&client, &server);
		server_is(server, order[i]);
		finish(client, server);
		relay_reap(w);
	}
	assert_int_equal(w->relay->listeners.listeners[0].accepted, 4);
	assert_int_equal(ctr(CTR_RELAY_ACCEPTED), 4);
}

static void test_source_port_leads_back(void **state)
{
	uint16_t last = 0, same = 0;
	struct conn *client, *server;

	for (int i = 0; i < 32; i++) {
		uint16_t port;

		busy_of_256 = i < 16 ? 240 : 0;
		open_pair(&client, &server);
		port = puppet(server)->key.local_port;
		assert_true(port >= UPSTREAM_PORT_MIN && port <= UPSTREAM_PORT_MAX);
		assert_true(port % 256u >= busy_of_256);
		assert_int_equal(port % N_WORKERS, 2);
		assert_int_equal(puppet(server)->mss, PAYLOAD + 12);
		same += (uint16_t)(port - last) < 512;
		last = port;
		finish(client, server);
		relay_reap(w);
	}
	assert_true(same < 8); /* not one after the other */
}

static void test_no_port_is_free(void **state)
{
	busy_of_256 = 256;
	assert_null(accepted());
	assert_int_equal(connects, 0);
	assert_int_equal(ctr(CTR_DROP_NO_CONN), 3);
	assert_int_equal(ctr(CTR_RELAY_UPSTREAM_NONE), 1);
}

static void test_refused_next_one_is_taken(void **state)
{
	struct conn *client = accepted(), *server = server_of(client), *next;

	rx(client, 10, SEG_OCTETS);
	server_is(server, 3);
	end(server, CONN_END_REFUSED);
	next = server_of(client);
	assert_ptr_not_equal(next, server);
	server_is(next, 1);
	established(next);
	assert_int_equal(puppet(next)->n_sent, SEG_OCTETS);
	assert_int_equal(ctr(CTR_RELAY_UPSTREAM_REFUSED), 1);
	assert_int_equal(ctr(CTR_RELAY_UPSTREAM_NONE), 0);
	release(next, 1);
	finish(client, next);
}

static void test_all_refuse(void **state)
{
	struct conn *client = accepted();

	rx(client, 10, SEG_OCTETS);
	for (int i = 0; i < 3; i++) {
		assert_false(puppet(client)->aborted);
		end(server_of(client), CONN_END_REFUSED);
	}
	assert_true(puppet(client)->aborted);
	assert_int_equal(connects, 3);
	assert_int_equal(ctr(CTR_RELAY_UPSTREAM_REFUSED), 3);
	assert_int_equal(ctr(CTR_RELAY_UPSTREAM_NONE), 1);
	assert_null(relay_of(client));
}

static void test_silent_servers(void **state)
{
	struct conn *client = accepted(), *first = server_of(client), *second;

	advance(TIMEOUT_MS - 1);
	assert_ptr_equal(server_of(client), first);
	advance(1);
	assert_true(puppet(first)->aborted);
	second = server_of(client);
	server_is(second, 1);
	end(second, CONN_END_TIMEOUT); /* TCP's own */
	advance(TIMEOUT_MS);
	assert_true(puppet(client)->aborted);
	assert_int_equal(ctr(CTR_RELAY_UPSTREAM_TIMEOUT), 3);
	assert_int_equal(ctr(CTR_RELAY_UPSTREAM_NONE), 1);
}

static void test_no_timeout_once_connected(void **state)
{
	struct conn *client, *server;

	open_pair(&client, &server);
	assert_int_equal(w->st.wheel.armed, 0);
	advance(10 * TIMEOUT_MS);
	finish(client, server);
	assert_int_equal(ctr(CTR_RELAY_UPSTREAM_TIMEOUT), 0);
}

static void test_no_route(void **state)
{
	struct conn *client, *server;

	unreachable = 1u << 3 | 1u << 1;
	open_pair(&client, &server);
	server_is(server, 2);
	assert_int_equal(ctr(CTR_DROP_NO_ROUTE), 2);
	finish(client, server);
	relay_reap(w);
	unreachable |= 1u << 2;
	assert_null(accepted());
	assert_int_equal(ctr(CTR_RELAY_UPSTREAM_NONE), 1);
}

static void test_no_memory(void **state)
{
	struct conn *client[RELAYS], *server[RELAYS];

	no_memory = true;
	assert_null(accepted());
	relay_reap(w);
	no_memory = false;
	for (int i = 0; i < RELAYS; i++)
		open_pair(&client[i], &server[i]);
	assert_int_equal(relay_count(w), RELAYS);
	assert_null(accepted());
	for (int i = 0; i < RELAYS; i++) {
		end(client[i], CONN_END_RESET);
		assert_true(puppet(server[i])->aborted);
	}
}

/* --- payload ------------------------------------------------------------------------------------ */

static void test_payload_goes_over(void **state)
{
	struct conn *client, *server;

	open_pair(&client, &server);
	rx(client, 1, 3);
	rx(server, 100, 5);
	rx(client, 4, 2);
	assert_memory_equal(puppet(server)->sent, "\1\2\3\4\5", 5);
	assert_int_equal(puppet(server)->n_sent, 5);
	assert_memory_equal(puppet(client)->sent, "defgh", 5);
	assert_int_equal(ctr(CTR_RELAY_BYTES_TO_SERVER), 5);
	assert_int_equal(ctr(CTR_RELAY_BYTES_TO_CLIENT), 5);
	finish(client, server);
}

static void test_early_data_waits(void **state)
{
	struct conn *client = accepted(), *server;

	assert_int_equal(client->params->ops->rcv_space(client), RELAY_EARLY_MAX);
	assert_int_equal(client->params->ops->rcv_buffer(client), RELAY_EARLY_MAX);
	for (uint8_t i = 0; i < 60; i++)
		rx(client, i, SEG_OCTETS);
	assert_int_equal(client->params->ops->rcv_space(client), RELAY_EARLY_MAX - 60 * SEG_OCTETS);
	server = server_of(client);
	/* ours to a server does not depend on what the client sent */
	assert_int_equal(server->params->ops->rcv_space(server), BUFFER);
	established(server);
	assert_int_equal(puppet(server)->n_sent, 60 * SEG_OCTETS);
	for (uint8_t i = 0; i < 60; i++)
		assert_int_equal(puppet(server)->sent[i * SEG_OCTETS], i);
	assert_true(puppet(client)->window_updates > 0);
	assert_int_equal(client->params->ops->rcv_space(client), BUFFER - 60 * SEG_OCTETS);
	finish(client, server);
}

static void test_single_octets_share_buffers(void **state)
{
	struct conn *client = accepted(), *server;

	for (unsigned int i = 0; i < 5000; i++)
		rx(client, (uint8_t)i, 1);
	assert_true(rte_mempool_in_use_count(mbufs) < 8);
	assert_int_equal(client->params->ops->rcv_space(client), RELAY_EARLY_MAX - 5000);
	server = server_of(client);
	established(server);
	assert_int_equal(puppet(server)->n_sent, 5000);
	for (unsigned int i = 0; i < 5000; i++)
		assert_int_equal(puppet(server)->sent[i], (uint8_t)i);
	finish(client, server);
}

/* What its peer sends may fill so much. */
static void bound(struct conn *server, uint32_t octets)
{
	struct relay *r = server->user;

	r->leg[RELAY_SERVER].tune.limit = octets;
}

static void test_backpressure(void **state)
{
	struct conn *client, *server;
	uint32_t updates;

	open_pair(&client, &server);
	for (uint8_t i = 0; i < 10; i++)
		rx(server, i, SEG_OCTETS);
	assert_int_equal(server->params->ops->rcv_space(server), BUFFER - 10 * SEG_OCTETS);
	assert_int_equal(client->params->ops->rcv_space(client), BUFFER);
	updates = puppet(server)->window_updates;
	release(client, 4);
	client->params->ops->acked(client);
	assert_int_equal(puppet(server)->window_updates, updates + 1);
	assert_int_equal(server->params->ops->rcv_space(server), BUFFER - 6 * SEG_OCTETS);
	bound(server, 5 * SEG_OCTETS); /* more than it may hold is held: no wrap */
	assert_int_equal(server->params->ops->rcv_space(server), 0);
	finish(client, server);
}

/* What the server sends may fill more when the client took all there was within the round trips of both. */
static void test_bound_grows(void **state)
{
	struct conn *client, *server;

	w->relay->buffer_max = 8 * BUFFER;
	open_pair(&client, &server);
	w->relay->buffer_max = 0;
	puppet(client)->rtt_us = 15000;
	puppet(server)->rtt_us = 5000;
	client->snd_una += BUFFER;
	w->st.now_us += 19999;
	client->params->ops->acked(client);
	assert_int_equal(server->params->ops->rcv_space(server), BUFFER);
	w->st.now_us += 1;
	client->params->ops->acked(client);
	assert_int_equal(server->params->ops->rcv_space(server), 2 * BUFFER);
	assert_int_equal(server->params->ops->rcv_buffer(server), 2 * BUFFER);
	assert_int_equal(client->params->ops->rcv_space(client), BUFFER);
	finish(client, server);
}

/* Octets that only the DATA_ACK is missing for take a buffer of their own, of the same size. */
static void test_arrived_octets(void **state)
{
	struct conn *client, *server;

	open_pair(&client, &server);
	for (uint8_t i = 0; i < 10; i++)
		rx(server, i, SEG_OCTETS);
	puppet(client)->arrived = 4 * SEG_OCTETS;
	assert_int_equal(server->params->ops->rcv_space(server), BUFFER - 6 * SEG_OCTETS);
	puppet(client)->arrived = 9 * SEG_OCTETS;
	bound(server, 4 * SEG_OCTETS); /* so is theirs */
	assert_int_equal(server->params->ops->rcv_space(server), 0);
	bound(server, BUFFER);
	/* Where packet buffers are short they count like all others. */
	w->st.seg_share = 8; /* of 1400 octets */
	assert_int_equal(server->params->ops->rcv_space(server), 8 * 1400 - 10 * SEG_OCTETS);
	assert_int_equal(server->params->ops->rcv_buffer(server), 8 * 1400);
	w->st.seg_share = 5;
	assert_int_equal(server->params->ops->rcv_space(server), 0);
	puppet(client)->arrived = 0;
	client->sndq.bytes = 100; /* ... however short they are */
	w->st.seg_share = 3;
	assert_int_equal(server->params->ops->rcv_space(server), 0);
	client->sndq.bytes = 10 * SEG_OCTETS;
	finish(client, server);
}

/* --- the end ------------------------------------------------------------------------------------ */

static void test_half_close_client_first(void **state)
{
	struct conn *client, *server;

	open_pair(&client, &server);
	rx(client, 0, 100);
	rx_fin(client);
	assert_true(puppet(server)->shut);
	assert_false(puppet(client)->shut);
	rx(server, 0, 200); /* the server goes on */
	assert_int_equal(puppet(client)->n_sent, 200);
	rx_fin(server);
	assert_true(puppet(client)->shut);
	end(server, CONN_END_DONE);
	assert_false(puppet(client)->aborted);
	assert_int_equal(conn_snd_queued(client).octets, 200);
	release(client, 1);
	client->params->ops->acked(client);
	end(client, CONN_END_DONE);
}

static void test_half_close_server_first(void **state)
{
	struct conn *client, *server;

	open_pair(&client, &server);
	rx_fin(server);
	assert_true(puppet(client)->shut);
	rx(client, 0, 100);
	assert_int_equal(puppet(server)->n_sent, 100);
	finish(client, server);
}

static void test_fin_before_connected(void **state)
{
	struct conn *client = accepted(), *server = server_of(client);

	rx(client, 0, 100);
	rx_fin(client);
	assert_false(puppet(server)->shut);
	established(server);
	assert_int_equal(puppet(server)->n_sent, 100);
	assert_true(puppet(server)->shut);
	rx_fin(server);
	end(client, CONN_END_DONE);
	end(server, CONN_END_DONE);
}

static void test_resets(void **state)
{
	static const enum conn_end why[] = {CONN_END_RESET, CONN_END_TIMEOUT, CONN_END_ABORT};
	struct conn *client, *server;

	for (size_t i = 0; i < sizeof(why) / sizeof(why[0]); i++) {
		open_pair(&client, &server);
		rx(client, 0, 100);
		end(client, why[i]);
		assert_true(puppet(server)->aborted);
		assert_null(relay_of(server));
		open_pair(&client, &server);
		rx(client, 0, 100);
		end(server, why[i]);
		assert_true(puppet(client)->aborted);
		relay_reap(w);
		assert_int_equal(relay_count(w), 0);
	}
	assert_int_equal(ctr(CTR_RELAY_CLIENT_RESET), 1);
	assert_int_equal(ctr(CTR_RELAY_SERVER_RESET), 1);
}

static void test_reset_after_the_other_is_done(void **state)
{
	struct conn *client, *server;

	open_pair(&client, &server);
	rx_fin(client);
	rx_fin(server);
	end(server, CONN_END_DONE);
	end(client, CONN_END_RESET);
	assert_false(puppet(server)->aborted);
}

static void test_client_dies_while_connecting(void **state)
{
	struct conn *client = accepted(), *server = server_of(client);

	rx(client, 0, 100);
	end(client, CONN_END_RESET);
	assert_true(puppet(server)->aborted);
	assert_int_equal(connects, 1);
	assert_int_equal(ctr(CTR_RELAY_CLIENT_RESET), 1);
	assert_int_equal(ctr(CTR_RELAY_UPSTREAM_REFUSED), 0);
}

/* A leg ends inside the call that gives it data: the relay must outlive its own upcall. */
static void test_leg_dies_inside_send(void **state)
{
	struct conn *client, *server;

	open_pair(&client, &server);
	puppet(server)->die_at_send = true;
	rx(client, 0, 100);
	assert_true(puppet(client)->aborted);
	assert_int_equal(relay_count(w), 1);
	relay_reap(w);

	client = accepted();
	server = server_of(client);
	rx(client, 0, SEG_OCTETS);
	rx(client, 1, SEG_OCTETS);
	rx_fin(client);
	puppet(server)->die_at_send = true;
	established(server);
	assert_int_equal(puppet(server)->n_sent, SEG_OCTETS);
	assert_false(puppet(server)->shut);
	assert_true(puppet(client)->aborted);
}

static void test_upcalls_after_the_end(void **state)
{
	const struct conn_ops *ops;
	struct conn *client, *server;

	open_pair(&client, &server);
	ops = client->params->ops;
	end(server, CONN_END_RESET);
	rx(client, 0, 100);
	rx_fin(client);
	ops->acked(client);
	assert_int_equal(ops->rcv_space(client), 0);
	ops->closed(client, CONN_END_RESET);
	assert_int_equal(ctr(CTR_RELAY_CLIENT_RESET), 0);
}

static void test_drain(void **state)
{
	struct conn *client, *server;

	open_pair(&client, &server);
	relay_drain(w);
	assert_true(w->mp.draining);
	rx(client, 0, 100);
	assert_int_equal(puppet(server)->n_sent, 100);
	finish(client, server);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_listener_is_found),
		T(test_servers_take_turns),
		T(test_source_port_leads_back),
		T(test_no_port_is_free),
		T(test_refused_next_one_is_taken),
		T(test_all_refuse),
		T(test_silent_servers),
		T(test_no_timeout_once_connected),
		T(test_no_route),
		T(test_no_memory),
		T(test_payload_goes_over),
		T(test_early_data_waits),
		T(test_single_octets_share_buffers),
		T(test_bound_grows),
		T(test_backpressure),
		T(test_arrived_octets),
		T(test_half_close_client_first),
		T(test_half_close_server_first),
		T(test_fin_before_connected),
		T(test_resets),
		T(test_reset_after_the_other_is_done),
		T(test_client_dies_while_connecting),
		T(test_leg_dies_inside_send),
		T(test_upcalls_after_the_end),
		T(test_drain),
	};

	return cmocka_run_group_tests_name("relay", tests, NULL, NULL);
}
