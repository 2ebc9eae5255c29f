/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the connection layer sends, checked and heard by the peer; and the user of its connections, who
 * must get the peer's stream as long as the peer did not lie about a mapping.
 */
#include <errno.h>

#include "conn_world.h"
#include "mptcp/conn/conn_internal.h"
#include "mptcp/wire/checksum.h"

#define QUEUED_MAX 100000

struct world world;
struct rte_mempool *pool, *wire;

/* --- the way out ------------------------------------------------------------------------------- */

static struct path *path_of(const struct pkt *p)
{
	for (unsigned int i = 0; i < PATHS; i++)
		if (world.path[i].key.remote_port == p->key.local_port)
			return &world.path[i];
	broken(__FILE__, __LINE__, "sent to nobody");
}

static void hear(struct path *path, const struct pkt *p)
{
	const struct mp_dss *d = &p->mp.dss;
	uint64_t end;

	if (path->deaf)
		return;
	if (p->flags & TCPF_SYN) {
		path->irs = p->seq;
		path->ack = p->seq + 1;
		if (p->mp.present & MP_BIT(MP_JOIN))
			path->nonce_theirs = p->mp.join.nonce;
		if (p->mp.present & MP_BIT(MP_CAPABLE) && path == &world.path[0]) {
			world.key_b = p->mp.capable.sender_key;
			mp_key_derive(world.key_b, &world.token_b, &world.idsn_b);
			mp_hmac_keys_init(&world.hmac, KEY_A, world.key_b);
			world.dack = world.idsn_b + 1;
		}
	} else if (seq_leq(p->seq, path->ack) && seq_lt(path->ack, p->seq + pkt_seg_len(p))) {
		path->ack = p->seq + pkt_seg_len(p);
	}
	if (p->tcp.has_ts)
		path->tsecr = p->tcp.tsval;
	if (!(p->mp.present & MP_BIT(MP_DSS)) || !(d->flags & DSS_FLAG_MAP) || d->data_len == 0)
		return;
	if (d->ssn == 0) {
		end = d->dsn + d->data_len; /* DATA_FIN */
		if (d->dsn == world.dack)
			world.dack = end;
		return;
	}
	end = d->dsn + (p->seq - path->irs - d->ssn) + p->payload_len;
	if (!dsn_lt(world.dack, end - p->payload_len) && dsn_lt(world.dack, end))
		world.dack = end;
}

struct tcp_watch *watch_of(const struct subflow *sf)
{
	return &world.watch[pool_index(&world.mp.subflows, sf)];
}

/* A subflow begins with the window of the packet that brought it. */
void watch_new(const struct subflow *sf, const struct pkt *p)
{
	if (!watch_of(sf)->has_peer_edge && p != NULL)
		tcp_watch_in(watch_of(sf), &sf->tcp, p);
}

/* A segment with a mapping of ours says where its octets belong. */
static void check_mapped(const struct conn *c, const struct subflow *sf, const struct sent *s)
{
	const struct mp_dss *d = &s->p.mp.dss;
	uint32_t off = (uint32_t)(d->dsn - c->idsn_local - 1) + s->p.seq - sf->tcp.iss - d->ssn;

	MUST(d->flags & DSS_FLAG_DSN8 && d->has_csum == c->csum);
	MUST(s->p.seq - sf->tcp.iss - d->ssn + s->p.payload_len <= d->data_len);
	for (unsigned int i = 0; i < s->p.payload_len; i++)
		MUST(s->payload[i] == pattern(OURS, off + i));
	if (c->csum && d->data_len == s->p.payload_len) {
		uint16_t sum =
			csum_add(mp_dss_pseudo_sum(d->dsn, d->ssn, d->data_len), s->p.payload_sum);

		MUST(csum_add(sum, htobe16(d->csum)) == 0xffff);
	}
}

static void check_out(struct subflow *sf, const struct sent *s)
{
	const struct conn *c = sf->conn;
	const struct pkt *p = &s->p;
	const struct mp_dss *d = &p->mp.dss;
	uint32_t unit = 1u << sf->tcp.rcv_wscale;
	uint64_t *old = &world.edge[pool_index(&world.mp.subflows, sf)];
	bool mptcp = c->mode == CONN_MPTCP;
	bool dss = (p->mp.present & MP_BIT(MP_DSS)) != 0;
	uint64_t edge;

	watch_new(sf, world.in_hand);
	tcp_watch_out(watch_of(sf), &sf->tcp, s, UINT32_MAX);
	MUST(!dss || c->mode != CONN_TCP);
	if (p->flags & (TCPF_SYN | TCPF_RST))
		return;
	MUST(!mptcp || sf->hs != SF_HS_DONE || dss || p->payload_len == 0 ||
	     seq_leq(p->seq + p->payload_len, sf->tcp.snd_max));
	if (dss && d->flags & DSS_FLAG_ACK)
		MUST(d->data_ack == (d->flags & DSS_FLAG_ACK8 ? c->rcv_nxt : (uint32_t)c->rcv_nxt));
	if (p->payload_len > 0 && dss && d->flags & DSS_FLAG_MAP && d->data_len > 0)
		check_mapped(c, sf, s);
	if (p->payload_len > 0 && c->mode == CONN_TCP)
		for (unsigned int i = 0; i < p->payload_len; i++)
			MUST(s->payload[i] == pattern(OURS, p->seq - sf->tcp.iss - 1 + i));
	/* The window is the connection's; its edge wavers by less than a unit (RFC 7323 s2.4). */
	edge = c->rcv_nxt + ((uint64_t)p->wnd << sf->tcp.rcv_wscale);
	if (*old != 0 && c->state != CONN_OPENING && !c->user_closed)
		MUST(!dsn_lt(edge + unit, *old));
	*old = c->user_closed ? 0 : edge;
}

