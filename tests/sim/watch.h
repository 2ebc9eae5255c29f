/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The watch at each host's interface: sees what the host sends and what reaches it, and knows nothing
 * else. What it finds against the rules of TCP is a violation:
 *
 *   one number, one octet             an octet sent again is the same octet
 *   window                            nothing beyond the right edge that was offered
 *   right edge                        never offered further left than before
 *   acknowledgements                  only of what arrived; never back
 *   SACK                              only of what arrived, the latest first (RFC 2018 s4)
 *   SACKed octets                     not sent again
 *   timestamps                        never back; echoes of what arrived
 *   size                              within the MSS that the peer offered
 *   end                               nothing beyond FIN, nothing after RST
 */
#ifndef SIM_WATCH_H
#define SIM_WATCH_H

#include "host.h"

struct watch *watch_new(struct sim *s);
void watch_free(struct watch *w);
/* At the interface of h. f stays the caller's. */
void watch_sent(struct host *h, struct frame *f);
void watch_received(struct host *h, struct frame *f);

#endif
