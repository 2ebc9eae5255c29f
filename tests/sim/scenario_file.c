/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A scenario from YAML. Everything has a default: what is not mentioned does not happen, and buffers are
 * large. The names and units of the keys are those of the table in docs/simulator.md.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <cyaml/cyaml.h>

#include "mptcp/tcp/tcp.h"
#include "scenario.h"

#ifndef SCENARIO_DIR
#error "SCENARIO_DIR is where scenarios are looked for by name"
#endif

#define OPT            CYAML_FLAG_OPTIONAL
#define OPT_PTR        (CYAML_FLAG_OPTIONAL | CYAML_FLAG_POINTER)
#define DEFAULT_MTU    1500
#define DEFAULT_BUFFER (64u << 20)

struct raw_outage {
	uint32_t from_ms, to_ms;
};

struct raw_link {
	double rate_mbit, delay_ms, jitter_ms, queue_kib, mark_kib, loss_percent;
	double burst_enter_percent, burst_leave_percent, burst_loss_percent;
	double reorder_percent, reorder_ms, duplicate_percent, damage_percent;
	double forged_percent;
	uint32_t mtu, mtu_from_ms, flap_up_ms, flap_down_ms;
	bool router;
	struct raw_outage *outages;
	unsigned int n_outages;
};

struct raw_box {
	char *kind;
	uint32_t n, when;
};

struct raw_path {
	uint32_t mtu;
	struct raw_link *both, *up, *down;
	struct raw_box *boxes;
	unsigned int n_boxes;
};

struct raw_user {
	double send_mib, read_mbit, think_ms;
	uint32_t chunk, pause_at, pause_ms;
	bool close_last;
};

struct raw_conn {
	uint32_t start_ms, path;
	struct raw_user client, server;
};

struct raw_tcp {
	char *congestion;
	double rcv_buffer_kib, snd_buffer_kib;
	uint32_t delack_ms;
	bool ecn, unpaced;
};

struct raw {
	uint64_t seed;
	uint32_t family;
	bool relay, check, cookies;
	double seconds, omit_seconds, relay_buffer_kib, relay_buffer_max_kib;
	uint32_t poll_us, mbufs;
	struct raw_path *paths;
	unsigned int n_paths;
	struct raw_path server_path;
	struct raw_conn *connections;
	unsigned int n_connections;
	struct raw_tcp tcp;
};

#define NUM(type, key)  CYAML_FIELD_UINT(#key, OPT, struct type, key)
#define REAL(type, key) CYAML_FIELD_FLOAT(#key, OPT, struct type, key)
#define FLAG(type, key) CYAML_FIELD_BOOL(#key, OPT, struct type, key)
#define TEXT(type, key) CYAML_FIELD_STRING_PTR(#key, OPT_PTR, struct type, key, 1, 32)

static const cyaml_schema_field_t outage_fields[] = {NUM(raw_outage, from_ms),
						     NUM(raw_outage, to_ms), CYAML_FIELD_END};
static const cyaml_schema_value_t outage = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_outage, outage_fields)};

static const cyaml_schema_field_t link_fields[] = {
	REAL(raw_link, rate_mbit),
	REAL(raw_link, delay_ms),
	REAL(raw_link, jitter_ms),
	REAL(raw_link, queue_kib),
	REAL(raw_link, mark_kib),
	REAL(raw_link, loss_percent),
	REAL(raw_link, burst_enter_percent),
	REAL(raw_link, burst_leave_percent),
	REAL(raw_link, burst_loss_percent),
	REAL(raw_link, reorder_percent),
	REAL(raw_link, reorder_ms),
	REAL(raw_link, duplicate_percent),
	REAL(raw_link, damage_percent),
	NUM(raw_link, mtu),
	NUM(raw_link, mtu_from_ms),
	FLAG(raw_link, router),
	REAL(raw_link, forged_percent),
	NUM(raw_link, flap_up_ms),
	NUM(raw_link, flap_down_ms),
	CYAML_FIELD_SEQUENCE_COUNT("outages", OPT_PTR, struct raw_link, outages, n_outages, &outage,
				   0, SC_OUTAGES_MAX),
	CYAML_FIELD_END};

static const cyaml_schema_field_t box_fields[] = {TEXT(raw_box, kind), NUM(raw_box, n),
						  NUM(raw_box, when), CYAML_FIELD_END};
static const cyaml_schema_value_t box = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_box, box_fields)};

static const cyaml_schema_field_t path_fields[] = {
	NUM(raw_path, mtu),
	CYAML_FIELD_MAPPING_PTR("both", OPT_PTR, struct raw_path, both, link_fields),
	CYAML_FIELD_MAPPING_PTR("up", OPT_PTR, struct raw_path, up, link_fields),
	CYAML_FIELD_MAPPING_PTR("down", OPT_PTR, struct raw_path, down, link_fields),
	CYAML_FIELD_SEQUENCE_COUNT("boxes", OPT_PTR, struct raw_path, boxes, n_boxes, &box, 0,
				   SC_BOXES_MAX),
	CYAML_FIELD_END};
