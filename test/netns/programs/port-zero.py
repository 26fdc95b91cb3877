"""Sends DNS questions from UDP port 0, as raw IPv4 packets: port-zero.py SOURCE TARGET PORT NAME [COUNT]. Prints "sent"."""
import socket
import struct
import sys

PROTOCOL_UDP = 17


def question(name: str) -> bytes:
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return struct.pack(">6H", 7, 0, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", 1, 1)


def main() -> None:
    source, target, port, name = sys.argv[1:5]
    count = int(sys.argv[5]) if len(sys.argv) > 5 else 1
    body = question(name)
    # No checksum: IPv4 allows that for UDP.
    datagram = struct.pack(">4H", 0, int(port), 8 + len(body), 0) + body
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(datagram), 0, 0, 64, PROTOCOL_UDP, 0)
    packet = head + socket.inet_aton(source) + socket.inet_aton(target) + datagram
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    raw.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(source))
    for _ in range(count):
        raw.sendto(packet, (target, 0))
    print("sent")


main()
