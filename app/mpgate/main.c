/* SPDX-License-Identifier: BSD-3-Clause
 *
 * mpgate: reads the configuration, makes everything in the order written here, serves, and takes
 * it down in reverse. Exit status: 0 done, 1 the machine refused something, 2 bad configuration or
 * arguments. Control thread.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mbuf_pool_ops.h>

#include "app.h"
#include "control.h"
#include "ctl_server.h"
#include "ctl_show.h"
#include "eal.h"
#include "msg.h"
#include "neigh.h"
#include "relay.h"
#include "steer.h"
#include "worker.h"

#define ERRORS_MAX      64
#define MBUF_CACHE      256
#define MBUF_DATA_ROOM  (2048 + RTE_PKTMBUF_HEADROOM)
#define MBUF_ELT_SIZE   (sizeof(struct rte_mbuf) + SEG_PRIV_SIZE + MBUF_DATA_ROOM)
#define RESERVE_LEAST   256u /* packet buffers, a worker */
#define EXIT_BAD_CONFIG 2

static const char usage[] =
	"mpgate -c FILE [--check]\n"
	"  -c, --config FILE  the configuration (YAML)\n"
	"      --check        say what is wrong with it and what memory it takes; touch no port\n"
	"      --help, --version\n"
	"SIGTERM and SIGINT end it: no new connections, live ones may go on for drain_ms.\n";

struct args {
	const char *config;
	bool check;
};

/* Returns -1 to go on, or the exit status. */
static int parse_args(int argc, char **argv, struct args *a)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
						{"check", no_argument, NULL, 'k'},
						{"help", no_argument, NULL, 'h'},
						{"version", no_argument, NULL, 'V'},
						{0}};
	int c;

	while ((c = getopt_long(argc, argv, "c:hV", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			a->config = optarg;
			break;
		case 'k':
			a->check = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		case 'V':
			puts("mpgate " MPGATE_VERSION);
			return 0;
		default:
			fputs(usage, stderr);
			return EXIT_BAD_CONFIG;
		}
	}
	if (a->config != NULL && optind == argc)
		return -1;
	fputs(usage, stderr);
	return EXIT_BAD_CONFIG;
}

static size_t round64(size_t n)
{
	return (n + 63) & ~(size_t)63;
}

/* What one of each thing takes. Tables are asked for the whole and divided. */
static void app_sizes(const struct config *cfg, struct cfg_sizes *s)
{
	size_t conn = round64(sizeof(struct conn)) + sizeof(uint32_t);
	size_t pairs = (size_t)cfg->n_workers * (cfg->n_workers - 1u);
	size_t ctrl_rings = 2 * WORKER_CTRL_RING * sizeof(struct msg);
	size_t pair_rings = (STEER_RING + STEER_JOIN_RING + WORKER_TX_RING) * sizeof(void *) +
			    STEER_MSG_RING * sizeof(struct msg) + 4 * 512;
	size_t tables;

	memset(s, 0, sizeof(*s));
	s->mbuf = rte_mempool_calc_obj_size(MBUF_ELT_SIZE, 0, NULL) +
		  2 * sizeof(void *); /* its place in the pool's stack */
	s->conn = 2 * conn + relay_memory(cfg) / cfg->connections + 1;
	s->subflow = round64(sizeof(struct subflow)) + sizeof(uint32_t);
	tables = mptcp_memory(cfg->connections * 2, cfg->subflows) + steer_memory(cfg);
	tables -= 2 * conn * cfg->connections + s->subflow * cfg->subflows;
	s->table_subflow = tables / cfg->subflows + 1;
	s->worker = sizeof(struct worker) + ctrl_rings;
	s->process = pairs * pair_rings + (8u << 20); /* drivers' own queues, EAL's tables */
}