static const cyaml_schema_value_t path = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_path, path_fields)};

static const cyaml_schema_field_t user_fields[] = {
	REAL(raw_user, send_mib),   REAL(raw_user, read_mbit),
	REAL(raw_user, think_ms),   NUM(raw_user, chunk),
	NUM(raw_user, pause_at),    NUM(raw_user, pause_ms),
	FLAG(raw_user, close_last), CYAML_FIELD_END};

static const cyaml_schema_field_t conn_fields[] = {
	NUM(raw_conn, start_ms), NUM(raw_conn, path),
	CYAML_FIELD_MAPPING("client", OPT, struct raw_conn, client, user_fields),
	CYAML_FIELD_MAPPING("server", OPT, struct raw_conn, server, user_fields), CYAML_FIELD_END};
static const cyaml_schema_value_t conn = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_conn, conn_fields)};

static const cyaml_schema_field_t tcp_fields[] = {TEXT(raw_tcp, congestion),
						  REAL(raw_tcp, rcv_buffer_kib),
						  REAL(raw_tcp, snd_buffer_kib),
						  NUM(raw_tcp, delack_ms),
						  FLAG(raw_tcp, ecn),
						  FLAG(raw_tcp, unpaced),
						  CYAML_FIELD_END};

static const cyaml_schema_field_t fields[] = {
	NUM(raw, seed),
	NUM(raw, family),
	FLAG(raw, relay),
	FLAG(raw, check),
	FLAG(raw, cookies),
	REAL(raw, seconds),
	REAL(raw, omit_seconds),
	REAL(raw, relay_buffer_kib),
	REAL(raw, relay_buffer_max_kib),
	NUM(raw, poll_us),
	NUM(raw, mbufs),
	CYAML_FIELD_SEQUENCE_COUNT("paths", CYAML_FLAG_POINTER, struct raw, paths, n_paths, &path,
				   1, SC_PATHS_MAX),
	CYAML_FIELD_MAPPING("server_path", OPT, struct raw, server_path, path_fields),
	CYAML_FIELD_SEQUENCE_COUNT("connections", CYAML_FLAG_POINTER, struct raw, connections,
				   n_connections, &conn, 1, SC_CONNS_MAX),
	CYAML_FIELD_MAPPING("tcp", OPT, struct raw, tcp, tcp_fields),
	CYAML_FIELD_END};
static const cyaml_schema_value_t top = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw, fields)};

/* --- from what was read to what is simulated ----------------------------------------------------- */

static uint32_t ppm(double percent)
{
	return (uint32_t)(percent * 10000 + 0.5);
}

static void to_link(struct sc_link *l, const struct raw_link *r)
{
	if (r == NULL)
		return;
	*l = (struct sc_link){
		.rate_bps = (uint64_t)(r->rate_mbit * 1e6),
		.delay_us = (uint32_t)(r->delay_ms * 1000),
		.jitter_us = (uint32_t)(r->jitter_ms * 1000),
		.queue_bytes = (uint32_t)(r->queue_kib * 1024),
		.mark_bytes = (uint32_t)(r->mark_kib * 1024),
		.loss_ppm = ppm(r->loss_percent),
		.burst_enter_ppm = ppm(r->burst_enter_percent),
		.burst_leave_ppm = ppm(r->burst_leave_percent),
		.burst_loss_ppm = ppm(r->burst_loss_percent),
		.reorder_ppm = ppm(r->reorder_percent),
		.reorder_us = (uint32_t)(r->reorder_ms * 1000),
		.dup_ppm = ppm(r->duplicate_percent),
		.corrupt_ppm = ppm(r->damage_percent),
		.mtu = (uint16_t)r->mtu,
		.mtu_from_ms = r->mtu_from_ms,
		.router = r->router,
		.forged_ppm = ppm(r->forged_percent),
		.flap_up_ms = r->flap_up_ms,
		.flap_down_ms = r->flap_down_ms,
		.n_outages = r->n_outages,
	};
	for (unsigned int i = 0; i < r->n_outages; i++)
		l->outages[i] = (struct sc_outage){r->outages[i].from_ms, r->outages[i].to_ms};
}

static int to_path(struct sc_path *p, const struct raw_path *r)
{
	p->mtu = r->mtu != 0 ? (uint16_t)r->mtu : DEFAULT_MTU;
	to_link(&p->up, r->both);
	to_link(&p->down, r->both);
	to_link(&p->up, r->up);
	to_link(&p->down, r->down);
	for (unsigned int i = 0; i < r->n_boxes; i++) {
		const struct raw_box *b = &r->boxes[i];
		uint32_t kind = 0;

		while (kind < BOX_KINDS &&
		       (b->kind == NULL || strcmp(b->kind, sc_box_name[kind]) != 0))
			kind++;
		if (kind == BOX_KINDS) {
			fprintf(stderr, "mpsim: no box is called \"%s\"; there are:",
				b->kind != NULL ? b->kind : "");
			for (kind = 0; kind < BOX_KINDS; kind++)
				fprintf(stderr, " %s", sc_box_name[kind]);
			fputc('\n', stderr);
			return -1;
		}
		p->boxes[p->n_boxes++] = (struct sc_box){kind, b->n, b->when};
	}
	return 0;
}

