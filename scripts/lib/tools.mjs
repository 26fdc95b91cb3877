// Programs from Debian that the tests drive (real avahi, browsers, iperf3 …). Installed by CI as root; otherwise only named.
import { existsSync } from 'node:fs';
import { has, run, say } from './run.mjs';

const packages = {
  nft: 'nftables',
  iperf3: 'iperf3',
  tcpdump: 'tcpdump',
  ethtool: 'ethtool',
  'avahi-daemon': 'avahi-daemon',
  'avahi-browse': 'avahi-utils',
  'dbus-daemon': 'dbus',
  ping: 'iputils-ping',
  ip: 'iproute2',
  dig: 'dnsutils',
  chromium: 'chromium',
  'xvfb-run': 'xvfb',
  xauth: 'xauth',
  conntrack: 'conntrack',
  curl: 'curl',
  miniupnpd: 'miniupnpd',
  openssl: 'openssl',
  python3: 'python3',
  socat: 'socat',
  // Debian's plain squid cannot open TLS.
  squid: 'squid-openssl',
  tshark: 'tshark',
  turnserver: 'coturn',
};

/** Names of Debian packages whose programs are missing after trying to install them where that is allowed. */
export function testTools() {
  const missing = () =>
    Object.entries(packages).filter(([program]) => !has(program) && !existsSync(`/usr/sbin/${program}`));
  let absent = missing();
  if (
    absent.length &&
    process.getuid?.() === 0 &&
    has('apt-get') &&
    (process.env.CI || process.env.WEFT_INSTALL_TOOLS)
  ) {
    const names = [...new Set(absent.map(([, name]) => name))];
    say(`installing test tools: ${names.join(' ')} …`);
    run('apt-get', ['update', '-qq'], { quiet: true });
    const args = ['install', '-y', '-qq', '--no-install-recommends', ...names];
    const result = run('apt-get', args, { quiet: true, env: { DEBIAN_FRONTEND: 'noninteractive' } });
    if (result.code !== 0) say(`apt-get failed: ${result.out.split('\n').slice(-3).join(' ')}`);
    absent = missing();
  }
  return absent.map(([, name]) => name);
}
