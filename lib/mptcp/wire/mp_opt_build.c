/* SPDX-License-Identifier: BSD-3-Clause
 *
 * MPTCP options to the wire: exact octets, reserved bits 0, NOPs to the next multiple of four.
 * The inverse of mp_opt_parse.c. Any thread; pure. Source: RFC 8684 s3.
 */
#include <errno.h>

#include "mptcp/wire/checksum.h"
#include "mptcp/wire/mp_opt.h"
#include "mptcp/wire/octets.h"

#define TCPOPT_NOP 1

static inline unsigned int padded(unsigned int len)
{
	return (len + 3) & ~3u;
}

/* Take room for an option of len octets, kind, length and padding written. NULL: no room. */
static uint8_t *opt_open(struct opt_buf *b, unsigned int len)
{
	unsigned int room = b->room < sizeof(b->b) ? b->room : sizeof(b->b);
	unsigned int take = padded(len);
	uint8_t *p;

	if (b->len + take > room)
		return NULL;
	p = &b->b[b->len];
	memset(&p[len], TCPOPT_NOP, take - len);
	p[0] = TCPOPT_MPTCP;
	p[1] = (uint8_t)len;
	b->len += (uint8_t)take;
	return p;
}

/* An option that is its two first words of header and 64 bits: MP_FAIL, MP_FASTCLOSE. */
static int build_u64(struct opt_buf *b, enum mp_subtype subtype, uint64_t v)
{
	uint8_t *p = opt_open(b, 12);

	if (p == NULL)
		return -ENOSPC;
	p[2] = (uint8_t)(subtype << 4);
	p[3] = 0;
	put_be64(&p[4], v);
	return 0;
}

static unsigned int capable_len(const struct mp_capable *c)
{
	if (c->n_keys < 2)
		return c->n_keys == 0 ? 4 : 12;
	return 20 + (c->has_data_len ? 2 + (c->has_csum ? 2 : 0) : 0);
}

unsigned int mp_capable_size(const struct mp_capable *c)
{
	return padded(capable_len(c));
}

int mp_build_capable(struct opt_buf *b, const struct mp_capable *c)
{
	unsigned int len = capable_len(c);
	uint8_t *p = opt_open(b, len);

	if (p == NULL)
		return -ENOSPC;
	p[2] = MP_CAPABLE << 4 | (c->version & 0x0f);
	p[3] = c->flags;
	if (len >= 12)
		put_be64(&p[4], c->sender_key);
	if (len >= 20)
		put_be64(&p[12], c->receiver_key);
	if (len >= 22)
		put_be16(&p[20], c->data_len);
	if (len == 24)
		put_be16(&p[22], c->csum);
	return 0;
}

int mp_build_join(struct opt_buf *b, const struct mp_join *j)
{
	uint8_t *p;

	if (j->form != MPJ_SYN && j->form != MPJ_SYNACK && j->form != MPJ_ACK)
		return -EINVAL;
	p = opt_open(b, j->form);
	if (p == NULL)
		return -ENOSPC;
	p[2] = MP_JOIN << 4;
	p[3] = 0;
	if (j->form == MPJ_ACK) {
		memcpy(&p[4], j->hmac, 20);
		return 0;
	}
	p[2] |= j->backup ? 1 : 0;
	p[3] = j->addr_id;
	if (j->form == MPJ_SYN) {
		put_be32(&p[4], j->token);
		put_be32(&p[8], j->nonce);
	} else {
		memcpy(&p[4], j->hmac, 8);
		put_be32(&p[12], j->nonce);
	}
	return 0;
}

static unsigned int dss_len(const struct mp_dss *d)
{
	unsigned int len = 4;

	if (d->flags & DSS_FLAG_ACK)
		len += d->flags & DSS_FLAG_ACK8 ? 8 : 4;
	if (d->flags & DSS_FLAG_MAP)
		len += (d->flags & DSS_FLAG_DSN8 ? 14 : 10) + (d->has_csum ? 2 : 0);
	return len;
}

unsigned int mp_dss_size(const struct mp_dss *d)
{
	return padded(dss_len(d));
}

