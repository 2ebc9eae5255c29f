/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What one part of a configuration says against another: names twice, addresses on no port,
 * gateways and servers that cannot be reached, listeners that collide.
 * Control thread; pure but for the error list.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_parts.h"

struct check {
	const struct config *cfg;
	const struct cfg_node *root;
	struct cfg_errs *errs;
};

/* What a driver of DPDK 22.11 asks of the configuration. */
struct driver {
	const char *name;
	bool iface;       /* drives an interface of the kernel, which iface= names */
	uint16_t mtu_max; /* what is larger does not fit one packet buffer */
	uint16_t held;    /* packet buffers in the rings of a queue, both directions */
};

/*
 * A packet buffer has room for 2048 octets (main.c). Less Ethernet's header and FCS and two VLAN
 * tags, which NICs count in, that is 2022. Of an AF_XDP buffer the kernel keeps 256 octets for XDP
 * programs (XDP_PACKET_HEADROOM), and the header takes 14. The other two drivers refuse frames of
 * more than 1518 and 1522 octets, header and FCS (18) included.
 */
#define MTU_MAX        2022
#define MTU_MAX_XDP    (2048 - 256 - 14)
#define MTU_MAX_PACKET (1518 - 18)
#define MTU_MAX_TAP    (1522 - 18)
/* Descriptors of a queue: as many as port.c asks for; AF_XDP has as many as it likes; tap has them
 * for receiving only. The other drivers copy. */
#define HELD_PCI (1024 + 1024)
#define HELD_XDP (2048 + 2048)
#define HELD_TAP 1024
/* Buffers that a worker has under way beside those: its cache of the pool, bursts, queues. */
#define MBUFS_WORKER 2048

static const struct driver drivers[] = {
	{"net_af_xdp", true, MTU_MAX_XDP, HELD_XDP},
	{"net_af_packet", true, MTU_MAX_PACKET, 0},
	{"net_tap", false, MTU_MAX_TAP, HELD_TAP},
	{"net_memif", false, MTU_MAX, 0},
	{"net_ring", false, MTU_MAX, 0},
	{"net_null", false, MTU_MAX, 0},
	{"net_pcap", false, MTU_MAX, 0},
};
static const struct driver pci_driver = {"PCI", false, MTU_MAX, HELD_PCI};

/* Of an address that could not be parsed an error is known already; it is left as zeros. */
static bool absent(const struct ip_addr *a)
{
	return ip_addr_is_zero(a);
}

static int own_port(const struct config *cfg, const struct ip_addr *a)
{
	for (int i = 0; i < cfg->n_ports; i++)
		for (int j = 0; j < cfg->ports[i].n_addrs; j++)
			if (ip_addr_eq(a, &cfg->ports[i].addrs[j].addr))
				return i;
	return -1;
}

/* The port with the longest prefix that holds a, or -1. */
static int port_towards(const struct config *cfg, const struct ip_addr *a)
{
	int best = -1, best_plen = -1;

	for (int i = 0; i < cfg->n_ports; i++) {
		for (int j = 0; j < cfg->ports[i].n_addrs; j++) {
			const struct cfg_prefix *p = &cfg->ports[i].addrs[j];

			if (absent(&p->addr) || ip_addr_is_v4(&p->addr) != ip_addr_is_v4(a))
				continue;
			if (p->plen > best_plen && ip_addr_in_prefix(a, &p->addr, p->plen)) {
				best = i;
				best_plen = p->plen;
			}
		}
	}
	return best;
}

/* Names of one kind; they lie stride octets apart. */
static void check_names(struct check *c, const char *key, const char *names, size_t stride, int n)
{
	for (int i = 1; i < n; i++) {
		for (int j = 0; j < i; j++) {
			if (strcmp(names + (size_t)i * stride, names + (size_t)j * stride) != 0)
				continue;
			cfg_err(c->errs, cfg_tree_line(c->root, "%s[%d].name", key, i),
				"'%s' is the name of another entry of %s, on line %d: give each its "
				"own",
				names + (size_t)i * stride, key,
				cfg_tree_line(c->root, "%s[%d].name", key, j));
			break;
		}
	}
}

static bool host_bits(const struct cfg_prefix *p, struct ip_addr *net)
{
	*net = p->addr;
	for (unsigned int bit = p->plen; bit < 128; bit++)
		net->b[bit / 8] &= (uint8_t) ~(0x80 >> (bit % 8));
	return !ip_addr_eq(net, &p->addr);
}

