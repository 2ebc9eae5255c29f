/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Replies of mpgate as tables. Which columns there are, from which member and in which unit is data
 * (struct field); only what is no plain list has code of its own.
 * One thread.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "show.h"
#include "table.h"
#include "units.h"

#define TEXT_LEN     1024
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

enum unit { AS_IS, BYTES, MS, PERCENT, YES_NO, HEX32 };

struct field {
	const char *title;
	const char *key;
	enum unit unit;
	bool right;
};

static void add(char *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Append to buf of TEXT_LEN octets what still fits. */
static void add(char *buf, const char *fmt, ...)
{
	size_t len = strlen(buf);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf + len, TEXT_LEN - len, fmt, ap);
	va_end(ap);
}

static void add_value(char *buf, const json_t *v, enum unit unit)
{
	char text[UNITS_STRLEN];
	const json_t *item;
	size_t i;

	if (json_is_array(v)) {
		json_array_foreach(v, i, item)
		{
			add(buf, "%s", i > 0 ? "," : "");
			add_value(buf, item, unit);
		}
	} else if (json_is_string(v)) {
		add(buf, "%s", json_string_value(v));
	} else if (json_is_boolean(v)) {
		add(buf, "%s", json_is_true(v) ? "yes" : "no");
	} else if (!json_is_number(v)) {
		add(buf, "-");
	} else if (unit == BYTES) {
		add(buf, "%s", units_bytes(json_number_value(v), text));
	} else if (unit == MS) {
		add(buf, "%s", units_duration(json_number_value(v), text));
	} else if (unit == PERCENT) {
		add(buf, "%.1f%%", json_number_value(v));
	} else if (unit == HEX32) {
		add(buf, "%08" PRIx32, (uint32_t)json_integer_value(v));
	} else if (json_is_real(v)) {
		add(buf, "%.1f", json_real_value(v));
	} else {
		add(buf, "%lld", (long long)json_integer_value(v));
	}
}

static struct table *list_table(const struct field *fields, unsigned int n)
{
	struct table *t = table_new(n);

	for (unsigned int i = 0; i < n; i++)
		table_column(t, i, fields[i].title, fields[i].right);
	return t;
}

static void list_row(struct table *t, const json_t *item, const struct field *fields,
		     unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		char text[TEXT_LEN] = "";

		add_value(text, json_object_get(item, fields[i].key), fields[i].unit);
		table_cell(t, text);
	}
}

static void print_list(const json_t *list, const struct field *fields, unsigned int n, FILE *out)
{
	struct table *t = list_table(fields, n);
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item) list_row(t, item, fields, n);
	table_print(t, out);
	table_free(t);
}

static void show_status(const json_t *d, bool all, FILE *out)
{
	static const struct field fields[] = {
		{"WORKER", "id", AS_IS, true},           {"CPU", "core", AS_IS, true},
		{"BUSY", "busy_percent", PERCENT, true}, {"POLLS", "polls", AS_IS, true},
		{"RX PKTS", "rx_pkts", AS_IS, true},     {"TX PKTS", "tx_pkts", AS_IS, true},
		{"CONNS", "connections", AS_IS, true},   {"SUBFLOWS", "subflows", AS_IS, true},
	};
	const json_t *memory = json_object_get(d, "memory");
	long long total = json_integer_value(json_object_get(memory, "mbufs_total"));
	long long left = json_integer_value(json_object_get(memory, "mbufs_free"));
	double up_ms = json_number_value(json_object_get(d, "uptime_s")) * 1000;
	const char *version = json_string_value(json_object_get(d, "version"));
	char up[UNITS_STRLEN];

	(void)all;
	fprintf(out, "mpgate %s, pid %lld, up %s%s\n", version != NULL ? version : "-",
		(long long)json_integer_value(json_object_get(d, "pid")), units_duration(up_ms, up),
		json_is_true(json_object_get(d, "draining")) ? ", draining" : "");
	fprintf(out, "packet buffers: %lld of %lld free", left, total);
	if (total > 0)
		fprintf(out, " (%.1f%%)", 100.0 * (double)left / (double)total);
	fprintf(out, "\n\n");
	print_list(json_object_get(d, "workers"), fields, ARRAY_LEN(fields), out);
}

