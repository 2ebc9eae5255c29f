/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the machine must have for a configuration: CPUs, hugepages or memory, capabilities, network
 * interfaces, PCI devices with a driver DPDK can use. Each error names the command that mends it.
 * Control thread, before any port is touched; reads /proc and /sys, changes nothing.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config_parts.h"

#define HUGE_2M "/sys/kernel/mm/hugepages/hugepages-2048kB"
#define HUGE_1G "/sys/kernel/mm/hugepages/hugepages-1048576kB"

#ifndef CAP_BPF
#define CAP_BPF 39
#endif

struct machine {
	const char *root; /* in front of every path; "" but in tests */
	const struct config *cfg;
	struct cfg_errs *errs;
};

/* The text of a small file, or false. */
static bool read_text(const struct machine *m, const char *path, char *buf, size_t size)
{
	char full[512];
	size_t n;
	FILE *f;

	snprintf(full, sizeof(full), "%s%s", m->root, path);
	f = fopen(full, "re");
	if (f == NULL)
		return false;
	n = fread(buf, 1, size - 1, f);
	fclose(f);
	buf[n] = '\0';
	return true;
}

static uint64_t read_number(const struct machine *m, const char *path)
{
	char text[64];

	return read_text(m, path, text, sizeof(text)) ? strtoull(text, NULL, 10) : 0;
}

/* The value behind a name in a file of "Name: value" lines, in the given base. */
static bool read_field(const struct machine *m, const char *path, const char *name, int base,
		       uint64_t *value)
{
	char text[8192], *at;

	if (!read_text(m, path, text, sizeof(text)))
		return false;
	at = strstr(text, name);
	if (at == NULL)
		return false;
	*value = strtoull(at + strlen(name), NULL, base);
	return true;
}

/* Whether list, like "0-3,8", holds cpu. */
static bool in_cpu_list(const char *list, unsigned long cpu)
{
	while (*list >= '0' && *list <= '9') {
		char *end;
		unsigned long first = strtoul(list, &end, 10), last = first;

		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		if (cpu >= first && cpu <= last)
			return true;
		list = *end == ',' ? end + 1 : end;
	}
	return false;
}

static void check_cpus(struct machine *m)
{
	const struct config *cfg = m->cfg;
	char online[1024];

	if (!read_text(m, "/sys/devices/system/cpu/online", online, sizeof(online)))
		return;
	online[strcspn(online, "\n")] = '\0';
	for (unsigned int i = 0; i < cfg->n_workers; i++)
		if (!in_cpu_list(online, cfg->cores[i]))
			cfg_err(m->errs, cfg->cores_line,
				"core %u of worker %u does not exist: the machine has %s, so change "
				"'cores'",
				cfg->cores[i], i, online);
	if (!in_cpu_list(online, cfg->control_core))
		cfg_err(m->errs, cfg->control_core_line,
			"control_core %u does not exist: the machine has %s, so change it",
			cfg->control_core, online);
}

static void check_hugepages(struct machine *m, uint32_t need_mb)
{
	uint64_t have = read_number(m, HUGE_2M "/nr_hugepages");
	uint64_t free_2m = read_number(m, HUGE_2M "/free_hugepages");
	uint64_t free_1g = read_number(m, HUGE_1G "/free_hugepages");
	uint64_t need = (need_mb + 1) / 2;
	uint64_t available_kb = 0, more;

	if (free_2m + free_1g * 512 >= need)
		return;
	more = need - free_2m - free_1g * 512;
	if (read_field(m, "/proc/meminfo", "MemAvailable:", 10, &available_kb) &&
	    available_kb / 2048 < more) {
		cfg_err(m->errs, m->cfg->memory_line,
			"the configuration takes %" PRIu32
			" MiB in hugepages, and the machine has not "
			"enough memory left (%" PRIu64
			" MiB): lower mbufs, connections or subflows "
			"under 'memory'",
			need_mb, available_kb / 1024);
		return;
	}
	cfg_err(m->errs, m->cfg->memory_line,
		"too few hugepages: %" PRIu64 " of 2 MiB are needed and %" PRIu64
		" are free: echo %" PRIu64 " > " HUGE_2M "/nr_hugepages",
		need, free_2m + free_1g * 512, have + more);
}

static void check_memory(struct machine *m, const struct cfg_memory *mem)
{
	const struct config *cfg = m->cfg;
	uint32_t need_mb = config_eal_mb(cfg, mem);
	uint64_t total_mb = (mem->total + (1 << 20) - 1) >> 20, available_kb;

	if (cfg->mem_mb != 0 && cfg->mem_mb < total_mb)
		cfg_err(m->errs, cfg->memory_line,
			"size_mb %" PRIu32 " is less than the configuration takes (%" PRIu64
			" MiB): raise it, or leave it out",
			cfg->mem_mb, total_mb);
	if (cfg->hugepages)
		check_hugepages(m, need_mb);
	else if (read_field(m, "/proc/meminfo", "MemAvailable:", 10, &available_kb) &&
		 available_kb / 1024 < need_mb)
		cfg_err(m->errs, cfg->memory_line,
			"the configuration takes %" PRIu32 " MiB and the machine has %" PRIu64
			" MiB left: lower mbufs, connections or subflows under 'memory'",
			need_mb, available_kb / 1024);
}