static void check_port_addr(struct check *c, int i, int j)
{
	const struct cfg_prefix *p = &c->cfg->ports[i].addrs[j];
	bool v4 = ip_addr_is_v4(&p->addr);
	int line = cfg_tree_line(c->root, "ports[%d].addresses[%d]", i, j);
	char text[IP_ADDR_STRLEN];
	struct ip_addr net;

	if (absent(&p->addr))
		return;
	ip_addr_str(&p->addr, text);
	if (p->plen == (v4 ? 96 : 0))
		cfg_err(c->errs, line, "%s has prefix length 0: give that of its network", text);
	else if (v4 && p->plen < 127 && !host_bits(p, &net))
		cfg_err(c->errs, line, "%s is the address of the network: use one in it", text);
	if (!v4 && c->cfg->ports[i].mtu < 1280)
		cfg_err(c->errs, cfg_tree_line(c->root, "ports[%d].mtu", i),
			"mtu %u is too small for IPv6: it needs 1280, or remove the IPv6 addresses",
			c->cfg->ports[i].mtu);
	for (int k = 0; k <= i; k++) {
		for (int m = 0; m < (k == i ? j : c->cfg->ports[k].n_addrs); m++) {
			const struct cfg_prefix *q = &c->cfg->ports[k].addrs[m];
			int other = cfg_tree_line(c->root, "ports[%d].addresses[%d]", k, m);

			if (ip_addr_eq(&p->addr, &q->addr))
				cfg_err(c->errs, line,
					"%s is given twice, first on line %d: remove one", text,
					other);
			else if (k != i && p->plen == q->plen &&
				 ip_addr_in_prefix(&p->addr, &q->addr, q->plen))
				cfg_err(c->errs, line,
					"%s is in the network that port '%s' has on line %d: "
					"networks of two ports must differ",
					text, c->cfg->ports[k].name, other);
		}
	}
}

/* The devices that have this driver. */
static bool driver_is(const struct driver *d, const char *device)
{
	size_t n = strlen(d->name);

	if (strncmp(device, d->name, n) != 0)
		return false;
	n += strspn(device + n, "0123456789");
	return device[n] == ',' || device[n] == '\0';
}

/* NULL for what is no device. */
static const struct driver *driver_of(const char *device)
{
	char name[CFG_DEVICE_MAX];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(device, ","), device);
	if (cfg_is_pci(name))
		return &pci_driver;
	for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
		if (driver_is(&drivers[i], device))
			return &drivers[i];
	return NULL;
}

unsigned int cfg_device_number(const char *device, const char *arg, unsigned int def)
{
	char text[CFG_NAME_MAX];
	const char *at;

	snprintf(text, sizeof(text), ",%s=", arg);
	at = strstr(device, text);
	return at != NULL ? (unsigned int)strtoul(at + strlen(text), NULL, 10) : def;
}

unsigned int cfg_device_queues(const struct config *cfg, const char *device)
{
	unsigned int n = cfg_device_number(device, "queue_count", 1); /* AF_XDP's argument */

	return driver_of(device) == &pci_driver || n > cfg->n_workers ? cfg->n_workers : n;
}

static void unknown_device(struct check *c, const struct cfg_port *p)
{
	size_t len = strcspn(p->device, ","), stem = len;
	const char *words[ARRAY_LEN(drivers)], *near;
	char driver[CFG_DEVICE_MAX];

	while (stem > 0 && p->device[stem - 1] >= '0' && p->device[stem - 1] <= '9')
		stem--;
	snprintf(driver, sizeof(driver), "%.*s", (int)stem, p->device);
	for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
		words[i] = drivers[i].name;
	near = cfg_nearest(driver, words, ARRAY_LEN(words));
	if (near != NULL)
		cfg_err(c->errs, p->line, "no driver is called '%.40s': did you mean '%s%s'?",
			driver, near, stem < len ? "0" : "");
	else
		cfg_err(c->errs, p->line,
			"'%.60s' is no device: write a PCI address like 0000:3b:00.0, or "
			"net_af_xdp0,iface=eth1",
			p->device);
}

static void check_device(struct check *c, int i)
{
	const struct cfg_port *p = &c->cfg->ports[i];
	const struct driver *d = driver_of(p->device);
	size_t len = strcspn(p->device, ",");

	for (int j = 0; j < i; j++) {
		const char *other = c->cfg->ports[j].device;

		if (strncmp(other, p->device, len) == 0 &&
		    (other[len] == ',' || other[len] == '\0'))
			cfg_err(c->errs, p->line,
				"device '%.*s' is used twice, first on line %d: number them, like "
				"net_tap0 and net_tap1",
				(int)len, p->device, c->cfg->ports[j].line);
	}
	if (d == NULL) {
		unknown_device(c, p);
		return;
	}
	if (d->iface && strstr(p->device, ",iface=") == NULL)
		cfg_err(c->errs, p->line,
			"device '%.60s' names no interface: write %.*s,iface=eth1", p->device,
			(int)len, p->device);
	if (p->mtu > d->mtu_max)
		cfg_err(c->errs, cfg_tree_line(c->root, "ports[%d].mtu", i),
			"mtu %u is too large: %.*s takes %u at most", p->mtu,
			d == &pci_driver ? (int)len : (int)strlen(d->name), p->device, d->mtu_max);
}

