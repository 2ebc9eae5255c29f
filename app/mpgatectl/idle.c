/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Whether mpgate holds nothing. A subflow in TIME_WAIT has a place in its pool, as its connection
 * has, an entry in the flow table, perhaps one at the worker that receives its packets, and one
 * timer; those may be left.
 * Pure.
 */
#include <stdio.h>
#include <string.h>

#include "idle.h"

#define TIME_WAIT "CurrTimeWait"

static bool may_be_in_time_wait(const char *name)
{
	static const char *const names[] = {TIME_WAIT,         "CurrConns",        "CurrSubflows",
					    "CurrFlowEntries", "CurrSteerEntries", "CurrTimers"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static void add(char *text, size_t size, const char *name, json_int_t value, const char *where)
{
	size_t len = strlen(text);

	snprintf(text + len, size - len, "%s%s%s %lld", len > 0 ? ", " : "", where, name,
		 (long long)value);
}

bool idle_check(const json_t *counters, bool time_wait, char *text, size_t size)
{
	const json_t *kinds = json_object_get(counters, "kinds");
	json_t *total = json_object_get(counters, "total");
	const json_t *workers = json_object_get(counters, "workers");
	json_int_t in_tw = json_integer_value(json_object_get(total, TIME_WAIT));
	const char *name, *kind;
	const json_t *worker;
	json_t *value;
	size_t i;

	text[0] = '\0';
	json_object_foreach(total, name, value)
	{
		json_int_t v = json_integer_value(value), least = 0;
		bool in_total;

		kind = json_string_value(json_object_get(kinds, name));
		if (kind == NULL || strcmp(kind, "gauge") != 0)
			continue;
		if (!time_wait && may_be_in_time_wait(name))
			least = in_tw;
		in_total = v < 0 || v > least;
		if (in_total)
			add(text, size, name, v, "");
		/* Levels that cancel out (1 and -1) are no rest either. */
		json_array_foreach(workers, i, worker)
		{
			json_int_t w = json_integer_value(json_object_get(worker, name));
			char where[32];

			snprintf(where, sizeof(where), "worker %zu: ", i);
			if (!in_total && (w < 0 || w > least))
				add(text, size, name, w, where);
		}
	}
	if (total == NULL || kinds == NULL)
		snprintf(text, size, "mpgate's reply has no counters");
	return text[0] == '\0';
}
