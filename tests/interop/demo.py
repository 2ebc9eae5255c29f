#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Download a random file through mpgate over two paths, twice; the second time one path is cut.

Installs what is missing, builds, makes a client, a gateway and a server in network namespaces, runs
mpgate in the gateway, nginx in the server and a kernel MPTCP client, compares SHA-256, and leaves
nothing behind. Needs root.
"""
import argparse
import hashlib
import pathlib
import subprocess
import sys
import threading
import time

from lab import REPO, Lab, LabError, Machine, Spec, exit_on_signals

TICK = 0.5
MIN_SHARE = 0.2  # of the undisturbed download, on each path
RATE = 100       # Mbit/s of a path: less than the machine can do, so that one path is not enough
CUT_PATH = 1


def say(text):
    print(text, flush=True)


def build(build_dir):
    say(f"demo: building {build_dir}")
    steps = [["ninja", "-C", build_dir]]
    if not (build_dir / "build.ninja").exists():
        # what the tests need besides is not installed for the demo
        steps.insert(0, ["meson", "setup", build_dir, "-Dtests=disabled"])
    for cmd in steps:
        r = subprocess.run(cmd, cwd=REPO, capture_output=True, text=True, check=False)
        if r.returncode:
            raise LabError(f"{' '.join(map(str, cmd))} failed:\n{(r.stdout + r.stderr)[-4000:]}")


class Table(threading.Thread):
    """Prints the throughput of each path every TICK from what mpgatectl shows."""

    def __init__(self, lab):
        super().__init__(daemon=True)
        self.lab, self.over = lab, threading.Event()

    def run(self):
        paths = range(self.lab.spec.paths)
        say("    time   " + "  ".join(f"{'path ' + str(i):>13}" for i in paths)
            + f"  {'total':>13}   rtt, cwnd of each")
        t0 = last_t = time.monotonic()
        last = {}
        while not self.over.wait(TICK):
            try:
                rows = self.lab.subflows()
            except (LabError, OSError, ValueError):
                continue  # it is busy or between two downloads; the result is judged elsewhere
            now = time.monotonic()
            rate, note = {i: 0.0 for i in paths}, []
            for r in rows:
                p, key = self.lab.path_of(r), (r["local"], r["remote"])
                if p is None:
                    continue
                rate[p] += max(r["bytes_sent"] - last.get(key, 0), 0) * 8 / (now - last_t) / 1e6
                last[key] = r["bytes_sent"]
                note.append(f"{p}: {r.get('rtt_us', 0) / 1000:.1f} ms, {r.get('cwnd', '?')}")
            last_t = now
            say(f"  {now - t0:5.1f} s  " + "  ".join(f"{rate[i]:8.0f} Mb/s" for i in paths)
                + f"  {sum(rate.values()):8.0f} Mb/s   {'; '.join(sorted(note))}")

    def stop(self):
        self.over.set()
        self.join()


def download(lab, size, cut=False):
    """Returns (sha256, octets, seconds, share of each path)."""
    before = [lab.path_bytes(i)[0] for i in range(lab.spec.paths)]

    def carried():
        return [lab.path_bytes(i)[0] - before[i] for i in range(lab.spec.paths)]

    table = Table(lab)
    h, got, cut_at = hashlib.sha256(), 0, size * 2 // 5
    t0 = time.monotonic()
    with subprocess.Popen(lab.cmd("client", "mptcpize", "run", "curl", "-gsS", "--max-time", "600",
                                  lab.url("/blob")), stdout=subprocess.PIPE) as curl:
        table.start()
        try:
            while block := curl.stdout.read(1 << 18):
                h.update(block)
                got += len(block)
                if cut and got >= cut_at:
                    cut = False
                    lab.cut(CUT_PATH)
                    say(f"  --- path {CUT_PATH} is cut, {got >> 20} MiB have arrived ---")
            seconds = time.monotonic() - t0
        finally:
            table.stop()
            if curl.poll() is None and sys.exc_info()[0]:
                curl.kill()
    if curl.returncode:
        raise LabError(f"curl ended with {curl.returncode} after {got} of {size} octets")
    c = carried()
    return h.hexdigest(), got, seconds, [x / max(sum(c), 1) for x in c]


def demo(a, lab):
    say(f"demo: making a random file of {a.size} MiB")
    want, size = lab.make_file("blob", a.size), a.size << 20
    lab.endpoints("subflow")
    result, ok = [], True
    for cut in (False, True):
        say(f"demo: download {'with path %d cut in the middle' % CUT_PATH if cut else 'over both paths'}"
            f", {lab.url('/blob')}")
        sha, got, seconds, share = download(lab, size, cut)
        same = sha == want and got == size
        # A path that is not limited may be enough for all.
        lone = not cut and a.rate and min(share) < MIN_SHARE
        ok = ok and same and not lone
        result.append((seconds, share, same))
        say(f"demo: {got} octets in {seconds:.2f} s, "
            + ", ".join(f"path {i} {s:.0%}" for i, s in enumerate(share))
            + f", SHA-256 {'equal' if same else 'DIFFERS: ' + sha}")
        if lone:
            say(f"demo: a path carried less than {MIN_SHARE:.0%}")
        lab.clear()
    return ok, size, want, result


def keep_up(lab):
    lab.leave_up()
    say(f"""demo: the lab stays up. mpgate's log is {lab.tmp}/mpgate.log.err
  download:  ip netns exec {lab.ns['client']} mptcpize run curl -g {lab.url('/blob')} -o /dev/null
  look:      {lab.build}/app/mpgatectl/mpgatectl --socket {lab.socket} show subflows
             ip netns exec {lab.ns['client']} ss -Mi
  cut:       ip -n {lab.ns['net']} link set a1 down       (and: up)
  remove:    scripts/demo --down""")


def main():
    p = argparse.ArgumentParser(prog="scripts/demo", description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--port", choices=("af_xdp", "af_packet", "tap"), default="af_xdp",
                   help="how mpgate drives its interfaces (af_xdp)")
    p.add_argument("--size", type=int, default=256, metavar="MiB", help="of the file (256)")
    p.add_argument("--workers", type=int, default=1, metavar="N", help="data-path threads (1)")
    p.add_argument("--ipv6", action="store_true", help="IPv6 on both sides")
    p.add_argument("--rate", type=int, metavar="Mbit/s", default=RATE,
                   help=f"of each path, 0: not limited ({RATE})")
    p.add_argument("--build", type=pathlib.Path, default=REPO / "build", metavar="DIR")
    p.add_argument("--keep", action="store_true", help="leave the lab up, say how to use it")
    p.add_argument("--down", action="store_true", help="only remove labs that were left up")
    a = p.parse_args()
    exit_on_signals()
    if a.down:
        say(f"demo: {Machine.release_kept()} removed")
        return 0
    if a.size < 1 or not 1 <= a.workers <= 16:
        p.error("--size and --workers start at 1, --workers ends at 16")
    try:
        build(a.build)
        say(f"demo: starting mpgate, {a.workers} worker(s) on {a.port}, 2 paths"
            + (f" of {a.rate} Mbit/s" if a.rate else ""))
        spec = Spec(port=a.port, workers=a.workers, family=6 if a.ipv6 else 4, rate_mbit=a.rate)
        with Lab(spec, build=a.build, keep=a.keep) as lab:
            try:
                ok, size, want, runs = demo(a, lab)
            except LabError:
                say(f"demo: the last lines of mpgate's log:\n{lab.gate_log(20)}")
                raise
            if a.keep:
                keep_up(lab)
            else:
                code = lab.stop_gate()
                if code:
                    say(f"demo: mpgate ended with exit code {code}:\n{lab.gate_log(20)}")
                    ok = False
        (t1, s1, e1), (t2, s2, e2) = runs
        say(f"demo: {'PASS' if ok else 'FAIL'}: {size >> 20} MiB: {t1:.2f} s, "
            f"{size * 8 / t1 / 1e6:.0f} Mb/s, paths {' + '.join(f'{s:.0%}' for s in s1)}; "
            f"path {CUT_PATH} cut: {t2:.2f} s, paths {' + '.join(f'{s:.0%}' for s in s2)}; "
            f"SHA-256 {want[:16]} {'equal twice' if e1 and e2 else 'DIFFERS'}")
        return 0 if ok else 1
    except (LabError, subprocess.TimeoutExpired, OSError) as e:
        print(f"demo: FAIL: {e}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("demo: interrupted, cleaned up", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
