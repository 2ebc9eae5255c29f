#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The application behind each listener: a port for each of the ways it can behave.

    sink  reads; closes after the end      bye   the same, but ends its own direction at once
    echo  sends back what it reads         talk  sends 100 octets, then as sink
    keep  reads, and never closes          last  sends 100 octets once the peer has ended, closes
    full  never reads

argv: a port for each of them, as NAME=PORT.
"""
import contextlib
import selectors
import socket
import sys

HELLO = bytes(range(100))


def listen(port, small):
    s = socket.socket(socket.AF_INET6)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    if small:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
    s.bind(("::", port))
    s.listen(8192)
    s.setblocking(False)
    return s


KEPT = []  # what is not closed and not read any more


def accepted(sel, s, how):
    c, _ = s.accept()
    c.setblocking(False)
    if how == "bye":
        c.shutdown(socket.SHUT_WR)
    if how == "talk":
        c.send(HELLO)
    if how == "full":
        KEPT.append(c)
    else:
        sel.register(c, selectors.EVENT_READ, (how, False))


def readable(sel, c, how):
    try:
        d = c.recv(1 << 16)
    except OSError:
        d = None
    if d and how == "echo":
        with contextlib.suppress(OSError):
            c.send(d)
    if d:
        return
    sel.unregister(c)
    if d is not None and how == "last":
        with contextlib.suppress(OSError):
            c.send(HELLO)
    if d is not None and how == "keep":
        KEPT.append(c)
    else:
        c.close()


def main():
    sel = selectors.DefaultSelector()
    for arg in sys.argv[1:]:
        how, port = arg.split("=")
        sel.register(listen(int(port), how == "full"), selectors.EVENT_READ, (how, True))
    while True:
        for key, _ in sel.select():
            how, is_listener = key.data
            with contextlib.suppress(OSError):
                (accepted if is_listener else readable)(sel, key.fileobj, how)


if __name__ == "__main__":
    main()
