/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The configuration: the examples load, each kind of fault is reported on its line with its fix,
 * nothing in a file can do harm, and what the machine lacks is named with the command that helps.
 */
#define _GNU_SOURCE /* unshare */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "config_parts.h"
#include "mptcp/tcp/tcp.h"

#define ERRS_MAX     64
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static struct config cfg;
static struct cfg_error err[ERRS_MAX];
static int n_err;
static char dir[] = "/tmp/mpgate-config-XXXXXX";

/* Line numbers in the cases below are those of this text. */
static const char base[] = "workers: 2\n"                   /* 1 */
			   "cores: [0, 1]\n"                /* 2 */
			   "memory:\n"                      /* 3 */
			   "  hugepages: false\n"           /* 4 */
			   "  mbufs: 16384\n"               /* 5 */
			   "ports:\n"                       /* 6 */
			   "  - name: a\n"                  /* 7 */
			   "    device: net_tap0\n"         /* 8 */
			   "    mtu: 1400\n"                /* 9 */
			   "    addresses:\n"               /* 10 */
			   "      - 10.1.0.1/24\n"          /* 11 */
			   "      - fd00:1::1/64\n"         /* 12 */
			   "  - name: b\n"                  /* 13 */
			   "    device: net_tap1\n"         /* 14 */
			   "    addresses: [10.9.0.1/24]\n" /* 15 */
			   "routes:\n"                      /* 16 */
			   "  - to: 10.0.0.0/8\n"           /* 17 */
			   "    via: 10.9.0.254\n"          /* 18 */
			   "pools:\n"                       /* 19 */
			   "  - name: web\n"                /* 20 */
			   "    servers:\n"                 /* 21 */
			   "      - 10.9.0.2:80\n"          /* 22 */
			   "      - \"[fd00:1::2]:8080\"\n" /* 23 */
			   "listeners:\n"                   /* 24 */
			   "  - name: http\n"               /* 25 */
			   "    addresses: [10.1.0.1]\n"    /* 26 */
			   "    port: 80\n"                 /* 27 */
			   "    pool: web\n"                /* 28 */
			   "mptcp:\n"                       /* 29 */
			   "  checksum: true\n"             /* 30 */
			   "  signal:\n"                    /* 31 */
			   "    - address: fd00:1::1\n"     /* 32 */
			   "      backup: true\n"           /* 33 */
			   "    - address: 10.1.0.1\n"      /* 34 */
			   "      id: 1\n"                  /* 35 */
			   "      port: 8443\n"             /* 36 */
			   "tcp:\n"                         /* 37 */
			   "  congestion: newreno\n"        /* 38 */
			   "  pacing: false\n"              /* 39 */
			   "  mtu_probing: blackhole\n"     /* 40 */
			   "control:\n"                     /* 41 */
			   "  socket: /run/x.sock\n";       /* 42 */

