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

/* Whether something called what can be shown. */
bool show_known(const char *what);
/* Print data, the reply to "show what". all: counters that are 0 as well. */
void show_print(const char *what, const json_t *data, bool all, FILE *out);

#endif
