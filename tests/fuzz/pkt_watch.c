/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What must hold of a packet that the parser has accepted. Source: RFC 8684 s3, RFC 9293 s3.1,
 * RFC 7323, RFC 2018.
 */
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>

#include "pkt_watch.h"
#include "mptcp/wire/octets.h"
#include "../unit/octets.h"
#include "../unit/rebuild.h"

#define HDRS 40 /* IPv4 and TCP without options */

bool opts_parse(struct pkt *p, uint8_t flags, const uint8_t *area, unsigned int n)
{
	static const uint8_t ip4[20] = {0x45, 0, 0,  0, 0, 0, 0x40, 0, 64, 6,
					0,    0, 10, 0, 1, 1, 10,   0, 2,  2};
	uint8_t *b = calloc(1, HDRS + n); /* what follows may not be read */
	enum counter reason;
	struct rte_mbuf m;

	MUST(b != NULL && n % 4 == 0 && n <= TCP_OPTIONS_MAX);
	memcpy(b, ip4, sizeof(ip4));
	b[3] = (uint8_t)(HDRS + n);
	b[20] = b[22] = 4; /* ports */
	b[32] = (uint8_t)((20 + n) / 4 << 4);
	b[33] = flags;
	if (n > 0)
		memcpy(&b[HDRS], area, n);
	mbuf_around(&m, b, HDRS + n);
	m.ol_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	memset(p, 0xa5, sizeof(*p));
	reason = pkt_parse(p, &m);
	free(b);
	MUST(reason == CTR_NONE || reason == CTR_DROP_TCP_OPT || reason == CTR_DROP_TCP_FLAGS);
	return reason == CTR_NONE;
}

/* --- MPTCP ---------------------------------------------------------------------------------------- */

/* Two subtypes that may not share a segment, by the rules of mp_opt.h. */
static bool excluded(uint32_t present)
{
	const uint32_t not_join = MP_BIT(MP_CAPABLE) | MP_BIT(MP_DSS) | MP_BIT(MP_ADD_ADDR) |
				  MP_BIT(MP_FAIL) | MP_BIT(MP_FASTCLOSE) | MP_BIT(MP_TCPRST);

	if ((present & MP_BIT(MP_CAPABLE)) &&
	    (present & ~(MP_BIT(MP_CAPABLE) | MP_BIT(MP_REMOVE_ADDR))) != 0)
		return true;
	return (present & MP_BIT(MP_JOIN)) && (present & not_join) != 0;
}

static void check_legal(const struct mp_opts *o, bool syn, bool ack)
{
	MUST((o->present & ~0x1ffu) == 0);
	MUST(!excluded(o->present));
	if (syn)
		MUST((o->present & ~(MP_BIT(MP_CAPABLE) | MP_BIT(MP_JOIN))) == 0);
	if (o->present & MP_BIT(MP_CAPABLE)) {
		MUST(o->capable.n_keys == (!syn ? 2 : ack ? 1 : 0));
		MUST(o->capable.version != 0);
		MUST(o->capable.has_data_len || !o->capable.has_csum);
	}
	if (o->present & MP_BIT(MP_JOIN))
		MUST(o->join.form == (!syn ? MPJ_ACK : ack ? MPJ_SYNACK : MPJ_SYN));
	if (o->present & MP_BIT(MP_DSS)) {
		const struct mp_dss *d = &o->dss;

		MUST(d->flags & DSS_FLAG_MAP ||
		     !(d->flags & (DSS_FLAG_FIN | DSS_FLAG_DSN8) || d->has_csum));
		MUST(d->flags & DSS_FLAG_ACK || !(d->flags & DSS_FLAG_ACK8));
		MUST(d->flags & DSS_FLAG_ACK8 || d->data_ack >> 32 == 0);
		MUST(d->flags & DSS_FLAG_DSN8 || d->dsn >> 32 == 0);
	}
	if (o->present & MP_BIT(MP_ADD_ADDR))
		MUST(o->add_addr.has_hmac == !o->add_addr.echo);
	if (o->present & MP_BIT(MP_REMOVE_ADDR))
		MUST(o->remove_addr.n >= 1 && o->remove_addr.n <= sizeof(o->remove_addr.id));
}

