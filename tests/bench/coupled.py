#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The three goals of coupled congestion control (RFC 6356 section 2), simulated.

  improve throughput  a connection over two paths gets at least what a TCP would on the better one
  do no harm          where its paths meet in one bottleneck it takes no more than a TCP beside it
  balance congestion  it moves away from the more congested path

Each is measured with every congestion control subflows can have, over several seeds, in virtual time
(tests/sim/mpsim): so it does not matter how fast the machine is, nor what else it does. TCP beside them is
NewReno. The tables have Mbit/s of payload, means over the seeds.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONTROLS = ("lia", "olia", "balia", "newreno", "cubic", "bbr")
TCP = "newreno"


def link(mbit, rtt_ms, queue_ms):
    down = {"rate_mbit": mbit, "delay_ms": rtt_ms / 2, "queue_kib": round(mbit * queue_ms * 1000 / 8 / 1024)}
    # An acknowledgement is a little late at random, or windows of several flows keep step with a queue.
    return f"{{down: {json.dumps(down)}, up: {{delay_ms: {rtt_ms / 2}, jitter_ms: 1}}"


def scenario(a, seed, control, paths, connections):
    head = (f"seed: {seed}\nseconds: {a.seconds + a.omit}\nomit_seconds: {a.omit}\nmbufs: 60000\n"
            f"tcp: {{congestion: {TCP}, rcv_buffer_kib: 8192, snd_buffer_kib: 4096}}\n")
    if control:
        head += f"mptcp: {{congestion: {control}}}\n"
    return (head + "paths:\n" + "".join(f"  - {p}}}\n" for p in paths) + "connections:\n"
            + "".join(f"  - {{{c}, client: {{close_last: true}}, server: {{send_mib: 100000}}}}\n"
                      for c in connections))


def simulate(a, text):
    """Mbit/s that each client received, and of the first connection what each path carried."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
        f.write(text)
        f.flush()
        p = subprocess.run([a.build / "tests/sim/mpsim", "--scenario", f.name], stdout=subprocess.PIPE,
                           text=True, check=False)
    if p.returncode != 0:
        sys.exit(f"coupled: mpsim ended with {p.returncode}: {p.stdout[-500:]}\n{text}")
    users = [float(x) for x in re.findall(r"^client\s+\d+\s+\S+\s+\S+\s+(\S+)", p.stdout, re.M)]
    subflows = [(int(i), float(x)) for i, x in
                re.findall(r"^  subflow of \d+ over path (\d+)\s+(\S+)", p.stdout, re.M)]
    return users, subflows


def tcps(path, n, first):
    """n TCPs on a path, one after the other begun."""
    return [f"path: {path}, plain: true, start_ms: {137 * (first + i)}" for i in range(n)]


def harm(a, seed, control):
    """Two subflows and a TCP in one bottleneck."""
    paths = [link(a.mbit, a.rtt, a.queue), "{behind: 0", "{behind: 0, single: true"]
    users, _ = simulate(a, scenario(a, seed, control, paths, ["path: 0"] + tcps(2, 1, 1)))
    return {"MPTCP": users[0], "TCP": users[1], "MPTCP/TCP": users[0] / users[1]}


def balance(a, seed, control):
    """Two bottlenecks: one TCP in the first, a.tcps in the second; and one path of the connection through each."""
    paths = [link(a.mbit, a.rtt, a.queue), link(a.mbit, a.rtt, a.queue), "{behind: 0, single: true",
             "{behind: 1, single: true"]
    users, subflows = simulate(a, scenario(a, seed, control, paths,
                                           ["path: 0"] + tcps(2, 1, 1) + tcps(3, a.tcps, 2)))
    alone, _ = simulate(a, scenario(a, seed, None, paths, tcps(0, 1, 0) + tcps(2, 1, 1) + tcps(3, a.tcps, 2)))
    over = dict(subflows)
    return {"MPTCP": users[0], "TCP in its place": alone[0], "MPTCP/TCP": users[0] / alone[0],
            "over the first": over.get(0, 0), "over the second": over.get(1, 0),
            "TCP in the first": users[1], "TCPs in the second, each": statistics.mean(users[2:])}


def means(rows):
    return {k: statistics.mean(r[k] for r in rows) for k in rows[0]}


def table(rows):
    text = [list(rows[0])] + [[f"{v:.2f}" if isinstance(v, float) else str(v) for v in r.values()] for r in rows]
    width = [max(len(r[i]) for r in text) for i in range(len(text[0]))]
    return "\n".join("  ".join(c.rjust(w) for c, w in zip(r, width)) for r in text)


def markdown(results, a):
    out = ["<!-- SPDX-License-Identifier: BSD-3-Clause -->", "# Coupled congestion control", "",
           "Written by `tests/bench/coupled.py --markdown docs/coupled.md`; its `--help` says what is measured how.",
           f"Bottlenecks of {a.mbit} Mbit/s, round trips of {a.rtt} ms, queues of {a.queue} ms; {a.seconds} s after "
           f"{a.omit} s, {a.seeds} seeds.", ""]
    for name, (what, rows) in results.items():
        out += [f"## {name}", "", what, "", "| " + " | ".join(rows[0]) + " |", "|" + "---|" * len(rows[0])]
        out += ["| " + " | ".join(f"{v:.2f}" if isinstance(v, float) else str(v) for v in r.values()) + " |"
                for r in rows] + [""]
    return "\n".join(out)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--mbit", type=float, default=20, help="of each bottleneck")
    p.add_argument("--rtt", type=float, default=40, metavar="MS")
    p.add_argument("--queue", type=float, default=40, metavar="MS", help="of each bottleneck")
    p.add_argument("--tcps", type=int, default=4, help="in the more congested one")
    p.add_argument("--seconds", type=int, default=60, help="virtual, that count")
    p.add_argument("--omit", type=int, default=20, help="virtual, before that")
    p.add_argument("--seeds", type=int, default=5)
    p.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    p.add_argument("--markdown", metavar="FILE")
    p.add_argument("--json", action="store_true")
    a = p.parse_args()
    if not (a.build / "tests/sim/mpsim").exists():
        sys.exit(f"coupled: {a.build}/tests/sim/mpsim is missing: build it first (scripts/test unit)")
    results = {}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, what in (("Do no harm", harm), ("Improve throughput, and balance congestion", balance)):
            rows = []
            for control in CONTROLS:
                runs = pool.map(lambda seed, c=control, f=what: f(a, seed, c), range(1, a.seeds + 1))
                rows.append({"congestion": control, **means(list(runs))})
                print(f"{name}: {control}", file=sys.stderr, flush=True)
            results[name] = (what.__doc__, rows)
    if a.markdown:
        pathlib.Path(a.markdown).write_text(markdown(results, a), encoding="utf-8")
    if a.json:
        print(json.dumps({k: v[1] for k, v in results.items()}, indent=1))
    else:
        print("\n\n".join(f"{k}: {v[0]}\n{table(v[1])}" for k, v in results.items()))


if __name__ == "__main__":
    main()
