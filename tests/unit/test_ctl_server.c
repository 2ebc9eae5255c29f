/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The control socket under friendly and hostile clients: split and joined lines, lines without end,
 * clients that never read, that leave in the middle, that come in crowds, that sleep. Then what
 * ctl_show.c answers, with made-up workers.
 * Server and clients share one thread: no call of the server may block, or the test would hang.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* with its static parts; what it calls is made up below */
#include "ctl_show.c"

#define BIG_OCTETS (4 * 1024 * 1024)

static char dir[] = "/tmp/mpgate-ctl-XXXXXX";
static char path[64];
static struct ctl_server *srv;
static unsigned int calls;

static json_t *say_status(void *arg, const json_t *params, json_t *reply)
{
	json_int_t limit = json_integer_value(json_object_get(params, "limit"));

	calls++;
	return json_pack("{s:s, s:I}", "version", (const char *)arg, "limit", limit);
}

static json_t *say_big(void *arg, const json_t *params, json_t *reply)
{
	char *text = malloc(BIG_OCTETS + 1);
	json_t *data;

	(void)arg;
	(void)params;
	assert_non_null(text);
	memset(text, 'x', BIG_OCTETS);
	text[BIG_OCTETS] = '\0';
	data = json_string(text);
	free(text);
	return data;
}

static json_t *say_none(void *arg, const json_t *params, json_t *reply)
{
	(void)arg;
	(void)params;
	return NULL;
}

/* A list that goes over the limit of one reply. */
static json_t *say_huge(void *arg, const json_t *params, json_t *reply)
{
	json_t *list = json_array(), *big = say_big(NULL, NULL, NULL);

	(void)arg;
	(void)params;
	for (unsigned int i = 0; i <= CTL_REPLY_MAX / BIG_OCTETS; i++)
		json_array_append(list, big);
	json_decref(big);
	return list;
}

static int set_up(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "%s/s", dir);
	calls = 0;
	if (ctl_server_init(&srv, path) != 0)
		return -1;
	return ctl_server_register(srv, "status", say_status, "1.2") |
	       ctl_server_register(srv, "big", say_big, NULL) |
	       ctl_server_register(srv, "huge", say_huge, NULL) |
	       ctl_server_register(srv, "none", say_none, NULL);
}

static int tear_down(void **state)
{
	(void)state;
	ctl_server_close(srv);
	srv = NULL;
	return access(path, F_OK) == 0 ? -1 : 0;
}

static int try_dial(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	strcpy(a.sun_path, path);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	close(fd);
	return -1;
}

static void pump(unsigned int rounds)
{
	while (rounds-- > 0)
		assert_int_equal(ctl_server_poll(srv, 0), 0);
}

static int dial(void)
{
	int fd = try_dial();

	assert_true(fd >= 0);
	pump(1);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* The next line into buf, "" when there is none after some rounds, NULL when the server closed. */
static const char *hear(int fd, char *buf, size_t size)
{
	size_t len = 0;

	for (unsigned int round = 0; round < 50 && len + 1 < size;) {
		ssize_t n = recv(fd, buf + len, 1, 0);

		if (n == 0 || (n < 0 && errno != EAGAIN))
			return NULL;
		if (n < 0) {
			pump(1);
			round++;
		} else if (buf[len++] == '\n') {
			buf[len - 1] = '\0';
			return buf;
		}
	}
	buf[len] = '\0';
	return buf;
}

static void expect(int fd, const char *want)
{
	char buf[8192];
	const char *got = hear(fd, buf, sizeof(buf));

	assert_non_null(got);
	if (strstr(got, want) == NULL)
		fail_msg("'%s' is not in '%s'", want, got);
}

static void expect_closed(int fd)
{
	char buf[64];

	assert_null(hear(fd, buf, sizeof(buf)));
	close(fd);
}

#define STATUS "{\"cmd\":\"show\",\"what\":\"status\"}\n"
#define BIG    "{\"cmd\":\"show\",\"what\":\"big\"}\n"

static void test_good(void **state)
{
	struct stat st;
	int fd;

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	fd = dial();
	say(fd, STATUS);
	expect(fd, "{\"ok\":true,\"data\":{\"version\":\"1.2\",\"limit\":0}}");
	say(fd, "{\"cmd\":\"show\",\"what\":\"status\",\"limit\":7}\n");
	expect(fd, "\"limit\":7");
	assert_int_equal(ctl_server_clients(srv), 1);
	close(fd);
	pump(1);
	assert_int_equal(ctl_server_clients(srv), 0);
	assert_int_equal(ctl_server_register(srv, "status", say_none, NULL), -EEXIST);
}

static void test_bad_requests(void **state)
{
	static const char *const bad[][2] = {
		{"\n", "not JSON"},
		{"hello\n", "not JSON"},
		{"{\n", "not JSON"},
		{"{\"cmd\":\"show\",\"cmd\":\"show\"}\n", "not JSON"},
		{"{\"cmd\":\"\\u0000\"}\n", "not JSON"},
		{"\xff\xfe\n", "not JSON"},
		{"[]\n", "an object with"},
		{"17\n", "not JSON"},
		{"{}\n", "an object with"},
		{"{\"cmd\":1}\n", "an object with"},
		{"{\"cmd\":\"stop\"}\n", "no command is called 'stop'"},
		{"{\"cmd\":\"\xc3\xa4\"}\n", "no command is called '"},
		{"{\"cmd\":\"show\"}\n", "needs"},
		{"{\"cmd\":\"show\",\"what\":[]}\n", "needs"},
		{"{\"cmd\":\"show\",\"what\":\"x\"}\n", "nothing called 'x' can be shown"},
		{"{\"cmd\":\"show\",\"what\":\"none\"}\n", "no data for 'none'"},
	};
	int fd;

	(void)state;
	fd = dial();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		say(fd, bad[i][0]);
		expect(fd, bad[i][1]);
	}
	say(fd, STATUS);
	expect(fd, "\"ok\":true");
	close(fd);
}

