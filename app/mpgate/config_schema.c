/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which keys a configuration has, of what kind, in which range and with which default: all of it
 * here and nowhere else. The walk over the tree reports every fault at once, where libcyaml would
 * stop at the first, take "70000x" for a number and any word for true.
 * Control thread; pure but for the error list.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config_parts.h"
#include "mptcp/conn/conn.h"

#define OPT      (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define MUST     CYAML_FLAG_POINTER
#define TEXT_MAX 255

#define NUM(key, flags, type, member) CYAML_FIELD_UINT_PTR(key, flags, struct type, member)
#define BOOL(key, type, member)       CYAML_FIELD_BOOL_PTR(key, OPT, struct type, member)
#define TEXT(key, flags, type, member, max) \
	CYAML_FIELD_STRING_PTR(key, flags, struct type, member, 1, max)
#define MAP(key, type, member, fields) \
	CYAML_FIELD_MAPPING_PTR(key, OPT, struct type, member, fields)
#define LIST(key, flags, type, member, entry, min, max) \
	CYAML_FIELD_SEQUENCE(key, flags, struct type, member, entry, min, max)

static const cyaml_schema_value_t text_entry = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, TEXT_MAX),
};
static const cyaml_schema_value_t number_entry = {
	CYAML_VALUE_UINT(CYAML_FLAG_DEFAULT, uint64_t),
};

static const cyaml_schema_field_t memory_fields[] = {
	BOOL("hugepages", raw_memory, hugepages),
	NUM("size_mb", OPT, raw_memory, size_mb),
	NUM("mbufs", OPT, raw_memory, mbufs),
	NUM("connections", OPT, raw_memory, connections),
	NUM("subflows", OPT, raw_memory, subflows),
	NUM("relay_buffer", OPT, raw_memory, relay_buffer),
	NUM("relay_buffer_max", OPT, raw_memory, relay_buffer_max),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t port_fields[] = {
	TEXT("name", MUST, raw_port, name, CFG_NAME_MAX - 1),
	TEXT("device", MUST, raw_port, device, CFG_DEVICE_MAX - 1),
	NUM("mtu", OPT, raw_port, mtu),
	LIST("addresses", MUST, raw_port, addresses, &text_entry, 1, CFG_ADDRS_MAX),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t port_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_port, port_fields),
};

static const cyaml_schema_field_t route_fields[] = {
	TEXT("to", MUST, raw_route, to, TEXT_MAX),
	TEXT("via", MUST, raw_route, via, TEXT_MAX),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t route_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_route, route_fields),
};

static const cyaml_schema_field_t pool_fields[] = {
	TEXT("name", MUST, raw_pool, name, CFG_NAME_MAX - 1),
	NUM("connect_timeout_ms", OPT, raw_pool, connect_timeout_ms),
	BOOL("mptcp", raw_pool, mptcp),
	LIST("servers", MUST, raw_pool, servers, &text_entry, 1, CFG_SERVERS_MAX),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t pool_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_pool, pool_fields),
};

static const cyaml_schema_field_t listener_fields[] = {
	TEXT("name", MUST, raw_listener, name, CFG_NAME_MAX - 1),
	LIST("addresses", OPT, raw_listener, addresses, &text_entry, 1, CFG_LISTEN_ADDRS_MAX),
	NUM("port", MUST, raw_listener, port),
	TEXT("pool", MUST, raw_listener, pool, TEXT_MAX),
	BOOL("mptcp", raw_listener, mptcp),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t listener_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_listener, listener_fields),
};

static const cyaml_schema_field_t signal_fields[] = {
	TEXT("address", MUST, raw_signal, address, TEXT_MAX),
	NUM("port", OPT, raw_signal, port),
	NUM("id", OPT, raw_signal, id),
	BOOL("backup", raw_signal, backup),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t signal_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_signal, signal_fields),
};

