/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The state of the process as JSON. Counters are read with relaxed loads; connections are copied
 * by their workers (copy_slice() is the one function here that runs there). Control thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <jansson.h>
#include <rte_ethdev.h>
#include <rte_mempool.h>

#include "app.h"
#include "ctl_server.h"
#include "ctl_show.h"
#include "mptcp/conn/conn_info.h"
#include "neigh.h"
#include "port.h"
#include "relay.h"
#include "worker.h"

#ifndef MPGATE_VERSION
#define MPGATE_VERSION "unknown"
#endif

/* One call into a worker: so many connections copied, so many pool slots looked at. Some tens of
 * microseconds, a burst's time. */
#define SLICE_CONNS 64
#define SLICE_SLOTS 512
/* A worker that does not answer within this has its entries left out. */
#define CALL_TIMEOUT_MS 200

/* "[" address "]:" port */
#define ENDPOINT_LEN (IP_ADDR_STRLEN + 9)

static json_t *json_u64(uint64_t v)
{
	return json_integer((json_int_t)v);
}

static const char *endpoint_str(const struct ip_addr *a, uint16_t port, char *buf)
{
	char addr[IP_ADDR_STRLEN];

	ip_addr_str(a, addr);
	snprintf(buf, ENDPOINT_LEN, ip_addr_is_v4(a) ? "%s:%u" : "[%s]:%u", addr, port);
	return buf;
}

static json_t *json_addr(const struct ip_addr *a)
{
	char buf[IP_ADDR_STRLEN];

	return json_string(ip_addr_str(a, buf));
}

static json_t *json_mac(const uint8_t *mac)
{
	return json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
			    mac[5]);
}

/* --- status --------------------------------------------------------------------------------------- */

/* Cycles of each worker at the last request that used them: load is that of the time between. */
static struct {
	uint64_t busy, total;
} load_before[CFG_WORKERS_MAX];

/* Share of its cycles that w has worked since the last request, or, when that was just now, since
 * the start. */
static double busy_percent(const struct worker *w)
{
	uint64_t busy = __atomic_load_n(&w->busy_cycles, __ATOMIC_RELAXED);
	uint64_t total = __atomic_load_n(&w->total_cycles, __ATOMIC_RELAXED);
	uint64_t busy0 = load_before[w->index].busy, total0 = load_before[w->index].total;
	double percent;

	if (total - total0 < w->tsc_hz / 50) /* 20 ms */
		busy0 = total0 = 0;
	else
		load_before[w->index].busy = busy, load_before[w->index].total = total;
	if (total == total0)
		return 0;
	percent = 100.0 * (double)(busy - busy0) / (double)(total - total0);
	/* The two were not read at one instant. */
	return percent > 100.0 ? 100.0 : percent;
}

static json_t *show_status(void *arg, const json_t *params, json_t *reply)
{
	const struct app *app = arg;
	json_t *workers = json_array();
	uint64_t up_us = app_now_us() - app->started_us;

	for (uint16_t i = 0; i < app->n_workers; i++) {
		const struct worker *w = app->workers[i];
		uint64_t passes = __atomic_load_n(&w->passes, __ATOMIC_RELAXED);

		json_array_append_new(
			workers,
			json_pack("{s:i, s:i, s:f, s:I, s:I, s:I, s:I, s:I}", "id", (int)w->index,
				  "core", (int)app->cfg->cores[i], "busy_percent", busy_percent(w),
				  "polls", (json_int_t)passes, "rx_pkts",
				  (json_int_t)worker_ctr(w, CTR_RX_PKTS), "tx_pkts",
				  (json_int_t)worker_ctr(w, CTR_TX_PKTS), "connections",
				  (json_int_t)relay_count(w), "subflows",
				  (json_int_t)worker_ctr(w, CTR_CUR_SUBFLOWS)));
	}
	return json_pack("{s:s, s:i, s:I, s:o, s:b, s:{s:I, s:I}}", "version", MPGATE_VERSION,
			 "pid", (int)getpid(), "uptime_s", (json_int_t)(up_us / 1000000), "workers",
			 workers, "draining", (int)app->draining, "memory", "mbufs_total",
			 (json_int_t)app->mbufs->size, "mbufs_free",
			 (json_int_t)rte_mempool_avail_count(app->mbufs));
}

