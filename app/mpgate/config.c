/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Read a configuration: text -> tree with lines -> check against the schema -> libcyaml ->
 * struct config -> check of the whole. Each step reports all it finds.
 * Control thread, before any port is touched; allocates.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config_parts.h"
#include "mptcp/tcp/tcp.h"

/* One reading of one file. */
struct load {
	const struct cfg_node *root;
	struct cfg_errs *errs;
	struct config *cfg;
};

/* What libcyaml says, kept for the case that it refuses what the schema check let pass. */
struct cyaml_words {
	char first[200];
	int line;
};

static void keep_words(cyaml_log_t level, void *ctx, const char *fmt, va_list args)
{
	struct cyaml_words *w = ctx;
	char text[sizeof(w->first)];
	const char *line;

	(void)level;
	vsnprintf(text, sizeof(text), fmt, args);
	text[strcspn(text, "\n")] = '\0';
	line = strstr(text, "(line: ");
	if (line != NULL && w->line == 0)
		w->line = (int)strtol(line + strlen("(line: "), NULL, 10);
	if (w->first[0] == '\0')
		memcpy(w->first, text, sizeof(w->first));
}

/* The value of a number or a boolean, or its default; never outside the range of its rule. */
static uint64_t number(const uint64_t *raw, const char *path)
{
	const struct cfg_rule *r = cfg_rule(path);

	if (raw == NULL)
		return r->def;
	return *raw < r->min ? r->min : *raw > r->max ? r->max : *raw;
}

static bool flag(const bool *raw, const char *path)
{
	return raw != NULL ? *raw : cfg_rule(path)->def != 0;
}

static const char *default_text(const char *path)
{
	const struct cfg_rule *r = cfg_rule(path);

	return r != NULL && r->text != NULL ? r->text : "";
}

/* The schema has limited the length; size is that of the member. */
static void copy_text(char *to, size_t size, const char *raw, const char *path)
{
	snprintf(to, size, "%s", raw != NULL ? raw : default_text(path));
}

static void copy_name(struct load *l, char *to, const char *raw, const char *what, unsigned int i)
{
	size_t good = strspn(raw, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				  "_.-");

	if (raw[good] != '\0')
		cfg_err(l->errs, cfg_tree_line(l->root, what, i),
			"name '%.40s' has a character that is not allowed: use letters, digits, "
			"'_', '.' and '-'",
			raw);
	snprintf(to, CFG_NAME_MAX, "%s", raw);
}

/* Which of n words is given as the value of the key at path, or in its absence is the default. */
static unsigned int one_of(struct load *l, const char *raw, const char *path,
			   const char *const *words, unsigned int n)
{
	const char *word = raw != NULL ? raw : default_text(path);
	const char *near = cfg_nearest(word, words, n);
	char all[64] = "";

	for (unsigned int i = 0; i < n; i++) {
		size_t at = strlen(all);

		if (strcmp(word, words[i]) == 0)
			return i;
		snprintf(&all[at], sizeof(all) - at, "%s%s", i == 0 ? "" : ", ", words[i]);
	}
	cfg_err(l->errs, cfg_tree_line(l->root, "%s", path), "%s: '%.40s' is none of %s%s%s%s",
		path, word, all, near != NULL ? ": did you mean '" : "", near != NULL ? near : "",
		near != NULL ? "'?" : "");
	return 0;
}