/* Returns 0 or EXIT_BAD_CONFIG. */
static int load_config(const struct args *a, struct config *cfg, struct cfg_memory *mem)
{
	static struct cfg_error errors[ERRORS_MAX];
	struct cfg_sizes sizes;
	int n = 0;

	if (config_load(a->config, cfg, errors, ERRORS_MAX, &n) == 0) {
		app_sizes(cfg, &sizes);
		config_memory(cfg, &sizes, mem);
		if (a->check)
			config_print_memory(stdout, cfg, mem);
		if (config_check_machine(cfg, mem, errors, ERRORS_MAX, &n) == 0)
			return 0;
	}
	config_print_errors(stderr, a->config, errors, n);
	return EXIT_BAD_CONFIG;
}

/* --- making the application, step by step --------------------------------------------------- */

/* What the ports have posted by now is theirs for good; of the rest a sixteenth, but at least a burst
 * of each worker, is kept for receiving and acknowledging. */
static void app_reserve(struct app *app)
{
	uint32_t left = rte_mempool_avail_count(app->mbufs);
	uint32_t want = RTE_MAX(left / 16, app->n_workers * RESERVE_LEAST);

	app->mbufs_reserve = RTE_MIN(want, left / 4);
}

static int app_secrets(struct app *app)
{
	struct csprng rng;
	int rc = csprng_init_os(&rng);

	if (rc != 0) {
		fprintf(stderr, "mpgate: no random numbers: getrandom(2): %s\n", strerror(-rc));
		return rc;
	}
	csprng_bytes(&rng, &app->secrets, sizeof(app->secrets));
	explicit_bzero(&rng, sizeof(rng));
	return 0;
}

static void app_protocols(struct app *app)
{
	const struct config *cfg = app->cfg;

	app->tcp = tcp_config_default;
	app->tcp.cc = cfg->cc;
	app->tcp.ecn = cfg->ecn;
	app->tcp.pacing = cfg->pacing;
	app->tcp.user_timeout_ms = cfg->user_timeout_ms;
	app->tcp.keepalive_ms = cfg->keepalive_ms;
	app->tcp.mtu_probing = cfg->mtu_probing;
	app->tcp.time_wait_ms = cfg->time_wait_ms;
	app->n_local_addrs = (uint8_t)cfg->n_signal;
	for (unsigned int i = 0; i < cfg->n_signal; i++)
		app->local_addrs[i] = (struct local_addr){
			.addr = cfg->signal[i].addr,
			.port = cfg->signal[i].tcp_port,
			.id = cfg->signal[i].id,
			.signal = true,
			.backup = cfg->signal[i].backup,
		};
}

/* A buffer freed last is used first: a ring would walk through all of the pool's memory, past every
 * cache and TLB. A platform with buffer pools of its own, or EAL's --mbuf-pool-ops-name, goes first. */
static const char *mbuf_pool_ops(void)
{
	const char *ops = rte_mbuf_user_mempool_ops();

	if (ops == NULL)
		ops = rte_mbuf_platform_mempool_ops();
	return ops != NULL ? ops : "lf_stack";
}

/* What rte_pktmbuf_pool_create() does, with flags: virtual ports do not care where a page of memory
 * ends, and a pool that does takes a 4 KiB page for each buffer without hugepages, and is not the
 * one piece that AF_XDP takes it for. */
static struct rte_mempool *mbufs_new(const struct config *cfg)
{
	struct rte_pktmbuf_pool_private priv = {.mbuf_data_room_size = MBUF_DATA_ROOM,
						.mbuf_priv_size = SEG_PRIV_SIZE};
	unsigned int flags = eal_has_pci(cfg) ? 0 : RTE_MEMPOOL_F_NO_IOVA_CONTIG;
	struct rte_mempool *mp;
	int rc;

	mp = rte_mempool_create_empty("mbufs", cfg->mbufs, MBUF_ELT_SIZE, MBUF_CACHE, sizeof(priv),
				      SOCKET_ID_ANY, flags);
	if (mp == NULL)
		return NULL;
	rc = rte_mempool_set_ops_byname(mp, mbuf_pool_ops(), NULL);
	if (rc == 0) {
		rte_pktmbuf_pool_init(mp, &priv);
		rc = rte_mempool_populate_default(mp);
	}
	if (rc < 0) {
		rte_mempool_free(mp);
		rte_errno = -rc;
		return NULL;
	}
	rte_mempool_obj_iter(mp, rte_pktmbuf_init, NULL);
	return mp;
}

