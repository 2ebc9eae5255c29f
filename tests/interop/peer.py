#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Both ends of a test transfer, TCP or MPTCP.

A client opens with one line, "MODE SIZE\\n". What follows, with hashes as 64 hex digits:
    up      client sends SIZE octets; server answers their hash
    down    server sends SIZE octets and their hash
    both    both at once, SIZE octets each way; server then sends the hash of what it sent and of
            what it got
    half    client sends SIZE octets and shuts its sending side down; only then server sends SIZE
            octets, the hash of these and of those it got
Then the server closes. The client prints a JSON list, one object a connection:
    ok, error, bytes, seconds, fallback (true when the kernel speaks plain TCP on it), subflows,
    checksum
No splice(), no sendfile(): MPTCP sockets of some kernels leak memory with them.
"""
import argparse
import hashlib
import json
import os
import socket
import struct
import sys
import threading
import time

IPPROTO_MPTCP, SOL_MPTCP, MPTCP_INFO = 262, 284, 1
MPTCP_INFO_CSUM = 42  # offset of mptcpi_csum_enabled
CHUNK = 1 << 16
DIGEST = 64


def blocks(size):
    """size octets in which no two blocks are equal."""
    base, n = os.urandom(CHUNK - 8), 0
    while size > 0:
        b = struct.pack("!Q", n) + base
        yield b if size >= CHUNK else b[:size]
        size -= CHUNK
        n += 1


def send_blocks(s, size):
    h = hashlib.sha256()
    for b in blocks(size):
        h.update(b)
        s.sendall(b)
    return h.hexdigest()


def recv_hash(s, size, buf=b""):
    """Hash of the next size octets, of which buf was read already."""
    h = hashlib.sha256(buf)
    left = size - len(buf)
    b = bytearray(1 << 18)
    view = memoryview(b)
    while left > 0:
        n = s.recv_into(view[:min(left, len(b))])
        if n == 0:
            raise EOFError(f"end of stream, {left} of {size} octets missing")
        h.update(view[:n])
        left -= n
    return h.hexdigest()


def recv_exact(s, size):
    d = b""
    while len(d) < size:
        b = s.recv(size - len(d))
        if not b:
            raise EOFError(f"end of stream, {size - len(d)} of {size} octets missing")
        d += b
    return d


def expect_eof(s):
    if s.recv(1):
        raise ValueError("octets after the end")


def at_once(fn):
    """Run fn() in a thread; returns a function that waits for its value."""
    out = {}

    def body():
        try:
            out["v"] = fn()
        except Exception as e:  # pylint: disable=broad-except
            out["e"] = e
    t = threading.Thread(target=body, daemon=True)
    t.start()

    def join(timeout=None):
        t.join(timeout)
        if t.is_alive():
            raise TimeoutError("the transfer's deadline")
        if "e" in out:
            raise out["e"]
        return out["v"]
    return join


# --- server ------------------------------------------------------------------------------------------

def serve_one(s):
    try:
        head = b""
        while not head.endswith(b"\n"):
            b = s.recv(1)
            if not b:
                return
            head += b
        mode, size = head.split()[0].decode(), int(head.split()[1])
        if mode == "up":
            s.sendall(recv_hash(s, size).encode())
        elif mode == "down":
            s.sendall(send_blocks(s, size).encode())
        elif mode == "both":
            got = at_once(lambda: recv_hash(s, size))
            sent = send_blocks(s, size)
            s.sendall((sent + got()).encode())
        elif mode == "half":
            got = recv_hash(s, size)
            expect_eof(s)
            sent = send_blocks(s, size)
            s.sendall((sent + got).encode())
    except (OSError, EOFError, ValueError) as e:
        print(f"peer: {e!r}", file=sys.stderr, flush=True)
    finally:
        s.close()


def server(a):
    lis = socket.socket(socket.AF_INET6, socket.SOCK_STREAM, IPPROTO_MPTCP if a.mptcp else 0)
    lis.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    lis.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    lis.bind(("::", a.port))
    lis.listen(1024)
    while True:
        s, _ = lis.accept()
        threading.Thread(target=serve_one, args=(s,), daemon=True).start()


# --- client ------------------------------------------------------------------------------------------

def mptcp_info(s, res):
    try:
        info = s.getsockopt(SOL_MPTCP, MPTCP_INFO, 256)
        res["fallback"] = bool(struct.unpack_from("I", info, 8)[0] & 1)
        res["subflows"] = 1 + info[0]
        res["checksum"] = bool(info[MPTCP_INFO_CSUM])
    except OSError:
        res["fallback"] = True


def client_one(a):
    fam = socket.AF_INET6 if ":" in a.host else socket.AF_INET
    res = {"ok": False, "error": None, "bytes": 0, "fallback": None, "subflows": 1,
           "checksum": False}
    t0 = time.monotonic()
    try:
        with socket.socket(fam, socket.SOCK_STREAM, IPPROTO_MPTCP if a.mptcp else 0) as s:
            s.settimeout(a.timeout)
            s.bind(("", a.source_port))
            s.connect((a.host, a.port))
            s.sendall(f"{a.mode} {a.size}\n".encode())
            if a.stall:
                time.sleep(a.stall)
            want = sent = None
            if a.mode == "up":
                sent = send_blocks(s, a.size)
                mptcp_info(s, res)
                want = (recv_exact(s, DIGEST).decode(), sent)
            elif a.mode == "down":
                got = recv_hash(s, a.size)
                mptcp_info(s, res)
                want = (recv_exact(s, DIGEST).decode(), got)
            else:
                if a.mode == "both":
                    tx = at_once(lambda: send_blocks(s, a.size))
                    got = recv_hash(s, a.size)
                    sent = tx()
                else:
                    sent = send_blocks(s, a.size)
                    s.shutdown(socket.SHUT_WR)
                    got = recv_hash(s, a.size)
                mptcp_info(s, res)
                want = (recv_exact(s, 2 * DIGEST).decode(), got + sent)
            res["bytes"] = a.size * (1 if a.mode in ("up", "down") else 2)
            expect_eof(s)
            res["ok"] = want[0] == want[1]
            if not res["ok"]:
                res["error"] = "hashes differ"
    except (OSError, EOFError, ValueError) as e:
        res["error"] = f"{type(e).__name__}: {e}"
    res["seconds"] = round(time.monotonic() - t0, 4)
    return res


def client(a):
    runs = [at_once(lambda: client_one(a)) for _ in range(a.count)]
    end = time.monotonic() + a.deadline
    res = []
    for r in runs:
        try:
            res.append(r(max(end - time.monotonic(), 0)))
        except TimeoutError as e:
            res.append({"ok": False, "error": f"TimeoutError: {e}"})
    print(json.dumps(res))
    return 0 if all(r["ok"] for r in res) else 1


def main():
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = p.add_subparsers(dest="role", required=True)
    q = sub.add_parser("server")
    q.add_argument("--port", type=int, required=True)
    q.add_argument("--mptcp", action="store_true")
    q = sub.add_parser("client")
    q.add_argument("--host", required=True)
    q.add_argument("--port", type=int, required=True)
    q.add_argument("--mode", choices=("up", "down", "both", "half"), default="down")
    q.add_argument("--size", type=int, default=1 << 20)
    q.add_argument("--source-port", type=int, default=0, help="0: any free one")
    q.add_argument("--count", type=int, default=1, help="connections at once")
    q.add_argument("--mptcp", action="store_true")
    q.add_argument("--stall", type=float, default=0, help="seconds before the first read")
    q.add_argument("--timeout", type=float, default=60, help="seconds one call may take")
    q.add_argument("--deadline", type=float, default=86400, help="seconds all of it may take")
    a = p.parse_args()
    sys.exit(server(a) if a.role == "server" else client(a))


if __name__ == "__main__":
    main()
