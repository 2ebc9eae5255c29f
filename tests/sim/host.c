/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Hosts. What a driver, a port and the rest of the appliance are to the library, in virtual time.
 */
#include <stdlib.h>
#include <string.h>

#include <rte_errno.h>

#include "host.h"
#include "inspect.h"
#include "mptcp/pm/pm.h"
#include "mptcp/wire/checksum.h"
#include "path.h"
#include "relay.h"
#include "user.h"
#include "watch.h"

#define CONNS     64
#define SUBFLOWS  128
#define PORT      80
#define JOIN_PORT 50000

static const struct stack_secrets secrets = {
	.isn = {1, 2}, .ts = {3, 4}, .cookie = {5, 6}, .join = {7, 8}, .flow = {9, 10}};

/* --- sending ---------------------------------------------------------------------------------- */

static uint64_t sum_of(const struct rte_mbuf *m)
{
	uint64_t sum = m->pkt_len;

	for (; m != NULL; m = m->next)
		sum = sum * 31 + csum_partial(rte_pktmbuf_mtod(m, const void *), m->data_len);
	return sum;
}

static void let_go(struct host *h, struct held_tx *t)
{
	if (sum_of(t->m) != t->sum)
		sim_violation(h->sim, "%s changed a packet that its driver was still sending",
			      h->name);
	rte_pktmbuf_free(t->m);
	t->m = NULL;
}

void host_release_held(struct host *h)
{
	for (unsigned int i = 0; i < HOST_HELD_MAX; i++)
		if (h->held[i].m != NULL)
			let_go(h, &h->held[i]);
}

static void keep(struct host *h, struct rte_mbuf *m)
{
	struct held_tx *t;

	if (h->sim->sc->hold == 0) {
		rte_pktmbuf_free(m);
		return;
	}
	t = &h->held[h->held_at++ % RTE_MIN(h->sim->sc->hold, (uint32_t)HOST_HELD_MAX)];
	if (t->m != NULL)
		let_go(h, t);
	*t = (struct held_tx){m, sum_of(m)};
}

static void output(struct stack *st, struct rte_mbuf *m, struct nexthop *nh)
{
	unsigned int i = (unsigned int)((uintptr_t)nh - 1);
	struct host *h = host_of(st);
	struct frame *f = frame_new();
	const void *octets;

	if (m->pkt_len > FRAME_MAX || i >= h->n_paths || m->pkt_len > h->path[i].path->spec->mtu) {
		sim_violation(h->sim,
			      "%s sent a packet of %u octets, more than its interface takes",
			      h->name, m->pkt_len);
		rte_pktmbuf_free(m);
		frame_free(f);
		return;
	}
	if (rte_pktmbuf_headroom(m) < 14)
		sim_violation(h->sim, "%s left no room for an Ethernet header", h->name);
	octets = rte_pktmbuf_read(m, 0, m->pkt_len, f->b);
	if (octets != f->b)
		memcpy(f->b, octets, m->pkt_len);
	f->len = (uint16_t)m->pkt_len;
	keep(h, m);
	st_inc(st, CTR_TX_PKTS);
	inspect_sent(h, f);
	watch_sent(h, f);
	path_send(h->path[i].path, h->path[i].end, f);
}

static struct nexthop *route(struct stack *st, const struct ip_addr *local,
			     const struct ip_addr *remote, uint16_t *mtu)
{
	struct host *h = host_of(st);
	bool client = h->index == 0;

	for (unsigned int i = 0; i < h->n_paths; i++) {
		const struct path *p = h->path[i].path;
		unsigned int end = h->path[i].end;

		/* Who is behind a NAT is known by other addresses. */
		if (ip_addr_eq(&p->addr[end], local) &&
		    (!client || ip_addr_eq(&p->addr[!end], remote))) {
			*mtu = p->spec->mtu;
			return (struct nexthop *)(uintptr_t)(i + 1);
		}
	}
	return NULL;
}

static const struct stack_ops stack_ops = {.output = output, .route = route};

/* What relay.c asks of the appliance: the way to the server is the last path. */
int route_source(struct worker *w, const struct ip_addr *dst, struct ip_addr *src)
{
	struct host *h = container_of(w, struct host, w);
	const struct path *p = h->path[h->n_paths - 1].path;

	(void)dst;
	*src = p->addr[h->path[h->n_paths - 1].end];
	return 0;
}

