#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""router.py DEV MTU: tell the senders of packets larger than MTU that come in at DEV (RFC 1191, RFC 4443
s3.2). Who drops the packets is somebody else."""
import socket
import sys

from scapy.all import ICMP, IP, Ether, IPv6, Raw  # pylint: disable=E0611
from scapy.layers.inet6 import ICMPv6PacketTooBig

ETH_P_ALL, ETH_LEN = 3, 14


def answer(frame, mtu):
    e = Ether(frame)
    eth = Ether(src=e.dst, dst=e.src)
    if IPv6 in e:
        ip, quote = e[IPv6], frame[ETH_LEN:ETH_LEN + 1000]
        return eth / IPv6(src=ip.dst, dst=ip.src) / ICMPv6PacketTooBig(mtu=mtu) / Raw(quote)
    ip, quote = e[IP], frame[ETH_LEN:ETH_LEN + 28]
    return eth / IP(src=ip.dst, dst=ip.src) / ICMP(type=3, code=4, nexthopmtu=mtu) / Raw(quote)


def main():
    dev, mtu = sys.argv[1], int(sys.argv[2])
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    s.bind((dev, 0))
    print("listening", file=sys.stderr, flush=True)
    while True:
        frame, addr = s.recvfrom(65535)
        if addr[2] != socket.PACKET_OUTGOING and len(frame) - ETH_LEN > mtu:
            s.send(bytes(answer(frame, mtu)))


if __name__ == "__main__":
    main()
