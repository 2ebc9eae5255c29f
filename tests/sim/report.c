/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Tables and pictures.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "mptcp/conn/conn.h"
#include "path.h"
#include "report.h"
#include "user.h"

struct sample {
	double at_s;
	unsigned int user;
	uint64_t rx, cwnd, srtt_us, flight;
};

static struct sample *samples;
static size_t n_samples, samples_size;
static uint64_t interval_ns;

/* What had passed when the time began that counts. */
static struct {
	uint64_t from_ns;
	uint64_t tx[SIM_USERS_MAX], rx[SIM_USERS_MAX];
	uint64_t bytes[SIM_PATHS_MAX][2];
} omitted;

/* The subflow that carries most, for one line a connection. */
static const struct subflow *busiest(const struct conn *c)
{
	const struct subflow *sf, *best = NULL;

	CONN_FOREACH_SUBFLOW (sf, c)
		if (best == NULL || sf->tcp.bytes_sent > best->tcp.bytes_sent)
			best = sf;
	return best;
}

static void take(struct sim *s, void *ctx, uint64_t arg)
{
	(void)ctx, (void)arg;
	for (unsigned int i = 0; i < s->n_users; i++) {
		const struct user *u = s->users[i];
		const struct subflow *sf = u->c != NULL ? busiest(u->c) : NULL;

		if (n_samples == samples_size) {
			samples_size = samples_size == 0 ? 1024 : 2 * samples_size;
			samples = realloc(samples, samples_size * sizeof(*samples));
			if (samples == NULL)
				abort();
		}
		samples[n_samples++] = (struct sample){
			.at_s = (double)s->now_ns / 1e9,
			.user = i,
			.rx = u->rx,
			.cwnd = sf != NULL ? sf->tcp.cwnd : 0,
			.srtt_us = sf != NULL ? sf->tcp.srtt_us : 0,
			.flight = sf != NULL ? tcp_flight(&sf->tcp) : 0,
		};
	}
	if (users_busy(s))
		sim_at(s, s->now_ns + interval_ns, take, NULL, 0);
}

void report_sample(struct sim *s, uint32_t span_ms, unsigned int n)
{
	interval_ns = (uint64_t)span_ms * NSEC_PER_MSEC / n;
	sim_at(s, 0, take, NULL, 0);
}

void report_free(void)
{
	free(samples);
	samples = NULL;
	n_samples = samples_size = 0;
}

static void note(struct sim *s, void *ctx, uint64_t arg)
{
	(void)ctx, (void)arg;
	omitted.from_ns = s->now_ns;
	for (unsigned int i = 0; i < s->n_users; i++) {
		omitted.tx[i] = s->users[i]->tx;
		omitted.rx[i] = s->users[i]->rx;
	}
	for (unsigned int i = 0; i < s->n_paths; i++)
		for (unsigned int way = 0; way < 2; way++)
			omitted.bytes[i][way] = s->paths[i]->link[way].stats.bytes;
}

void report_omit(struct sim *s, uint32_t omit_ms)
{
	memset(&omitted, 0, sizeof(omitted));
	if (omit_ms != 0)
		sim_at(s, omit_ms * NSEC_PER_MSEC, note, NULL, 0);
}

/* --- tables ------------------------------------------------------------------------------------- */

static void print_link(const struct sim *s, unsigned int i, enum dir dir, double seconds)
{
	const struct link *l = &s->paths[i]->link[dir];
	const struct link_stats *st = &l->stats;
	double mbit = (double)(st->bytes - omitted.bytes[i][dir]) * 8 / 1e6 / seconds;
	char used[16] = "-";

	if (l->spec->rate_bps != 0)
		snprintf(used, sizeof(used), "%.3f", mbit * 1e6 / (double)l->spec->rate_bps);
	printf("%4u  %-4s %10.2f %6s %10llu %8llu %8llu %8llu %8llu %9llu\n", i,
	       dir == DIR_UP ? "up" : "down", mbit, used, (unsigned long long)st->packets,
	       (unsigned long long)(st->lost + st->outage), (unsigned long long)st->overrun,
	       (unsigned long long)st->late, (unsigned long long)st->duplicated,
	       (unsigned long long)st->queue_max);
}

static void print_user(const struct sim *s, unsigned int i)
{
	const struct user *u = s->users[i];
	uint64_t end_ns = u->ended ? u->ended_ns : s->now_ns;
	uint64_t from_ns = RTE_MAX(u->began_ns, omitted.from_ns);
	double seconds = end_ns > from_ns ? (double)(end_ns - from_ns) / 1e9 : 0;
	const struct subflow *sf = u->c != NULL ? busiest(u->c) : NULL;

	printf("%-7s %3u %9.3f %12.2f %12.2f", u->client ? "client" : "server", u->id, seconds,
	       seconds > 0 ? (double)(u->tx - omitted.tx[i]) * 8 / 1e6 / seconds : 0,
	       seconds > 0 ? (double)(u->rx - omitted.rx[i]) * 8 / 1e6 / seconds : 0);
	if (sf != NULL)
		printf(" %8u %9.2f %9.2f %10u", sf->tcp.retrans, sf->tcp.srtt_us / 1e3,
		       sf->tcp.min_rtt_us / 1e3, sf->tcp.cwnd);
	else
		printf(" %8s %9s %9s %10s", "-", "-", "-", "-");
	printf("  %s\n", !u->ended ? "open" : u->why == CONN_END_DONE ? "done" : "failed");
}