uint16_t steer_rss_owner(const struct flow_key *key)
{
	(void)key;
	return 0;
}

/* --- receiving -------------------------------------------------------------------------------- */

void host_touch(struct host *h)
{
	h->touched = true;
	stack_advance(&h->w.st, h->w.tsc_base + h->sim->now_ns / NSEC_PER_USEC);
}

static void input(struct host *h, struct frame *f)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(sim_pool());
	enum counter drop;
	struct pkt p;

	st_inc(&h->w.st, CTR_RX_PKTS);
	if (m == NULL) {
		frame_free(f);
		return;
	}
	memcpy(rte_pktmbuf_append(m, f->len), f->b, f->len);
	if (icmp_is_too_big(m)) {
		struct icmp_too_big e;

		drop = icmp_parse_too_big(&e, m);
		if (drop == CTR_NONE)
			drop = mptcp_too_big(&h->w.mp, &e);
		if (drop != CTR_NONE)
			st_inc(&h->w.st, drop);
		rte_pktmbuf_free(m);
		frame_free(f);
		return;
	}
	drop = pkt_parse(&p, m);
	if (drop != CTR_NONE) {
		st_inc(&h->w.st, drop);
		rte_pktmbuf_free(m);
	} else {
		watch_received(h, f);
		mptcp_input(&h->w.mp, m, &p);
	}
	frame_free(f);
}

static void poll(struct sim *s, void *ctx, uint64_t arg)
{
	struct host *h = ctx;
	struct frame *f;

	(void)s, (void)arg;
	h->polling = false;
	host_touch(h);
	while ((f = h->rx_head) != NULL) {
		h->rx_head = f->next;
		input(h, f);
	}
	h->rx_tail = &h->rx_head;
}

void host_receive(struct host *h, struct path *p, struct frame *f)
{
	struct sim *s = h->sim;
	uint64_t every_ns = s->sc->poll_us * NSEC_PER_USEC;

	(void)p;
	f->next = NULL;
	*h->rx_tail = f;
	h->rx_tail = &f->next;
	if (h->polling)
		return;
	h->polling = true;
	sim_at(s, every_ns == 0 ? s->now_ns : (s->now_ns / every_ns + 1) * every_ns, poll, h, 0);
}

/* --- time ------------------------------------------------------------------------------------- */

static void wake(struct sim *s, void *ctx, uint64_t arg)
{
	struct host *h = ctx;

	(void)s;
	if (arg != h->wake_ns)
		return; /* another one has taken its place */
	h->wake_ns = UINT64_MAX;
	host_touch(h);
}

static void see_to_timers(struct host *h)
{
	struct stack *st = &h->w.st;
	uint64_t at_us, at_ns;
	uint32_t next_ms;

	if (!wheel_next(&st->wheel, &next_ms))
		return;
	at_us = (st->now_us / 1000 + (next_ms - st->now_ms)) * 1000;
	at_ns = (at_us - h->w.tsc_base) * NSEC_PER_USEC;
	if (at_ns >= h->wake_ns)
		return;
	h->wake_ns = at_ns;
	sim_at(h->sim, at_ns, wake, h, at_ns);
}

void host_settle(struct host *h)
{
	h->touched = false;
	stack_end_burst(&h->w.st);
	if (h->relay)
		relay_reap(&h->w);
	mptcp_reap(&h->w.mp);
	see_to_timers(h);
}

/* --- begin and end ---------------------------------------------------------------------------- */

static const struct conn_params *listen_at(struct mptcp *mp, const struct ip_addr *local,
					   uint16_t port)
{
	struct host *h = container_of(worker_of_mptcp(mp), struct host, w);

	if (h->relay)
		return listener_find(&h->w, local, port);
	return port == PORT && h->index == h->sim->n_hosts - 1 ? &h->params : NULL;
}

static bool pick_port(struct mptcp *mp, struct flow_key *key)
{
	struct host *h = container_of(worker_of_mptcp(mp), struct host, w);

	key->local_port = (uint16_t)(JOIN_PORT + h->next_port++);
	return !mptcp_knows(mp, key);
}

static const struct mptcp_ops mptcp_ops = {.listen = listen_at, .pick_port = pick_port};