/* --- ports ---------------------------------------------------------------------------------------- */

static const char *const neigh_state_name[] = {
	[NEIGH_FREE] = "free",   [NEIGH_INCOMPLETE] = "incomplete", [NEIGH_REACHABLE] = "reachable",
	[NEIGH_STALE] = "stale", [NEIGH_PROBE] = "probe",           [NEIGH_FAILED] = "failed",
};

static json_t *neighbours_of(const struct port *p, const struct neigh_info *n, uint32_t n_neigh)
{
	static const uint8_t none[6];
	json_t *list = json_array();

	for (uint32_t i = 0; i < n_neigh; i++) {
		bool mac = memcmp(n[i].mac, none, sizeof(none)) != 0;

		if (n[i].port != p->index || n[i].state >= RTE_DIM(neigh_state_name))
			continue;
		json_array_append_new(list,
				      json_pack("{s:o, s:o, s:s}", "address", json_addr(&n[i].addr),
						"mac", mac ? json_mac(n[i].mac) : json_null(),
						"state", neigh_state_name[n[i].state]));
	}
	return list;
}

static json_t *port_addresses(const struct cfg_port *cp)
{
	json_t *list = json_array();

	for (uint16_t i = 0; i < cp->n_addrs; i++) {
		const struct cfg_prefix *a = &cp->addrs[i];
		char buf[IP_ADDR_STRLEN];

		json_array_append_new(list,
				      json_sprintf("%s/%d", ip_addr_str(&a->addr, buf),
						   a->plen - (ip_addr_is_v4(&a->addr) ? 96 : 0)));
	}
	return list;
}

static json_t *show_port(const struct port *p, const struct neigh_info *neigh, uint32_t n_neigh)
{
	struct rte_eth_stats st = {0};
	json_t *o;

	rte_eth_stats_get(p->dev, &st);
	o = json_pack("{s:s, s:s, s:o, s:s, s:i, s:o}", "name", p->cfg->name, "device",
		      p->cfg->device, "mac", json_mac(p->mac.addr_bytes), "link",
		      port_link_up(p) ? "up" : "down", "mtu", (int)p->mtu, "addresses",
		      port_addresses(p->cfg));
	json_object_set_new(o, "rx_pkts", json_u64(st.ipackets));
	json_object_set_new(o, "tx_pkts", json_u64(st.opackets));
	json_object_set_new(o, "rx_bytes", json_u64(st.ibytes));
	json_object_set_new(o, "tx_bytes", json_u64(st.obytes));
	json_object_set_new(o, "rx_missed", json_u64(st.imissed + st.rx_nombuf));
	json_object_set_new(o, "rx_errors", json_u64(st.ierrors));
	json_object_set_new(o, "tx_errors", json_u64(st.oerrors));
	json_object_set_new(o, "neighbours", neighbours_of(p, neigh, n_neigh));
	return o;
}

static json_t *show_ports(void *arg, const json_t *params, json_t *reply)
{
	const struct app *app = arg;
	struct neigh_info *neigh = calloc(NEIGH_MAX, sizeof(*neigh));
	uint32_t n_neigh;
	json_t *list;

	if (neigh == NULL)
		return NULL;
	list = json_array();
	n_neigh = neigh_dump(app->neigh, neigh, NEIGH_MAX, app_now_us());
	for (uint16_t i = 0; i < app->n_ports; i++)
		json_array_append_new(list, show_port(&app->ports[i], neigh, n_neigh));
	free(neigh);
	return list;
}

/* --- listeners ------------------------------------------------------------------------------------ */

static json_t *listener_addresses(const struct cfg_listener *cl)
{
	json_t *list = json_array();

	for (uint16_t i = 0; i < cl->n_addrs; i++)
		json_array_append_new(list, json_addr(&cl->addrs[i]));
	if (cl->n_addrs == 0)
		json_array_append_new(list, json_string("*"));
	return list;
}