static int load_text(const char *text, size_t len)
{
	char path[64];
	FILE *f;
	int rc;

	snprintf(path, sizeof(path), "%s/c.yaml", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	fclose(f);
	rc = config_load(path, &cfg, err, ERRS_MAX, &n_err);
	assert_true(rc == 0 ? n_err == 0 : n_err > 0 && n_err <= ERRS_MAX);
	return rc;
}

static void show_errors(const char *what)
{
	print_message("--- %s\n", what);
	for (int i = 0; i < n_err; i++)
		print_message("%d: %s\n", err[i].line, err[i].text);
}

static void expect_error(int line, const char *want, const char *what)
{
	for (int i = 0; i < n_err; i++)
		if (err[i].line == line && strstr(err[i].text, want) != NULL)
			return;
	show_errors(what);
	fail_msg("no error on line %d with '%s'", line, want);
}

static void test_good(void **state)
{
	char text[IP_ADDR_STRLEN];

	(void)state;
	if (load_text(base, strlen(base)) != 0) {
		show_errors("base");
		fail();
	}
	assert_int_equal(cfg.n_workers, 2);
	assert_int_equal(cfg.cores[1], 1);
	assert_false(cfg.hugepages);
	assert_int_equal(cfg.mbufs, 16384);
	assert_int_equal(cfg.n_ports, 2);
	assert_string_equal(cfg.ports[0].device, "net_tap0");
	assert_int_equal(cfg.ports[0].mtu, 1400);
	assert_int_equal(cfg.ports[0].n_addrs, 2);
	assert_int_equal(cfg.ports[0].addrs[0].plen, 120);
	assert_int_equal(cfg.ports[0].addrs[1].plen, 64);
	assert_string_equal(ip_addr_str(&cfg.ports[0].addrs[1].addr, text), "fd00:1::1");
	assert_int_equal(cfg.routes[0].port, 1);
	assert_int_equal(cfg.routes[0].to.plen, 104);
	assert_int_equal(cfg.pools[0].n_servers, 2);
	assert_int_equal(cfg.pools[0].servers[1].tcp_port, 8080);
	assert_string_equal(ip_addr_str(&cfg.pools[0].servers[1].addr, text), "fd00:1::2");
	assert_int_equal(cfg.listeners[0].pool, 0);
	assert_int_equal(cfg.listeners[0].tcp_port, 80);
	assert_true(cfg.listeners[0].mptcp);
	assert_true(cfg.checksum);
	assert_int_equal(cfg.n_signal, 2);
	assert_int_equal(cfg.signal[0].id, 2); /* 1 is taken */
	assert_true(cfg.signal[0].backup);
	assert_int_equal(cfg.signal[0].tcp_port, 0);
	assert_int_equal(cfg.signal[1].id, 1);
	assert_int_equal(cfg.signal[1].tcp_port, 8443);
	assert_false(cfg.signal[1].backup);
	assert_ptr_equal(cfg.cc, &cc_newreno);
	assert_false(cfg.pacing);
	assert_int_equal(cfg.mtu_probing, TCP_MTU_BLACKHOLE);
	assert_string_equal(cfg.socket_path, "/run/x.sock");
	assert_int_equal(cfg.memory_line, 3);
	assert_int_equal(cfg.ports[1].line, 14);
}

static void test_defaults(void **state)
{
	static const char least[] =
		"ports: [{name: a, device: net_tap0, addresses: [10.1.0.1/24]}]\n"
		"pools: [{name: p, servers: ['10.1.0.2:80']}]\n"
		"listeners: [{name: l, port: 80, pool: p}]\n";

	(void)state;
	assert_int_equal(load_text(least, strlen(least)), 0);
	assert_int_equal(cfg.n_workers, 1);
	assert_true(cfg.hugepages);
	assert_int_equal(cfg.mem_mb, 0);
	assert_int_equal(cfg.mbufs, 65536);
	assert_int_equal(cfg.relay_buffer, 384 << 10);
	assert_int_equal(cfg.ports[0].mtu, 1500);
	assert_int_equal(cfg.listeners[0].n_addrs, 0);
	assert_true(cfg.listeners[0].mptcp);
	assert_int_equal(cfg.pools[0].connect_timeout_ms, 3000);
	assert_false(cfg.pools[0].mptcp);
	assert_int_equal(cfg.subflows_per_conn, 8);
	assert_false(cfg.checksum);
	assert_ptr_equal(cfg.cc, &cc_cubic);
	assert_true(cfg.pacing);
	assert_int_equal(cfg.mtu_probing, TCP_MTU_ON);
	assert_int_equal(cfg.idle, IDLE_POLL);
	assert_int_equal(cfg.time_wait_ms, 60000);
	assert_int_equal(cfg.half_open_max, 4096);
	assert_int_equal(cfg.drain_ms, 10000);
	assert_string_equal(cfg.socket_path, "/run/mpgate.sock");
	assert_string_equal(cfg.eal_prefix, "mpgate");
}

static void test_examples(void **state)
{
	static const char *const names[] = {"reverse-proxy", "af_packet", "tap", "memif", "nic"};
	char here[] = __FILE__, path[512];

	(void)state;
	*strrchr(here, '/') = '\0';
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
#ifdef SOURCE_DIR
		snprintf(path, sizeof(path), "%s/config/%s.yaml", SOURCE_DIR, names[i]);
#else
		snprintf(path, sizeof(path), "%s/../../config/%s.yaml", here, names[i]);
#endif
		if (config_load(path, &cfg, err, ERRS_MAX, &n_err) != 0) {
			show_errors(path);
			fail();
		}
	}
}

/* base with one text replaced gives an error on that line, and (alone) no other. */
struct fault {
	const char *from, *to;
	int line;
	const char *want;
	bool others;
};

