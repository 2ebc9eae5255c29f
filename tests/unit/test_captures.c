/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Every packet of the captures of Linux' MPTCP through the parser and back through the builders to
 * the same octets; and every HMAC in them verified with the keys of the connection.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/mp_key.h"
#include "eal.h"
#include "mptcp/wire/checksum.h"
#include "mptcp/wire/pkt.h"
#include "octets.h"
#include "rebuild.h"

#define ETH_HDR_LEN 14
#define IP_LEN_MAX  2048

struct capture {
	const char *path;
	unsigned int frames;
	uint64_t key_a, key_b; /* A opened the connection */
	/* what is expected in it, and what was seen */
	uint32_t present, seen;
	struct mp_hmac_keys keys; /* A's: theirs is B's */
	uint32_t nonce_a, nonce_b;
	unsigned int n_hmac_join, n_hmac_addr;
};

/* Captured before the port would have filled in the checksum: the field holds the sum of the
 * pseudo-header. Completes it, but first checks that it is one or the other. */
static void complete_csum(uint8_t *ip, unsigned int n, unsigned int l4_off)
{
	uint16_t field = (uint16_t)(ip[l4_off + 16] << 8 | ip[l4_off + 17]);
	uint16_t all = ref_sum(&ip[l4_off], n - l4_off, ref_pseudo_sum(ip, n, l4_off));
	uint8_t good[IP_LEN_MAX];
	struct rte_mbuf m;
	struct pkt p;

	memcpy(good, ip, n);
	mbuf_around(&m, guard_put(ip, n), n);
	if (all == 0xffff) {
		assert_int_equal(pkt_parse(&p, &m), CTR_NONE);
		return;
	}
	assert_int_equal(field, ref_pseudo_sum(ip, n, l4_off));
	assert_int_equal(pkt_parse(&p, &m), CTR_DROP_TCP_CSUM);
	m.ol_flags = RTE_MBUF_F_RX_L4_CKSUM_NONE;
	assert_int_equal(pkt_parse(&p, &m), CTR_NONE);
	fix_tcp_csum(ip, n, l4_off);
	assert_memory_equal(ip, good, l4_off + 16);
}

static void check_hmacs(struct capture *c, const struct mp_opts *o)
{
	uint8_t d[SHA256_LEN];
	unsigned int addr_len;
	const uint8_t *addr;

	if (o->present & MP_BIT(MP_JOIN)) {
		switch (o->join.form) {
		case MPJ_SYN:
			c->nonce_a = o->join.nonce;
			break;
		case MPJ_SYNACK:
			c->nonce_b = o->join.nonce;
			mp_join_hmac(&c->keys.theirs, c->nonce_b, c->nonce_a, d);
			assert_memory_equal(d, o->join.hmac, MP_HMAC_SYNACK_LEN);
			c->n_hmac_join++;
			break;
		default:
			mp_join_hmac(&c->keys.ours, c->nonce_a, c->nonce_b, d);
			assert_memory_equal(d, o->join.hmac, MP_HMAC_ACK_LEN);
			c->n_hmac_join++;
			break;
		}
	}
	if ((o->present & MP_BIT(MP_ADD_ADDR)) && !o->add_addr.echo) {
		addr = ip_addr_octets(&o->add_addr.addr, &addr_len);
		mp_addr_hmac(&c->keys.theirs, o->add_addr.addr_id, addr, addr_len, o->add_addr.port,
			     d);
		assert_memory_equal(d, o->add_addr.hmac, MP_HMAC_ADDR_LEN);
		c->n_hmac_addr++;
	}
	if ((o->present & MP_BIT(MP_DSS)) && (o->dss.flags & DSS_FLAG_FIN)) {
		/* A DATA_FIN alone: no payload under the checksum. */
		uint16_t sum = mp_dss_pseudo_sum(o->dss.dsn, o->dss.ssn, o->dss.data_len);

		assert_int_equal(o->dss.data_len, 1);
		assert_true(o->dss.has_csum);
		assert_int_equal(csum_add(sum, htobe16(o->dss.csum)), 0xffff);
	}
}

/* Copy the options of the packet, those of kind 30 by way of the builders. */
static void rebuild_opts(struct opt_buf *out, const uint8_t *o, unsigned int n,
			 const struct mp_opts *mp)
{
	out->room = TCP_OPTIONS_MAX;
	for (unsigned int i = 0; i < n;) {
		unsigned int len = o[i] <= 1 ? 1 : o[i + 1];

		if (o[i] == TCPOPT_MPTCP) {
			assert_int_equal(mp_rebuild(out, mp, o[i + 2] >> 4), 0);
			i += (len + 3) & ~3u;
		} else {
			memcpy(&out->b[out->len], &o[i], len);
			out->len += (uint8_t)len;
			i += len;
		}
	}
}

