# Receives a group by the sources that it names (RFC 3678), and prints "ready", then the source of each datagram that comes.
#   filter.py GROUP PORT INTERFACE any | include SOURCE | exclude SOURCE
import socket, struct, sys

MCAST_JOIN_GROUP, MCAST_BLOCK_SOURCE, MCAST_JOIN_SOURCE_GROUP = 42, 43, 46

group, port, interface, mode, *sources = sys.argv[1:]
ipv6 = ':' in group
family, level = (socket.AF_INET6, socket.IPPROTO_IPV6) if ipv6 else (socket.AF_INET, socket.IPPROTO_IP)


def storage(address):
    packed = socket.inet_pton(family, address)
    head = struct.pack('=HHI', family, 0, 0) if ipv6 else struct.pack('=HH', family, 0)
    return (head + packed).ljust(128, b'\0')


sock = socket.socket(family, socket.SOCK_DGRAM)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
sock.bind((group, int(port), 0, socket.if_nametoindex(interface)) if ipv6 else (group, int(port)))
where = struct.pack('@I4x', socket.if_nametoindex(interface)) + storage(group)
if mode != 'include':
    sock.setsockopt(level, MCAST_JOIN_GROUP, where)
if mode != 'any':
    sock.setsockopt(level, MCAST_JOIN_SOURCE_GROUP if mode == 'include' else MCAST_BLOCK_SOURCE, where + storage(sources[0]))
print('ready', flush=True)
while True:
    _, source = sock.recvfrom(65536)
    print(source[0].split('%')[0], flush=True)
