/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files that read a configuration share: the error list, the tree of the YAML text with
 * its line numbers, the schema, the rules. Control thread only; nothing outside config*.c and its
 * tests includes this.
 */
#ifndef MPGATE_CONFIG_PARTS_H
#define MPGATE_CONFIG_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cyaml/cyaml.h>

#include "config.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define CFG_FILE_MAX  (256 * 1024) /* octets; the largest legal file is about 20 KiB */
#define CFG_NODES_MAX 16384
#define CFG_DEPTH_MAX 16

/* Where errors go; owned by the caller of config_load(). What is beyond max is left out. */
struct cfg_errs {
	struct cfg_error *err;
	int max;
	int n;
};

void cfg_err(struct cfg_errs *e, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* In the order of the lines; those without a line come last. */
void cfg_errs_sort(struct cfg_errs *e);

/* One value of the text. Children are those of a list or a map, in the order of the text. */
enum cfg_kind { CFG_SCALAR, CFG_LIST, CFG_MAP };

struct cfg_node {
	enum cfg_kind kind;
	int line; /* of the key where there is one, else of the value; from 1 */
	bool quoted;
	char *key;  /* NULL in a list and at the root */
	char *text; /* scalars only */
	struct cfg_node *child, *last, *next;
};

/*
 * Parse len octets of YAML. Returns 0 with the tree in *root (NULL for a text without values; free
 * with cfg_tree_free()), or -EINVAL with the fault in errs. Aliases, several documents, NUL octets
 * and nesting beyond CFG_DEPTH_MAX are faults.
 */
int cfg_tree_parse(const char *text, size_t len, struct cfg_node **root, struct cfg_errs *errs);
void cfg_tree_free(struct cfg_node *node);
const struct cfg_node *cfg_node_get(const struct cfg_node *map, const char *key);
/* The line of "ports[1].addresses[0]", or that of the innermost part of the path that exists. */
int cfg_tree_line(const struct cfg_node *root, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* What libcyaml fills: one member a key, NULL where the key is absent. */
struct raw_memory {
	bool *hugepages;
	uint64_t *size_mb, *mbufs, *connections, *subflows, *relay_buffer, *relay_buffer_max;
};

struct raw_port {
	char *name, *device;
	uint64_t *mtu;
	char **addresses;
	unsigned int addresses_count;
};

struct raw_route {
	char *to, *via;
};

struct raw_pool {
	char *name;
	uint64_t *connect_timeout_ms;
	bool *mptcp;
	char **servers;
	unsigned int servers_count;
};

struct raw_listener {
	char *name;
	char **addresses;
	unsigned int addresses_count;
	uint64_t *port;
	char *pool;
	bool *mptcp;
};

struct raw_signal {
	char *address;
	uint64_t *port, *id;
	bool *backup;
};

struct raw_mptcp {
	bool *checksum;
	uint64_t *subflows;
	struct raw_signal *signal;
	unsigned int signal_count;
};

struct raw_tcp {
	bool *pacing;
	uint64_t *user_timeout_ms, *keepalive_ms;
	char *congestion, *ecn, *mtu_probing;
	uint64_t *time_wait_ms, *half_open;
};

struct raw_control {
	char *socket, *instance;
	uint64_t *drain_ms;
};

struct raw_config {
	uint64_t *workers, *control_core;
	char *idle;
	uint64_t *cores;
	unsigned int cores_count;
	struct raw_memory *memory;
	struct raw_port *ports;
	unsigned int ports_count;
	struct raw_route *routes;
	unsigned int routes_count;
	struct raw_pool *pools;
	unsigned int pools_count;
	struct raw_listener *listeners;
	unsigned int listeners_count;
	struct raw_mptcp *mptcp;
	struct raw_tcp *tcp;
	struct raw_control *control;
};

extern const cyaml_schema_value_t cfg_schema; /* of struct raw_config */

/* Range and default of one key. Indices are left out of the path: "ports[].mtu". */
struct cfg_rule {
	const char *path;
	uint64_t def, min, max; /* numbers and, as 0 and 1, booleans */
	const char *text;       /* the default of a text */
};

/* NULL when the path has no rule. */
const struct cfg_rule *cfg_rule(const char *path);

/*
 * Check a tree against the schema and the rules: unknown, repeated and missing keys, wrong kinds
 * of value, numbers out of range, lists and texts too long. Every fault goes to errs. Returns
 * whether libcyaml can load the text all the same (unknown keys and ranges do not hinder it).
 */
bool cfg_schema_check(const struct cfg_node *root, struct cfg_errs *errs);

/* The nearest of n words, or NULL when none is near enough for a typing mistake. */
const char *cfg_nearest(const char *word, const char *const *words, unsigned int n);

/* Parse "10.1.0.1/24", "10.1.0.1" and "10.1.0.1:80" or "[fd00::1]:80". Return NULL, or what is
 * wrong as a text that names the fix. */
const char *cfg_parse_prefix(const char *s, struct cfg_prefix *p);
const char *cfg_parse_addr(const char *s, struct ip_addr *a);
const char *cfg_parse_server(const char *s, struct cfg_server *server);
/* "0000:3b:00.0" or "3b:00.0". */
bool cfg_is_pci(const char *s);

/* The number behind ",arg=" in the arguments of a device, or def. */
unsigned int cfg_device_number(const char *device, const char *arg, unsigned int def);
/* Queues that port.c makes on a device of a driver whose rings hold packet buffers. */
unsigned int cfg_device_queues(const struct config *cfg, const char *device);

/* What the kernel's interface of a port, if it has one, does that its driver cannot live with. */
void cfg_iface_check(const struct config *cfg, const struct cfg_port *p, struct cfg_errs *errs);

/* What of cfg contradicts the rest of cfg; lines are looked up in root. Fills in the port of each
 * route. */
void config_check(struct config *cfg, const struct cfg_node *root, struct cfg_errs *errs);

/* config_check_machine() with the files of the system below root ("" for the running one). */
int config_check_machine_at(const char *root, const struct config *cfg,
			    const struct cfg_memory *mem, struct cfg_error *err, int max,
			    int *n_err);

#endif
