# SPDX-License-Identifier: BSD-3-Clause
"""Raw frames that no honest peer sends: each dropped and counted under its own name."""
import random
import struct

import pytest
from scapy.all import (ARP, ICMP, IP, TCP, UDP, Ether, IPv6, IPv6ExtHdrFragment,  # noqa: E501  pylint: disable=E0611
                       IPv6ExtHdrRouting, Raw)
from scapy.layers.inet6 import ICMPv6ND_NS, ICMPv6PacketTooBig

from conftest import MIB, specs
from lab import PORT_NONE, PORT_PEER, Spec, wait_for

N = 20  # frames of a kind
SPECS = (Spec(), Spec(port="af_packet", workers=2))


class Frames:
    """Builds frames from the client to mpgate on path 0, with checksums right unless said."""

    def __init__(self, lab):
        self.lab = lab
        self.src, self.dst = lab.macs()
        self.eth = Ether(src=self.src, dst=self.dst)
        self.ip = self.eth / IP(src="10.1.0.2", dst="10.1.0.1")
        self.ip6 = self.eth / IPv6(src="fd00:1::2", dst="fd00:1::1")
        self.syn = TCP(sport=1025, dport=PORT_PEER, flags="S", seq=1)

    def options(self, raw, flags="S"):
        """A TCP header with these octets as its option area, padded to a word with zeros."""
        raw += b"\0" * (-len(raw) % 4)
        tcp = TCP(sport=1025, dport=PORT_PEER, flags=flags, seq=1, dataofs=5 + len(raw) // 4)
        return self.ip / tcp / Raw(raw)

    def too_big(self, mtu=1400, **icmp):
        """What a router would say of a segment from mpgate to the client."""
        return self.ip / ICMP(type=3, code=4, nexthopmtu=mtu, **icmp) / self.quoted()

    def too_big6(self, mtu=1400):
        return self.ip6 / ICMPv6PacketTooBig(mtu=mtu) / self.quoted6()

    @staticmethod
    def quoted(src="10.1.0.1", proto=6):
        """As much of a packet as a router has to quote."""
        return Raw(bytes(IP(src=src, dst="10.1.0.2", len=1500, flags="DF", proto=proto)
                         / TCP(sport=PORT_PEER, dport=1025, seq=9))[:28])

    @staticmethod
    def quoted6():
        return Raw(bytes(IPv6(src="fd00:1::1", dst="fd00:1::2", plen=1460)
                         / TCP(sport=PORT_PEER, dport=1025, seq=9)))


CASES = {
    "DropEthType": lambda f: Ether(src=f.src, dst=f.dst, type=0x88B5) / Raw(b"x" * 50),
    "DropEthDst": lambda f: Ether(src=f.src, dst="02:00:00:00:00:99") / IP(dst="10.1.0.1"),
    "DropArp": lambda f: f.eth / ARP(hwlen=5, psrc="10.1.0.2", pdst="10.1.0.1"),
    "DropNd": lambda f: f.eth / IPv6(src="fd00:1::2", dst="fd00:1::1", hlim=64)
    / ICMPv6ND_NS(tgt="fd00:1::1"),
    "DropIcmp": lambda f: f.ip / ICMP(type=42, code=7),
    "DropIcmpNoConn": lambda f: f.too_big(),
    "DropIcmpNoConn (IPv6)": lambda f: f.too_big6(),
    "DropIcmpMtu": lambda f: f.too_big(68),
    "DropIcmpMtu (0)": lambda f: f.too_big(0),
    "DropIcmpMtu (65535)": lambda f: f.too_big(65535),
    "DropIcmpMtu (IPv6)": lambda f: f.too_big6(1279),
    "DropIcmpCsum": lambda f: f.too_big(chksum=0xBEEF),
    "DropIcmpShort": lambda f: f.ip / ICMP(type=3, code=4, nexthopmtu=1400) / Raw(b"E" * 19),
    "DropIcmpQuote": lambda f: f.ip / ICMP(type=3, code=4, nexthopmtu=1400) / f.quoted(proto=17),
    "DropIcmpQuote (of another)": lambda f: f.ip / ICMP(type=3, code=4, nexthopmtu=1400)
    / f.quoted("10.1.0.9"),
    "DropIpShort": lambda f: f.eth / IP(src="10.1.0.2", dst="10.1.0.1", len=1000) / f.syn,
    "DropIpHdr": lambda f: f.eth / IP(src="10.1.0.2", dst="10.1.0.1", ihl=3) / f.syn,
    "DropIpVersion": lambda f: f.eth / IP(src="10.1.0.2", dst="10.1.0.1", version=5) / f.syn,
    "DropIpCsum": lambda f: f.eth / IP(src="10.1.0.2", dst="10.1.0.1", chksum=0xBEEF) / f.syn,
    "DropIpFrag": lambda f: f.eth / IP(src="10.1.0.2", dst="10.1.0.1", flags="MF") / f.syn,
    "DropIpFrag (offset)": lambda f: f.eth / IP(src="10.1.0.2", dst="10.1.0.1", frag=3)
    / Raw(b"x" * 40),
    "DropIpFrag (IPv6)": lambda f: f.ip6 / IPv6ExtHdrFragment(m=1, nh=6) / f.syn,
    "DropIpExt": lambda f: f.ip6 / IPv6ExtHdrRouting(addresses=["fd00:1::9"], segleft=1) / f.syn,
    "DropIpProto": lambda f: f.eth / IP(src="10.1.0.2", dst="10.1.0.1", proto=99) / Raw(b"x" * 40),
    "DropIpSrc": lambda f: f.eth / IP(src="127.0.0.1", dst="10.1.0.1") / f.syn,
    "DropIpSrc (multicast)": lambda f: f.eth / IP(src="224.0.0.1", dst="10.1.0.1") / f.syn,
    "DropIpDst": lambda f: f.eth / IP(src="10.1.0.2", dst="10.77.0.1") / f.syn,
    "DropTcpShort": lambda f: f.eth / IP(src="10.1.0.2", dst="10.1.0.1", proto=6) / Raw(b"x" * 10),
    "DropTcpHdr": lambda f: f.ip / TCP(sport=1025, dport=PORT_PEER, flags="S", dataofs=3),
    "TCPInCsumErrors": lambda f: f.ip / TCP(sport=1025, dport=PORT_PEER, flags="S", chksum=0xBEEF),
    "TCPInCsumErrors (IPv6)": lambda f: f.ip6 / TCP(sport=1025, dport=PORT_PEER, flags="S",
                                                    chksum=0xBEEF),
    "DropTcpOpt": lambda f: f.options(b"\x1e\x00\x00\x00"),
    "DropTcpOpt (past the end)": lambda f: f.options(b"\x02\x28\x05\xb4"),
    "DropTcpOpt (no length)": lambda f: f.options(b"\x01\x01\x01\x1e"),
    "DropTcpOpt (length 1)": lambda f: f.options(b"\x1e\x01\x01\x00"),
    "DropTcpPort": lambda f: f.ip / TCP(sport=0, dport=PORT_PEER, flags="S"),
    "DropTcpFlags": lambda f: f.ip / TCP(sport=1025, dport=PORT_PEER, flags="SF"),
    "DropTcpFlags (none)": lambda f: f.ip / TCP(sport=1025, dport=PORT_PEER, flags=0),
    "DropTcpFlags (SYN+RST)": lambda f: f.ip / TCP(sport=1025, dport=PORT_PEER, flags="SR"),
    "DropNoListener": lambda f: f.ip / TCP(sport=1025, dport=PORT_NONE, flags="A", seq=9, ack=7),
    "MPOptMalformed": lambda f: f.options(b"\x1e\x05\x01\x01\x00"),
    "MPJoinNoTokenFound": lambda f: f.options(b"\x1e\x0c\x10\x02" + struct.pack("!II", 1, 2)),
}


@pytest.mark.parametrize("case", CASES)
@specs(*SPECS)
def test_counted_while_a_transfer_goes_on(lab, case, counted):
    name = case.split(" ")[0]
    frame = bytes(CASES[case](Frames(lab)))
    if len(frame) < 60 and name not in ("DropIpShort",):
        frame += b"\0" * (60 - len(frame))  # as on a real wire
    lab.shape(100)
    before = lab.all_bytes()
    t = lab.transfer_start("both", 3 * MIB)
    lab.wait_moved(before, MIB // 2)
    lab.inject([frame] * N)
    # Packet sockets with several queues have the kernel put IPv4 fragments together first.
    if not (name == "DropIpFrag" and "IPv6" not in case and lab.spec.port == "af_packet"):
        wait_for(f"{name} counts {N}", lambda: counted(name) >= N, 5)
    lab.transfer_end(t)


def mutations(f, seed, n):
    """Frames that were right before some octets were changed, lost or added."""
    rnd = random.Random(seed)
    mp = [b"\x1e\x04\x01\x01", b"\x1e\x0c\x01\x81" + b"K" * 8, b"\x1e\x10\x11\x01" + b"H" * 12,
          b"\x1e\x14\x20\x05" + b"D" * 16, b"\x1e\x10\x30\x02" + b"A" * 12, b"\x1e\x04\x40\x01",
          b"\x1e\x03\x51", b"\x1e\x0c\x60\x00" + b"F" * 8, b"\x1e\x0c\x70\x00" + b"C" * 8,
          b"\x1e\x04\x81\x01", b"\x1e\x04\xf0\x00"]
    for _ in range(n):
        opts = b"".join(rnd.sample(mp, rnd.randint(0, 2)))[:40]
        p = f.options(opts, flags=rnd.choice(("S", "SA", "A", "PA", "F", "FA", "R", "RA")))
        p[TCP].sport = rnd.randint(1024, 65535)
        if rnd.random() < 0.2:
            p = f.ip6 / p[TCP]
        if rnd.random() < 0.5:
            del p[TCP].chksum
        b = bytearray(bytes(p / Raw(rnd.randbytes(rnd.randint(0, 60)))))
        for _ in range(rnd.choice((0, 1, 1, 2, 8))):
            b[rnd.randrange(12, len(b))] = rnd.randrange(256)
        if rnd.random() < 0.2:
            b = b[:rnd.randint(14, len(b))]
        yield bytes(b)


@pytest.mark.parametrize("seed", (1, 2, 3))
@specs(*SPECS)
def test_mutated_frames(lab, seed, counted):
    lab.shape(100)
    t = lab.transfer_start("both", 12 * MIB)
    frames = list(mutations(Frames(lab), seed, 3000))
    lab.inject(frames)
    lab.transfer_end(t)
    assert counted("RxPkts") >= len(frames)


@specs(*SPECS)
def test_flood_of_syns_leaves_nothing_behind(lab, counted):
    """SYNs of clients that do not exist: a transfer goes on, many SYNs find the places for half-open
    connections taken and leave no state, and all is idle in the end."""
    f = Frames(lab)
    n = 8000 * lab.spec.workers
    frames = [bytes(f.eth / IP(src=f"10.1.0.{3 + i % 250}", dst="10.1.0.1")
                    / TCP(sport=2000 + i, dport=PORT_PEER, flags="S", seq=i,
                          options=[("MSS", 1460)])) for i in range(n)]
    frames += [bytes(f.ip / UDP(sport=1, dport=PORT_PEER) / Raw(b"x"))] * 10
    t = lab.transfer_start("both", 4 * MIB)
    lab.inject(frames)
    lab.transfer_end(t)
    assert counted("RxPkts") >= n
    assert counted("SyncookiesSent") > n // 4  # state is kept for 4096 a worker
    lab.wait_idle(90)
