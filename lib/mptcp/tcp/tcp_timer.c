/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The deadlines of a connection over one node of the timer wheel. A deadline that moves later
 * or goes away does not touch the wheel: the node fires, finds nothing due, and is armed again.
 * Owning worker only. Source: RFC 6298 s5, RFC 9293 s3.8.
 */
#include <stddef.h>

#include "mptcp/tcp/tcp_internal.h"

static void timer_fired(struct wheel_timer *node, void *ctx);

void tcp_timer_set(struct tcp *t, enum tcp_deadline d, uint32_t ms)
{
	uint32_t at = t->st->now_ms + ms;

	if (at == 0)
		at = 1; /* 0 says "off" */
	t->deadline_ms[d] = at;
	if (!wheel_armed(&t->timer) || (int32_t)(at - t->timer.expires_ms) < 0)
		wheel_arm(&t->st->wheel, &t->timer, at, timer_fired);
}

void tcp_timer_stop(struct tcp *t)
{
	for (int d = 0; d < TCPD_MAX; d++)
		t->deadline_ms[d] = 0;
	wheel_cancel(&t->st->wheel, &t->timer);
}

static void give_up(struct tcp *t)
{
	st_inc(t->st, CTR_TCP_GIVE_UP);
	tcp_closed(t, TCP_END_TIMEOUT);
}

static void back_off(struct tcp *t)
{
	uint32_t most = t->st->cfg->rto_max_ms;

	if (t->backoff < UINT8_MAX)
		t->backoff++;
	t->rto_ms = t->rto_ms < most / 2 ? t->rto_ms * 2 : most; /* RFC 6298 (5.5) */
}

static void syn_timeout(struct tcp *t)
{
	if (t->backoff >= t->st->cfg->syn_retries) {
		give_up(t);
		return;
	}
	back_off(t);
	st_inc(t->st, CTR_TCP_TIMEOUTS);
	t->ops->timeout(t);
	if (t->state != TCPS_SYN_SENT && t->state != TCPS_SYN_RCVD)
		return;
	st_inc(t->st, CTR_TCP_SYN_RETRANS);
	t->retrans++;
	tcp_send_syn(t);
	tcp_timer_set(t, TCPD_RTO, t->rto_ms);
}

/* Whether the user timeout is over, of what has waited since then. */
static bool waited_long(const struct tcp *t, uint32_t since_ms)
{
	uint32_t most = t->st->cfg->user_timeout_ms;

	return most != 0 && t->st->now_ms - since_ms >= most;
}

/* The next retransmission; what gives up does so in time. */
static void arm_again(struct tcp *t)
{
	uint32_t most = t->st->cfg->user_timeout_ms, ms = t->rto_ms;
	uint32_t waited_ms = t->st->now_ms - t->progress_ms;

	if (most != 0)
		ms = waited_ms < most ? RTE_MIN(ms, most - waited_ms) : 1;
	tcp_timer_set(t, TCPD_RTO, ms);
}

/* A peer that closed its window over data in flight answers every retransmission and takes none:
 * as with window probes there is no end while it answers (RFC 9293 s3.8.6.1). */
static bool held_by_window(const struct tcp *t)
{
	return t->snd_wnd == 0 && t->st->now_ms - t->last_rx_ms < 2 * t->st->cfg->rto_max_ms;
}

static void retransmission_timeout(struct tcp *t)
{
	const struct tcp_config *cfg = t->st->cfg;
	uint8_t most = t->orphan ? cfg->orphan_retries : cfg->data_retries;

	if (t->state == TCPS_SYN_SENT || t->state == TCPS_SYN_RCVD) {
		syn_timeout(t);
		return;
	}
	if (!tcp_unacked(t)) {
		tcp_output(t); /* a FIN that found no mbuf */
		return;
	}
	if ((t->backoff >= most || waited_long(t, t->progress_ms)) && !held_by_window(t)) {
		give_up(t);
		return;
	}
	tcp_rate_check_app(t);
	back_off(t);
	st_inc(t->st, CTR_TCP_TIMEOUTS);
	t->ops->timeout(t);
	if (t->state == TCPS_CLOSED || !tcp_unacked(t))
		return;
	tcp_pmtu_timeout(t);
	tcp_loss_on_timeout(t);
	tcp_output(t);
	if (t->state != TCPS_CLOSED && tcp_unacked(t))
		arm_again(t);
}

