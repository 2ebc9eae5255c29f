/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The TCP options of what leaves: ours first, the connection's own (ops->build_options) next, SACK
 * blocks in what is left. Owning worker only. Source: RFC 9293 s3.7.1, RFC 7323 s2 and s3, RFC 2018 s2
 * and s3.
 */
#include "mptcp/tcp/tcp_internal.h"
#include "mptcp/wire/octets.h"

enum { OPT_NOP = 1, OPT_MSS = 2, OPT_WSCALE = 3, OPT_SACK_PERM = 4, OPT_SACK = 5, OPT_TS = 8 };

uint32_t tcp_ts_now(const struct tcp *t)
{
	return t->st->now_ms + t->ts_offset;
}

/* Where the network reorders, what was sent before a retransmission may arrive after it; once that one has
 * filled the gap before it, TS.Recent is newer than what is late, and the peer would drop that (RFC 7323 s5.3
 * R1). So a retransmission has the timestamp of a fourth of a round trip ago; not of before the copy before it,
 * nor of before what left below SND.MAX since: TS.Recent may be as new as they are. */
uint8_t tcp_retx_lag(const struct tcp *t, const struct seg *s)
{
	uint32_t now = tcp_ts_now(t), lag = t->reo_seen ? t->min_rtt_us / 4000 : 0;

	lag = RTE_MIN(lag, (uint32_t)UINT8_MAX);
	lag = RTE_MIN(lag, now - t->retx_ts);
	if (s != NULL)
		lag = RTE_MIN(lag, now - tcp_ts_of(t, s));
	return (uint8_t)lag;
}

static void put_ts(struct opt_buf *o, uint32_t tsval, uint32_t tsecr)
{
	uint8_t *b = &o->b[o->len];

	*b++ = OPT_NOP;
	*b++ = OPT_NOP;
	*b++ = OPT_TS;
	*b++ = 10;
	b = put_be32(b, tsval);
	put_be32(b, tsecr);
	o->len += TS_OPT_LEN;
}

void tcp_put_syn_options(struct opt_buf *o, uint16_t mss, bool sack, bool ts, uint32_t tsval,
			 uint32_t tsecr, int wscale)
{
	uint8_t *b = &o->b[o->len];

	*b++ = OPT_MSS;
	*b++ = 4;
	put_be16(b, mss);
	o->len += 4;
	if (ts) {
		put_ts(o, tsval, tsecr);
	} else if (sack) {
		o->b[o->len] = o->b[o->len + 1] = OPT_NOP;
		o->len += 4;
	}
	if (sack) { /* in the place of two NOPs */
		b = &o->b[ts ? o->len - TS_OPT_LEN : o->len - 2];
		*b++ = OPT_SACK_PERM;
		*b = 2;
	}
	if (wscale >= 0) {
		b = &o->b[o->len];
		*b++ = OPT_NOP;
		*b++ = OPT_WSCALE;
		*b++ = 3;
		*b = (uint8_t)wscale;
		o->len += 4;
	}
}

/* As many blocks as options and, with payload, the segment size have room for. False: for none. */
static bool put_sack(struct tcp *t, struct opt_buf *o, uint16_t payload_len)
{
	struct sack_block blocks[TCP_SACK_BLOCKS_MAX];
	unsigned int room = o->room - o->len;
	unsigned int n;
	uint8_t *b;

	if (payload_len > 0) {
		unsigned int used = payload_len + o->len;
		unsigned int left = t->snd_mss > used ? t->snd_mss - used : 0;

		room = room < left ? room : left;
	}
	if (room < 4 + 8)
		return false;
	n = (room - 4) / 8;
	n = tcp_sack_blocks(t, blocks, n < TCP_SACK_BLOCKS_MAX ? n : TCP_SACK_BLOCKS_MAX);
	if (n == 0)
		return false;
	if (tcp_has_dsack(t)) { /* told once */
		st_inc(t->st, CTR_TCP_DSACK_TX);
		t->dsack = (struct sack_block){0};
	}
	b = &o->b[o->len];
	*b++ = OPT_NOP;
	*b++ = OPT_NOP;
	*b++ = OPT_SACK;
	*b++ = (uint8_t)(2 + 8 * n);
	for (unsigned int i = 0; i < n; i++) {
		b = put_be32(b, blocks[i].start);
		b = put_be32(b, blocks[i].end);
	}
	o->len += (uint8_t)(4 + 8 * n);
	return true;
}

bool tcp_put_options(struct tcp *t, const struct tcp_tx *tx, uint16_t payload_len,
		     struct opt_buf *o)
{
	if (tx->flags & TCPF_SYN) {
		bool offer = t->state == TCPS_SYN_SENT; /* else what both agree to */
		bool ack = tx->flags & TCPF_ACK;

		tcp_put_syn_options(o, t->rcv_mss, offer || t->use_sack, offer || t->use_ts,
				    tcp_ts_now(t), ack ? t->ts_recent : 0,
				    offer || t->use_wscale ? t->rcv_wscale : -1);
	} else if (t->use_ts) {
		bool again = tx->seg != NULL && tx->seg->flags & SEG_SENT;
		uint32_t tsval = tcp_ts_now(t) - (again ? tcp_retx_lag(t, tx->seg) : 0);

		if (!(tx->flags & TCPF_RST) && seq_lt(tx->seq, t->snd_max))
			t->retx_ts = tsval;
		put_ts(o, tsval, t->ts_recent);
	}
	t->ops->build_options(t, tx, o);
	if ((t->n_sacks == 0 && !tcp_has_dsack(t)) || tx->flags & (TCPF_SYN | TCPF_RST))
		return true;
	return put_sack(t, o, payload_len);
}
