/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Applications. Upcalls only note what has happened; what is done about it is an event of its own at
 * the same time, as a program is woken after the stack.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "mptcp/wire/checksum.h"
#include "path.h"
#include "user.h"

/* Octets that rounding of the window may offer beyond what a user has room for. */
#define LENT (64u << 10)

#define CLIENT_PORT 40000
#define SERVER_PORT 80

static void pump(struct sim *s, void *ctx, uint64_t arg);
static void read_some(struct sim *s, void *ctx, uint64_t arg);

/* --- streams ---------------------------------------------------------------------------------- */

static uint64_t word_at(uint8_t id, uint64_t off)
{
	return rng_mix((uint64_t)id << 48 ^ (off >> 3) * 0x9e3779b97f4a7c15);
}

static void fill(uint8_t id, uint64_t off, uint8_t *b, unsigned int len)
{
	for (unsigned int i = 0; i < len; i++, off++)
		b[i] = off == 0 ? id : (uint8_t)(word_at(id, off) >> 8 * (off & 7));
}

/* Index of the first octet that is wrong, or len. */
static unsigned int compare(uint8_t id, uint64_t off, const uint8_t *b, unsigned int len)
{
	unsigned int i = 0;

	while (i < len) {
		uint64_t word = word_at(id, off + i), here;

		if (((off + i) & 7) == 0 && off + i != 0 && len - i >= 8) {
			memcpy(&here, &b[i], 8);
			if (here == word) {
				i += 8;
				continue;
			}
		}
		if (b[i] != (off + i == 0 ? id : (uint8_t)(word >> 8 * ((off + i) & 7))))
			break;
		i++;
	}
	return i;
}

static void consume(struct user *u, const struct seg *s)
{
	const uint8_t *b = seg_payload(s);
	unsigned int bad;

	if (u->peer == 0)
		u->peer = b[0];
	bad = compare(u->peer, u->rx, b, s->len);
	if (bad < s->len)
		sim_violation(u->sim, "%s %u: octet %llu of stream %u is wrong",
			      u->client ? "client" : "server", u->id,
			      (unsigned long long)(u->rx + bad), u->peer);
	u->rx += s->len;
	u->sim->progress_ns = u->sim->now_ns;
}

/* --- doing ------------------------------------------------------------------------------------ */

static void want_pump(struct user *u)
{
	if (u->pump_due || u->think)
		return;
	u->pump_due = true;
	sim_at(u->sim, u->sim->now_ns, pump, u, 0);
}

static void thought(struct sim *s, void *ctx, uint64_t arg)
{
	struct user *u = ctx;

	(void)s, (void)arg;
	u->think = false;
	want_pump(u);
}

static bool abort_due(struct user *u)
{
	if (u->spec->abort_at == 0 || u->tx + u->rx < u->spec->abort_at)
		return false;
	u->aborted = true;
	conn_abort(u->c);
	return true;
}

static bool send_one(struct user *u)
{
	uint64_t n = u->spec->bytes - u->tx;
	uint16_t most = conn_payload_max(u->c);
	struct rte_mbuf *m;
	uint8_t *b;

	if (n > most)
		n = most;
	if (u->spec->chunk_max != 0 && n > u->spec->chunk_max)
		n = rng_range(&u->sim->rng, 1, u->spec->chunk_max);
	m = rte_pktmbuf_alloc(sim_pool());
	if (m == NULL)
		return false;
	b = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)n);
	fill(u->id, u->tx, b, (unsigned int)n);
	u->tx += n;
	conn_send(u->c, seg_init(m, csum_partial(b, n)));
	return true;
}

static void maybe_close(struct user *u)
{
	if (u->c == NULL || u->shut || u->tx < u->spec->bytes || (u->spec->close_on_fin && !u->fin))
		return;
	u->shut = true;
	conn_shutdown(u->c);
}

static void pump(struct sim *s, void *ctx, uint64_t arg)
{
	struct user *u = ctx;

	(void)arg;
	u->pump_due = false;
	if (u->c == NULL || !u->connected)
		return;
	host_touch(u->host);
	while (u->c != NULL && u->tx < u->spec->bytes && !u->think &&
	       conn_snd_queued(u->c).octets < u->tcp->snd_buffer) {
		if (!send_one(u) || u->c == NULL || abort_due(u))
			return;
		if (u->spec->think_us != 0) {
			u->think = true;
			sim_at(s, s->now_ns + rng_below(&s->rng, u->spec->think_us * NSEC_PER_USEC),
			       thought, u, 0);
		}
	}
	maybe_close(u);
}

