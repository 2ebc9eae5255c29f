/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rules of the state.
 */
#include "inspect.h"
#include "mptcp/conn/conn_internal.h"
#include "mptcp/tcp/tcp_internal.h"
#include "relay.h"

/* Longer queues are looked through less often: the time it takes grows with their square else. */
#define QUEUE_ALWAYS 64
#define QUEUE_EVERY  32
/* New segments that duplicate ACKs may let go beyond cwnd (RFC 3042). */
#define LIMITED_TRANSMIT 2

static const struct {
	enum counter c;
	const char *what;
} levels[] = {
	{CTR_CUR_CONNS, "connections"},    {CTR_CUR_SUBFLOWS, "subflows"},
	{CTR_CUR_RELAYS, "relays"},        {CTR_CUR_FLOWS, "flow table entries"},
	{CTR_CUR_TOKENS, "token entries"}, {CTR_CUR_SEGS, "segments"},
	{CTR_CUR_HALF_OPEN, "half-open"},  {CTR_CUR_TIME_WAIT, "in TIME_WAIT"},
	{CTR_MP_CUR_ESTAB, "established"},
};

static void broken(struct host *h, const struct tcp *t, const char *what)
{
	sim_violation(
		h->sim, "%s, port %u to %u in %s: %s (una %u max %u cwnd %u flight %u wnd %u)",
		h->name, t->key.local_port, t->key.remote_port, tcp_state_name[t->state], what,
		t->snd_una - t->iss, t->snd_max - t->iss, t->cwnd, tcp_flight(t), t->snd_wnd);
}

/* --- one connection --------------------------------------------------------------------------- */

static void check_sndq(struct host *h, struct tcp *t)
{
	uint32_t sacked = 0, lost = 0, retx = 0, bytes = 0, n = 0;
	bool unsent = false;
	struct seg *s;

	SEGQ_FOREACH (s, &t->sndq) {
		uint32_t space = seg_space(s);

		n++;
		bytes += s->len;
		if (s->flags & SEG_SACKED)
			sacked += space;
		if (s->flags & SEG_LOST)
			lost += space;
		else if ((s->flags & (SEG_RETX | SEG_SACKED)) == SEG_RETX)
			retx += space;
		if (s->tcp != t)
			broken(h, t, "a segment in the send queue of another connection");
		if (s->next != NULL && s->seq + space != s->next->seq)
			broken(h, t, "a gap in the send queue");
		unsent = unsent || s == t->snd_unsent;
		if (!(s->flags & SEG_SENT) != unsent)
			broken(h, t, "sent behind unsent");
	}
	if (n != t->sndq.n || bytes != t->sndq.bytes)
		broken(h, t, "the send queue is miscounted");
	if (t->use_sack && sacked != t->sacked_bytes)
		broken(h, t, "SACKed octets are miscounted");
	if (lost != t->lost_bytes || retx != t->retx_bytes)
		broken(h, t, "lost or retransmitted octets are miscounted");
	if (t->sndq.head != NULL && seq_lt(t->snd_una, t->sndq.head->seq))
		broken(h, t, "the send queue begins beyond SND.UNA");
}

static void check_ofo(struct host *h, struct tcp *t)
{
	uint32_t bytes = 0, n = 0;
	struct seg *s;

	SEGQ_FOREACH (s, &t->ofo) {
		n++;
		bytes += s->len;
		if (s->next != NULL && seq_lt(s->next->seq, s->seq + s->len))
			broken(h, t, "overlap in the out-of-order queue");
		if (seq_lt(t->rcv_adv, s->seq + s->len))
			broken(h, t, "octets beyond the window are kept");
	}
	if (n != t->ofo.n || bytes != t->ofo.bytes)
		broken(h, t, "the out-of-order queue is miscounted");
	if (t->ofo.head != NULL && !seq_lt(t->rcv_nxt, t->ofo.head->seq))
		broken(h, t, "the out-of-order queue begins in order");
	if (n > RTE_MAX(t->st->cfg->ofo_segs_max, t->rcv_wnd_max / 512))
		broken(h, t, "the out-of-order queue is longer than its limit");
}

/* Something to wait for has a timer that will not let it wait for ever. */
static void check_timers(struct host *h, struct tcp *t)
{
	bool data = t->state != TCPS_SYN_SENT && t->state != TCPS_SYN_RCVD;

	if (data && tcp_unacked(t) && !tcp_timer_on(t, TCPD_RTO))
		broken(h, t, "octets in flight without a retransmission timer");
	if (!data && !tcp_timer_on(t, TCPD_RTO))
		broken(h, t, "a SYN without a retransmission timer");
	if (data && t->snd_unsent != NULL && !t->no_data && !tcp_timer_on(t, TCPD_RTO) &&
	    !tcp_timer_on(t, TCPD_PERSIST))
		broken(h, t, "octets to send, and nothing that would");
	if (t->ack_pending && !tcp_timer_on(t, TCPD_DELACK))
		broken(h, t, "an acknowledgement owed without a timer");
	if (t->state == TCPS_TIME_WAIT && !tcp_timer_on(t, TCPD_STATE))
		broken(h, t, "TIME_WAIT without an end");
	for (int d = 0; d < TCPD_MAX; d++)
		if (tcp_timer_on(t, (enum tcp_deadline)d) && !wheel_armed(&t->timer))
			broken(h, t, "a deadline that the wheel does not know of");
}