/* Of what happened the part that is about loss; of what was dropped all. */
static bool is_told(enum counter c)
{
	static const enum counter list[] = {
		CTR_TCP_RETRANS,    CTR_TCP_FAST_RETRANS, CTR_TCP_TIMEOUTS,
		CTR_TCP_RECOVERY,   CTR_TCP_LOSS_PROBES,  CTR_TCP_TS_UNDO,
		CTR_TCP_DSACK_UNDO, CTR_TCP_SPURIOUS_RTO, CTR_TCP_DSACK_RX,
		CTR_TCP_OFO_QUEUE,  CTR_TCP_ECN_CE,       CTR_TCP_ECN_REDUCED,
		CTR_TCP_PMTU_ICMP,  CTR_TCP_PMTU_HELD,    CTR_TCP_PMTU_BLACKHOLE,
		CTR_TCP_PMTU_UNDO,  CTR_TCP_MTUP_SUCCESS, CTR_TCP_MTUP_FAIL,
	};

	for (unsigned int k = 0; k < RTE_DIM(list); k++)
		if (list[k] == c)
			return true;
	return counter_desc[c].kind == CTR_KIND_DROP;
}

static void print_counters(const struct sim *s)
{
	for (unsigned int i = 0; i < s->n_hosts; i++) {
		printf("%s:", s->hosts[i]->name);
		for (enum counter c = 0; c < CTR_MAX; c++)
			if (is_told(c) && s->hosts[i]->w.ctrs[c] != 0)
				printf(" %s %llu", counter_desc[c].name,
				       (unsigned long long)s->hosts[i]->w.ctrs[c]);
		putchar('\n');
	}
}

void report_print(const struct sim *s)
{
	double seconds = (double)(s->now_ns - omitted.from_ns) / 1e9;

	printf("path  way      Mbit/s   used    packets     lost  overrun     late    twice queue max\n");
	for (unsigned int i = 0; i < s->n_paths; i++) {
		print_link(s, i, DIR_UP, seconds);
		print_link(s, i, DIR_DOWN, seconds);
	}
	printf("\nuser     id   seconds  sent Mbit/s  rcvd Mbit/s  retrans   srtt ms    min ms       cwnd\n");
	for (unsigned int i = 0; i < s->n_users; i++)
		print_user(s, i);
	putchar('\n');
	print_counters(s);
}

/* --- pictures ----------------------------------------------------------------------------------- */

static void plot_data(FILE *f, unsigned int user,
		      uint64_t (*value)(const struct sample *a, const struct sample *b))
{
	const struct sample *last = NULL;

	for (size_t i = 0; i < n_samples; i++) {
		if (samples[i].user != user)
			continue;
		if (last != NULL)
			fprintf(f, "%f %llu\n", samples[i].at_s,
				(unsigned long long)value(last, &samples[i]));
		last = &samples[i];
	}
	fprintf(f, "e\n");
}

static uint64_t rate(const struct sample *a, const struct sample *b)
{
	return b->at_s > a->at_s
		       ? (uint64_t)((double)(b->rx - a->rx) * 8 / 1e3 / (b->at_s - a->at_s))
		       : 0;
}

static uint64_t cwnd(const struct sample *a, const struct sample *b)
{
	(void)a;
	return b->cwnd / 1024;
}

static uint64_t rtt(const struct sample *a, const struct sample *b)
{
	(void)a;
	return b->srtt_us;
}

static void plot_panel(FILE *f, const struct sim *s, const char *title,
		       uint64_t (*value)(const struct sample *a, const struct sample *b))
{
	const char *comma = "plot ";

	fprintf(f, "set ylabel '%s'\n", title);
	for (unsigned int i = 0; i < s->n_users; i++, comma = ", ")
		fprintf(f, "%s'-' with lines title '%s %u'", comma,
			s->users[i]->client ? "client" : "server", s->users[i]->id);
	fputc('\n', f);
	for (unsigned int i = 0; i < s->n_users; i++)
		plot_data(f, i, value);
}

int report_plot(const struct sim *s, const char *file)
{
	FILE *f = popen("gnuplot", "w");

	if (f == NULL) {
		fprintf(stderr, "mpsim: gnuplot: %s\n", strerror(errno));
		return -1;
	}
	fprintf(f,
		"set terminal svg size 900,900\nset output '%s'\nset multiplot layout 3,1 title "
		"'%s'\nset grid\nset xlabel 's'\nset yrange [0:*]\n",
		file, s->sc->name);
	plot_panel(f, s, "received, kbit/s", rate);
	plot_panel(f, s, "cwnd, KiB", cwnd);
	plot_panel(f, s, "smoothed RTT, us", rtt);
	if (pclose(f) != 0) {
		fprintf(stderr, "mpsim: no picture was drawn: apt-get install gnuplot-nox\n");
		return -1;
	}
	return 0;
}