static const struct fault faults[] = {
	{"workers: 2", "worker: 2", 1, "did you mean 'workers'?", false},
	{"workers: 2", "workers: 3", 2, "3 workers on line 1 but 2 cores", false},
	{"workers: 2", "workers: two", 1, "is no number", false},
	{"workers: 2", "workers: 2x", 1, "is no number", false},
	{"workers: 2", "workers: 0x2", 1, "is no number", false},
	{"workers: 2", "workers: 02", 1, "is no number", false},
	{"workers: 2", "workers: \"2\"", 1, "without unit or quotes", false},
	{"workers: 2", "workers: -2", 1, "out of range: it is 1 to 16", false},
	{"workers: 2", "workers: 99999999999999999999999", 1, "out of range", false},
	{"workers: 2", "workers:", 1, "is no number", false},
	{"workers: 2", "workers: [2]", 1, "is one value, not a list", false},
	{"workers: 2", "workers: 2\nworkers: 2", 2, "given twice, first on line 1", false},
	{"workers: 2", "\tworkers: 2", 1, "not with tabs", false},
	{"workers: 2", "workers: \"2", 23, "from line 1", false},
	{"workers: 2", "workers: &a 2\ncontrol_core: *a", 2, "an alias", false},
	{"workers: 2", "x: \"a\\0b\"", 1, "NUL", false},
	{"workers: 2", "? [a]\n: 2", 1, "a key that is no text", false},
	{"cores: [0, 1]", "cores: [1, 1]", 2, "core 1 is given to two workers", false},
	{"cores: [0, 1]", "cores: 1", 2, "is no list", false},
	{"cores: [0, 1]", "cores: []", 2, "empty list", false},
	{"cores: [0, 1]", "cores: [0, 1]\nmbufs: 4096", 3, "belongs under 'memory'", false},
	{"cores: [0, 1]", "cores: [0, 1]\nfrobnicate: 1", 3, "known are workers, cores", false},
	{"hugepages: false", "hugepages: flase", 4, "neither true nor false", false},
	{"hugepages: false", "hugepages: no", 4, "neither true nor false", false},
	{"mbufs: 16384", "mbufs: 100", 5, "out of range: it is 2048 to", true},
	{"mbufs: 16384", "mbufs: 6143", 5, "give 6144 or more", false},
	{"mbufs: 16384", "mbufs: 64k", 5, "is no number", false},
	{"mbufs: 16384", "relay_buffer: 65536\n  relay_buffer_max: 65535", 6,
	 "65535 is less than relay_buffer, 65536", false},
	{"mbufs: 16384", "subflows: 100", 5, "100 subflows are too few for 16384", false},
	{"ports:\n", "ports: 5\nx:\n", 6, "ports is no list", true},
	{"  - name: a", "  - name: b", 13, "'b' is the name of another entry of ports, on line 7",
	 false},
	{"  - name: a", "  - name: a b", 7, "not allowed", false},
	{"  - name: a", "  - name: 0123456789012345678901234567890123456789", 7, "31 is the most",
	 false},
	{"  - name: a\n    device: net_tap0\n", "  - name: a\n", 7,
	 "'device' is missing in 'ports'", false},
	{"net_tap0", "net_tpa0", 8, "did you mean 'net_tap0'?", false},
	{"net_tap0", "eth0", 8, "write a PCI address like", false},
	{"net_tap0", "net_tap1", 14, "used twice, first on line 8", false},
	{"net_tap0", "net_af_packet0", 8, "write net_af_packet0,iface=eth1", false},
	{"mtu: 1400", "mtu: 100", 9, "out of range", true},
	{"mtu: 1400", "mtu: 900", 9, "too small for IPv6", false},
	{"mtu: 1400", "mtu: 1505", 9, "net_tap takes 1504 at most", false},
	{"net_tap0\n    mtu: 1400", "net_memif0,id=0\n    mtu: 2023", 9,
	 "net_memif takes 2022 at most", false},
	{"mtu: 1400", "mtu: 9001", 9, "out of range", true},
	{"net_tap0\n    mtu: 1400", "net_af_xdp0,iface=x\n    mtu: 1779", 9,
	 "net_af_xdp takes 1778 at most", false},
	{"net_tap0\n    mtu: 1400", "net_af_packet0,iface=x\n    mtu: 1501", 9,
	 "net_af_packet takes 1500 at most", false},
	{"net_tap0\n    mtu: 1400", "3b:00.0\n    mtu: 9000", 9, "3b:00.0 takes 2022 at most",
	 false},
	{"mtu: 1400", "mut: 1400", 9, "did you mean 'mtu'?", false},
	{"- 10.1.0.1/24", "- 10.1.0.256/24", 11, "no IPv4 or IPv6 address", true},
	{"- 10.1.0.1/24", "- 10.1.0.1/33", 11, "0 to 32", true},
	{"- 10.1.0.1/24", "- 10.1.0.1/", 11, "0 to 32", true},
	{"- 10.1.0.1/24", "- 10.1.0.1", 11, "no prefix length", true},
	{"- 10.1.0.1/24", "- 10.1.0.0/24", 11, "address of the network", true},
	{"- 10.1.0.1/24", "- 224.0.0.1/4", 11, "use a unicast address", true},
	{"- 10.1.0.1/24", "- \"::ffff:10.1.0.1/120\"", 11, "in IPv6 form", true},
	{"- fd00:1::1/64", "- 10.9.0.1/24", 15, "given twice, first on line 12", true},
	{"- fd00:1::1/64", "- 10.9.0.7/24", 15, "networks of two ports must differ", true},
	{"- fd00:1::1/64", "- \"::/64\"", 12, "use a unicast address", true},
	{"to: 10.0.0.0/8", "to: 10.0.0.1/8", 17, "write 10.0.0.0/8", false},
	{"to: 10.0.0.0/8", "to: \"::/0\"", 18, "not of the family", false},
	{"to: 10.0.0.0/8", "to: default", 17, "no prefix length", false},
	{"via: 10.9.0.254", "via: 10.8.0.254", 18, "in the network of no port", false},
	{"via: 10.9.0.254", "via: 10.9.0.1", 18, "our own address", false},
	{"via: 10.9.0.254", "via: gateway", 18, "no IPv4 or IPv6 address", false},
	{"via: 10.9.0.254", "via: 10.9.0.254\n  - {to: 10.0.0.0/8, via: 10.9.0.253}", 19,
	 "second route to the same prefix over port 'b', first on line 17", false},
	{"via: 10.9.0.254", "via: 10.8.0.254\n  - {to: 10.0.0.0/8, via: 10.1.0.254}", 18,
	 "in the network of no port", false},
	{"- 10.9.0.2:80", "- 10.9.0.2", 22, "has no port", false},
	{"- 10.9.0.2:80", "- 10.9.0.2:0", 22, "1 to 65535", false},
	{"- 10.9.0.2:80", "- 10.9.0.2:65536", 22, "1 to 65535", false},
	{"- 10.9.0.2:80", "- 10.9.0.2:8o", 22, "1 to 65535", false},
	{"- 10.9.0.2:80", "- fd00:1::5:80", 22, "in brackets", false},
	{"- 10.9.0.2:80", "- [fd00:1::5]:80", 22, "not YAML", false},
	{"- 10.9.0.2:80", "- [fd00:1::5]", 22, "needs quotes", false},
	{"- 10.9.0.2:80", "- 10.9.0.1:80", 22, "cannot relay to itself", false},
	{"- 10.9.0.2:80", "- 192.0.2.1:80", 22, "no route leads there", false},
	{"- 10.9.0.2:80", "- 127.0.0.1:80", 22, "use a unicast address", false},
	{"addresses: [10.1.0.1]", "addresses: [10.1.0.9]", 26, "is the address of no port", false},
	{"addresses: [10.1.0.1]", "addresses: [10.1.0.1/24]", 26, "write the address alone", false},
	{"addresses: [10.1.0.1]", "addresses: 10.1.0.1", 26, "is no list", false},
	{"    port: 80", "    port: 0", 27, "out of range: it is 1 to 65535", false},
	{"    port: 80", "    port: 65536", 27, "out of range", false},
	{"pool: web", "pool: wbe", 28, "did you mean 'web'?", false},
	{"pool: web", "pool: mail", 28, "add it under 'pools'", false},
	{"pool: web", "pool: web\n  - {name: two, port: 80, pool: web}", 29,
	 "port 80 is that of listener 'http'", false},
	{"    pool: web\n", "", 25, "'pool' is missing in 'listeners'", false},
	{"address: fd00:1::1", "address: fd00:1::9", 32, "is the address of no port", false},
	{"address: fd00:1::1", "adress: fd00:1::1", 32, "did you mean 'address'?", true},
	{"backup: true", "backup: 1", 33, "neither true nor false", false},
	{"backup: true", "id: 1", 35, "address ID 1 is given twice", false},
	{"id: 1", "id: 256", 35, "out of range: it is 1 to 255", false},
	{"id: 1", "id: 0", 35, "out of range", false},
	{"checksum: true", "subflows: 9", 30, "subflows: 9 is out of range: it is 1 to 8", false},
	{"congestion: newreno", "half_open: 0", 38, "half_open: 0 is out of range: it is 1 to",
	 false},
	{"workers: 2\n", "workers: 2\nidle: spin\n", 2,
	 "idle: 'spin' is none of poll, yield, sleep", false},
	{"workers: 2\n", "workers: 2\nidle: yeild\n", 2, "did you mean 'yield'?", false},
	{"newreno", "vegas", 38, "'vegas' is none of cubic, newreno, bbr", false},
	{"newreno", "cubik", 38, "did you mean 'cubic'?", false},
	{"pacing: false", "pacing: maybe", 39, "neither true nor false", false},
	{"mtu_probing: blackhole", "mtu_probing: always", 40,
	 "'always' is none of off, blackhole, on", false},
	{"tcp:\n  congestion: newreno\n  pacing: false\n  mtu_probing: blackhole\n", "tcp:\n", 37,
	 "tcp has no value", false},
	{"/run/x.sock", "x.sock", 42, "not absolute", false},
	{"/run/x.sock", "/run/x.sock\n---\na: 1", 43, "a second document", false},
};