static void check_packet(struct capture *c, uint8_t *ip, unsigned int n)
{
	struct opt_buf opts = {0};
	struct flow_key key, peeked;
	struct tcp_hdr_out h;
	struct rte_mbuf m, *built;
	uint16_t l4_off;
	uint8_t flags;
	struct pkt p;

	mbuf_around(&m, guard_put(ip, n), n);
	assert_int_equal(pkt_parse(&p, &m), CTR_NONE);
	assert_false(p.mp.malformed);
	assert_false(p.mp.conflicting);
	assert_int_equal(p.payload_len, 0);
	assert_int_equal(m.data_len, n);
	assert_int_equal(pkt_peek(&m, &peeked, &flags, &l4_off), CTR_NONE);
	assert_true(flow_key_eq(&p.key, &peeked));
	assert_int_equal(flags, p.flags);
	assert_int_equal(l4_off, p.l4_off);
	c->seen |= p.mp.present;
	check_hmacs(c, &p.mp);

	rebuild_opts(&opts, &ip[p.l4_off + 20], p.payload_off - p.l4_off - 20u, &p.mp);
	key = (struct flow_key){
		.local = p.key.remote,
		.remote = p.key.local,
		.local_port = p.key.remote_port,
		.remote_port = p.key.local_port,
	};
	h = (struct tcp_hdr_out){
		.key = &key,
		.seq = p.seq,
		.ack = p.ack,
		.wnd = p.wnd,
		.flags = p.flags,
		.ecn = p.ecn,
		.ttl = ip[0] >> 4 == 4 ? ip[8] : ip[7],
		.ip_id = ip[0] >> 4 == 4 ? (uint16_t)(ip[4] << 8 | ip[5]) : 0,
		.opt = &opts,
	};
	if (ip[0] >> 4 == 6) /* Linux sets a flow label */
		ip[1] = ip[2] = ip[3] = 0;
	built = eal_mbuf(NULL, 0);
	assert_int_equal(pkt_prepend_headers(built, &h, 0), 0);
	assert_int_equal(built->data_len, n);
	assert_memory_equal(rte_pktmbuf_mtod(built, uint8_t *), ip, n);
	rte_pktmbuf_free(built);
}

static void each_frame(void *arg, const uint8_t *frame, unsigned int len)
{
	uint8_t ip[IP_LEN_MAX];
	unsigned int n = len - ETH_HDR_LEN;

	assert_true(len > ETH_HDR_LEN && n <= sizeof(ip));
	memcpy(ip, frame + ETH_HDR_LEN, n);
	complete_csum(ip, n, ip[0] >> 4 == 4 ? (ip[0] & 15u) * 4 : 40);
	check_packet(arg, ip, n);
}

static void test_captures(void **state)
{
	enum {
		CAP = MP_BIT(MP_CAPABLE),
		JOIN = MP_BIT(MP_JOIN),
		DSS = MP_BIT(MP_DSS),
		ADD = MP_BIT(MP_ADD_ADDR)
	};
	const uint64_t b[2] = {0xa8a61b201fe790bc, 0xbe17e6336be34e3b};
	const uint64_t c[2] = {0x34689aee812f0eec, 0xc7c9f916a7978021};
	struct capture v[] = {
		{"b1.pcap", 18, b[0], b[1], .present = CAP | DSS | ADD},
		{"b2.pcap", 12, b[0], b[1], .present = JOIN | DSS},
		{"b3.pcap", 12, b[0], b[1], .present = JOIN | DSS},
		{"c1.pcap", 10, c[0], c[1], .present = CAP | DSS | ADD},
		{"c2.pcap", 8, c[0], c[1], .present = JOIN | DSS},
		{"c3.pcap", 4, c[0], c[1], .present = JOIN | DSS},
	};
	unsigned int joins = 0, addrs = 0;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_LEN(v); i++) {
		char path[512];

		snprintf(path, sizeof(path), "%s/%s", VECTORS_DIR, v[i].path);
		mp_hmac_keys_init(&v[i].keys, v[i].key_a, v[i].key_b);
		assert_int_equal(pcap_each(path, each_frame, &v[i]), v[i].frames);
		assert_int_equal(v[i].seen, v[i].present);
		joins += v[i].n_hmac_join;
		addrs += v[i].n_hmac_addr;
	}
	assert_int_equal(joins, 10);
	assert_int_equal(addrs, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_captures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
