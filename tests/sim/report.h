/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a scenario came to: tables for people, samples over time for pictures.
 */
#ifndef SIM_REPORT_H
#define SIM_REPORT_H

#include "sim.h"

/* Take a sample of every connection from now on, about n in all when the run takes span_ms. */
void report_sample(struct sim *s, uint32_t span_ms, unsigned int n);
/* Before the run: what the rates of the report leave out. */
void report_omit(struct sim *s, uint32_t omit_ms);
/* After the run, before sim_free(). */
void report_print(const struct sim *s);
/* Draw the samples into an SVG file with gnuplot. Returns 0, or -1 with a message on standard error. */
int report_plot(const struct sim *s, const char *file);
/* Forget the samples. */
void report_free(void);

#endif
