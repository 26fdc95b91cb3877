"""Sends a host's captured UDP datagrams again, from the same ports to the same places.  replay.py CAPTURE OWN_IPV4   Prints how many."""

import socket
import struct
import sys
import time

DATAGRAMS_MAX = 5000


def captured(path, own):
    """(source port, destination, payload) of each IPv4 UDP datagram from `own` in a capture of Ethernet frames."""
    data = open(path, "rb").read()
    at = 24
    while at + 16 <= len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        frame = data[at + 16 : at + 16 + length]
        at += 16 + length
        if frame[12:14] != b"\x08\x00" or frame[23] != 17 or frame[26:30] != socket.inet_aton(own):
            continue
        udp = 14 + (frame[14] & 15) * 4
        source, port, size = struct.unpack_from("!HHH", frame, udp)
        yield source, (socket.inet_ntoa(frame[30:34]), port), frame[udp + 8 : udp + size]


sockets = {}
sent = 0
for source, to, payload in captured(sys.argv[1], sys.argv[2]):
    if sent >= DATAGRAMS_MAX:
        break
    if source not in sockets:
        sockets[source] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sockets[source].bind((sys.argv[2], source))
    sockets[source].sendto(payload, to)
    sent += 1
    time.sleep(0.0005)
print(sent)