int mp_build_dss(struct opt_buf *b, const struct mp_dss *d)
{
	uint8_t flags = d->flags & (DSS_FLAG_FIN | DSS_FLAG_DSN8 | DSS_FLAG_MAP | DSS_FLAG_ACK8 |
				    DSS_FLAG_ACK);
	uint8_t *p;

	if (!(flags & DSS_FLAG_MAP)) {
		if (flags & DSS_FLAG_FIN)
			return -EINVAL;
		flags &= ~DSS_FLAG_DSN8;
	}
	if (!(flags & DSS_FLAG_ACK))
		flags &= ~DSS_FLAG_ACK8;
	p = opt_open(b, dss_len(d));
	if (p == NULL)
		return -ENOSPC;
	p[2] = MP_DSS << 4;
	p[3] = flags;
	p += 4;
	if (flags & DSS_FLAG_ACK) {
		if (flags & DSS_FLAG_ACK8)
			p = put_be64(p, d->data_ack);
		else
			p = put_be32(p, (uint32_t)d->data_ack);
	}
	if (flags & DSS_FLAG_MAP) {
		if (flags & DSS_FLAG_DSN8)
			p = put_be64(p, d->dsn);
		else
			p = put_be32(p, (uint32_t)d->dsn);
		p = put_be32(p, d->ssn);
		p = put_be16(p, d->data_len);
		if (d->has_csum)
			put_be16(p, d->csum);
	}
	return 0;
}

static unsigned int add_addr_len(const struct mp_add_addr *a)
{
	return 4 + (ip_addr_is_v4(&a->addr) ? 4 : 16) + (a->port != 0 ? 2 : 0) +
	       (a->echo ? 0 : sizeof(a->hmac));
}

unsigned int mp_add_addr_size(const struct mp_add_addr *a)
{
	return padded(add_addr_len(a));
}

int mp_build_add_addr(struct opt_buf *b, const struct mp_add_addr *a)
{
	unsigned int addr_len;
	const uint8_t *addr = ip_addr_octets(&a->addr, &addr_len);
	uint8_t *p = opt_open(b, add_addr_len(a));

	if (p == NULL)
		return -ENOSPC;
	p[2] = MP_ADD_ADDR << 4 | (a->echo ? 1 : 0);
	p[3] = a->addr_id;
	p = put_octets(p + 4, addr, addr_len);
	if (a->port != 0)
		p = put_be16(p, a->port);
	if (!a->echo)
		put_octets(p, a->hmac, sizeof(a->hmac));
	return 0;
}

int mp_build_remove_addr(struct opt_buf *b, const struct mp_remove_addr *r)
{
	uint8_t *p;

	if (r->n == 0 || r->n > sizeof(r->id))
		return -EINVAL;
	p = opt_open(b, 3u + r->n);
	if (p == NULL)
		return -ENOSPC;
	p[2] = MP_REMOVE_ADDR << 4;
	memcpy(&p[3], r->id, r->n);
	return 0;
}

int mp_build_prio(struct opt_buf *b, bool backup)
{
	uint8_t *p = opt_open(b, 3);

	if (p == NULL)
		return -ENOSPC;
	p[2] = MP_PRIO << 4 | (backup ? 1 : 0);
	return 0;
}

int mp_build_fail(struct opt_buf *b, uint64_t dsn)
{
	return build_u64(b, MP_FAIL, dsn);
}

int mp_build_fastclose(struct opt_buf *b, uint64_t receiver_key)
{
	return build_u64(b, MP_FASTCLOSE, receiver_key);
}

int mp_build_tcprst(struct opt_buf *b, uint8_t flags, uint8_t reason)
{
	uint8_t *p = opt_open(b, 4);

	if (p == NULL)
		return -ENOSPC;
	p[2] = MP_TCPRST << 4 | (flags & 0x0f);
	p[3] = reason;
	return 0;
}

uint16_t mp_dss_pseudo_sum(uint64_t dsn, uint32_t ssn, uint16_t data_len)
{
	/* Adding in host order and swapping the result once is adding the swapped words
	 * (RFC 1071 s2 (B)). */
	uint64_t sum = (dsn >> 32) + (dsn & 0xffffffff) + ssn + data_len;

	return htobe16(csum_fold(sum));
}
