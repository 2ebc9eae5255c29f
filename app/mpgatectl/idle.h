/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Whether mpgate holds nothing: every counter that is a level is back at 0. Pure.
 */
#ifndef MPGATECTL_IDLE_H
#define MPGATECTL_IDLE_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

/*
 * counters: the reply to "show counters". time_wait: what is in TIME_WAIT counts as well. Returns
 * whether all levels are at 0; else, into text of size octets, those which are not ("CurrConns 3,
 * worker 1: CurrSegs -1").
 */
bool idle_check(const json_t *counters, bool time_wait, char *text, size_t size);

#endif