static void check_tcp(struct host *h, struct tcp *t)
{
	bool deep = t->sndq.n + t->ofo.n <= QUEUE_ALWAYS || h->sim->events_run % QUEUE_EVERY == 0;

	if (!seq_leq(t->snd_una, t->snd_max))
		broken(h, t, "SND.UNA beyond what was sent");
	if (tcp_synchronised(t) && t->cwnd < t->snd_mss)
		broken(h, t, "a congestion window below one segment");
	if (deep) {
		check_sndq(h, t);
		check_ofo(h, t);
	}
	check_timers(h, t);
}

/* --- one host --------------------------------------------------------------------------------- */

static uint32_t armed(const struct wheel_timer *t)
{
	return wheel_armed(t);
}

static uint32_t timers_of(const struct conn *c)
{
	const struct subflow *sf;
	uint32_t n = armed(&c->rtx_timer) + armed(&c->push_timer) + armed(&c->dack_timer) +
		     armed(&c->life_timer) + armed(&c->announce.timer);

	CONN_FOREACH_SUBFLOW (sf, c)
		n += armed(&sf->tcp.timer) + armed(&sf->rm_timer) + armed(&sf->hs_timer);
	return n;
}

void inspect_host(struct host *h)
{
	uint32_t timers = 0, conns = 0;
	struct mptcp *mp = &h->w.mp;

	if (h->sim->watch == NULL)
		return;
	for (uint32_t i = 0; i < mp->conns.n; i++) {
		struct conn *c = mptcp_conn_at(mp, i);
		struct subflow *sf;

		if (c == NULL)
			continue;
		conns++;
		timers += timers_of(c);
		CONN_FOREACH_SUBFLOW (sf, c)
			if (sf->tcp.state != TCPS_CLOSED)
				check_tcp(h, &sf->tcp);
	}
	for (uint32_t i = 0; h->relay && i < h->w.relay->relays.n; i++) {
		const struct relay *r = pool_at(&h->w.relay->relays, i);

		if (r->ctx == h->w.relay)
			timers += armed(&r->timer);
	}
	if (timers != h->w.st.wheel.armed)
		sim_violation(h->sim, "%s: %u timers run, and %u have an owner", h->name,
			      h->w.st.wheel.armed, timers);
	if (conns != h->w.ctrs[CTR_CUR_CONNS])
		sim_violation(h->sim, "%s: connections are miscounted", h->name);
	if (h->w.ctrs[CTR_TCP_BAD_STATE] != 0)
		sim_violation(h->sim, "%s: a change of state that does not exist", h->name);
}

void inspect_sent(struct host *h, struct frame *f)
{
	struct tcp_view v;
	struct subflow *sf;
	struct flow_key key;
	struct tcp *t;
	uint32_t flight;

	if (h->sim->watch == NULL || !frame_tcp(f, &v) || v.payload_len == 0)
		return;
	key = (struct flow_key){
		.local = v.src, .remote = v.dst, .local_port = v.sport, .remote_port = v.dport};
	sf = flow_find(&h->w.mp, &key);
	if (sf == NULL)
		return;
	t = &sf->tcp;
	flight = tcp_flight(t);
	/* A tail loss probe may be new data whatever cwnd is (RFC 8985 s7.3). */
	if (!seq_lt(v.seq, t->snd_max) && flight > 0 && !t->tlp_out &&
	    flight + v.payload_len > t->cwnd + LIMITED_TRANSMIT * (uint32_t)t->snd_mss)
		broken(h, t, "sent beyond the congestion window");
	if (t->state == TCPS_SYN_SENT || t->state == TCPS_SYN_RCVD || t->state == TCPS_TIME_WAIT)
		broken(h, t, "data sent in this state");
	if (f->len > t->pmtu && !(t->probe_mtu >= f->len && v.seq == t->probe_seq))
		broken(h, t, "sent beyond the path MTU");
}

uint32_t inspect_conn_id(struct host *h, const struct flow_key *key)
{
	const struct subflow *sf = flow_find(&h->w.mp, key);

	return sf != NULL && sf->conn != NULL ? sf->conn->id : 0;
}

uint32_t inspect_queue(struct host *h, const struct flow_key *key)
{
	const struct subflow *sf = flow_find(&h->w.mp, key);

	return sf != NULL ? sf->tcp.sndq.n : 0;
}

bool inspect_is_piece(struct host *h, const struct flow_key *key, uint32_t seq)
{
	const struct subflow *sf = flow_find(&h->w.mp, key);
	const struct seg *s = NULL;

	if (sf != NULL)
		SEGQ_FOREACH (s, &sf->tcp.sndq)
			if (s->seq == seq)
				break;
	return s != NULL && s->flags & SEG_PIECE;
}

void inspect_end(struct host *h)
{
	for (unsigned int i = 0; i < RTE_DIM(levels); i++)
		if (h->w.ctrs[levels[i].c] != 0)
			sim_violation(h->sim, "%s: %llu %s left at the end", h->name,
				      (unsigned long long)h->w.ctrs[levels[i].c], levels[i].what);
	if (h->w.st.wheel.armed != 0)
		sim_violation(h->sim, "%s: %u timers left at the end", h->name,
			      h->w.st.wheel.armed);
	if (pool_used(&h->w.mp.conns) != 0 || pool_used(&h->w.mp.subflows) != 0 ||
	    (h->relay && pool_used(&h->w.relay->relays) != 0))
		sim_violation(h->sim, "%s: a pool is not full at the end", h->name);
}

void inspect_buffers(struct sim *s)
{
	unsigned int used = rte_mempool_in_use_count(sim_pool());

	if (used != 0)
		sim_violation(s, "%u packet buffers left at the end", used);
}
