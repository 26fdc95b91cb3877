// EasyTier from crates.io.
import { join } from 'node:path';
import type { Host } from '../../netns/support/host.ts';
import { cache, cargoInstall, debianUnpack, fromDebian, libraries } from '../cache.ts';
import { netOf, type Peer } from '../peer.ts';

const VERSION = '2.0.3';
const PORT = 11010;
const address = (host: Host) => `10.94.0.${host.index}`;

export const easytier: Peer = {
  name: 'EasyTier',
  kind: 'peer',
  transports: ['udp', 'tcp', 'ws', 'wss'],
  multicast: true,
  note: 'one thread, its default; --multi-thread would give it two',
  async install() {
    // Its build asks for a protocol compiler and the protocols that come with it.
    const why =
      (await debianUnpack('protobuf-compiler', 'usr/bin/protoc')) ??
      (await debianUnpack('libprotobuf-dev', 'usr/include/google/protobuf/timestamp.proto'));
    const tools = { ...libraries, PROTOC: fromDebian('usr/bin/protoc') };
    return why ?? cargoInstall('easytier', VERSION, 'easytier-core', tools);
  },
  version: async () => VERSION,
  async lay(_lab, hosts, transport) {
    const url = (ipv4: string) => `${transport}://${ipv4}:${PORT}`;
    return netOf({
      address,
      device: () => 'et0',
      async launch(host, spawn) {
        const calls = hosts.filter((other) => other.index < host.index).flatMap(({ ipv4 }) => ['--peers', url(ipv4)]);
        const own = ['--ipv4', address(host), '--dev-name', 'et0', '--hostname', host.name, ...calls];
        const net = ['--network-name', 'bench', '--network-secret', 'bench', '--listeners', url('0.0.0.0')];
        // Else hosts that shall use another transport find each other by UDP.
        const only = transport === 'udp' ? [] : ['--disable-udp-hole-punching', '--default-protocol', transport];
        spawn([join(cache, 'cargo/bin/easytier-core'), ...net, ...own, ...only]);
      },
    });
  },
};
