/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Ports: from the device of the configuration to a started ethdev with its queues shared out among
 * the workers. Control thread, at start and at the end.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_ethdev.h>

#include "app.h"
#include "eal.h"
#include "port.h"
#include "steer.h"

#define PORT_RX_DESC 1024
#define PORT_TX_DESC 1024

static int port_fail(const struct port *p, int rc, const char *what, const char *fix)
{
	fprintf(stderr, "mpgate: port %s (%s): %s: %s: %s\n", p->cfg->name, p->cfg->device, what,
		strerror(-rc), fix);
	return rc;
}

static int port_find(struct port *p)
{
	char name[CFG_DEVICE_MAX];

	eal_device_name(p->cfg, name);
	if (rte_eth_dev_get_port_by_name(name, &p->dev) == 0)
		return 0;
	/* A PCI address without its domain. */
	if (strlen(name) < CFG_DEVICE_MAX - 5) {
		memmove(name + 5, name, strlen(name) + 1);
		memcpy(name, "0000:", 5);
		if (rte_eth_dev_get_port_by_name(name, &p->dev) == 0)
			return 0;
	}
	return port_fail(p, -ENODEV, "no such device after DPDK has started",
			 "mpgate -c FILE --check says what is wrong with it");
}

/* Queue q is worker (index + q) % n's; workers without one send through the others in turn. */
static void port_share_queues(struct port *p, uint16_t n_workers)
{
	for (uint16_t i = 0; i < n_workers; i++) {
		uint16_t q = (uint16_t)((i + n_workers - p->index % n_workers) % n_workers);

		p->worker_queue[i] = q < p->n_queues ? q : PORT_NO_QUEUE;
	}
	for (uint16_t i = 0; i < n_workers; i++) {
		uint16_t q = (uint16_t)(i % p->n_queues);

		p->tx_worker[i] = p->worker_queue[i] != PORT_NO_QUEUE
					  ? i
					  : (uint16_t)((p->index + q) % n_workers);
	}
}

static void port_rss_conf(struct port *p, const struct rte_eth_dev_info *info,
			  struct rte_eth_conf *conf, uint8_t *key)
{
	uint64_t types = (RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV6_TCP) &
			 info->flow_type_rss_offloads;

	if (p->n_queues < 2 || types == 0 || info->hash_key_size == 0 ||
	    info->hash_key_size > STEER_RSS_KEY_MAX)
		return;
	steer_rss_key(key, info->hash_key_size);
	conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
	conf->rx_adv_conf.rss_conf.rss_key = key;
	conf->rx_adv_conf.rss_conf.rss_key_len = info->hash_key_size;
	conf->rx_adv_conf.rss_conf.rss_hf = types;
	p->hw_rss = true;
}

/* Give the NIC's table the owners that steer_rss_owner() has. If it refuses, software steers. */
static void port_set_reta(struct port *p, const struct rte_eth_dev_info *info)
{
	struct rte_eth_rss_reta_entry64 reta[RTE_ETH_RSS_RETA_SIZE_512 / RTE_ETH_RETA_GROUP_SIZE];

	if (!p->hw_rss)
		return;
	if (info->reta_size == 0 || info->reta_size > RTE_ETH_RSS_RETA_SIZE_512) {
		p->hw_rss = false;
		return;
	}
	memset(reta, 0, sizeof(reta));
	for (unsigned int i = 0; i < info->reta_size; i++) {
		struct rte_eth_rss_reta_entry64 *r = &reta[i / RTE_ETH_RETA_GROUP_SIZE];
		uint16_t q = p->worker_queue[steer_reta_owner(i)];

		r->mask |= 1ull << (i % RTE_ETH_RETA_GROUP_SIZE);
		r->reta[i % RTE_ETH_RETA_GROUP_SIZE] =
			q != PORT_NO_QUEUE ? q : (uint16_t)(i % p->n_queues);
	}
	if (rte_eth_dev_rss_reta_update(p->dev, reta, info->reta_size) != 0)
		p->hw_rss = false;
}

static int port_queues(struct app *app, struct port *p, const struct rte_eth_dev_info *info,
		       const struct rte_eth_conf *conf)
{
	uint16_t rx_desc = PORT_RX_DESC, tx_desc = PORT_TX_DESC;
	struct rte_eth_rxconf rxconf = info->default_rxconf;
	struct rte_eth_txconf txconf = info->default_txconf;
	int socket = rte_eth_dev_socket_id(p->dev);
	int rc;

	/* Where the driver has a size of its own (AF_XDP), it knows better. */
	if (info->default_rxportconf.ring_size != 0)
		rx_desc = info->default_rxportconf.ring_size;
	if (info->default_txportconf.ring_size != 0)
		tx_desc = info->default_txportconf.ring_size;
	rc = rte_eth_dev_adjust_nb_rx_tx_desc(p->dev, &rx_desc, &tx_desc);
	if (rc != 0)
		return port_fail(p, rc, "no queue sizes", "report this device");
	rxconf.offloads = conf->rxmode.offloads;
	txconf.offloads = conf->txmode.offloads;
	for (uint16_t q = 0; q < p->n_queues; q++) {
		rc = rte_eth_rx_queue_setup(p->dev, q, rx_desc, (unsigned int)socket, &rxconf,
					    app->mbufs);
		if (rc != 0)
			return port_fail(
				p, rc, "receive queue cannot be set up",
				"is the interface up and free (no other XDP program: ip -d "
				"link), and memory.mbufs large enough for all ports?");
	}
	for (uint16_t q = 0; q < p->n_queues; q++) {
		rc = rte_eth_tx_queue_setup(p->dev, q, tx_desc, (unsigned int)socket, &txconf);
		if (rc != 0)
			return port_fail(p, rc, "transmit queue cannot be set up",
					 "lower workers, or report this device");
	}
	return 0;
}