static bool same_capable(const struct mp_capable *a, const struct mp_capable *b)
{
	return a->version == b->version && a->flags == b->flags && a->n_keys == b->n_keys &&
	       a->has_data_len == b->has_data_len && a->has_csum == b->has_csum &&
	       a->sender_key == b->sender_key && a->receiver_key == b->receiver_key &&
	       a->data_len == b->data_len && a->csum == b->csum;
}

static bool same_join(const struct mp_join *a, const struct mp_join *b)
{
	return a->form == b->form && a->backup == b->backup && a->addr_id == b->addr_id &&
	       a->token == b->token && a->nonce == b->nonce &&
	       memcmp(a->hmac, b->hmac, sizeof(a->hmac)) == 0;
}

static bool same_dss(const struct mp_dss *a, const struct mp_dss *b)
{
	return a->flags == b->flags && a->has_csum == b->has_csum && a->data_ack == b->data_ack &&
	       a->dsn == b->dsn && a->ssn == b->ssn && a->data_len == b->data_len &&
	       a->csum == b->csum;
}

static bool same_add_addr(const struct mp_add_addr *a, const struct mp_add_addr *b)
{
	return a->echo == b->echo && a->addr_id == b->addr_id && a->port == b->port &&
	       ip_addr_eq(&a->addr, &b->addr) && a->has_hmac == b->has_hmac &&
	       memcmp(a->hmac, b->hmac, sizeof(a->hmac)) == 0;
}

static bool same_mp(const struct mp_opts *a, const struct mp_opts *b, unsigned int subtype)
{
	switch (subtype) {
	case MP_CAPABLE:
		return same_capable(&a->capable, &b->capable);
	case MP_JOIN:
		return same_join(&a->join, &b->join);
	case MP_DSS:
		return same_dss(&a->dss, &b->dss);
	case MP_ADD_ADDR:
		return same_add_addr(&a->add_addr, &b->add_addr);
	case MP_REMOVE_ADDR:
		return a->remove_addr.n == b->remove_addr.n &&
		       memcmp(a->remove_addr.id, b->remove_addr.id, a->remove_addr.n) == 0;
	case MP_PRIO:
		return a->prio_backup == b->prio_backup;
	case MP_FAIL:
		return a->fail_dsn == b->fail_dsn;
	case MP_FASTCLOSE:
		return a->fastclose_key == b->fastclose_key;
	default:
		return a->rst_flags == b->rst_flags && a->rst_reason == b->rst_reason;
	}
}

/* One subtype: in all the room there is, and in one octet less than it takes. */
static void rebuild_one(const struct mp_opts *o, unsigned int subtype, bool syn, bool ack)
{
	struct opt_buf one = {.room = TCP_OPTIONS_MAX}, less = {.room = 0}, same;
	struct mp_opts again = {.present = 0};
	uint8_t *b;

	MUST(mp_rebuild(&one, o, subtype) == 0);
	MUST(one.len > 0 && one.len % 4 == 0 && one.b[1] <= one.len);
	b = malloc(one.b[1]);
	MUST(b != NULL);
	memcpy(b, one.b, one.b[1]);
	mp_opt_parse(&again, b, b[1], syn, ack);
	free(b);
	MUST(mp_only_subtype(&again) == subtype && !again.malformed && !again.conflicting);
	MUST(same_mp(o, &again, subtype));
	less.room = one.len - 1;
	same = less;
	MUST(mp_rebuild(&less, o, subtype) < 0 && memcmp(&less, &same, sizeof(less)) == 0);
}

/* --- TCP ------------------------------------------------------------------------------------------ */

