/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The arguments of DPDK's environment, made from the configuration, so that nobody has to know
 * them. Control thread, once, before any port is touched.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>

#include "eal.h"

#define EAL_ARGS_MAX (32 + 2 * CFG_PORTS_MAX)
#define EAL_ARG_LEN  512

struct eal_args {
	int n;
	char *v[EAL_ARGS_MAX + 1];
	char text[EAL_ARGS_MAX][EAL_ARG_LEN];
};

static void __attribute__((format(printf, 2, 3))) arg(struct eal_args *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(a->text[a->n], EAL_ARG_LEN, fmt, ap);
	va_end(ap);
	a->v[a->n] = a->text[a->n];
	a->n++;
}

const char *eal_device_name(const struct cfg_port *p, char name[CFG_DEVICE_MAX])
{
	snprintf(name, CFG_DEVICE_MAX, "%.*s", (int)strcspn(p->device, ","), p->device);
	return name;
}

/* "0000:3b:00.0" or "3b:00.0": begins with a hexadecimal digit and has a colon; a virtual device
 * begins with its driver's name, "net_". */
static bool is_pci(const struct cfg_port *p)
{
	char name[CFG_DEVICE_MAX];

	eal_device_name(p, name);
	return isxdigit((unsigned char)name[0]) && strchr(name, ':') != NULL;
}

bool eal_has_pci(const struct config *cfg)
{
	for (unsigned int i = 0; i < cfg->n_ports; i++)
		if (is_pci(&cfg->ports[i]))
			return true;
	return false;
}

static void arg_lcores(struct eal_args *a, const struct config *cfg)
{
	char map[EAL_ARG_LEN];
	int n = snprintf(map, sizeof(map), "0@%u", cfg->control_core);

	for (unsigned int i = 0; i < cfg->n_workers; i++)
		n += snprintf(map + n, sizeof(map) - (size_t)n, ",%u@%u", i + 1, cfg->cores[i]);
	arg(a, "--lcores");
	arg(a, "%s", map);
	arg(a, "--main-lcore");
	arg(a, "0");
}

static void arg_devices(struct eal_args *a, const struct config *cfg)
{
	for (unsigned int i = 0; i < cfg->n_ports; i++) {
		const struct cfg_port *p = &cfg->ports[i];

		if (is_pci(p)) {
			arg(a, "-a");
			arg(a, "%s", p->device);
		} else {
			arg(a, "--vdev=%s", p->device);
		}
	}
	if (!eal_has_pci(cfg)) {
		arg(a, "--no-pci");
		/* No device needs physical addresses: the pool of packets then is one piece, as
		 * AF_XDP wants it. */
		arg(a, "--iova-mode=va");
	}
}

int eal_start(const struct config *cfg, uint32_t mem_mb)
{
	static struct eal_args a; /* EAL keeps pointers into it */
	const char *level = getenv("MPGATE_EAL_LOG");

	/* libxdp's dispatcher serves several XDP programs on one interface; ports have one, which
	 * must go with the process. */
	setenv("LIBXDP_SKIP_DISPATCHER", "1", 0);
	arg(&a, "mpgate");
	arg(&a, "--file-prefix=%s", cfg->eal_prefix);
	arg(&a, "--no-telemetry");
	arg(&a, "--log-level=%s", level != NULL ? level : "error");
	if (cfg->hugepages) {
		arg(&a, "--in-memory");
	} else {
		/* EAL refuses --in-memory beside --no-huge; this leaves no files either. */
		arg(&a, "--no-huge");
		arg(&a, "--no-shconf");
	}
	arg(&a, "-m");
	arg(&a, "%u", mem_mb);
	arg_lcores(&a, cfg);
	arg_devices(&a, cfg);
	if (rte_eal_init(a.n, a.v) >= 0)
		return 0;
	fprintf(stderr,
		"mpgate: DPDK did not start (%s): mpgate -c FILE --check says what the machine "
		"lacks; MPGATE_EAL_LOG=debug shows why\n",
		rte_strerror(rte_errno));
	return rte_errno != 0 ? -rte_errno : -EIO;
}

void eal_stop(void)
{
	rte_eal_cleanup();
}
