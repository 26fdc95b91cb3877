// tinc from Debian, as an Ethernet switch.
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Host } from '../../netns/support/host.ts';
import { until } from '../../netns/support/shell.ts';
import { debianUnpack, debianVersion, fromDebian, libraries } from '../cache.ts';
import { netOf, type Peer } from '../peer.ts';

const address = (host: Host) => `10.96.0.${host.index}`;

export const tinc: Peer = {
  name: 'tinc',
  kind: 'peer',
  transports: ['udp', 'tcp'],
  multicast: true,
  install: () => debianUnpack('tinc', 'usr/sbin/tincd'),
  version: () => debianVersion('tinc'),
  async lay(lab, hosts, transport) {
    const folder = (host: Host) => join(lab.folder, 'tinc', host.name);
    const keys = new Map(
      hosts.map((host) => [
        host,
        generateKeyPairSync('rsa', {
          modulusLength: 2048,
          publicKeyEncoding: { type: 'pkcs1', format: 'pem' },
          privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
        }),
      ]),
    );
    for (const host of hosts) {
      mkdirSync(join(folder(host), 'hosts'), { recursive: true });
      const calls = hosts.filter((other) => other.index < host.index).map((other) => `ConnectTo = ${other.name}`);
      const lines = [`Name = ${host.name}`, 'Mode = switch', 'Interface = tinc0', 'AddressFamily = ipv4', ...calls];
      if (transport === 'tcp') lines.push('TCPOnly = yes');
      writeFileSync(join(folder(host), 'tinc.conf'), `${lines.join('\n')}\n`);
      writeFileSync(join(folder(host), 'rsa_key.priv'), keys.get(host)?.privateKey ?? '', { mode: 0o600 });
      for (const other of hosts)
        writeFileSync(
          join(folder(host), 'hosts', other.name),
          `Address = ${other.ipv4}\n${keys.get(other)?.publicKey}`,
        );
    }
    return netOf({
      address,
      device: () => 'tinc0',
      async launch(host, spawn) {
        const own = ['--config', folder(host), '--no-detach', `--pidfile=${folder(host)}/pid`];
        spawn([fromDebian('usr/sbin/tincd'), ...own], libraries);
        const configured = () => host.exec(['ip', 'addr', 'add', `${address(host)}/24`, 'dev', 'tinc0']);
        await until('the adapter is there', 5000, async () => (await configured()).code === 0, 5);
        await host.must(['ip', 'link', 'set', 'tinc0', 'up']);
      },
    });
  },
};