static void pause_over(struct sim *s, void *ctx, uint64_t arg)
{
	struct user *u = ctx;

	(void)arg;
	u->paused = false;
	u->pause_over = true;
	if (!u->read_due) {
		u->read_due = true;
		sim_at(s, s->now_ns, read_some, u, 0);
	}
}

static void read_some(struct sim *s, void *ctx, uint64_t arg)
{
	struct user *u = ctx;
	struct seg *seg = u->held.head;

	(void)arg;
	u->read_due = false;
	if (u->paused || seg == NULL)
		return;
	host_touch(u->host);
	segq_remove(&u->held, seg);
	consume(u, seg);
	if (u->held.head != NULL) {
		u->read_due = true;
		sim_at(s,
		       s->now_ns + (u->spec->read_bps == 0
					    ? 0
					    : seg->len * 8 * NSEC_PER_SEC / u->spec->read_bps),
		       read_some, u, 0);
	}
	seg_release(&u->host->w.st, seg);
	if (u->c != NULL) {
		conn_window_update(u->c);
		abort_due(u);
	}
}

/* --- upcalls ---------------------------------------------------------------------------------- */

static int user_accepted(struct conn *c)
{
	struct host *h = container_of(worker_of_mptcp(c->mp), struct host, w);
	struct sim *s = h->sim;
	unsigned int n = 0;
	struct user *u;

	for (unsigned int i = 0; i < s->n_users; i++)
		n += !s->users[i]->client;
	if (n == s->sc->n_conns)
		return -ENOSPC;
	u = calloc(1, sizeof(*u));
	if (u == NULL)
		abort();
	*u = (struct user){.sim = s,
			   .host = h,
			   .spec = &s->sc->conns[n].server,
			   .conn = &s->sc->conns[n],
			   .tcp = &s->sc->server_tcp,
			   .c = c,
			   .id = (uint8_t)(s->n_users + 1),
			   .began = true,
			   .connected = true,
			   .began_ns = s->now_ns};
	s->users[s->n_users++] = u;
	c->user = u;
	s->progress_ns = s->now_ns;
	want_pump(u);
	return 0;
}

static void user_connected(struct conn *c)
{
	struct user *u = c->user;

	u->connected = true;
	u->sim->progress_ns = u->sim->now_ns;
	want_pump(u);
}

/* The window is offered before the user is there to say what it takes, and in units. */
static uint32_t room_most(const struct user *u)
{
	return RTE_MAX(u->tcp->rcv_buffer, (uint32_t)UINT16_MAX) + (2u << u->tcp->wscale) + LENT;
}

static void user_rx(struct conn *c, struct seg *s)
{
	struct user *u = c->user;

	if (u->fin)
		sim_violation(u->sim, "data after the end of the stream");
	if (u->spec->pause_at != 0 && !u->pause_over && !u->paused &&
	    u->rx + u->held.bytes + s->len >= u->spec->pause_at) {
		u->paused = true;
		sim_at(u->sim, u->sim->now_ns + u->spec->pause_ms * NSEC_PER_MSEC, pause_over, u,
		       0);
	}
	seg_hold(&u->host->w.st, s);
	segq_push_tail(&u->held, s);
	if (u->held.bytes > room_most(u))
		sim_violation(u->sim, "more received than the user has room for");
	if (!u->read_due && !u->paused) {
		u->read_due = true;
		sim_at(u->sim, u->sim->now_ns, read_some, u, 0);
	}
}

static void user_fin(struct conn *c)
{
	struct user *u = c->user;

	if (u->fin)
		sim_violation(u->sim, "the end of a stream twice");
	u->fin = true;
	u->sim->progress_ns = u->sim->now_ns;
	want_pump(u);
}

static void user_acked(struct conn *c)
{
	want_pump(c->user);
}

static void user_closed(struct conn *c, enum conn_end why)
{
	struct user *u = c->user;

	if (u->ended)
		sim_violation(u->sim, "the end of a connection twice");
	u->ended = true;
	u->ended_ns = u->sim->now_ns;
	u->why = why;
	u->c = NULL;
	u->sim->progress_ns = u->sim->now_ns;
	sim_trace(u->sim, "%s %u closed: %d", u->client ? "client" : "server", u->id, why);
}

static uint32_t user_space(const struct conn *c)
{
	const struct user *u = c->user;
	uint32_t most = u->tcp->rcv_buffer;

	return most > u->held.bytes ? most - u->held.bytes : 0;
}

static uint32_t user_buffer(const struct conn *c)
{
	return ((const struct user *)c->user)->tcp->rcv_buffer;
}

const struct conn_ops user_ops = {
	.accepted = user_accepted,
	.connected = user_connected,
	.rx = user_rx,
	.rx_fin = user_fin,
	.acked = user_acked,
	.closed = user_closed,
	.rcv_space = user_space,
	.rcv_buffer = user_buffer,
};

