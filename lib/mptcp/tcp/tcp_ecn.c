/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Explicit congestion notification: agreed on with the SYNs; then routers mark what they would drop, the
 * receiver echoes that until the sender says that it has slowed down. Only new data may be marked, never
 * retransmissions, probes or bare ACKs.
 * Owning worker only. Source: RFC 3168 s6.1.
 */
#include "mptcp/tcp/tcp_internal.h"

#define ECN_ECT0 2
#define ECN_CE   3

/* What a SYN or SYN/ACK of ours says. One that had to be sent again says nothing (s6.1.1.1): something on
 * the way may have dropped it for that. */
uint8_t tcp_ecn_syn_flags(const struct tcp *t)
{
	if (t->state == TCPS_SYN_RCVD)
		return t->use_ecn ? TCPF_ECE : 0;
	return t->st->cfg->ecn == TCP_ECN_REQUEST && t->backoff == 0 ? TCPF_ECE | TCPF_CWR : 0;
}

/* Whether the SYN p asks for it, and may have it. */
bool tcp_ecn_asked(const struct stack *st, const struct pkt *p)
{
	return st->cfg->ecn != TCP_ECN_OFF &&
	       (p->flags & (TCPF_ECE | TCPF_CWR)) == (TCPF_ECE | TCPF_CWR) && p->ecn == 0;
}

void tcp_ecn_take_syn(struct tcp *t, const struct pkt *p)
{
	if (p->flags & TCPF_ACK)
		t->use_ecn =
			tcp_ecn_syn_flags(t) != 0 && (p->flags & (TCPF_ECE | TCPF_CWR)) == TCPF_ECE;
	else
		t->use_ecn = tcp_ecn_asked(t->st, p);
}

/* A segment of the peer with payload, which passed the sequence check. */
void tcp_ecn_data_in(struct tcp *t, const struct pkt *p)
{
	if (!t->use_ecn)
		return;
	if (p->flags & TCPF_CWR)
		t->ecn_echo = false;
	if (p->ecn == ECN_CE) {
		st_inc(t->st, CTR_TCP_ECN_CE);
		t->ecn_echo = true;
		t->ack_now = true;
	}
}

/* An ACK: whether it echoes a mark that has to be answered, which it then is. The answer to the one before
 * leaves with what is beyond cwr_high: up to there the peer had no reason to end its echo. */
bool tcp_ecn_ack_in(struct tcp *t, const struct tcp_ack *a)
{
	if (!a->ece || t->in_recovery || seq_leq(t->snd_una, t->cwr_high) ||
	    !tcp_reduce(t, t->snd_max - a->prior_una))
		return false;
	st_inc(t->st, CTR_TCP_ECN_REDUCED);
	return true;
}

/* A segment with ACK leaves; fresh: it has octets that were never sent. Adds flags, returns the bits of
 * the IP header. */
uint8_t tcp_ecn_out(struct tcp *t, bool fresh, uint8_t *flags)
{
	if (!t->use_ecn || *flags & (TCPF_SYN | TCPF_RST))
		return 0;
	if (t->ecn_echo)
		*flags |= TCPF_ECE;
	if (!fresh)
		return 0;
	if (t->ecn_cwr)
		*flags |= TCPF_CWR;
	t->ecn_cwr = false;
	return ECN_ECT0;
}
