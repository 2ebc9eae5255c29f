/* SPDX-License-Identifier: BSD-3-Clause
 *
 * DPDK's environment, from the configuration. Control thread, once.
 */
#ifndef MPGATE_EAL_H
#define MPGATE_EAL_H

#include <stdint.h>

#include "config.h"

/*
 * Start EAL: memory of mem_mb MiB, control thread as lcore 0 on its core, worker i as lcore i + 1,
 * one --vdev or -a a port. Returns 0, or -errno after a line on stderr.
 */
int eal_start(const struct config *cfg, uint32_t mem_mb);
void eal_stop(void);

/* Copy of the device name of p, up to the first comma, into name. Returns name. */
const char *eal_device_name(const struct cfg_port *p, char name[CFG_DEVICE_MAX]);

/* Whether a port is a PCI device. */
bool eal_has_pci(const struct config *cfg);

#endif