/* --- all of them ------------------------------------------------------------------------------ */

static void begin(struct sim *s, void *ctx, uint64_t arg)
{
	struct user *u = ctx;
	const struct path *p = s->paths[u->conn->path];
	struct flow_key key = {.local = p->addr[0],
			       .remote = p->addr[1],
			       .local_port = (uint16_t)(CLIENT_PORT + u->id),
			       .remote_port = SERVER_PORT};

	(void)arg;
	host_touch(u->host);
	u->began = true;
	u->began_ns = s->now_ns;
	u->c = conn_connect(&u->host->w.mp, &u->host->params, &key, 0, u);
	if (u->c == NULL)
		sim_violation(s, "a connection could not be opened");
	s->progress_ns = s->now_ns;
}

void users_start(struct sim *s)
{
	for (unsigned int i = 0; i < s->sc->n_conns; i++) {
		struct user *u = calloc(1, sizeof(*u));

		if (u == NULL)
			abort();
		*u = (struct user){.sim = s,
				   .host = s->hosts[0],
				   .spec = &s->sc->conns[i].client,
				   .conn = &s->sc->conns[i],
				   .tcp = &s->sc->client_tcp,
				   .client = true,
				   .id = (uint8_t)(i + 1)};
		s->users[s->n_users++] = u;
		sim_at(s, s->sc->conns[i].start_ms * NSEC_PER_MSEC, begin, u, 0);
	}
}

bool users_busy(const struct sim *s)
{
	for (unsigned int i = 0; i < s->n_users; i++)
		if (!s->users[i]->ended || s->users[i]->held.head != NULL)
			return true;
	return false;
}

static struct user *with_id(const struct sim *s, uint8_t id)
{
	return id >= 1 && id <= s->n_users ? s->users[id - 1] : NULL;
}

/* Whether a connection that failed is nobody's fault. Handshakes give up after a few packets. */
static bool may_fail(const struct sim *s)
{
	if (s->sc->may_fail)
		return true;
	for (unsigned int i = 0; i < s->n_hosts; i++)
		if (s->hosts[i]->w.ctrs[CTR_TCP_ATTEMPT_FAILS] > 0)
			return true;
	return false;
}

/* Whether all that u and peer had to say has arrived: only the last acknowledgements got lost, for longer
 * than the peer stayed in TIME_WAIT. */
static bool all_delivered(const struct user *u, const struct user *peer)
{
	return peer != NULL && peer->ended && peer->why == CONN_END_DONE &&
	       peer->rx == u->spec->bytes && u->rx == peer->spec->bytes;
}

static bool any_aborted(const struct sim *s)
{
	for (unsigned int i = 0; i < s->n_users; i++)
		if (s->users[i]->aborted)
			return true;
	return false;
}

static void check_user(struct sim *s, const struct user *u)
{
	const struct user *peer = with_id(s, u->peer);
	const char *who = u->client ? "client" : "server";

	if (!u->ended) {
		sim_violation(s, "%s %u: its connection never ended", who, u->id);
		return;
	}
	if (u->peer != 0 && (peer == NULL || peer->client == u->client ||
			     (peer->peer != 0 && peer->peer != u->id))) {
		sim_violation(s, "%s %u got the stream of %u", who, u->id, u->peer);
		return;
	}
	if (u->why == CONN_END_DONE) {
		if (peer != NULL && u->rx != peer->spec->bytes && !peer->aborted)
			sim_violation(s, "%s %u: closed in order after %llu of %llu octets", who,
				      u->id, (unsigned long long)u->rx,
				      (unsigned long long)peer->spec->bytes);
		return;
	}
	if (!may_fail(s) && !all_delivered(u, peer) &&
	    !(peer != NULL ? u->aborted || peer->aborted : any_aborted(s)))
		sim_violation(s,
			      "%s %u: its connection failed (%d) after %llu of %llu sent, "
			      "%llu received",
			      who, u->id, u->why, (unsigned long long)u->tx,
			      (unsigned long long)u->spec->bytes, (unsigned long long)u->rx);
}

void users_check_end(struct sim *s)
{
	for (unsigned int i = 0; i < s->n_users; i++)
		check_user(s, s->users[i]);
}

void users_free(struct sim *s)
{
	for (unsigned int i = 0; i < s->n_users; i++) {
		struct user *u = s->users[i];
		struct seg *seg;

		if (u->c != NULL) {
			host_touch(u->host);
			conn_abort(u->c);
		}
		while ((seg = u->held.head) != NULL) {
			segq_remove(&u->held, seg);
			seg_release(&u->host->w.st, seg);
		}
		free(u);
	}
	s->n_users = 0;
}
