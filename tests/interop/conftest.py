# SPDX-License-Identifier: BSD-3-Clause
"""Fixtures of the interop tests.

A test asks for the fixture `lab` with a Spec as its parameter (marks `specs` below). Tests are put in
order of their specs, so that each lab and its mpgate serve many tests; after each of them every
gauge of mpgate must be back at 0, and at a lab's end mpgate must leave with exit code 0.
"""
import contextlib
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))
from lab import Lab, LabError, Spec, exit_on_signals  # noqa: E402  pylint: disable=C0413

MIB = 1 << 20
# The kernel keeps the connection of a dead process for 60 s (TCP_TIMEWAIT_LEN) unless data was unread:
# a half-closed peer with a closed window, as far as mpgate can tell.
KERNEL_LINGERS = 80
BIG = int(os.environ.get("MPGATE_TEST_SIZE", "48")) * MIB


def specs(*which):
    """Mark: run the test once on a lab of each Spec."""
    return pytest.mark.parametrize("lab", which or (Spec(),), indirect=True, ids=spec_id)


def spec_id(s):
    d = Spec()
    extra = [k if getattr(s, k) is True else f"{k}{getattr(s, k)}"
             for k in s.__dataclass_fields__
             if k not in ("port", "workers", "paths", "family") and getattr(s, k) != getattr(d, k)]
    return "-".join([s.port, f"w{s.workers}", f"p{s.paths}", f"v{s.family}", *extra])


def spec_of(item):
    return getattr(item, "callspec", None) and item.callspec.params.get("lab")


def pytest_configure(config):
    config.lab_next = None
    exit_on_signals()


def pytest_collection_modifyitems(items):
    order = {}
    for i in items:
        order.setdefault(spec_of(i), len(order))
    items.sort(key=lambda i: order[spec_of(i)])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item, nextitem):
    item.config.lab_next = nextitem and spec_of(nextitem)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    rep = (yield).get_result()
    item.lab_failed = getattr(item, "lab_failed", False) or rep.failed
    lab = getattr(item, "lab_used", None)
    if rep.failed and lab and lab.gate:
        rep.sections.append(("mpgate's log", lab.gate_log()))
        for what in ("subflows", "connections", "counters", "ports"):
            with contextlib.suppress(Exception):  # it may be gone, or busy
                rep.sections.append((f"show {what}", lab.ctl("show", what, json_out=False, timeout=5)))


class Pool:
    """At most one lab at a time: mpgate polls, two of them would starve each other."""

    def __init__(self):
        self.lab = None

    def get(self, spec):
        if self.lab and (self.lab.spec != spec or not self.lab.gate.alive()):
            self.drop()
        if not self.lab:
            self.lab = Lab(spec).__enter__()
        return self.lab

    def drop(self):
        """Take the lab down; returns the exit code of mpgate."""
        lab, self.lab = self.lab, None
        if not lab:
            return 0
        try:
            return lab.stop_gate()
        finally:
            lab.down()


@pytest.fixture(scope="session")
def pool():
    p = Pool()
    yield p
    p.drop()


@pytest.fixture
def lab(request, pool):  # pylint: disable=redefined-outer-name
    one = request.node.lab_used = pool.get(request.param)
    one.clear()
    one.endpoints("subflow")
    yield one
    try:
        alive = one.gate.alive()
        assert alive, f"mpgate ended with exit code {one.gate.p.poll()}"
        one.clear()
        one.shape(one.spec.rate_mbit)
        # What a failed test left running would keep mpgate busy.
        for name in [n for n, p in one.procs.items() if n.startswith(("python3-", "ip-"))]:
            one.procs.pop(name).stop()
        one.wait_idle(KERNEL_LINGERS)
    except (AssertionError, LabError):
        pool.drop()
        raise
    if request.config.lab_next != one.spec:
        log = one.gate_log
        code = pool.drop()
        assert code == 0, f"mpgate left with exit code {code}:\n{log() if one.tmp.exists() else ''}"


@pytest.fixture
def own_lab(pool):  # pylint: disable=redefined-outer-name
    """A function that makes a lab for this test alone, for tests that stop mpgate."""
    made = []

    def make(spec):
        pool.drop()
        made.append(Lab(spec).__enter__())
        return made[-1]
    yield make
    for one in made:
        one.down()


@pytest.fixture
def counted(lab):  # pylint: disable=redefined-outer-name
    """A function: how much a counter of mpgate has grown since the test began."""
    base = lab.counters()
    return lambda name: lab.counters()[name] - base[name]


@pytest.fixture
def client_counted(lab):  # pylint: disable=redefined-outer-name
    """The same for the client kernel's MPTCP counters."""
    base = lab.nstat()
    return lambda name: lab.nstat()["MPTcpExt" + name] - base["MPTcpExt" + name]
