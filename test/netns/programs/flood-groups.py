"""Sends to UDP addresses by turns, as fast as it can.  flood-groups.py SOURCE SECONDS SIZE PORT ADDRESS…

Prints "first MS" (wall clock) with the first datagram and {"sent": n, "seconds": s} at the end.
"""

import json
import socket
import sys
import time

source, seconds, size, port = sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
TURN = 64

sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(source))
sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
sender.bind((source, 0))
targets = [(address, port) for address in sys.argv[5:]]
payload = b"\0" * size
began = time.monotonic()
print("first %d" % (time.time() * 1000), flush=True)
sent = 0
while time.monotonic() < began + seconds:
    for target in targets:
        for _ in range(TURN):
            try:
                sender.sendto(payload, target)
                sent += 1
            except OSError:
                pass  # The queue of the adapter is full: that is the point.
print(json.dumps({"sent": sent, "seconds": time.monotonic() - began}))
