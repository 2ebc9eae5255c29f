/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What must hold of a packet and of options that the parser has accepted, whatever their octets were:
 * the promises of pkt.h and mp_opt.h, and that each option builds again to what says the same.
 */
#ifndef FUZZ_PKT_WATCH_H
#define FUZZ_PKT_WATCH_H

#include "fuzz.h"

/* p was parsed from the n octets at b, of which m keeps what belongs to the packet. */
void pkt_watch(const struct pkt *p, const struct rte_mbuf *m, const uint8_t *b, unsigned int n);
/* Both kinds of options, and what they build again. */
void opts_watch(const struct pkt *p);
/* Options of a segment with these flags parsed through pkt_parse(). False: it refuses them. */
bool opts_parse(struct pkt *p, uint8_t flags, const uint8_t *area, unsigned int n);

#endif
