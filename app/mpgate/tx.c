/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The way out: next hop to MAC address, Ethernet header, a bounded queue a port, one burst to the
 * driver at the end of each pass. What the driver does not take stays queued; a full queue drops.
 * Worker threads.
 */
#include <string.h>

#include <rte_ethdev.h>

#include "app.h"
#include "worker.h"

void tx_frame(struct worker *w, struct rte_mbuf *m, uint16_t port)
{
	const struct port *p = &w->app->ports[port];
	struct worker_txq *q = &w->txqs[port];

	if (p->worker_queue[w->index] == PORT_NO_QUEUE) {
		m->port = port;
		if (rte_ring_sp_enqueue(w->tx_out[p->tx_worker[w->index]], m) != 0) {
			rte_pktmbuf_free(m);
			st_inc(&w->st, CTR_DROP_TX_FULL);
		}
		return;
	}
	if (q->tail - q->head == WORKER_TXQ) {
		rte_pktmbuf_free(m);
		st_inc(&w->st, CTR_DROP_TX_FULL);
		return;
	}
	q->m[q->tail++ & (WORKER_TXQ - 1)] = m;
}

void tx_ip(struct worker *w, struct rte_mbuf *m, uint16_t port, const struct rte_ether_addr *mac)
{
	const struct port *p = &w->app->ports[port];
	bool v4 = *rte_pktmbuf_mtod(m, const uint8_t *) >> 4 == 4;
	struct rte_ether_hdr eth = {.src_addr = p->mac, .dst_addr = *mac};
	char *at;

	if (m->nb_segs > 1 && !p->multi_segs && rte_pktmbuf_linearize(m) != 0)
		goto drop;
	at = rte_pktmbuf_prepend(m, sizeof(eth));
	if (at == NULL)
		goto drop;
	eth.ether_type = rte_cpu_to_be_16(v4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6);
	memcpy(at, &eth,
	       sizeof(eth)); /* in front of payload that was cut it may be an odd address */
	tx_frame(w, m, port);
	return;
drop:
	rte_pktmbuf_free(m);
	st_inc(&w->st, CTR_DROP_NO_MBUF);
}

void tx_output(struct stack *st, struct rte_mbuf *m, struct nexthop *nh)
{
	struct worker *w = worker_of_stack(st);
	struct nexthop_slot *s = nexthop_slot_of(w, nh, m);

	if (unlikely(s == NULL)) {
		rte_pktmbuf_free(m);
		st_inc(st, CTR_DROP_NO_ROUTE);
		return;
	}
	if (likely(s->state == NH_RESOLVED)) {
		if (unlikely(st->now_ms - s->confirmed_ms >= NEXTHOP_REACHABLE_MS))
			nexthop_ask(w, s);
		tx_ip(w, m, s->port, &s->mac);
		return;
	}
	nexthop_ask(w, s);
	nexthop_park(w, s, m);
}

unsigned int tx_poll(struct worker *w)
{
	struct rte_mbuf *m[WORKER_BURST];
	unsigned int total = 0;

	for (unsigned int i = 0; i < w->app->n_workers; i++) {
		unsigned int n;

		if (w->tx_in[i] == NULL)
			continue;
		n = rte_ring_sc_dequeue_burst(w->tx_in[i], (void **)m, WORKER_BURST, NULL);
		for (unsigned int j = 0; j < n; j++)
			tx_frame(w, m[j], m[j]->port);
		total += n;
	}
	return total;
}

static void txq_flush(struct worker *w, struct worker_txq *q, uint16_t dev, uint16_t queue)
{
	while (q->head != q->tail) {
		uint32_t at = q->head & (WORKER_TXQ - 1);
		uint32_t n = RTE_MIN(q->tail - q->head, WORKER_TXQ - at);
		uint32_t len[WORKER_BURST];
		uint64_t octets = 0;
		uint16_t sent;

		n = RTE_MIN(n, (uint32_t)WORKER_BURST);
		/* The driver may free what it takes at once, so the lengths are read before. */
		for (uint32_t i = 0; i < n; i++)
			len[i] = q->m[at + i]->pkt_len;
		sent = rte_eth_tx_burst(dev, queue, &q->m[at], (uint16_t)n);
		for (uint32_t i = 0; i < sent; i++)
			octets += len[i];
		ctr_add(w->ctrs, CTR_TX_PKTS, sent);
		ctr_add(w->ctrs, CTR_TX_BYTES, octets);
		q->head += sent;
		if (sent < n)
			break;
	}
}

void tx_flush(struct worker *w)
{
	const struct app *app = w->app;

	for (unsigned int i = 0; i < app->n_ports; i++)
		if (w->txqs[i].head != w->txqs[i].tail)
			txq_flush(w, &w->txqs[i], app->ports[i].dev,
				  app->ports[i].worker_queue[w->index]);
}

void tx_drop_all(struct worker *w)
{
	for (unsigned int i = 0; i < w->app->n_ports; i++) {
		struct worker_txq *q = &w->txqs[i];

		for (; q->head != q->tail; q->head++)
			rte_pktmbuf_free(q->m[q->head & (WORKER_TXQ - 1)]);
	}
}
