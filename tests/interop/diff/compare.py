# SPDX-License-Identifier: BSD-3-Clause
"""From the octets of a reply to one line that does not depend on who sent it and when.

A line has the flags, the sequence number (s) and acknowledgement (a) counted from the initial ones, w0
for a closed window, payload as its length and checksum, and of the options what was agreed or reported:
the timestamp as its echo (t), SACK blocks, MSS where it is not that of the link.
"""
import collections
import re
import struct
import zlib

FLAGS = "FSRPAUEC"
ACK = re.compile(r"AE? s-?\d+ (a-?\d+)( t-?\d+)?")
ANSWER = re.compile(r"(?:PA|FA|FPA)E?C? s-?\d+ (a-?\d+)\b")
Reply = collections.namedtuple("Reply", "port remote flags seq ack wnd urg ecn opts payload")


def flags_text(flags):
    return "".join(f for i, f in enumerate(FLAGS) if flags >> i & 1) or "none"


def options(area):
    """[(kind, contents)] of a well-formed option area; ValueError when it is not."""
    out, i = [], 0
    while i < len(area) and area[i] != 0:
        if area[i] == 1:
            i += 1
            continue
        n = area[i + 1] if i + 1 < len(area) else 0
        if n < 2 or i + n > len(area):
            raise ValueError(f"options {area.hex()}")
        out.append((area[i], area[i + 2:i + n]))
        i += n
    return out


def parse(frame):
    """A Reply of an Ethernet frame with TCP, or None."""
    kind = struct.unpack_from("!H", frame, 12)[0]
    ip = frame[14:]
    if kind == 0x0800 and ip[9] == 6:
        head, total = (ip[0] & 15) * 4, struct.unpack_from("!H", ip, 2)[0]
        ecn, remote = ip[1] & 3, ip[12:16]
    elif kind == 0x86DD and ip[6] == 6:
        head, total = 40, 40 + struct.unpack_from("!H", ip, 4)[0]
        ecn, remote = ip[1] >> 4 & 3, ip[8:24]
    else:
        return None
    t = ip[head:total]
    sport, dport, seq, ack, off, flags, wnd, _, urg = struct.unpack_from("!HHIIBBHHH", t)
    return Reply(dport, (bytes(remote), sport), flags, seq, ack, wnd, urg, ecn,
                 options(t[20:(off >> 4) * 4]), bytes(t[(off >> 4) * 4:]))


def signed(n):
    n &= 0xFFFFFFFF
    return n - (1 << 32) if n >> 31 else n


def number(n, base):
    d = signed(n - base)
    return "=0" if n == 0 and abs(d) > 1 << 20 else f"{d:d}"


def text(r, conn):
    """r in one line; conn knows where counting begins."""
    def own(n):  # a number of the script's direction
        if conn.mark is not None and abs(signed(n - conn.mark)) < 2000:
            return f"E{signed(n - conn.mark):+d}"
        return number(n, conn.base)
    w = [flags_text(r.flags), f"s{number(r.seq, conn.peer_base)}"]
    if r.flags >> 4 & 1:
        w.append(f"a{own(r.ack)}")
    elif r.ack:
        w.append(f"ackfield={r.ack}")
    if r.wnd == 0 and not r.flags >> 2 & 1:
        w.append("w0")
    if r.payload:
        w.append(f"{len(r.payload)}:{zlib.crc32(r.payload) & 0xFFFF:04x}")
    if r.urg:
        w.append(f"urg{r.urg}")
    if r.ecn:
        w.append(f"ecn{r.ecn}")
    for kind, v in r.opts:
        if kind == 2:
            mss = struct.unpack("!H", v)[0]
            w.append("mss" if mss == conn.link_mss else f"mss{mss}")
        elif kind == 3:
            w.append("ws")
        elif kind == 4:
            w.append("sackok")
        elif kind == 5:
            n = struct.unpack(f"!{len(v) // 4}I", v)
            w.append("sack " + ",".join(f"{own(a)}-{own(b)}" for a, b in zip(n[::2], n[1::2])))
        elif kind == 8:
            w.append(f"t{number(struct.unpack('!I', v[4:8])[0], conn.ts_base)}")
        else:
            w.append(f"opt{kind}:{v.hex()}")
    return " ".join(w)


def without_early_acks(lines):
    """Without the bare ACK that goes before what an application has to say about the same octets: whether
    it answers in time for the ACK to go along is no question to TCP (RFC 9293 s3.8.6.3)."""
    out = []
    for i, line in enumerate(lines):
        ack, later = ACK.fullmatch(line), ANSWER.match(lines[i + 1]) if i + 1 < len(lines) else None
        if not (ack and later and ack[1] == later[1]):
            out.append(line)
    return out


def step_text(lines):
    return " | ".join(lines) or "-"


def differences(kernel, mpgate):
    """{step: (Linux's replies, mpgate's)} where they differ."""
    return {i: (step_text(k), step_text(m)) for i, (k, m) in enumerate(zip(kernel, mpgate)) if k != m}
