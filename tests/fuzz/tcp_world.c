/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the connection of the fuzz target tcp sends, and its application.
 */
#include <stdlib.h>

#include "tcp_world.h"
#include "mptcp/tcp/tcp_internal.h"
#include "mptcp/wire/checksum.h"

struct run r;
struct rte_mempool *pool, *wire;

/* --- the way out ------------------------------------------------------------------------------- */

static void output(struct stack *st, struct rte_mbuf *m, struct nexthop *nh)
{
	static struct sent s;
	struct app *a = r.app;

	(void)st, (void)nh;
	fuzz_sent(&s, m);
	trace("  > flags %02x seq %u ack %u wnd %u len %u", s.p.flags, s.p.seq, s.p.ack, s.p.wnd,
	      s.p.payload_len);
	if (s.p.flags & TCPF_SYN && r.stray) {
		r.cookie_ack = s.p.seq + 1;
		r.cookie_tsval = s.p.tcp.tsval;
	}
	if (!r.stray || !(s.p.flags & (TCPF_RST | TCPF_SYN))) {
		MUST(a != NULL && !a->closed);
		tcp_watch_out(&a->watch, &a->t, &s, 0);
		for (unsigned int i = 0; i < s.p.payload_len; i++)
			MUST(s.payload[i] == pattern(OURS, s.p.seq + i - a->t.iss - 1));
	}
	if (r.keeps && r.n_kept < DRIVER_MAX) {
		r.kept[r.n_kept++] = m;
		return;
	}
	rte_pktmbuf_free(m);
}

const struct stack_ops run_stack_ops = {.output = output};

void driver_lets_go(void)
{
	while (r.n_kept > 0)
		rte_pktmbuf_free(r.kept[--r.n_kept]);
}

/* --- the application ----------------------------------------------------------------------------- */

static struct app *app_of(struct tcp *t)
{
	return (struct app *)((char *)t - offsetof(struct app, t));
}

void app_write(struct app *a, uint16_t len)
{
	struct rte_mbuf *m;
	uint8_t *b;

	if (!tcp_synchronised(&a->t) || a->t.fin_queued || a->t.sndq.n >= SND_SEGS_MAX)
		return;
	if (len > tcp_payload_max(&a->t))
		len = tcp_payload_max(&a->t);
	if (len == 0)
		return;
	m = rte_pktmbuf_alloc(wire);
	MUST(m != NULL);
	b = (uint8_t *)rte_pktmbuf_append(m, len);
	for (unsigned int i = 0; i < len; i++)
		b[i] = pattern(OURS, a->written + i);
	tcp_send(&a->t, seg_init(m, csum_partial(b, len)));
	a->written += len;
	tcp_output(&a->t);
}

static void act(struct app *a)
{
	enum whim whim = r.whim;

	r.whim = WHIM_NONE;
	switch (whim) {
	case WHIM_ABORT:
		tcp_abort(&a->t);
		break;
	case WHIM_SHUTDOWN:
		tcp_shutdown(&a->t);
		break;
	case WHIM_WRITE:
		app_write(a, 700);
		break;
	case WHIM_PAUSE:
		a->paused = true;
		break;
	case WHIM_WINDOW:
		tcp_window_update(&a->t);
		break;
	default:
		break;
	}
}

static void app_take(struct app *a, const struct seg *s)
{
	const uint8_t *b = seg_payload(s);

	MUST(s->payload_sum % 0xffff == csum_partial(b, s->len) % 0xffff);
	for (unsigned int i = 0; i < s->len; i++)
		MUST(b[i] == pattern(PEERS, a->received + i));
	a->received += s->len;
}

void app_resume(struct app *a)
{
	struct seg *s;

	a->paused = false;
	while ((s = a->kept.head) != NULL) {
		segq_remove(&a->kept, s);
		app_take(a, s);
		seg_release(&r.st, s);
	}
	tcp_window_update(&a->t);
}

static void op_build(struct tcp *t, const struct tcp_tx *tx, struct opt_buf *o)
{
	(void)t, (void)tx, (void)o;
}

