// Kinds of places where members sit, built behind an `Internet`. What each kind lets through is proved by test/netns/sites.test.ts.
import { GATEWAY_SERVICES, PMP_SERVICES, UPNP_SERVICES } from './gateway.ts';
import type { Host } from './host.ts';
import type { Internet, Middle } from './internet.ts';
import { MAPPING_TIMEOUT_S, natRules, noUdp, nothing, tlsOnly, turnOnly, webrtcOnly, type NatOptions } from './nat.ts';
import { startProxy, type Proxy } from './proxy.ts';
import type { Space } from './space.ts';

export const siteKinds = [
  'open',
  'easy-nat',
  'address-restricted',
  'symmetric',
  'two-nats',
  'udp-blocked',
  'tls-only',
  'http-proxy',
  'tls-intercepting',
  'ipv6-only',
  'same-nat',
] as const;
/** Kinds outside of the grid: for single cells. */
export const extraKinds = [
  'port-restricted',
  'symmetric-sequential',
  'webrtc-only',
  'turn-only',
  'proxy-pac',
  'intercepting-no-upgrade',
  'digest-proxy',
  'forward-proxy',
  'forward-proxy-upgrade',
  'lan-only',
  'upnp',
  'upnp-alone',
  'pmp-alone',
] as const;
export type SiteKind = (typeof siteKinds)[number] | (typeof extraKinds)[number];

export interface SiteOptions {
  /** 1 unless told. */
  hosts?: number;
  middle?: Middle;
  /** Lifetime of UDP mappings without packets from inside. */
  timeoutS?: number;
  /** Another public IPv4 address than the next documentation address. */
  publicAddress?: string;
}

export interface Site {
  readonly kind: SiteKind;
  readonly name: string;
  readonly hosts: Host[];
  readonly host: Host;
  /** Public addresses; empty where there is none. */
  ipv4: string;
  ipv6: string;
  /** The device of the internet's router towards this site. */
  readonly port: string;
  /** The site's own end of its cable. */
  readonly uplink: { space: Space; device: string };
  /** Innermost router; null when the host is on the internet itself. */
  readonly router: Space | null;
  readonly proxy: Proxy | null;
  /** New public IPv4 address, as a provider gives one over night. */
  changeAddress(): Promise<void>;
}

const HOME = { lan: '192.168.1.1', inside: '192.168.1.0/24', hostIndexMin: 10 };
const SHARED_INSIDE = '100.64.0.0/24';
export const PROXY_PORT = 3128;
const INTERCEPT_PORT = 3130;
const PAC_PORT = 8080;

const restricted = { mapping: 'endpoint-independent', filtering: 'address-and-port' } as const;
type Behind = Pick<NatOptions, 'mapping' | 'filtering' | 'policy' | 'services' | 'redirects'>;

/** What the innermost router of each kind does; kinds without one are not here. */
const behind: Partial<Record<SiteKind, Behind>> = {
  'easy-nat': { mapping: 'endpoint-independent', filtering: 'endpoint-independent' },
  'address-restricted': { mapping: 'endpoint-independent', filtering: 'address' },
  'port-restricted': restricted,
  symmetric: { mapping: 'random', filtering: 'address-and-port' },
  upnp: { mapping: 'random', filtering: 'address-and-port', services: GATEWAY_SERVICES },
  'upnp-alone': { mapping: 'random', filtering: 'address-and-port', services: UPNP_SERVICES },
  'pmp-alone': { mapping: 'random', filtering: 'address-and-port', services: PMP_SERVICES },
  'symmetric-sequential': { mapping: 'sequential', filtering: 'address-and-port' },
  'two-nats': restricted,
  'udp-blocked': { ...restricted, policy: noUdp },
  'tls-only': { ...restricted, policy: tlsOnly },
  'webrtc-only': { ...restricted, policy: webrtcOnly },
  'turn-only': { mapping: 'random', filtering: 'address-and-port', policy: turnOnly },
  'http-proxy': onlyProxy(),
  'digest-proxy': onlyProxy(),
  'forward-proxy': onlyProxy(),
  'forward-proxy-upgrade': onlyProxy(),
  'proxy-pac': { ...restricted, policy: nothing, services: [`tcp dport { ${PROXY_PORT}, ${PAC_PORT} }`] },
  'tls-intercepting': intercepting(),
  'intercepting-no-upgrade': intercepting(),
  'lan-only': { ...restricted, policy: nothing },
  'same-nat': restricted,
};

