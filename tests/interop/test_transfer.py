# SPDX-License-Identifier: BSD-3-Clause
"""Bulk transfers with equal hashes: every port type, worker count, family and number of paths."""
import contextlib
import pathlib
import signal
import sys

import pytest

from conftest import BIG, KERNEL_LINGERS, MIB, specs
from lab import Spec

GRID = [Spec(port=p, workers=w, family=f, paths=n)
        for p in ("af_xdp", "af_packet") for w in (1, 2) for f in (4, 6) for n in (2, 4)]
MODES = ("down", "up", "both")


def bulk(lab, mode, size):
    (r,) = lab.transfer(mode, size)
    assert not r["fallback"]
    assert r["subflows"] == lab.spec.paths
    assert r["checksum"] == lab.spec.checksum


@pytest.mark.parametrize("mode", MODES)
@specs(*GRID)
def test_bulk(lab, mode):
    bulk(lab, mode, BIG)


@pytest.mark.parametrize("mode", MODES)
@specs(*GRID[:2], *GRID[-2:])
def test_every_path_carries(lab, mode):
    """As minRTT has it: the next path is taken when the better ones are full."""
    lab.shape(60)
    before = [sum(lab.path_bytes(i)) for i in range(lab.spec.paths)]
    bulk(lab, mode, 24 * MIB)
    carried = [sum(lab.path_bytes(i)) - b for i, b in enumerate(before)]
    assert min(carried) > 0.01 * sum(carried), f"a path was hardly used: {carried}"


@pytest.mark.parametrize("mode", MODES)
@specs(*GRID)
def test_bulk_with_loss(lab, mode):
    lab.loss(0, 1)
    (r,) = lab.transfer(mode, BIG)
    assert not r["fallback"]


@pytest.mark.parametrize("mode", MODES)
@specs(Spec(direct=True, idle="poll"))
def test_bulk_polling(lab, mode):
    bulk(lab, mode, BIG)


def napi_threads(lab):
    """(CPU it ran on last, times it slept) of the NAPI thread of each interface of gw."""
    out = []
    for comm in pathlib.Path("/proc").glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):  # a process that has just ended
            if comm.read_text().startswith(tuple(f"napi/{dev}-" for dev in lab.gw_devs())):
                stat = comm.with_name("stat").read_text().rpartition(")")[2].split()
                slept = next(int(line.split()[1]) for line in comm.with_name("status").read_text()
                             .splitlines() if line.startswith("voluntary_ctxt_switches"))
                out.append((int(stat[36]), slept))
    return out


YIELDING = Spec(direct=True, idle="yield", napi_thread=True)


@pytest.mark.parametrize("mode", MODES)
@specs(YIELDING)
def test_napi_beside_the_worker(lab, mode):
    before = napi_threads(lab)
    bulk(lab, mode, BIG)
    after = napi_threads(lab)
    assert len(after) == len(lab.gw_devs())
    assert {cpu for cpu, _ in after} == {lab.cores[0]}
    assert all(now > then for (_, then), (_, now) in zip(before, after)), (before, after)


@specs(YIELDING)
def test_an_idle_worker_yields(lab):
    """A batch task that wakes up never interrupts a worker: it runs when that gives way, or after its
    time slice of milliseconds."""
    late_ms = lab.run("gw", "chrt", "--batch", "0", "taskset", "-c", lab.cores[0], sys.executable, "-c", """
import statistics, time
late = []
for _ in range(200):
    start = time.monotonic()
    time.sleep(0.001)
    late.append(time.monotonic() - start - 0.001)
print(statistics.median(late) * 1000)""")
    assert float(late_ms) < 0.5


@pytest.mark.parametrize("mode", MODES)
@specs(Spec(port="tap"), Spec(port="tap", workers=2, family=6))
def test_bulk_tap(lab, mode):
    bulk(lab, mode, BIG // 4)
    lab.loss(0, 1)
    lab.transfer(mode, BIG // 8)


@pytest.mark.parametrize("mode", MODES)
@specs(Spec(port="memif"), Spec(port="memif", workers=2, family=6))
def test_bulk_memif(lab, mode):
    bulk(lab, mode, BIG // 8)


@pytest.mark.parametrize("mode", MODES + ("half",))
@specs(Spec(), Spec(port="af_packet", family=6), Spec(checksum=True), Spec(signal=True))
def test_tshark_finds_nothing_wrong(lab, mode):
    """lab.capture() raises for a malformed packet or a wrong checksum."""
    if lab.spec.signal:
        lab.endpoints()
    with lab.capture():
        lab.transfer(mode, 2 * MIB)


# What happens, and the counter that shows it
EVENTS = {
    "cut": (lambda lab: lab.cut(0), "TCPTimeouts"),
    "stripped": (lambda lab: lab.strip("established-out", 1), None),
    "address removed": (lambda lab: lab.ip("client", "mptcp", "endpoint", "delete", "id", "1"),
                        "RmAddr"),
    "priority": (lambda lab: lab.ip("client", "mptcp", "endpoint", "change", lab.client_addr(1),
                                    "backup"), "MPPrioRx"),
}


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
@specs(Spec(paths=4), Spec(workers=2, family=6))
def test_tshark_finds_nothing_wrong_when_paths_change(lab, event, counted):
    change, counter = event
    lab.shape(60)
    before = lab.all_bytes()
    with lab.capture():
        t = lab.transfer_start("down", 12 * MIB)
        lab.wait_moved(before, 4 * MIB)
        change(lab)
        lab.transfer_end(t)
    assert counter is None or counted(counter) >= 1


@specs(Spec(), Spec(workers=2, family=6))
def test_tshark_finds_nothing_wrong_when_a_client_dies(lab):
    before = lab.all_bytes()
    with lab.capture():
        t = lab.transfer_start("both", 4096 * MIB)
        lab.wait_moved(before, 4 * MIB)
        t.stop(signal.SIGKILL)
        lab.wait_idle(KERNEL_LINGERS)


@specs(Spec())
def test_tshark_takes_no_payload_for_a_protocol(lab):
    with lab.capture():
        lab.transfer("both", 2 * MIB, extra=("--source-port", 57000))  # IRC, to tshark


@pytest.mark.parametrize("what", ("syn", "synack"))
@specs(Spec())
def test_tshark_finds_nothing_wrong_in_plain_tcp(lab, what):
    lab.strip(what, 0)
    with lab.capture():
        lab.transfer("both", 2 * MIB)


@pytest.mark.parametrize("mode", MODES)
@specs(Spec(checksum=True), Spec(checksum=True, workers=2, family=6))
def test_dss_checksum(lab, mode, counted, client_counted):
    (r,) = lab.transfer(mode, BIG // 2)
    assert not r["fallback"]
    assert r["checksum"], "the kernel says that no DSS checksum was negotiated"
    assert counted("DataCsumErr") == 0
    assert client_counted("DataCsumErr") == 0
    lab.loss(0, 1)
    lab.transfer(mode, BIG // 4)
    assert counted("DataCsumErr") == 0