static void test_partial_and_joined_lines(void **state)
{
	int fd = dial();

	(void)state;
	for (const char *c = STATUS; *c != '\0'; c++) {
		char one[2] = {*c, '\0'};

		say(fd, one);
		pump(1);
		assert_int_equal(calls, *c == '\n');
	}
	expect(fd, "\"ok\":true");
	say(fd, STATUS STATUS STATUS "{\"cmd\"");
	for (int i = 0; i < 3; i++)
		expect(fd, "\"ok\":true");
	assert_int_equal(calls, 4);
	/* The end of the requests: what was asked is answered, the rest is no request. */
	say(fd, ":\"show\",\"what\":\"status\"}\n" STATUS "{\"cmd");
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	expect(fd, "\"ok\":true");
	expect(fd, "\"ok\":true");
	expect_closed(fd);
	assert_int_equal(calls, 6);
}

static void test_line_without_end(void **state)
{
	char line[CTL_REQUEST_MAX + 1];
	int fd = dial();

	(void)state;
	memset(line, ' ', sizeof(line));
	/* The longest that is allowed */
	memcpy(line, STATUS, strlen(STATUS) - 1);
	line[CTL_REQUEST_MAX - 1] = '\n';
	assert_int_equal(send(fd, line, CTL_REQUEST_MAX, 0), CTL_REQUEST_MAX);
	expect(fd, "\"ok\":true");
	line[CTL_REQUEST_MAX - 1] = ' ';
	line[CTL_REQUEST_MAX] = '\n';
	assert_int_equal(send(fd, line, CTL_REQUEST_MAX + 1, 0), CTL_REQUEST_MAX + 1);
	expect(fd, "at most");
	expect_closed(fd);
	assert_int_equal(ctl_server_clients(srv), 0);
}

/* A client that asks for much and does not read is neither waited for nor asked again. */
static void test_slow_reader(void **state)
{
	int fd = dial(), other;
	size_t got = 0;
	char buf[65536];

	(void)state;
	for (int i = 0; i < 100; i++)
		say(fd, BIG);
	pump(200);
	other = dial();
	say(other, STATUS);
	expect(other, "\"ok\":true");
	close(other);
	for (int i = 0; i < 100000 && got < BIG_OCTETS + 100; i++) {
		ssize_t n = recv(fd, buf, sizeof(buf), 0);

		if (n > 0)
			got += (size_t)n;
		else
			pump(1);
	}
	assert_true(got >= BIG_OCTETS + 100);
	/* It leaves in the middle of the next reply. */
	close(fd);
	pump(3);
	assert_int_equal(ctl_server_clients(srv), 0);
	other = dial();
	say(other, STATUS);
	expect(other, "\"ok\":true");
	close(other);
}

static void test_reply_over_limit(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, "{\"cmd\":\"show\",\"what\":\"huge\"}\n");
	expect(fd, "ask for less");
	say(fd, STATUS);
	expect(fd, "\"ok\":true");
	close(fd);
}

/* Time stands still, however busy the machine is, until it is moved on. */
static int64_t still_ms;