static void check_ports(struct check *c)
{
	const struct config *cfg = c->cfg;

	check_names(c, "ports", cfg->ports[0].name, sizeof(cfg->ports[0]), cfg->n_ports);
	for (int i = 0; i < cfg->n_ports; i++) {
		check_device(c, i);
		for (int j = 0; j < cfg->ports[i].n_addrs; j++)
			check_port_addr(c, i, j);
	}
}

static void check_mbufs(struct check *c)
{
	const struct config *cfg = c->cfg;
	uint32_t held = 0, need;

	for (int i = 0; i < cfg->n_ports; i++) {
		const struct driver *d = driver_of(cfg->ports[i].device);

		if (d != NULL)
			held += d->held * cfg_device_queues(cfg, cfg->ports[i].device);
	}
	need = held + (uint32_t)cfg->n_workers * MBUFS_WORKER;
	if (cfg->mbufs < need)
		cfg_err(c->errs, cfg_tree_line(c->root, "memory.mbufs"),
			"too few mbufs: the rings of the ports hold %u and each worker needs %u, "
			"so give %u or more",
			held, MBUFS_WORKER, need);
}

static bool same_route(const struct cfg_route *a, const struct cfg_route *b)
{
	return a->port == b->port && a->to.plen == b->to.plen &&
	       ip_addr_eq(&a->to.addr, &b->to.addr) &&
	       ip_addr_is_v4(&a->via) == ip_addr_is_v4(&b->via);
}

/* Also finds the port of each route, which is all that is filled in here. */
static void check_routes(struct check *c, struct config *cfg)
{
	bool good[CFG_ROUTES_MAX] = {false};
	char text[IP_ADDR_STRLEN];
	struct ip_addr net;

	for (int i = 0; i < cfg->n_routes; i++) {
		struct cfg_route *r = &cfg->routes[i];
		int line = cfg_tree_line(c->root, "routes[%d].via", i);
		int to_line = cfg_tree_line(c->root, "routes[%d].to", i);
		bool v4 = ip_addr_is_v4(&r->to.addr);
		int port;

		if (absent(&r->via))
			continue;
		if (host_bits(&r->to, &net))
			cfg_err(c->errs, to_line,
				"the address has bits beyond its prefix length: write %s/%d",
				ip_addr_str(&net, text), v4 ? r->to.plen - 96 : r->to.plen);
		ip_addr_str(&r->via, text);
		port = port_towards(cfg, &r->via);
		if (ip_addr_is_v4(&r->via) != v4)
			cfg_err(c->errs, line,
				"%s is not of the family of 'to': use a gateway that is", text);
		else if (port < 0)
			cfg_err(c->errs, line,
				"%s is in the network of no port: use a gateway that is, or add the "
				"network to a port's addresses",
				text);
		else if (own_port(cfg, &r->via) >= 0)
			cfg_err(c->errs, line, "%s is our own address: use that of the gateway",
				text);
		else
			good[i] = true;
		if (!good[i])
			continue;
		r->port = (uint16_t)port;
		/* Over another port it is another uplink: route.c takes the one whose port owns the
		 * source address. */
		for (int j = 0; j < i; j++)
			if (good[j] && same_route(r, &cfg->routes[j]))
				cfg_err(c->errs, to_line,
					"a second route to the same prefix over port '%s', first on line "
					"%d: remove one",
					cfg->ports[port].name,
					cfg_tree_line(c->root, "routes[%d].to", j));
	}
}

static bool reachable(const struct config *cfg, const struct ip_addr *a)
{
	if (port_towards(cfg, a) >= 0)
		return true;
	for (int i = 0; i < cfg->n_routes; i++)
		if (ip_addr_is_v4(&cfg->routes[i].via) == ip_addr_is_v4(a) &&
		    ip_addr_in_prefix(a, &cfg->routes[i].to.addr, cfg->routes[i].to.plen))
			return true;
	return false;
}

