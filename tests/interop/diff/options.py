# SPDX-License-Identifier: BSD-3-Clause
"""Option areas, well-formed and not, in SYNs and later (RFC 9293 s3.1 and s3.7.1, RFC 7323, RFC 2018)."""
from diff.script import TS, Script, alive, data, est, seg, syn

MSS = b"\2\4\5\xb4"
WS = b"\3\3\7\1"
SACKOK = b"\4\2\1\1"


def in_syn(name, raw, **kw):
    """A SYN with this option area, then data over the connection, with a hole in it."""
    return Script(f"SYN: {name}", [syn(raw=raw), seg("A", 0), data(10, 10), data(0, 10)], **kw)


def later(name, raw, opts="mswt", **kw):
    """Data with this option area on an established connection."""
    return Script(f"data: {name}", [*est(opts), data(0, 10, raw=raw), alive()], **kw)


def pad(b, by=b"\1"):
    return b + by * (-len(b) % 4)


SCRIPTS = [
    in_syn("none", b""),
    in_syn("MSS", MSS),
    in_syn("window scale", WS),
    in_syn("SACK permitted", SACKOK),
    in_syn("timestamps", TS),
    in_syn("all", MSS + WS + SACKOK + TS),
    in_syn("all, other order", TS + SACKOK + WS + MSS),
    in_syn("all, no padding between", b"\2\4\5\xb4\3\3\7\4\2\1\1\1" + TS),
    in_syn("40 octets", MSS + WS + SACKOK + TS + b"\1" * 16),
    in_syn("only NOPs", b"\1" * 12),
    in_syn("only EOLs", b"\0" * 12),
    in_syn("EOL first", b"\0\1\1\1" + MSS + WS + SACKOK),
    in_syn("EOL in the middle", MSS + b"\0\1\1\1" + WS + SACKOK),
    in_syn("EOL, then an option without length", MSS + b"\0\0\0\x22"),
    in_syn("EOL last", MSS + WS + b"\4\2\0\0"),
    in_syn("MSS 0", b"\2\4\0\0"),
    in_syn("MSS 1", b"\2\4\0\1"),
    in_syn("MSS 65535", b"\2\4\xff\xff"),
    in_syn("MSS twice", MSS + b"\2\4\2\0"),
    in_syn("MSS of length 2", pad(b"\2\2") + WS + SACKOK),
    in_syn("MSS of length 3", pad(b"\2\3\5") + WS + SACKOK),
    in_syn("MSS of length 5", pad(b"\2\5\5\xb4\0") + WS + SACKOK),
    in_syn("MSS of length 6", pad(b"\2\6\5\xb4\0\0") + WS + SACKOK),
    in_syn("window scale 0", b"\3\3\0\1"),
    in_syn("window scale 14", b"\3\3\x0e\1"),
    in_syn("window scale 15", b"\3\3\x0f\1"),
    in_syn("window scale 255", b"\3\3\xff\1"),
    in_syn("window scale twice", b"\3\3\2\1" + b"\3\3\7\1"),
    in_syn("window scale of length 2", MSS + pad(b"\3\2") + SACKOK),
    in_syn("window scale of length 4", MSS + pad(b"\3\4\7\1") + SACKOK),
    in_syn("SACK permitted twice", SACKOK + SACKOK),
    in_syn("SACK permitted of length 3", MSS + pad(b"\4\3\0") + WS),
    in_syn("SACK permitted of length 4", MSS + pad(b"\4\4\0\0") + WS),
    in_syn("SACK blocks", MSS + SACKOK + b"\1\1\5\x0aABCDEFGH"),
    in_syn("timestamps twice", TS + TS),
    in_syn("timestamps of length 2", MSS + pad(b"\x08\2") + WS),
    in_syn("timestamps of length 9", MSS + pad(b"\x08\x09ABCDEFG") + WS),
    in_syn("timestamps of length 11", MSS + pad(b"\x08\x0bABCDEFGHI") + WS),
    in_syn("timestamps, not aligned", b"\x08\x0a\0\x10\0\0\0\0\0\0\1\1"),
    in_syn("unknown kind", MSS + b"\xc8\4AB" + SACKOK),
    in_syn("unknown kind without contents", MSS + b"\xc8\2\1\1" + SACKOK),
    in_syn("experimental kind", MSS + b"\xfd\x08ABCDEF" + SACKOK),
    in_syn("fast open, asking for a cookie", MSS + b"\x22\2\1\1" + SACKOK),
    in_syn("fast open with a cookie", MSS + b"\x22\x0aABCDEFGH\1\1" + SACKOK),
    in_syn("MD5 signature", MSS + b"\x13\x12" + bytes(16) + b"\1\1"),
    in_syn("authentication", MSS + b"\x1d\x10\0\0" + bytes(12)),
    in_syn("user timeout", MSS + b"\x1c\4\x80\1" + SACKOK),
    in_syn("echo and echo reply (obsolete)", MSS + b"\6\6ABCD\7\6ABCD" + SACKOK),
    in_syn("MPTCP, which this listener does not speak", MSS + SACKOK + b"\x1e\4\1\1"),
    in_syn("length 0", MSS + b"\xc8\0\1\1" + SACKOK),
    in_syn("length 1", MSS + b"\xc8\1\1\1" + SACKOK),
    in_syn("MSS of length 0", b"\2\0\5\xb4" + SACKOK),
    in_syn("MSS of length 1", b"\2\1\5\xb4" + SACKOK),
    in_syn("SACK permitted of length 0", MSS + b"\4\0\1\1" + WS),
    in_syn("SACK permitted of length 1", MSS + b"\4\1\1\1" + WS),
    in_syn("window scale of length 0", MSS + b"\3\0\7\1" + SACKOK),
    in_syn("timestamps of length 0", MSS + b"\x08\0" + bytes(8) + b"\1\1"),
    in_syn("past the end by one", MSS + b"\1\1\xc8\3"),
    in_syn("past the end", MSS + b"\xc8\x28AB"),
    in_syn("MSS past the end", SACKOK + b"\1\1\2\4"),
    in_syn("timestamps past the end", MSS + b"\x08\x0aABCDEF"),
    in_syn("kind without length at the end", MSS + b"\1\1\1\xc8"),
    in_syn("MSS without length at the end", SACKOK + b"\1\1\1\2"),
    in_syn("of length 255", MSS + b"\xc8\xffAB"),
    later("none", b""),
    later("none, no timestamps agreed", b"", opts="msw"),
    later("timestamps", TS),
    later("timestamps and NOPs", TS + b"\1\1\1\1"),
    later("timestamps, then EOL", TS + b"\0\0\0\0"),
    later("timestamps behind EOL", b"\0\0\0\0" + TS),
    later("timestamps twice", TS + TS),
    later("MSS, window scale, SACK permitted", TS + MSS + WS + SACKOK),
    later("unknown kind", TS + b"\xc8\4AB"),
    later("unknown kind before", b"\xc8\4AB" + TS),
    later("length 0 behind", TS + b"\xc8\0AB"),
    later("length 0 before", b"\xc8\0AB" + TS),
    later("length 1 behind", TS + b"\xc8\1AB"),
    later("past the end", TS + b"\xc8\5AB"),
    later("without length at the end", TS + b"\1\1\1\xc8"),
    later("length 0, no timestamps agreed", b"\xc8\0AB", opts="msw"),
    later("past the end, no timestamps agreed", b"\xc8\5AB", opts="msw"),
    later("SACK of length 2", TS + b"\1\1\5\2"),
    later("SACK of length 9", TS + pad(b"\5\x09ABCDEFG")),
    later("SACK of length 11", TS + pad(b"\5\x0bABCDEFGHI")),
    later("SACK of length 34 with room for it", b"\1\1\5\x22" + bytes(32), opts="msw"),
    later("SACK past the end", TS + b"\1\1\5\x0a"),
    later("SACK twice", b"\1\1\5\x0a" + bytes(8) + b"\1\1\5\x0a" + bytes(8), opts="msw"),
    later("MPTCP", TS + b"\x1e\4\1\1"),
    later("MPTCP of length 2", TS + b"\x1e\2\1\1"),
    later("MD5 signature", TS + b"\x13\x12" + bytes(16) + b"\1\1"),
    later("timestamps of length 8", pad(b"\x08\x08ABCDEF")),
    later("timestamps of length 12", pad(b"\x08\x0cABCDEFGHIJ")),
]
for flags in ("R", "SA", "A", "FA"):
    SCRIPTS.append(Script(f"{flags} with an option of length 0",
                          [*est(), seg(flags, 0, raw=TS + b"\xc8\0AB"), alive()], port="keep"))
