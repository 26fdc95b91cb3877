# Records an RTP/MPEG-TS stream (RFC 2250) that comes to a group: the transport stream goes to a file, byte by byte as it came.
#   rtp.py GROUP PORT ADDRESS FILE   says "ready"; on SIGTERM a JSON line {packets, lost, doubled, late, bytes, sha256}
# Packets that come again or behind a later one are counted and not written: what is on disk is what a player would have shown.
import hashlib, json, os, signal, socket, struct, sys

MPEG_TS = 33
RTP_HEAD = 12
PACKET = 188
RECEIVE_BYTES = 8 << 20
SO_RCVBUFFORCE = 33

group, port, address, path = sys.argv[1:]
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BYTES)
sock.bind((group, int(port)))
sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group) + socket.inet_aton(address))
seen = {'packets': 0, 'lost': 0, 'doubled': 0, 'late': 0, 'bytes': 0}
digest = hashlib.sha256()
out = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
numbers, last = set(), None


def tell(*_):
    os.write(1, (json.dumps({**seen, 'sha256': digest.hexdigest()}) + '\n').encode())
    os._exit(0)


signal.signal(signal.SIGTERM, tell)
os.write(1, b'ready\n')
while True:
    data = sock.recv(65536)
    version, kind, number = struct.unpack_from('>BBH', data)
    payload = data[RTP_HEAD:]
    if version != 0x80 or kind & 127 != MPEG_TS or len(payload) % PACKET or payload[:1] != b'\x47':
        sys.exit('not RTP with MPEG-TS: ' + data[:16].hex())
    seen['packets'] += 1
    ahead = 1 if last is None else (number - last) & 0xffff
    if number in numbers:
        seen['doubled'] += 1
    elif ahead >= 0x8000:
        seen['late'] += 1
    else:
        seen['lost'] += ahead - 1
        last = number
        seen['bytes'] += len(payload)
        digest.update(payload)
        os.write(out, payload)
    numbers.add(number)
    # Numbers begin again after 65,536.
    numbers.discard((number + 0x8000) & 0xffff)
