#!/usr/bin/env python3
"""Moves frames between two devices, each way after a delay, some of them lost.

  delay-link.py --a DEVICE --b DEVICE --delay-ms N [--loss 0.01] [--seed N]

Says "ready"; at SIGTERM prints one JSON line: for each way what passed, what was lost, and how many losses came in runs of which
length. Offloads must be off on the devices, else one "frame" is a batch that is lost as one.
"""
import argparse
import collections
import json
import random
import select
import signal
import socket
import sys
import time

ETH_P_ALL = 3
PACKET_OUTGOING = 4
FRAME_BYTES_MAX = 65_600
# More than this many frames under way is a queue nobody asked for.
FRAMES_MAX = 20_000
BUFFER_BYTES = 8 << 20


class Way:
    """Frames from one device to the other."""

    def __init__(self, source, sink, loss, seed):
        self.source, self.sink, self.loss = source, sink, loss
        self.dice = random.Random(seed)
        self.under_way = collections.deque()
        self.passed = self.lost = self.run = 0
        self.runs = collections.Counter()

    def take(self, now, delay):
        """Everything that waits at the source."""
        while True:
            try:
                frame, address = self.source.recvfrom(FRAME_BYTES_MAX)
            except BlockingIOError:
                return
            if address[2] == PACKET_OUTGOING:
                continue
            if self.dice.random() < self.loss or len(self.under_way) >= FRAMES_MAX:
                self.lost += 1
                self.run += 1
                continue
            self.end_run()
            self.under_way.append((now + delay, frame))

    def end_run(self):
        if self.run:
            self.runs[self.run] += 1
        self.run = 0

    def deliver(self, now):
        while self.under_way and self.under_way[0][0] <= now:
            _, frame = self.under_way.popleft()
            try:
                self.sink.send(frame)
                self.passed += 1
            except OSError:
                self.lost += 1

    def report(self):
        self.end_run()
        return {"passed": self.passed, "lost": self.lost, "runs": dict(sorted(self.runs.items()))}


def device(name):
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    raw.bind((name, 0))
    raw.setblocking(False)
    return raw


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--a", required=True)
    parser.add_argument("--b", required=True)
    parser.add_argument("--delay-ms", type=float, required=True)
    parser.add_argument("--loss", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    delay = options.delay_ms / 1000
    a, b = device(options.a), device(options.b)
    ways = [Way(a, b, options.loss, options.seed), Way(b, a, options.loss, options.seed + 1)]
    ended = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    # A signal wakes the poll below through this pair.
    wake, woken = socket.socketpair()
    woken.setblocking(False)
    signal.set_wakeup_fd(woken.fileno())
    poll = select.poll()
    for source in (a, b, wake):
        poll.register(source, select.POLLIN)
    print("ready", flush=True)
    while not ended:
        due = [way.under_way[0][0] for way in ways if way.under_way]
        wait = max(0.0, min(due) - time.monotonic()) * 1000 if due else None
        poll.poll(wait)
        now = time.monotonic()
        for way in ways:
            way.take(now, delay)
            way.deliver(now)
    print(json.dumps({"toInternet": ways[0].report(), "toSite": ways[1].report()}), flush=True)


sys.exit(main())
