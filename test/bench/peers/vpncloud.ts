// VpnCloud from crates.io, as an Ethernet switch.
import { join } from 'node:path';
import type { Host } from '../../netns/support/host.ts';
import { until } from '../../netns/support/shell.ts';
import { cache, cargoInstall } from '../cache.ts';
import { netOf, type Peer } from '../peer.ts';

const VERSION = '2.3.0';
const PORT = 3210;
/** Its default is the underlay's 1500, which makes it fragment each full packet. */
const MTU = 1400;
const address = (host: Host) => `10.97.0.${host.index}`;

export const vpncloud: Peer = {
  name: 'VpnCloud',
  kind: 'peer',
  transports: ['udp'],
  multicast: true,
  note: `MTU set to ${MTU} and address by hand`,
  install: () => cargoInstall('vpncloud', VERSION, 'vpncloud'),
  version: async () => VERSION,
  async lay(lab, hosts) {
    return netOf({
      address,
      device: () => 'vpc0',
      async launch(host, spawn) {
        // It asks the kernel how it would reach the internet, and ends where there is no way: this one leads nowhere.
        await host.must(['ip', 'route', 'replace', 'default', 'via', `${lab.subnet}.254`, 'dev', 'eth0']);
        // Without --ip: this build of it, made by a current compiler, sets a wrong one.
        const own = ['--device', 'vpc0', '--type', 'tap', '--mode', 'switch'];
        const peers = hosts.filter((other) => other !== host).flatMap((other) => ['--peer', `${other.ipv4}:${PORT}`]);
        const rest = ['--password', 'bench', '--listen', `${host.ipv4}:${PORT}`, '--no-port-forwarding', '--quiet'];
        spawn([join(cache, 'cargo/bin/vpncloud'), ...own, ...peers, ...rest]);
        const configured = () => host.exec(['ip', 'addr', 'add', `${address(host)}/24`, 'dev', 'vpc0']);
        await until('the adapter is there', 5000, async () => (await configured()).code === 0, 5);
        await host.must(['ip', 'link', 'set', 'vpc0', 'mtu', String(MTU), 'up']);
      },
    });
  },
};
