/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What mpgatectl prints: tables, units, replies with members missing, and when mpgate is idle.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "idle.h"
#include "show.h"
#include "table.h"
#include "units.h"

static void test_units(void **state)
{
	char b[UNITS_STRLEN];

	(void)state;
	assert_string_equal(units_bytes(0, b), "0 B");
	assert_string_equal(units_bytes(1023, b), "1023 B");
	assert_string_equal(units_bytes(1024, b), "1.0 KiB");
	assert_string_equal(units_bytes(1536, b), "1.5 KiB");
	assert_string_equal(units_bytes(268435456, b), "256 MiB");
	assert_string_equal(units_bytes(1048575, b), "1.0 MiB");
	assert_string_equal(units_bytes(1e19, b), "8.7 EiB");
	assert_string_equal(units_duration(0, b), "0ms");
	assert_string_equal(units_duration(999, b), "999ms");
	assert_string_equal(units_duration(59999, b), "59.9s");
	assert_string_equal(units_duration(60000, b), "1m00s");
	assert_string_equal(units_duration(7384000, b), "2h03m");
	assert_string_equal(units_duration(90000000.0, b), "1d01h");
}

static void test_table(void **state)
{
	struct table *t = table_new(3);
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	table_column(t, 0, "NAME", false);
	table_column(t, 1, "N", true);
	table_column(t, 2, "TEXT", false);
	table_cell(t, "longer");
	table_cell(t, "1");
	table_cell(t, "");
	table_cell(t, "x");
	table_cell(t, "1000");
	table_cell(t, "y");
	table_note(t, "a note");
	assert_int_equal(table_rows(t), 2);
	table_print(t, f);
	fclose(f);
	assert_string_equal(text, "NAME       N  TEXT\n"
				  "longer     1  -\n"
				  "x       1000  y\n"
				  "\ta note\n");
	free(text);
	table_free(t);
}

/* What "show what" prints for a reply, to be freed. */
static char *shown(const char *what, const char *json, bool all)
{
	json_t *data = json_loads(json, 0, NULL);
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(data);
	assert_true(show_known(what));
	show_print(what, data, all, f);
	fclose(f);
	json_decref(data);
	return text;
}

static void expect(const char *what, const char *json, bool all, const char *want)
{
	char *text = shown(what, json, all);

	if (strstr(text, want) == NULL)
		fail_msg("'%s' is not in:\n%s", want, text);
	free(text);
}

static void test_show(void **state)
{
	static const char counters[] =
		"{\"total\":{\"RxPkts\":12,\"DropArp\":0},\"workers\":[{\"RxPkts\":12,\"DropArp\":0}],"
		"\"kinds\":{\"RxPkts\":\"event\",\"DropArp\":\"drop\"},"
		"\"help\":{\"RxPkts\":\"packets received\",\"DropArp\":\"malformed ARP\"}}";
	char *text;

	(void)state;
	expect("status",
	       "{\"version\":\"1.0\",\"pid\":7,\"uptime_s\":61,\"draining\":true,"
	       "\"memory\":{\"mbufs_total\":200,\"mbufs_free\":150},"
	       "\"workers\":[{\"id\":0,\"core\":1,\"busy_percent\":12.34}]}",
	       false,
	       "mpgate 1.0, pid 7, up 1m01s, draining\npacket buffers: 150 of 200 free (75.0%)\n");
	expect("subflows",
	       "[{\"conn\":3,\"worker\":0,\"local\":\"10.1.0.1:80\",\"remote\":\"10.1.0.2:999\","
	       "\"state\":\"ESTAB\",\"addr_id_local\":0,\"addr_id_remote\":2,\"backup\":true,"
	       "\"rtt_us\":1500,\"rttvar_us\":250,\"rto_ms\":204,\"cwnd\":10,\"ssthresh\":7,"
	       "\"mss\":1428,\"unacked\":5,\"retrans\":0,\"bytes_sent\":100,\"leg\":\"client\"}]",
	       false,
	       "ESTAB        5  10.1.0.1:80         10.1.0.2:999\n"
	       "\tclient rtt:1.500/0.250 rto:204 mss:1428 cwnd:10 ssthresh:7 bytes_sent:100 "
	       "unacked:5 retrans:0 backup addr_id:0 addr_id_remote:2 conn:3 worker:0\n");
	expect("connections", "[{\"id\":1,\"token\":255,\"rx_bytes\":2048,\"age_ms\":500}]", false,
	       "000000ff");
	expect("listeners",
	       "[{\"name\":\"http\",\"addresses\":[\"10.1.0.1\",\"::1\"],\"mptcp\":false}]", false,
	       "10.1.0.1,::1");
	expect("ports", "[{\"name\":\"a\",\"neighbours\":[{\"address\":\"10.1.0.2\"}]}]", false,
	       "NEIGHBOUR");
	expect("ports", "[{}]", false, "-");
	expect("counters", counters, false, "RxPkts      12  event  packets received\n");
	expect("counters", counters, true, "DropArp      0  drop   malformed ARP\n");
	text = shown("counters", counters, false);
	assert_null(strstr(text, "DropArp"));
	free(text);
	/* Replies of another form do no harm. */
	for (int i = 0; i < 6; i++) {
		static const char *const what[] = {"status",      "ports",    "listeners",
						   "connections", "subflows", "counters"};

		free(shown(what[i], "{}", true));
		free(shown(what[i], "[]", true));
		free(shown(what[i], "[1,\"x\",null,[{}],{\"name\":{}}]", true));
		free(shown(what[i], "{\"workers\":3,\"total\":[],\"memory\":\"\"}", true));
	}
	assert_false(show_known("nothing"));
}

