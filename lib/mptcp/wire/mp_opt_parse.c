/* SPDX-License-Identifier: BSD-3-Clause
 *
 * MPTCP options from the wire. Each option is read into a zeroed struct of its own and copied over
 * only when all of it is valid; lengths are exact, as the form of an option follows from its
 * length. Any thread; pure. Source: RFC 8684 s3.
 */
#include "mptcp/wire/mp_opt.h"
#include "mptcp/wire/octets.h"

/* What an option of each subtype cannot share a segment with; itself always. */
static const uint16_t excludes[] = {
	[MP_CAPABLE] = 0xffff & ~MP_BIT(MP_REMOVE_ADDR),
	[MP_JOIN] = MP_BIT(MP_JOIN) | MP_BIT(MP_CAPABLE) | MP_BIT(MP_DSS) | MP_BIT(MP_ADD_ADDR) |
		    MP_BIT(MP_FAIL) | MP_BIT(MP_FASTCLOSE) | MP_BIT(MP_TCPRST),
	[MP_DSS] = MP_BIT(MP_DSS) | MP_BIT(MP_CAPABLE) | MP_BIT(MP_JOIN),
	[MP_ADD_ADDR] = MP_BIT(MP_ADD_ADDR) | MP_BIT(MP_CAPABLE) | MP_BIT(MP_JOIN),
	[MP_REMOVE_ADDR] = MP_BIT(MP_REMOVE_ADDR),
	[MP_PRIO] = MP_BIT(MP_PRIO) | MP_BIT(MP_CAPABLE),
	[MP_FAIL] = MP_BIT(MP_FAIL) | MP_BIT(MP_CAPABLE) | MP_BIT(MP_JOIN),
	[MP_FASTCLOSE] = MP_BIT(MP_FASTCLOSE) | MP_BIT(MP_CAPABLE) | MP_BIT(MP_JOIN),
	[MP_TCPRST] = MP_BIT(MP_TCPRST) | MP_BIT(MP_CAPABLE) | MP_BIT(MP_JOIN),
};

/* s3.1: the form follows from the flags of the segment and the length together. */
static bool parse_capable(struct mp_opts *o, const uint8_t *p, unsigned int len, bool syn, bool ack)
{
	struct mp_capable c = {.version = p[2] & 0x0f};

	if (syn && !ack) {
		if (len != 4)
			return false;
	} else if (syn) {
		if (len != 12)
			return false;
		c.n_keys = 1;
	} else {
		if (!ack || (len != 20 && len != 22 && len != 24))
			return false;
		c.n_keys = 2;
	}
	c.flags = p[3];
	if (c.n_keys >= 1)
		c.sender_key = get_be64(&p[4]);
	if (c.n_keys == 2)
		c.receiver_key = get_be64(&p[12]);
	if (len >= 22) {
		c.has_data_len = true;
		c.data_len = get_be16(&p[20]);
	}
	if (len == 24) {
		c.has_csum = true;
		c.csum = get_be16(&p[22]);
	}
	o->capable = c;
	return true;
}

/* s3.2 */
static bool parse_join(struct mp_opts *o, const uint8_t *p, unsigned int len, bool syn, bool ack)
{
	struct mp_join j = {.form = (uint8_t)len};

	if (!syn && !ack)
		return false;
	if (len != (!syn ? MPJ_ACK : ack ? MPJ_SYNACK : MPJ_SYN))
		return false;
	switch (len) {
	case MPJ_SYN:
		j.backup = p[2] & 1;
		j.addr_id = p[3];
		j.token = get_be32(&p[4]);
		j.nonce = get_be32(&p[8]);
		break;
	case MPJ_SYNACK:
		j.backup = p[2] & 1;
		j.addr_id = p[3];
		memcpy(j.hmac, &p[4], 8);
		j.nonce = get_be32(&p[12]);
		break;
	default:
		memcpy(j.hmac, &p[4], 20);
		break;
	}
	o->join = j;
	return true;
}

