# SPDX-License-Identifier: BSD-3-Clause
"""SACK blocks reported and taken (RFC 2018, RFC 2883)."""
import itertools

from diff.script import Script, alive, data, est, seg


def sack(name, *steps, opts="msw", **kw):
    return Script(name, [*est(opts), *steps], **kw)


def at(n, length=10):
    """The n-th of blocks of ten octets, with room for nothing between neighbours."""
    return data(n * 10, length)


SCRIPTS = [
    *(sack(f"blocks {''.join(map(str, order))}, then the hole", *(at(n) for n in order), at(0))
      for order in itertools.permutations((1, 3, 5))),
    *(sack(f"blocks {''.join(map(str, order))} one after another", *(at(n) for n in order))
      for order in itertools.permutations((0, 1, 2))),
    sack("four blocks", *(at(n) for n in (1, 3, 5, 7))),
    sack("five blocks", *(at(n) for n in (1, 3, 5, 7, 9)), at(0)),
    sack("five blocks, downwards", *(at(n) for n in (9, 7, 5, 3, 1)), at(0)),
    sack("six blocks with timestamps", *(at(n) for n in (1, 3, 5, 7, 9, 11)), at(0), opts="mswt"),
    sack("five blocks, holes filled", *(at(n) for n in (1, 3, 5, 7, 9)), at(2), at(6), at(8), at(4), at(0)),
    sack("five blocks, the oldest again", *(at(n) for n in (1, 3, 5, 7, 9)), at(1)),
    sack("two blocks are joined", at(1), at(3), at(2), at(0)),
    sack("three blocks are joined by one segment", at(1), at(3), at(5), data(10, 50), at(0)),
    sack("a block grows at its end", at(2), at(3), at(0)),
    sack("a block grows at its beginning", at(3), at(2), at(0)),
    sack("a block grows over its end", at(2), data(25, 10)),
    sack("a block grows over its beginning", at(2), data(15, 10)),
    sack("a block is covered", at(2), data(15, 20)),
    sack("two blocks are covered", at(2), at(4), data(15, 40)),
    sack("the hole and more", at(2), data(0, 25)),
    sack("the hole and all of the block", at(2), data(0, 30)),
    sack("the hole and beyond the block", at(2), data(0, 40)),
    sack("part of the hole", at(2), data(0, 5)),
    sack("the middle of the hole", at(2), data(5, 5)),
    sack("block again", at(1), at(1)),
    sack("block again with timestamps", at(1), at(1), opts="mswt"),
    sack("part of a block again", at(1, 30), at(2)),
    sack("beginning of a block again", at(1, 30), at(1)),
    sack("end of a block again", at(1, 30), at(3)),
    sack("older block again", at(1), at(3), at(1)),
    sack("block again, four others", at(1), at(3), at(5), at(7), at(7)),
    sack("octets delivered again", at(0), at(0)),
    sack("octets delivered again, partly", data(0, 30), at(1)),
    sack("octets delivered again and new ones", at(0), data(0, 20)),
    sack("octets delivered again, a block waits", at(0), at(2), at(0)),
    sack("octets delivered again and the block", at(0), at(2), data(0, 30)),
    sack("octets delivered again up to the block", at(0), at(2), data(5, 15)),
    sack("delivered octets and some beyond the hole", at(0), at(2), data(5, 20)),
    sack("duplicates are told once", at(0), at(0), at(2), at(4)),
    sack("duplicate from before the connection", data(-20, 10), at(1)),
    sack("two duplicates at once", at(0), [at(0), at(0)]),
    sack("two blocks at once", [at(1), at(3)], at(0)),
    sack("FIN beyond a hole", seg("FPA", 10, 10), at(0), port="keep"),
    sack("FIN beyond a hole, again", seg("FPA", 10, 10), seg("FPA", 10, 10), at(0), port="keep"),
    sack("empty FIN beyond a hole", seg("FA", 10), at(0), port="keep"),
    sack("block, then FIN behind it", at(1), seg("FA", 20), at(0), port="keep"),
    sack("not agreed: blocks", at(1), at(3), at(0), opts="mw"),
    sack("not agreed: duplicate", at(0), at(0), opts="mw"),
    sack("not agreed, timestamps", at(1), at(1), opts="mwt"),
    sack("single octets", *(data(n, 1) for n in (2, 4, 6, 3, 5, 1, 0))),
    sack("big segments", data(1000, 1000), data(3000, 1000), data(0, 1000), data(2000, 1000)),
    # what is told to the sender
    sack("SACK of all sent", seg("A", 0, ack=0, sack=((0, 100),)), alive(), port="talk"),
    sack("SACK of part of it", seg("A", 0, ack=0, sack=((50, 100),)), port="talk"),
    sack("SACK of what was not sent", seg("A", 0, ack=0, sack=((200, 300),)), alive(), port="talk"),
    sack("SACK that ends before it begins", seg("A", 0, ack=0, sack=((80, 60),)), alive(), port="talk"),
    sack("SACK below the acknowledgement", seg("A", 0, ack=50, sack=((0, 20),)), alive(ack=100),
         port="talk"),
    sack("D-SACK", seg("A", 0, ack=100, sack=((0, 100),)), alive(), port="talk"),
    sack("SACK though not agreed", seg("A", 0, ack=0, sack=((0, 100),)), alive(), port="talk", opts="mw"),
    sack("four SACK blocks", seg("A", 0, ack=0, sack=((10, 20), (30, 40), (50, 60), (70, 80))), alive(),
         port="talk"),
]
