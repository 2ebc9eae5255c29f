/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The peer of the fuzz target conn: segments, mappings and handshakes as they should be, with HMACs and
 * checksums that are right, and all of it wrong where the input says so. Each octet has its value by its
 * place in the stream, so a path's octets never change however often they are sent.
 */
#include <string.h>

#include "conn_world.h"
#include "mptcp/conn/conn_internal.h"
#include "mptcp/wire/checksum.h"
#include "mptcp/wire/octets.h"

#define SCALE 7

/* --- the peer -------------------------------------------------------------------------------------- */

struct conn *conn_of(const struct path *path)
{
	struct subflow *sf = flow_find(&world.mp, &path->key);

	return sf != NULL ? sf->conn : NULL;
}

/* Which connection the peer means by its keys, or NULL. */
struct conn *main_conn(void)
{
	return token_find(&world.mp, world.token_b);
}

/* Offset in the stream of the octet at ssn of path. */
static uint32_t off_at(const struct path *path, uint32_t ssn)
{
	for (unsigned int i = path->n_maps; i-- > 0;) {
		const struct map *m = &path->map[i];

		if (ssn - m->ssn < m->len)
			return m->off + (ssn - m->ssn);
	}
	return ssn - 1;
}

static void put_tcp_options(const struct path *path, struct opt_buf *o, bool syn)
{
	uint8_t *b = o->b;

	if (syn)
		b = put_octets(put_be16(put_octets(b, (const uint8_t[]){2, 4}, 2), path->mss),
			       (const uint8_t[]){4, 2}, 2);
	else if (!path->no_ts)
		b = put_octets(b, (const uint8_t[]){1, 1}, 2);
	if (!path->no_ts) {
		b = put_octets(b, (const uint8_t[]){8, 10}, 2);
		b = put_be32(put_be32(b, (uint32_t)(world.now_us / 1000)), path->tsecr);
	}
	if (syn) {
		b = put_octets(b, (const uint8_t[]){1, 3, 3, SCALE}, 4);
		while ((b - o->b) % 4 != 0)
			*b++ = 1;
	}
	o->len = (uint8_t)(b - o->b);
}

/* One segment on a path, octets as its mappings have them. */
static void feed(struct path *path, uint8_t flags, uint32_t seq, const struct opt_buf *mp,
		 uint16_t len)
{
	struct opt_buf o = {.room = TCP_OPTIONS_MAX};
	const struct tcp_hdr_out h = {.key = &path->peer_key,
				      .seq = seq,
				      .ack = flags & TCPF_ACK ? path->ack : 0,
				      .wnd = path->wnd,
				      .flags = flags,
				      .ttl = 64,
				      .opt = &o};
	struct rte_mbuf *m;
	struct subflow *sf;
	struct pkt p;
	uint8_t *b;

	put_tcp_options(path, &o, flags & TCPF_SYN);
	if (mp != NULL && o.len + mp->len > TCP_OPTIONS_MAX)
		return;
	if (mp != NULL)
		memcpy(&o.b[o.len], mp->b, mp->len);
	o.len += mp != NULL ? mp->len : 0;
	m = rte_pktmbuf_alloc(wire);
	MUST(m != NULL);
	b = (uint8_t *)rte_pktmbuf_append(m, len);
	for (unsigned int i = 0; i < len; i++)
		b[i] = pattern(PEERS, off_at(path, seq + i - path->iss));
	MUST(pkt_prepend_headers(m, &h, csum_partial(b, len)) == 0);
	memset(&p, 0xa5, sizeof(p));
	trace("%u< flags %02x seq %u ack %u wnd %u len %u", (unsigned int)(path - world.path),
	      flags, seq - path->iss, path->ack - path->irs, path->wnd, len);
	if (pkt_parse(&p, m) != CTR_NONE) {
		trace("  not parsed");
		rte_pktmbuf_free(m);
		return;
	}
	sf = flow_find(&world.mp, &path->key);
	if (sf != NULL)
		tcp_watch_in(watch_of(sf), &sf->tcp, &p);
	world.in_hand = &p;
	mptcp_input(&world.mp, m, &p);
	world.in_hand = NULL;
	if (sf == NULL && (sf = flow_find(&world.mp, &path->key)) != NULL)
		watch_new(sf, &p);
}

