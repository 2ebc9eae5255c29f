# SPDX-License-Identifier: BSD-3-Clause
"""Subflows that come, go, rest and come back, seen from the kernel's side and from mpgate's."""
import pathlib

import pytest

from conftest import BIG, MIB, specs
from lab import PYTHON, Spec, wait_for

BASIC = (Spec(), Spec(port="af_packet", workers=2), Spec(workers=2, family=6, paths=4))
SIGNAL = (Spec(signal=True), Spec(signal=True, workers=2, paths=4),
          Spec(signal=True, port="af_packet", family=6))
LOSS = (0, 1)  # percent
RATE = 100  # Mbit/s a path where something has to happen in the middle
ROUTER = pathlib.Path(__file__).with_name("router.py")
DEEP = 200  # ms of queue: more than the relay's buffer, so that nothing is lost and sent again


@specs(*BASIC)
def test_client_joins(lab, counted, client_counted):
    with lab.monitor() as seen:
        lab.transfer("both", BIG // 4)
        n = lab.spec.paths - 1
        wait_for("monitor tells of the joins", lambda: seen().count("SF_ESTABLISHED") == n)
    assert client_counted("MPJoinSynAckRx") == n
    assert client_counted("MPJoinSynAckHMacFailure") == 0
    assert counted("MPCapableSYNRX") == counted("MPCapableACKRX") == 1
    assert counted("MPJoinSynRx") == counted("MPJoinAckRx") == n
    assert counted("MPJoinAckHMacFailure") == 0


@pytest.mark.parametrize("percent", LOSS, ids="loss{}".format)
@specs(*SIGNAL)
def test_server_signals_addresses(lab, percent, counted, client_counted):
    lab.endpoints()
    lab.loss(0, percent)
    lab.shape(RATE)
    n, before = lab.spec.paths - 1, lab.all_bytes()
    with lab.monitor() as seen:
        t = lab.transfer_start("both", BIG // 2)
        lab.wait_moved(before, MIB)
        with t.paused():  # what a path loses of this is said again after 1 and after 3 s
            wait_for("monitor tells of addresses and joins, mpgate of echoes",
                     lambda: seen().count("ANNOUNCED") >= n and seen().count("SF_ESTABLISHED") == n
                     and counted("EchoAdd") >= n)
        (r,) = lab.transfer_end(t)
        assert percent or seen().count("ANNOUNCED") == n
    assert r["subflows"] == n + 1
    assert client_counted("AddAddr") >= n
    assert client_counted("AddAddrDrop") == 0
    assert client_counted("MPJoinSynAckRx") == n
    assert counted("AddAddrTx") >= n
    assert counted("MPJoinAckRx") == n


@specs(*BASIC)
def test_show_subflows(lab):
    """What mpgatectl shows during a transfer agrees with what the lab knows."""
    lab.shape(RATE // lab.spec.paths)  # no path alone is enough
    t = lab.transfer_start("down", 12 * MIB * lab.spec.paths)

    def rows():
        r = lab.subflows()
        return r if len(r) == lab.spec.paths and all(x["bytes_sent"] > MIB // 8 for x in r) else None
    rows = wait_for("all subflows carry data", rows, 10)
    assert sorted(lab.path_of(r) for r in rows) == list(range(lab.spec.paths))
    assert len({r["conn"] for r in rows}) == 1
    assert len({r["worker"] for r in rows}) == 1
    for r in rows:
        assert r["state"].upper().startswith("ESTAB")
        assert r["rtt_us"] > 0 and r["cwnd"] > 0 and not r["backup"]
    assert len({r["addr_id_remote"] for r in rows}) == lab.spec.paths
    conns = lab.ctl("show", "connections")
    conns = conns["connections"] if isinstance(conns, dict) else conns
    assert len(conns) == 1
    for what in ("status", "ports", "listeners", "connections", "subflows", "counters"):
        assert lab.ctl("show", what, json_out=False).strip()
    lab.transfer_end(t)


@pytest.mark.parametrize("mode", ("down", "up"))
@pytest.mark.parametrize("percent", LOSS, ids="loss{}".format)
@specs(*BASIC[:2])
def test_backup_path_rests_until_it_is_needed(lab, percent, mode):
    lab.endpoints("subflow", "backup")
    lab.shape(RATE, DEEP)
    lab.loss(1, percent)
    before, rest = lab.all_bytes(), sum(lab.path_bytes(1))
    t = lab.transfer_start(mode, 32 * MIB)
    lab.wait_moved(before, 8 * MIB)
    if mode == "down":
        backup = [r["backup"] for r in sorted(lab.subflows(), key=lab.path_of)]
        assert backup == [False, True]
    quiet = sum(lab.path_bytes(1)) - rest
    assert quiet < 50_000, f"{quiet} octets on the backup path while the other worked"
    lab.cut(0)
    lab.transfer_end(t)
    assert sum(lab.path_bytes(1)) - rest > 8 * MIB


@pytest.mark.parametrize("mode", ("down", "up"))
@pytest.mark.parametrize("how", ("drop", "client-link", "gate-link"))
@pytest.mark.parametrize("path", (0, 1))
@specs(Spec(), Spec(port="af_packet", workers=2, family=6))
def test_cut(lab, path, how, mode):
    lab.shape(RATE)
    before = lab.all_bytes()
    t = lab.transfer_start(mode, 24 * MIB)
    lab.wait_moved(before, 8 * MIB)
    lab.cut(path, how)
    lab.transfer_end(t)


@pytest.mark.parametrize("mode", ("down", "up"))
@pytest.mark.parametrize("path", (0, 1))
@pytest.mark.parametrize("percent", LOSS, ids="loss{}".format)
@specs(Spec(), Spec(port="af_packet", workers=2))
def test_cut_and_restore(lab, percent, path, mode):
    """After it is whole again the path carries data of the same connection."""
    lab.shape(RATE)
    lab.loss(1 - path, percent)
    before = lab.all_bytes()
    t = lab.transfer_start(mode, 96 * MIB)
    lab.wait_moved(before, 6 * MIB)
    lab.cut(path)
    lab.wait_moved(sum(lab.path_bytes(1 - path)), 6 * MIB, path=1 - path)
    lab.restore(path)
    lab.wait_moved(sum(lab.path_bytes(path)), 2 * MIB, path=path)
    lab.transfer_end(t)


@pytest.mark.parametrize("mode", ("down", "up", "both"))
@pytest.mark.parametrize("direction", ("in", "out"))
@specs(Spec(), Spec(port="af_packet", workers=2, family=6))
def test_loss_one_way(lab, direction, mode):
    lab.loss(1, 1, direction)
    lab.transfer(mode, BIG // 2)


@specs(Spec(), Spec(workers=2))
def test_loss_on_both_paths_with_a_cut(lab):
    lab.shape(RATE)
    for i in (0, 1):
        lab.loss(i, 1)
    before = lab.all_bytes()
    t = lab.transfer_start("both", 12 * MIB)
    lab.wait_moved(before, 6 * MIB)
    lab.cut(0)
    lab.transfer_end(t)


@specs(Spec())
def test_client_removes_its_address(lab, counted):
    lab.shape(RATE)
    before = lab.all_bytes()
    t = lab.transfer_start("down", 24 * MIB)
    lab.wait_moved(before, 6 * MIB)
    # "flush" would close the subflow without a word: the kernel then removes what it announced only.
    lab.ip("client", "mptcp", "endpoint", "delete", "id", "1")
    wait_for("REMOVE_ADDR", lambda: counted("RmAddr") >= 1)
    wait_for("its subflow is gone", lambda: len(lab.subflows()) == 1)
    lab.transfer_end(t)


@specs(Spec())
def test_client_changes_priority(lab, counted):
    """The kernel sends MP_PRIO when an endpoint is made a backup; the path then rests."""
    lab.shape(RATE, DEEP)
    before = lab.all_bytes()
    t = lab.transfer_start("down", 36 * MIB)
    lab.wait_moved(before, 6 * MIB)
    lab.ip("client", "mptcp", "endpoint", "change", lab.client_addr(1), "backup")
    wait_for("MP_PRIO", lambda: counted("MPPrioRx") >= 1)
    wait_for("mpgate knows it", lambda: sum(r["backup"] for r in lab.subflows()) == 1)
    lab.wait_moved(lab.all_bytes(), 2 * MIB)  # what was in flight is through
    rest = lab.path_bytes(1)[0]
    lab.wait_moved(lab.all_bytes(), 6 * MIB)
    assert lab.path_bytes(1)[0] - rest < 100_000
    lab.transfer_end(t)


@pytest.mark.parametrize("told", (True, False), ids=("router", "hole"))
@specs(*BASIC)
def test_small_mtu_on_the_way(lab, told, counted):
    """A link behind mpgate's takes 1400 octets, and a router says so or nobody does."""
    lab.endpoints()
    lab.small_mtu(0, 1400)
    router = told and lab.start("net", PYTHON, ROUTER, "a0", 1400)
    if router:
        wait_for("the router listens", lambda: "listening" in router.err())
    try:
        lab.transfer("down", 4 * MIB)
    finally:
        if router:
            router.stop()
    assert (counted("PmtuIcmp") > 0) == told
    assert (counted("PmtuBlackhole") > 0) != told
