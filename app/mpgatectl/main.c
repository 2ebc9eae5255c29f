/* SPDX-License-Identifier: BSD-3-Clause
 *
 * mpgatectl: the operator's command. Reads its arguments, asks mpgate over the control socket,
 * prints. Exit code 0: done; 1: mpgate could not be asked or is not idle; 2: wrong arguments.
 */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "idle.h"
#include "show.h"

#ifndef MPGATE_VERSION
#define MPGATE_VERSION "unknown"
#endif

#define IDLE_POLL_S 0.1

#define TEXT_OF(macro)  TEXT_OF_(macro)
#define TEXT_OF_(value) #value
#define LIMIT_DEFAULT   TEXT_OF(CTL_SHOW_ENTRIES)
#define LIMIT_MAX       TEXT_OF(CTL_SHOW_ENTRIES_MAX)

enum { OPT_TIME_WAIT = 256, OPT_LIMIT };

struct options {
	const char *socket;
	bool json, all, time_wait;
	double watch_s, timeout_s;
	long limit;
};

static const char usage[] =
	"usage: mpgatectl [OPTIONS] show WHAT\n"
	"       mpgatectl [OPTIONS] wait idle\n"
	"\n"
	"Ask a running mpgate.\n"
	"\n"
	"show WHAT:\n"
	"  status        version, workers and their load, packet buffers\n"
	"  ports         link, addresses, packets and errors, neighbours\n"
	"  listeners     what is served, and how many connections were accepted\n"
	"  connections   each client connection with its server\n"
	"  subflows      each TCP connection in the form of ss -Mi: rtt, cwnd, octets\n"
	"  counters      all that happened, drop reasons, levels of pools and tables\n"
	"\n"
	"wait idle       wait until nothing is held: no connection, no table entry, no\n"
	"                timer, no packet buffer; what is in TIME_WAIT may be left\n"
	"\n"
	"  -s, --socket PATH      control socket of mpgate [" CLIENT_SOCKET "]\n"
	"  -j, --json             print JSON\n"
	"  -a, --all              what is in TIME_WAIT and counters that are 0 as well\n"
	"  -w, --watch SECONDS    show again and again\n"
	"      --limit N          at most N connections or subflows [" LIMIT_DEFAULT "]\n"
	"  -t, --timeout SECONDS  of wait [10]\n"
	"      --time-wait        wait for TIME_WAIT to end, too\n"
	"  -h, --help             this text\n"
	"  -V, --version          the version\n"
	"\n"
	"Exit code: 0 done, 1 mpgate could not be asked or is not idle, 2 wrong arguments.\n";