/* The next one in order. */
void say(struct path *path, uint8_t flags, const struct opt_buf *mp, uint16_t len)
{
	uint32_t seq = path->seq;

	path->seq += len + !!(flags & TCPF_SYN) + !!(flags & TCPF_FIN);
	feed(path, flags, seq, mp, len);
}

static void reopen(struct path *path)
{
	path->iss += 0x01000000;
	path->seq = path->iss;
	path->n_maps = 0;
}

static void put_dss(const struct path *path, struct opt_buf *o, uint8_t flags, const struct map *m,
		    uint8_t lie)
{
	struct conn *c = conn_of(path);
	struct mp_dss d = {.flags = flags};

	if (flags & DSS_FLAG_ACK)
		d.data_ack = flags & DSS_FLAG_ACK8 ? world.dack : (uint32_t)world.dack;
	if (flags & DSS_FLAG_MAP && m != NULL) {
		bool fin = flags & DSS_FLAG_FIN;

		d.dsn = world.idsn_a + 1 + m->off;
		d.ssn = m->ssn;
		d.data_len = m->len + fin;
		if (lie & 1)
			d.dsn += in_u8(&world.in);
		if (lie & 2)
			d.ssn += in_u8(&world.in);
		if (lie & 4)
			d.data_len = in_u16(&world.in);
		if (c != NULL && c->csum != ((lie & 8) != 0)) {
			uint16_t sum = mp_dss_pseudo_sum(d.dsn, d.ssn, d.data_len);
			uint8_t b;

			for (uint32_t i = 0; i < m->len; i++) {
				b = pattern(PEERS, m->off + i);
				sum = csum_add(sum, htobe16((uint16_t)(i % 2 == 0 ? b << 8 : b)));
			}
			d.has_csum = true;
			d.csum = be16toh((uint16_t)~sum);
			if (lie & 16)
				d.csum ^= (uint16_t)(1u << (in_u8(&world.in) & 15));
		}
		if (!(flags & DSS_FLAG_DSN8))
			d.dsn = (uint32_t)d.dsn;
	}
	mp_build_dss(o, &d);
}

/* Piece [from, from + len) of m, its mapping with it or not. */
static void send_piece(struct path *path, const struct map *m, uint32_t from, uint32_t len,
		       uint8_t dss_flags, uint8_t lie)
{
	struct opt_buf o = {.room = TCP_OPTIONS_MAX};

	if (from >= m->len)
		return;
	len = len < m->len - from ? len : m->len - from;
	put_dss(path, &o, dss_flags, m, lie);
	feed(path, TCPF_ACK, path->iss + m->ssn + from, &o, (uint16_t)len);
}

/* How a data segment speaks: mapping and acknowledgement with 32 or 64 bits, FIN. */
static uint8_t dss_form(uint8_t arg)
{
	static const uint8_t forms[8] = {
		DSS_FLAG_MAP | DSS_FLAG_DSN8 | DSS_FLAG_ACK | DSS_FLAG_ACK8,
		DSS_FLAG_MAP | DSS_FLAG_DSN8 | DSS_FLAG_ACK | DSS_FLAG_ACK8,
		DSS_FLAG_MAP | DSS_FLAG_DSN8 | DSS_FLAG_ACK,
		DSS_FLAG_MAP | DSS_FLAG_ACK,
		DSS_FLAG_MAP | DSS_FLAG_DSN8,
		DSS_FLAG_MAP,
		DSS_FLAG_MAP | DSS_FLAG_DSN8 | DSS_FLAG_ACK | DSS_FLAG_ACK8,
		DSS_FLAG_MAP | DSS_FLAG_DSN8 | DSS_FLAG_ACK | DSS_FLAG_ACK8 | DSS_FLAG_FIN,
	};

	return forms[arg & 7];
}