static void show_ports(const json_t *d, bool all, FILE *out)
{
	static const struct field fields[] = {
		{"PORT", "name", AS_IS, false},
		{"LINK", "link", AS_IS, false},
		{"MTU", "mtu", AS_IS, true},
		{"MAC", "mac", AS_IS, false},
		{"RX PKTS", "rx_pkts", AS_IS, true},
		{"TX PKTS", "tx_pkts", AS_IS, true},
		{"RX BYTES", "rx_bytes", BYTES, true},
		{"TX BYTES", "tx_bytes", BYTES, true},
		{"RX MISSED", "rx_missed", AS_IS, true},
		{"RX ERR", "rx_errors", AS_IS, true},
		{"TX ERR", "tx_errors", AS_IS, true},
	};
	static const struct field neighbours[] = {
		{"NEIGHBOUR", "address", AS_IS, false},
		{"MAC", "mac", AS_IS, false},
		{"STATE", "state", AS_IS, false},
	};
	const json_t *port, *n;
	size_t i;

	(void)all;
	print_list(d, fields, ARRAY_LEN(fields), out);
	json_array_foreach(d, i, port)
	{
		char line[TEXT_LEN] = "";

		add_value(line, json_object_get(port, "name"), AS_IS);
		add(line, ": ");
		add_value(line, json_object_get(port, "device"), AS_IS);
		add(line, " ");
		add_value(line, json_object_get(port, "addresses"), AS_IS);
		fprintf(out, "\n%s\n", line);
		n = json_object_get(port, "neighbours");
		if (json_array_size(n) > 0)
			print_list(n, neighbours, ARRAY_LEN(neighbours), out);
	}
}

static void show_listeners(const json_t *d, bool all, FILE *out)
{
	static const struct field fields[] = {
		{"LISTENER", "name", AS_IS, false},       {"PORT", "port", AS_IS, true},
		{"MPTCP", "mptcp", YES_NO, false},        {"POOL", "pool", AS_IS, false},
		{"ACCEPTED", "accepted", AS_IS, true},    {"CONNS", "connections", AS_IS, true},
		{"ADDRESSES", "addresses", AS_IS, false},
	};

	(void)all;
	print_list(d, fields, ARRAY_LEN(fields), out);
}

static void show_connections(const json_t *d, bool all, FILE *out)
{
	static const struct field fields[] = {
		{"ID", "id", AS_IS, true},
		{"WORKER", "worker", AS_IS, true},
		{"LISTENER", "listener", AS_IS, false},
		{"TOKEN", "token", HEX32, false},
		{"MODE", "mode", AS_IS, false},
		{"STATE", "state", AS_IS, false},
		{"SUBFLOWS", "subflows", AS_IS, true},
		{"CLIENT", "client", AS_IS, false},
		{"SERVER", "server", AS_IS, false},
		{"RX", "rx_bytes", BYTES, true},
		{"TX", "tx_bytes", BYTES, true},
		{"AGE", "age_ms", MS, true},
	};

	(void)all;
	print_list(d, fields, ARRAY_LEN(fields), out);
}

static void add_key(char *note, const json_t *s, const char *key, const char *name)
{
	const json_t *v = json_object_get(s, key);

	if (v == NULL || json_is_null(v))
		return;
	add(note, " %s:", name);
	add_value(note, v, AS_IS);
}

/* The second line of a subflow, in the words of "ss -i". */
static void subflow_note(char *note, const json_t *s)
{
	static const char *const keys[][2] = {
		{"rto_ms", "rto"},
		{"mss", "mss"},
		{"pmtu", "pmtu"},
		{"cwnd", "cwnd"},
		{"ssthresh", "ssthresh"},
		{"bytes_sent", "bytes_sent"},
		{"bytes_received", "bytes_received"},
		{"unacked", "unacked"},
		{"retrans", "retrans"},
		{"snd_wnd", "snd_wnd"},
		{"rcv_wnd", "rcv_wnd"},
	};
	const char *leg = json_string_value(json_object_get(s, "leg"));
	const json_t *rtt = json_object_get(s, "rtt_us");

	add(note, "%s", leg != NULL ? leg : "-");
	if (json_is_number(rtt))
		add(note, " rtt:%.3f/%.3f", json_number_value(rtt) / 1000,
		    json_number_value(json_object_get(s, "rttvar_us")) / 1000);
	for (unsigned int i = 0; i < ARRAY_LEN(keys); i++)
		add_key(note, s, keys[i][0], keys[i][1]);
	if (json_is_true(json_object_get(s, "backup")))
		add(note, " backup");
	if (leg == NULL || strcmp(leg, "server") != 0) {
		add_key(note, s, "addr_id_local", "addr_id");
		add_key(note, s, "addr_id_remote", "addr_id_remote");
	}
	add_key(note, s, "conn", "conn");
	add_key(note, s, "worker", "worker");
}