static int64_t still_clock(void)
{
	return still_ms;
}

static void test_many_clients(void **state)
{
	int fd[CTL_CLIENTS_MAX], late;
	char buf[256];

	(void)state;
	ctl_server_set_clock(srv, still_clock);
	for (int i = 0; i < CTL_CLIENTS_MAX; i++)
		fd[i] = dial();
	assert_int_equal(ctl_server_clients(srv), CTL_CLIENTS_MAX);
	late = dial();
	expect(late, "too many clients");
	expect_closed(late);
	for (int i = 0; i < CTL_CLIENTS_MAX; i++) {
		say(fd[i], STATUS);
		expect(fd[i], "\"ok\":true");
	}
	/* All sleep: the one that has slept longest makes room. */
	still_ms += 1000;
	for (int i = 1; i < CTL_CLIENTS_MAX; i++) {
		say(fd[i], STATUS);
		expect(fd[i], "\"ok\":true");
	}
	late = dial();
	say(late, STATUS);
	expect(late, "\"ok\":true");
	assert_null(hear(fd[0], buf, sizeof(buf)));
	assert_int_equal(ctl_server_clients(srv), CTL_CLIENTS_MAX);
	for (int i = 0; i < CTL_CLIENTS_MAX; i++)
		close(fd[i]);
	close(late);
	pump(2);
	assert_int_equal(ctl_server_clients(srv), 0);
}

static void test_idle(void **state)
{
	int silent, dripping, deaf;

	(void)state;
	ctl_server_set_clock(srv, still_clock);
	ctl_server_set_idle(srv, 100);
	silent = dial();
	dripping = dial();
	deaf = dial();
	say(deaf, BIG);
	for (int i = 0; i < 5; i++) {
		/* Single octets are no progress. */
		send(dripping, "x", 1, MSG_NOSIGNAL);
		pump(2);
		assert_int_equal(ctl_server_clients(srv), 3);
		still_ms += 20;
	}
	pump(2);
	assert_int_equal(ctl_server_clients(srv), 0);
	expect_closed(silent);
	close(dripping);
	close(deaf);
	/* The wait ends when there is something to close, not later. */
	ctl_server_set_clock(srv, NULL);
	silent = dial();
	for (int i = 0; i < 20 && ctl_server_clients(srv) > 0; i++)
		assert_int_equal(ctl_server_poll(srv, 60000), 0);
	assert_int_equal(ctl_server_clients(srv), 0);
	close(silent);
}

static void test_random_octets(void **state)
{
	unsigned int seed = 7;

	(void)state;
	for (int round = 0; round < 300; round++) {
		int fd = dial();

		for (int i = rand_r(&seed) % 4; i >= 0; i--) {
			char buf[3000];
			size_t len = (size_t)rand_r(&seed) % sizeof(buf);

			for (size_t k = 0; k < len; k++)
				buf[k] =
					"{}[]\":,\n\\u0tf1cmdshow \xff"[(size_t)rand_r(&seed) % 23];
			send(fd, buf, len, MSG_NOSIGNAL);
			pump(1);
		}
		close(fd);
	}
	pump(10);
	assert_int_equal(ctl_server_clients(srv), 0);
}

static void test_socket_file(void **state)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct ctl_server *second;
	char other[80], longer[200];
	FILE *f;
	int fd;

	(void)state;
	assert_int_equal(ctl_server_init(&second, path), -EADDRINUSE);
	fd = dial(); /* and the first still lives */
	say(fd, STATUS);
	pump(3);
	expect(fd, "\"ok\":true");
	close(fd);
	/* A socket whose process has died */
	snprintf(other, sizeof(other), "%s/stale", dir);
	strcpy(a.sun_path, other);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	close(fd);
	assert_int_equal(ctl_server_init(&second, other), 0);
	/* One that was replaced by somebody else's file is not removed. */
	unlink(other);
	f = fopen(other, "w");
	assert_non_null(f);
	fclose(f);
	ctl_server_close(second);
	assert_int_equal(access(other, F_OK), 0);
	assert_int_equal(ctl_server_init(&second, other), -EEXIST);
	unlink(other);
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(ctl_server_init(&second, longer), -ENAMETOOLONG);
	assert_int_equal(ctl_server_init(&second, ""), -ENAMETOOLONG);
	snprintf(other, sizeof(other), "%s/none/s", dir);
	assert_int_equal(ctl_server_init(&second, other), -ENOENT);
	ctl_server_close(NULL);
}

/* --- show connections and subflows ---------------------------------------------------------------- */

