/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rules of the wire. Sequence numbers are taken as 64-bit offsets from the SYN, so that nothing here
 * wraps; headers are read by frame.c, not by the library.
 */
#include <stdlib.h>
#include <string.h>

#include "inspect.h"
#include "mptcp/tcp/tcp.h"
#include "mptcp/wire/mp_opt.h"
#include "pcap.h"
#include "ranges.h"
#include "watch.h"

#define VIEWS_MAX  128
#define OCTETS_MAX (16u << 20) /* of a stream that are remembered */
/* In a queue of so many segments each SACK block finds its place at once. */
#define SACK_ALWAYS 64
#define SACKED_MAX  256
/* A fourth of the longest round trip. */
#define RETX_LAG_MS 255
/* Of a segment that fills more gaps the host may keep a part. */
#define PIECES 4

#define OPT_MSS     2
#define OPT_WSCALE  3
#define OPT_SACKOK  4
#define OPT_SACK    5
#define OPT_TS      8
#define OPT_MPTCP   30
#define OPTIONS_MAX 40
#define OFFSET_BASE (UINT64_C(1) << 32) /* of a SYN: numbers before it are numbers, too */

/* One direction of a connection, as the interface has seen it. */
struct half {
	bool syn, fin, rst, ts, sack_ok, scale;
	bool open; /* more than SYNs were sent: the host has the connection */
	uint8_t wscale;
	uint16_t mss;
	uint32_t isn, tsval;
	uint64_t max;     /* after the last octet */
	uint64_t fin_at;  /* offset of the FIN */
	uint64_t ack;     /* highest, as offset in the other half */
	uint64_t wnd_max; /* largest window offered */
	uint64_t edge;    /* right edge offered: the same */
	bool mptcp;       /* windows are those of the connection */
	bool has_data_edge;
	uint64_t data_edge; /* the same of the data sequence space */
	struct ranges got;  /* payload that has passed here */
	struct range
		sacked[SACKED_MAX]; /* of the other half's, what this one reported: the latest */
	unsigned int n_sacked;
	uint8_t *octets;
	size_t octets_size;
	/* the latest payload beyond a gap that has arrived, to be told first */
	uint64_t ofo_from, ofo_to;
	bool ofo_fresh;
};

struct view {
	struct host *host;
	struct flow_key key; /* as the host sees it */
	struct half out, in;
	uint32_t conn_id;  /* of the host, 0: none */
	struct frame *syn; /* the last SYN that arrived; the host may take it, or not */
};

struct watch {
	struct sim *sim;
	unsigned int n;
	struct view view[VIEWS_MAX];
};

/* A segment in the terms above. */
struct segment {
	struct tcp_view t;
	uint64_t from, to; /* payload */
	bool syn, fin, rst, ack;
	uint64_t ack_to, edge;
	const uint8_t *ts, *sack, *mptcp;
};

static void broken(struct view *v, const struct segment *g, const char *what)
{
	char local[IP_ADDR_STRLEN], remote[IP_ADDR_STRLEN];

	sim_violation(
		v->host->sim,
		"%s, %s:%u to %s:%u: %s (seq %llu+%u ack %llu edge %llu flags %02x; max %llu, "
		"acked %llu, edge %llu)",
		v->host->name, ip_addr_str(&v->key.local, local), v->key.local_port,
		ip_addr_str(&v->key.remote, remote), v->key.remote_port, what,
		(unsigned long long)(g->from - OFFSET_BASE), g->t.payload_len,
		(unsigned long long)(g->ack_to - OFFSET_BASE),
		(unsigned long long)(g->edge - OFFSET_BASE), g->t.flags,
		(unsigned long long)(v->out.max - OFFSET_BASE),
		(unsigned long long)(v->in.ack - OFFSET_BASE),
		(unsigned long long)(v->in.edge - OFFSET_BASE));
}

