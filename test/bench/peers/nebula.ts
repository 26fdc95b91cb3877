// nebula: the newest that the Go compiler here can build.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Host } from '../../netns/support/host.ts';
import { must } from '../../netns/support/shell.ts';
import { built, goInstall, versionOf } from '../cache.ts';
import { netOf, type Peer } from '../peer.ts';

const MODULE = 'github.com/slackhq/nebula';
const PORT = 4242;
const address = (host: Host) => `10.98.0.${host.index}`;

export const nebula: Peer = {
  name: 'nebula',
  kind: 'peer',
  transports: ['udp'],
  multicast: false,
  note: 'its default MTU of 1300 cuts a datagram of 1300 B in two',
  install: () => goInstall('nebula', MODULE, [`${MODULE}/cmd/nebula`, `${MODULE}/cmd/nebula-cert`]),
  version: async () => versionOf('nebula'),
  async lay(lab, hosts) {
    const folder = join(lab.folder, 'nebula');
    mkdirSync(folder, { recursive: true });
    const certify = (...args: string[]) => must(built('nebula-cert'), args);
    const authority = { crt: join(folder, 'ca.crt'), key: join(folder, 'ca.key') };
    await certify('ca', '-name', 'bench', '-out-crt', authority.crt, '-out-key', authority.key);
    for (const host of hosts) {
      const own = { crt: join(folder, `${host.name}.crt`), key: join(folder, `${host.name}.key`) };
      const signer = ['-ca-crt', authority.crt, '-ca-key', authority.key];
      const made = ['-out-crt', own.crt, '-out-key', own.key];
      await certify('sign', ...signer, ...made, '-name', host.name, '-ip', `${address(host)}/24`);
      const lighthouse = hosts[0] as Host;
      const others = hosts.filter((other) => other !== host);
      const config = {
        pki: { ca: authority.crt, cert: own.crt, key: own.key },
        static_host_map: Object.fromEntries(others.map((other) => [address(other), [`${other.ipv4}:${PORT}`]])),
        lighthouse: { am_lighthouse: host === lighthouse, hosts: host === lighthouse ? [] : [address(lighthouse)] },
        listen: { host: '0.0.0.0', port: PORT },
        punchy: { punch: true },
        tun: { dev: 'neb0' },
        logging: { level: 'error' },
        firewall: {
          outbound: [{ port: 'any', proto: 'any', host: 'any' }],
          inbound: [{ port: 'any', proto: 'any', host: 'any' }],
        },
      };
      // JSON is YAML.
      writeFileSync(join(folder, `${host.name}.yml`), JSON.stringify(config));
    }
    return netOf({
      address,
      device: () => 'neb0',
      async launch(host, spawn) {
        spawn([built('nebula'), '-config', join(folder, `${host.name}.yml`)]);
      },
    });
  },
};
