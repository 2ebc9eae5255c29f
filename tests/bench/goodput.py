#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Goodput of a kernel MPTCP client through mpgate, and through HAProxy in its place.

Same veths, wire-MTU frames, no offloads, two paths; one worker against one HAProxy thread made an
MPTCP listener by mptcpize (HAProxy's splice stays off: MPTCP sockets of some kernels leak memory with
it). Both have the gateway's CPU to themselves, with the kernel's receive work that belongs to them:
HAProxy by RPS, mpgate by scripts/napi-thread (XDP comes before RPS).

The machine's speed drifts, by two and more where it is virtual. So each measurement of mpgate has one of
HAProxy next to it, first or second by turns, and what counts is the median of their ratios; behind it
stands where the true median lies with 90 % (by ranks: no more rounds, no narrower). Kernels have been
seen to stall in such a relay: a round in which HAProxy moves less than a tenth of its best one is shown
and left out. None is for mpgate's sake.
"""
import argparse
import itertools
import json
import math
import pathlib
import platform
import statistics
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "interop"))
from lab import PORT_IPERF, Lab, LabError, Spec, exit_on_signals, sh, wait_for  # noqa: E402 pylint: disable=C0413


def mpgate(a):
    thread = a.napi == "worker" and a.port == "af_xdp"
    lab = Lab(Spec(port=a.port, paths=a.paths, family=a.family, direct=True,
                   idle="yield" if thread else "poll", napi_thread=thread,
                   relay_buffer=a.relay_buffer), build=a.build)
    return lab.__enter__()


def haproxy(a, direct=True):
    """The kernel's addresses in gw, and one HAProxy thread on the worker's core."""
    lab = Lab(Spec(paths=a.paths, family=a.family, direct=direct, gate=False))
    lab.__enter__()
    core = lab.cores[0]
    lab.sysctl("gw", net__ipv6__conf__all__disable_ipv6=0)
    for i, dev in enumerate(lab.gw_devs()):
        net = 9 if dev == "mpgs" else i + 1
        lab.sysctl("gw", **{f"net__ipv6__conf__{dev}__disable_ipv6": 0})
        lab.ip("gw", "link", "set", dev, "arp", "on")
        lab.ip("gw", "addr", "add", f"10.{net}.0.1/24", "dev", dev)
        lab.ip("gw", "-6", "addr", "add", f"fd00:{net}::1/64", "dev", dev, "nodad")
        sh("ip", "netns", "exec", lab.ns["gw"], "sh", "-c",
           f"echo {1 << core:x} > /sys/class/net/{dev}/queues/rx-0/rps_cpus")
    lab.ip("gw", "mptcp", "limits", "set", "subflows", "8", "add_addr_accepted", "8")
    cfg = lab.tmp / "haproxy.cfg"
    cfg.write_text("global\n nbthread 1\ndefaults\n mode tcp\n timeout connect 5s\n"
                   " timeout client 10m\n timeout server 10m\nlisten iperf\n"
                   f" bind 0.0.0.0:{PORT_IPERF}\n bind :::{PORT_IPERF} v6only\n"
                   f" server s {lab.hostport(lab.server_addr(), PORT_IPERF)}\n")
    lab.start("gw", "taskset", "-c", core, "mptcpize", "run", "haproxy", "-f", cfg, pin=False,
              name="haproxy")
    wait_for("haproxy listening", lambda: f":{PORT_IPERF}" in lab.run("gw", "ss", "-Htln"))
    return lab


def measure(lab, a, direction):
    """Mbit/s that the receiver counted."""
    flags = {"up": [], "down": ["-R"]}[direction]
    text = lab.run("client", "mptcpize", "run", "iperf3", "-J", "-c", lab.gw_addr(0), "-p", PORT_IPERF,
                   "-t", a.seconds, "-O", 1, "-P", a.streams, *flags, timeout=a.seconds + 30,
                   check=False)
    res = json.loads(text)
    if "error" in res:
        raise LabError(f"iperf3: {res['error']}\n{lab.gate_log() if lab.gate else ''}")
    return res["end"]["sum_received"]["bits_per_second"] / 1e6


def without_stalls(ours, theirs):
    """The rounds in which HAProxy moved something."""
    pairs = [(a, b) for a, b in zip(ours, theirs) if b > 0 and b >= max(theirs) / 10]
    return [a for a, _ in pairs], [b for _, b in pairs]


def interval(v):
    """Where the median lies with 90 %, by order statistics; None: five values are the least."""
    v, n, k = sorted(v), len(v), 0
    while 2 * sum(math.comb(n, i) for i in range(k + 1)) <= 0.1 * 2 ** n:
        k += 1
    return (v[k - 1], v[n - k]) if k else None


def spread(v):
    return f"{statistics.median(v):7.0f} Mb/s  ({min(v):.0f} to {max(v):.0f})"


SYSTEMS = (("mpgate", mpgate), ("haproxy", haproxy))


def main():
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--seconds", type=int, default=5, help="of one measurement, one more warms up")
    p.add_argument("--streams", type=int, default=1, help="connections at once")
    p.add_argument("--paths", type=int, default=2)
    p.add_argument("--family", type=int, choices=(4, 6), default=4)
    p.add_argument("--port", choices=("af_xdp", "af_packet", "tap"), default="af_xdp")
    p.add_argument("--relay-buffer", type=int, default=Spec.relay_buffer, metavar="OCTETS")
    p.add_argument("--napi", choices=("worker", "sender"), default="worker",
                   help="whose CPU receives for mpgate's AF_XDP: without scripts/napi-thread it is the "
                        "sender's")
    p.add_argument("--build", default=None)
    p.add_argument("--json", action="store_true")
    a = p.parse_args()
    exit_on_signals()
    got = {(n, d): [] for n in ("mpgate", "haproxy") for d in ("up", "down")}
    try:
        for r, d in itertools.product(range(a.rounds), ("up", "down")):
            for name, make in SYSTEMS if r % 2 == 0 else SYSTEMS[::-1]:
                lab = make(a)
                try:
                    lab.endpoints("subflow")
                    got[name, d].append(measure(lab, a, d))
                    if not a.json:
                        print(f"round {r + 1}: {d:5} {name:8} {got[name, d][-1]:7.0f} Mb/s", flush=True)
                finally:
                    lab.down()
    except (LabError, subprocess.SubprocessError) as e:
        print(f"goodput: {e}", file=sys.stderr)
        return 1
    for d in ("up", "down"):
        got["mpgate", d], got["haproxy", d] = without_stalls(got["mpgate", d], got["haproxy", d])
    pairs = {d: [x / y for x, y in zip(got["mpgate", d], got["haproxy", d])] for d in ("up", "down")}
    if not all(pairs.values()):
        print("goodput: HAProxy moved nothing in any round: no ratio", file=sys.stderr)
        return 1
    ratio = {d: statistics.median(v) for d, v in pairs.items()}
    stalls = {d: a.rounds - len(v) for d, v in pairs.items()}
    versions = {"kernel": platform.release(), "haproxy": sh("haproxy", "-v").splitlines()[0],
                "dpdk": sh("pkg-config", "--modversion", "libdpdk").strip(),
                "cpu": next(line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo",
                            encoding="utf-8") if line.startswith("model name"))}
    if a.json:
        print(json.dumps({"mbps": {f"{n} {d}": v for (n, d), v in got.items()}, "ratio": ratio,
                          "ratio_90": {d: interval(v) for d, v in pairs.items()},
                          "haproxy_stalls": stalls,
                          "arguments": {k: v for k, v in vars(a).items() if k != "json"},
                          **versions}, indent=1))
        return 0
    print("\n" + "\n".join(f"{k}: {v}" for k, v in versions.items()))
    print(f"{a.rounds} rounds of {a.seconds} s, {a.streams} connection(s) over {a.paths} paths, "
          f"IPv{a.family}, {a.port}, MTU 1500"
          + (f", NAPI on the {a.napi}'s CPU" if a.port == "af_xdp" else ""))
    for d in ("up", "down"):
        for n in ("mpgate", "haproxy"):
            print(f"{d:5} {n:8} median {spread(got[n, d])}")
        if stalls[d]:
            print(f"{d:5} haproxy  stalled in {stalls[d]} round(s), which are left out")
        lies = interval(pairs[d])
        print(f"{d:5} mpgate / haproxy   {ratio[d]:.2f}        "
              + ("({:.2f} to {:.2f} with 90 %)".format(*lies) if lies else "(too few rounds to be sure)"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