static json_t *show_listeners(void *arg, const json_t *params, json_t *reply)
{
	const struct app *app = arg;
	json_t *list = json_array();

	for (uint16_t i = 0; i < app->cfg->n_listeners; i++) {
		const struct cfg_listener *cl = &app->cfg->listeners[i];
		uint64_t accepted = 0, current = 0;

		for (uint16_t j = 0; j < app->n_workers; j++) {
			const struct listener *l = &app->workers[j]->relay->listeners.listeners[i];

			accepted += __atomic_load_n(&l->accepted, __ATOMIC_RELAXED);
			current += __atomic_load_n(&l->current, __ATOMIC_RELAXED);
		}
		json_array_append_new(
			list, json_pack("{s:s, s:o, s:i, s:s, s:b, s:I, s:I}", "name", cl->name,
					"addresses", listener_addresses(cl), "port",
					(int)cl->tcp_port, "pool", app->cfg->pools[cl->pool].name,
					"mptcp", (int)cl->mptcp, "accepted", (json_int_t)accepted,
					"connections", (json_int_t)current));
	}
	return list;
}

/* --- connections and subflows --------------------------------------------------------------------- */

/* What a worker copies in one call. */
struct slice {
	uint32_t cursor, end; /* pool slots */
	uint32_t n;
	struct conn_info info[SLICE_CONNS];
	const struct cfg_server *server[SLICE_CONNS]; /* of its relay; configuration, constant */
};

/* Runs on w. */
static void copy_slice(struct worker *w, void *arg)
{
	struct slice *s = arg;
	unsigned int budget = SLICE_SLOTS;

	s->n = 0;
	s->end = w->mp.conns.n;
	for (; s->cursor < s->end && s->n < SLICE_CONNS && budget > 0; budget--) {
		const struct conn *c = pool_at(&w->mp.conns, s->cursor);
		struct conn_info *info = &s->info[s->n];
		const struct relay *r;

		if (conn_dump(&w->mp, &s->cursor, 1, info, 1) == 0)
			continue;
		r = relay_of(c);
		s->server[s->n] = r != NULL ? r->walk.server : NULL;
		if (r != NULL)
			info->pair_id = r->leg[c->active ? RELAY_CLIENT : RELAY_SERVER].id;
		s->n++;
	}
}

/* The connections of one worker, one at a time. */
struct source {
	struct worker *w;
	json_t *list; /* its entries */
	bool silent;
	uint32_t next; /* in slice.info */
	struct slice slice;
};

/* One request: how many entries it may have, and where the next ones go. */
struct listing {
	const struct app *app;
	const struct worker *w; /* whose connections these are */
	json_t *list;
	size_t left;
	bool all;
	bool truncated; /* there was one more than fits */
};

typedef void add_conn_fn(struct listing *l, const struct conn_info *c, const struct cfg_server *s);

/* Whether there is another connection at src->next. */
static bool source_more(struct source *src)
{
	struct slice *s = &src->slice;

	while (src->next == s->n && s->cursor < s->end && !src->silent) {
		src->next = s->n = 0;
		src->silent = worker_call(src->w, copy_slice, s, CALL_TIMEOUT_MS) != 0;
	}
	return src->next < s->n;
}

/* One connection of each worker in turn, so that none takes up the room of the others. */
static void list_in_turn(struct listing *l, struct source *sources, add_conn_fn *add)
{
	bool more;

	do {
		more = false;
		for (uint16_t i = 0; i < l->app->n_workers && !l->truncated; i++) {
			struct source *src = &sources[i];

			if (!source_more(src))
				continue;
			more = true;
			l->w = src->w;
			l->list = src->list;
			add(l, &src->slice.info[src->next], src->slice.server[src->next]);
			src->next++;
		}
	} while (more && !l->truncated);
}