static void to_user(struct sc_user *u, const struct raw_user *r)
{
	*u = (struct sc_user){
		.bytes = (uint64_t)(r->send_mib * (1 << 20)),
		.chunk_max = r->chunk,
		.think_us = (uint32_t)(r->think_ms * 1000),
		.read_bps = (uint32_t)(r->read_mbit * 1e6),
		.pause_at = r->pause_at,
		.pause_ms = r->pause_ms,
		.close_on_fin = r->close_last,
	};
}

static int to_tcp(struct sc_tcp *t, const struct raw_tcp *r)
{
	double rcv = r->rcv_buffer_kib * 1024, snd = r->snd_buffer_kib * 1024;

	while (r->congestion != NULL && t->cc < TCP_CCS &&
	       strcasecmp(r->congestion, tcp_ccs[t->cc]->name) != 0)
		t->cc++;
	if (t->cc == TCP_CCS) {
		fprintf(stderr, "mpsim: congestion: \"%s\" is none of", r->congestion);
		for (unsigned int i = 0; i < TCP_CCS; i++)
			fprintf(stderr, "%s %s", i > 0 ? "," : "", tcp_ccs[i]->name);
		fprintf(stderr, "\n");
		return -1;
	}
	t->rcv_buffer = rcv > 0 ? (uint32_t)rcv : DEFAULT_BUFFER;
	t->snd_buffer = snd > 0 ? (uint32_t)snd : DEFAULT_BUFFER;
	t->delack_ms = r->delack_ms;
	t->pacing = !r->unpaced;
	t->ecn = r->ecn ? TCP_ECN_REQUEST : TCP_ECN_OFF;
	while (t->wscale < 14 && (uint64_t)UINT16_MAX << t->wscale < t->rcv_buffer)
		t->wscale++;
	return 0;
}

static int convert(struct scenario *sc, const struct raw *r)
{
	sc->seed = r->seed;
	sc->v6 = r->family == 6;
	sc->relay = r->relay;
	sc->checked = r->check;
	sc->cookies = r->cookies;
	sc->poll_us = r->poll_us;
	sc->mbufs = r->mbufs;
	sc->clock_ms = 1000000;
	sc->end_ms = (uint32_t)(r->seconds * 1000);
	sc->omit_ms = (uint32_t)(r->omit_seconds * 1000);
	sc->relay_buffer =
		r->relay_buffer_kib > 0 ? (uint32_t)(r->relay_buffer_kib * 1024) : DEFAULT_BUFFER;
	sc->relay_buffer_max = (uint32_t)(r->relay_buffer_max_kib * 1024);
	sc->may_fail = true;
	if (to_tcp(&sc->client_tcp, &r->tcp) != 0)
		return -1;
	sc->relay_tcp = sc->server_tcp = sc->client_tcp;
	for (unsigned int i = 0; i < r->n_paths; i++)
		if (to_path(&sc->paths[sc->n_paths++], &r->paths[i]) != 0)
			return -1;
	if (to_path(&sc->server_path, &r->server_path) != 0)
		return -1;
	for (unsigned int i = 0; i < r->n_connections; i++) {
		struct sc_conn *c = &sc->conns[sc->n_conns++];

		c->start_ms = r->connections[i].start_ms;
		c->path = r->connections[i].path;
		if (c->path >= sc->n_paths) {
			fprintf(stderr, "mpsim: connection %u: there is no path %u\n", i, c->path);
			return -1;
		}
		to_user(&c->client, &r->connections[i].client);
		to_user(&c->server, &r->connections[i].server);
	}
	return 0;
}

int scenario_load(struct scenario *sc, const char *file_or_name)
{
	const cyaml_config_t config = {
		.log_fn = cyaml_log, .log_level = CYAML_LOG_WARNING, .mem_fn = cyaml_mem};
	struct raw *raw = NULL;
	char file[512];
	cyaml_err_t err;
	int rc;

	memset(sc, 0, sizeof(*sc));
	snprintf(file, sizeof(file), "%s", file_or_name);
	if (access(file, R_OK) != 0)
		snprintf(file, sizeof(file), "%s/%s.yaml", SCENARIO_DIR, file_or_name);
	err = cyaml_load_file(file, &config, &top, (cyaml_data_t **)&raw, NULL);
	if (err != CYAML_OK) {
		fprintf(stderr, "mpsim: %s: %s\n", file, cyaml_strerror(err));
		return -1;
	}
	snprintf(sc->name, sizeof(sc->name), "%.60s", file_or_name);
	rc = convert(sc, raw);
	cyaml_free(&config, &top, raw, 0);
	return rc;
}