/* A new mapping, sent in pieces of which some are left out, and some have it with them. */
void step_data(struct path *path, uint8_t lie)
{
	uint8_t how = in_u8(&world.in), form = dss_form(how >> 2), skip, bare;
	uint32_t len = 1 + in_u8(&world.in) * (how & 0x80 ? 31u : 5u), piece = 1400;
	struct map *m;

	if (path->n_maps == MAPS_MAX || path->seq == path->iss)
		return;
	m = &path->map[path->n_maps];
	*m = (struct map){.ssn = path->seq - path->iss, .off = world.off, .len = (uint16_t)len};
	if (world.plain)
		m->off = m->ssn - 1;
	else if ((how & 3) == 1) /* some of it again */
		m->off -= m->off < in_u8(&world.in) * 16u ? m->off : 256;
	else if ((how & 3) == 2) /* a gap */
		m->off += in_u8(&world.in) * 16u;
	else
		world.off += len;
	path->n_maps++;
	path->seq += len;
	skip = bare = 0;
	if (how & 0x20) {
		skip = in_u8(&world.in);
		bare = in_u8(&world.in);
		piece = 1 + len / 8;
	} else if (how & 0x40) {
		piece = len / 3 + 1;
	}
	for (unsigned int i = 0; i * piece < len; i++) {
		if (i < 8 && skip & (1u << i))
			continue;
		send_piece(path, m, i * piece, piece < 1400 ? piece : 1400,
			   i < 8 && bare & (1u << i) ? DSS_FLAG_ACK | DSS_FLAG_ACK8 : form, lie);
	}
}

/* Octets of the last mappings again. */
void step_again(struct path *path)
{
	uint8_t back = in_u8(&world.in), how = in_u8(&world.in);
	uint32_t from = in_u8(&world.in) * 16u, len = in_u8(&world.in) * 6u;
	const struct map *m;

	if (back % 16u >= path->n_maps)
		return;
	m = &path->map[path->n_maps - 1 - back % 16u];
	if (how & 0x80) {
		from = 0;
		len = 1400;
	}
	send_piece(path, m, from, len, how & 0x40 ? DSS_FLAG_ACK : dss_form(how), 0);
}

/* A pure ACK; what of ours it takes. */
void step_ack(struct path *path)
{
	uint8_t how = in_u8(&world.in);
	struct opt_buf o = {.room = TCP_OPTIONS_MAX};
	uint64_t dack = world.dack;
	uint32_t ack = path->ack;

	switch (how & 7) {
	case 1:
		world.dack -= in_u16(&world.in);
		break;
	case 2:
		world.dack += in_u8(&world.in);
		break;
	case 3:
		path->ack -= in_u16(&world.in);
		break;
	case 4:
		path->ack += in_u8(&world.in);
		break;
	case 5:
		path->wnd = in_u8(&world.in);
		break;
	case 6:
		path->wnd = UINT16_MAX;
		break;
	default:
		break;
	}
	if (!(how & 0x20))
		put_dss(path, &o, how & 0x10 ? DSS_FLAG_ACK : DSS_FLAG_ACK | DSS_FLAG_ACK8, NULL,
			0);
	if (how & 0x40 && o.len + 12 <= 28) { /* holes */
		uint8_t *b = &o.b[o.len];

		b = put_octets(b, (const uint8_t[]){1, 1, 5, 10}, 4);
		b = put_be32(b, path->ack + in_u16(&world.in));
		put_be32(b, path->ack + in_u16(&world.in));
		o.len += 12;
	}
	feed(path, TCPF_ACK, path->seq, &o, 0);
	world.dack = dack;
	path->ack = ack;
}

/* --- handshakes ------------------------------------------------------------------------------------ */