/* base with the first from replaced by to, to be freed. */
static char *replaced(const char *from, const char *to)
{
	const char *at = strstr(base, from);
	size_t size = sizeof(base) + strlen(to);
	char *text = malloc(size);

	assert_non_null(at);
	assert_non_null(text);
	snprintf(text, size, "%.*s%s%s", (int)(at - base), base, to, at + strlen(from));
	return text;
}

static void test_faults(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		const struct fault *f = &faults[i];
		char *text = replaced(f->from, f->to);

		assert_int_equal(load_text(text, strlen(text)), -EINVAL);
		expect_error(f->line, f->want, f->to);
		if (!f->others && n_err != 1) {
			show_errors(f->to);
			fail_msg("%d errors where one was expected", n_err);
		}
		free(text);
	}
}

/* base with one text replaced is good. */
static void expect_good(const char *from, const char *to)
{
	char *text = replaced(from, to);

	if (load_text(text, strlen(text)) != 0) {
		show_errors(to);
		fail();
	}
	free(text);
}

static void test_two_uplinks(void **state)
{
	(void)state;
	expect_good("via: 10.9.0.254", "via: 10.9.0.254\n  - {to: 10.0.0.0/8, via: 10.1.0.254}");
	assert_int_equal(cfg.n_routes, 2);
	assert_int_equal(cfg.routes[0].port, 1);
	assert_int_equal(cfg.routes[1].port, 0);
}

