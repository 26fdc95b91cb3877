// OpenVPN from Debian: a server on the first host, clients that see each other, Ethernet frames.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Host } from '../../netns/support/host.ts';
import { must } from '../../netns/support/shell.ts';
import { debianUnpack, debianVersion, fromDebian, libraries } from '../cache.ts';
import { netOf, type Peer } from '../peer.ts';

const PORT = '1194';
const MASK = '255.255.255.0';
const address = (host: Host) => `10.93.0.${host.index}`;

/** An authority and a certificate for each name; file names are `NAME.key` and `NAME.crt`, the authority's `ca.crt`. */
async function certify(folder: string, names: string[]): Promise<void> {
  const at = (file: string) => join(folder, file);
  const fresh = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const days = ['-days', '2'];
  await must('openssl', [
    'req',
    '-x509',
    ...fresh,
    ...days,
    '-subj',
    '/CN=bench',
    '-keyout',
    at('ca.key'),
    '-out',
    at('ca.crt'),
  ]);
  for (const name of names) {
    const files = ['-keyout', at(`${name}.key`), '-out', at(`${name}.csr`)];
    await must('openssl', ['req', ...fresh, '-subj', `/CN=${name}`, ...files]);
    const signer = ['-CA', at('ca.crt'), '-CAkey', at('ca.key'), '-CAcreateserial'];
    await must('openssl', ['x509', '-req', ...days, ...signer, '-in', at(`${name}.csr`), '-out', at(`${name}.crt`)]);
  }
}

export const openvpn: Peer = {
  name: 'OpenVPN',
  kind: 'peer',
  transports: ['udp', 'tcp', 'tls'],
  multicast: true,
  note: 'with TCP its own TLS protects the packets, so the same stands beside TCP and TLS',
  install: () => debianUnpack('openvpn', 'usr/sbin/openvpn'),
  version: () => debianVersion('openvpn'),
  async lay(lab, hosts, transport) {
    const folder = join(lab.folder, 'openvpn');
    mkdirSync(join(folder, 'clients'), { recursive: true });
    await certify(
      folder,
      hosts.map(({ name }) => name),
    );
    const server = hosts[0] as Host;
    for (const host of hosts)
      writeFileSync(join(folder, 'clients', host.name), `ifconfig-push ${address(host)} ${MASK}\n`);
    const serving = ['--mode', 'server', '--tls-server', '--dh', 'none', '--client-to-client', '--topology', 'subnet'];
    const placed = [
      '--ifconfig',
      address(server),
      MASK,
      '--client-config-dir',
      join(folder, 'clients'),
      '--port',
      PORT,
    ];
    return netOf({
      address,
      device: () => 'ovpn0',
      async launch(host, spawn) {
        const role = transport === 'udp' ? 'udp' : host === server ? 'tcp-server' : 'tcp-client';
        const keys = ['--ca', 'ca.crt', '--cert', `${host.name}.crt`, '--key', `${host.name}.key`];
        const own =
          host === server
            ? [...serving, ...placed]
            : ['--client', '--nobind', '--remote', server.ipv4, PORT, '--connect-retry', '1'];
        const adapter = ['--dev', 'ovpn0', '--dev-type', 'tap', '--cd', folder, '--verb', '1'];
        spawn([fromDebian('usr/sbin/openvpn'), ...adapter, '--proto', role, ...keys, ...own], libraries);
      },
    });
  },
};