static void load_process(struct load *l, const struct raw_config *raw)
{
	static const struct raw_control no_control;
	const struct raw_control *c = raw->control != NULL ? raw->control : &no_control;
	static const char *const idle[] = {
		[IDLE_POLL] = "poll", [IDLE_YIELD] = "yield", [IDLE_SLEEP] = "sleep"};
	struct config *cfg = l->cfg;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (cpus < 1)
		cpus = 1;
	cfg->cores_line = cfg_tree_line(l->root, "cores");
	cfg->control_core_line = cfg_tree_line(l->root, "control_core");
	cfg->memory_line = cfg_tree_line(l->root, "memory");
	cfg->n_workers = (uint16_t)number(raw->workers, "workers");
	if (raw->workers == NULL && raw->cores_count > 0)
		cfg->n_workers = (uint16_t)raw->cores_count;
	if (raw->cores_count > 0 && raw->cores_count != cfg->n_workers)
		cfg_err(l->errs, cfg->cores_line,
			"%u workers on line %d but %u cores: give one core for each worker",
			cfg->n_workers, cfg_tree_line(l->root, "workers"), raw->cores_count);
	/* Left out: the CPUs from 1 on, so that CPU 0 stays with the control thread and the kernel
	 * as long as there are others. */
	for (unsigned int i = 0; i < cfg->n_workers; i++)
		cfg->cores[i] = (uint16_t)(i < raw->cores_count ? number(&raw->cores[i], "cores[]")
								: (i + 1) % (unsigned long)cpus);
	for (unsigned int i = 0; i < raw->cores_count && i < cfg->n_workers; i++)
		for (unsigned int j = 0; j < i; j++)
			if (cfg->cores[i] == cfg->cores[j])
				cfg_err(l->errs, cfg_tree_line(l->root, "cores[%u]", i),
					"core %u is given to two workers: each needs its own",
					cfg->cores[i]);
	if (raw->cores_count == 0 && cfg->n_workers > cpus)
		cfg_err(l->errs, cfg_tree_line(l->root, "workers"),
			"%u workers but %ld CPUs: each worker needs its own, so lower workers to %ld",
			cfg->n_workers, cpus, cpus);
	cfg->control_core = (uint16_t)number(raw->control_core, "control_core");
	cfg->idle = (enum cfg_idle)one_of(l, raw->idle, "idle", idle, ARRAY_LEN(idle));
	copy_text(cfg->socket_path, sizeof(cfg->socket_path), c->socket, "control.socket");
	if (c->instance != NULL)
		copy_name(l, cfg->eal_prefix, c->instance, "control.instance", 0);
	else
		copy_text(cfg->eal_prefix, sizeof(cfg->eal_prefix), NULL, "control.instance");
	cfg->drain_ms = (uint32_t)number(c->drain_ms, "control.drain_ms");
}

static void load_memory(struct load *l, const struct raw_memory *raw)
{
	static const struct raw_memory none;
	struct config *cfg = l->cfg;

	if (raw == NULL)
		raw = &none;
	cfg->hugepages = flag(raw->hugepages, "memory.hugepages");
	cfg->mem_mb = (uint32_t)number(raw->size_mb, "memory.size_mb");
	cfg->mbufs = (uint32_t)number(raw->mbufs, "memory.mbufs");
	cfg->connections = (uint32_t)number(raw->connections, "memory.connections");
	cfg->subflows = (uint32_t)number(raw->subflows, "memory.subflows");
	cfg->relay_buffer = (uint32_t)number(raw->relay_buffer, "memory.relay_buffer");
	cfg->relay_buffer_max = (uint32_t)number(raw->relay_buffer_max, "memory.relay_buffer_max");
	if (raw->relay_buffer_max == NULL)
		cfg->relay_buffer_max = RTE_MAX(cfg->relay_buffer_max, cfg->relay_buffer);
	if (cfg->relay_buffer_max < cfg->relay_buffer)
		cfg_err(l->errs, cfg_tree_line(l->root, "memory.relay_buffer_max"),
			"relay_buffer_max: %u is less than relay_buffer, %u: raise it, or leave it out",
			cfg->relay_buffer_max, cfg->relay_buffer);
}

