/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the kernel's interface of a port must be like: there; with all its receive queues read by an
 * AF_XDP port, since XDP sockets get nothing of the others; without merged frames for a packet
 * socket, since they fit no buffer. Asked by system calls and not in /sys, which may show another
 * network namespace. A question that the interface's driver does not know has the harmless answer.
 * Control thread, before any port is touched; changes nothing.
 */
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config_parts.h"

/* Fill the struct of ETHTOOL_ request that lies at arg. Returns whether the driver knows it. */
static bool ethtool(const char *name, void *arg)
{
	struct ifreq ifr = {.ifr_data = arg};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0)
		return false;
	memcpy(ifr.ifr_name, name, strnlen(name, sizeof(ifr.ifr_name) - 1));
	rc = ioctl(fd, SIOCETHTOOL, &ifr);
	close(fd);
	return rc == 0;
}

static void check_channels(const struct config *cfg, const struct cfg_port *p, const char *name,
			   struct cfg_errs *errs)
{
	struct ethtool_channels ch = {.cmd = ETHTOOL_GCHANNELS};
	unsigned int n = cfg_device_queues(cfg, p->device);

	/* Whoever names the first queue has the port's flows steered to it. */
	if (cfg_device_number(p->device, "start_queue", 0) != 0)
		return;
	if (!ethtool(name, &ch) || ch.combined_count + ch.rx_count <= n)
		return;
	cfg_err(errs, p->line,
		"interface '%.40s' receives on %u queues, of which the port reads %u: ethtool -L %.40s "
		"%s %u%s",
		name, ch.combined_count + ch.rx_count, n, name,
		ch.combined_count > 0 ? "combined" : "rx", n,
		ch.combined_count > 0 && ch.rx_count > 0 ? " rx 0" : "");
}

static void check_merging(const struct cfg_port *p, const char *name, struct cfg_errs *errs)
{
	struct ethtool_value gro = {.cmd = ETHTOOL_GGRO}, flags = {.cmd = ETHTOOL_GFLAGS};
	bool on = ethtool(name, &gro) && gro.data != 0;

	on |= ethtool(name, &flags) && (flags.data & ETH_FLAG_LRO) != 0;
	if (on)
		cfg_err(errs, p->line,
			"interface '%.40s' merges frames, and the result does not fit a packet "
			"buffer: ethtool -K %.40s gro off lro off",
			name, name);
}

void cfg_iface_check(const struct config *cfg, const struct cfg_port *p, struct cfg_errs *errs)
{
	const char *at = strstr(p->device, ",iface=");
	char name[CFG_DEVICE_MAX];

	if (at == NULL)
		return;
	at += strlen(",iface=");
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(at, ","), at);
	if (if_nametoindex(name) == 0)
		cfg_err(errs, p->line,
			"there is no network interface '%.40s': list them with ip -br link", name);
	else if (strncmp(p->device, "net_af_xdp", strlen("net_af_xdp")) == 0)
		check_channels(cfg, p, name, errs);
	else
		check_merging(p, name, errs);
}