static void test_limits(void **state)
{
	(void)state;
	expect_good("mtu: 1400", "mtu: 1504");
	expect_good("net_tap0\n    mtu: 1400", "net_memif0,id=0\n    mtu: 2022");
	expect_good("net_tap0\n    mtu: 1400", "net_af_xdp0,iface=x\n    mtu: 1778");
	expect_good("net_tap0\n    mtu: 1400", "net_af_packet0,iface=x\n    mtu: 1500");
	expect_good("net_tap0\n    mtu: 1400", "3b:00.0\n    mtu: 2022");
	expect_good("checksum: true", "subflows: 8");
	expect_good("congestion: newreno", "half_open: 1");
	expect_good("  - name: web\n", "  - name: web\n    mptcp: true\n");
	assert_true(cfg.pools[0].mptcp);
	expect_good("mbufs: 16384", "relay_buffer: 65536\n  relay_buffer_max: 65536");
	assert_int_equal(cfg.relay_buffer_max, 65536);
	expect_good("mbufs: 16384",
		    "relay_buffer: 100000000"); /* more than the default of the bound */
	assert_int_equal(cfg.relay_buffer_max, 100000000);
}

static void test_idle(void **state)
{
	(void)state;
	expect_good("workers: 2\n", "workers: 2\nidle: poll\n");
	assert_int_equal(cfg.idle, IDLE_POLL);
	expect_good("workers: 2\n", "workers: 2\nidle: yield\n");
	assert_int_equal(cfg.idle, IDLE_YIELD);
	expect_good("workers: 2\n", "workers: 2\nidle: sleep\n");
	assert_int_equal(cfg.idle, IDLE_SLEEP);
}

/* What each kind of port holds, next to the tap on port b (1024) and two workers (4096). */
static void test_mbufs(void **state)
{
	static const struct {
		const char *device;
		unsigned int need;
	} ports[] = {
		{"net_tap0", 6144},
		{"net_memif0,id=0", 5120},
		{"net_af_packet0,iface=x", 5120},
		{"net_af_xdp0,iface=x", 5120 + 4096},
		{"net_af_xdp0,iface=x,queue_count=2", 5120 + 2 * 4096},
		{"net_af_xdp0,iface=x,queue_count=4", 5120 + 2 * 4096}, /* workers are two */
		{"0000:3b:00.0", 5120 + 2 * 2048},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ports); i++) {
		for (unsigned int less = 0; less < 2; less++) {
			char *text = replaced("net_tap0", ports[i].device), *at, *small;
			char want[32], mbufs[32];
			size_t size = strlen(text) + 64;

			snprintf(mbufs, sizeof(mbufs), "mbufs: %u", ports[i].need - less);
			snprintf(want, sizeof(want), "give %u or more", ports[i].need);
			at = strstr(text, "mbufs: 16384");
			assert_non_null(at);
			small = malloc(size);
			assert_non_null(small);
			snprintf(small, size, "%.*s%s%s", (int)(at - text), text, mbufs,
				 at + strlen("mbufs: 16384"));
			if (load_text(small, strlen(small)) != (less ? -EINVAL : 0)) {
				show_errors(ports[i].device);
				fail();
			}
			if (less)
				expect_error(5, want, ports[i].device);
			free(small);
			free(text);
		}
	}
}