static void expect_missing(const char *reply, const char *want)
{
	json_t *r = json_loads(reply, 0, NULL);
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(r);
	show_missing(r, f);
	fclose(f);
	assert_string_equal(text, want);
	json_decref(r);
	free(text);
}

static void expect_json(const char *what, const char *reply, const char *want)
{
	json_t *r = json_loads(reply, 0, NULL), *doc = show_json(what, r);
	char *text = json_dumps(doc, JSON_COMPACT | JSON_ENCODE_ANY);

	assert_string_equal(text, want);
	free(text);
	json_decref(doc);
	json_decref(r);
}

/* A list that is not whole says so; one that is stays a plain list. */
static void test_missing(void **state)
{
	json_t *most = json_object(), *list = json_array();
	char *text, want[64];

	(void)state;
	expect_missing("{\"data\":[1,2]}", "");
	expect_missing("{\"data\":[1,2],\"truncated\":false}", "");
	expect_missing("{\"data\":{}}", "");
	expect_missing("{\"data\":[1,2],\"truncated\":true}", "(2 shown, more exist: --limit)\n");
	expect_missing("{\"data\":[1],\"silent_workers\":[0,3]}",
		       "(worker 0 has not answered: what it has is not shown)\n"
		       "(worker 3 has not answered: what it has is not shown)\n");
	expect_missing("{\"data\":1,\"truncated\":3,\"silent_workers\":{\"a\":1}}", "");
	/* Beyond what can be asked for the advice would be wrong. */
	for (int i = 0; i < CTL_SHOW_ENTRIES_MAX; i++)
		json_array_append_new(list, json_null());
	json_object_set_new(most, "data", list);
	json_object_set_new(most, "truncated", json_true());
	text = json_dumps(most, 0);
	snprintf(want, sizeof(want), "(%d shown, more exist)\n", CTL_SHOW_ENTRIES_MAX);
	expect_missing(text, want);
	free(text);
	json_decref(most);

	expect_json("subflows", "{\"ok\":true,\"data\":[1]}", "[1]");
	expect_json("status", "{\"ok\":true,\"data\":{\"a\":1}}", "{\"a\":1}");
	expect_json("subflows", "{\"ok\":true,\"data\":[1],\"truncated\":true}",
		    "{\"subflows\":[1],\"truncated\":true}");
	expect_json("connections", "{\"ok\":true,\"data\":[],\"silent_workers\":[1]}",
		    "{\"connections\":[],\"silent_workers\":[1]}");
}

static bool idle(const char *levels, const char *worker, bool time_wait, char *text)
{
	char json[1024];
	json_t *data;
	bool is;

	snprintf(json, sizeof(json),
		 "{\"total\":{\"RxPkts\":5,%s},\"workers\":[{%s}],\"kinds\":{\"RxPkts\":\"event\","
		 "\"CurrSegs\":\"gauge\",\"CurrTimeWait\":\"gauge\",\"CurrSubflows\":\"gauge\","
		 "\"CurrConns\":\"gauge\",\"MPCurrEstab\":\"gauge\"}}",
		 levels, worker);
	data = json_loads(json, 0, NULL);
	assert_non_null(data);
	is = idle_check(data, time_wait, text, 256);
	json_decref(data);
	return is;
}

static void test_idle(void **state)
{
	char text[256];
	json_t *none = json_object();

	(void)state;
	assert_true(idle("\"CurrSegs\":0", "\"CurrSegs\":0", true, text));
	assert_false(idle("\"CurrSegs\":3", "\"CurrSegs\":3", false, text));
	assert_string_equal(text, "CurrSegs 3");
	assert_false(idle("\"CurrSegs\":0", "\"CurrSegs\":-1", false, text));
	assert_string_equal(text, "worker 0: CurrSegs -1");
	assert_true(idle("\"CurrTimeWait\":2,\"CurrSubflows\":2", "", false, text));
	assert_false(idle("\"CurrTimeWait\":2,\"CurrSubflows\":2", "", true, text));
	assert_string_equal(text, "CurrTimeWait 2, CurrSubflows 2");
	assert_false(idle("\"CurrTimeWait\":2,\"CurrSubflows\":3", "", false, text));
	assert_string_equal(text, "CurrSubflows 3");
	assert_true(idle("\"CurrTimeWait\":1,\"CurrConns\":1", "", false, text));
	assert_false(idle("\"CurrTimeWait\":1,\"CurrConns\":1", "", true, text));
	assert_string_equal(text, "CurrTimeWait 1, CurrConns 1");
	assert_false(idle("\"CurrTimeWait\":1,\"CurrConns\":2", "", false, text));
	assert_string_equal(text, "CurrConns 2");
	assert_false(idle("\"CurrTimeWait\":1,\"CurrConns\":1,\"MPCurrEstab\":1", "", false, text));
	assert_string_equal(text, "MPCurrEstab 1");
	assert_false(idle_check(none, false, text, sizeof(text)));
	assert_string_equal(text, "mpgate's reply has no counters");
	json_decref(none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_units), cmocka_unit_test(test_table),
		cmocka_unit_test(test_show),  cmocka_unit_test(test_missing),
		cmocka_unit_test(test_idle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
