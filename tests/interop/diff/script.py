# SPDX-License-Identifier: BSD-3-Clause
"""What a script is made of: segments, in steps, with numbers that count from the first octet.

    seq   from the first octet after the SYN of the script; edge(n): from the right edge of the window
          offered; None: what the other side has acknowledged
    ack   from the first octet after the SYN of the other side; None: all that has come
    ts    from the first timestamp of the script; None: one that grows with the steps; NO_TS: none

A step is one segment or a list of them, sent at once; then all replies are awaited.
"""
import collections
import dataclasses

PORTS = {"sink": 9100, "echo": 9101, "keep": 9102, "bye": 9103, "talk": 9104, "last": 9105,
         "full": 9106, "none": 9199}

Edge = collections.namedtuple("Edge", "n")
edge = Edge
NO_TS = "no timestamp"
TS = b"\x01\x01TS"  # in raw options: the place of a timestamp option that fits


@dataclasses.dataclass(frozen=True)
class Seg:
    flags: str = "A"
    seq: object = None
    len: int = 0
    ack: object = None
    opts: str = ""       # of a SYN: m MSS, s SACK permitted, w window scale, t timestamps
    raw: object = None   # the option area instead of what the script would have; TS in it is replaced
    ts: object = None
    sack: tuple = ()     # blocks, numbers as with ack
    wnd: int = 1000
    urg: int = 0
    ecn: int = 0         # of the IP header
    ackno: int = -1      # the acknowledgement field as it is
    first_echo: bool = False  # the timestamp of the SYN/ACK is echoed, not the last one
    wait: float = 0      # seconds in which replies are awaited, when more than usual


def seg(flags="A", seq=None, length=0, ack=None, **kw):
    return Seg(flags, seq, length, ack, **kw)


def syn(opts="mswt", seq=-1, **kw):
    return Seg(kw.pop("flags", "S"), seq, kw.pop("length", 0), opts=opts, **kw)


def est(opts="mswt", **kw):
    """The steps of a handshake."""
    return [syn(opts, **kw), seg("A", 0)]


def data(seq=None, length=10, **kw):
    return seg("PA", seq, length, **kw)


def alive(**kw):
    """The next octets in order: an ACK of them tells that the connection lives."""
    return seg("PA", None, 7, **kw)


FILL = Seg("fill")  # data in order until the window is closed


@dataclasses.dataclass(frozen=True)
class Script:
    name: str
    steps: list
    port: str = "sink"  # of PORTS: what the application does, see server.py

    @property
    def number(self):
        return PORTS[self.port]