static int app_mbufs(struct app *app)
{
	app->mbufs = mbufs_new(app->cfg);
	if (app->mbufs != NULL)
		return 0;
	fprintf(stderr,
		"mpgate: no memory for %u packet buffers (%s): lower memory.mbufs, or raise "
		"memory.size_mb and the hugepages\n",
		app->cfg->mbufs, rte_strerror(rte_errno));
	return -ENOMEM;
}

static int app_workers(struct app *app)
{
	/* One clock for all: what one worker has stamped another one checks. */
	app->tsc_base = rte_rdtsc() - rte_get_tsc_hz();
	for (uint16_t i = 0; i < app->n_workers; i++) {
		app->workers[i] = worker_new(app, i);
		if (app->workers[i] == NULL)
			return -ENOMEM;
	}
	if (steer_rings_create(app) != 0) {
		fprintf(stderr, "mpgate: no memory for the rings between workers: raise "
				"memory.size_mb\n");
		return -ENOMEM;
	}
	return 0;
}

static int app_control(struct app *app)
{
	int rc;

	app->neigh = neigh_new(app);
	if (app->neigh == NULL) {
		fprintf(stderr, "mpgate: no memory for the neighbour table\n");
		return -ENOMEM;
	}
	rc = ctl_server_init(&app->ctl, app->cfg->socket_path);
	if (rc != 0) {
		fprintf(stderr, "mpgate: control socket %s: %s%s\n", app->cfg->socket_path,
			strerror(-rc),
			rc == -EADDRINUSE ? ": another mpgate runs with it: set control.socket and "
					    "control.instance"
					  : "");
		return rc;
	}
	ctl_show_register(app->ctl, app);
	return 0;
}

static int app_launch(struct app *app)
{
	app_reserve(app);
	for (unsigned int i = 0; i < app->n_workers; i++) {
		int rc = worker_launch(app->workers[i]);

		if (rc != 0) {
			fprintf(stderr, "mpgate: worker %u does not start: %s\n", i, strerror(-rc));
			while (i-- > 0)
				worker_stop(app->workers[i]);
			return rc;
		}
	}
	return 0;
}

static int app_start(struct app *app)
{
	int rc = app_secrets(app);

	if (rc != 0)
		return rc;
	app_protocols(app);
	steer_start(app->n_workers);
	route_table_init(&app->routes, app->cfg);
	rc = app_mbufs(app);
	if (rc == 0)
		rc = port_init_all(app);
	if (rc == 0)
		rc = app_workers(app);
	if (rc == 0)
		rc = app_control(app);
	if (rc == 0)
		rc = control_signals();
	if (rc == 0)
		rc = app_launch(app);
	return rc;
}

/* In reverse; also after a start that failed half-way. The workers have ended. */
static void app_stop(struct app *app)
{
	ctl_server_close(app->ctl);
	port_close_all(app);
	steer_rings_free(app);
	neigh_free(app->neigh);
	for (unsigned int i = 0; i < app->n_workers; i++)
		worker_free(app->workers[i]);
	rte_mempool_free(app->mbufs);
	explicit_bzero(&app->secrets, sizeof(app->secrets));
}

int main(int argc, char **argv)
{
	static struct config cfg;
	static struct app app;
	struct args args = {0};
	struct cfg_memory mem;
	int rc = parse_args(argc, argv, &args);

	if (rc >= 0)
		return rc;
	rc = load_config(&args, &cfg, &mem);
	if (rc != 0 || args.check)
		return rc;
	app.cfg = &cfg;
	app.config_path = args.config;
	app.n_workers = cfg.n_workers;
	if (eal_start(&cfg, config_eal_mb(&cfg, &mem)) != 0)
		return EXIT_FAILURE;
	rc = app_start(&app);
	if (rc == 0) {
		app.started_us = app_now_us();
		puts("mpgate: ready");
		fflush(stdout);
		control_run(&app);
		for (unsigned int i = 0; i < app.n_workers; i++)
			worker_stop(app.workers[i]);
	}
	app_stop(&app);
	eal_stop();
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