static int port_set_mtu(struct port *p)
{
	uint16_t now = 0;
	int rc;

	p->mtu = p->cfg->mtu;
	if (rte_eth_dev_get_mtu(p->dev, &now) == 0 && now == p->mtu)
		return 0;
	rc = rte_eth_dev_set_mtu(p->dev, p->mtu);
	if (rc == -ENOTSUP) /* what has no such notion takes what its buffers hold */
		return 0;
	if (rc != 0)
		return port_fail(p, rc, "mtu refused", "set an mtu that the device can have");
	return 0;
}

static int port_configure(struct app *app, struct port *p)
{
	struct rte_eth_conf conf = {.txmode = {.mq_mode = RTE_ETH_MQ_TX_NONE}};
	uint8_t key[STEER_RSS_KEY_MAX];
	struct rte_eth_dev_info info;
	int rc;

	rc = rte_eth_dev_info_get(p->dev, &info);
	if (rc != 0)
		return port_fail(p, rc, "device tells nothing of itself", "report this device");
	snprintf(p->driver, sizeof(p->driver), "%s", info.driver_name);
	p->n_queues = RTE_MIN(info.max_rx_queues, info.max_tx_queues);
	p->n_queues = RTE_MIN(p->n_queues, app->n_workers);
	if (p->n_queues == 0)
		return port_fail(p, -ENOTSUP, "device has no queues", "use another device");
	/* tap takes several queues but spreads nothing over them that steering would not. Of memif's
	 * the peer may open fewer, and nothing tells: what is sent to the others stays there. */
	if (strcmp(p->driver, "net_tap") == 0 || strcmp(p->driver, "net_memif") == 0)
		p->n_queues = 1;
	/* tap's checksum offload is software that the parser does better. */
	if (strcmp(p->driver, "net_tap") != 0)
		conf.rxmode.offloads = info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_CHECKSUM;
	conf.txmode.offloads = info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	p->multi_segs = conf.txmode.offloads != 0;
	conf.rxmode.mtu = RTE_ETHER_MTU;
	port_rss_conf(p, &info, &conf, key);
	port_share_queues(p, app->n_workers);
	rc = rte_eth_dev_configure(p->dev, p->n_queues, p->n_queues, &conf);
	if (rc != 0)
		return port_fail(p, rc, "device cannot be configured", "lower workers");
	rc = port_set_mtu(p);
	if (rc != 0)
		return rc;
	rc = port_queues(app, p, &info, &conf);
	if (rc != 0)
		return rc;
	rc = rte_eth_dev_start(p->dev);
	if (rc != 0)
		return port_fail(p, rc, "device does not start",
				 "raise memory.mbufs, which fill its receive rings, or else report "
				 "this device");
	p->started = true;
	port_set_reta(p, &info);
	/* Solicited-node groups: all multicast where there is that, else all there is. */
	if (rte_eth_allmulticast_enable(p->dev) != 0)
		rte_eth_promiscuous_enable(p->dev);
	rc = rte_eth_macaddr_get(p->dev, &p->mac);
	return rc == 0 ? 0 : port_fail(p, rc, "device has no MAC address", "report this device");
}

int port_init_all(struct app *app)
{
	const struct config *cfg = app->cfg;

	app->n_ports = cfg->n_ports;
	for (uint16_t i = 0; i < cfg->n_ports; i++) {
		struct port *p = &app->ports[i];
		int rc;

		p->cfg = &cfg->ports[i];
		p->index = i;
		rc = port_find(p);
		if (rc == 0)
			rc = port_configure(app, p);
		if (rc != 0)
			return rc;
	}
	return 0;
}

void port_close_all(struct app *app)
{
	for (uint16_t i = 0; i < app->n_ports; i++) {
		struct port *p = &app->ports[i];

		if (!p->started)
			continue;
		rte_eth_dev_stop(p->dev);
		rte_eth_dev_close(p->dev);
		p->started = false;
	}
}

bool port_link_up(const struct port *p)
{
	struct rte_eth_link link;

	return rte_eth_link_get_nowait(p->dev, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}