/* s3.3 */
static bool parse_dss(struct mp_opts *o, const uint8_t *p, unsigned int len)
{
	struct mp_dss d = {0};
	unsigned int want = 4;
	uint8_t flags;

	if (len < 4)
		return false;
	flags = p[3] & (DSS_FLAG_FIN | DSS_FLAG_DSN8 | DSS_FLAG_MAP | DSS_FLAG_ACK8 | DSS_FLAG_ACK);
	if (flags & DSS_FLAG_ACK)
		want += flags & DSS_FLAG_ACK8 ? 8 : 4;
	else
		flags &= ~DSS_FLAG_ACK8;
	if (flags & DSS_FLAG_MAP) {
		want += flags & DSS_FLAG_DSN8 ? 14 : 10;
		d.has_csum = len == want + 2;
	} else {
		if (flags & DSS_FLAG_FIN)
			return false;
		flags &= ~DSS_FLAG_DSN8;
	}
	if (len != want + (d.has_csum ? 2 : 0))
		return false;

	d.flags = flags;
	p += 4;
	if (flags & DSS_FLAG_ACK) {
		bool wide = flags & DSS_FLAG_ACK8;

		d.data_ack = wide ? get_be64(p) : get_be32(p);
		p += wide ? 8 : 4;
	}
	if (flags & DSS_FLAG_MAP) {
		bool wide = flags & DSS_FLAG_DSN8;

		d.dsn = wide ? get_be64(p) : get_be32(p);
		p += wide ? 8 : 4;
		d.ssn = get_be32(p);
		d.data_len = get_be16(p + 4);
		if (d.has_csum)
			d.csum = get_be16(p + 6);
	}
	o->dss = d;
	return true;
}

/* s3.4.1: family, port and HMAC all follow from the E flag and the length. */
static bool parse_add_addr(struct mp_opts *o, const uint8_t *p, unsigned int len)
{
	struct mp_add_addr a = {.echo = p[2] & 1};
	unsigned int body;
	bool v4, has_port;

	a.has_hmac = !a.echo;
	if (len < (a.has_hmac ? 16 : 8))
		return false;
	body = len - 4 - (a.has_hmac ? sizeof(a.hmac) : 0);
	v4 = body == 4 || body == 6;
	has_port = body == 6 || body == 18;
	if (!v4 && body != 16 && body != 18)
		return false;

	a.addr_id = p[3];
	a.addr = v4 ? ip_addr_from_v4(&p[4]) : ip_addr_from_v6(&p[4]);
	/* An IPv4-mapped address may not be on the wire; here it would turn into IPv4, and what
	 * was signed and must be echoed would no longer be what is kept. */
	if (!v4 && ip_addr_is_v4(&a.addr))
		return false;
	if (has_port) {
		a.port = get_be16(&p[4 + body - 2]);
		if (a.port == 0)
			return false;
	}
	if (a.has_hmac)
		memcpy(a.hmac, &p[4 + body], sizeof(a.hmac));
	o->add_addr = a;
	return true;
}

/* s3.4.2 */
static bool parse_remove_addr(struct mp_opts *o, const uint8_t *p, unsigned int len)
{
	struct mp_remove_addr r = {0};

	if (len < 4 || len > 3 + sizeof(r.id))
		return false;
	r.n = (uint8_t)(len - 3);
	memcpy(r.id, &p[3], r.n);
	o->remove_addr = r;
	return true;
}

static bool parse_subtype(struct mp_opts *o, unsigned int subtype, const uint8_t *p,
			  unsigned int len, bool syn, bool ack)
{
	switch (subtype) {
	case MP_CAPABLE:
		return parse_capable(o, p, len, syn, ack);
	case MP_JOIN:
		return parse_join(o, p, len, syn, ack);
	case MP_DSS:
		return parse_dss(o, p, len);
	case MP_ADD_ADDR:
		return parse_add_addr(o, p, len);
	case MP_REMOVE_ADDR:
		return parse_remove_addr(o, p, len);
	case MP_PRIO:
		/* Four octets were legal in version 0, where the flag was for another address. */
		if (len != 3)
			return false;
		o->prio_backup = p[2] & 1;
		return true;
	case MP_FAIL:
		if (len != 12)
			return false;
		o->fail_dsn = get_be64(&p[4]);
		return true;
	case MP_FASTCLOSE:
		if (len != 12)
			return false;
		o->fastclose_key = get_be64(&p[4]);
		return true;
	default: /* MP_TCPRST */
		if (len != 4)
			return false;
		o->rst_flags = p[2] & 0x0f;
		o->rst_reason = p[3];
		return true;
	}
}

void mp_opt_parse(struct mp_opts *o, const uint8_t *p, unsigned int len, bool syn, bool ack)
{
	unsigned int subtype = p[2] >> 4;

	if (subtype > MP_TCPRST)
		return;
	/* Version 0 has other lengths and another key exchange: to version 1 it is not there. */
	if (subtype == MP_CAPABLE && (p[2] & 0x0f) == 0)
		return;
	if (o->present & excludes[subtype]) {
		o->conflicting = true;
		return;
	}
	/* Before the handshake is over there is nothing the other options could be about. */
	if (syn && subtype != MP_CAPABLE && subtype != MP_JOIN) {
		o->malformed = true;
		return;
	}
	if (parse_subtype(o, subtype, p, len, syn, ack))
		o->present |= MP_BIT(subtype);
	else
		o->malformed = true;
}