static void half_clear(struct half *h)
{
	ranges_free(&h->got);
	free(h->octets);
	memset(h, 0, sizeof(*h));
}

static struct view *view_of(struct watch *w, struct host *h, const struct flow_key *key)
{
	for (unsigned int i = w->n; i-- > 0;)
		if (w->view[i].host == h && flow_key_eq(&w->view[i].key, key))
			return &w->view[i];
	if (w->n == VIEWS_MAX)
		return NULL;
	w->view[w->n].host = h;
	w->view[w->n].key = *key;
	return &w->view[w->n++];
}

/* The offset of seq that is nearest to what h has reached. */
static uint64_t offset_of(const struct half *h, uint32_t seq)
{
	return h->max + (uint64_t)(int64_t)(int32_t)(seq - (h->isn + (uint32_t)h->max));
}

/* Read f, which belongs to half, answered by peer. False when it has no place in what is known. */
static bool read_segment(struct frame *f, struct half *half, const struct half *peer,
			 struct segment *g)
{
	memset(g, 0, sizeof(*g));
	if (!frame_tcp(f, &g->t))
		return false;
	g->syn = g->t.flags & TCPF_SYN;
	g->fin = g->t.flags & TCPF_FIN;
	g->rst = g->t.flags & TCPF_RST;
	g->ack = g->t.flags & TCPF_ACK;
	g->ts = frame_option(&g->t, OPT_TS);
	g->sack = frame_option(&g->t, OPT_SACK);
	g->mptcp = frame_option(&g->t, OPT_MPTCP);
	if (!half->syn)
		return false;
	g->from = offset_of(half, g->t.seq) + g->syn;
	g->to = g->from + g->t.payload_len;
	if (g->ack && peer->syn) {
		bool scaled = half->scale && peer->scale && !g->syn;

		g->ack_to = offset_of(peer, g->t.ack);
		g->edge = g->ack_to + ((uint64_t)g->t.wnd << (scaled ? half->wscale : 0));
	}
	return true;
}

/* A SYN begins a half anew when its number is another one. */
static void note_syn(struct half *h, struct frame *f)
{
	struct tcp_view t;
	uint8_t *o;

	if (f == NULL || !frame_tcp(f, &t) || !(t.flags & TCPF_SYN) || t.flags & TCPF_RST)
		return;
	if (h->syn && h->isn + (uint32_t)OFFSET_BASE == t.seq)
		return;
	half_clear(h);
	h->syn = true;
	h->isn = t.seq - (uint32_t)OFFSET_BASE;
	h->max = OFFSET_BASE + 1;
	o = frame_option(&t, OPT_MSS);
	h->mss = o != NULL ? get16(&o[2]) : t.v4 ? 536 : 1220;
	o = frame_option(&t, OPT_WSCALE);
	h->scale = o != NULL;
	h->wscale = o != NULL ? (o[2] < 14 ? o[2] : 14) : 0;
	h->sack_ok = frame_option(&t, OPT_SACKOK) != NULL;
	o = frame_option(&t, OPT_TS);
	h->ts = o != NULL;
	h->tsval = o != NULL ? get32(&o[2]) : 0;
}

/* A SYN counts once it is acknowledged. A SYN/ACK counts if it answers the SYN, and is the first. */
static void note_peer_syn(struct view *v, struct frame *f)
{
	struct tcp_view t;

	if (!frame_tcp(f, &t) || !(t.flags & TCPF_SYN) || t.flags & TCPF_RST)
		return;
	if (!(t.flags & TCPF_ACK)) {
		if (v->syn != NULL)
			frame_free(v->syn);
		v->syn = frame_copy(f);
	} else if (v->out.syn && v->out.ack == 0 &&
		   t.ack == v->out.isn + (uint32_t)OFFSET_BASE + 1) {
		note_syn(&v->in, f);
	}
}