/* What each made-up worker has; its connections are all alike, but every second one is over. */
static struct {
	uint32_t conns;
	uint8_t subflows;
	bool half_over, silent;
} fake[CFG_WORKERS_MAX];

static struct config cfg;
static struct app app;

const char *const conn_state_name[CONN_STATE_MAX] = {
	[CONN_ESTABLISHED] = "established", [CONN_TIME_WAIT] = "time-wait"};
const char *const tcp_state_name[TCPS_MAX] = {
	[TCPS_ESTABLISHED] = "ESTAB", [TCPS_TIME_WAIT] = "TIME-WAIT"};
const struct counter_desc counter_desc[CTR_MAX];

const char *ip_addr_str(const struct ip_addr *a, char *buf)
{
	(void)a;
	return strcpy(buf, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
}

uint64_t app_now_us(void)
{
	return 0;
}

uint32_t relay_count(const struct worker *w)
{
	(void)w;
	return 0;
}

const struct relay *relay_of(const struct conn *c)
{
	(void)c;
	return NULL;
}

bool port_link_up(const struct port *p)
{
	(void)p;
	return false;
}

uint32_t neigh_dump(const struct neigh *n, struct neigh_info *out, uint32_t max, uint64_t now_us)
{
	(void)n;
	(void)out;
	(void)max;
	(void)now_us;
	return 0;
}

int worker_call(struct worker *w, void (*fn)(struct worker *w, void *arg), void *arg,
		uint32_t timeout_ms)
{
	(void)timeout_ms;
	if (fake[w->index].silent)
		return -ETIMEDOUT;
	fn(w, arg);
	return 0;
}

/* Entries as long as they can be. */
uint32_t conn_dump(struct mptcp *mp, uint32_t *cursor, uint32_t budget, struct conn_info *out,
		   uint32_t max)
{
	uint16_t i = worker_of_mptcp(mp)->index;
	bool over = fake[i].half_over && *cursor % 2 == 1;

	(void)budget;
	(void)max;
	memset(out, 0xff, sizeof(*out));
	out->id = (*cursor)++;
	out->state = over ? CONN_TIME_WAIT : CONN_ESTABLISHED;
	out->mode = CONN_FALLBACK;
	out->listener = 0;
	out->active = false;
	out->bytes_sent = out->bytes_received = INT64_MAX;
	out->n_subflows = fake[i].subflows;
	for (unsigned int s = 0; s < fake[i].subflows; s++) {
		struct subflow_info *f = &out->subflow[s];

		f->tcp_state = over ? TCPS_TIME_WAIT : TCPS_ESTABLISHED;
		f->backup = f->stale = false;
		f->ssthresh--;
		f->bytes_sent = f->bytes_received = INT64_MAX;
	}
	return 1;
}

static int show_set_up(void **state)
{
	memset(fake, 0, sizeof(fake));
	memset(cfg.listeners[0].name, '"', CFG_NAME_MAX - 1);
	app = (struct app){.cfg = &cfg, .n_workers = 3};
	for (uint16_t i = 0; i < app.n_workers; i++) {
		app.workers[i] = calloc(1, sizeof(struct worker));
		if (app.workers[i] == NULL)
			return -1;
		app.workers[i]->index = i;
	}
	if (set_up(state) != 0)
		return -1;
	ctl_show_register(srv, &app);
	return 0;
}

static int show_tear_down(void **state)
{
	for (uint16_t i = 0; i < app.n_workers; i++)
		free(app.workers[i]);
	return tear_down(state);
}

/* The whole reply to "show what" with these further members, however long. */
static json_t *ask(const char *what, const char *members)
{
	size_t size = CTL_REPLY_MAX + 1, len = 0;
	char *text = malloc(size), line[256];
	json_t *reply;
	int fd = dial();

	assert_non_null(text);
	for (uint16_t i = 0; i < app.n_workers; i++)
		app.workers[i]->mp.conns.n = fake[i].conns;
	snprintf(line, sizeof(line), "{\"cmd\":\"show\",\"what\":\"%s\"%s}\n", what, members);
	say(fd, line);
	while (len == 0 || text[len - 1] != '\n') {
		ssize_t n = recv(fd, text + len, size - len, 0);

		assert_int_not_equal(n, 0);
		if (n > 0)
			len += (size_t)n;
		else
			pump(1);
	}
	close(fd);
	reply = json_loadb(text, len, 0, NULL);
	free(text);
	assert_non_null(reply);
	return reply;
}

/* How many entries there are in a reply, of one worker or (worker < 0) of all. */
static size_t entries(const json_t *reply, int worker)
{
	const json_t *entry;
	size_t i, n = 0;

	assert_true(json_is_true(json_object_get(reply, "ok")));
	json_array_foreach(json_object_get(reply, "data"), i, entry) n +=
		worker < 0 || json_integer_value(json_object_get(entry, "worker")) == worker;
	return n;
}

static void expect_entries(const char *what, const char *members, size_t n, bool truncated)
{
	json_t *reply = ask(what, members);

	assert_int_equal(entries(reply, -1), n);
	assert_int_equal(json_is_true(json_object_get(reply, "truncated")), truncated);
	json_decref(reply);
}

static void test_show_limit(void **state)
{
	(void)state;
	fake[0].conns = 5000;
	fake[0].subflows = 2;
	expect_entries("connections", ",\"limit\":7", 7, true);
	expect_entries("subflows", ",\"limit\":7", 7, true);
	expect_entries("connections", "", CTL_SHOW_ENTRIES, true);
	expect_entries("connections", ",\"limit\":4999", 4999, true);
	expect_entries("connections", ",\"limit\":5000", 5000, false);
	expect_entries("subflows", ",\"limit\":9999", 9999, true);
	expect_entries("subflows", ",\"limit\":1000000000", 10000, false);
	expect_entries("subflows", ",\"limit\":-1", CTL_SHOW_ENTRIES, true);
}

/* The longest list that can be had; with the longest entries it is no longer than a reply may be. */
static void test_show_most(void **state)
{
	char limit[64];

	(void)state;
	snprintf(limit, sizeof(limit), ",\"limit\":%d", CTL_SHOW_ENTRIES_MAX);
	fake[1].conns = CTL_SHOW_ENTRIES_MAX + 1;
	fake[1].subflows = 1;
	expect_entries("connections", limit, CTL_SHOW_ENTRIES_MAX, true);
	expect_entries("subflows", ",\"limit\":1000000000", CTL_SHOW_ENTRIES_MAX, true);
}

static void test_show_time_wait(void **state)
{
	(void)state;
	fake[0].conns = 10;
	fake[0].subflows = 1;
	fake[0].half_over = true;
	expect_entries("connections", "", 5, false);
	expect_entries("subflows", "", 5, false);
	expect_entries("connections", ",\"all\":true", 10, false);
	expect_entries("subflows", ",\"all\":true", 10, false);
	/* What is not asked for is not missing either. */
	expect_entries("subflows", ",\"limit\":5", 5, false);
	expect_entries("subflows", ",\"limit\":5,\"all\":true", 5, true);
}

static void test_show_workers(void **state)
{
	json_t *reply;

	(void)state;
	for (int i = 0; i < 3; i++) {
		fake[i].conns = i == 1 ? 5 : 1000;
		fake[i].subflows = 1;
	}
	/* No worker takes the place of the others, and none leaves any unused. */
	reply = ask("subflows", ",\"limit\":300");
	assert_int_equal(entries(reply, -1), 300);
	assert_int_equal(entries(reply, 1), 5);
	assert_in_range(entries(reply, 0), 147, 148);
	assert_true(json_is_true(json_object_get(reply, "truncated")));
	assert_null(json_object_get(reply, "silent_workers"));
	json_decref(reply);
	/* One that does not answer is named. */
	fake[2].silent = true;
	reply = ask("connections", "");
	assert_int_equal(entries(reply, -1), 1005);
	assert_null(json_object_get(reply, "truncated"));
	assert_int_equal(json_array_size(json_object_get(reply, "silent_workers")), 1);
	assert_int_equal(
		json_integer_value(json_array_get(json_object_get(reply, "silent_workers"), 0)), 2);
	json_decref(reply);
}

static int group_set_up(void **state)
{
	(void)state;
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int group_tear_down(void **state)
{
	(void)state;
	return rmdir(dir);
}

#define TEST(fn)      cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
#define SHOW_TEST(fn) cmocka_unit_test_setup_teardown(fn, show_set_up, show_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_good),
		TEST(test_bad_requests),
		TEST(test_partial_and_joined_lines),
		TEST(test_line_without_end),
		TEST(test_slow_reader),
		TEST(test_reply_over_limit),
		TEST(test_many_clients),
		TEST(test_idle),
		TEST(test_random_octets),
		TEST(test_socket_file),
		SHOW_TEST(test_show_limit),
		SHOW_TEST(test_show_most),
		SHOW_TEST(test_show_time_wait),
		SHOW_TEST(test_show_workers),
	};

	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
