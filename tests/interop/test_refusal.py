# SPDX-License-Identifier: BSD-3-Clause
"""What is refused and how: upstreams, ports, configurations, a process that is told to end."""
import signal
import subprocess

import pytest

from conftest import MIB, specs
from lab import (PORT_ALL_REFUSED, PORT_NONE, PORT_ONE_REFUSED, PORT_ONE_SILENT, REPO, Lab, Spec,
                 wait_for)

SPECS = (Spec(), Spec(port="af_packet", workers=2, family=6))


@pytest.mark.parametrize("mptcp", (True, False))
@specs(*SPECS)
def test_upstream_refuses_next_one_is_taken(lab, mptcp, counted):
    lab.transfer("both", MIB, port=PORT_ONE_REFUSED, count=4, mptcp=mptcp)
    assert counted("RelayUpstreamRefused") >= 1
    assert counted("RelayUpstreamNone") == 0


@pytest.mark.parametrize("mptcp", (True, False))
@specs(*SPECS)
def test_upstream_is_silent_next_one_is_taken(lab, mptcp, counted):
    lab.transfer("both", MIB, port=PORT_ONE_SILENT, count=4, mptcp=mptcp)
    assert counted("RelayUpstreamTimeout") >= 1
    assert counted("RelayUpstreamNone") == 0


@pytest.mark.parametrize("mptcp", (True, False))
@specs(*SPECS)
def test_all_upstreams_refuse(lab, mptcp, counted):
    t = lab.transfer_start("down", MIB, port=PORT_ALL_REFUSED, mptcp=mptcp)
    (r,) = lab.transfer_result(t)
    assert not r["ok"] and ("Reset" in r["error"] or "BrokenPipe" in r["error"]), r
    assert counted("RelayUpstreamNone") == 1


@pytest.mark.parametrize("mptcp", (True, False))
@specs(*SPECS)
def test_no_listener(lab, mptcp, counted):
    (r,) = lab.transfer_result(lab.transfer_start("down", MIB, port=PORT_NONE, mptcp=mptcp))
    assert "Refused" in r["error"], r
    assert counted("DropNoListener") >= 1 and counted("OutRsts") >= 1


# --- SIGTERM -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("spec", (Spec(drain_ms=20000), Spec(drain_ms=20000, workers=2)),
                         ids=("w1", "w2"))
def test_sigterm_lets_live_connections_end(own_lab, spec):
    lab = own_lab(spec)
    lab.endpoints("subflow")
    lab.shape(100)
    before = lab.all_bytes()
    t = lab.transfer_start("both", 16 * MIB)
    lab.wait_moved(before, 6 * MIB)
    lab.gate.p.send_signal(signal.SIGTERM)

    def refused():
        (r,) = lab.transfer_result(lab.transfer_start("down", 1000, extra=("--timeout", "2")))
        return not r["ok"]
    wait_for("new connections are turned away", refused)
    lab.transfer_end(t)
    assert lab.gate.wait(10) == 0


def test_sigterm_does_not_wait_for_ever(own_lab):
    lab = own_lab(Spec(drain_ms=300))
    lab.shape(20)
    before = lab.all_bytes()
    t = lab.transfer_start("down", 512 * MIB, extra=("--timeout", "10"))
    lab.wait_moved(before, MIB)
    lab.gate.p.send_signal(signal.SIGTERM)
    assert lab.gate.wait(10) == 0
    t.stop(signal.SIGKILL)


def test_sigterm_when_idle(own_lab):
    lab = own_lab(Spec())
    assert lab.stop_gate(timeout=5) == 0
    assert not lab.socket.exists(), "the control socket was left behind"


# --- configurations ------------------------------------------------------------------------------------

def binary():
    return Lab(Spec(gate=False)).build / "app/mpgate/mpgate"


def start(tmp_path, text, *args):
    f = tmp_path / "mpgate.yaml"
    f.write_text(text)
    return subprocess.run([binary(), "-c", f, *args], capture_output=True, text=True, timeout=30,
                          check=False)


def good():
    one = Lab(Spec(port="tap", gate=False))  # needs no interface to be there
    return one.config(hugepages=False, mbufs=16384, connections=256, subflows=1024)


