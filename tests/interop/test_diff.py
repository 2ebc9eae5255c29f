# SPDX-License-Identifier: BSD-3-Clause
"""Segments that are sent to mpgate and to Linux's TCP with the same timing: the replies are the same, or
differ exactly as diff/known.py says, for the reason given there.

All scripts of a family are played in a few batches when the first of them is asked for.
"""
import pytest

from diff import close, handshake, options, paws, reset, sack, window
from diff.compare import differences, step_text
from diff.known import DIFFERENCES
from diff.network import DiffLab
from diff.peer import Player
from diff.script import FILL

FILES = (handshake, reset, window, paws, sack, close, options)
SCRIPTS = {f"{f.__name__.rsplit('.', maxsplit=1)[-1]}: {s.name}": s for f in FILES for s in f.SCRIPTS}
KNOWN = {n: (why, diff) for why, group in DIFFERENCES for names, diff in group for n in names}
FAMILIES = (4, 6)
BATCH = 40
AGAIN = 2  # a timer of either side may have struck on a busy machine


def expected(name):
    return KNOWN.get(name, ("", {}))[1]


def batches(scripts):
    """Scripts that wait for timers, or fill windows, apart from those for which that is too long."""
    parts = {}
    for n in scripts:
        parts.setdefault(tuple(s.flags if s is FILL else s.wait for s in flat(SCRIPTS[n])
                               if s is FILL or s.wait), []).append(n)
    for part in parts.values():
        for i in range(0, len(part), BATCH):
            yield part[i:i + BATCH]


def flat(script):
    return [s for step in script.steps for s in (step if isinstance(step, list) else [step])]


class Results:
    """What was replied to the scripts; a family is played when it is first asked for."""

    def __init__(self, lab):
        self.lab, self.targets, self.played = lab, lab.targets(), {}

    def _play(self, family):
        got = {}
        Player(self.targets, 9000 + family).warm_up(family)
        for turn in range(1 + AGAIN):
            names = [n for n in SCRIPTS if turn == 0 or differences(*got[n]) != expected(n)]
            player = Player(self.targets, 10000 + 5000 * turn + 20000 * (family == 6))
            for b in batches(names):
                got.update(zip(b, player.play([SCRIPTS[n] for n in b], family)))
        return got

    def get(self, family, name):
        if family not in self.played:
            try:
                self.played[family] = self._play(family)
            except (OSError, ValueError) as e:  # once, not for each script
                self.played[family] = e
        if isinstance(self.played[family], Exception):
            pytest.fail(f"{self.played[family]}\n{self.lab.gate_log()}")
        return self.played[family][name]

    def close(self):
        for t in self.targets:
            t.close()


@pytest.fixture(scope="module", name="results")
def fixture_results(pool):
    pool.drop()
    with DiffLab() as lab:
        r = Results(lab)
        yield r
        r.close()


@pytest.mark.parametrize("family", FAMILIES, ids=("v4", "v6"))
@pytest.mark.parametrize("name", SCRIPTS)
def test_replies(results, family, name):
    kernel, mpgate = results.get(family, name)
    told = "\n".join(f"step {i}: Linux  {step_text(k)}\n        mpgate {step_text(m)}"
                     for i, (k, m) in enumerate(zip(kernel, mpgate)))
    assert differences(kernel, mpgate) == expected(name), f"{told}\n{KNOWN.get(name, ('',))[0]}"


def test_names():
    """Each script has a name of its own, and what is known to differ is a script."""
    assert len(SCRIPTS) == sum(len(f.SCRIPTS) for f in FILES)
    assert set(KNOWN) <= set(SCRIPTS)
    assert len(KNOWN) == sum(len(names) for _, group in DIFFERENCES for names, _ in group)


def test_mpgate_keeps_nothing(results):
    """After all of them, every gauge of mpgate is at 0 and it leaves with exit code 0."""
    results.lab.wait_idle(90)
    assert results.lab.stop_gate() == 0
