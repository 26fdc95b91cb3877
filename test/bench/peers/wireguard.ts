// wireguard-go, newest from the Go module proxy, configured over its UAPI socket: no other tool is needed.
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import type { Host } from '../../netns/support/host.ts';
import { until } from '../../netns/support/shell.ts';
import { built, goInstall, versionOf } from '../cache.ts';
import { netOf, type Peer } from '../peer.ts';

const MODULE = 'golang.zx2c4.com/wireguard';
const PORT = 51820;
const MTU = 1420;

function keyPair(): { secret: string; open: string } {
  const { privateKey } = generateKeyPairSync('x25519');
  const jwk = createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' })).export({ format: 'jwk' });
  const open = createPublicKey(privateKey).export({ format: 'jwk' });
  const hex = (text: string | undefined) => Buffer.from(text ?? '', 'base64url').toString('hex');
  return { secret: hex(jwk.d), open: hex(open.x) };
}

function configure(name: string, lines: string[]): Promise<void> {
  return new Promise((settle, reject) => {
    const socket = connect(`/var/run/wireguard/${name}.sock`, () => socket.write(`set=1\n${lines.join('\n')}\n\n`));
    socket.on('data', (data) => {
      socket.destroy();
      if (String(data).includes('errno=0')) settle();
      else reject(new Error(String(data)));
    });
    socket.on('error', reject);
  });
}

const address = (host: Host) => `10.99.0.${host.index}`;
// The socket's folder is shared by all namespaces.
const device = (host: Host) => `wgb${host.index}`;

export const wireguard: Peer = {
  name: 'wireguard-go',
  kind: 'peer',
  transports: ['udp'],
  multicast: false,
  install: () => goInstall('wireguard-go', MODULE, [MODULE], { wireguard: 'wireguard-go' }),
  version: async () => versionOf('wireguard-go'),
  async lay(_lab, hosts) {
    const keys = new Map(hosts.map((host) => [host, keyPair()]));
    return netOf({
      address,
      device,
      async launch(host, spawn) {
        const name = device(host);
        // One that was killed leaves its socket.
        rmSync(`/var/run/wireguard/${name}.sock`, { force: true });
        spawn([built('wireguard-go'), '-f', name], { LOG_LEVEL: 'error', WG_PROCESS_FOREGROUND: '1' });
        await until('the socket is there', 5000, () => existsSync(`/var/run/wireguard/${name}.sock`), 2);
        const others = hosts.filter((other) => other !== host);
        await configure(name, [
          `private_key=${keys.get(host)?.secret}`,
          `listen_port=${PORT}`,
          ...others.flatMap((other) => [
            `public_key=${keys.get(other)?.open}`,
            `endpoint=${other.ipv4}:${PORT}`,
            'replace_allowed_ips=true',
            `allowed_ip=${address(other)}/32`,
          ]),
        ]);
        await host.script([`ip addr add ${address(host)}/24 dev ${name}`, `ip link set ${name} mtu ${MTU} up`]);
      },
    });
  },
};