function onlyProxy(): Behind {
  return { ...restricted, policy: nothing, services: [`tcp dport ${PROXY_PORT}`] };
}

function intercepting(): Behind {
  return {
    ...restricted,
    policy: nothing,
    services: [`tcp dport ${INTERCEPT_PORT}`],
    redirects: [`tcp dport 443 redirect to :${INTERCEPT_PORT}`],
  };
}

let sites = 0;

export async function addSite(
  internet: Internet,
  kind: SiteKind,
  name: string,
  options: SiteOptions = {},
): Promise<Site> {
  const index = (++sites % 200) + 10;
  const rules = behind[kind];
  return rules
    ? behindRouter(internet, kind, name, index, rules, options)
    : onInternet(internet, kind, name, index, options);
}

async function onInternet(
  internet: Internet,
  kind: SiteKind,
  name: string,
  index: number,
  { middle, publicAddress }: SiteOptions,
): Promise<Site> {
  const ipv4 = kind === 'ipv6-only' ? '' : (publicAddress ?? `203.0.113.${index}`);
  const prefix = `2001:db8:0:${index.toString(16)}::`;
  const host = await internet.host(name, ipv4, `${prefix}1`);
  const port = await internet.uplink(host, 'eth0', ipv4, prefix, middle);
  const uplink = { space: host, device: 'eth0' };
  const site: Site = {
    ...{ kind, name, hosts: [host], host, ipv4, ipv6: `${prefix}1`, port, uplink, router: null, proxy: null },
    async changeAddress() {
      site.ipv4 = `203.0.113.${(++sites % 200) + 10}`;
      await internet.address(host, 'eth0', port, site.ipv4, prefix);
    },
  };
  return site;
}