static enum tcp_verdict op_handshake(struct tcp *t, const struct pkt *p)
{
	(void)p;
	return app_of(t)->verdict;
}

static void op_established(struct tcp *t)
{
	MUST(t->state == TCPS_ESTABLISHED && ++app_of(t)->established == 1);
	act(app_of(t));
}

static void op_options(struct tcp *t, const struct pkt *p)
{
	(void)p;
	MUST(tcp_synchronised(t));
	act(app_of(t));
}

static void op_reset(struct tcp *t, const struct pkt *p)
{
	(void)p;
	MUST(t->state != TCPS_CLOSED);
}

static void op_data(struct tcp *t, struct seg *s)
{
	struct app *a = app_of(t);

	MUST(!a->closed && !a->eof);
	MUST(s->len > 0 && s->holders == 0 && s->seq == t->rcv_nxt - s->len);
	if (a->paused) {
		seg_hold(t->st, s);
		segq_push_tail(&a->kept, s);
	} else {
		app_take(a, s);
		seg_drop(s);
	}
	MUST(a->received + a->kept.bytes == t->rcv_nxt - t->irs - 1);
	act(a);
}

static void op_fin(struct tcp *t)
{
	struct app *a = app_of(t);

	MUST(!a->closed && !a->eof);
	a->eof = true;
	MUST(a->received + a->kept.bytes == t->rcv_nxt - t->irs - 2);
	act(a);
}

static void op_acked(struct tcp *t, uint32_t octets)
{
	struct app *a = app_of(t);

	MUST(!a->closed && octets <= a->written);
	act(a);
}

static void op_timeout(struct tcp *t)
{
	MUST(t->state != TCPS_CLOSED);
	act(app_of(t));
}

static void op_closed(struct tcp *t, enum tcp_end why)
{
	struct app *a = app_of(t);

	(void)why;
	MUST(t->state == TCPS_CLOSED && !a->closed);
	a->closed = true;
	act(a); /* harmless, whatever it is */
}

static uint32_t op_window(struct tcp *t)
{
	struct app *a = app_of(t);
	uint32_t unit = UINT32_C(1) << t->rcv_wscale, most = UINT32_C(65535) << t->rcv_wscale;
	uint32_t wnd = a->room > a->kept.bytes ? a->room - a->kept.bytes : 0;
	uint32_t least;

	wnd = (wnd < most ? wnd : most) / unit * unit;
	least = a->has_edge && seq_lt(t->rcv_nxt, a->edge) ? a->edge - t->rcv_nxt : 0;
	if (wnd < least)
		wnd = (least + unit - 1) / unit * unit;
	if (wnd > most)
		wnd = most;
	if (!tcp_synchronised(t)) /* in a SYN it is not scaled */
		wnd = UINT16_MAX / unit * unit < wnd ? UINT16_MAX / unit * unit : wnd;
	if (t->state != TCPS_SYN_SENT) { /* else from an unknown number */
		a->edge = t->rcv_nxt + wnd;
		a->has_edge = true;
	}
	return wnd;
}

const struct tcp_ops app_ops = {
	.build_options = op_build,
	.handshake = op_handshake,
	.established = op_established,
	.rx_options = op_options,
	.rx_reset = op_reset,
	.rx_data = op_data,
	.rx_fin = op_fin,
	.acked = op_acked,
	.timeout = op_timeout,
	.closed = op_closed,
	.rcv_window = op_window,
};

void app_free(void)
{
	struct app *a = r.app;
	struct seg *s;

	if (a == NULL)
		return;
	MUST(a->closed || a->t.state == TCPS_CLOSED);
	while ((s = a->kept.head) != NULL) {
		segq_remove(&a->kept, s);
		seg_release(&r.st, s);
	}
	free(a);
	r.app = NULL;
}

struct app *app_new(void)
{
	struct app *a = calloc(1, sizeof(*a));

	MUST(a != NULL);
	app_free();
	a->room = 60000;
	a->verdict = TCP_ACCEPT;
	r.app = a;
	return a;
}
