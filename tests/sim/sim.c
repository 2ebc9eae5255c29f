/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The world of a scenario: built, run, taken down.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>

#include "event.h"
#include "host.h"
#include "inspect.h"
#include "path.h"
#include "pcap.h"
#include "user.h"
#include "watch.h"

/* Virtual time without any progress. A connection whose peer has gone without a word (its RST was lost)
 * is found out by keepalive, two hours and nine probes of 75 s later, or, when the next RST was lost as
 * well, in the next round. */
#define STALLED_NS (30000 * NSEC_PER_SEC)
/* More events without an end are a loop. */
#define EVENTS_MAX UINT64_C(50000000)

unsigned int sim_pool_size = 32767;

struct rte_mempool *sim_pool(void)
{
	static struct rte_mempool *pool;
	char mb[16];
	char *argv[] = {"mpsim",
			"--no-huge",
			"--no-shconf",
			"--no-pci",
			"-m",
			mb,
			"--lcores",
			"0",
			"--log-level=error",
			"--no-telemetry",
			"--iova-mode=va"};

	if (pool != NULL)
		return pool;
	/* One buffer a page of 4 KiB, without huge ones. */
	snprintf(mb, sizeof(mb), "%u", 64 + sim_pool_size / 240);
	if (rte_eal_init((int)RTE_DIM(argv), argv) < 0) {
		fprintf(stderr, "mpsim: DPDK does not start: %s\n", rte_strerror(rte_errno));
		exit(1);
	}
	pool = rte_pktmbuf_pool_create("mpsim", sim_pool_size, 256, SEG_PRIV_SIZE,
				       RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (pool == NULL) {
		fprintf(stderr, "mpsim: no packet buffers: %s\n", rte_strerror(rte_errno));
		exit(1);
	}
	return pool;
}

void sim_violation(struct sim *s, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (s->failed)
		return;
	s->failed = true;
	n = snprintf(s->violation, sizeof(s->violation),
		     "at %.6f s: ", (double)s->now_ns / (double)NSEC_PER_SEC);
	va_start(ap, fmt);
	vsnprintf(s->violation + n, sizeof(s->violation) - (size_t)n, fmt, ap);
	va_end(ap);
}

void sim_trace(struct sim *s, const char *fmt, ...)
{
	va_list ap;

	if (s->trace == NULL)
		return;
	fprintf(s->trace, "%12.6f ", (double)s->now_ns / (double)NSEC_PER_SEC);
	va_start(ap, fmt);
	vfprintf(s->trace, fmt, ap);
	va_end(ap);
	fputc('\n', s->trace);
}

/* Interface e of path i: 10.i.0.1 and .2, or fd00:i::1 and ::2. */
static struct ip_addr addr_of(const struct sim *s, unsigned int i, unsigned int e)
{
	uint8_t v4[4] = {10, (uint8_t)(i + 1), 0, (uint8_t)(e + 1)};
	uint8_t v6[16] = {0xfd, 0, 0, (uint8_t)(i + 1), [15] = (uint8_t)(e + 1)};

	return s->sc->v6 ? ip_addr_from_v6(v6) : ip_addr_from_v4(v4);
}

static void connect_hosts(struct sim *s, const struct sc_path *spec, struct host *a, struct host *b)
{
	struct path *p = calloc(1, sizeof(*p));

	if (p == NULL)
		abort();
	path_init(p, s, spec);
	for (unsigned int e = 0; e < 2; e++)
		p->addr[e] = addr_of(s, s->n_paths, e);
	host_attach(a, p, 0);
	host_attach(b, p, 1);
	s->paths[s->n_paths++] = p;
}

void sim_init(struct sim *s, const struct scenario *sc, const char *pcap_file, FILE *trace)
{
	const char *names[SIM_HOSTS_MAX];
	struct host *client, *near, *server;

	memset(s, 0, sizeof(*s));
	s->sc = sc;
	s->rng.x = sc->seed;
	s->trace = trace;
	client = host_new(s, "client", false, &sc->client_tcp);
	near = sc->relay ? host_new(s, "relay", true, &sc->relay_tcp) : NULL;
	server = host_new(s, "server", false, &sc->server_tcp);
	if (near == NULL)
		near = server;
	for (unsigned int i = 0; i < sc->n_paths; i++)
		connect_hosts(s, &sc->paths[i], client, near);
	if (sc->relay)
		connect_hosts(s, &sc->server_path, near, server);
	for (unsigned int i = 0; i < s->n_hosts; i++) {
		host_start(s->hosts[i]);
		names[i] = s->hosts[i]->name;
	}
	if (sc->checked)
		s->watch = watch_new(s);
	if (pcap_file != NULL)
		s->pcap = pcap_open(pcap_file, names, s->n_hosts);
	users_start(s);
}

/* All that happens at one time is done. */
static void settle(struct sim *s)
{
	for (unsigned int i = 0; i < s->n_hosts; i++) {
		struct host *h = s->hosts[i];

		if (!h->touched)
			continue;
		host_settle(h);
		inspect_host(h);
	}
}

static bool stalled(struct sim *s)
{
	if (s->events_run++ < EVENTS_MAX &&
	    (!users_busy(s) || s->now_ns - s->progress_ns < STALLED_NS))
		return false;
	sim_violation(s, "no progress since %.3f s, after %llu events",
		      (double)s->progress_ns / (double)NSEC_PER_SEC,
		      (unsigned long long)s->events_run);
	return true;
}

bool sim_run(struct sim *s)
{
	uint64_t end_ns = s->sc->end_ms != 0 ? s->sc->end_ms * NSEC_PER_MSEC : UINT64_MAX;
	struct event e;

	while (!s->failed && !s->moot && event_next_ns(s) < end_ns && event_pop(s, &e)) {
		s->now_ns = e.at_ns;
		e.fn(s, e.ctx, e.arg);
		if (event_next_ns(s) > s->now_ns)
			settle(s);
		if (stalled(s))
			break;
	}
	for (unsigned int i = 0; i < s->n_hosts; i++)
		host_release_held(s->hosts[i]);
	if (!s->failed && !s->moot && s->sc->end_ms == 0) {
		users_check_end(s);
		for (unsigned int i = 0; i < s->n_hosts; i++)
			inspect_end(s->hosts[i]);
		inspect_buffers(s);
	}
	return !s->failed;
}

/* Connections that still live end with a reset, whose segments nobody gets. */
static void abort_all(struct host *h)
{
	for (uint32_t i = 0; i < h->w.mp.conns.n; i++) {
		struct conn *c = mptcp_conn_at(&h->w.mp, i);

		if (c != NULL)
			conn_abort(c);
	}
	while (tcp_time_wait_recycle(&h->w.st))
		;
	host_settle(h);
}

void sim_free(struct sim *s)
{
	struct event e;

	users_free(s);
	for (unsigned int i = 0; i < s->n_hosts; i++)
		abort_all(s->hosts[i]);
	while (event_pop(s, &e))
		if (e.frame)
			frame_free((struct frame *)(uintptr_t)e.arg);
	for (unsigned int i = 0; i < s->n_hosts; i++) {
		host_release_held(s->hosts[i]);
		host_free(s->hosts[i]);
	}
	for (unsigned int i = 0; i < s->n_paths; i++) {
		path_free(s->paths[i]);
		free(s->paths[i]);
	}
	watch_free(s->watch);
	pcap_close(s->pcap);
	free(s->heap);
}
