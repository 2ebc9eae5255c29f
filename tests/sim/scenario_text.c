/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A scenario in words.
 */
#include <stdarg.h>
#include <stdio.h>

#include "mptcp/tcp/tcp.h"
#include "scenario.h"

struct text {
	char *b;
	unsigned int len, at;
};

static void say(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void say(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->b + t->at, t->len - t->at, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->at = t->at + (unsigned int)n < t->len ? t->at + (unsigned int)n : t->len - 1;
}

static void say_link(struct text *t, const char *name, const struct sc_link *l)
{
	say(t, " %s[%.3g ms", name, l->delay_us / 1e3);
	if (l->jitter_us != 0)
		say(t, "+%.3g", l->jitter_us / 1e3);
	if (l->rate_bps != 0)
		say(t, ", %.3g Mbit/s, queue %u", (double)l->rate_bps / 1e6, l->queue_bytes);
	if (l->loss_ppm != 0)
		say(t, ", loss %.3g %%", l->loss_ppm / 1e4);
	if (l->burst_enter_ppm != 0)
		say(t, ", bursts");
	if (l->reorder_ppm != 0)
		say(t, ", %.3g %% late by %.3g ms", l->reorder_ppm / 1e4, l->reorder_us / 1e3);
	if (l->dup_ppm != 0)
		say(t, ", dup %.3g %%", l->dup_ppm / 1e4);
	if (l->corrupt_ppm != 0)
		say(t, ", damage %.3g %%", l->corrupt_ppm / 1e4);
	if (l->mtu != 0)
		say(t, ", %s %u from %u ms", l->router ? "router" : "black hole", l->mtu,
		    l->mtu_from_ms);
	if (l->forged_ppm != 0)
		say(t, ", forged ICMP %.3g %%", l->forged_ppm / 1e4);
	for (unsigned int i = 0; i < l->n_outages; i++)
		say(t, ", out %u-%u ms", l->outages[i].from_ms, l->outages[i].to_ms);
	if (l->flap_down_ms != 0)
		say(t, ", flaps %u/%u ms", l->flap_up_ms, l->flap_down_ms);
	say(t, "]");
}

static void say_path(struct text *t, const char *name, const struct sc_path *p)
{
	say(t, "; %s: mtu %u", name, p->mtu);
	say_link(t, "up", &p->up);
	say_link(t, "down", &p->down);
	for (unsigned int i = 0; i < p->n_boxes; i++)
		say(t, " %s(%u,%u)", sc_box_name[p->boxes[i].kind], p->boxes[i].n,
		    p->boxes[i].when);
}

static void say_user(struct text *t, const char *name, const struct sc_user *u)
{
	say(t, " %s sends %llu", name, (unsigned long long)u->bytes);
	if (u->chunk_max != 0)
		say(t, " by %u", u->chunk_max);
	if (u->think_us != 0)
		say(t, " thinking %.3g ms", u->think_us / 1e3);
	if (u->read_bps != 0)
		say(t, " reading %.3g Mbit/s", u->read_bps / 1e6);
	if (u->pause_at != 0)
		say(t, " pausing at %u for %u ms", u->pause_at, u->pause_ms);
	if (u->abort_at != 0)
		say(t, " aborting at %llu", (unsigned long long)u->abort_at);
	if (u->close_on_fin)
		say(t, " closing last");
}

static void say_tcp(struct text *t, const char *name, const struct sc_tcp *tcp)
{
	say(t, "; %s: %s, rcv %u snd %u scale %u", name, tcp_ccs[tcp->cc]->name, tcp->rcv_buffer,
	    tcp->snd_buffer, tcp->wscale);
}

void scenario_describe(const struct scenario *sc, char *buf, unsigned int len)
{
	struct text t = {buf, len, 0};

	say(&t, "%s, %s", sc->v6 ? "IPv6" : "IPv4", sc->relay ? "relay" : "direct");
	if (sc->cookies)
		say(&t, ", cookies");
	if (sc->hold != 0)
		say(&t, ", hold %u", sc->hold);
	if (sc->poll_us != 0)
		say(&t, ", poll %u us", sc->poll_us);
	for (unsigned int i = 0; i < sc->n_paths; i++)
		say_path(&t, "path", &sc->paths[i]);
	if (sc->relay)
		say_path(&t, "server path", &sc->server_path);
	say_tcp(&t, "client", &sc->client_tcp);
	if (sc->relay)
		say(&t, "; relay buffer %u to %u", sc->relay_buffer, sc->relay_buffer_max);
	say_tcp(&t, "server", &sc->server_tcp);
	for (unsigned int i = 0; i < sc->n_conns; i++) {
		say(&t, "; conn at %u ms path %u:", sc->conns[i].start_ms, sc->conns[i].path);
		say_user(&t, "client", &sc->conns[i].client);
		say_user(&t, ", server", &sc->conns[i].server);
	}
}
