/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The option walker and every option parser on arbitrary octets: nothing is read beyond the area, what
 * is found is what a plain second walker finds, and what parses builds again to what says the same.
 */
#include <string.h>

#include "pkt_watch.h"
#include "mptcp/wire/octets.h"

/* One option of each kind, written as plainly as the RFCs have it. False: the area is malformed. */
struct found {
	unsigned int mss, wscale, sack_perm, ts, sack, mptcp; /* where it is; 0: nowhere */
};

static bool walk(struct found *f, const uint8_t *o, unsigned int n, bool syn)
{
	unsigned int len;

	/* Positions count from 1. */
	for (unsigned int i = 0; i < n && o[i] != 0; i += len) {
		unsigned int at = i + 1;

		if (o[i] == 1) {
			len = 1;
			continue;
		}
		if (i + 1 == n)
			return false;
		len = o[i + 1];
		if (len < 2 || i + len > n)
			return false;
		if (o[i] == 2 && len == 4 && syn && f->mss == 0 && get_be16(&o[i + 2]) != 0)
			f->mss = at;
		else if (o[i] == 3 && len == 3 && syn && f->wscale == 0)
			f->wscale = at;
		else if (o[i] == 4 && len == 2 && syn && f->sack_perm == 0)
			f->sack_perm = at;
		else if (o[i] == 5 && len % 8 == 2 && len >= 10 && len <= 34 && !syn &&
			 f->sack == 0)
			f->sack = at;
		else if (o[i] == 8 && len == 10 && f->ts == 0)
			f->ts = at;
		else if (o[i] == TCPOPT_MPTCP && f->mptcp == 0)
			f->mptcp = at;
	}
	return true;
}

static void compare(const struct pkt *p, const struct found *f, const uint8_t *o)
{
	const struct tcp_opts *t = &p->tcp;

	MUST(t->has_mss == (f->mss != 0) && t->has_wscale == (f->wscale != 0));
	MUST(t->has_sack_perm == (f->sack_perm != 0) && t->has_ts == (f->ts != 0));
	MUST((t->n_sack != 0) == (f->sack != 0));
	/* o[at] is the octet behind the kind. */
	if (f->mss != 0)
		MUST(t->mss == get_be16(&o[f->mss + 1]));
	if (f->wscale != 0)
		MUST(t->wscale == (o[f->wscale + 1] > 14 ? 14 : o[f->wscale + 1]));
	if (f->ts != 0)
		MUST(t->tsval == get_be32(&o[f->ts + 1]) && t->tsecr == get_be32(&o[f->ts + 5]));
	if (f->sack != 0)
		MUST(t->n_sack == (o[f->sack] - 2) / 8 &&
		     t->sack[t->n_sack - 1].end ==
			     get_be32(&o[f->sack + 1 + 8 * (t->n_sack - 1) + 4]));
	if (f->mptcp == 0)
		MUST(p->mp.present == 0 && !p->mp.malformed && !p->mp.conflicting);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	uint8_t flags = in_u8(&in), area[TCP_OPTIONS_MAX];
	unsigned int n = in_octets(&in, area, sizeof(area));
	struct found f = {0};
	bool legal, parsed;
	struct pkt p;

	n -= n % 4;
	legal = (flags & TCPF_SYN)
			? !(flags & (TCPF_FIN | TCPF_RST))
			: (flags & (TCPF_FIN | TCPF_RST | TCPF_PSH | TCPF_ACK | TCPF_URG)) != 0;
	parsed = opts_parse(&p, flags, area, n);
	MUST(parsed == (walk(&f, area, n, flags & TCPF_SYN) && legal));
	if (!parsed)
		return 0;
	compare(&p, &f, area);
	opts_watch(&p);
	return 0;
}