/* What a kind of device needs, by the start of its name; "" is a PCI device. */
static const struct need {
	const char *device;
	int cap;
	const char *name;
} needs[] = {
	{"net_af_xdp", CAP_NET_ADMIN, "CAP_NET_ADMIN"},
	{"net_af_packet", CAP_NET_ADMIN, "CAP_NET_ADMIN"},
	{"net_tap", CAP_NET_ADMIN, "CAP_NET_ADMIN"},
	{"net_af_xdp", CAP_NET_RAW, "CAP_NET_RAW"},
	{"net_af_packet", CAP_NET_RAW, "CAP_NET_RAW"},
	{"net_af_xdp", CAP_BPF, "CAP_BPF"},
	{"net_af_xdp", CAP_IPC_LOCK, "CAP_IPC_LOCK"},
	{"", CAP_IPC_LOCK, "CAP_IPC_LOCK"},
};

static bool need_applies(const struct need *n, const struct cfg_port *p)
{
	char name[CFG_DEVICE_MAX];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(p->device, ","), p->device);
	if (n->device[0] == '\0')
		return cfg_is_pci(name);
	return strncmp(name, n->device, strlen(n->device)) == 0;
}

/* One line for all that is missing, at the first port that needs some of it. */
static void check_privileges(struct machine *m)
{
	const struct config *cfg = m->cfg;
	const struct cfg_port *first = NULL;
	char missing[128] = "";
	uint64_t have = 0;

	read_field(m, "/proc/self/status", "CapEff:", 16, &have);
	/* CAP_BPF was split from CAP_SYS_ADMIN, which still implies it. */
	if ((have & (1ull << CAP_SYS_ADMIN)) != 0)
		have |= 1ull << CAP_BPF;
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		const struct need *n = &needs[i];
		size_t len = strlen(missing);

		for (int j = 0; j < cfg->n_ports; j++) {
			if ((have & (1ull << n->cap)) != 0 || !need_applies(n, &cfg->ports[j]))
				continue;
			if (first == NULL || cfg->ports[j].line < first->line)
				first = &cfg->ports[j];
			have |= 1ull << n->cap; /* said once */
			snprintf(missing + len, sizeof(missing) - len, "%s%s", len > 0 ? ", " : "",
				 n->name);
		}
	}
	if (first != NULL)
		cfg_err(m->errs, first->line,
			"the ports need %s: run mpgate as root, or setcap cap_net_admin,"
			"cap_net_raw,cap_ipc_lock,cap_bpf,cap_sys_nice+ep $(which mpgate)",
			missing);
}

static void check_pci(struct machine *m, const struct cfg_port *p, const char *address)
{
	char path[512], target[256];
	const char *driver;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/sys/bus/pci/devices/%s%s", m->root,
		 strlen(address) == 7 ? "0000:" : "", address);
	if (access(path, F_OK) != 0) {
		cfg_err(m->errs, p->line,
			"there is no PCI device %s: list them with dpdk-devbind.py --status-dev net",
			address);
		return;
	}
	strncat(path, "/driver", sizeof(path) - strlen(path) - 1);
	n = readlink(path, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = '\0';
	driver = strrchr(target, '/') != NULL ? strrchr(target, '/') + 1 : target;
	/* mlx4, mlx5 and mana share the device with the kernel's driver. */
	if (strstr(driver, "vfio") != NULL || strncmp(driver, "uio", 3) == 0 ||
	    strcmp(driver, "igb_uio") == 0 || strncmp(driver, "mlx", 3) == 0 ||
	    strcmp(driver, "mana") == 0)
		return;
	cfg_err(m->errs, p->line,
		"PCI device %s is bound to %s: modprobe vfio-pci && dpdk-devbind.py -b vfio-pci %s",
		address, *driver != '\0' ? driver : "no driver", address);
}

static void check_device(struct machine *m, const struct cfg_port *p)
{
	bool xdp = strncmp(p->device, "net_af_xdp", 10) == 0;
	bool packet = strncmp(p->device, "net_af_packet", 13) == 0;
	bool tap = strncmp(p->device, "net_tap", 7) == 0;
	char name[CFG_DEVICE_MAX], path[512];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(p->device, ","), p->device);
	if (cfg_is_pci(name))
		check_pci(m, p, name);
	if (tap) {
		snprintf(path, sizeof(path), "%s/dev/net/tun", m->root);
		if (access(path, F_OK) != 0)
			cfg_err(m->errs, p->line, "%s needs /dev/net/tun: modprobe tun", name);
	}
	if (xdp || packet)
		cfg_iface_check(m->cfg, p, m->errs);
}

int config_check_machine_at(const char *root, const struct config *cfg,
			    const struct cfg_memory *mem, struct cfg_error *err, int max,
			    int *n_err)
{
	struct cfg_errs errs = {.err = err, .max = max};
	struct machine m = {.root = root, .cfg = cfg, .errs = &errs};

	check_cpus(&m);
	check_memory(&m, mem);
	check_privileges(&m);
	for (int i = 0; i < cfg->n_ports; i++)
		check_device(&m, &cfg->ports[i]);
	cfg_errs_sort(&errs);
	*n_err = errs.n;
	return errs.n > 0 ? -EINVAL : 0;
}

int config_check_machine(const struct config *cfg, const struct cfg_memory *mem,
			 struct cfg_error *err, int max, int *n_err)
{
	return config_check_machine_at("", cfg, mem, err, max, n_err);
}