static int misuse(const char *fmt, const char *what)
{
	fputs("mpgatectl: ", stderr);
	/* fmt is one of the few below */
	fprintf(stderr, fmt, what);
	fputs("\nTry mpgatectl --help.\n", stderr);
	return 2;
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void sleep_s(double s)
{
	struct timespec t = {.tv_sec = (time_t)s};

	t.tv_nsec = (long)((s - (double)t.tv_sec) * 1e9);
	while (nanosleep(&t, &t) != 0 && errno == EINTR)
		;
}

static json_t *ask_show(const struct options *o, const char *what, char *why)
{
	json_t *request = json_pack("{s:s, s:s}", "cmd", "show", "what", what), *reply;

	if (o->limit > 0)
		json_object_set_new(request, "limit", json_integer(o->limit));
	if (o->all)
		json_object_set_new(request, "all", json_true());
	reply = client_ask(o->socket, request, why);
	json_decref(request);
	return reply;
}

static int show_once(const struct options *o, const char *what, bool clear)
{
	char why[CLIENT_WHY_LEN];
	json_t *reply = ask_show(o, what, why), *doc;

	if (reply == NULL) {
		fprintf(stderr, "mpgatectl: %s\n", why);
		return 1;
	}
	/* Only now: an error leaves what was shown before. */
	if (clear)
		fputs("\033[H\033[2J", stdout);
	if (o->json) {
		doc = show_json(what, reply);
		json_dumpf(doc, stdout,
			   (o->watch_s > 0 ? JSON_COMPACT : JSON_INDENT(2)) | JSON_ENCODE_ANY);
		fputc('\n', stdout);
		json_decref(doc);
	} else {
		show_print(what, json_object_get(reply, "data"), o->all, stdout);
		show_missing(reply, stdout);
	}
	json_decref(reply);
	return fflush(stdout) == 0 ? 0 : 1;
}

static int do_show(const struct options *o, const char *what)
{
	bool clear = o->watch_s > 0 && !o->json && isatty(STDOUT_FILENO);
	int rc;

	for (;;) {
		rc = show_once(o, what, clear);
		if (rc != 0 || o->watch_s <= 0)
			return rc;
		sleep_s(o->watch_s);
		if (!clear && !o->json)
			fputc('\n', stdout);
	}
}

static int do_wait_idle(const struct options *o)
{
	char why[CLIENT_WHY_LEN], left[2048];
	double end = now_s() + o->timeout_s;
	bool idle;

	do {
		json_t *reply = ask_show(o, "counters", why);

		if (reply == NULL) {
			fprintf(stderr, "mpgatectl: %s\n", why);
			return 1;
		}
		idle = idle_check(json_object_get(reply, "data"), o->time_wait, left, sizeof(left));
		json_decref(reply);
		if (!idle && now_s() < end)
			sleep_s(IDLE_POLL_S);
	} while (!idle && now_s() < end);
	if (o->json)
		printf("{\"idle\": %s}\n", idle ? "true" : "false");
	if (!idle)
		fprintf(stderr, "mpgatectl: not idle after %g s: %s\n", o->timeout_s, left);
	return idle ? 0 : 1;
}

/* A number from min up to max, or false. */
static bool parse_seconds(const char *s, double min, double max, double *v)
{
	char *end;

	*v = strtod(s, &end);
	return end != s && *end == '\0' && isfinite(*v) && *v >= min && *v <= max;
}

/* Returns -1 to go on, else the exit code. */
static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{"socket", required_argument, NULL, 's'},
		{"json", no_argument, NULL, 'j'},
		{"all", no_argument, NULL, 'a'},
		{"watch", required_argument, NULL, 'w'},
		{"limit", required_argument, NULL, OPT_LIMIT},
		{"timeout", required_argument, NULL, 't'},
		{"time-wait", no_argument, NULL, OPT_TIME_WAIT},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0},
	};
	char *end;
	int c;

	while ((c = getopt_long(argc, argv, "s:jaw:t:hV", longs, NULL)) != -1) {
		switch (c) {
		case 's':
			o->socket = optarg;
			break;
		case 'j':
			o->json = true;
			break;
		case 'a':
			o->all = true;
			break;
		case 'w':
			if (!parse_seconds(optarg, 0.05, 86400, &o->watch_s))
				return misuse("--watch %s: give seconds, 0.05 to 86400", optarg);
			break;
		case 't':
			if (!parse_seconds(optarg, 0, 86400, &o->timeout_s))
				return misuse("--timeout %s: give seconds, 0 to 86400", optarg);
			break;
		case OPT_LIMIT:
			o->limit = strtol(optarg, &end, 10);
			if (*end != '\0' || o->limit < 1 || o->limit > CTL_SHOW_ENTRIES_MAX)
				return misuse("--limit %s: give a number from 1 to " LIMIT_MAX,
					      optarg);
			break;
		case OPT_TIME_WAIT:
			o->time_wait = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		case 'V':
			puts("mpgatectl " MPGATE_VERSION);
			return 0;
		default: /* getopt has said what */
			fputs("Try mpgatectl --help.\n", stderr);
			return 2;
		}
	}
	return -1;
}

int main(int argc, char **argv)
{
	struct options o = {.socket = CLIENT_SOCKET, .timeout_s = 10};
	int rc = parse_options(argc, argv, &o);
	int n = argc - optind;
	const char *cmd, *what;

	if (rc >= 0)
		return rc;
	if (n == 0) {
		fputs(usage, stderr);
		return 2;
	}
	cmd = argv[optind];
	what = n > 1 ? argv[optind + 1] : "";
	if (n > 2)
		return misuse("'%s' is one argument too many", argv[optind + 2]);
	if (strcmp(cmd, "show") == 0) {
		if (!show_known(what))
			return misuse(
				n > 1 ? "nothing called '%s' can be shown: say status, ports, "
					"listeners, connections, subflows or counters"
				      : "show what%s? Say status, ports, listeners, connections, "
					"subflows or counters",
				what);
		return do_show(&o, what);
	}
	if (strcmp(cmd, "wait") == 0) {
		if (strcmp(what, "idle") != 0)
			return misuse("'%s' is nothing to wait for: say wait idle", what);
		return do_wait_idle(&o);
	}
	return misuse("no command is called '%s': say show or wait", cmd);
}
