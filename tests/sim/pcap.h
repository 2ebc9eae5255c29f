/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What every interface saw, as pcapng: one interface a host, so that one file has all views.
 */
#ifndef SIM_PCAP_H
#define SIM_PCAP_H

#include <stdint.h>

struct pcap;

/* NULL, and said on standard error: it cannot be written. */
struct pcap *pcap_open(const char *file, const char *const *names, unsigned int n);
void pcap_write(struct pcap *p, unsigned int interface, uint64_t at_ns, const void *ip,
		uint16_t len);
void pcap_close(struct pcap *p);

#endif
