"""Sends to UDP addresses by turns, as fast as it can.  flood-groups.py [--pause SECONDS] SOURCE SECONDS SIZE PORT ADDRESS…

With a pause after each turn it leaves the processor to others.

Prints "first MS" (wall clock) with the first datagram and {"sent": n, "seconds": s} at the end.
"""

import json
import socket
import sys
import time

arguments = sys.argv[1:]
pause = 0.0
if arguments[0] == "--pause":
    pause, arguments = float(arguments[1]), arguments[2:]
source, seconds, size, port = arguments[0], float(arguments[1]), int(arguments[2]), int(arguments[3])
TURN = 64

sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(source))
sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
sender.bind((source, 0))
targets = [(address, port) for address in arguments[4:]]
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
    if pause:
        time.sleep(pause)
print(json.dumps({"sent": sent, "seconds": time.monotonic() - began}))