/* Without cores each worker gets one of its own, or the file is refused. */
static void test_cores_left_out(void **state)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	char text[64];

	(void)state;
	for (int n = 1; n <= CFG_WORKERS_MAX && n <= cpus + 1; n++) {
		char *all;

		snprintf(text, sizeof(text), "workers: %d\n", n);
		all = replaced("workers: 2\ncores: [0, 1]\n", text);
		if (n <= cpus) {
			/* More workers take more buffers than base has. */
			char *mbufs = strstr(all, "mbufs: 16384");

			assert_non_null(mbufs);
			memcpy(mbufs, "mbufs: 65536", strlen("mbufs: 65536"));
			if (load_text(all, strlen(all)) != 0) {
				show_errors(text);
				fail();
			}
			for (int i = 0; i < n; i++)
				for (int j = 0; j < i; j++)
					assert_int_not_equal(cfg.cores[i], cfg.cores[j]);
		} else {
			assert_int_equal(load_text(all, strlen(all)), -EINVAL);
			snprintf(text, sizeof(text), "lower workers to %ld", cpus);
			expect_error(1, text, all);
		}
		free(all);
	}
}

/* The note on a pool whose servers have too few source ports; it is no error. */
static void test_upstream_note(void **state)
{
	static const struct cfg_memory none;
	char *out = NULL;
	size_t len = 0;

	(void)state;
	for (int many = 0; many < 2; many++) {
		FILE *f = open_memstream(&out, &len);

		assert_non_null(f);
		expect_good("mbufs: 16384", many ? "mbufs: 16384\n  connections: 28233"
						 : "mbufs: 16384\n  connections: 28232");
		config_print_memory(f, &cfg, &none);
		fclose(f);
		assert_true((strstr(out, "note: pool 'web'") != NULL) == many);
		assert_true((strstr(out, "56464") != NULL) == many);
		free(out);
	}
}

static void test_several_at_once(void **state)
{
	static const char text[] = "wrokers: 1\n"
				   "memory: {mbufs: 1, subflows: 99999999999}\n"
				   "ports: [{name: a, device: net_tap0, addresses: [10.1.0.1]}]\n"
				   "pools: [{name: p, servers: ['10.1.0.2']}]\n"
				   "listeners: [{name: l, port: 0, pool: q}]\n";

	(void)state;
	assert_int_equal(load_text(text, strlen(text)), -EINVAL);
	expect_error(1, "did you mean 'workers'?", text);
	expect_error(2, "mbufs: 1 is out of range", text);
	expect_error(2, "subflows: 99999999999 is out of range", text);
	expect_error(3, "no prefix length", text);
	expect_error(4, "has no port", text);
	expect_error(5, "port: 0 is out of range", text);
	expect_error(5, "no pool is called 'q'", text);
	for (int i = 1; i < n_err; i++)
		assert_true(err[i].line == 0 || err[i].line >= err[i - 1].line);
}

static void test_whole_file(void **state)
{
	char *big = malloc(CFG_FILE_MAX + 2), *deep = malloc(100001);
	char path[64];

	(void)state;
	assert_non_null(big);
	assert_non_null(deep);
	assert_int_equal(load_text("", 0), -EINVAL);
	expect_error(0, "is empty", "");
	assert_int_equal(load_text("# nothing\n", 10), -EINVAL);
	expect_error(0, "is empty", "#");
	assert_int_equal(load_text("- a\n", 4), -EINVAL);
	expect_error(1, "no list of keys", "- a");
	assert_int_equal(load_text("\xff\xfe\xff", 3), -EINVAL);
	assert_int_equal(load_text("a: \x80\n", 5), -EINVAL);
	memset(big, '#', CFG_FILE_MAX + 2);
	assert_int_equal(load_text(big, CFG_FILE_MAX + 1), -EFBIG);
	memset(deep, '[', 100000);
	assert_int_equal(load_text(deep, 100000), -EINVAL);
	for (size_t i = 1; i + 1 < 100000; i += 2)
		memcpy(deep + i, "a,", 2);
	deep[0] = '[';
	deep[99999] = ']';
	assert_int_equal(load_text(deep, 100000), -EINVAL);
	expect_error(1, "no configuration needs so many", "[a,a,a...");
	free(big);
	free(deep);
	snprintf(path, sizeof(path), "%s/none.yaml", dir);
	assert_int_equal(config_load(path, &cfg, err, ERRS_MAX, &n_err), -ENOENT);
	assert_int_equal(n_err, 1);
	assert_int_equal(config_load(dir, &cfg, err, ERRS_MAX, &n_err), -EISDIR);
	/* No room for errors is no reason to write any. */
	assert_int_equal(config_load(path, &cfg, NULL, 0, &n_err), -ENOENT);
	assert_int_equal(n_err, 0);
}

