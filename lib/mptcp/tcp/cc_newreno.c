/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reno's window: slow start by octets acknowledged, one segment a round trip after that, half upon
 * loss. Owning worker only. Source: RFC 5681 s3.1, RFC 3465, RFC 6928.
 */
#include "mptcp/tcp/tcp_internal.h"

struct newreno {
	uint64_t acked; /* octets since cwnd last grew */
};
_Static_assert(sizeof(struct newreno) <= sizeof(((struct tcp *)0)->cc_priv), "fits cc_priv");

static void newreno_init(struct tcp *t)
{
	((struct newreno *)t->cc_priv)->acked = 0;
}

static void newreno_on_ack(struct tcp *t, const struct tcp_ack *a)
{
	struct newreno *r = (struct newreno *)t->cc_priv;
	uint32_t acked = a->credit;

	if (!a->cwnd_limited)
		return;
	if (t->cwnd < t->ssthresh)
		acked = cc_slow_start(t, a);
	r->acked += acked;
	if (r->acked >= t->cwnd) {
		r->acked -= t->cwnd;
		t->cwnd += t->snd_mss;
	}
}

/* RFC 5681 eqn 4. Lost octets count: FlightSize is what is not acknowledged. */
static uint32_t half_flight(const struct tcp *t, uint32_t flight)
{
	uint32_t half = RTE_MIN(flight, t->cwnd) / 2, least = 2 * t->snd_mss;

	return RTE_MAX(half, least);
}

static void newreno_on_congestion(struct tcp *t, uint32_t flight)
{
	t->ssthresh = half_flight(t, flight);
	t->cwnd = t->ssthresh;
	newreno_init(t);
}

static void newreno_on_timeout(struct tcp *t, uint32_t flight)
{
	t->ssthresh = half_flight(t, flight);
	t->cwnd = t->snd_mss;
	newreno_init(t);
}

static void newreno_on_idle(struct tcp *t)
{
	uint32_t restart = TCP_IW_SEGS * t->snd_mss;

	if (t->cwnd > restart)
		t->cwnd = restart;
}

const struct tcp_cc_ops cc_newreno = {
	.name = "newreno",
	.init = newreno_init,
	.on_ack = newreno_on_ack,
	.on_congestion = newreno_on_congestion,
	.on_timeout = newreno_on_timeout,
	.on_idle = newreno_on_idle,
};