static void output(struct stack *st, struct rte_mbuf *m, struct nexthop *nh)
{
	static struct sent s;
	struct flow_key key;
	struct subflow *sf;
	struct path *path;

	(void)st, (void)nh;
	fuzz_sent(&s, m);
	path = path_of(&s.p);
	key = path->key;
	key.local = s.p.key.remote; /* one of ours */
	key.local_port = s.p.key.remote_port;
	sf = flow_find(&world.mp, &key);
	trace("  %u> flags %02x seq %u ack %u wnd %u len %u mp %x",
	      (unsigned int)(path - world.path), s.p.flags, s.p.seq - path->irs,
	      s.p.ack - path->iss, s.p.wnd, s.p.payload_len, s.p.mp.present);
	if (sf != NULL && sf->tcp.state != TCPS_CLOSED && sf->tcp.ops != NULL)
		check_out(sf, &s);
	else
		MUST(s.p.flags & (TCPF_RST | TCPF_SYN) && s.p.payload_len == 0);
	hear(path, &s.p);
	if (world.keeps && world.n_kept < DRIVER_MAX)
		world.kept[world.n_kept++] = m;
	else
		rte_pktmbuf_free(m);
}

static struct nexthop *route(struct stack *st, const struct ip_addr *local,
			     const struct ip_addr *remote, uint16_t *mtu)
{
	(void)local, (void)remote;
	*mtu = FUZZ_MTU;
	return (struct nexthop *)st;
}

const struct stack_ops world_stack_ops = {.output = output, .route = route};

void driver_lets_go(void)
{
	while (world.n_kept > 0)
		rte_pktmbuf_free(world.kept[--world.n_kept]);
}

static const struct conn_params *listen_at(struct mptcp *mp, const struct ip_addr *local,
					   uint16_t port)
{
	(void)mp, (void)local;
	return port == 80 ? &world.params : NULL;
}

const struct mptcp_ops world_mptcp_ops = {.listen = listen_at};

/* --- the user ------------------------------------------------------------------------------------- */

struct user *user_of(const struct conn *c)
{
	return &world.user[pool_index(&world.mp.conns, c)];
}

void user_write(struct conn *c, uint32_t len)
{
	struct user *u = user_of(c);

	while (len > 0 && u->live && conn_snd_queued(c).octets < QUEUED_MAX && !c->fin_queued) {
		uint16_t n = (uint16_t)(len < 1400 ? len : 1400);
		struct rte_mbuf *m = rte_pktmbuf_alloc(wire);
		uint8_t *b;

		MUST(m != NULL);
		b = (uint8_t *)rte_pktmbuf_append(m, n);
		for (unsigned int i = 0; i < n; i++)
			b[i] = pattern(OURS, u->written + i);
		u->written += n;
		len -= n;
		conn_send(c, seg_init(m, csum_partial(b, n)));
	}
}

static void act(struct conn *c)
{
	enum whim whim = world.whim;

	world.whim = WHIM_NONE;
	switch (whim) {
	case WHIM_ABORT:
		conn_abort(c);
		break;
	case WHIM_SHUTDOWN:
		conn_shutdown(c);
		break;
	case WHIM_WRITE:
		user_write(c, 3000);
		break;
	case WHIM_WINDOW:
		world.space = 0;
		conn_window_update(c);
		break;
	default:
		break;
	}
}

static int user_accepted(struct conn *c)
{
	struct user *u = user_of(c);

	MUST(!u->live);
	if (world.whim == WHIM_REFUSE) {
		world.whim = WHIM_NONE;
		return -ENOSPC;
	}
	*u = (struct user){.live = true};
	act(c);
	return 0;
}

static void user_connected(struct conn *c)
{
	(void)c;
	broken(__FILE__, __LINE__, "connected without a wish");
}

/* Whether the user must get the peer's stream. After fallback it gets what the path has. */
static bool may_trust(const struct conn *c)
{
	return !world.lied && (c->mode == CONN_MPTCP || (c->mode == CONN_TCP && world.plain));
}

static void user_rx(struct conn *c, struct seg *s)
{
	const uint8_t *b = seg_payload(s);
	struct user *u = user_of(c);

	MUST(u->live && !u->eof && s->holders == 0 && s->len > 0);
	MUST(s->payload_sum % 0xffff == csum_partial(b, s->len) % 0xffff);
	for (unsigned int i = 0; i < s->len && may_trust(c); i++)
		MUST(b[i] == pattern(PEERS, u->received + i));
	u->received += s->len;
	if (c->mode == CONN_MPTCP)
		MUST(u->received == (uint32_t)(c->rcv_nxt - c->idsn_remote - 1));
	seg_drop(s);
	act(c);
}

static void user_fin(struct conn *c)
{
	struct user *u = user_of(c);

	MUST(u->live && !u->eof);
	u->eof = true;
	act(c);
}

static void user_acked(struct conn *c)
{
	MUST(user_of(c)->live);
	act(c);
}

static void user_closed(struct conn *c, enum conn_end why)
{
	struct user *u = user_of(c);

	(void)why;
	trace("  closed %d", (int)why);
	MUST(u->live);
	act(c); /* harmless, whatever it is */
	u->live = false;
}

static uint32_t user_space(const struct conn *c)
{
	(void)c;
	return world.space;
}

const struct conn_ops user_ops = {
	.accepted = user_accepted,
	.connected = user_connected,
	.rx = user_rx,
	.rx_fin = user_fin,
	.acked = user_acked,
	.closed = user_closed,
	.rcv_space = user_space,
};
