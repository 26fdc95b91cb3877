// Debian's miniupnpd on a site's router: UPnP, NAT-PMP and PCP, as home routers have it.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Internet } from './internet.ts';
import { until } from './shell.ts';
import type { Space } from './space.ts';

/** Why there is no such gateway on this machine, or null. */
export const whyNoGateway = (): string | null =>
  existsSync('/usr/sbin/miniupnpd') ? null : 'miniupnpd is not installed';

/** What such a router answers on its inside: searches, UPnP's HTTP (any port), NAT-PMP and PCP. */
export const GATEWAY_SERVICES = ['udp dport { 1900, 5351 }', 'tcp dport 5000'];
export const UPNP_SERVICES = ['udp dport 1900', 'tcp dport 5000'];
/** The daemon cannot leave out PCP, which has the same port and another version in its first byte. */
export const PMP_SERVICES = ['udp dport 5351 @ih,0,8 0'];

export type GatewayProtocol = 'pcp' | 'nat-pmp' | 'upnp';
/** It answers searches only some time after its start, and nothing tells when. */
const SETTLES_MS = 2_000;

const RULES = `table inet filter {
 chain miniupnpd {
 }
 chain forward {
  type filter hook forward priority 10; policy accept;
  jump miniupnpd
 }
 chain prerouting_miniupnpd {
 }
 chain postrouting_miniupnpd {
 }
 chain prerouting {
  type nat hook prerouting priority -90;
  jump prerouting_miniupnpd
 }
 chain postrouting {
  type nat hook postrouting priority 90;
  jump postrouting_miniupnpd
 }
}
`;

/**
 * `router`: with devices "wan" and "lan". Its public address must not be one of the documentation prefixes: miniupnpd serves none. `by`: the
 * best protocol that it is to speak; PCP comes with all others.
 */
export async function startGateway(internet: Internet, router: Space, by: GatewayProtocol = 'pcp'): Promise<void> {
  await router.nft(RULES);
  const has = (on: boolean): string => (on ? 'yes' : 'no');
  const config = join(internet.folder, `${router.name}-upnpd.conf`);
  const lines = [
    ...['ext_ifname=wan', 'listening_ip=lan', 'http_port=5000'],
    ...[`enable_natpmp=${has(by !== 'upnp')}`, `enable_upnp=${has(by !== 'nat-pmp')}`],
    ...['min_lifetime=120', 'max_lifetime=86400', 'upnp_table_name=filter', 'upnp_nat_table_name=filter'],
    ...['secure_mode=yes', 'uuid=00000000-0000-0000-0000-000000000002', 'allow 1-65535 192.168.1.0/24 1-65535'],
  ];
  writeFileSync(config, `${lines.join('\n')}\n`);
  const daemon = router.start(['/usr/sbin/miniupnpd', '-d', '-f', config, '-P', `${config}.pid`]);
  await until(`the gateway of ${router.name} listens`, 10_000, async () => {
    if (daemon.ended) throw new Error(daemon.tail());
    return (await router.must(['ss', '-Hlun', `sport = :${by === 'upnp' ? 1900 : 5351}`])).trim();
  });
  await new Promise((settle) => setTimeout(settle, SETTLES_MS));
}

/** Where the router leads what comes to its public ports. */
export const forwardings = async (router: Space): Promise<string[]> =>
  (await router.must(['nft', 'list', 'ruleset'])).match(/dnat (?:ip )?to 192\.168\.\S+/g) ?? [];