static void persist_timeout(struct tcp *t)
{
	const struct tcp_config *cfg = t->st->cfg;

	if (t->probes >= (t->orphan ? cfg->orphan_retries : cfg->data_retries) ||
	    (t->probes > 0 && waited_long(t, t->last_rx_ms))) {
		give_up(t);
		return;
	}
	tcp_persist(t);
}

static void keepalive_timeout(struct tcp *t)
{
	uint32_t keepalive_ms = t->st->cfg->keepalive_ms;
	uint32_t idle_ms = t->st->now_ms - t->last_rx_ms;

	if (keepalive_ms == 0)
		return;
	if (idle_ms < keepalive_ms) {
		tcp_timer_set(t, TCPD_KEEPALIVE, keepalive_ms - idle_ms);
		return;
	}
	if (tcp_timer_on(t, TCPD_RTO) || tcp_timer_on(t, TCPD_PERSIST)) {
		tcp_timer_set(t, TCPD_KEEPALIVE, keepalive_ms); /* those find out */
		return;
	}
	if (t->probes >= KEEPALIVE_PROBES || (t->probes > 0 && waited_long(t, t->last_rx_ms))) {
		give_up(t);
		return;
	}
	st_inc(t->st, CTR_TCP_KEEPALIVE);
	tcp_probe(t);
	tcp_timer_set(t, TCPD_KEEPALIVE, KEEPALIVE_INTERVAL_MS);
}

static void delack_timeout(struct tcp *t)
{
	if (!t->ack_pending)
		return;
	st_inc(t->st, CTR_TCP_DELAYED_ACK);
	tcp_send_ack(t);
}

static void state_timeout(struct tcp *t)
{
	if (t->state == TCPS_TIME_WAIT)
		tcp_closed(t, TCP_END_DONE);
	else if (t->state == TCPS_FIN_WAIT_2 && t->orphan)
		give_up(t);
	else if (t->state == TCPS_FIN_WAIT_2)
		tcp_timer_set(t, TCPD_STATE, FIN_WAIT_2_MS);
}

static void (*const handlers[TCPD_MAX])(struct tcp *t) = {
	[TCPD_RTO] = retransmission_timeout,  [TCPD_REO] = tcp_rack_timeout,
	[TCPD_PTO] = tcp_tlp_timeout,         [TCPD_PACE] = tcp_output,
	[TCPD_DELACK] = delack_timeout,       [TCPD_PERSIST] = persist_timeout,
	[TCPD_KEEPALIVE] = keepalive_timeout, [TCPD_STATE] = state_timeout,
};

static void rearm(struct tcp *t)
{
	uint32_t now_ms = t->st->now_ms;
	uint32_t nearest = 0;

	for (int d = 0; d < TCPD_MAX; d++) {
		uint32_t at = t->deadline_ms[d];

		if (at != 0 && (nearest == 0 || (int32_t)(at - nearest) < 0))
			nearest = at;
	}
	if (nearest == 0)
		return;
	if ((int32_t)(nearest - now_ms) <= 0)
		nearest = now_ms + 1;
	if (!wheel_armed(&t->timer) || (int32_t)(nearest - t->timer.expires_ms) < 0)
		wheel_arm(&t->st->wheel, &t->timer, nearest, timer_fired);
}

static void timer_fired(struct wheel_timer *node, void *ctx)
{
	struct tcp *t = (struct tcp *)((char *)node - offsetof(struct tcp, timer));

	(void)ctx; /* the stack, which t knows */

	for (int d = 0; d < TCPD_MAX; d++) {
		uint32_t at = t->deadline_ms[d];

		if (at == 0 || (int32_t)(at - t->st->now_ms) > 0)
			continue;
		t->deadline_ms[d] = 0;
		handlers[d](t);
		if (t->state == TCPS_CLOSED)
			return;
	}
	rearm(t);
}
