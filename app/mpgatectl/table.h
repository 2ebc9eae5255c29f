/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Text in aligned columns: cells are collected, then printed once their widths are known.
 * One thread; allocates.
 */
#ifndef MPGATECTL_TABLE_H
#define MPGATECTL_TABLE_H

#include <stdbool.h>
#include <stdio.h>

#define TABLE_COLUMNS_MAX 24

struct table;

/* A table of n columns (1 to TABLE_COLUMNS_MAX) with these titles, copied. */
struct table *table_new(unsigned int n);
/* right: align to the right, as numbers are. */
void table_column(struct table *t, unsigned int col, const char *title, bool right);
/* The next cell, row by row. text is copied; NULL and "" print as "-". */
void table_cell(struct table *t, const char *text);
/* A line printed below the row that was filled last, indented. text is copied. */
void table_note(struct table *t, const char *text);
unsigned int table_rows(const struct table *t);
void table_print(const struct table *t, FILE *out);
void table_free(struct table *t);

#endif