static json_t *list_conns(const struct app *app, const json_t *params, json_t *reply,
			  add_conn_fn *add)
{
	json_int_t limit = json_integer_value(json_object_get(params, "limit"));
	struct source *sources = calloc(app->n_workers, sizeof(*sources));
	struct listing l = {.app = app, .left = CTL_SHOW_ENTRIES};
	json_t *list, *silent;

	if (sources == NULL)
		return NULL;
	if (limit > 0)
		l.left = limit < CTL_SHOW_ENTRIES_MAX ? (size_t)limit : CTL_SHOW_ENTRIES_MAX;
	l.all = json_is_true(json_object_get(params, "all"));
	for (uint16_t i = 0; i < app->n_workers; i++) {
		sources[i].w = app->workers[i];
		sources[i].list = json_array();
		sources[i].slice.end = UINT32_MAX; /* known after the first call */
	}
	list_in_turn(&l, sources, add);
	list = json_array();
	silent = json_array();
	for (uint16_t i = 0; i < app->n_workers; i++) {
		json_array_extend(list, sources[i].list);
		json_decref(sources[i].list);
		if (sources[i].silent)
			json_array_append_new(silent, json_integer(i));
	}
	free(sources);
	if (l.truncated)
		json_object_set_new(reply, "truncated", json_true());
	if (json_array_size(silent) > 0)
		json_object_set(reply, "silent_workers", silent);
	json_decref(silent);
	return list;
}

/* Whether another entry may be made. */
static bool take_entry(struct listing *l)
{
	if (l->left > 0)
		l->left--;
	else
		l->truncated = true;
	return !l->truncated;
}

static const char *mode_name(uint8_t mode)
{
	switch (mode) {
	case CONN_MPTCP:
		return "mptcp";
	case CONN_FALLBACK:
		return "fallback";
	default:
		return "tcp";
	}
}

static json_t *json_endpoint(const struct ip_addr *a, uint16_t port)
{
	char buf[ENDPOINT_LEN];

	return json_string(endpoint_str(a, port, buf));
}

/* Clients only: the server's leg is part of the same entry. */
static void add_connection(struct listing *l, const struct conn_info *c, const struct cfg_server *s)
{
	/* The oldest subflow is the last of the list. */
	const struct flow_key *key = c->n_subflows > 0 ? &c->subflow[c->n_subflows - 1].key : NULL;
	bool over = c->state == CONN_TIME_WAIT || c->state == CONN_CLOSED;
	json_t *o;

	if (c->active || (over && !l->all) || !take_entry(l))
		return;
	o = json_pack("{s:I, s:i, s:s, s:I, s:s, s:s, s:i}", "id", (json_int_t)c->id, "worker",
		      (int)l->w->index, "listener", l->app->cfg->listeners[c->listener].name,
		      "token", (json_int_t)c->token, "mode", mode_name(c->mode), "state",
		      c->state < CONN_STATE_MAX ? conn_state_name[c->state] : "?", "subflows",
		      (int)c->n_subflows);
	json_object_set_new(o, "client",
			    key != NULL ? json_endpoint(&key->remote, key->remote_port)
					: json_null());
	json_object_set_new(o, "server",
			    s != NULL ? json_endpoint(&s->addr, s->tcp_port) : json_null());
	json_object_set_new(o, "rx_bytes", json_u64(c->bytes_received));
	json_object_set_new(o, "tx_bytes", json_u64(c->bytes_sent));
	json_object_set_new(o, "age_ms", json_u64(c->age_ms));
	json_array_append_new(l->list, o);
}