void capable(struct path *path, uint8_t tcp_flags, uint8_t flags, uint16_t len)
{
	struct opt_buf o = {.room = TCP_OPTIONS_MAX};
	struct mp_capable c = {.version = 1, .flags = flags};

	if (!(tcp_flags & TCPF_SYN)) {
		c.n_keys = 2;
		c.sender_key = KEY_A;
		c.receiver_key = world.key_b;
		c.has_data_len = len > 0;
		c.data_len = len;
		if (flags & MPC_FLAG_A && len > 0) {
			uint16_t sum = mp_dss_pseudo_sum(world.idsn_a + 1, 1, len);

			for (uint32_t i = 0; i < len; i++) {
				uint8_t b = pattern(PEERS, i);

				sum = csum_add(sum, htobe16((uint16_t)(i % 2 == 0 ? b << 8 : b)));
			}
			c.has_csum = true;
			c.csum = be16toh((uint16_t)~sum);
		}
		if (len > 0 && path->n_maps == 0) {
			path->map[path->n_maps++] = (struct map){.ssn = 1, .off = 0, .len = len};
			world.off = len;
		}
	}
	mp_build_capable(&o, &c);
	say(path, tcp_flags, &o, len);
}

static void join_syn(struct path *path, uint8_t how)
{
	struct opt_buf o = {.room = TCP_OPTIONS_MAX};
	struct mp_join j = {.form = MPJ_SYN,
			    .backup = how & 1,
			    .addr_id = (uint8_t)(path - world.path),
			    .token = how & 2 ? in_u32(&world.in) : world.token_b,
			    .nonce = path->nonce};

	reopen(path);
	mp_build_join(&o, &j);
	say(path, TCPF_SYN, &o, 0);
}

static void join_ack(struct path *path, uint8_t how)
{
	struct opt_buf o = {.room = TCP_OPTIONS_MAX};
	struct mp_join j = {.form = MPJ_ACK};
	uint8_t mac[SHA256_LEN];
	struct subflow *sf;
	bool awaited;

	mp_join_hmac(&world.hmac.ours, path->nonce, path->nonce_theirs, mac);
	memcpy(j.hmac, mac, sizeof(j.hmac));
	if (how & 1)
		j.hmac[in_u8(&world.in) % sizeof(j.hmac)] ^= 1;
	mp_build_join(&o, &j);
	sf = flow_find(&world.mp, &path->key);
	awaited = sf != NULL && sf->hs == SF_HS_JOIN;
	feed(path, TCPF_ACK, path->seq, &o, 0);
	sf = flow_find(&world.mp, &path->key);
	MUST(!(how & 1) || !awaited || sf == NULL || sf->hs == SF_HS_JOIN);
}

void step_handshake(struct path *path)
{
	uint8_t how = in_u8(&world.in);
	uint8_t flags = MPC_FLAG_H | (how & 0x40 ? MPC_FLAG_A : 0) | (how & 0x80 ? MPC_FLAG_C : 0);

	switch (how & 7) {
	case 0:
	case 1:
		join_syn(path, how >> 4);
		join_ack(path, 0);
		break;
	case 2:
		join_syn(path, how >> 4);
		break;
	case 3:
		join_ack(path, how >> 4);
		break;
	case 4:
		reopen(path);
		if (path == &world.path[0])
			world.off = 0;
		capable(path, TCPF_SYN, flags, 0);
		break;
	case 5:
		capable(path, TCPF_ACK, flags, how & 8 ? in_u8(&world.in) : 0);
		break;
	case 6:
		reopen(path);
		say(path, TCPF_SYN, NULL, 0);
		break;
	default:
		feed(path, TCPF_ACK, path->seq, NULL, 0);
		break;
	}
}

/* --- everything else that a peer can say ------------------------------------------------------------ */

