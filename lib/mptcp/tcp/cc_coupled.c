/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the coupled congestion controls have in common: everything of Reno but how much a window grows in
 * congestion avoidance, which depends on the windows of all paths of a connection. Slow start is that of one
 * path (RFC 6356 s3). Owning worker only. Source: RFC 6356 s3 and s4, RFC 5681 s3.1.
 */
#include "mptcp/tcp/tcp_internal.h"

struct coupleds {
	struct cc_coupled now, before; /* the last reduction */
};
_Static_assert(sizeof(struct coupleds) <= sizeof(((struct tcp *)0)->cc_priv), "fits cc_priv");

struct cc_coupled *cc_coupled_of(struct tcp *t)
{
	return &((struct coupleds *)t->cc_priv)->now;
}

void cc_coupled_save(struct tcp *t)
{
	((struct coupleds *)t->cc_priv)->before = *cc_coupled_of(t);
}

void cc_coupled_undo(struct tcp *t)
{
	*cc_coupled_of(t) = ((struct coupleds *)t->cc_priv)->before;
}

void cc_coupled_init(struct tcp *t)
{
	*cc_coupled_of(t) = (struct cc_coupled){.lost_at = t->bytes_sent};
}

/* More than one path is in use. */
static bool has_company(const struct tcp *t)
{
	const struct tcp *first = tcp_coupled(t, NULL);

	return tcp_coupled(t, first) != NULL;
}

/* Whole segments; a window may also shrink, to no less than two of them. */
static void settle(struct tcp *t, struct cc_coupled *c)
{
	double mss = t->snd_mss;

	if (c->grown >= mss) {
		uint32_t segs = (uint32_t)(c->grown / mss);

		t->cwnd += segs * t->snd_mss;
		c->grown -= segs * mss;
	} else if (c->grown <= -mss) {
		if (t->cwnd >= 3u * t->snd_mss)
			t->cwnd -= t->snd_mss;
		c->grown = 0;
	}
}

void cc_coupled_on_ack(struct tcp *t, const struct tcp_ack *a,
		       double (*increase)(const struct tcp *t))
{
	struct cc_coupled *c = cc_coupled_of(t);
	uint32_t acked = a->credit;

	if (!a->cwnd_limited)
		return;
	if (t->cwnd < t->ssthresh)
		acked = cc_slow_start(t, a);
	if (acked == 0)
		return;
	c->grown += acked * increase(t);
	settle(t, c);
}

void cc_coupled_reduce(struct tcp *t, uint32_t flight, double part)
{
	struct cc_coupled *c = cc_coupled_of(t);
	/* RFC 6356 s3: beside other paths one segment is enough, or many paths would take more than one. */
	uint32_t least = (has_company(t) ? 1 : 2) * t->snd_mss;
	double rest = RTE_MIN(flight, t->cwnd) * (1 - part);

	t->ssthresh = rest > least ? (uint32_t)rest : least;
	c->grown = 0;
	c->between = t->bytes_sent - c->lost_at;
	c->lost_at = t->bytes_sent;
}

void cc_coupled_on_congestion(struct tcp *t, uint32_t flight)
{
	cc_coupled_reduce(t, flight, 0.5);
	t->cwnd = t->ssthresh;
}

void cc_coupled_on_timeout(struct tcp *t, uint32_t flight)
{
	cc_coupled_reduce(t, flight, 0.5);
	t->cwnd = t->snd_mss;
}

void cc_coupled_on_idle(struct tcp *t)
{
	uint32_t restart = TCP_IW_SEGS * t->snd_mss;

	if (t->cwnd > restart)
		t->cwnd = restart;
}
