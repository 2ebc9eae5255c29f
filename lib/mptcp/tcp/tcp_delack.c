/* SPDX-License-Identifier: BSD-3-Clause
 *
 * When octets that came in order are acknowledged, and room that the owner made is offered: at the end
 * of the burst they came in, once for all of it, as with receive offloads. What must not wait (gaps,
 * duplicates, FIN, the first segments of a connection) sets ack_now instead.
 * Owning worker only. Source: RFC 9293 s3.8.6.3 and s3.8.6.2.2, RFC 5681 s4.2.
 */
#include "mptcp/tcp/tcp_internal.h"

static void at_end_of_burst(struct tcp *t)
{
	struct stack *st = t->st;

	if (t->in_burst)
		return;
	t->in_burst = true;
	t->burst_next = st->burst;
	st->burst = t;
}

/* In-order payload of len octets was taken. gap: something was or is out of order. */
void tcp_owe_ack(struct tcp *t, uint16_t len, bool gap)
{
	if (t->last_ack_sent == t->rcv_nxt)
		return; /* the owner's answer took it along */
	if (len > t->rcv_seg_max)
		t->rcv_seg_max = len;
	if (t->quickacks > 0)
		t->quickacks--;
	else if (!gap) {
		at_end_of_burst(t);
		return;
	}
	t->ack_now = true;
}

void tcp_window_update(struct tcp *t)
{
	if (t->state != TCPS_ESTABLISHED && t->state != TCPS_FIN_WAIT_1 &&
	    t->state != TCPS_FIN_WAIT_2)
		return;
	t->wnd_check = true;
	at_end_of_burst(t);
}

static bool window_worth_telling(struct tcp *t)
{
	uint32_t wnd = t->ops->rcv_window(t);
	uint32_t edge = t->rcv_nxt + wnd;
	uint32_t grown = edge - t->rcv_adv;

	if (seq_leq(edge, t->rcv_adv))
		return false;
	return grown >= 2u * t->rcv_mss || grown >= t->rcv_wnd_max / 2 ||
	       (tcp_rcv_wnd(t) < t->rcv_mss && wnd >= t->rcv_mss);
}

static void end_burst(struct tcp *t)
{
	uint32_t owed = t->rcv_nxt - t->last_ack_sent;

	if (!tcp_synchronised(t))
		return;
	/* RFC 9293 s3.8.6.3: at least every second full-sized segment. */
	if ((owed > 0 && owed >= 2u * t->rcv_seg_max) ||
	    (t->wnd_check && window_worth_telling(t)) || t->ack_again) {
		tcp_send_ack(t);
	} else if (owed > 0 && !t->ack_pending) {
		t->ack_pending = true;
		tcp_timer_set(t, TCPD_DELACK, t->st->cfg->delack_ms);
	}
	t->wnd_check = t->ack_again = false;
}

void stack_end_burst(struct stack *st)
{
	struct tcp *t;

	while ((t = st->burst) != NULL) {
		st->burst = t->burst_next;
		t->in_burst = false;
		end_burst(t);
	}
}

void tcp_leave_burst(struct tcp *t)
{
	struct tcp **pp = &t->st->burst;

	if (!t->in_burst)
		return;
	while (*pp != t)
		pp = &(*pp)->burst_next;
	*pp = t->burst_next;
	t->in_burst = false;
}
