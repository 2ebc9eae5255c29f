#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Goodput of mpgate's TCP over long, lossy and reordering paths: against the kernel's, and simulated.

A kernel client downloads through the gateway, which is the sender over the path: mpgate, or HAProxy, that
is the kernel's TCP, in its place. The path is tests/bench/mplink, in real time, with a queue of one round
trip. What this machine cannot carry in real time is simulated only (mpsim), in virtual time. The table has
Mbit/s of payload a connection, medians of the rounds; where losses keep a connection far below the path's rate,
several go side by side ("flows"). "ratio" is mpgate to kernel, "of rate" the simulated bits on the
wire to the path's. Cells in which one of the two differs by more than a fourth from round to round are
measured in more rounds (--rounds-most). It takes long: --state FILE keeps what is measured, and a run that is
given the file again goes on from there.
"""
import argparse
import concurrent.futures
import itertools
import json
import os
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
from lab import PORT_IPERF, Lab, LabError, Spec, exit_on_signals, wait_for  # noqa: E402 pylint: disable=C0413

BUFFER = 96 << 20
NAMES = ("mpgate", "kernel")
NOISE = 1.25    # rounds that differ by more want more rounds
FLOWS_MOST = 32
RTTS = 30       # round trips in which a window that fills the path is found, and its queue emptied again
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


def flows_of(rate_mbit, rtt_ms, cond):
    """Connections side by side. Where losses are rare one connection has too few of them in a measurement, and
    all together do not fill the path: a tenth of it, by the estimate of Mathis et al., 1997."""
    loss = CONDITIONS[cond][0].get("loss-percent", 0) / 100
    if not loss:
        return 1
    alone_mbit = 1448 * 8 * 1.22 / (rtt_ms * 1000 * loss ** 0.5)
    return max(1, min(FLOWS_MOST, int(rate_mbit / 10 / alone_mbit)))


def late_ms(rtt_ms):
    """How much later a reordered packet is: what a fourth of the round trip forgives (RFC 8985 s6.2)."""
    return max(0.2, rtt_ms / 8)


# --- in real time ------------------------------------------------------------------------------------

def widen(lab):
    """Windows for the longest path, for every kernel in the lab."""
    for ns in ("client", "gw", "server"):
        lab.sysctl(ns, net__ipv4__tcp_rmem=f"4096 131072 {BUFFER}", net__ipv4__tcp_wmem=f"4096 65536 {BUFFER}")


def systems(a, family, flows):
    """name: how to put it up. The buffers of all connections together fit mpgate's memory."""
    def ours():
        lab = Lab(Spec(port=a.port, paths=1, family=family, relay_buffer=BUFFER // flows, mbufs=1 << 18),
                  build=a.build)
        return lab.__enter__()

    def kernel():
        return goodput.haproxy(argparse.Namespace(paths=1, family=family), direct=False)
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


def measure(lab, a, rtt, flows):
    """Mbit/s a connection that the client counted; None when the test itself did not get through."""
    omit, seconds = (x + RTTS * rtt // 1000 for x in (a.omit, a.seconds))
    try:
        text = lab.run("client", "iperf3", "-J", "-R", "-c", lab.gw_addr(0), "-p", PORT_IPERF, "-t", seconds,
                       "-P", flows, "-O", omit, timeout=seconds + omit + 60, check=False)
        return json.loads(text)["end"]["sum_received"]["bits_per_second"] / 1e6 / flows
    except (KeyError, ValueError, subprocess.TimeoutExpired):
        return None


def is_noisy(figures, cell):
    """Whether the rounds of one of the two systems differ much."""
    return any(max(v) > NOISE * min(v) for v in ([x or 0 for x in figures.of(cell, n)] for n in NAMES) if v)


def real(a, build, cells, figures):
    for r in range(a.rounds_most):
        todo = [c for c in cells if r < a.rounds or is_noisy(figures, c)]
        for cell, name in itertools.product(todo, NAMES):
            if len(figures.of(cell, name)) > r:
                continue
            family, rate, rtt, cond = cell
            flows = flows_of(rate, rtt, cond)
            lab = systems(a, family, flows)[name]()  # what the one before has queued is not for this one to carry
            try:
                widen(lab)
                Link(lab, build).be(rate, rtt, {"seed": r + 1, **CONDITIONS[cond][0]})
                v = measure(lab, a, rtt, flows)
            finally:
                lab.down()
            figures.add(cell, name, v)
            print(f"round {r + 1}: {name:6} IPv{family} {rate:6} Mbit/s {rtt:4} ms {cond:12} "
                  f"{'-' if v is None else f'{v:.1f}'}", file=sys.stderr, flush=True)


# --- simulated ---------------------------------------------------------------------------------------

def scenario(family, rate, rtt, cond, seconds, omit):
    down = {"rate_mbit": rate, "delay_ms": rtt / 2, "queue_kib": queue_kib(rate, rtt), **CONDITIONS[cond][1]}
    if "reorder_percent" in down:
        down["reorder_ms"] = late_ms(rtt)
    window_kib = max(4096, int(rate * rtt * 1000 / 8 / 1024 * 2.5))  # the path, its queue, and some
    mbufs = 65536 + 3 * window_kib * 1024 // 1448
    return (f"seconds: {seconds + omit}\nomit_seconds: {omit}\nfamily: {family}\npoll_us: 50\nmbufs: {mbufs}\npaths:\n"
            f"  - down: {json.dumps(down)}\n    up: {{rate_mbit: {rate}, delay_ms: {rtt / 2}}}\n"
            "connections:\n  - client: {close_last: true}\n    server: {send_mib: 1000000}\n"
            f"tcp: {{rcv_buffer_kib: {2 * window_kib}, snd_buffer_kib: {window_kib}}}\n")


def simulate(a, build, cell, running):
    """Mbit/s of payload that arrived, and how much of the path's rate was used."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
        f.write(scenario(*cell, a.sim_seconds, a.sim_omit))
        f.flush()
        with subprocess.Popen([build / "tests/sim/mpsim", "--scenario", f.name], stdout=subprocess.PIPE,
                              text=True) as p:
            running.append(p)
            text = p.communicate()[0]
        if p.returncode != 0:
            raise LabError(f"mpsim ended with {p.returncode} for {cell}: {text[-500:]}")
    print("simulated: IPv{} {} Mbit/s {} ms {}".format(*cell), file=sys.stderr, flush=True)
    return (float(re.search(r"^client\s+\d+\s+\S+\s+\S+\s+(\S+)", text, re.M)[1]),
            float(re.search(r"^\s+0\s+down\s+\S+\s+(\S+)", text, re.M)[1]))


def simulate_all(a, build, cells, figures):
    todo = [c for c in cells if not figures.of(c, "simulated")]
    running = []
    pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
    try:
        for cell, v in zip(todo, pool.map(lambda c: simulate(a, build, c, running), todo)):
            figures.add(cell, "simulated", v)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for p in running:
            p.kill()
        pool.shutdown()


# --- what is known -----------------------------------------------------------------------------------

class Figures:
    """Lists of what was measured, by cell and system; kept in a file when there is one."""

    def __init__(self, file, about):
        self.file, self.about, self.known = file and pathlib.Path(file), about, {}
        if self.file and self.file.exists():
            old = json.loads(self.file.read_text(encoding="utf-8"))
            if any(v != old["about"].get(k, v) for k, v in about.items()):
                raise LabError(f"{file} was measured as {old['about']}, this would be {about}: name another file")
            self.about, self.known = {**old["about"], **about}, old["known"]

    @staticmethod
    def key(cell, name):
        return "/".join(str(x) for x in (*cell, name))

    def of(self, cell, name):
        return self.known.get(self.key(cell, name), [])

    def add(self, cell, name, value):
        self.known.setdefault(self.key(cell, name), []).append(value)
        if self.file:
            new = self.file.with_suffix(".new")
            new.write_text(json.dumps({"about": self.about, "known": self.known}, indent=1), encoding="utf-8")
            new.replace(self.file)


# --- the table ---------------------------------------------------------------------------------------

def good(v):
    return [x for x in v if x is not None]


def median(v):
    return statistics.median(good(v)) if good(v) else None


def span(v):
    return f"{text_of(min(good(v)))}-{text_of(max(good(v)))}" if good(v) else None


def rows_of(cells, figures):
    for cell in cells:
        ours, kernel = (figures.of(cell, n) for n in NAMES)
        simulated = (figures.of(cell, "simulated") or [(None, None)])[0]
        yield {"IP": cell[0], "rate_mbit": cell[1], "rtt_ms": cell[2], "path": cell[3],
               "mpgate": median(ours), "kernel": median(kernel),
               "ratio": median(ours) / median(kernel) if median(ours) and median(kernel) else None,
               "rounds": len(ours) or None, "flows": flows_of(*cell[1:]) if ours else None,
               "mpgate from-to": span(ours), "kernel from-to": span(kernel),
               "simulated": simulated[0], "of rate": simulated[1]}


def text_of(v):
    if v is None:
        return "-"
    return v if isinstance(v, str) else str(v) if isinstance(v, int) else f"{v:.2f}" if v < 10 else f"{v:.0f}"


def markdown(rows, about):
    head = list(rows[0])
    out = ["<!-- SPDX-License-Identifier: BSD-3-Clause -->", "# Goodput over long and lossy paths", "",
           "Written by `tests/bench/paths.py --markdown docs/goodput.md`; its `--help` says what is measured how.",
           "What is not there was not measured: more than 1 Gbit/s in real time is not what this machine carries.",
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
    p.add_argument("--rounds", type=int, default=3, help="0: nothing in real time")
    p.add_argument("--rounds-most", type=int, default=None, help="of a cell whose rounds differ (default: twice as many)")
    p.add_argument("--seconds", type=int, default=6, help="of a measurement: these, and 30 round trips")
    p.add_argument("--omit", type=int, default=4, help="seconds before that, not counted: as many, and 30 round trips")
    p.add_argument("--sim-seconds", type=int, default=8, help="0: do not simulate")
    p.add_argument("--sim-omit", type=int, default=5, help="virtual seconds before that, not counted")
    p.add_argument("--families", type=numbers, default=[4, 6], metavar="4,6")
    p.add_argument("--port", choices=("af_xdp", "af_packet"), default="af_xdp")
    p.add_argument("--build", default=None)
    p.add_argument("--state", metavar="FILE", help="keep all figures there, and measure what is not there yet")
    p.add_argument("--markdown", metavar="FILE")
    p.add_argument("--json", action="store_true")
    a = p.parse_args()
    exit_on_signals()
    if a.rounds_most is None:
        a.rounds_most = 2 * a.rounds
    cells = [c for c in itertools.product(a.families, a.rates, a.rtts, CONDITIONS) if a.k in c[3]]
    build = Lab(Spec(), build=a.build).build
    about = {"kernel": platform.release().split("-")[0],
             "measured": f"{a.seconds} s after {a.omit} s, each and {RTTS} round trips; {a.port}"}
    if a.sim_seconds:
        about["simulated"] = f"{a.sim_seconds} s after {a.sim_omit} s"
    try:
        figures = Figures(a.state, about)
        real(a, build, [c for c in cells if c[1] <= a.real_up_to], figures)
        if a.sim_seconds:
            simulate_all(a, build, cells, figures)
    except (LabError, subprocess.SubprocessError) as e:
        print(f"paths: {e}", file=sys.stderr)
        return 1
    rows = list(rows_of(cells, figures))
    if a.markdown:
        pathlib.Path(a.markdown).write_text(markdown(rows, figures.about), encoding="utf-8")
    print(json.dumps({"rows": rows, **figures.about}, indent=1) if a.json else table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