static const cyaml_schema_field_t mptcp_fields[] = {
	BOOL("checksum", raw_mptcp, checksum),
	NUM("subflows", OPT, raw_mptcp, subflows),
	LIST("signal", OPT, raw_mptcp, signal, &signal_entry, 0, CFG_SIGNAL_MAX),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t tcp_fields[] = {
	TEXT("congestion", OPT, raw_tcp, congestion, TEXT_MAX),
	TEXT("ecn", OPT, raw_tcp, ecn, TEXT_MAX),
	BOOL("pacing", raw_tcp, pacing),
	TEXT("mtu_probing", OPT, raw_tcp, mtu_probing, TEXT_MAX),
	NUM("time_wait_ms", OPT, raw_tcp, time_wait_ms),
	NUM("half_open", OPT, raw_tcp, half_open),
	NUM("user_timeout_ms", OPT, raw_tcp, user_timeout_ms),
	NUM("keepalive_ms", OPT, raw_tcp, keepalive_ms),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t control_fields[] = {
	TEXT("socket", OPT, raw_control, socket, sizeof(((struct config *)0)->socket_path) - 1),
	TEXT("instance", OPT, raw_control, instance, CFG_NAME_MAX - 1),
	NUM("drain_ms", OPT, raw_control, drain_ms),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t top_fields[] = {
	NUM("workers", OPT, raw_config, workers),
	LIST("cores", OPT, raw_config, cores, &number_entry, 1, CFG_WORKERS_MAX),
	NUM("control_core", OPT, raw_config, control_core),
	TEXT("idle", OPT, raw_config, idle, TEXT_MAX),
	MAP("memory", raw_config, memory, memory_fields),
	LIST("ports", MUST, raw_config, ports, &port_entry, 1, CFG_PORTS_MAX),
	LIST("routes", OPT, raw_config, routes, &route_entry, 0, CFG_ROUTES_MAX),
	LIST("pools", MUST, raw_config, pools, &pool_entry, 1, CFG_POOLS_MAX),
	LIST("listeners", MUST, raw_config, listeners, &listener_entry, 1, CFG_LISTENERS_MAX),
	MAP("mptcp", raw_config, mptcp, mptcp_fields),
	MAP("tcp", raw_config, tcp, tcp_fields),
	MAP("control", raw_config, control, control_fields),
	CYAML_FIELD_END,
};

const cyaml_schema_value_t cfg_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_config, top_fields),
};

/* {path, default, lowest, highest}; a default of 0 below the lowest stands for "left out". */
static const struct cfg_rule rules[] = {
	{"workers", 1, 1, CFG_WORKERS_MAX, NULL},
	{"cores[]", 0, 0, 1023, NULL},
	{"control_core", 0, 0, 1023, NULL},
	{"idle", 0, 0, 0, "poll"},
	{"memory.hugepages", true, 0, 1, NULL},
	{"memory.size_mb", 0, 64, 1 << 20, NULL},
	{"memory.mbufs", 65536, 2048, 1 << 24, NULL},
	{"memory.connections", 16384, 1, 1 << 22, NULL},
	{"memory.subflows", 65536, 2, 1 << 23, NULL},
	{"memory.relay_buffer", 384 << 10, 16 << 10, 1 << 28, NULL},
	{"memory.relay_buffer_max", 16 << 20, 16 << 10, 1 << 28, NULL},
	{"ports[].mtu", 1500, 576, 9000, NULL},
	{"pools[].connect_timeout_ms", 3000, 10, 120000, NULL},
	{"pools[].mptcp", false, 0, 1, NULL},
	{"listeners[].port", 0, 1, 65535, NULL},
	{"listeners[].mptcp", true, 0, 1, NULL},
	{"mptcp.checksum", false, 0, 1, NULL},
	{"mptcp.subflows", 8, 1, CONN_SUBFLOWS_MAX, NULL},
	{"mptcp.signal[].port", 0, 1, 65535, NULL},
	{"mptcp.signal[].id", 0, 1, 255, NULL},
	{"mptcp.signal[].backup", false, 0, 1, NULL},
	{"tcp.congestion", 0, 0, 0, "cubic"},
	{"tcp.ecn", 0, 0, 0, "accept"},
	{"tcp.pacing", true, 0, 1, NULL},
	{"tcp.mtu_probing", 0, 0, 0, "on"},
	{"tcp.time_wait_ms", 60000, 0, 240000, NULL}, /* at most 2 MSL, RFC 9293 s3.4.2 */
	{"tcp.half_open", 4096, 1, 1 << 23, NULL},
	{"tcp.user_timeout_ms", 0, 0, 86400000, NULL},
	{"tcp.keepalive_ms", 7200000, 0, 86400000, NULL},
	{"control.socket", 0, 0, 0, "/run/mpgate.sock"},
	{"control.instance", 0, 0, 0, "mpgate"},
	{"control.drain_ms", 10000, 0, 3600000, NULL},
};

const struct cfg_rule *cfg_rule(const char *path)
{
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (strcmp(rules[i].path, path) == 0)
			return &rules[i];
	return NULL;
}

/* Levenshtein's distance of words of at most 63 characters; longer ones are far from all. */
static unsigned int distance(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b);
	unsigned int row[64];

	if (la > 63 || lb > 63)
		return 64;
	for (unsigned int j = 0; j <= lb; j++)
		row[j] = j;
	for (unsigned int i = 1; i <= la; i++) {
		unsigned int diag = row[0];

		row[0] = i;
		for (unsigned int j = 1; j <= lb; j++) {
			unsigned int up = row[j], best = diag + (a[i - 1] != b[j - 1]);

			if (up + 1 < best)
				best = up + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diag = up;
			row[j] = best;
		}
	}
	return row[lb];
}

