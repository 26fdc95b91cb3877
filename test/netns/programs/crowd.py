# Sockets of many hosts in one process: plain UDP sockets, each opened inside of its host's network namespace, paced senders, and what came when.
# Commands are JSON lines on standard input with an `id`; each is answered by one JSON line with the same:
#   {"do":"listen","name":N,"netns":PATH,"group":G,"port":P,"address":OWN}   a socket that joined the group; one per name, the old one closes
#   {"do":"close","name":N}
#   {"do":"send","from":[{"name":N,"netns":PATH,"address":OWN}...],"group":G,"port":P,"rate":PER_SECOND,"count":EACH,"size":BYTES}   answered at the end
#   {"do":"reset"}   forget what came          {"do":"report"}   per receiver: what came, by sender, delays and the longest silence, all ms
# A silence counts from the reset (or the join) on, and until the last sending ends: who hears nothing any more was silent that long.
# `sent` is all of a sending, `fresh` what was sent of it since the last reset.
# No number is used twice: what is left of a sending when `reset` comes, and arrives behind it, is not taken for the next one's.
# Datagrams: sender's number u32, sequence u32, time of sending f64 (monotonic).
import ctypes, json, os, select, socket, struct, sys, time

libc = ctypes.CDLL(None, use_errno=True)
HEAD = struct.Struct('>IId')
CLONE_NEWNET = 0x40000000
RECEIVE_BYTES = 8 << 20
# What comes later is of no use to a stream.
LATE_MS = 200


def enter(path):
    fd = os.open(path, os.O_RDONLY)
    if libc.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), 'setns ' + path)
    os.close(fd)


class Receiver:
    def __init__(self, name, sock):
        self.name, self.sock = name, sock
        self.reset()

    def reset(self):
        self.lowest = min([job.first for job in jobs], default=numbers_used)
        self.seen, self.doubles, self.delays, self.last, self.gap = {}, 0, [], time.monotonic(), 0.0

    def take(self):
        for _ in range(256):
            try:
                data = self.sock.recv(2048)
            except BlockingIOError:
                return
            now = time.monotonic()
            sender, number, sent = HEAD.unpack_from(data)
            if number < self.lowest:
                continue
            numbers = self.seen.setdefault(sender, set())
            if number in numbers:
                self.doubles += 1
                continue
            numbers.add(number)
            self.delays.append((now - sent) * 1000)
            self.silent(now)
            self.last = now

    def silent(self, now):
        self.gap = max(self.gap, now - self.last)

    def report(self):
        delays = sorted(self.delays)
        at = lambda share: round(delays[min(len(delays) - 1, int(share * len(delays)))], 2) if delays else None
        return {
            'from': {str(sender): len(numbers) for sender, numbers in self.seen.items()},
            'doubles': self.doubles,
            'late': sum(delay > LATE_MS for delay in delays),
            'p50': at(0.5), 'p95': at(0.95), 'p99': at(0.99), 'max': at(1),
            'gap': round(self.gap * 1000, 1),
        }


receivers = {}
numbers_used = 0
poll = select.epoll()
by_fd = {}
jobs = []


def opened(path, address):
    enter(path)
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return sock


def close(name):
    old = receivers.pop(name, None)
    if old:
        poll.unregister(old.sock.fileno())
        del by_fd[old.sock.fileno()]
        old.sock.close()


def listen(ask):
    close(ask['name'])
    sock = opened(ask['netns'], ask['address'])
    sock.setsockopt(socket.SOL_SOCKET, 33, RECEIVE_BYTES)  # SO_RCVBUFFORCE
    sock.bind(('', ask['port']))
    member = socket.inet_aton(ask['group']) + socket.inet_aton(ask['address'])
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
    receiver = receivers[ask['name']] = Receiver(ask['name'], sock)
    by_fd[sock.fileno()] = receiver
    poll.register(sock.fileno(), select.EPOLLIN)


class Sending:
    def __init__(self, ask):
        self.id = ask['id']
        self.to = (ask['group'], ask['port'])
        self.rate, self.count, self.sent, self.failed = ask['rate'], ask['count'], 0, 0
        self.fill = bytes(max(0, ask['size'] - HEAD.size))
        self.socks = []
        for one in ask['from']:
            sock = opened(one['netns'], one['address'])
            sock.setsockopt(socket.SOL_SOCKET, 32, 4 << 20)  # SO_SNDBUFFORCE
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 16)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(one['address']))
            self.socks.append((one['number'], sock))
        global numbers_used
        self.first, numbers_used = numbers_used, numbers_used + self.count
        self.begun = time.monotonic()
        self.before = 0

    def step(self, now):
        due = min(self.count, int((now - self.begun) * self.rate) + 1)
        # Members send at moments of their own.
        while self.sent < due:
            for number, sock in self.socks:
                try:
                    sock.sendto(HEAD.pack(number, self.first + self.sent, time.monotonic()) + self.fill, self.to)
                except OSError:
                    self.failed += 1
            self.sent += 1
        if self.sent < self.count:
            return True
        for _, sock in self.socks:
            sock.close()
        for receiver in receivers.values():
            receiver.silent(now)
        answer(self.id, {'sent': self.sent, 'fresh': self.sent - self.before, 'failed': self.failed, 'seconds': round(now - self.begun, 2)})
        return False

    def wait(self, now):
        return max(0.0, self.begun + self.sent / self.rate - now)


def answer(id, value):
    sys.stdout.write(json.dumps({'id': id, **value}) + '\n')
    sys.stdout.flush()


def obey(ask):
    do = ask['do']
    if do == 'send':
        return jobs.append(Sending(ask))
    if do == 'listen':
        listen(ask)
    elif do == 'close':
        close(ask['name'])
    elif do == 'reset':
        for receiver in receivers.values():
            receiver.reset()
        for job in jobs:
            job.before = job.sent
    elif do == 'report':
        return answer(ask['id'], {'all': {name: receiver.report() for name, receiver in receivers.items()}})
    answer(ask['id'], {})


poll.register(0, select.EPOLLIN)
os.set_blocking(0, False)
pending = b''
while True:
    now = time.monotonic()
    jobs[:] = [job for job in jobs if job.step(now)]
    wait = min([job.wait(now) for job in jobs], default=1.0)
    for fd, _ in poll.poll(wait):
        if fd in by_fd:
            by_fd[fd].take()
        elif fd == 0:
            data = os.read(0, 1 << 16)
            if not data:
                sys.exit(0)
            pending += data
            *lines, pending = pending.split(b'\n')
            for line in lines:
                ask = json.loads(line)
                try:
                    obey(ask)
                except Exception as error:
                    answer(ask['id'], {'error': repr(error)})
