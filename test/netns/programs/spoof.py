"""Sends UDP datagrams with a source of one's choice by a raw socket.  spoof.py SOURCE TARGET PORT COUNT"""

import socket
import struct
import sys

source, target, port, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
family = socket.AF_INET6 if ":" in source else socket.AF_INET
ends = socket.inet_pton(family, source) + socket.inet_pton(family, target)


def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF or 0xFFFF


def packet(number):
    payload = struct.pack("!I", number) + b"spoof!"
    length = 8 + len(payload)
    pseudo = ends + (struct.pack("!IHBB", length, 0, 0, 17) if family == socket.AF_INET6 else struct.pack("!BBH", 0, 17, length))
    head = struct.pack("!HHH", 5999, port, length)
    udp = head + struct.pack("!H", checksum(pseudo + head + b"\0\0" + payload)) + payload
    if family == socket.AF_INET6:
        return struct.pack("!IHBB", 6 << 28, length, 17, 64) + ends + udp
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 0, 0, 64, 17, 0) + ends + udp


raw = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)
for number in range(count):
    raw.sendto(packet(number), (target, 0))
print("sent", count)