static void take_peer_syn(struct view *v, const struct tcp_view *t)
{
	if (v->syn == NULL || !(t->flags & TCPF_SYN) || !(t->flags & TCPF_ACK) ||
	    get32(frame_tcp_header(v->syn) + 4) + 1 != t->ack)
		return;
	note_syn(&v->in, v->syn);
}

/* --- rules ------------------------------------------------------------------------------------ */

static void same_octets(struct view *v, const struct segment *g)
{
	struct half *h = &v->out;
	size_t from = (size_t)(g->from - OFFSET_BASE), to = (size_t)(g->to - OFFSET_BASE);
	size_t known = h->max - OFFSET_BASE;

	if (to > OCTETS_MAX)
		return;
	if (to > h->octets_size) {
		h->octets_size = 2 * to > 4096 ? 2 * to : 4096;
		h->octets = realloc(h->octets, h->octets_size);
		if (h->octets == NULL)
			abort();
	}
	known = known > to ? to : known;
	if (known > from && memcmp(h->octets + from, g->t.payload, known - from) != 0)
		broken(v, g, "an octet was sent again as another one");
	if (known < from)
		known = from;
	memcpy(h->octets + known, g->t.payload + (known - from), to - known);
}

/* Whether one block told of all of g, and of something beyond: the last one may be asked about. */
static bool was_sacked(const struct half *in, const struct segment *g)
{
	uint64_t highest = 0;
	bool found = false;

	for (unsigned int i = 0; i < RTE_MIN(in->n_sacked, (unsigned int)SACKED_MAX); i++) {
		const struct range *r = &in->sacked[i];

		highest = RTE_MAX(highest, r->to);
		found = found || (r->from <= g->from && g->to <= r->to);
	}
	return found && g->to < highest;
}

static void sent_payload(struct view *v, const struct segment *g)
{
	struct half *out = &v->out;
	bool below = g->to <= v->in.ack; /* asks for an ACK: window probe, keepalive */

	if (g->t.payload_len == 0)
		return;
	if (g->from > out->max)
		broken(v, g, "octets were left out");
	if (g->to > v->in.edge && v->in.edge != 0 && !below)
		broken(v, g, "sent beyond the window");
	if (v->in.mss != 0 && g->t.payload_len + g->t.opt_len > v->in.mss)
		broken(v, g, "larger than the peer's MSS");
	if (out->fin && g->to > out->fin_at)
		broken(v, g, "sent beyond FIN");
	if (!below && was_sacked(&v->in, g) && !inspect_is_piece(v->host, &v->key, g->t.seq))
		broken(v, g, "sent again what was SACKed");
	same_octets(v, g);
}

/* The window is relative to the DATA_ACK (RFC 8684 s3.3.5). */
static void sent_data_ack(struct view *v, const struct segment *g)
{
	struct half *out = &v->out;
	const uint8_t *o = g->mptcp;
	uint64_t ack, edge;

	if (o == NULL || o[2] >> 4 != MP_DSS || (o[3] & DSS_FLAG_ACK) == 0)
		return;
	ack = get32(&o[4]);
	if ((o[3] & DSS_FLAG_ACK8) != 0)
		ack = ack << 32 | get32(&o[8]);
	else
		ack = out->data_edge +
		      (uint64_t)(int64_t)(int32_t)((uint32_t)ack - (uint32_t)out->data_edge);
	edge = ack + (g->edge - g->ack_to);
	if (out->has_data_edge &&
	    (int64_t)(edge + ((uint64_t)1 << out->wscale) - out->data_edge) <= 0)
		broken(v, g, "the right edge of the data moved left");
	if (!out->has_data_edge || (int64_t)(edge - out->data_edge) > 0)
		out->data_edge = edge;
	out->has_data_edge = true;
}

