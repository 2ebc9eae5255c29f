/* SPDX-License-Identifier: BSD-3-Clause */
#include "test_tcp_script.h"

struct net net;
struct app a;
struct pkt p;
uint32_t iss; /* ours */

void take(void)
{
	assert_true(net_take(&net, &p));
}

void take_flags(uint8_t flags)
{
	take();
	assert_int_equal(p.flags & ~TCPF_PSH, flags);
}

void nothing_sent(void)
{
	assert_int_equal(net_drop_all(&net), 0);
}

void begin(const char *syn)
{
	struct craft c = {.flags = TCPF_SYN,
			  .seq = ISS,
			  .wnd = WND,
			  .syn = syn,
			  .ts = strchr(syn, 't') != NULL,
			  .tsval = 500};

	net_init(&net, 7, false);
	net.capture = true;
	net_cfg.rcv_wscale = 0;
	app_init(&a, &net.end[0]);
	a.rx_buffer = 20000;
	net.end[0].listens = true;
	net.end[0].pending = &a;
	assert_int_equal(craft_in(&net, &c), CTR_NONE);
	take_flags(TCPF_SYN | TCPF_ACK);
	iss = p.seq;
	assert_int_equal(p.ack, ISS + 1);
	net_run(&net, 20, NULL, NULL);
	c = (struct craft){.flags = TCPF_ACK, .seq = ISS + 1, .ack = iss + 1, .wnd = WND};
	c.ts = a.t.use_ts;
	c.tsval = 510;
	c.tsecr = p.tcp.tsval;
	assert_int_equal(craft_in(&net, &c), CTR_NONE);
	assert_int_equal(a.t.state, TCPS_ESTABLISHED);
	nothing_sent();
}

enum counter in(uint8_t flags, uint32_t seq, uint32_t ack, uint16_t len)
{
	struct craft c = {.flags = flags,
			  .seq = ISS + 1 + seq,
			  .ack = iss + 1 + ack,
			  .wnd = WND,
			  .len = len,
			  .off = seq,
			  .ts = a.t.use_ts,
			  .tsval = 520};

	return craft_in(&net, &c);
}

enum counter in_sack(uint32_t ack, unsigned int n, const uint32_t *edge)
{
	struct sack_block b[4];

	for (unsigned int i = 0; i < n; i++)
		b[i] = (struct sack_block){iss + 1 + edge[2 * i], iss + 1 + edge[2 * i + 1]};
	return craft_in(&net, &(struct craft){.flags = TCPF_ACK,
					      .seq = ISS + 1,
					      .ack = iss + 1 + ack,
					      .wnd = WND,
					      .sack = b,
					      .n_sack = n});
}

void in_flight(unsigned int n)
{
	a.total = (uint64_t)n * 1000;
	a.chunk_max = 0;
	while (a.queued < a.total) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(net_pool());

		memset(rte_pktmbuf_append(m, 1000), 0, 1000);
		tcp_send(&a.t, seg_init(m, 0));
		a.queued += 1000;
	}
	tcp_output(&a.t);
}

/* An empty ACK whose timestamp echo is ours of ago_ms before. */
void in_echo(uint8_t flags, uint32_t ack, uint32_t ago_ms, unsigned int n, const uint32_t *edge)
{
	uint32_t now = a.t.ts_offset + a.t.st->now_ms;
	struct craft c = {.flags = flags, .seq = ISS + 1, .wnd = WND, .ts = true, .tsval = 900};
	struct sack_block b[3];

	for (unsigned int i = 0; i < n; i++)
		b[i] = (struct sack_block){iss + 1 + edge[2 * i], iss + 1 + edge[2 * i + 1]};
	c.ack = iss + 1 + ack;
	c.tsecr = now - ago_ms;
	c.sack = b;
	c.n_sack = n;
	assert_int_equal(craft_in(&net, &c), CTR_NONE);
}

/* Established with a round trip of 20 ms; n segments have left 20 ms ago. */
void sent(const char *syn, unsigned int n)
{
	begin(syn);
	in_flight(n);
	assert_int_equal(net_drop_all(&net), n);
	net_run(&net, 20, NULL, NULL);
}

unsigned int times_sent(uint32_t seq)
{
	unsigned int n = 0;

	while (net_take(&net, &p))
		n += p.seq == iss + 1 + seq;
	return n;
}
