# Sockets of programs that never choose an interface, and an ear on a cable.
#   listen '[{"name":N,"port":P,"group":G?,"all":false?}…]'   bound to all addresses; joins by the default route; `all`: false sets IP_MULTICAST_ALL=0
#   send TO PORT TEXT COUNT [BYTES] [INTERFACES]   from one unbound socket, "TEXT n" filled up to BYTES; the same by each of these (a,b,c) in turn
#   sniff INTERFACE   UDP packets that arrive there, and groups that reports name
# `listen` and `sniff` say "ready", then a JSON line for each packet.
import json, os, select, socket, struct, sys, time

IP_MULTICAST_ALL = 49
ETH_P_ALL = 3


def say(**what):
    print(json.dumps(what), flush=True)


def open_listener(want):
    group = want.get('group', '')
    ipv6 = ':' in group
    sock = socket.socket(socket.AF_INET6 if ipv6 else socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if ipv6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.bind(('::' if ipv6 else '0.0.0.0', want['port']))
    if ipv6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, socket.inet_pton(socket.AF_INET6, group) + struct.pack('@I', 0))
    elif group:
        if want.get('all') is False:
            sock.setsockopt(socket.IPPROTO_IP, IP_MULTICAST_ALL, 0)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group) + socket.inet_aton('0.0.0.0'))
    return sock


def listen(wants):
    socks = {open_listener(want): want['name'] for want in wants}
    print('ready', flush=True)
    while True:
        for sock in select.select(list(socks), [], [])[0]:
            data, where = sock.recvfrom(65536)
            text = data.split(b'\0')[0].decode('latin1')
            say(socket=socks[sock], source=where[0].split('%')[0], text=text, bytes=len(data))


def send(to, port, text, count, size=0, names=''):
    ipv6 = ':' in to
    sock = socket.socket(socket.AF_INET6 if ipv6 else socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    ways = [socket.if_nametoindex(name) for name in names.split(',') if name] or [0]
    for number in range(int(count)):
        data = ('%s %d' % (text, number)).encode()
        data += b'\0' * max(0, int(size) - len(data))
        for index in ways:
            if ipv6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
            elif names:
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack('@4s4si', b'\0' * 4, b'\0' * 4, index))
            sock.sendto(data, (to, int(port)))
        # No faster than a program that looks for others.
        time.sleep(0.01)


def sniff(interface):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
    sock.bind((interface, ETH_P_ALL))
    print('ready', flush=True)
    while True:
        packet, where = sock.recvfrom(65536)
        if where[2] == socket.PACKET_OUTGOING:
            continue
        if packet[0] >> 4 == 4:
            start = (packet[0] & 15) * 4
            source, to = socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20])
            if packet[9] == 17:
                say(source=source, to=to, ports=struct.unpack_from('>HH', packet, start), payload=packet[start + 8:].hex())
            elif packet[9] == 2 and packet[start] == 0x22:
                at = start + 8
                for _ in range(struct.unpack_from('>H', packet, start + 6)[0]):
                    say(report=socket.inet_ntoa(packet[at + 4:at + 8]))
                    at += 8 + 4 * struct.unpack_from('>H', packet, at + 2)[0] + 4 * packet[at + 1]
        elif packet[0] >> 4 == 6:
            source, to = (socket.inet_ntop(socket.AF_INET6, packet[at:at + 16]) for at in (8, 24))
            if packet[6] == 17:
                say(source=source, to=to, ports=struct.unpack_from('>HH', packet, 40), payload=packet[48:].hex())
            elif packet[6] == 0 and packet[48:49] == b'\x8f':
                at = 56
                for _ in range(struct.unpack_from('>H', packet, 54)[0]):
                    say(report=socket.inet_ntop(socket.AF_INET6, packet[at + 4:at + 20]))
                    at += 20 + 16 * struct.unpack_from('>H', packet, at + 2)[0] + 4 * packet[at + 1]


if __name__ == '__main__':
    what, *rest = sys.argv[1:]
    {'listen': lambda text: listen(json.loads(text)), 'send': send, 'sniff': sniff}[what](*rest)
