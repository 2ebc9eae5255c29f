/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Numbers a stranger must not guess: initial sequence numbers and timestamp offsets.
 * Pure. Source: RFC 6528 s3, RFC 7323 s7.1.
 */
#include "mptcp/tcp/tcp_internal.h"

uint32_t tcp_isn(const struct stack *st, const struct flow_key *key)
{
	uint32_t clock = (uint32_t)(st->now_us / 4); /* RFC 9293 s3.4.1 */

	return clock + (uint32_t)siphash(&st->secrets->isn, key, sizeof(*key));
}

uint32_t tcp_ts_offset(const struct stack *st, const struct flow_key *key)
{
	return (uint32_t)siphash(&st->secrets->ts, key, sizeof(*key));
}
