# SPDX-License-Identifier: BSD-3-Clause
"""The configuration of mpgate in a lab: its listeners, and the pools behind them."""

PORT_HTTP, PORT_IPERF, PORT_PEER = 80, 5201, 9000
PORT_ONE_REFUSED, PORT_ALL_REFUSED, PORT_ONE_SILENT = 9001, 9002, 9003
# Of the pool with a silent server: no test waits long for it. Others outlive a lost SYN (1 s).
CONNECT_MS = {"one_silent": 500}
PORT_NONE = 9999  # no listener
PORT_DEAD = 1     # nothing listens there in the server namespace


def gate_yaml(lab, hugepages=True, **over):
    """The YAML text of mpgate's configuration for a lab."""
    s = lab.spec
    q = lab.hostport
    srv = lab.server_addr()
    pools = {
        "web": [(srv, PORT_HTTP)], "iperf": [(srv, PORT_IPERF)], "peer": [(srv, PORT_PEER)],
        "one_refused": [(srv, PORT_DEAD), (srv, PORT_PEER)],
        "all_refused": [(srv, PORT_DEAD), (srv, PORT_DEAD + 1)],
        # nobody has that address: never an answer, not even a neighbour
        "one_silent": [("10.9.0.66" if s.family == 4 else "fd00:9::66", PORT_PEER),
                       (srv, PORT_PEER)],
    }
    listeners = {"web": PORT_HTTP, "iperf": PORT_IPERF, "peer": PORT_PEER,
                 "one_refused": PORT_ONE_REFUSED, "all_refused": PORT_ALL_REFUSED,
                 "one_silent": PORT_ONE_SILENT}
    v = {"mbufs": s.mbufs, "connections": 4096, "subflows": 32768, **over}
    y = [f"workers: {s.workers}", f"cores: {lab.cores}",
         f"control_core: {lab.peer_cpus[0]}",
         f"idle: {s.idle}",
         "memory:", f"  hugepages: {'true' if hugepages else 'false'}",
         *(f"  {k}: {v[k]}" for k in ("mbufs", "connections", "subflows")),
         f"  relay_buffer: {s.relay_buffer}", "ports:"]
    for i, dev in enumerate(lab.gw_devs()):
        net = 9 if dev == "mpgs" else i + 1
        y += [f"  - name: {dev}", f"    device: {lab.device(i, dev)}", "    mtu: 1500",
              f'    addresses: ["10.{net}.0.1/24", "fd00:{net}::1/64"]']
    y += ["routes:", f"  - {{to: 10.50.0.0/24, via: {lab.client_addr(0, 4)}}}",
          f"  - {{to: 'fd00:50::/64', via: '{lab.client_addr(0, 6)}'}}", "pools:"]
    for name, servers in pools.items():
        y += [f"  - name: {name}", f"    connect_timeout_ms: {CONNECT_MS.get(name, 5000)}",
              f"    mptcp: {'true' if s.server_mptcp else 'false'}",
              "    servers:", *(f'      - "{q(*hp)}"' for hp in servers)]
    y.append("listeners:")
    for name, port in listeners.items():
        y += [f"  - name: {name}", f"    port: {port}", f"    pool: {name}", "    mptcp: true"]
    y += ["mptcp:", f"  checksum: {'true' if s.checksum else 'false'}", "  subflows: 8"]
    y += [f"  {k}: {v}" for k, v in (("congestion", s.congestion), ("scheduler", s.scheduler)) if v]
    if s.signal:
        y += ["  endpoints:", *(f'    - address: "{lab.gw_addr(i)}"'
                             for i in range(1, s.paths))]
    y += ["tcp:", "  congestion: cubic", f"  time_wait_ms: {s.time_wait_ms}",
          "control:", f"  socket: {lab.socket}", f"  drain_ms: {s.drain_ms}"]
    return "\n".join(y) + "\n"