static void load_ports(struct load *l, const struct raw_config *raw)
{
	for (unsigned int i = 0; i < raw->ports_count; i++) {
		const struct raw_port *r = &raw->ports[i];
		struct cfg_port *p = &l->cfg->ports[i];

		copy_name(l, p->name, r->name, "ports[%u].name", i);
		copy_text(p->device, sizeof(p->device), r->device, "");
		p->line = cfg_tree_line(l->root, "ports[%u].device", i);
		p->mtu = (uint16_t)number(r->mtu, "ports[].mtu");
		for (unsigned int j = 0; j < r->addresses_count; j++) {
			const char *why = cfg_parse_prefix(r->addresses[j], &p->addrs[j]);

			if (why == NULL && !ip_addr_is_unicast(&p->addrs[j].addr)) {
				why = "is no address a port can have: use a unicast address";
				memset(&p->addrs[j], 0, sizeof(p->addrs[j]));
			}
			if (why != NULL)
				cfg_err(l->errs,
					cfg_tree_line(l->root, "ports[%u].addresses[%u]", i, j),
					"'%.60s' %s", r->addresses[j], why);
		}
		p->n_addrs = (uint16_t)r->addresses_count;
	}
	l->cfg->n_ports = (uint16_t)raw->ports_count;
}

static void load_routes(struct load *l, const struct raw_config *raw)
{
	for (unsigned int i = 0; i < raw->routes_count; i++) {
		const struct raw_route *r = &raw->routes[i];
		struct cfg_route *route = &l->cfg->routes[i];
		const char *bad_to = cfg_parse_prefix(r->to, &route->to);
		const char *bad_via = cfg_parse_addr(r->via, &route->via);

		if (bad_to != NULL)
			cfg_err(l->errs, cfg_tree_line(l->root, "routes[%u].to", i), "'%.60s' %s",
				r->to, bad_to);
		if (bad_via != NULL)
			cfg_err(l->errs, cfg_tree_line(l->root, "routes[%u].via", i), "'%.60s' %s",
				r->via, bad_via);
		/* Without a gateway a route is not looked at any more. */
		if (bad_to != NULL)
			memset(&route->via, 0, sizeof(route->via));
	}
	l->cfg->n_routes = (uint16_t)raw->routes_count;
}

static void load_pools(struct load *l, const struct raw_config *raw)
{
	for (unsigned int i = 0; i < raw->pools_count; i++) {
		const struct raw_pool *r = &raw->pools[i];
		struct cfg_pool *p = &l->cfg->pools[i];

		copy_name(l, p->name, r->name, "pools[%u].name", i);
		p->connect_timeout_ms =
			(uint32_t)number(r->connect_timeout_ms, "pools[].connect_timeout_ms");
		p->mptcp = flag(r->mptcp, "pools[].mptcp");
		for (unsigned int j = 0; j < r->servers_count; j++) {
			const char *why = cfg_parse_server(r->servers[j], &p->servers[j]);

			if (why != NULL)
				cfg_err(l->errs,
					cfg_tree_line(l->root, "pools[%u].servers[%u]", i, j),
					"'%.60s' %s", r->servers[j], why);
		}
		p->n_servers = (uint16_t)r->servers_count;
	}
	l->cfg->n_pools = (uint16_t)raw->pools_count;
}

/* The index of the pool of that name; an error and 0 when there is none. */
static uint16_t find_pool(struct load *l, const char *name, unsigned int listener)
{
	const char *words[CFG_POOLS_MAX], *near;
	unsigned int n = l->cfg->n_pools;
	int line = cfg_tree_line(l->root, "listeners[%u].pool", listener);

	for (unsigned int i = 0; i < n; i++) {
		words[i] = l->cfg->pools[i].name;
		if (strcmp(words[i], name) == 0)
			return (uint16_t)i;
	}
	near = cfg_nearest(name, words, n);
	if (near != NULL)
		cfg_err(l->errs, line, "no pool is called '%.40s': did you mean '%s'?", name, near);
	else
		cfg_err(l->errs, line, "no pool is called '%.40s': add it under 'pools'", name);
	return 0;
}