/* The client joins from its addresses, the other end of its paths announces its own. */
static void use_all_paths(struct host *h)
{
	struct mptcp *mp = &h->w.mp;

	for (unsigned int i = 0; i < h->n_paths && i < h->sim->sc->n_paths; i++)
		h->addrs[mp->n_local_addrs++] = (struct local_addr){
			.addr = h->path[i].path->addr[h->path[i].end],
			.id = (uint8_t)(i + 1),
			.signal = h->index == 1,
			.subflow = h->index == 0,
		};
	mp->local_addrs = h->addrs;
}

void host_attach(struct host *h, struct path *p, unsigned int end)
{
	h->path[h->n_paths].path = p;
	h->path[h->n_paths++].end = end;
	p->host[end] = h;
}

struct host *host_new(struct sim *s, const char *name, bool relay, const struct sc_tcp *tcp)
{
	const struct scenario *sc = s->sc;
	struct host *h = aligned_alloc(64, (sizeof(*h) + 63) & ~(size_t)63);
	size_t size = (mptcp_memory(CONNS, SUBFLOWS) + 63) & ~(size_t)63;
	uint8_t seed[CSPRNG_SEED_LEN];
	uint64_t now_us = (UINT64_C(1) << 32 | sc->clock_ms) * 1000;

	if (h == NULL || (h->mem = aligned_alloc(64, size)) == NULL)
		abort();
	void *mem = h->mem;

	memset(h, 0, sizeof(*h));
	h->mem = mem;
	h->sim = s;
	h->name = name;
	h->index = s->n_hosts;
	h->relay = relay;
	h->wake_ns = UINT64_MAX;
	h->rx_tail = &h->rx_head;
	h->tcp = tcp_config_default;
	h->tcp.cc = tcp_ccs[tcp->cc % TCP_CCS];
	if (tcp->delack_ms != 0)
		h->tcp.delack_ms = tcp->delack_ms;
	if (tcp->time_wait_ms != 0)
		h->tcp.time_wait_ms = tcp->time_wait_ms;
	h->tcp.rcv_wscale = tcp->wscale;
	h->tcp.ecn = (uint8_t)tcp->ecn;
	h->tcp.pacing = tcp->pacing;
	h->w.tsc_base = now_us; /* of the simulation's start */
	stack_init(&h->w.st, &stack_ops, &h->tcp, &secrets, sim_pool(), h->w.ctrs, now_us);
	for (unsigned int i = 0; i < sizeof(seed); i++)
		seed[i] = (uint8_t)rng_u64(&s->rng);
	csprng_init_seed(&h->w.st.rng, seed);
	mptcp_init(&h->w.mp, &h->w.st, &mptcp_ops, &pm_default, h->mem, CONNS, SUBFLOWS);
	if (sc->cookies)
		h->w.mp.half_open_max = 0;
	s->hosts[s->n_hosts++] = h;
	return h;
}

static void relay_start(struct host *h)
{
	const struct path *last = h->path[h->n_paths - 1].path;
	struct config *cfg = calloc(1, sizeof(*cfg));

	if (cfg == NULL)
		abort();
	h->cfg = cfg;
	cfg->connections = CONNS;
	cfg->relay_buffer = h->sim->sc->relay_buffer;
	cfg->relay_buffer_max = h->sim->sc->relay_buffer_max;
	cfg->subflows_per_conn = CONN_SUBFLOWS_MAX;
	cfg->n_pools = 1;
	cfg->pools[0].connect_timeout_ms = 60000;
	cfg->pools[0].n_servers = 1;
	cfg->pools[0].servers[0].addr = last->addr[1];
	cfg->pools[0].servers[0].tcp_port = PORT;
	cfg->n_listeners = 1;
	cfg->listeners[0].tcp_port = PORT;
	cfg->listeners[0].mptcp = true;
	if (relay_init(&h->w, cfg) != 0)
		abort();
}

void host_start(struct host *h)
{
	if (h->sim->sc->mptcp && h->index < 2)
		use_all_paths(h);
	if (h->relay)
		relay_start(h);
	else
		h->params = (struct conn_params){.ops = &user_ops,
						 .user = h,
						 .mptcp = h->index > 0 || h->sim->sc->mptcp,
						 .subflows_max = CONN_SUBFLOWS_MAX};
	see_to_timers(h);
}

void host_free(struct host *h)
{
	while (h->rx_head != NULL) {
		struct frame *f = h->rx_head;

		h->rx_head = f->next;
		frame_free(f);
	}
	if (h->relay)
		relay_free(&h->w);
	free(h->cfg);
	free(h->mem);
	free(h);
}