/* Nothing that a file can hold does harm: octets of base changed, removed and doubled at random. */
static void test_mutations(void **state)
{
	static const char odd[] = "\n :-[]{}#&*!|>'\"%@`\t\\0x/\x80\xff,?~";
	unsigned int seed = 1;

	(void)state;
	for (int round = 0; round < 4000; round++) {
		char text[2 * sizeof(base)];
		size_t len = strlen(base);

		memcpy(text, base, len);
		for (int k = rand_r(&seed) % 4; k >= 0; k--) {
			size_t at = (size_t)rand_r(&seed) % len;

			switch (rand_r(&seed) % 3) {
			case 0:
				text[at] = odd[(size_t)rand_r(&seed) % (sizeof(odd) - 1)];
				break;
			case 1:
				memmove(text + at, text + at + 1, len - at - 1);
				len--;
				break;
			default:
				memmove(text + at + 1, text + at, len - at);
				len++;
				break;
			}
		}
		load_text(text, len);
	}
}

static void put(const char *name, const char *text)
{
	char path[256], *slash;
	FILE *f;

	snprintf(path, sizeof(path), "%s%s", dir, name);
	for (slash = path + strlen(dir) + 1; (slash = strchr(slash, '/')) != NULL; *slash++ = '/') {
		*slash = '\0';
		mkdir(path, 0700);
	}
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void test_machine(void **state)
{
	static const char huge[] = "/sys/kernel/mm/hugepages/hugepages-2048kB";
	static const char text[] =
		"cores: [7]\n"
		"ports:\n"
		"  - {name: a, device: 'net_af_xdp0,iface=no.such.if', addresses: [10.1.0.1/24]}\n"
		"  - {name: b, device: '3b:00.0', addresses: [10.2.0.1/24]}\n"
		"  - {name: c, device: net_tap0, addresses: [10.3.0.1/24]}\n"
		"pools: [{name: p, servers: ['10.1.0.2:80']}]\n"
		"listeners: [{name: l, port: 80, pool: p}]\n"
		"memory: {mbufs: 16384, connections: 100, subflows: 200}\n";
	struct cfg_sizes sizes = {.mbuf = 2304, .conn = 1000, .subflow = 500, .worker = 1 << 20};
	struct cfg_memory mem;
	char name[128], echo[128];
	uint32_t pages;

	(void)state;
	assert_int_equal(load_text(text, strlen(text)), 0);
	config_memory(&cfg, &sizes, &mem);
	assert_int_equal(mem.mbufs, 16384 * 2304);
	assert_int_equal(mem.connections, 100000);
	assert_int_equal(mem.total, 16384 * 2304 + 100000 + 100000 + (1 << 20));
	pages = (config_eal_mb(&cfg, &mem) + 1) / 2;
	put("/sys/devices/system/cpu/online", "0-3,5\n");
	put("/proc/meminfo", "MemTotal: 9000000 kB\nMemAvailable:    8000000 kB\n");
	put("/proc/self/status", "Name: x\nCapEff:\t0000000000000000\n");
	snprintf(name, sizeof(name), "%s/nr_hugepages", huge);
	put(name, "10\n");
	snprintf(name, sizeof(name), "%s/free_hugepages", huge);
	put(name, "3\n");
	assert_int_equal(config_check_machine_at(dir, &cfg, &mem, err, ERRS_MAX, &n_err), -EINVAL);
	expect_error(1, "core 7 of worker 0 does not exist: the machine has 0-3,5", "cpu");
	snprintf(echo, sizeof(echo), "echo %u > %s/nr_hugepages", pages - 3 + 10, huge);
	expect_error(8, echo, "hugepages");
	expect_error(3, "need CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF, CAP_IPC_LOCK: run", "caps");
	expect_error(3, "there is no network interface 'no.such.if'", "interface");
	expect_error(4, "there is no PCI device 3b:00.0", "pci");
	expect_error(5, "/dev/net/tun", "tun");

	put("/sys/devices/system/cpu/online", "0-7\n");
	put("/proc/self/status", "Name: x\nCapEff:\t000001ffffffffff\n");
	put(name, "300\n");
	put("/dev/net/tun", "");
	put("/sys/bus/pci/devices/0000:3b:00.0/vendor", "0x8086\n");
	snprintf(name, sizeof(name), "%s/sys/bus/pci/devices/0000:3b:00.0/driver", dir);
	assert_int_equal(symlink("../../drivers/ixgbe", name), 0);
	assert_int_equal(config_check_machine_at(dir, &cfg, &mem, err, ERRS_MAX, &n_err), -EINVAL);
	expect_error(4, "bound to ixgbe: modprobe vfio-pci && dpdk-devbind.py -b vfio-pci 3b:00.0",
		     "driver");
	assert_int_equal(n_err, 2); /* and the interface */
	unlink(name);
	assert_int_equal(symlink("../../drivers/vfio-pci", name), 0);
	strcpy(cfg.ports[0].device, "net_af_xdp0,iface=lo");
	assert_int_equal(config_check_machine_at(dir, &cfg, &mem, err, ERRS_MAX, &n_err), 0);
	cfg.hugepages = false;
	put("/proc/meminfo", "MemTotal: 9000000 kB\nMemAvailable:    8000 kB\n");
	assert_int_equal(config_check_machine_at(dir, &cfg, &mem, err, ERRS_MAX, &n_err), -EINVAL);
	expect_error(8, "the machine has 7 MiB left", "memory");
}

/* One ethtool call that takes a number. Returns whether the driver took it. */
static bool ethtool_set(const char *name, uint32_t cmd, uint32_t data)
{
	struct ethtool_value v = {.cmd = cmd, .data = data};
	struct ifreq ifr = {.ifr_data = (void *)&v};
	int fd = socket(AF_INET, SOCK_DGRAM, 0), rc;

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	rc = ioctl(fd, SIOCETHTOOL, &ifr);
	close(fd);
	return rc == 0;
}

/* The errors of base with its first port on device, on a machine that lacks nothing else. */
static int check_iface(const char *device)
{
	static const struct cfg_memory none;

	snprintf(cfg.ports[0].device, sizeof(cfg.ports[0].device), "%s", device);
	return config_check_machine_at(dir, &cfg, &none, err, ERRS_MAX, &n_err);
}

/* Last of all: the process goes to a network namespace of its own. */
static void test_interfaces(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
		skip();
	if (system("ip link add one type veth peer name two 2>/dev/null && "
		   "ip link add many numrxqueues 4 numtxqueues 4 type veth peer name four "
		   "numrxqueues 4 numtxqueues 4 2>/dev/null") != 0)
		skip();
	assert_int_equal(load_text(base, strlen(base)), 0);
	put("/sys/devices/system/cpu/online", "0-7\n");
	put("/proc/meminfo", "MemTotal: 9000000 kB\nMemAvailable:    8000000 kB\n");
	put("/proc/self/status", "Name: x\nCapEff:\t000001ffffffffff\n");
	put("/dev/net/tun", "");

	assert_int_equal(check_iface("net_af_xdp0,iface=none"), -EINVAL);
	expect_error(8, "there is no network interface 'none'", "none");
	assert_int_equal(check_iface("net_af_xdp0,iface=one"), 0);
	assert_int_equal(check_iface("net_af_xdp0,iface=lo"), 0); /* knows no channels */
	assert_int_equal(check_iface("net_af_xdp0,iface=many"), -EINVAL);
	expect_error(8, "'many' receives on 4 queues", "many");
	expect_error(8, "reads 1: ethtool -L many rx 1", "many");
	assert_int_equal(n_err, 1);
	assert_int_equal(check_iface("net_af_xdp0,iface=many,queue_count=2"), -EINVAL);
	expect_error(8, "reads 2: ethtool -L many rx 2", "many");
	/* Two workers cannot read four queues. */
	assert_int_equal(check_iface("net_af_xdp0,iface=many,queue_count=4"), -EINVAL);
	expect_error(8, "reads 2: ethtool -L many rx 2", "many");
	cfg.n_workers = 4;
	cfg.cores[2] = 2;
	cfg.cores[3] = 3;
	assert_int_equal(check_iface("net_af_xdp0,queue_count=4,iface=many"), 0);
	/* Who names a queue has flows steered there. */
	assert_int_equal(check_iface("net_af_xdp0,iface=many,start_queue=3"), 0);

	assert_true(ethtool_set("one", ETHTOOL_SGRO, 0));
	assert_int_equal(check_iface("net_af_packet0,iface=one"), 0);
	assert_true(ethtool_set("one", ETHTOOL_SGRO, 1));
	assert_int_equal(check_iface("net_af_packet0,iface=one"), -EINVAL);
	expect_error(8, "ethtool -K one gro off lro off", "gro");
	assert_int_equal(check_iface("net_af_xdp0,iface=one"), 0);
}

static int set_up(void **state)
{
	(void)state;
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
	char cmd[64];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_two_uplinks),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_mbufs),
		cmocka_unit_test(test_cores_left_out),
		cmocka_unit_test(test_upstream_note),
		cmocka_unit_test(test_several_at_once),
		cmocka_unit_test(test_whole_file),
		cmocka_unit_test(test_mutations),
		cmocka_unit_test(test_machine),
		cmocka_unit_test(test_interfaces),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