static void load_listeners(struct load *l, const struct raw_config *raw)
{
	for (unsigned int i = 0; i < raw->listeners_count; i++) {
		const struct raw_listener *r = &raw->listeners[i];
		struct cfg_listener *s = &l->cfg->listeners[i];

		copy_name(l, s->name, r->name, "listeners[%u].name", i);
		s->tcp_port = (uint16_t)number(r->port, "listeners[].port");
		s->mptcp = flag(r->mptcp, "listeners[].mptcp");
		s->pool = find_pool(l, r->pool, i);
		for (unsigned int j = 0; j < r->addresses_count; j++) {
			const char *why = cfg_parse_addr(r->addresses[j], &s->addrs[j]);

			if (why != NULL)
				cfg_err(l->errs,
					cfg_tree_line(l->root, "listeners[%u].addresses[%u]", i, j),
					"'%.60s' %s", r->addresses[j], why);
		}
		s->n_addrs = (uint16_t)r->addresses_count;
	}
	l->cfg->n_listeners = (uint16_t)raw->listeners_count;
}

static void load_mptcp(struct load *l, const struct raw_mptcp *raw)
{
	static const struct raw_mptcp none;
	struct config *cfg = l->cfg;

	if (raw == NULL)
		raw = &none;
	cfg->checksum = flag(raw->checksum, "mptcp.checksum");
	cfg->subflows_per_conn = (uint8_t)number(raw->subflows, "mptcp.subflows");
	for (unsigned int i = 0; i < raw->signal_count; i++) {
		const struct raw_signal *r = &raw->signal[i];
		struct cfg_signal *s = &cfg->signal[i];
		const char *why = cfg_parse_addr(r->address, &s->addr);

		if (why != NULL)
			cfg_err(l->errs, cfg_tree_line(l->root, "mptcp.signal[%u].address", i),
				"'%.60s' %s", r->address, why);
		s->tcp_port = (uint16_t)number(r->port, "mptcp.signal[].port");
		s->id = (uint8_t)number(r->id, "mptcp.signal[].id");
		s->backup = flag(r->backup, "mptcp.signal[].backup");
		for (unsigned int j = 0; r->id != NULL && j < i; j++)
			if (s->id == cfg->signal[j].id)
				cfg_err(l->errs, cfg_tree_line(l->root, "mptcp.signal[%u].id", i),
					"address ID %u is given twice: each address needs its own, "
					"or leave the IDs out",
					s->id);
	}
	cfg->n_signal = (uint16_t)raw->signal_count;
	/* Those without an ID get the lowest that is free. */
	for (unsigned int i = 0; i < cfg->n_signal; i++) {
		uint8_t id = 1;

		if (cfg->signal[i].id != 0)
			continue;
		for (unsigned int j = 0; j < cfg->n_signal; j++)
			if (cfg->signal[j].id == id) {
				id++;
				j = -1u;
			}
		cfg->signal[i].id = id;
	}
}

static void load_tcp(struct load *l, const struct raw_tcp *raw)
{
	static const char *const ecn[] = {"off", "accept", "request"};   /* enum tcp_ecn */
	static const char *const probing[] = {"off", "blackhole", "on"}; /* enum tcp_mtu_probing */
	static const struct raw_tcp none;
	struct config *cfg = l->cfg;
	const char *ccs[TCP_CCS];

	for (unsigned int i = 0; i < TCP_CCS; i++)
		ccs[i] = tcp_ccs[i]->name;
	if (raw == NULL)
		raw = &none;
	cfg->time_wait_ms = (uint32_t)number(raw->time_wait_ms, "tcp.time_wait_ms");
	cfg->half_open_max = (uint32_t)number(raw->half_open, "tcp.half_open");
	cfg->user_timeout_ms = (uint32_t)number(raw->user_timeout_ms, "tcp.user_timeout_ms");
	cfg->keepalive_ms = (uint32_t)number(raw->keepalive_ms, "tcp.keepalive_ms");
	cfg->cc = tcp_ccs[one_of(l, raw->congestion, "tcp.congestion", ccs, TCP_CCS)];
	cfg->pacing = flag(raw->pacing, "tcp.pacing");
	cfg->ecn = (uint8_t)one_of(l, raw->ecn, "tcp.ecn", ecn, ARRAY_LEN(ecn));
	cfg->mtu_probing = (uint8_t)one_of(l, raw->mtu_probing, "tcp.mtu_probing", probing,
					   ARRAY_LEN(probing));
}

