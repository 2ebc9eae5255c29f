# SPDX-License-Identifier: BSD-3-Clause
"""Schedulers and congestion controls of subflows: towards the kernel's client over two paths."""
import pytest

from conftest import BIG, MIB, specs
from lab import Spec, wait_for

SCHEDULERS = ("minrtt", "ecf", "roundrobin", "weighted", "priority", "redundant")  # blest is everywhere else
CONTROLS = ("lia", "olia", "balia", "bbr")


def sent(lab):
    """Octets that mpgate has sent to the client, by subflow."""
    return sorted(r["bytes_sent"] for r in lab.subflows("client") if r["state"] == "ESTABLISHED")


@pytest.mark.parametrize("mode", ("down", "both"))
@specs(*(Spec(signal=True, scheduler=s) for s in SCHEDULERS), *(Spec(signal=True, congestion=c) for c in CONTROLS))
def test_transfer(lab, mode):
    lab.transfer(mode, BIG)


@specs(*(Spec(signal=True, scheduler=s, rate_mbit=50) for s in ("roundrobin", "weighted", "redundant")))
def test_both_paths_carry_as_much(lab):
    t = lab.transfer_start("down", 1 << 40)
    wait_for("8 MiB on each of two subflows", lambda: len(sent(lab)) == 2 and sent(lab)[0] > 8 * MIB, 60)
    a, b = sent(lab)
    t.stop()
    assert a > 0.8 * b


@specs(Spec(signal=True, scheduler="redundant", rate_mbit=50))
def test_redundant(lab, counted):
    lab.transfer("down", 4 * MIB)
    assert counted("SchedRedundant") > 1000