const char *cfg_nearest(const char *word, const char *const *words, unsigned int n)
{
	const char *best = NULL;
	unsigned int best_d = 0;

	for (unsigned int i = 0; i < n; i++) {
		unsigned int d = distance(word, words[i]);
		unsigned int limit = (unsigned int)strlen(words[i]) / 3 + 1;

		if (strcasecmp(word, words[i]) == 0)
			return words[i];
		if (d <= limit && (best == NULL || d < best_d)) {
			best = words[i];
			best_d = d;
		}
	}
	return best;
}

struct walk {
	struct cfg_errs *errs;
	bool loadable;
};

static void check_value(struct walk *w, const struct cfg_node *n, const cyaml_schema_value_t *s,
			const char *name, const char *path);

/* The section (or list) of the top level that has this key, for one that stands elsewhere. */
static const char *section_of(const char *key, const struct cyaml_schema_field *not_in)
{
	for (const cyaml_schema_field_t *f = top_fields; f->key != NULL; f++) {
		const cyaml_schema_value_t *v = &f->value;

		if (v->type == CYAML_SEQUENCE)
			v = v->sequence.entry;
		if (v->type != CYAML_MAPPING || v->mapping.fields == not_in)
			continue;
		for (const cyaml_schema_field_t *g = v->mapping.fields; g->key != NULL; g++)
			if (strcmp(g->key, key) == 0)
				return f->key;
	}
	return NULL;
}

static void unknown_key(struct walk *w, const struct cfg_node *n, const char *where,
			const struct cyaml_schema_field *fields)
{
	const char *words[32], *near, *section;
	char known[200] = "";
	unsigned int count = 0;
	size_t len = 0;

	for (const struct cyaml_schema_field *f = fields; f->key != NULL; f++) {
		words[count++] = f->key;
		if (len + strlen(f->key) + 3 > sizeof(known))
			continue;
		len += (size_t)snprintf(known + len, sizeof(known) - len, "%s%s",
					len > 0 ? ", " : "", f->key);
	}
	near = cfg_nearest(n->key, words, count);
	section = section_of(n->key, fields);
	if (section != NULL && (near == NULL || strcmp(near, n->key) != 0))
		cfg_err(w->errs, n->line, "unknown key '%.40s' %s: it belongs under '%s'", n->key,
			where, section);
	else if (near != NULL)
		cfg_err(w->errs, n->line, "unknown key '%.40s' %s: did you mean '%s'?", n->key,
			where, near);
	else
		cfg_err(w->errs, n->line, "unknown key '%.40s' %s: known are %s", n->key, where,
			known);
}

static void check_map(struct walk *w, const struct cfg_node *n,
		      const struct cyaml_schema_field *fields, const char *name, const char *path)
{
	const struct cyaml_schema_field *f;
	const struct cfg_node *c, *first;
	char sub[128], where[64];

	snprintf(where, sizeof(where), "%s%s%s", *name != '\0' ? "in '" : "at the top level", name,
		 *name != '\0' ? "'" : "");
	for (c = n->child; c != NULL; c = c->next) {
		for (f = fields; f->key != NULL && strcmp(f->key, c->key) != 0; f++)
			;
		if (f->key == NULL) {
			unknown_key(w, c, where, fields);
			continue;
		}
		first = cfg_node_get(n, c->key);
		if (first != c) {
			cfg_err(w->errs, c->line,
				"'%s' is given twice, first on line %d: remove one of them", c->key,
				first->line);
			w->loadable = false;
		}
		snprintf(sub, sizeof(sub), "%s%s%s", path, *path != '\0' ? "." : "", f->key);
		check_value(w, c, &f->value, f->key, sub);
	}
	for (f = fields; f->key != NULL; f++) {
		if ((f->value.flags & CYAML_FLAG_OPTIONAL) != 0 || cfg_node_get(n, f->key) != NULL)
			continue;
		cfg_err(w->errs, n->line, "'%s' is missing %s: add it%s", f->key, where,
			f->value.type == CYAML_SEQUENCE ? " with one entry at least" : "");
		w->loadable = false;
	}
}

