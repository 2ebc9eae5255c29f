#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Goodput of mpgate's TCP over long, lossy and reordering paths: against the kernel's, and simulated.

A kernel client downloads through the gateway, which is the sender over the path: mpgate, or HAProxy, that
is the kernel's TCP, in its place. The path is tests/bench/mplink, in real time, with a queue of one round
trip. What this machine cannot carry in real time is simulated only (mpsim), in virtual time. The table has
Mbit/s of payload; "ratio" is mpgate to kernel, "of rate" the simulated bits on the wire to the path's.
"""
import argparse
import itertools
import json
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "interop"))
sys.path.insert(0, str(HERE))
import goodput  # noqa: E402 pylint: disable=C0413
from lab import PORT_IPERF, Lab, LabError, Spec, exit_on_signals, sh, wait_for  # noqa: E402 pylint: disable=C0413

BUFFER = 96 << 20
# name: options of mplink, and the same for mpsim
CONDITIONS = {
    "clean": ({}, {}),
    "loss 0.1 %": ({"loss-percent": 0.1}, {"loss_percent": 0.1}),
    "loss 1 %": ({"loss-percent": 1}, {"loss_percent": 1}),
    "loss 5 %": ({"loss-percent": 5}, {"loss_percent": 5}),
    "loss 20 %": ({"loss-percent": 20}, {"loss_percent": 20}),
    "reorder 10 %": ({"reorder-percent": 10}, {"reorder_percent": 10}),
}


def queue_kib(rate_mbit, rtt_ms):
    return max(256, int(rate_mbit * rtt_ms * 1000 / 8 / 1024))


def late_ms(rtt_ms):
    """How much later a reordered packet is: what a fourth of the round trip forgives (RFC 8985 s6.2)."""
    return max(0.2, rtt_ms / 8)


# --- in real time ------------------------------------------------------------------------------------

def widen(lab):
    """Windows for the longest path, for every kernel in the lab."""
    for ns in ("client", "gw", "server"):
        lab.sysctl(ns, net__ipv4__tcp_rmem=f"4096 131072 {BUFFER}", net__ipv4__tcp_wmem=f"4096 65536 {BUFFER}")


def systems(a):
    """name: how to put it up."""
    def ours():
        lab = Lab(Spec(port=a.port, paths=1, family=a.family, relay_buffer=BUFFER, mbufs=1 << 18),
                  build=a.build)
        return lab.__enter__()

    def kernel():
        return goodput.haproxy(argparse.Namespace(paths=1, family=a.family), direct=False)
    return {"mpgate": ours, "kernel": kernel}


class Link:
    """The path of a lab, in the place of its direct forwarding."""

    def __init__(self, lab, build):
        self.lab, self.binary, self.p = lab, build / "tests/bench/mplink", None
        for dev in ("a0", "c0"):
            lab.nft("net", f"delete table netdev fwd_{dev}")
            lab.nft("net", f"table netdev mute_{dev} {{ chain c {{ type filter hook ingress device {dev} "
                           "priority 0; drop; }; };")

    def be(self, rate, rtt, options):
        if self.p:
            self.p.stop()
        argv = {"rate-mbit": rate, "delay-ms": rtt / 2, "queue-kib": queue_kib(rate, rtt), **options}
        if "reorder-percent" in options:
            argv["reorder-ms"] = late_ms(rtt)
        self.p = self.lab.start("net", self.binary, *[x for k, v in argv.items() for x in (f"--{k}", v)],
                                "a0", "c0")
        wait_for("mplink: ready", lambda: "ready" in self.p.out() or not self.p.alive())
        if not self.p.alive():
            raise LabError(f"{self.binary}: {self.p.out().strip() or 'it ended at once'}")


def measure(lab, a):
    """Mbit/s that the client counted; None when the test itself did not get through."""
    try:
        text = lab.run("client", "iperf3", "-J", "-R", "-c", lab.gw_addr(0), "-p", PORT_IPERF, "-t", a.seconds,
                       "-O", a.omit, timeout=a.seconds + a.omit + 60, check=False)
        return json.loads(text)["end"]["sum_received"]["bits_per_second"] / 1e6
    except (KeyError, ValueError, subprocess.TimeoutExpired):
        return None


def real(a, build, cells):
    got = {}
    for r in range(a.rounds):
        for (rate, rtt, cond), (name, make) in itertools.product(cells, systems(a).items()):
            lab = make()  # what the one before has queued is not for this one to carry
            try:
                widen(lab)
                Link(lab, build).be(rate, rtt, CONDITIONS[cond][0])
                v = measure(lab, a)
            finally:
                lab.down()
            got.setdefault((rate, rtt, cond, name), []).append(v)
            print(f"round {r + 1}: {name:6} {rate:6} Mbit/s {rtt:4} ms {cond:12} "
                  f"{'-' if v is None else f'{v:.1f}'}", file=sys.stderr, flush=True)
    return got


# --- simulated ---------------------------------------------------------------------------------------

def scenario(rate, rtt, cond, seconds, omit, family):
    down = {"rate_mbit": rate, "delay_ms": rtt / 2, "queue_kib": queue_kib(rate, rtt), **CONDITIONS[cond][1]}
    if "reorder_percent" in down:
        down["reorder_ms"] = late_ms(rtt)
    window_kib = max(4096, int(rate * rtt * 1000 / 8 / 1024 * 2.5))  # the path, its queue, and some
    mbufs = 65536 + 3 * window_kib * 1024 // 1448
    return (f"seconds: {seconds + omit}\nomit_seconds: {omit}\nfamily: {family}\npoll_us: 50\nmbufs: {mbufs}\npaths:\n"
            f"  - down: {json.dumps(down)}\n    up: {{rate_mbit: {rate}, delay_ms: {rtt / 2}}}\n"
            "connections:\n  - client: {close_last: true}\n    server: {send_mib: 1000000}\n"
            f"tcp: {{rcv_buffer_kib: {2 * window_kib}, snd_buffer_kib: {window_kib}}}\n")


def simulate(a, build, cell):
    """Mbit/s of payload that arrived, and how much of the path's rate was used."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
        f.write(scenario(*cell, a.sim_seconds, a.sim_omit, a.family))
        f.flush()
        text = sh(build / "tests/sim/mpsim", "--scenario", f.name, timeout=3600)
    print("simulated: {} Mbit/s {} ms {}".format(*cell), file=sys.stderr, flush=True)
    return (float(re.search(r"^client\s+\d+\s+\S+\s+\S+\s+(\S+)", text, re.M)[1]),
            float(re.search(r"^\s+0\s+down\s+\S+\s+(\S+)", text, re.M)[1]))


