# SPDX-License-Identifier: BSD-3-Clause
"""Plays scripts: builds their frames, sends them to both listeners, captures what comes back.

All scripts of a batch go on in step, each over a connection of its own to each listener. A step is over
when both sides have answered an ARP request that was sent after the segments, which tells that they have
seen them, and nothing more has come for some time.
"""
import ctypes
import ipaddress
import os
import select
import socket
import struct
import threading
import time

from diff import compare
from diff.script import FILL, NO_TS, TS, Edge, Script, Seg

QUIET = 0.06     # seconds in which a reply that needs no timer has to begin
RTT = 0.3        # seconds a SYN/ACK waits for its ACK: retransmissions stay out of what follows
PATIENCE = 10.0  # seconds a listener may take to answer an ARP request
GUESS = 0x50000000  # their first octet, before it is known
ETH_P_ALL = 3
KIND = {4: 0x0800, 6: 0x86DD}


def csum(b):
    if len(b) % 2:
        b += b"\0"
    s = sum(struct.unpack(f"!{len(b) // 2}H", b))
    while s >> 16:
        s = (s & 0xFFFF) + (s >> 16)
    return ~s & 0xFFFF


def in_netns(name, fn):
    """Run fn() in a network namespace and return its value: sockets stay where they were made."""
    out = []

    def body():
        fd = os.open(f"/run/netns/{name}", os.O_RDONLY)
        try:
            if ctypes.CDLL(None, use_errno=True).setns(fd, 0x40000000):  # CLONE_NEWNET
                raise OSError(ctypes.get_errno(), f"setns {name}")
            out.append(fn())
        finally:
            os.close(fd)
    t = threading.Thread(target=body)
    t.start()
    t.join()
    return out[0]


class Target:
    """One of the two listeners, and the wire to it."""

    def __init__(self, name, ns, dev, mac, remote_mac, addrs, arp):
        self.name, self.addrs = name, {f: ipaddress.ip_address(a).packed for f, a in addrs.items()}
        self.mac, self.remote_mac = (bytes.fromhex(m.replace(":", "")) for m in (mac, remote_mac))
        self.arp = [ipaddress.ip_address(a).packed for a in arp]  # who asks, who is asked

        def open_socket():
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            s.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)  # SO_RCVBUFFORCE
            s.bind((dev, ETH_P_ALL))
            s.setblocking(False)
            return s
        self.sock = in_netns(ns, open_socket)
        self.pongs = 0

    def close(self):
        self.sock.close()

    def ask(self):
        a, b = self.arp
        self.sock.send(b"\xff" * 6 + self.mac + b"\x08\x06" + struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1)
                       + self.mac + a + bytes(6) + b)

    def is_pong(self, f):
        return f[12:14] == b"\x08\x06" and f[20:22] == b"\0\2" and f[28:32] == self.arp[1]