static void check_number(struct walk *w, const struct cfg_node *n, const char *name,
			 const char *path)
{
	const struct cfg_rule *r = cfg_rule(path);
	size_t len = strlen(n->text);
	unsigned long long v;

	if (n->quoted || len == 0 || strspn(n->text, "0123456789") != len ||
	    (len > 1 && n->text[0] == '0')) {
		w->loadable = false;
		if (n->text[0] != '-' || len < 2 || strspn(n->text + 1, "0123456789") != len - 1) {
			cfg_err(w->errs, n->line,
				"%s: '%.40s' is no number: write decimal digits without unit or "
				"quotes, %llu to %llu",
				name, n->text, (unsigned long long)r->min,
				(unsigned long long)r->max);
			return;
		}
	}
	/* What has more digits than any limit may not reach strtoull's own overflow. */
	v = len > 18 ? ~0ull : strtoull(n->text, NULL, 10);
	if (n->text[0] == '-' || v < r->min || v > r->max)
		cfg_err(w->errs, n->line, "%s: %.40s is out of range: it is %llu to %llu", name,
			n->text, (unsigned long long)r->min, (unsigned long long)r->max);
	if (len > 18)
		w->loadable = false;
}

static void check_scalar(struct walk *w, const struct cfg_node *n, const cyaml_schema_value_t *s,
			 const char *name, const char *path)
{
	size_t len = strlen(n->text);

	switch (s->type) {
	case CYAML_UINT:
		check_number(w, n, name, path);
		break;
	case CYAML_BOOL:
		if (!n->quoted && (strcmp(n->text, "true") == 0 || strcmp(n->text, "false") == 0))
			break;
		cfg_err(w->errs, n->line,
			"%s: '%.40s' is neither true nor false: write one of the two", name,
			n->text);
		break;
	default:
		if (len == 0 || len < s->string.min)
			cfg_err(w->errs, n->line, "%s is empty: give it a value", name);
		else if (len > s->string.max)
			cfg_err(w->errs, n->line, "%s has %zu characters: %u is the most", name,
				len, s->string.max);
		else
			break;
		w->loadable = false;
		break;
	}
}

static void check_list(struct walk *w, const struct cfg_node *n, const cyaml_schema_value_t *s,
		       const char *name, const char *path)
{
	const struct cfg_node *c;
	unsigned int count = 0;
	char sub[128];

	snprintf(sub, sizeof(sub), "%s[]", path);
	for (c = n->child; c != NULL; c = c->next) {
		if (++count == s->sequence.max + 1) {
			cfg_err(w->errs, c->line, "%s has more than %u entries: remove some", name,
				s->sequence.max);
			w->loadable = false;
		}
		if (count <= s->sequence.max)
			check_value(w, c, s->sequence.entry, name, sub);
	}
	if (count >= s->sequence.min)
		return;
	cfg_err(w->errs, n->line, "%s is an empty list: %s", name,
		s->flags & CYAML_FLAG_OPTIONAL ? "remove the key or add an entry" : "add an entry");
	w->loadable = false;
}

/* name: as the user knows it, the nearest key above; path: that of the rules. */
static void check_value(struct walk *w, const struct cfg_node *n, const cyaml_schema_value_t *s,
			const char *name, const char *path)
{
	enum cfg_kind want = s->type == CYAML_MAPPING    ? CFG_MAP
			     : s->type == CYAML_SEQUENCE ? CFG_LIST
							 : CFG_SCALAR;

	if (n->kind == want) {
		if (want == CFG_MAP)
			check_map(w, n, s->mapping.fields, name, path);
		else if (want == CFG_LIST)
			check_list(w, n, s, name, path);
		else
			check_scalar(w, n, s, name, path);
		return;
	}
	w->loadable = false;
	if (*name == '\0')
		cfg_err(w->errs, n->line, "the file is no list of keys: write lines like 'ports:'");
	else if (n->kind == CFG_SCALAR && *n->text == '\0')
		cfg_err(w->errs, n->line, "%s has no value: remove the key or add its %s", name,
			want == CFG_LIST ? "entries, each behind '- '" : "keys, indented below it");
	else if (want == CFG_LIST)
		cfg_err(w->errs, n->line,
			"%s is no list: write %s: [one, two], or '- ' before each entry", name,
			name);
	else if (want == CFG_MAP)
		cfg_err(w->errs, n->line,
			"%s is no group of keys: write 'key: value' lines below it", name);
	else
		cfg_err(w->errs, n->line, "%s is one value, not %s: %s", name,
			n->kind == CFG_LIST ? "a list" : "a group of keys",
			n->kind == CFG_LIST ? "an IPv6 address with brackets needs quotes"
					    : "put quotes around text that has ': ' in it");
}

bool cfg_schema_check(const struct cfg_node *root, struct cfg_errs *errs)
{
	struct walk w = {.errs = errs, .loadable = true};

	check_value(&w, root, &cfg_schema, "", "");
	return w.loadable;
}
