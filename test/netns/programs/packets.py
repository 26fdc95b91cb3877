# Sends and hears the discovery packets of a list (test/golden/discovery-packets.json), as programs do that know their interface.
#   listen LIST ADDRESS INTERFACE   says "ready", then a JSON line for each packet that comes to an address and port of the list
#   send LIST ADDRESS INTERFACE [COUNT]   each packet in turn, so many times
import json, socket, struct, selectors, sys, time

UDP = socket.IPPROTO_UDP
IP_RECVTTL = 12
# No faster than a program that looks for others.
PAUSE_S = 0.02


def opened(protocol):
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM if protocol == UDP else socket.SOCK_RAW, protocol)


def is_group(address):
    return 224 <= int(address.split('.')[0]) < 240


def listen(packets, address, interface):
    select = selectors.DefaultSelector()
    for protocol, to, port in sorted({(one['protocol'], one['to'], one['port']) for one in packets}):
        sock = opened(protocol)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        sock.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
        sock.bind((to, port) if is_group(to) else ('', port))
        if is_group(to):
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(to) + socket.inet_aton(address))
        select.register(sock, selectors.EVENT_READ, (protocol, to, port))
    print('ready', flush=True)
    while True:
        for key, _ in select.select():
            data, more, _, source = key.fileobj.recvmsg(65536, 64)
            protocol, to, port = key.data
            if protocol != UDP:
                data = data[(data[0] & 15) * 4:]
            ttl = next((struct.unpack('@i', value)[0] for _, kind, value in more if kind == socket.IP_TTL), None)
            print(json.dumps(dict(protocol=protocol, to=to, port=port, source=source[0], ttl=ttl, payload=data.hex())), flush=True)


def send(packets, address, interface, count='1'):
    for _ in range(int(count)):
        for one in packets:
            with opened(one['protocol']) as sock:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, one['ttl'])
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, one['ttl'])
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
                sock.bind((address, 0))
                sock.sendto(bytes.fromhex(one['payload']), (one['to'], one['port']))
            time.sleep(PAUSE_S)


if __name__ == '__main__':
    do, file, *rest = sys.argv[1:]
    with open(file) as text:
        {'listen': listen, 'send': send}[do](json.load(text)['packets'], *rest)