static void rebuild_tcp(const struct tcp_opts *o, uint8_t flags)
{
	uint8_t area[TCP_OPTIONS_MAX], *b = area;
	struct pkt again;
	unsigned int fit;

	memset(area, 1, sizeof(area));
	if (o->has_mss)
		b = put_be16(put_octets(b, (const uint8_t[]){2, 4}, 2), o->mss);
	if (o->has_wscale)
		b = put_octets(b, (const uint8_t[]){3, 3, o->wscale}, 3);
	if (o->has_sack_perm)
		b = put_octets(b, (const uint8_t[]){4, 2}, 2);
	if (o->has_ts)
		b = put_be32(put_be32(put_octets(b, (const uint8_t[]){8, 10}, 2), o->tsval),
			     o->tsecr);
	/* What one segment had fits into one. */
	fit = 2 + 8u * o->n_sack;
	if (o->n_sack > 0) {
		MUST(b + fit <= area + sizeof(area));
		b = put_octets(b, (const uint8_t[]){5, (uint8_t)fit}, 2);
	}
	for (unsigned int i = 0; i < o->n_sack; i++)
		b = put_be32(put_be32(b, o->sack[i].start), o->sack[i].end);
	MUST(opts_parse(&again, flags, area, sizeof(area)));
	MUST(again.tcp.has_mss == o->has_mss && (!o->has_mss || again.tcp.mss == o->mss));
	MUST(again.tcp.has_wscale == o->has_wscale);
	MUST(!o->has_wscale || again.tcp.wscale == o->wscale);
	MUST(again.tcp.has_sack_perm == o->has_sack_perm && again.tcp.has_ts == o->has_ts);
	MUST(!o->has_ts || (again.tcp.tsval == o->tsval && again.tcp.tsecr == o->tsecr));
	MUST(again.tcp.n_sack == o->n_sack);
	MUST(memcmp(again.tcp.sack, o->sack, o->n_sack * sizeof(o->sack[0])) == 0);
	MUST(again.mp.present == 0 && !again.mp.malformed);
}

void opts_watch(const struct pkt *p)
{
	bool syn = p->flags & TCPF_SYN, ack = p->flags & TCPF_ACK;

	MUST(p->tcp.n_sack <= TCP_SACK_BLOCKS_MAX);
	MUST(!p->tcp.has_wscale || p->tcp.wscale <= 14);
	MUST(!p->tcp.has_mss || p->tcp.mss != 0);
	MUST(syn || !(p->tcp.has_mss || p->tcp.has_wscale || p->tcp.has_sack_perm));
	MUST(!syn || p->tcp.n_sack == 0);
	rebuild_tcp(&p->tcp, p->flags);
	check_legal(&p->mp, syn, ack);
	for (unsigned int s = 0; s <= MP_TCPRST; s++)
		if (p->mp.present & MP_BIT(s))
			rebuild_one(&p->mp, s, syn, ack);
}

/* --- the packet ------------------------------------------------------------------------------------ */

void pkt_watch(const struct pkt *p, const struct rte_mbuf *m, const uint8_t *b, unsigned int n)
{
	MUST(m->data_len <= n && m->data_len == m->pkt_len);
	MUST(p->payload_off + p->payload_len == m->data_len);
	MUST(p->payload_off >= p->l4_off + 20 && p->l4_off >= 20);
	MUST(p->l4_off % 4 == 0 && p->payload_off % 4 == 0);
	MUST(ntohs(p->payload_sum) == ref_sum(&b[p->payload_off], p->payload_len, 0));
	MUST(p->key.local_port != 0 && p->key.remote_port != 0 && p->key.zero == 0);
	MUST(ip_addr_is_unicast(&p->key.remote) && ip_addr_is_unicast(&p->key.local));
	MUST(!ip_addr_eq(&p->key.remote, &p->key.local));
	MUST(ip_addr_is_v4(&p->key.remote) == (b[0] >> 4 == 4));
	MUST(ip_addr_is_v4(&p->key.local) == (b[0] >> 4 == 4));
	MUST(p->ecn <= 3);
	MUST(!(p->flags & TCPF_SYN) || !(p->flags & (TCPF_FIN | TCPF_RST)));
	MUST(p->flags == b[p->l4_off + 13]);
	MUST(p->seq == get_be32(&b[p->l4_off + 4]) && p->ack == get_be32(&b[p->l4_off + 8]));
	opts_watch(p);
}