# --- the table ---------------------------------------------------------------------------------------

def median(v):
    v = [x for x in v or [] if x is not None]
    return statistics.median(v) if v else None


def rows_of(cells, got, simulated):
    for cell in cells:
        ours, kernel = (median(got.get((*cell, n))) for n in ("mpgate", "kernel"))
        yield {"rate_mbit": cell[0], "rtt_ms": cell[1], "path": cell[2], "mpgate": ours, "kernel": kernel,
               "ratio": ours / kernel if ours and kernel else None,
               "simulated": simulated.get(cell, (None,))[0], "of rate": simulated.get(cell, (None, None))[1]}


def fill(rows, file):
    """What an earlier run has measured and this one has not."""
    def cell(r):
        return r["rate_mbit"], r["rtt_ms"], r["path"]
    old = {cell(r): r for r in json.loads(pathlib.Path(file).read_text(encoding="utf-8"))["rows"]}
    for r in rows:
        for k, v in old.get(cell(r), {}).items():
            if r[k] is None:
                r[k] = v


def text_of(v):
    if v is None:
        return "-"
    return v if isinstance(v, str) else str(v) if isinstance(v, int) else f"{v:.2f}" if v < 10 else f"{v:.0f}"


def markdown(rows, about):
    head = list(rows[0])
    out = ["<!-- SPDX-License-Identifier: BSD-3-Clause -->", "# Goodput over long and lossy paths", "",
           "Written by `tests/bench/paths.py --markdown docs/goodput.md`; its `--help` says what is measured how.",
           "", *(f"- {k}: {v}" for k, v in about.items()), "",
           "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    out += ["| " + " | ".join(text_of(v) for v in r.values()) + " |" for r in rows]
    return "\n".join(out) + "\n"


def table(rows):
    text = [list(rows[0])] + [[text_of(v) for v in r.values()] for r in rows]
    width = [max(len(r[i]) for r in text) for i in range(len(text[0]))]
    return "\n".join("  ".join(c.rjust(w) for c, w in zip(r, width)) for r in text)


def numbers(text):
    return [int(x) for x in text.split(",") if x]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--rates", type=numbers, default=[1000, 10000], metavar="MBIT,...")
    p.add_argument("--rtts", type=numbers, default=[1, 20, 100, 280], metavar="MS,...")
    p.add_argument("--real-up-to", type=int, default=1000, metavar="MBIT", help="faster is simulated only")
    p.add_argument("-k", default="", metavar="TEXT", help="only conditions with TEXT in their name")
    p.add_argument("--rounds", type=int, default=1)
    p.add_argument("--seconds", type=int, default=10, help="of a measurement")
    p.add_argument("--omit", type=int, default=3, help="seconds before that, not counted")
    p.add_argument("--sim-seconds", type=int, default=30, help="0: do not simulate")
    p.add_argument("--sim-omit", type=int, default=5, help="virtual seconds before that, not counted")
    p.add_argument("--family", type=int, choices=(4, 6), default=4)
    p.add_argument("--port", choices=("af_xdp", "af_packet"), default="af_xdp")
    p.add_argument("--build", default=None)
    p.add_argument("--with", dest="earlier", metavar="FILE", help="--json of a run that measured the rest")
    p.add_argument("--markdown", metavar="FILE")
    p.add_argument("--json", action="store_true")
    a = p.parse_args()
    exit_on_signals()
    cells = [(rate, rtt, c) for rate in a.rates for rtt in a.rtts for c in CONDITIONS if a.k in c]
    build = Lab(Spec(), build=a.build).build
    try:
        got = real(a, build, [c for c in cells if c[0] <= a.real_up_to]) if a.rounds else {}
        simulated = {c: simulate(a, build, c) for c in cells} if a.sim_seconds else {}
    except (LabError, subprocess.SubprocessError) as e:
        print(f"paths: {e}", file=sys.stderr)
        return 1
    rows = list(rows_of(cells, got, simulated))
    about = {"kernel": platform.release(), "measured": f"{a.rounds} x {a.seconds} s after {a.omit} s, IPv{a.family}, "
             f"{a.port}", "simulated": f"{a.sim_seconds} s after {a.sim_omit} s"}
    if a.earlier:
        fill(rows, a.earlier)
        if not a.rounds:
            about["measured"] = json.loads(pathlib.Path(a.earlier).read_text(encoding="utf-8"))["measured"]
    if a.markdown:
        pathlib.Path(a.markdown).write_text(markdown(rows, about), encoding="utf-8")
    print(json.dumps({"rows": rows, **about}, indent=1) if a.json else table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