static void add_subflow(struct listing *l, const struct conn_info *c, const struct subflow_info *f)
{
	/* Both legs go by the client's number, as "show connections" does. */
	uint64_t id = c->active && c->pair_id != 0 ? c->pair_id : c->id;
	json_t *o = json_pack("{s:I, s:i, s:s, s:o, s:o, s:s}", "conn", (json_int_t)id, "worker",
			      (int)l->w->index, "leg", c->active ? "server" : "client", "local",
			      json_endpoint(&f->key.local, f->key.local_port), "remote",
			      json_endpoint(&f->key.remote, f->key.remote_port), "state",
			      f->tcp_state < TCPS_MAX ? tcp_state_name[f->tcp_state] : "?");
	const struct {
		const char *name;
		uint64_t value;
	} numbers[] = {
		{"addr_id_local", f->addr_id_local},
		{"addr_id_remote", f->addr_id_remote},
		{"rtt_us", f->srtt_us},
		{"rttvar_us", f->rttvar_us},
		{"rto_ms", f->rto_ms},
		{"cwnd", f->cwnd},
		{"mss", f->mss},
		{"pmtu", f->pmtu},
		{"unacked", f->unacked},
		{"retrans", f->retrans},
		{"bytes_sent", f->bytes_sent},
		{"bytes_received", f->bytes_received},
		{"snd_wnd", f->snd_wnd},
		{"rcv_wnd", f->rcv_wnd},
	};

	/* None before the first loss. */
	json_object_set_new(o, "ssthresh",
			    f->ssthresh != UINT32_MAX ? json_u64(f->ssthresh) : json_null());
	json_object_set_new(o, "backup", json_boolean(f->backup));
	json_object_set_new(o, "stale", json_boolean(f->stale));
	for (size_t i = 0; i < RTE_DIM(numbers); i++)
		json_object_set_new(o, numbers[i].name, json_u64(numbers[i].value));
	json_array_append_new(l->list, o);
}

static void add_subflows(struct listing *l, const struct conn_info *c, const struct cfg_server *s)
{
	for (unsigned int i = 0; i < c->n_subflows; i++) {
		const struct subflow_info *f = &c->subflow[i];
		bool over = f->tcp_state == TCPS_TIME_WAIT || f->tcp_state == TCPS_CLOSED;

		if ((l->all || !over) && take_entry(l))
			add_subflow(l, c, f);
	}
}

static json_t *show_connections(void *arg, const json_t *params, json_t *reply)
{
	return list_conns(arg, params, reply, add_connection);
}

static json_t *show_subflows(void *arg, const json_t *params, json_t *reply)
{
	return list_conns(arg, params, reply, add_subflows);
}

/* --- counters ------------------------------------------------------------------------------------- */

static json_t *show_counters(void *arg, const json_t *params, json_t *reply)
{
	static const char *const kind_name[] = {
		[CTR_KIND_EVENT] = "event",
		[CTR_KIND_DROP] = "drop",
		[CTR_KIND_GAUGE] = "gauge",
	};
	const struct app *app = arg;
	json_t *total = json_object(), *kinds = json_object(), *help = json_object();
	json_t *workers = json_array(), *control = json_object();

	for (uint16_t i = 0; i < app->n_workers; i++)
		json_array_append_new(workers, json_object());
	for (unsigned int c = CTR_NONE + 1; c < CTR_MAX; c++) {
		const struct counter_desc *d = &counter_desc[c];
		uint64_t sum = app->ctrs[c]; /* wraps: a level may be below 0 on one worker */

		for (uint16_t i = 0; i < app->n_workers; i++) {
			uint64_t v = worker_ctr(app->workers[i], (enum counter)c);

			json_object_set_new(json_array_get(workers, i), d->name, json_u64(v));
			sum += v;
		}
		json_object_set_new(control, d->name, json_u64(app->ctrs[c]));
		json_object_set_new(total, d->name, json_u64(sum));
		json_object_set_new(kinds, d->name, json_string(kind_name[d->kind]));
		json_object_set_new(help, d->name, json_string(d->help));
	}
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "total", total, "workers", workers, "control",
			 control, "kinds", kinds, "help", help);
}

void ctl_show_register(struct ctl_server *srv, struct app *app)
{
	static const struct {
		const char *name;
		ctl_show_fn *fn;
	} shows[] = {
		{"status", show_status},       {"ports", show_ports},
		{"listeners", show_listeners}, {"connections", show_connections},
		{"subflows", show_subflows},   {"counters", show_counters},
	};

	for (size_t i = 0; i < RTE_DIM(shows); i++)
		ctl_server_register(srv, shows[i].name, shows[i].fn, app);
}