async function behindRouter(
  internet: Internet,
  kind: SiteKind,
  name: string,
  index: number,
  rules: Behind,
  options: SiteOptions,
): Promise<Site> {
  const publicAddress = options.publicAddress ?? `198.51.100.${index}`;
  const deep = kind === 'two-nats';
  const router = await homeRouter(internet, name);
  const outer = deep ? await internet.space(`${name}cg`) : router;
  const port = await internet.uplink(outer, 'wan', publicAddress, '', options.middle);
  const load = async (address: string) => {
    const home = { wan: 'wan', lan: 'lan', inside: HOME.inside, ...rules, ...timeout(options) };
    await fresh(router, options);
    await router.nft(natRules({ ...home, publicAddress: deep ? '100.64.0.2' : address }));
    if (!deep) return;
    // RFC 6888: a carrier's NAT maps independently of the endpoint; this one filters by address.
    const carrier = { wan: 'wan', lan: 'lan', inside: SHARED_INSIDE, ...timeout(options) };
    await fresh(outer, options);
    const behaviour = { mapping: 'endpoint-independent', filtering: 'address' } as const;
    await outer.nft(natRules({ ...carrier, ...behaviour, publicAddress: address }));
  };
  if (deep) await carrierCable(internet, router, outer);
  await outer.must(['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
  await load(publicAddress);
  const hosts: Host[] = [];
  const wanted = options.hosts ?? (kind === 'same-nat' ? 2 : 1);
  for (let n = 0; n < wanted; n++) hosts.push(await homeHost(internet, router, name, n));
  const proxy = await proxyFor(internet, kind, router, name);
  for (const host of hosts) if (proxy) host.env = { ...host.env, ...proxy.env };
  const host = hosts[0];
  if (!host) throw new Error('a site has at least one host');
  const uplink = { space: outer, device: 'wan' };
  const site: Site = {
    ...{ kind, name, hosts, host, ipv4: publicAddress, ipv6: '', port, uplink, router, proxy },
    async changeAddress() {
      site.ipv4 = `198.51.100.${(++sites % 200) + 10}`;
      await internet.address(outer, 'wan', port, site.ipv4, '');
      await load(site.ipv4);
    },
  };
  return site;
}

const timeout = ({ timeoutS }: SiteOptions) => (timeoutS === undefined ? {} : { timeoutS });

/** A router as after a restart: no rules, no flows; the kernel's timers are those of the mappings. */
async function fresh(router: Space, { timeoutS = MAPPING_TIMEOUT_S }: SiteOptions): Promise<void> {
  await router.nft('table ip site\ndelete table ip site\n');
  await router.script([
    'conntrack -F >/dev/null 2>&1 || true',
    `sysctl -qw net.netfilter.nf_conntrack_udp_timeout=${timeoutS} net.netfilter.nf_conntrack_udp_timeout_stream=${timeoutS}`,
  ]);
}

async function homeRouter(internet: Internet, name: string): Promise<Space> {
  const router = await internet.space(`${name}gw`);
  await router.script([
    // Bridged frames of one LAN are none of the router's business.
    'sysctl -qw net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=0',
    'ip link add lan type bridge mcast_snooping 0 forward_delay 0',
    'ip link set lan up',
    `ip addr add ${HOME.lan}/24 dev lan`,
  ]);
  return router;
}

async function homeHost(internet: Internet, router: Space, name: string, n: number): Promise<Host> {
  const ipv4 = `192.168.1.${HOME.hostIndexMin + n}`;
  const host = await internet.host(n === 0 ? name : `${name}${n + 1}`, ipv4, '');
  await internet.cable(host, 'eth0', router, `h${n}`);
  await router.must(['ip', 'link', 'set', `h${n}`, 'master', 'lan']);
  await host.script([`ip addr add ${ipv4}/24 dev eth0`, `ip route add default via ${HOME.lan}`]);
  return host;
}

async function carrierCable(internet: Internet, router: Space, outer: Space): Promise<void> {
  await internet.cable(router, 'wan', outer, 'lan');
  await router.script(['ip addr add 100.64.0.2/24 dev wan', 'ip route add default via 100.64.0.1']);
  await outer.must(['ip', 'addr', 'add', '100.64.0.1/24', 'dev', 'lan']);
}

async function proxyFor(internet: Internet, kind: SiteKind, router: Space, name: string): Promise<Proxy | null> {
  const place = { router, address: HOME.lan, folder: internet.folder, name };
  switch (kind) {
    case 'http-proxy':
      return startProxy(internet, { ...place, kind: 'forward', port: PROXY_PORT, auth: 'basic' });
    case 'digest-proxy':
      return startProxy(internet, { ...place, kind: 'forward', port: PROXY_PORT, auth: 'digest' });
    case 'forward-proxy':
      return startProxy(internet, { ...place, kind: 'forward', port: PROXY_PORT, auth: 'digest', connect: false });
    case 'forward-proxy-upgrade': {
      const conduct = { auth: 'basic', connect: false, upgrades: true } as const;
      return startProxy(internet, { ...place, kind: 'forward', port: PROXY_PORT, ...conduct });
    }
    case 'proxy-pac':
      return startProxy(internet, { ...place, kind: 'forward', port: PROXY_PORT, pacPort: PAC_PORT });
    case 'tls-intercepting':
      return startProxy(internet, { ...place, kind: 'intercept', port: INTERCEPT_PORT, upgrades: true });
    case 'intercepting-no-upgrade':
      return startProxy(internet, { ...place, kind: 'intercept', port: INTERCEPT_PORT, upgrades: false });
    default:
      return null;
  }
}
