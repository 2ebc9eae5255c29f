/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The configuration: one YAML file, read and validated wholly by the control thread before any
 * port is touched, then an immutable snapshot that workers only read.
 */
#ifndef MPGATE_CONFIG_H
#define MPGATE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "mptcp/wire/ip_addr.h"

#define CFG_NAME_MAX         32
#define CFG_DEVICE_MAX       128
#define CFG_PORTS_MAX        16
#define CFG_ADDRS_MAX        8 /* a port */
#define CFG_ROUTES_MAX       64
#define CFG_LISTENERS_MAX    64
#define CFG_LISTEN_ADDRS_MAX 8
#define CFG_POOLS_MAX        32
#define CFG_SERVERS_MAX      32 /* a pool */
#define CFG_SIGNAL_MAX       8  /* addresses announced with ADD_ADDR */
#define CFG_WORKERS_MAX      16

struct tcp_cc_ops;

struct cfg_prefix {
	struct ip_addr addr;
	uint8_t plen; /* of the 128-bit form: an IPv4 length plus 96 */
};

struct cfg_port {
	char name[CFG_NAME_MAX];
	char device
		[CFG_DEVICE_MAX]; /* "net_af_xdp0,iface=x", other vdev arguments, or a PCI address */
	int line;                 /* of device, for messages about the machine */
	uint16_t mtu;
	uint16_t n_addrs;
	struct cfg_prefix addrs[CFG_ADDRS_MAX];
};

struct cfg_route {
	struct cfg_prefix to;
	struct ip_addr via;
	uint16_t port; /* index: the port one of whose prefixes holds via */
};

struct cfg_listener {
	char name[CFG_NAME_MAX];
	uint16_t n_addrs; /* 0 = every address of every port */
	struct ip_addr addrs[CFG_LISTEN_ADDRS_MAX];
	uint16_t tcp_port;
	uint16_t pool; /* index */
	bool mptcp;    /* answer MP_CAPABLE */
};

struct cfg_server {
	struct ip_addr addr;
	uint16_t tcp_port;
};

struct cfg_pool {
	char name[CFG_NAME_MAX];
	uint16_t n_servers;
	struct cfg_server servers[CFG_SERVERS_MAX];
	uint32_t connect_timeout_ms;
	bool mptcp; /* ask the servers for it */
};

struct cfg_signal {
	uint8_t id; /* address ID, 1..255; given or numbered from 1 */
	struct ip_addr addr;
	uint16_t tcp_port; /* 0: that of the connection */
	bool backup;
};

/* What a worker does with a turn of its loop that found nothing to do. */
enum cfg_idle {
	IDLE_POLL,  /* goes on at once: its CPU is its own */
	IDLE_YIELD, /* lets run what else is ready on its CPU, such as a NAPI thread of its ports */
	IDLE_SLEEP, /* sleeps for some microseconds after a few such turns: its CPU is shared */
};

struct config {
	/* process */
	uint16_t n_workers;
	uint16_t cores[CFG_WORKERS_MAX]; /* CPU of each worker */
	uint16_t control_core;
	enum cfg_idle idle;
	char socket_path[108];
	char eal_prefix[CFG_NAME_MAX]; /* --file-prefix */
	/* lines in the file for messages about the machine; 0: the key is left out */
	int cores_line, control_core_line, memory_line;
	/* memory */
	bool hugepages;
	uint32_t mem_mb;           /* what EAL may take; 0 = computed from the rest */
	uint32_t mbufs;            /* packet buffers of the whole process */
	uint32_t connections;      /* a worker: client connections and as many upstream ones */
	uint32_t subflows;         /* a worker */
	uint32_t relay_buffer;     /* octets each direction of a relay may hold at first */
	uint32_t relay_buffer_max; /* ... where the paths take as much */
	/* network */
	uint16_t n_ports, n_routes, n_listeners, n_pools;
	struct cfg_port ports[CFG_PORTS_MAX];
	struct cfg_route routes[CFG_ROUTES_MAX];
	struct cfg_listener listeners[CFG_LISTENERS_MAX];
	struct cfg_pool pools[CFG_POOLS_MAX];
	/* MPTCP */
	bool checksum;             /* ask for DSS checksums (flag A) */
	uint8_t subflows_per_conn; /* accepted by a connection, the first included */
	uint16_t n_signal;
	struct cfg_signal signal[CFG_SIGNAL_MAX];
	/* TCP */
	const struct tcp_cc_ops *cc; /* one of tcp_ccs */
	uint8_t ecn;                 /* enum tcp_ecn */
	bool pacing;
	uint32_t user_timeout_ms, keepalive_ms; /* 0: none */
	uint8_t mtu_probing;                    /* enum tcp_mtu_probing */
	uint32_t time_wait_ms;
	uint32_t half_open_max; /* a worker: above it SYN cookies */
	uint32_t drain_ms;      /* SIGTERM: how long live relays may go on */
};

/* A validation message: where and what, with the fix in the text. */
struct cfg_error {
	int line; /* 0: unknown */
	char text[384];
};

/* One line an error, "file:line: what is wrong: the fix". */
void config_print_errors(FILE *out, const char *path, const struct cfg_error *err, int n);

/*
 * Read the file at path into cfg (wholly overwritten, defaults included). Returns 0, or -EINVAL
 * with every error found (up to max) in err and their number in *n_err, or -errno when the file
 * cannot be read (err then has one entry that says so). Allocates; control thread only.
 */
int config_load(const char *path, struct config *cfg, struct cfg_error *err, int max, int *n_err);

/* Octets that one of each thing takes, with all its overhead; main.c fills this in from sizeof. */
struct cfg_sizes {
	size_t mbuf;    /* a packet buffer: pool header, struct rte_mbuf, private part, data room */
	size_t conn;    /* what one client connection takes outside the tables (relay included) */
	size_t subflow; /* one TCP connection */
	size_t table_conn; /* table entries for one connection: token, keys; the load factor included */
	size_t table_subflow; /* the same for one subflow: flow, steering, timer */
	size_t worker;  /* what each worker takes whatever its load: rings, queues, wheel, caches */
	size_t process; /* what the process takes once */
};

/* Memory the configuration takes, in octets, by part. */
struct cfg_memory {
	uint64_t mbufs, connections, subflows, tables, fixed, total;
};

/* Pure. */
void config_memory(const struct config *cfg, const struct cfg_sizes *sizes, struct cfg_memory *m);
/* What EAL is to be given (-m), in MiB: memory.size_mb, or the total with a margin. Pure. */
uint32_t config_eal_mb(const struct config *cfg, const struct cfg_memory *m);
/* A line for each part and one for the total, with the hugepages it is; then a note on each pool
 * whose servers cannot take as many connections as there is memory for. */
void config_print_memory(FILE *out, const struct config *cfg, const struct cfg_memory *m);

/*
 * What the machine lacks for cfg: CPUs, hugepages or memory for mem, capabilities, network
 * interfaces, PCI devices and their driver. Same returns as config_load(). Touches no port.
 */
int config_check_machine(const struct config *cfg, const struct cfg_memory *mem,
			 struct cfg_error *err, int max, int *n_err);

#endif
