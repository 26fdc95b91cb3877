// Spoofed hellos: a new source address and port for each, by a raw socket of python3 (Node has none). Bounded by count and time.
//   flood.mjs TARGET PORT RATE SECONDS KEYHEX   (KEYHEX: the target's static public key, so that mac1 is right)
import { spawnSync } from 'node:child_process';

const [target, port, rate, seconds, key] = process.argv.slice(2);
const program = `
import socket, struct, time, os, hashlib, sys
target, port, rate, seconds, key = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), bytes.fromhex(sys.argv[5])
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
dst = socket.inet_aton(target)
maccey = hashlib.blake2s(b"weft mac1" + key).digest()
sent = 0
started = time.monotonic()
base = os.urandom(65536)
pool = os.urandom(1 << 20)
while True:
    now = time.monotonic() - started
    if now > seconds: break
    due = int(now * rate)
    while sent < due:
        at = sent * 37 % (len(pool) - 64)
        noise = pool[at:at + 24] + struct.pack("!Q", sent)
        body = b"\\xf1\\x01\\0\\0" + noise[:4] + noise + base[sent % 60000:sent % 60000 + 160]
        body += hashlib.blake2s(body, key=maccey, digest_size=16).digest() + bytes(16)
        src = bytes([192, 168, 77, 100 + sent % 150])
        udp = struct.pack("!HHHH", 1024 + sent * 7 % 60000, port, 8 + len(body), 0)
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28 + len(body), 0, 0, 64, 17, 0, src, dst)
        s.sendto(ip + udp + body, (target, 0))
        sent += 1
    time.sleep(0.0005)
print(sent)
`;
const result = spawnSync('python3', ['-c', program, target, port, rate, seconds, key], {
  encoding: 'utf8',
  maxBuffer: 1 << 20,
});
process.stderr.write(result.stderr ?? '');
process.stdout.write(`{"sent":${(result.stdout ?? '0').trim() || 0}}\n`);
process.exit(result.status ?? 1);