BAD = {
    "unknown key": ("workers: 1", "wrokers: 1"),
    "unknown key below": ("  relay_buffer:", "  relay_bufer:"),
    "not a number": ("workers: 1", "workers: abc"),
    "number out of range": ("workers: 1", "workers: 0"),
    "negative number": ("  subflows: 8", "  subflows: -1"),
    "cores and workers differ": ("workers: 1", "workers: 2"),
    "bad address": ('"10.1.0.1/24"', '"10.1.0.256/24"'),
    "bad prefix length": ('"10.1.0.1/24"', '"10.1.0.1/33"'),
    "no prefix length": ('"10.1.0.1/24"', '"10.1.0.1"'),
    "address twice": ('"10.2.0.1/24"', '"10.1.0.1/24"'),
    "bad server": ("10.9.0.2:80", "10.9.0.2"),
    "bad server port": ("10.9.0.2:80", "10.9.0.2:70000"),
    "unknown pool": ("    pool: web", "    pool: wbe"),
    "unknown congestion control": ("congestion: cubic", "congestion: cubik"),
    "listener port 0": ("    port: 80", "    port: 0"),
    "two listeners on a port": ("    port: 5201", "    port: 80"),
    "not YAML": ("ports:", "ports: ]["),
    "signalled address is nobody's": ("  subflows: 8",
                                      "  subflows: 8\n  signal:\n    - address: 10.77.0.1"),
}


@pytest.mark.parametrize("args", ((), ("--check",)), ids=("start", "check"))
@pytest.mark.parametrize("name", BAD)
def test_bad_configuration(tmp_path, name, args):
    old, new = BAD[name]
    text = good()
    assert old in text
    r = start(tmp_path, text.replace(old, new, 1), *args)
    assert r.returncode == 2, r.stderr
    assert "mpgate.yaml" in r.stderr, r.stderr
    line = next(i for i, t in enumerate(text.replace(old, new, 1).splitlines(), 1)
                if new.splitlines()[-1] in t)
    if name not in ("cores and workers differ", "not YAML", "two listeners on a port",
                    "address twice"):
        assert f"mpgate.yaml:{line}" in r.stderr, r.stderr
    assert "EAL:" not in r.stderr + r.stdout, "ports were touched before the configuration was read"


@pytest.mark.parametrize("text", ("", "\n", "[]\n", "workers: 1\n", "\0\1\2", "a: &a [*a]\n",
                                  "ports: " + "[" * 5000), ids=range(7))
def test_configuration_that_is_none(tmp_path, text):
    r = start(tmp_path, text)
    assert r.returncode == 2 and r.stderr.strip(), r


def test_configuration_file_missing(tmp_path):
    r = subprocess.run([binary(), "-c", tmp_path / "none.yaml"], capture_output=True, text=True,
                       timeout=30, check=False)
    assert r.returncode == 2 and "none.yaml" in r.stderr


def test_check_tells_the_memory(tmp_path):
    r = start(tmp_path, good(), "--check")
    assert r.returncode == 0, r.stderr
    assert "MiB" in r.stdout + r.stderr


def test_too_few_hugepages(tmp_path):
    r = start(tmp_path, good().replace("hugepages: false", "hugepages: true")
              .replace("mbufs: 16384", "mbufs: 1048576"), "--check")
    assert r.returncode == 2, r.stderr
    assert "nr_hugepages" in r.stderr


def test_no_privileges(tmp_path):
    f = tmp_path / "mpgate.yaml"
    f.write_text(good())
    tmp_path.chmod(0o755)
    r = subprocess.run(["setpriv", "--bounding-set=-all", "--inh-caps=-all", binary(), "-c", f],
                       capture_output=True, text=True, timeout=30, check=False)
    assert r.returncode == 2, r.stderr
    assert len(r.stderr.strip().splitlines()) == 1 and "CAP_NET_ADMIN" in r.stderr, r.stderr


def test_example_configurations_are_valid():
    for f in sorted((REPO / "config").glob("*.yaml")):
        r = subprocess.run([binary(), "-c", f, "--check"], capture_output=True, text=True,
                           timeout=30, check=False)
        # What this machine has not got is no fault of the file.
        lacks = ("hugepages", "core", "there is no network interface", "there is no PCI device",
                 "memory left", "lower workers")
        faults = [t for t in r.stderr.splitlines()
                  if f"{f.name}:" in t and not any(x in t for x in lacks)]
        assert not faults, faults
