/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What "mpgatectl show" prints for people; see ctl_server.h for the form of the replies.
 * A member that is missing prints as "-", so that the command works with other versions of mpgate.
 */
#ifndef MPGATECTL_SHOW_H
#define MPGATECTL_SHOW_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include "../mpgate/ctl_show.h" /* CTL_SHOW_ENTRIES_MAX */

/* Whether something called what can be shown. */
bool show_known(const char *what);
/* Print data, that of the reply to "show what". all: counters that are 0 as well. */
void show_print(const char *what, const json_t *data, bool all, FILE *out);
/* Print what is missing in the list that reply has for data, if anything is: a line for each reason. */
void show_missing(const json_t *reply, FILE *out);
/*
 * What --json prints for reply, a new reference: its data alone, or {"what": data, "truncated": ..}
 * when something is missing in it.
 */
json_t *show_json(const char *what, const json_t *reply);

#endif
