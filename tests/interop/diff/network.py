# SPDX-License-Identifier: BSD-3-Clause
"""The lab with a second listener beside mpgate: Linux's own, in a namespace that only the client's reaches.

    client ns                          gw ns                    server ns
    p0 10.1.0.2/24 ------------------- mpg0 - mpgate - mpgs --- s0 10.9.0.2/24, diff/server.py
    k0 ------------------------------- k1 10.30.0.1/24, diff/server.py
                                       kernel ns

Scripts come from addresses behind the client's (10.50.0.0/24, fd00:50::/64), for which no stack answers.
"""
import json
import pathlib
import re

from diff.peer import Target
from diff.script import PORTS
from lab import PYTHON, Lab, Spec, wait_for

SERVER = pathlib.Path(__file__).resolve().parent / "server.py"
SPEC = Spec(port="af_packet", paths=1, direct=True, time_wait_ms=3000, relay_buffer=1 << 16)
# Nothing that counts answers or puts them off; TIME_WAIT as in RFC 1337.
KERNEL = {"net.core.somaxconn": 8192, "net.ipv4.tcp_max_syn_backlog": 8192, "net.ipv4.tcp_syncookies": 0,
          "net.ipv4.tcp_invalid_ratelimit": 0, "net.ipv4.tcp_challenge_ack_limit": 1 << 30,
          "net.ipv4.tcp_timestamps": 1, "net.ipv4.tcp_sack": 1, "net.ipv4.tcp_dsack": 1,
          "net.ipv4.tcp_window_scaling": 1, "net.ipv4.tcp_ecn": 2, "net.ipv4.tcp_comp_sack_nr": 0,
          "net.ipv6.conf.default.accept_dad": 0, "net.ipv6.conf.default.accept_ra": 0,
          "net.ipv4.tcp_rfc1337": 1, "net.ipv4.tcp_fastopen": 0, "net.ipv4.tcp_no_metrics_save": 1}


class DiffLab(Lab):
    """Use as a context manager; targets() are what scripts are played to."""

    def __init__(self):
        super().__init__(SPEC)
        self.ns["kernel"] = f"{self.prefix}-kernel"

    def _mac(self, ns, dev):
        return json.loads(self.ip(ns, "-j", "link", "show", "dev", dev))[0]["address"]

    def _links(self):
        super()._links()
        self.sysctl("kernel", **KERNEL)
        self._veth("client", "k0", "kernel", "k1")
        for opt, addr, net, via in (("-4", "10.30.0.1/24", "10.50.0.0/24", "10.30.0.2"),
                                    ("-6", "fd00:30::1/64", "fd00:50::/64", "fd00:30::2")):
            nodad = ["nodad"] if opt == "-6" else []
            self.ip("kernel", opt, "addr", "add", addr, "dev", "k1", *nodad)
            self.ip("kernel", opt, "neigh", "add", via, "lladdr", self._mac("client", "k0"), "dev", "k1")
            self.ip("kernel", opt, "route", "add", net, "via", via, "dev", "k1")

    def _servers(self):
        ports = {n: p for n, p in PORTS.items() if n != "none"}
        for ns in ("server", "kernel"):
            self.start(ns, PYTHON, SERVER, *(f"{n}={p}" for n, p in ports.items()), name=f"app-{ns}")
            wait_for("servers listening", lambda ns=ns: set(ports.values()) <= {
                int(line.split()[3].rsplit(":", 1)[1])
                for line in self.run(ns, "ss", "-Htln").splitlines()})

    def config(self, hugepages=True, **over):
        mine = ["pools:"]
        for n, p in PORTS.items():
            if n != "none":
                mine += [f"  - name: {n}", "    servers:",
                         f'      - "{self.hostport(self.server_addr(), p)}"']
        mine.append("listeners:")
        for n, p in PORTS.items():
            if n != "none":
                mine += [f"  - name: {n}", f"    port: {p}", f"    pool: {n}", "    mptcp: false"]
        text = super().config(hugepages, **over)
        return re.sub(r"(?ms)^pools:.*?(?=^mptcp:)", "\n".join(mine) + "\n", text)

    def targets(self):
        """Linux's listener first, then mpgate."""
        return [Target("Linux", self.ns["client"], "k0", self._mac("client", "k0"),
                       self._mac("kernel", "k1"), {4: "10.30.0.1", 6: "fd00:30::1"},
                       ("10.30.0.2", "10.30.0.1")),
                Target("mpgate", self.ns["client"], "p0", *self.macs(),
                       {f: self.gw_addr(0, f) for f in (4, 6)},
                       (self.client_addr(0, 4), self.gw_addr(0, 4)))]