void step_option(struct path *path)
{
	struct opt_buf o = {.room = TCP_OPTIONS_MAX};
	uint8_t how = in_u8(&world.in), arg = in_u8(&world.in);
	struct mp_remove_addr rm = {.n = 1 + (arg >> 6)};
	struct mp_add_addr add = {.addr_id = arg & 7,
				  .addr = world.addrs[arg >> 3 & 1].addr,
				  .port = arg & 0x10 ? 0 : 99,
				  .echo = arg & 0x20};
	struct map fin = {.off = world.off};
	uint64_t fastcloses = world.ctrs[CTR_MP_FASTCLOSE_RX];
	uint8_t flags = TCPF_ACK;

	switch (how & 15) {
	case 0:
	case 1:
		add.has_hmac = !add.echo;
		mp_addr_hmac(&world.hmac.ours, add.addr_id, &add.addr.b[12], 4, add.port, add.hmac);
		if (arg >= 0xf0)
			add.hmac[0] ^= 1;
		mp_build_add_addr(&o, &add);
		break;
	case 2:
		for (unsigned int i = 0; i < rm.n; i++)
			rm.id[i] = arg & 3 ? (uint8_t)(arg + i) & 3 : in_u8(&world.in);
		mp_build_remove_addr(&o, &rm);
		break;
	case 3:
		mp_build_prio(&o, arg & 1);
		break;
	case 4:
		mp_build_fail(&o, world.dack - arg);
		break;
	case 5:
		mp_build_fastclose(&o, arg & 1 ? world.key_b : arg);
		break;
	case 6:
		flags = TCPF_RST | (arg & 1 ? TCPF_ACK : 0);
		if (arg & 2)
			mp_build_tcprst(&o, arg >> 4, arg & 7);
		if (arg & 4)
			mp_build_fastclose(&o, arg & 8 ? world.key_b : arg);
		break;
	case 7: /* DATA_FIN behind what was said */
	case 8:
		put_dss(path, &o, DSS_FLAG_FIN | dss_form(arg), &fin, 0);
		break;
	case 9:
		fin.off += arg;
		put_dss(path, &o, DSS_FLAG_FIN | dss_form(0), &fin, 0);
		break;
	case 10:
		say(path, TCPF_ACK | TCPF_FIN, NULL, 0);
		return;
	case 11: /* infinite mapping */
		fin.ssn = path->seq - path->iss;
		put_dss(path, &o, dss_form(arg) & ~DSS_FLAG_FIN, &fin, 0);
		world.lied = true;
		break;
	case 12: /* two at once */
		put_dss(path, &o, DSS_FLAG_ACK, NULL, 0);
		mp_build_prio(&o, arg & 1);
		mp_build_fail(&o, world.dack);
		break;
	default: /* a mapping without its octets */
		fin = (struct map){
			.ssn = path->seq - path->iss, .off = world.off, .len = (uint16_t)(arg + 1)};
		if (path->n_maps < MAPS_MAX) {
			path->map[path->n_maps++] = fin;
			path->seq += fin.len;
			world.off += fin.len;
		}
		put_dss(path, &o, dss_form(arg) & ~DSS_FLAG_FIN, &fin, 0);
		break;
	}
	feed(path, flags, how & 0x10 ? path->seq - 1 : path->seq, &o, 0);
	/* Who does not know the key ends nothing. */
	if ((how & 15) == 5 && !(arg & 1))
		MUST(world.ctrs[CTR_MP_FASTCLOSE_RX] == fastcloses);
}

void step_raw(struct path *path)
{
	uint8_t how = in_u8(&world.in), flags = in_u8(&world.in);
	struct opt_buf o = {.room = TCP_OPTIONS_MAX};
	uint16_t len = how & 0x40 ? in_u8(&world.in) : 0;
	uint32_t seq = path->seq;
	unsigned int n;

	if (how & 0x80)
		seq += (uint32_t)(int16_t)in_u16(&world.in);
	n = in_u8(&world.in) % 29u;
	o.len = (uint8_t)in_octets(&world.in, o.b, n);
	world.lied = world.lied || len > 0 || o.len > 0;
	feed(path, how & 0x20 ? flags : TCPF_ACK, seq, &o, len);
}
