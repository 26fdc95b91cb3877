// n2n from Debian: edges around a supernode on the first host.
import type { Host } from '../../netns/support/host.ts';
import { run, until } from '../../netns/support/shell.ts';
import { debianUnpack, debianVersion, fromDebian, libraries } from '../cache.ts';
import { netOf, type Peer } from '../peer.ts';

const PORT = 7654;
const PORT_IN_PROC = `:${PORT.toString(16)} `;
const address = (host: Host) => `10.95.0.${host.index}`;

export const n2n: Peer = {
  name: 'n2n',
  kind: 'peer',
  transports: ['udp'],
  multicast: true,
  note: 'where its edge knows -E (version 2 and newer), it is told to take multicast by it; this is off by default. MTU 1400 by default',
  install: () => debianUnpack('n2n', 'usr/sbin/edge'),
  version: () => debianVersion('n2n'),
  async lay(_lab, hosts) {
    const centre = hosts[0] as Host;
    const help = await run(fromDebian('usr/sbin/edge'), ['-h'], { env: libraries });
    const accepting = /^-E\b/m.test(help.stdout + help.stderr) ? ['-E'] : [];
    return netOf({
      address,
      device: () => 'n2n0',
      async launch(host, spawn) {
        if (host === centre) {
          spawn([fromDebian('usr/bin/supernode'), '-l', String(PORT)], libraries);
          // An edge that finds nobody tries again after a long while.
          const listens = async () => (await host.exec(['grep', '-qi', PORT_IN_PROC, '/proc/net/udp'])).code === 0;
          await until('the supernode listens', 5000, listens, 5);
        }
        const hardware = `02:6e:32:6e:00:${host.index.toString(16).padStart(2, '0')}`;
        const own = ['-d', 'n2n0', '-a', address(host), '-s', '255.255.255.0', '-m', hardware];
        const shared = ['-c', 'bench', '-k', 'bench', '-l', `${centre.ipv4}:${PORT}`, ...accepting];
        spawn([fromDebian('usr/sbin/edge'), ...own, ...shared], libraries);
      },
    });
  },
};