/* Let libcyaml fill struct raw_config and turn that into *cfg. */
static void load_values(struct load *l, const char *text, size_t len)
{
	struct cyaml_words words = {.line = 0};
	cyaml_config_t how = {
		.log_fn = keep_words,
		.log_ctx = &words,
		.log_level = CYAML_LOG_ERROR,
		.mem_fn = cyaml_mem,
		.flags = CYAML_CFG_IGNORE_UNKNOWN_KEYS | CYAML_CFG_NO_ALIAS,
	};
	cyaml_data_t *data = NULL;
	const struct raw_config *raw;
	cyaml_err_t rc;

	rc = cyaml_load_data((const uint8_t *)text, len, &how, &cfg_schema, &data, NULL);
	if (rc != CYAML_OK || data == NULL) {
		cfg_err(l->errs, words.line, "%s (%s): correct this value", words.first,
			cyaml_strerror(rc));
		return;
	}
	raw = data;
	load_process(l, raw);
	load_memory(l, raw->memory);
	load_ports(l, raw);
	load_routes(l, raw);
	load_pools(l, raw);
	load_listeners(l, raw);
	load_mptcp(l, raw->mptcp);
	load_tcp(l, raw->tcp);
	cyaml_free(&how, &cfg_schema, data, 0);
	config_check(l->cfg, l->root, l->errs);
}

/* Returns the text (to be freed) and its length, or NULL with the error in errs and *err. */
static char *read_file(const char *path, size_t *len, struct cfg_errs *errs, int *err)
{
	char *text = malloc(CFG_FILE_MAX + 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = 0;

	*len = 0;
	*err = fd < 0 ? errno : text == NULL ? ENOMEM : 0;
	while (*err == 0 && *len <= CFG_FILE_MAX) {
		got = read(fd, text + *len, CFG_FILE_MAX + 1 - *len);
		if (got == 0)
			break;
		if (got < 0 && errno != EINTR)
			*err = errno;
		if (got > 0)
			*len += (size_t)got;
	}
	if (fd >= 0)
		close(fd);
	if (*err != 0) {
		cfg_err(errs, 0, "cannot be read: %s: give the path of a YAML file with -c",
			strerror(*err));
	} else if (*len > CFG_FILE_MAX) {
		*err = EFBIG;
		cfg_err(errs, 0, "has more than %d octets: is it the right file?", CFG_FILE_MAX);
	} else {
		return text;
	}
	free(text);
	return NULL;
}

int config_load(const char *path, struct config *cfg, struct cfg_error *err, int max, int *n_err)
{
	struct cfg_errs errs = {.err = err, .max = max};
	struct load l = {.errs = &errs, .cfg = cfg};
	struct cfg_node *root = NULL;
	size_t len;
	char *text;
	int rc;

	memset(cfg, 0, sizeof(*cfg));
	*n_err = 0;
	text = read_file(path, &len, &errs, &rc);
	if (text == NULL) {
		*n_err = errs.n;
		return -rc;
	}
	if (cfg_tree_parse(text, len, &root, &errs) == 0) {
		l.root = root;
		if (root == NULL)
			cfg_err(&errs, 0, "is empty: it needs 'ports', 'pools' and 'listeners'");
		else if (cfg_schema_check(root, &errs))
			load_values(&l, text, len);
	}
	cfg_tree_free(root);
	free(text);
	cfg_errs_sort(&errs);
	*n_err = errs.n;
	return errs.n > 0 ? -EINVAL : 0;
}

void config_print_errors(FILE *out, const char *path, const struct cfg_error *err, int n)
{
	for (int i = 0; i < n; i++) {
		if (err[i].line > 0)
			fprintf(out, "%s:%d: %s\n", path, err[i].line, err[i].text);
		else
			fprintf(out, "%s: %s\n", path, err[i].text);
	}
}
