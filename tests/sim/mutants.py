#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Plant faults into a copy of the library, one after the other, and see that the simulator finds each.

A fault that is not found is a gap in the rules that mpsim checks. The last line is
"N passed, N failed".
"""
import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]

# name, file, what is there, what is there instead (or several of both)
MUTANTS = [
    ("a SACK block is not taken", "lib/mptcp/tcp/tcp_ack.c",
     "\tunsigned int n = sack_blocks_of(t, p, blocks);\n\tunsigned int budget",
     "\tunsigned int n = sack_blocks_of(t, p, blocks) / 2;\n\tunsigned int budget"),
    ("a SACK block is not reported", "lib/mptcp/tcp/tcp_ofo.c",
     "\tt->sacks[0] = (struct sack_block){start, end};",
     "\tt->sacks[0] = (struct sack_block){start, start + 1};"),
    ("sent beyond the peer's window", "lib/mptcp/tcp/tcp_out.c",
     "\treturn s->len > 0 && seq_lt(t->snd_una + t->snd_wnd, s->seq + s->len);",
     "\treturn false;"),
    ("taken from beyond the own window", "lib/mptcp/tcp/tcp_internal.h",
     "\treturn seq_lt(t->rcv_nxt, t->rcv_adv) ? t->rcv_adv - t->rcv_nxt : 0;",
     "\treturn 0x40000000;"),
    ("a timer is left in the wheel", "app/mpgate/relay.c",
     "\tr->open = true;\n\twheel_cancel(&r->ctx->w->st.wheel, &r->timer);",
     "\tr->open = true;"),
    ("another segment is retransmitted", "lib/mptcp/tcp/tcp_out.c",
     "\tx.fresh = s->len > 0 && !(s->flags & SEG_SENT);\n",
     "\tx.fresh = s->len > 0 && !(s->flags & SEG_SENT);\n"
     "\tif (s->flags & SEG_SENT && s->next != NULL && s->next->len == s->len)\n"
     "\t\tx.seg = s->next;\n"),
    ("old timestamps are taken (PAWS)", "lib/mptcp/tcp/tcp_in.c",
     "\tif (!tcp_paws_rejects(t, o->tsval))\n", "\tif (o->has_ts)\n"),
    ("anything fills a gap (PAWS)", "lib/mptcp/tcp/tcp_paws.c",
     " || tcp_ts_before(tsval, t->paws_ts[over ? 0 : 1]);", " || (over && false);"),
    ("a RST anywhere in the window ends it", "lib/mptcp/tcp/tcp_in.c",
     "\tif (rx->seq != t->rcv_nxt) {", "\tif (false) {"),
    ("the congestion window is not kept", "lib/mptcp/tcp/tcp_out.c",
     ("\t\tif (tcp_unacked(t) && flight + s->len > t->cwnd)\n",
      "\tspace = t->cwnd > used ? t->cwnd - used : 0;"),
     ("\t\tif (tcp_unacked(t) && flight / 2 + s->len > t->cwnd)\n",
      "\tspace = 2 * t->cwnd > used ? 2 * t->cwnd - used : 0;")),
    ("headers are written while the driver reads", "lib/mptcp/tcp/tcp_out.c",
     "if (!whole || seg_in_flight_below(s) ||", "if (!whole ||"),
    ("a segment is not let go", "lib/mptcp/tcp/tcp_ofo.c",
     "\t\tduplicate_ofo(t, s->seq, s->seq + s->len);\n\t\tseg_drop(s);\n",
     "\t\tduplicate_ofo(t, s->seq, s->seq + s->len);\n"),
    ("a FIN counts before what precedes it", "lib/mptcp/tcp/tcp_rcv.c",
     "t->fin_ofo && t->rcv_nxt == t->fin_seq)", "t->fin_ofo)"),
    ("the right edge moves left", "lib/mptcp/conn/data_rx.c",
     "\t\twnd = least & ~(unit - 1);", "\t\twnd = (least / 2) & ~(unit - 1);"),
    ("what the path does not take is not cut", "lib/mptcp/tcp/tcp_pmtu.c",
     "\treturn cut(t, s, max);", "\treturn cut(t, s, UINT16_MAX);"),
    ("no timer for a closed window", "lib/mptcp/tcp/tcp_out.c",
     "\tif (!tcp_timer_on(t, TCPD_PERSIST))\n"
     "\t\ttcp_timer_set(t, TCPD_PERSIST, persist_ms(t));", "\t(void)persist_ms;"),
]


def sh(*cmd, cwd, timeout=900):
    return subprocess.run(cmd, cwd=cwd, capture_output=True, text=True, timeout=timeout, check=False)


def build(tree):
    r = sh("ninja", "-C", "build", "tests/sim/mpsim", cwd=tree)
    return "" if r.returncode == 0 else r.stdout[-2000:]


def plant(text, old, new):
    """text with the fault; None when its place is not there exactly once."""
    for o, n in zip(*([x] if isinstance(x, str) else x for x in (old, new))):
        if text.count(o) != 1:
            return None
        text = text.replace(o, n)
    return text


def caught(tree, seeds):
    """What mpsim found, or None."""
    r = sh("build/tests/sim/mpsim", "--seeds", f"1..{seeds}", "--max", "1", cwd=tree)
    if r.returncode < 0:
        return f"mpsim ended by signal {-r.returncode}"
    m = re.search(r"^seed .*", r.stdout, re.M)
    return m.group(0) if m and r.returncode == 1 else None


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--seeds", type=int, default=5000, help="scenarios a fault has to survive (%(default)s)")
    p.add_argument("-k", default="", metavar="TEXT", help="only faults whose name has TEXT in it")
    args = p.parse_args()
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="mpgate-mutants-") as d:
        tree = pathlib.Path(d) / "tree"
        shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns("build*", ".git", "__pycache__"))
        r = sh("meson", "setup", "build", "-Dtests=enabled", cwd=tree)
        if r.returncode:
            print(r.stdout[-2000:], r.stderr[-2000:])
            sys.exit("mutants: the build cannot be set up")
        error = build(tree)
        found = error or caught(tree, args.seeds)
        if found:
            print(found)
            sys.exit("mutants: without a fault there must be no violation")
        for name, file, old, new in MUTANTS:
            if args.k not in name:
                continue
            path = tree / file
            text = path.read_text()
            bad = plant(text, old, new)
            if bad is None:
                found, error = None, f"{file} has changed: the fault has no place in it"
            else:
                path.write_text(bad)
                error = build(tree)
                found = None if error else caught(tree, args.seeds)
                path.write_text(text)
            print(f"{'PASS' if found else 'FAIL'} {name}: {found or error or 'not found'}"[:300], flush=True)
            passed += bool(found)
            failed += not found
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