static void check_pools(struct check *c)
{
	const struct config *cfg = c->cfg;
	char text[IP_ADDR_STRLEN];

	check_names(c, "pools", cfg->pools[0].name, sizeof(cfg->pools[0]), cfg->n_pools);
	for (int i = 0; i < cfg->n_pools; i++) {
		for (int j = 0; j < cfg->pools[i].n_servers; j++) {
			const struct cfg_server *s = &cfg->pools[i].servers[j];
			int line = cfg_tree_line(c->root, "pools[%d].servers[%d]", i, j);

			if (absent(&s->addr))
				continue;
			ip_addr_str(&s->addr, text);
			if (own_port(cfg, &s->addr) >= 0)
				cfg_err(c->errs, line,
					"server %s is our own address: mpgate cannot relay to itself",
					text);
			else if (!reachable(cfg, &s->addr))
				cfg_err(c->errs, line,
					"server %s is in the network of no port and no route leads "
					"there: add one under 'routes'",
					text);
		}
	}
}

static bool listens_on(const struct cfg_listener *s, const struct ip_addr *a)
{
	for (int i = 0; i < s->n_addrs; i++)
		if (ip_addr_eq(&s->addrs[i], a))
			return true;
	return s->n_addrs == 0;
}

/* Two listeners must not claim the same address and port. */
static bool collide(const struct cfg_listener *a, const struct cfg_listener *b)
{
	if (a->tcp_port != b->tcp_port)
		return false;
	if (a->n_addrs == 0)
		return true;
	for (int i = 0; i < a->n_addrs; i++)
		if (listens_on(b, &a->addrs[i]))
			return true;
	return false;
}

static void check_listeners(struct check *c)
{
	const struct config *cfg = c->cfg;
	char text[IP_ADDR_STRLEN];

	check_names(c, "listeners", cfg->listeners[0].name, sizeof(cfg->listeners[0]),
		    cfg->n_listeners);
	for (int i = 0; i < cfg->n_listeners; i++) {
		const struct cfg_listener *s = &cfg->listeners[i];

		for (int j = 0; j < s->n_addrs; j++)
			if (!absent(&s->addrs[j]) && own_port(cfg, &s->addrs[j]) < 0)
				cfg_err(c->errs,
					cfg_tree_line(c->root, "listeners[%d].addresses[%d]", i, j),
					"%s is the address of no port: use one of 'ports', or add it "
					"there",
					ip_addr_str(&s->addrs[j], text));
		for (int j = 0; j < i; j++)
			if (collide(s, &cfg->listeners[j])) {
				cfg_err(c->errs, cfg_tree_line(c->root, "listeners[%d].port", i),
					"port %u is that of listener '%s' on the same address, on line "
					"%d: change the port or the addresses",
					s->tcp_port, cfg->listeners[j].name,
					cfg_tree_line(c->root, "listeners[%d].port", j));
				break;
			}
	}
}

static void check_signal(struct check *c)
{
	const struct config *cfg = c->cfg;
	char text[IP_ADDR_STRLEN];

	for (int i = 0; i < cfg->n_signal; i++) {
		const struct cfg_signal *s = &cfg->signal[i];
		int line = cfg_tree_line(c->root, "mptcp.signal[%d].address", i);

		if (absent(&s->addr))
			continue;
		ip_addr_str(&s->addr, text);
		if (own_port(cfg, &s->addr) < 0)
			cfg_err(c->errs, line,
				"%s is the address of no port: use one of 'ports', or add it there",
				text);
		for (int j = 0; j < i; j++)
			if (ip_addr_eq(&s->addr, &cfg->signal[j].addr) &&
			    s->tcp_port == cfg->signal[j].tcp_port)
				cfg_err(c->errs, line,
					"%s is announced twice, first on line %d: remove one", text,
					cfg_tree_line(c->root, "mptcp.signal[%d].address", j));
	}
}

void config_check(struct config *cfg, const struct cfg_node *root, struct cfg_errs *errs)
{
	struct check c = {.cfg = cfg, .root = root, .errs = errs};

	check_ports(&c);
	check_mbufs(&c);
	check_routes(&c, cfg);
	check_pools(&c);
	check_listeners(&c);
	check_signal(&c);
	/* A relay is two TCP connections at least: the client's and the server's. */
	if (cfg->subflows / 2 < cfg->connections)
		cfg_err(errs, cfg_tree_line(root, "memory.subflows"),
			"%u subflows are too few for %u connections: each takes 2 at least, so give "
			"%u or more",
			cfg->subflows, cfg->connections, cfg->connections * 2);
	if (cfg->socket_path[0] != '/')
		cfg_err(errs, cfg_tree_line(root, "control.socket"),
			"the path of the socket is not absolute: write it like %s",
			cfg_rule("control.socket")->text);
}
