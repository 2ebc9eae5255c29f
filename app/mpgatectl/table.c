/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Text in aligned columns. Out of memory ends the program: it has nothing else to do.
 * One thread; allocates.
 */
#include <stdlib.h>
#include <string.h>

#include "table.h"
#include "units.h"

#define GAP "  "

struct column {
	char *title;
	bool right;
	size_t width;
};

struct table {
	unsigned int n_columns;
	size_t n_cells, max_cells; /* row by row */
	size_t max_notes;
	char **cells;
	char **notes; /* of each row, or NULL */
	struct column columns[TABLE_COLUMNS_MAX];
};

struct table *table_new(unsigned int n)
{
	struct table *t = must_alloc(NULL, sizeof(*t));

	memset(t, 0, sizeof(*t));
	t->n_columns = n < TABLE_COLUMNS_MAX ? n : TABLE_COLUMNS_MAX;
	return t;
}

void table_column(struct table *t, unsigned int col, const char *title, bool right)
{
	struct column *c = &t->columns[col];

	c->title = must_copy(title);
	c->right = right;
	c->width = strlen(title);
}

void table_cell(struct table *t, const char *text)
{
	struct column *c = &t->columns[t->n_cells % t->n_columns];
	size_t len;

	if (text == NULL || *text == '\0')
		text = "-";
	len = strlen(text);
	if (len > c->width)
		c->width = len;
	if (t->n_cells == t->max_cells) {
		t->max_cells = t->max_cells != 0 ? t->max_cells * 2 : 256;
		t->cells = must_alloc(t->cells, t->max_cells * sizeof(*t->cells));
	}
	t->cells[t->n_cells++] = must_copy(text);
}

unsigned int table_rows(const struct table *t)
{
	return (unsigned int)((t->n_cells + t->n_columns - 1) / t->n_columns);
}

void table_note(struct table *t, const char *text)
{
	size_t row = table_rows(t);

	if (row == 0)
		return;
	if (row > t->max_notes) {
		size_t max = row * 2 + 64;

		t->notes = must_alloc(t->notes, max * sizeof(*t->notes));
		memset(t->notes + t->max_notes, 0, (max - t->max_notes) * sizeof(*t->notes));
		t->max_notes = max;
	}
	free(t->notes[row - 1]);
	t->notes[row - 1] = must_copy(text);
}

static void print_cell(const struct table *t, unsigned int col, const char *text, FILE *out)
{
	const struct column *c = &t->columns[col];
	bool last = col == t->n_columns - 1;
	const char *end = last ? "\n" : GAP;

	if (c->right)
		fprintf(out, "%*s%s", (int)c->width, text, end);
	else
		fprintf(out, "%-*s%s", last ? 0 : (int)c->width, text, end);
}

void table_print(const struct table *t, FILE *out)
{
	unsigned int col = 0;

	for (unsigned int i = 0; i < t->n_columns; i++)
		print_cell(t, i, t->columns[i].title, out);
	for (size_t i = 0, row = 0; i < t->n_cells; i++) {
		print_cell(t, col, t->cells[i], out);
		if (++col < t->n_columns)
			continue;
		if (row < t->max_notes && t->notes[row] != NULL)
			fprintf(out, "\t%s\n", t->notes[row]);
		row++;
		col = 0;
	}
}

void table_free(struct table *t)
{
	if (t == NULL)
		return;
	for (unsigned int i = 0; i < t->n_columns; i++)
		free(t->columns[i].title);
	for (size_t i = 0; i < t->n_cells; i++)
		free(t->cells[i]);
	for (size_t i = 0; i < t->max_notes; i++)
		free(t->notes[i]);
	free(t->cells);
	free(t->notes);
	free(t);
}