class Conn:
    """A script's connection to one of the targets."""

    def __init__(self, script, target, family, port, local):
        self.script, self.target, self.family, self.port = script, target, family, port
        self.local = ipaddress.ip_address(local).packed
        # Numbers wrap on their way: signed ones over IPv4, unsigned ones over IPv6; timestamps over both.
        self.base = 0x80000000 - 40 if family == 4 else (1 << 32) - 40
        self.ts_base = (1 << 32) - 13
        self.link_mss = 1460 if family == 4 else 1440
        self.peer_base, self.known = GUESS, False
        self.peer_nxt = GUESS
        self.acked = self.base
        self.use_ts = False
        self.shift, self.edge, self.wnd = 0, None, None
        self.tsval = 0
        self.log = []  # of replies, a list a step
        self.step, self.mark = 0, None  # mark: the edge that a segment was placed by
        self.first_tsval = 0

    # sending

    def number(self, n):
        if n is None:
            return self.acked
        if isinstance(n, Edge):
            self.mark = self.edge if self.edge is not None else self.base
            return self.mark + n.n
        return self.base + n

    def timestamp(self, s):
        ts = self.ts_base + (self.step if s.ts is None else s.ts)
        return b"\x08\x0a" + struct.pack("!II", ts & 0xFFFFFFFF,
                                         self.first_tsval if s.first_echo else self.tsval)

    def options(self, s):
        if s.raw is not None:
            return s.raw.replace(TS, b"\x01\x01" + self.timestamp(s))
        o = b""
        if "S" in s.flags and s.opts:
            for c in s.opts:
                o += {"m": b"\x02\x04\x05\xb4", "s": b"\x04\x02", "w": b"\x03\x03\x07",
                      "t": self.timestamp(s)}[c]
        elif self.use_ts and s.ts != NO_TS:
            o += b"\x01\x01" + self.timestamp(s)
        if s.sack:
            o += b"\x01\x01\x05" + bytes([2 + 8 * len(s.sack)]) + b"".join(
                struct.pack("!II", *((self.peer_base + n) & 0xFFFFFFFF for n in b)) for b in s.sack)
        return o + b"\x01" * (-len(o) % 4)

    def frame(self, s):
        ack = 0
        if s.ackno >= 0:
            ack = s.ackno
        elif "A" in s.flags:
            ack = self.peer_nxt if s.ack is None else self.peer_base + s.ack
        flags = sum(1 << compare.FLAGS.index(f) for f in s.flags if f != "-")
        opts = self.options(s)
        start = self.number(s.seq)
        payload = bytes((start + i) & 0xFF for i in range(s.len))
        dst = self.target.addrs[self.family]
        head = struct.pack("!HHIIBBHHH", self.port, self.script.number, start & 0xFFFFFFFF,
                           ack & 0xFFFFFFFF, (5 + len(opts) // 4) << 4, flags, s.wnd, 0, s.urg)
        tcp = head + opts + payload
        pseudo = self.local + dst + (struct.pack("!HH", 6, len(tcp)) if self.family == 4
                                     else struct.pack("!II", len(tcp), 6))
        c = csum(pseudo + tcp)
        tcp = tcp[:16] + struct.pack("!H", c) + tcp[18:]
        if self.family == 4:
            ip = struct.pack("!BBHIBBH", 0x45, s.ecn, 20 + len(tcp), 0x4000, 64, 6, 0)  # not fragmented
            ip += self.local + dst
            ip = ip[:10] + struct.pack("!H", csum(ip)) + ip[12:]
        else:
            ip = struct.pack("!IHBB", 6 << 28 | s.ecn << 20, len(tcp), 6, 64) + self.local + dst
        f = self.target.remote_mac + self.target.mac + struct.pack("!H", KIND[self.family]) + ip + tcp
        return f + bytes(max(0, 60 - len(f)))

    def send(self, s):
        self.target.sock.send(self.frame(s))

    # receiving

    def take(self, r):
        flags = r.flags
        if flags & 2 and not (self.known and self.peer_base == (r.seq + 1) & 0xFFFFFFFF):
            self.peer_base, self.known = (r.seq + 1) & 0xFFFFFFFF, True
            kinds = dict(r.opts)
            self.use_ts = 8 in kinds
            self.first_tsval = struct.unpack("!I", kinds[8][:4])[0] if self.use_ts else 0
            self.shift = kinds[3][0] if 3 in kinds else 0
            self.peer_nxt = self.peer_base
        for kind, v in r.opts:
            if kind == 8:
                self.tsval = struct.unpack("!I", v[:4])[0]
        self.log[-1].append(compare.text(r, self))
        end = r.seq + len(r.payload) + (flags & 1) + (flags >> 1 & 1)
        if self.known and not flags & 4 and compare.signed(end - self.peer_nxt) > 0:
            self.peer_nxt = end
        if flags & 16 and not flags & 4:
            self.acked = r.ack
            self.wnd = r.wnd << (0 if flags & 2 else self.shift)
            e = r.ack + self.wnd
            if self.edge is None or compare.signed(e - self.edge) > 0:
                self.edge = e


class Player:
    """One at a time; port: the first of its scripts' ports."""

    def __init__(self, targets, port):
        self.targets = targets
        self.next_port = port
        self.conns = {}

    def _receive(self, t):
        """Take what is there from t; whether there was a reply."""
        any_reply = False
        while True:
            try:
                f, addr = t.sock.recvfrom(2048)
            except BlockingIOError:
                return any_reply
            if addr[2] == socket.PACKET_OUTGOING:
                continue
            if t.is_pong(f):
                t.pongs += 1
                continue
            r = compare.parse(f)
            conn = r and self.conns.get((t.name, r.port, r.remote[1]))
            if conn:
                any_reply = True
                conn.take(r)

    def settle(self, quiet=QUIET):
        """Until both targets have seen all, and nothing has come for `quiet` seconds since."""
        for t in self.targets:
            t.pongs = 0
            t.ask()
        limit = time.monotonic() + PATIENCE
        end = None
        while True:
            now = time.monotonic()
            if end is None and all(t.pongs for t in self.targets):
                end = now + quiet
            if end is not None and now >= end:
                return
            if now > limit:
                raise TimeoutError(f"no answer of {[t.name for t in self.targets if not t.pongs]}")
            select.select([t.sock for t in self.targets], [], [],
                          max(0, (end if end is not None else limit) - now))
            # A list first: each of them is read.
            if any([self._receive(t) for t in self.targets]) and end is not None:
                end = max(end, time.monotonic() + min(quiet, QUIET))

    def _fill(self, conns):
        """Data in order until no window is left; what is answered meanwhile depends on buffers."""
        left = list(conns)
        limit = time.monotonic() + PATIENCE
        while left:
            for c in left:
                room = min(c.wnd, 16000)
                while room > 0:
                    n = min(room, 1000)
                    c.send(Seg("A", compare.signed(c.acked + min(c.wnd, 16000) - room - c.base), n))
                    room -= n
            self.settle(0.02)
            left = [c for c in left if c.wnd]
            if time.monotonic() > limit:
                break
        for c in conns:
            c.log[-1] = ["closed" if c.wnd == 0 else "open"]
            c.base = c.acked & 0xFFFFFFFF
            c.mark, c.edge = None, c.acked

    def warm_up(self, family):
        """Until both targets know the way to the scripts' side."""
        limit = time.monotonic() + PATIENCE
        hello = Script("warm-up", [Seg("S", -1, wait=0.02)], port="none")
        while not all(any(log) for log in self.play([hello], family)[0]):
            if time.monotonic() > limit:
                raise TimeoutError("a SYN to a closed port is not answered")

    def play(self, scripts, family):
        """Play scripts at once. Returns (Linux's replies, mpgate's) for each: a list of lines a step."""
        pairs = []
        self.conns = {}
        for s in scripts:
            pair = []
            for t in self.targets:
                c = Conn(s, t, family, self.next_port, {4: "10.50.0.7", 6: "fd00:50::7"}[family])
                self.conns[(t.name, c.port, s.number)] = c
                pair.append(c)
            self.next_port += 1
            pairs.append(pair)
        for i in range(max(len(s.steps) for s in scripts)):
            wait = QUIET if i else RTT
            fill = []
            for c in self.conns.values():
                if i <= len(c.script.steps):
                    c.log.append([])  # the last one for what comes too late
                if i >= len(c.script.steps):
                    continue
                c.step = i
                step = c.script.steps[i]
                if step is FILL:
                    fill.append(c)
                    continue
                for s in step if isinstance(step, list) else [step]:
                    c.send(s)
                    wait = max(wait, s.wait)
            self.settle(wait)
            if fill:
                self._fill(fill)
        results = [tuple([compare.without_early_acks(x) for x in c.log[:len(c.script.steps)]]
                         for c in pair) for pair in pairs]
        self._end()
        return results

    def _end(self):
        """Reset what is left of the connections."""
        for c in self.conns.values():
            if c.known:
                for seq in {c.acked, (c.edge if c.edge is not None else c.acked)}:
                    c.send(Seg("R", compare.signed(seq - c.base)))
        self.settle()
        self.conns = {}
