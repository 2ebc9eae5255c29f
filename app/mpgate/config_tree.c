/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The text of a configuration as a tree with line numbers, read with libyaml (which libcyaml uses
 * as well): what libcyaml loads has no lines, and it stops at the first fault.
 * Control thread; allocates.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "config_parts.h"

void cfg_err(struct cfg_errs *e, int line, const char *fmt, ...)
{
	struct cfg_error *err;
	va_list ap;

	if (e->n >= e->max)
		return;
	err = &e->err[e->n++];
	err->line = line;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	/* Values of the file are quoted in the texts: nothing in them may drive a terminal. */
	for (char *c = err->text; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
}

void cfg_errs_sort(struct cfg_errs *e)
{
	/* Insertion: stable, and there are few. */
	for (int i = 1; i < e->n; i++) {
		struct cfg_error x = e->err[i];
		unsigned int key = (unsigned int)x.line - 1;
		int j = i;

		for (; j > 0 && (unsigned int)e->err[j - 1].line - 1 > key; j--)
			e->err[j] = e->err[j - 1];
		e->err[j] = x;
	}
}

struct reader {
	yaml_parser_t parser;
	struct cfg_errs *errs;
	unsigned int nodes;
};

static bool next_event(struct reader *r, yaml_event_t *ev)
{
	const yaml_parser_t *p = &r->parser;
	const char *fix = "check the indentation, the quotes and the brackets";
	char context[100] = "";

	if (yaml_parser_parse(&r->parser, ev))
		return true;
	if (p->problem != NULL && strstr(p->problem, "cannot start any token") != NULL)
		fix = "indent with spaces, not with tabs, and put quotes around special characters";
	else if (p->error == YAML_READER_ERROR)
		fix = "save the file as UTF-8 text";
	if (p->context != NULL)
		snprintf(context, sizeof(context), " %s from line %zu", p->context,
			 p->context_mark.line + 1);
	cfg_err(r->errs, p->error == YAML_READER_ERROR ? 0 : (int)p->problem_mark.line + 1,
		"not YAML: %s%s: %s", p->problem != NULL ? p->problem : "out of memory", context,
		fix);
	return false;
}

static struct cfg_node *new_node(struct reader *r, enum cfg_kind kind, const yaml_event_t *ev)
{
	int line = (int)ev->start_mark.line + 1;
	struct cfg_node *n;

	if (++r->nodes > CFG_NODES_MAX) {
		cfg_err(r->errs, line, "more than %d values: no configuration needs so many",
			CFG_NODES_MAX);
		return NULL;
	}
	n = calloc(1, sizeof(*n));
	if (n == NULL) {
		cfg_err(r->errs, line, "out of memory");
		return NULL;
	}
	n->kind = kind;
	n->line = line;
	return n;
}

static char *scalar_text(struct reader *r, const yaml_event_t *ev)
{
	const char *value = (const char *)ev->data.scalar.value;
	char *text;

	if (strlen(value) != ev->data.scalar.length) {
		cfg_err(r->errs, (int)ev->start_mark.line + 1,
			"a NUL character: remove the \\0 from the text");
		return NULL;
	}
	text = strdup(value);
	if (text == NULL)
		cfg_err(r->errs, (int)ev->start_mark.line + 1, "out of memory");
	return text;
}

static struct cfg_node *read_node(struct reader *r, const yaml_event_t *ev, int depth);

/* The children of a list or a map whose start was just read. */
static bool read_children(struct reader *r, struct cfg_node *parent, int depth)
{
	yaml_event_type_t end =
		parent->kind == CFG_LIST ? YAML_SEQUENCE_END_EVENT : YAML_MAPPING_END_EVENT;

	for (;;) {
		struct cfg_node *child = NULL;
		char *key = NULL;
		yaml_event_t ev;
		int key_line = 0;
		bool ok = true;

		if (!next_event(r, &ev))
			return false;
		if (ev.type == end) {
			yaml_event_delete(&ev);
			return true;
		}
		if (parent->kind == CFG_MAP) {
			key_line = (int)ev.start_mark.line + 1;
			if (ev.type == YAML_SCALAR_EVENT)
				key = scalar_text(r, &ev);
			else
				cfg_err(r->errs, key_line,
					"a key that is no text: write key: value");
			yaml_event_delete(&ev);
			ok = key != NULL && next_event(r, &ev);
		}
		if (ok) {
			child = read_node(r, &ev, depth + 1);
			yaml_event_delete(&ev);
		}
		if (child == NULL) {
			free(key);
			return false;
		}
		child->key = key;
		if (key_line != 0)
			child->line = key_line;
		if (parent->last != NULL)
			parent->last->next = child;
		else
			parent->child = child;
		parent->last = child;
	}
}

static struct cfg_node *read_node(struct reader *r, const yaml_event_t *ev, int depth)
{
	int line = (int)ev->start_mark.line + 1;
	struct cfg_node *n;

	if (depth > CFG_DEPTH_MAX) {
		cfg_err(r->errs, line, "values nested deeper than %d: no key needs that",
			CFG_DEPTH_MAX);
		return NULL;
	}
	switch (ev->type) {
	case YAML_SCALAR_EVENT:
		n = new_node(r, CFG_SCALAR, ev);
		if (n == NULL)
			return NULL;
		n->quoted = ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
		n->text = scalar_text(r, ev);
		if (n->text != NULL)
			return n;
		break;
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		n = new_node(r, ev->type == YAML_SEQUENCE_START_EVENT ? CFG_LIST : CFG_MAP, ev);
		if (n == NULL)
			return NULL;
		if (read_children(r, n, depth))
			return n;
		break;
	default:
		cfg_err(r->errs, line, "an alias (*name): write the value out");
		return NULL;
	}
	cfg_tree_free(n);
	return NULL;
}

static int read_stream(struct reader *r, struct cfg_node **root)
{
	bool seen = false, end = false;

	while (!end) {
		yaml_event_t ev;
		bool ok = true;

		if (!next_event(r, &ev))
			return -EINVAL;
		switch (ev.type) {
		case YAML_STREAM_END_EVENT:
			end = true;
			break;
		case YAML_STREAM_START_EVENT:
		case YAML_DOCUMENT_END_EVENT:
			break;
		case YAML_DOCUMENT_START_EVENT:
			if (seen) {
				cfg_err(r->errs, (int)ev.start_mark.line + 1,
					"a second document: remove the line ---");
				ok = false;
			}
			seen = true;
			break;
		default:
			*root = read_node(r, &ev, 0);
			ok = *root != NULL;
			break;
		}
		yaml_event_delete(&ev);
		if (!ok)
			return -EINVAL;
	}
	return 0;
}

int cfg_tree_parse(const char *text, size_t len, struct cfg_node **root, struct cfg_errs *errs)
{
	struct reader r = {.errs = errs};
	int rc;

	*root = NULL;
	if (!yaml_parser_initialize(&r.parser)) {
		cfg_err(errs, 0, "out of memory");
		return -EINVAL;
	}
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
	rc = read_stream(&r, root);
	yaml_parser_delete(&r.parser);
	if (rc != 0) {
		cfg_tree_free(*root);
		*root = NULL;
	}
	return rc;
}

void cfg_tree_free(struct cfg_node *node)
{
	while (node != NULL) {
		struct cfg_node *next = node->next;

		cfg_tree_free(node->child);
		free(node->key);
		free(node->text);
		free(node);
		node = next;
	}
}

const struct cfg_node *cfg_node_get(const struct cfg_node *map, const char *key)
{
	const struct cfg_node *n;

	if (map == NULL || map->kind != CFG_MAP)
		return NULL;
	for (n = map->child; n != NULL; n = n->next)
		if (strcmp(n->key, key) == 0)
			return n;
	return NULL;
}

int cfg_tree_line(const struct cfg_node *root, const char *fmt, ...)
{
	const struct cfg_node *n = root;
	char path[128], *part, *save = NULL;
	int line = 0;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	for (part = strtok_r(path, ".", &save); part != NULL && n != NULL;
	     part = strtok_r(NULL, ".", &save)) {
		char *index = strchr(part, '[');

		if (index != NULL)
			*index++ = '\0';
		n = cfg_node_get(n, part);
		if (n == NULL)
			break;
		line = n->line;
		if (index == NULL)
			continue;
		n = n->child;
		for (unsigned long i = strtoul(index, NULL, 10); i > 0 && n != NULL; i--)
			n = n->next;
		if (n != NULL)
			line = n->line;
	}
	return line;
}