static void show_subflows(const json_t *d, bool all, FILE *out)
{
	static const struct field fields[] = {
		{"State", "state", AS_IS, false},
		{"Unacked", "unacked", AS_IS, true},
		{"Local Address:Port", "local", AS_IS, false},
		{"Peer Address:Port", "remote", AS_IS, false},
	};
	struct table *t = list_table(fields, ARRAY_LEN(fields));
	const json_t *s;
	size_t i;

	(void)all;
	json_array_foreach(d, i, s)
	{
		char note[TEXT_LEN] = "";

		list_row(t, s, fields, ARRAY_LEN(fields));
		subflow_note(note, s);
		table_note(t, note);
	}
	table_print(t, out);
	table_free(t);
}

static void show_counters(const json_t *d, bool all, FILE *out)
{
	const json_t *workers = json_object_get(d, "workers"), *kinds = json_object_get(d, "kinds");
	const json_t *help = json_object_get(d, "help");
	const json_t *control = json_object_get(d, "control");
	json_t *total = json_object_get(d, "total");
	/* Of each worker, then of the control thread. With one worker the total says it all. */
	unsigned int n = (unsigned int)json_array_size(workers), parts, cols;
	struct table *t;
	const char *name;
	json_t *value;

	if (n == 1 || n > TABLE_COLUMNS_MAX - 5)
		n = 0;
	parts = n > 0 ? n + 1 : 0;
	cols = parts + 4;
	t = table_new(cols);
	table_column(t, 0, "COUNTER", false);
	table_column(t, 1, "TOTAL", true);
	for (unsigned int i = 0; i < n; i++) {
		char title[32];

		snprintf(title, sizeof(title), "WORKER %u", i);
		table_column(t, 2 + i, title, true);
	}
	if (parts > 0)
		table_column(t, 2 + n, "CONTROL", true);
	table_column(t, cols - 2, "KIND", false);
	table_column(t, cols - 1, "MEANING", false);
	json_object_foreach(total, name, value)
	{
		bool zero = json_integer_value(value) == 0;
		char text[TEXT_LEN] = "";

		for (unsigned int i = 0; i < parts; i++)
			zero = zero &&
			       json_integer_value(json_object_get(
				       i < n ? json_array_get(workers, i) : control, name)) == 0;
		if (zero && !all)
			continue;
		table_cell(t, name);
		add_value(text, value, AS_IS);
		table_cell(t, text);
		for (unsigned int i = 0; i < parts; i++) {
			text[0] = '\0';
			add_value(
				text,
				json_object_get(i < n ? json_array_get(workers, i) : control, name),
				AS_IS);
			table_cell(t, text);
		}
		table_cell(t, json_string_value(json_object_get(kinds, name)));
		table_cell(t, json_string_value(json_object_get(help, name)));
	}
	if (table_rows(t) > 0)
		table_print(t, out);
	else
		fprintf(out, "every counter is 0 (--all shows them)\n");
	table_free(t);
}

static const struct {
	const char *what;
	void (*print)(const json_t *data, bool all, FILE *out);
} shows[] = {
	{"status", show_status},       {"ports", show_ports},
	{"listeners", show_listeners}, {"connections", show_connections},
	{"subflows", show_subflows},   {"counters", show_counters},
};

bool show_known(const char *what)
{
	for (size_t i = 0; i < ARRAY_LEN(shows); i++)
		if (strcmp(shows[i].what, what) == 0)
			return true;
	return false;
}

void show_print(const char *what, const json_t *data, bool all, FILE *out)
{
	for (size_t i = 0; i < ARRAY_LEN(shows); i++)
		if (strcmp(shows[i].what, what) == 0)
			shows[i].print(data, all, out);
}

void show_missing(const json_t *reply, FILE *out)
{
	size_t n = json_array_size(json_object_get(reply, "data")), i;
	const json_t *worker;

	if (json_is_true(json_object_get(reply, "truncated")))
		fprintf(out, "(%zu shown, more exist%s)\n", n,
			n < CTL_SHOW_ENTRIES_MAX ? ": --limit" : "");
	json_array_foreach(json_object_get(reply, "silent_workers"), i, worker)
		fprintf(out, "(worker %lld has not answered: what it has is not shown)\n",
			(long long)json_integer_value(worker));
}

json_t *show_json(const char *what, const json_t *reply)
{
	static const char *const missing[] = {"truncated", "silent_workers"};
	json_t *data = json_object_get(reply, "data"), *doc = NULL;

	for (size_t i = 0; i < ARRAY_LEN(missing); i++) {
		json_t *v = json_object_get(reply, missing[i]);

		if (v == NULL)
			continue;
		if (doc == NULL)
			doc = json_pack("{s:O}", what, data);
		json_object_set(doc, missing[i], v);
	}
	return doc != NULL ? doc : json_incref(data);
}