static void sent_ack(struct view *v, const struct segment *g)
{
	struct half *out = &v->out, *in = &v->in;
	uint64_t have;

	if (!g->ack || !in->syn)
		return;
	have = ranges_end_of(&in->got, OFFSET_BASE + 1);
	if (in->fin && have == in->fin_at)
		have++;
	if (g->ack_to > have)
		broken(v, g, "acknowledged what did not arrive");
	if (g->ack_to < out->ack)
		broken(v, g, "acknowledgement went back");
	/* The field has units of its own (RFC 7323 s2.4). */
	out->mptcp = out->mptcp || (g->mptcp != NULL && !g->syn);
	if (out->mptcp)
		sent_data_ack(v, g);
	else if (g->edge + ((uint64_t)1 << out->wscale) <= out->edge)
		broken(v, g, "the right edge moved left");
	if (g->ack_to > out->ack)
		out->ack = g->ack_to;
	if (g->edge > out->edge)
		out->edge = g->edge;
}

/* Whether the first block is about a duplicate: acknowledged, or part of the second (RFC 2883 s4). */
static bool is_dsack(const struct view *v, const struct segment *g)
{
	unsigned int len = g->sack == NULL ? 0 : g->sack[1];
	uint64_t from[2], to[2];

	for (unsigned int i = 0; i < 2 && 10 + 8 * i <= len; i++) {
		from[i] = offset_of(&v->in, get32(&g->sack[2 + 8 * i]));
		to[i] = offset_of(&v->in, get32(&g->sack[6 + 8 * i]));
	}
	return len >= 10 &&
	       (to[0] <= g->ack_to || (len >= 18 && from[1] <= from[0] && to[0] <= to[1]));
}

static void sent_sack(struct view *v, const struct segment *g)
{
	struct half *in = &v->in;
	bool negotiated = v->in.sack_ok && v->out.sack_ok;
	unsigned int n = 0, len = g->sack == NULL ? 0 : g->sack[1];
	/* Payload may leave before the segment that it came with is looked at for its own, and goes
	 * first where there is no room for both. */
	bool pure = g->t.payload_len == 0 && !g->fin;

	if (g->rst || g->syn)
		return;
	bool dsack = is_dsack(v, g);

	for (unsigned int i = 2; i + 8 <= len; i += 8, n++) {
		uint64_t from = offset_of(in, get32(&g->sack[i]));
		uint64_t to = offset_of(in, get32(&g->sack[i + 4]));

		if (!negotiated)
			broken(v, g, "SACK without leave");
		if (from >= to || !ranges_have(&in->got, from, to))
			broken(v, g, "SACK of what did not arrive");
		if (n > 0 && from <= g->ack_to)
			broken(v, g, "SACK of what is acknowledged, not in the first block");
		if (n == dsack && from <= in->ofo_from && in->ofo_to <= to)
			in->ofo_fresh = false;
		/* Not with MPTCP: there it is broken at times, and why is not known. */
		if (n == dsack && pure && from > g->ack_to && in->ofo_fresh &&
		    in->ofo_from > g->ack_to && !v->out.mptcp)
			broken(v, g, "the first SACK block is not that of the latest segment");
	}
	/* Other options may have left no room for a block. */
	if (g->mptcp != NULL && g->t.opt_len + (n > 0 ? 8 : 12) > OPTIONS_MAX)
		pure = false;
	if (n == dsack && negotiated && in->ofo_fresh && in->ofo_from > g->ack_to && pure)
		broken(v, g, "no SACK of a segment beyond a gap");
	in->ofo_fresh = in->ofo_fresh && !pure;
}

