# SPDX-License-Identifier: BSD-3-Clause
"""What real clients do: many at once, dying, half-closing, stalling; curl, wrk and iperf3."""
import hashlib
import json
import re
import signal

import pytest

from conftest import BIG, MIB, spec_id, specs
from lab import PORT_IPERF, Spec, wait_for

SPECS = (Spec(), Spec(workers=2), Spec(port="af_packet", workers=2, family=6))
WRAPS = (["mptcpize", "run"], [])


@pytest.mark.parametrize("mode", ("down", "up", "both", "half"))
@specs(*SPECS)
def test_200_clients_at_once(lab, mode, counted):
    lab.transfer(mode, 256 << 10, count=200)
    assert counted("RelayAccepted") == counted("MPCapableACKRX") == 200


@specs(*SPECS)
def test_200_clients_at_once_with_loss(lab):
    lab.loss(0, 1)
    lab.transfer("both", 128 << 10, count=200)


@specs(*SPECS)
def test_many_short_connections(lab, counted):
    for _ in range(5):
        lab.transfer("both", 1000, count=100)
    assert counted("RelayAccepted") == 500


@pytest.mark.parametrize("sig", (signal.SIGKILL, signal.SIGTERM))
@pytest.mark.parametrize("mode", ("down", "up", "both"))
@specs(*SPECS)
def test_client_killed_in_mid_transfer(lab, mode, sig):
    """The fixture then checks that nothing of the connection is left in mpgate."""
    before = lab.all_bytes()
    t = lab.transfer_start(mode, 4096 * MIB)
    lab.wait_moved(before, 8 * MIB)
    t.stop(sig)


@specs(*SPECS)
def test_50_clients_killed(lab):
    before = lab.all_bytes()
    t = lab.transfer_start("both", 512 * MIB, count=50)
    lab.wait_moved(before, 32 * MIB)
    t.stop(signal.SIGKILL)


@pytest.mark.parametrize("spec", SPECS, ids=spec_id)
def test_server_killed_in_mid_transfer(own_lab, spec):
    lab = own_lab(spec)
    before = lab.all_bytes()
    t = lab.transfer_start("both", 4096 * MIB, extra=("--timeout", 20))
    lab.wait_moved(before, 8 * MIB)
    lab.procs["peer-server"].stop(signal.SIGKILL)
    (r,) = lab.transfer_result(t)
    assert not r["ok"] and "timed out" not in r["error"], r
    lab.wait_idle()


@pytest.mark.parametrize("mptcp", (True, False))
@specs(*SPECS)
def test_half_close(lab, mptcp):
    (r,) = lab.transfer("half", BIG // 2, mptcp=mptcp)
    assert r["fallback"] != mptcp
    lab.loss(0, 1)
    lab.transfer("half", BIG // 4, mptcp=mptcp)


@specs(*SPECS)
def test_client_that_does_not_read_is_not_buffered_for(lab, counted):
    """Backpressure: while the client sleeps, mpgate takes no more than its relay buffer holds."""
    t = lab.transfer_start("down", 64 * MIB, extra=("--stall", "6"))
    last = [-1]

    def still():
        now, last[0] = last[0], counted("RelayBytesToClient")
        return last[0] > 0 and now == last[0]
    wait_for("the relay stops", still, 5, step=0.2)
    assert last[0] < 24 * MIB  # the client's receive buffer and what was acknowledged before
    held = lab.counters()["CurrSegs"] * 1300
    assert held < 4 * lab.spec.relay_buffer, f"about {held} octets are held"
    lab.transfer_end(t)


def curl(lab, wrap, *flags, family=None):
    want = lab.make_file("curl", 16)
    out = lab.tmp / "curl.out"
    lab.run("client", *wrap, "curl", "-gsSf", *flags, "-o", out, lab.url("/curl", family))
    with open(out, "rb") as f:
        assert hashlib.file_digest(f, "sha256").hexdigest() == want


@pytest.mark.parametrize("percent", (0, 1), ids="loss{}".format)
@pytest.mark.parametrize("wrap", WRAPS, ids=("mptcp", "tcp"))
@specs(*SPECS)
def test_curl(lab, wrap, percent, counted):
    lab.loss(0, percent)
    curl(lab, wrap)
    assert counted("MPCapableACKRX") == (1 if wrap else 0)


@pytest.mark.parametrize("family", (4, 6))
@specs(*SPECS[:2])
def test_client_of_another_network(lab, family):
    """Reached by a route of mpgate's through the host on path 0."""
    addr, opt = {4: ("10.50.0.1/32", "-4"), 6: ("fd00:50::1/128", "-6")}[family]
    lab.ip("client", opt, "addr", "add", addr, "dev", "lo", *(["nodad"] if family == 6 else []))
    try:
        lab.ip("client", opt, "neigh", "flush", "dev", "p0")  # so that it asks for mpgate's address
        curl(lab, [], "--interface", addr.split("/")[0], family=family)
    finally:
        lab.ip("client", opt, "addr", "del", addr, "dev", "lo")


@pytest.mark.parametrize("size", (56, 1400))
@pytest.mark.parametrize("family", (4, 6))
@specs(*SPECS)
def test_ping(lab, family, size):
    for path in range(lab.spec.paths):
        text = lab.run("client", "ping", "-c", "5", "-i", "0.1", "-W", "2", "-s", size,
                       lab.gw_addr(path, family))
        assert "5 received" in text and " 0% packet loss" in text, text


@pytest.mark.parametrize("percent", (0, 1), ids="loss{}".format)
@pytest.mark.parametrize("wrap", WRAPS, ids=("mptcp", "tcp"))
@specs(*SPECS)
def test_wrk(lab, wrap, percent, counted):
    lab.loss(0, percent)
    text = lab.run("client", *wrap, "wrk", "-t1", "-c50", "-d2", "--timeout", "10", lab.url("/4k"))
    assert "Socket errors" not in text and "Non-2xx" not in text, text
    assert float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1)) > 100, text
    assert counted("MPCapableACKRX") >= (50 if wrap else 0)
    assert wrap or counted("MPCapableACKRX") == 0


def crossed(end):
    """Whether the server of iperf3 --bidir took one stream for the other: it knows them by the order in
    which it accepts them, and the servers' side of two connections is opened side by side. Then both
    ends send on the one and both wait on the other."""
    return "sum_received_bidir_reverse" in end and all(
        end["sum_sent" + way]["bytes"] > 0 and end["sum_received" + way]["bytes"] == 0
        for way in ("", "_bidir_reverse"))


@pytest.mark.parametrize("percent", (0, 1), ids="loss{}".format)
@pytest.mark.parametrize("flags", ([], ["-R"], ["--bidir"], ["-P", "4"]), ids=" ".join)
@specs(*SPECS)
def test_iperf3(lab, flags, percent, counted):
    lab.loss(0, percent)
    for _ in range(5):
        text = lab.run("client", "mptcpize", "run", "iperf3", "-J", "-c", lab.gw_addr(0), "-p",
                       PORT_IPERF, "-t", "2", *flags, check=False)
        res = json.loads(text)
        assert "error" not in res, res["error"]
        if not crossed(res["end"]):
            break
    assert res["end"]["sum_received"]["bytes"] > MIB, text
    assert counted("MPCapableACKRX") >= 2  # its control connection is one
