/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The command.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include "frame.h"
#include "report.h"
#include "sim.h"

/* Without an end that is known: samples so far apart as for this one. */
#define PLOT_MS      60000
#define PLOT_SAMPLES 600

static const char usage[] =
	"Usage: mpsim --seeds A..B [--pcap DIR] [--keep-going]\n"
	"       mpsim --seed N [--pcap FILE] [--trace]\n"
	"       mpsim --scenario FILE|NAME [--plot FILE.svg] [--pcap FILE] [--trace]\n"
	"\n"
	"Runs the library's TCP over simulated paths in virtual time and checks every packet and every\n"
	"state against its rules.\n"
	"\n"
	"  --seeds A..B     a random scenario for each seed; ends with \"N scenarios, N violations\"\n"
	"  --seed N         one of them, with what is special about it\n"
	"  --scenario X     one that is described in a file, or by its name in tests/sim/scenarios;\n"
	"                   prints what came of it: goodput, loss, retransmissions, RTT, cwnd\n"
	"  --plot FILE      with --scenario: goodput, cwnd and RTT over time as SVG (needs gnuplot)\n"
	"  --pcap PATH      with --seed: write what all interfaces saw (pcapng); with --seeds: a\n"
	"                   directory that gets a file of each scenario with a violation\n"
	"  --mptcp          clients ask for MPTCP, and use all paths there are\n"
	"  --trace          say what happens at each end\n"
	"  --max N          stop after N violations (default 20)\n"
	"  --help           this text\n"
	"\n"
	"Exit code: 0 no violation, 1 at least one, 2 wrong usage.\n";

struct options {
	uint64_t from, to;
	bool one, trace, mptcp;
	const char *pcap, *scenario, *plot;
	unsigned int max;
};

static void scenario_of(struct scenario *sc, const struct options *o, uint64_t seed)
{
	scenario_random(sc, seed);
	sc->mptcp = o->mptcp;
}

static bool run(const struct options *o, uint64_t seed, const char *pcap, FILE *trace, char *what,
		size_t len)
{
	struct scenario sc;
	struct sim s;
	bool ok;

	scenario_of(&sc, o, seed);
	sim_init(&s, &sc, pcap, trace);
	ok = sim_run(&s);
	snprintf(what, len, "%s", s.violation);
	sim_free(&s);
	return ok;
}

static int run_one(const struct options *o)
{
	struct scenario sc;
	char line[1024];

	scenario_of(&sc, o, o->from);
	scenario_describe(&sc, line, sizeof(line));
	printf("%s: %s\n", sc.name, line);
	if (run(o, o->from, o->pcap, o->trace ? stdout : NULL, line, sizeof(line))) {
		printf("no violation\n");
		return 0;
	}
	printf("VIOLATION %s\n", line);
	return 1;
}

static int run_scenario(const struct options *o)
{
	struct scenario sc;
	struct sim s;
	bool ok;
	int rc = 0;

	if (scenario_load(&sc, o->scenario) != 0)
		return 2;
	if (sc.mbufs != 0)
		sim_pool_size = sc.mbufs;
	sim_init(&s, &sc, o->pcap, o->trace ? stdout : NULL);
	report_omit(&s, sc.omit_ms);
	if (o->plot != NULL)
		report_sample(&s, sc.end_ms != 0 ? sc.end_ms : PLOT_MS, PLOT_SAMPLES);
	ok = sim_run(&s);
	report_print(&s);
	if (!ok)
		printf("VIOLATION %s\n", s.violation);
	if (o->plot != NULL)
		rc = report_plot(&s, o->plot);
	sim_free(&s);
	report_free();
	return !ok || rc != 0;
}

/* Again, now with a file of it. */
static void keep(const struct options *o, uint64_t seed)
{
	char file[512], what[512];

	snprintf(file, sizeof(file), "%s/seed-%llu.pcapng", o->pcap, (unsigned long long)seed);
	run(o, seed, file, NULL, what, sizeof(what));
	printf("     %s\n", file);
}

static int run_many(const struct options *o)
{
	unsigned long long n = 0, bad = 0;
	bool progress = isatty(STDERR_FILENO);
	char what[512];

	for (uint64_t seed = o->from; seed <= o->to && bad < o->max; seed++, n++) {
		if (progress && n % 100 == 0)
			fprintf(stderr, "\r%llu of %llu, %llu violations ", n,
				(unsigned long long)(o->to - o->from + 1), bad);
		if (run(o, seed, NULL, NULL, what, sizeof(what)))
			continue;
		bad++;
		printf("%sseed %llu: %s\n", progress ? "\r" : "", (unsigned long long)seed, what);
		if (o->pcap != NULL)
			keep(o, seed);
		fflush(stdout);
	}
	printf("%s%llu scenarios, %llu violations\n", progress ? "\r" : "", n, bad);
	return bad > 0;
}

static bool number(const char *s, uint64_t *out, const char **end)
{
	char *e;

	errno = 0;
	*out = strtoull(s, &e, 10);
	*end = e;
	return e != s && errno == 0;
}

static bool parse_seeds(struct options *o, const char *arg)
{
	const char *end;

	if (!number(arg, &o->from, &end))
		return false;
	o->to = o->from;
	if (strncmp(end, "..", 2) == 0 && !number(end + 2, &o->to, &end))
		return false;
	return *end == 0 && o->to >= o->from;
}

int main(int argc, char **argv)
{
	enum {
		OPT_SEEDS = 1,
		OPT_SEED,
		OPT_PCAP,
		OPT_TRACE,
		OPT_MAX,
		OPT_SCENARIO,
		OPT_PLOT,
		OPT_MPTCP,
		OPT_HELP
	};
	static const struct option longs[] = {
		{"seeds", 1, NULL, OPT_SEEDS}, {"seed", 1, NULL, OPT_SEED},
		{"pcap", 1, NULL, OPT_PCAP},   {"trace", 0, NULL, OPT_TRACE},
		{"max", 1, NULL, OPT_MAX},     {"scenario", 1, NULL, OPT_SCENARIO},
		{"plot", 1, NULL, OPT_PLOT},   {"mptcp", 0, NULL, OPT_MPTCP},
		{"help", 0, NULL, OPT_HELP},   {0}};
	struct options o = {.from = 1, .to = 0, .max = 20};
	bool given = false;
	int c, rc;

	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (c) {
		case OPT_SEEDS:
		case OPT_SEED:
			given = true;
			o.one = c == OPT_SEED;
			if (!parse_seeds(&o, optarg)) {
				fprintf(stderr, "mpsim: %s: not a seed, nor a range like 1..1000\n",
					optarg);
				return 2;
			}
			break;
		case OPT_PCAP:
			o.pcap = optarg;
			break;
		case OPT_SCENARIO:
			given = true;
			o.scenario = optarg;
			break;
		case OPT_PLOT:
			o.plot = optarg;
			break;
		case OPT_TRACE:
			o.trace = true;
			break;
		case OPT_MPTCP:
			o.mptcp = true;
			break;
		case OPT_MAX:
			o.max = (unsigned int)strtoul(optarg, NULL, 10);
			break;
		case OPT_HELP:
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (!given || optind != argc) {
		fputs(usage, stderr);
		return 2;
	}
	rc = o.scenario != NULL ? run_scenario(&o) : o.one ? run_one(&o) : run_many(&o);
	frame_cache_free();
	return rc;
}
