# SPDX-License-Identifier: BSD-3-Clause
"""Servers that speak MPTCP: the kernel's, behind mpgate in the client role."""
import contextlib

import pytest

from conftest import BIG, MIB, specs
from lab import Spec, wait_for

ONE = (Spec(server_mptcp=True), Spec(server_mptcp=True, workers=2, family=6, port="af_packet"),
       Spec(server_mptcp=True, checksum=True))
SEVERAL = (Spec(server_mptcp=True, server_addrs=3), Spec(server_mptcp=True, server_addrs=3, workers=2, family=6))
MODES = ("down", "up", "both", "half")


def server_count(lab, name):
    return lab.nstat("server")[name]


@pytest.mark.parametrize("mptcp", (True, False))
@pytest.mark.parametrize("mode", MODES)
@specs(*ONE)
def test_server_speaks_mptcp(lab, mode, mptcp, counted):
    """Whatever the client speaks; the kernel takes the keys, checksum and all, and does not fall back."""
    before = {n: server_count(lab, n) for n in ("MPTcpExtMPCapableACKRX", "MPTcpExtMPCapableFallbackACK",
                                                "MPTcpExtDataCsumErr", "MPTcpExtMPCapableDataFallback")}
    lab.transfer(mode, BIG, mptcp=mptcp)
    now = {n: server_count(lab, n) - v for n, v in before.items()}
    assert now == {"MPTcpExtMPCapableACKRX": 1, "MPTcpExtMPCapableFallbackACK": 0, "MPTcpExtDataCsumErr": 0,
                   "MPTcpExtMPCapableDataFallback": 0}
    assert counted("MPCapableSYNTX") == counted("MPCapableSYNACKRX") == 1
    assert counted("MPCapableFallbackSYNACK") == 0


@specs(*ONE)
def test_many_at_once(lab, counted):
    lab.transfer("both", 64 << 10, count=200)
    assert counted("MPCapableSYNACKRX") == 200


@specs(*ONE)
def test_server_does_not_speak_mptcp(lab, counted):
    """iperf3 is plain TCP: one SYN with the option, and plain TCP."""
    out = lab.run("client", "iperf3", "-J", "-c", lab.gw_addr(0), "-p", 5201, "-n", 4 * MIB)
    assert '"error"' not in out
    assert counted("MPCapableFallbackSYNACK") == 2 and counted("MPCapableSYNACKRX") == 0


@pytest.mark.parametrize("mode", MODES)
@specs(*SEVERAL)
def test_joins_the_server(lab, mode, counted):
    """mpgate joins over the addresses that the server announces."""
    before = server_count(lab, "MPTcpExtMPJoinAckRx")
    lab.transfer(mode, BIG)
    assert counted("MPJoinSynTx") == counted("MPJoinSynAckRx") == 2
    assert counted("MPJoinSynAckHMacFailure") == 0
    assert server_count(lab, "MPTcpExtMPJoinAckRx") - before == 2


@pytest.mark.parametrize("mode", ("down", "up", "both"))
@specs(*SEVERAL)
def test_uses_all_paths_to_the_server(lab, mode):
    t = lab.transfer_start(mode, 1 << 40)

    def used():
        rows = [r for r in lab.subflows("server") if r["state"] == "ESTABLISHED"]
        return len(rows) == 3 and all(max(r["bytes_sent"], r["bytes_received"]) > MIB for r in rows)
    wait_for("a MiB on each of three subflows", used, 60)
    t.stop()


@contextlib.contextmanager
def small_buffers(lab):
    """The server's sockets do not grow: what is in flight fills all the memory they have, again and again."""
    old = lab.run("server", "sysctl", "-n", "net.ipv4.tcp_rmem").split()
    lab.sysctl("server", net__ipv4__tcp_rmem=f"{old[0]} {old[1]} {old[1]}")
    try:
        yield
    finally:
        lab.sysctl("server", net__ipv4__tcp_rmem=" ".join(old))


@contextlib.contextmanager
def loses(lab, i, percent):
    """Packets with payload on their way to the server's i-th address are lost."""
    ip, addr = ("ip", f"10.9.0.{i + 2}") if lab.spec.family == 4 else ("ip6", f"fd00:9::{i + 2}")
    lab.nft("server", "table inet loss { chain c { type filter hook input priority 0; "
                      f"{ip} daddr {addr} meta length > 200 numgen random mod 100 < {percent} drop; }}; }};")
    try:
        yield
    finally:
        lab.nft("server", "delete table inet loss")


@specs(*SEVERAL)
def test_loss_while_the_server_is_full(lab):
    """The kernel takes nothing that fills a gap once what lies behind it has taken the memory: mpgate must not
    send so much."""
    with small_buffers(lab), loses(lab, 2, 2):
        for _ in range(6):
            lab.transfer("up", 20 * MIB)