static void sent_timestamp(struct view *v, const struct segment *g)
{
	struct half *out = &v->out;
	uint32_t tsval, tsecr;

	if (g->ts == NULL) {
		if (out->ts && v->in.ts && !g->rst && !g->syn)
			broken(v, g, "no timestamp");
		return;
	}
	tsval = get32(&g->ts[2]);
	tsecr = get32(&g->ts[6]);
	/* That of a retransmission may be older by a part of the round trip. */
	bool again = (g->to > g->from || g->fin) && g->to + g->fin <= out->max;

	if (out->tsval != 0 && (int32_t)(tsval - out->tsval) < (again ? -RETX_LAG_MS : 0))
		broken(v, g, "timestamp went back");
	if (out->tsval == 0 || (int32_t)(tsval - out->tsval) > 0)
		out->tsval = tsval;
	if (g->ack && v->in.tsval != 0 && (int32_t)(tsecr - v->in.tsval) > 0)
		broken(v, g, "echo of a timestamp that did not arrive");
}

static void sent_end(struct view *v, const struct segment *g)
{
	struct half *out = &v->out;

	/* The cookie of a connection that was reset can open another one. */
	if (out->rst && !v->host->sim->sc->cookies)
		broken(v, g, "sent after RST");
	if (!g->fin)
		return;
	if (out->fin && out->fin_at != g->to)
		broken(v, g, "FIN moved");
	if (!out->fin && g->to < out->max)
		broken(v, g, "FIN before what was sent");
	out->fin = true;
	out->fin_at = g->to;
}

void watch_sent(struct host *h, struct frame *f)
{
	uint32_t id;
	struct watch *w = h->sim->watch;
	struct tcp_view t;
	struct segment g;
	struct view *v;

	if (h->sim->pcap != NULL)
		pcap_write(h->sim->pcap, h->index, h->sim->now_ns, f->b, f->len);
	if (w == NULL || !frame_tcp(f, &t))
		return;
	v = view_of(w, h,
		    &(struct flow_key){.local = t.src,
				       .remote = t.dst,
				       .local_port = t.sport,
				       .remote_port = t.dport});
	if (v == NULL)
		return;
	take_peer_syn(v, &t);
	note_syn(&v->out, f);
	if (!read_segment(f, &v->out, &v->in, &g) || (g.rst && !v->in.syn))
		return;
	if (g.rst) { /* without ACK it answers what belongs to no connection */
		v->out.rst = v->out.rst || (g.ack && g.from >= v->in.ack && g.from <= v->out.max);
		return;
	}
	id = inspect_conn_id(h, &v->key);
	/* One cookie, two connections: the peer sees both as one, and all that follows is unsound. */
	if (h->sim->sc->cookies && v->conn_id != 0 && v->conn_id != id)
		h->sim->moot = true;
	v->conn_id = id;
	if (h->sim->moot)
		return;
	v->out.open = v->out.open || !g.syn;
	sent_end(v, &g);
	sent_payload(v, &g);
	sent_ack(v, &g);
	sent_sack(v, &g);
	sent_timestamp(v, &g);
	if (g.to > g.from)
		ranges_add(&v->out.got, g.from, g.to);
	if (g.to + g.fin > v->out.max)
		v->out.max = g.to + g.fin;
}

/* --- what arrives ----------------------------------------------------------------------------- */

/* Whether the host may take g: by number, timestamp and acknowledgement it is one of the peer's. */
static bool plausible(const struct view *v, const struct segment *g)
{
	const struct half *out = &v->out, *in = &v->in;

	if (g->ts != NULL && in->tsval != 0 && in->ts && out->ts &&
	    (int32_t)(get32(&g->ts[2]) - in->tsval) < -120000)
		return false;
	return g->ack_to <= out->max;
}

/* Whether nothing that has arrived makes g old: its timestamp (RFC 7323 s5.3) or what it acknowledges
 * (RFC 5961 s5.2). The host may drop it else. */
static bool is_latest(const struct view *v, const struct segment *g)
{
	const struct half *in = &v->in;

	return (g->ts == NULL || in->tsval == 0 || (int32_t)(get32(&g->ts[2]) - in->tsval) >= 0) &&
	       g->ack_to + in->wnd_max >= in->ack;
}

/* Whether all of g lies before what is missing: then its acknowledgement is not looked at either (RFC 9293
 * s3.10.7.4, first). */
