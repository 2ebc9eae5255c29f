/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The memory that a configuration takes: every pool is as large as it will ever be from the start,
 * so this is a sum and not a guess.
 * Control thread; pure.
 */
#include <inttypes.h>
#include <string.h>

#include "config.h"
#include "upstream.h"

#define MIB          (1024.0 * 1024.0)
#define HUGEPAGE_MIB 2

void config_memory(const struct config *cfg, const struct cfg_sizes *sizes, struct cfg_memory *m)
{
	uint64_t conns = (uint64_t)cfg->n_workers * cfg->connections;
	uint64_t subflows = (uint64_t)cfg->n_workers * cfg->subflows;

	memset(m, 0, sizeof(*m));
	m->mbufs = (uint64_t)cfg->mbufs * sizes->mbuf;
	m->connections = conns * sizes->conn;
	m->subflows = subflows * sizes->subflow;
	m->tables = conns * sizes->table_conn + subflows * sizes->table_subflow;
	m->fixed = (uint64_t)cfg->n_workers * sizes->worker + sizes->process;
	m->total = m->mbufs + m->connections + m->subflows + m->tables + m->fixed;
}

uint32_t config_eal_mb(const struct config *cfg, const struct cfg_memory *m)
{
	uint64_t octets = m->total;

	if (cfg->mem_mb != 0)
		return cfg->mem_mb;
	/* Pages are not filled to the last octet where an object would cross their end, and each
	 * memory zone starts on its own cache line: a sixteenth and 32 MiB hold that. */
	octets += octets / 16 + (32 << 20);
	octets = (octets + (HUGEPAGE_MIB << 20) - 1) / (HUGEPAGE_MIB << 20) * HUGEPAGE_MIB;
	return octets > UINT32_MAX ? UINT32_MAX : (uint32_t)octets;
}

/* Each connection to a server needs a source port of its own (upstream.c). */
static void print_upstream_notes(FILE *out, const struct config *cfg)
{
	uint64_t conns = (uint64_t)cfg->n_workers * cfg->connections;

	for (unsigned int i = 0; i < cfg->n_pools; i++) {
		const struct cfg_pool *p = &cfg->pools[i];
		uint64_t most =
			(uint64_t)p->n_servers * (UPSTREAM_PORT_MAX - UPSTREAM_PORT_MIN + 1);

		if (conns > most)
			fprintf(out,
				"note: pool '%s' carries %" PRIu64
				" connections at a time, not %" PRIu64
				": there are %d source ports for each of its servers\n",
				p->name, most, conns, UPSTREAM_PORT_MAX - UPSTREAM_PORT_MIN + 1);
	}
}

void config_print_memory(FILE *out, const struct config *cfg, const struct cfg_memory *m)
{
	uint32_t mb = config_eal_mb(cfg, m);

	fprintf(out, "memory of %u worker%s:\n", cfg->n_workers, cfg->n_workers == 1 ? "" : "s");
	fprintf(out, "  packet buffers %10.1f MiB  (%" PRIu32 " in all)\n", (double)m->mbufs / MIB,
		cfg->mbufs);
	fprintf(out, "  connections    %10.1f MiB  (%" PRIu32 " a worker)\n",
		(double)m->connections / MIB, cfg->connections);
	fprintf(out, "  subflows       %10.1f MiB  (%" PRIu32 " a worker)\n",
		(double)m->subflows / MIB, cfg->subflows);
	fprintf(out, "  tables         %10.1f MiB\n", (double)m->tables / MIB);
	fprintf(out, "  rings, caches  %10.1f MiB\n", (double)m->fixed / MIB);
	fprintf(out, "  total          %10.1f MiB", (double)m->total / MIB);
	if (cfg->hugepages)
		fprintf(out, ", %" PRIu32 " hugepages of %d MiB with the margin\n",
			(mb + HUGEPAGE_MIB - 1) / HUGEPAGE_MIB, HUGEPAGE_MIB);
	else
		fprintf(out, ", %" PRIu32 " MiB with the margin, without hugepages\n", mb);
	print_upstream_notes(out, cfg);
}