static bool is_old(const struct view *v, const struct segment *g)
{
	uint64_t have = ranges_end_of(&v->in.got, OFFSET_BASE + 1);

	if (v->in.fin && have == v->in.fin_at)
		have++;
	return g->to + g->fin > g->from ? g->to + g->fin <= have : g->from < have;
}

static void received_payload(struct view *v, const struct segment *g)
{
	struct half *in = &v->in;
	uint64_t from = g->from, to = g->to;

	/* Only what the window has room for counts. */
	if (to > v->out.edge)
		to = v->out.edge;
	if (from >= to)
		return;
	if (from > v->out.ack) {
		uint64_t end = ranges_end_of(&in->got, OFFSET_BASE + 1);

		if (from > end && !ranges_have(&in->got, from, to)) {
			in->ofo_from = from;
			in->ofo_to = to;
			in->ofo_fresh = v->out.open && is_latest(v, g) &&
					ranges_gaps(&in->got, from, to) <= PIECES;
		}
	}
	ranges_add(&in->got, from, to);
}

static void received_sack(struct view *v, const struct segment *g)
{
	unsigned int len = g->sack == NULL ? 0 : g->sack[1];

	if (!is_latest(v, g) || inspect_queue(v->host, &v->key) > SACK_ALWAYS)
		return;
	for (unsigned int i = 2; i + 8 <= len; i += 8) {
		uint64_t from = offset_of(&v->out, get32(&g->sack[i]));
		uint64_t to = offset_of(&v->out, get32(&g->sack[i + 4]));

		if (from > g->ack_to && to <= v->out.max)
			v->in.sacked[v->in.n_sacked++ % SACKED_MAX] = (struct range){from, to};
	}
}

void watch_received(struct host *h, struct frame *f)
{
	struct watch *w = h->sim->watch;
	struct tcp_view t;
	struct segment g;
	struct view *v;
	bool old;

	if (h->sim->pcap != NULL)
		pcap_write(h->sim->pcap, h->index, h->sim->now_ns, f->b, f->len);
	if (w == NULL || !frame_tcp(f, &t))
		return;
	v = view_of(w, h,
		    &(struct flow_key){.local = t.dst,
				       .remote = t.src,
				       .local_port = t.dport,
				       .remote_port = t.sport});
	if (v == NULL)
		return;
	note_peer_syn(v, f);
	if (!read_segment(f, &v->in, &v->out, &g) || !plausible(v, &g))
		return;
	if (g.rst)
		return;
	old = is_old(v, &g);
	received_payload(v, &g);
	if (g.fin) {
		v->in.fin = true;
		v->in.fin_at = g.to;
	}
	if (g.to + g.fin > v->in.max && g.to <= v->out.edge + 1)
		v->in.max = g.to + g.fin;
	if (g.ack && v->out.syn) {
		if (g.ack_to > v->in.ack)
			v->in.ack = g.ack_to;
		if (g.edge > v->in.edge)
			v->in.edge = g.edge;
		if (g.edge - g.ack_to > v->in.wnd_max)
			v->in.wnd_max = g.edge - g.ack_to;
		if (!old)
			received_sack(v, &g);
	}
	if (g.ts != NULL && (v->in.tsval == 0 || (int32_t)(get32(&g.ts[2]) - v->in.tsval) > 0))
		v->in.tsval = get32(&g.ts[2]);
}

/* --- begin and end ---------------------------------------------------------------------------- */

struct watch *watch_new(struct sim *s)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (w == NULL)
		abort();
	w->sim = s;
	return w;
}

void watch_free(struct watch *w)
{
	for (unsigned int i = 0; w != NULL && i < w->n; i++) {
		half_clear(&w->view[i].in);
		half_clear(&w->view[i].out);
		if (w->view[i].syn != NULL)
			frame_free(w->view[i].syn);
	}
	free(w);
}
