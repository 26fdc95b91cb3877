// Programs from Debian that the tests drive (real avahi, browsers, iperf3 …). Installed by CI as root; otherwise only named.
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { has, root, runAside, say } from './run.mjs';

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
  dnsmasq: 'dnsmasq-base',
  chromium: 'chromium',
  'xvfb-run': 'xvfb',
  ffmpeg: 'ffmpeg',
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

/** Installed they would take over the names of this machine: they are unpacked beside the build, and tests start them in namespaces. */
const unpacked = ['openresolv', 'systemd-resolved'];
export const unpackedFolder = join(root, '.build/debian');

async function unpack() {
  for (const name of unpacked.filter((one) => !existsSync(join(unpackedFolder, one)))) {
    const draft = join(unpackedFolder, `${name}.draft`);
    rmSync(draft, { recursive: true, force: true });
    mkdirSync(draft, { recursive: true });
    await runAside('apt-get', ['download', '-qq', name], { quiet: true, spawn: { cwd: draft } });
    const archive = readdirSync(draft)[0];
    const files = join(draft, 'files');
    const done = archive ? await runAside('dpkg', ['-x', join(draft, archive), files], { quiet: true }) : null;
    if (done?.code === 0) {
      // As on a system where /lib and /sbin are links into /usr.
      for (const part of ['lib', 'sbin'].filter((one) => existsSync(join(files, one))))
        cpSync(join(files, part), join(files, 'usr', part), { recursive: true });
      renameSync(files, join(unpackedFolder, name));
    } else say(`${name} could not be fetched: its tests are skipped`);
    rmSync(draft, { recursive: true, force: true });
  }
}

/** Names of Debian packages whose programs are missing after trying to install them where that is allowed. */
export async function testTools() {
  const missing = () =>
    Object.entries(packages).filter(([program]) => !has(program) && !existsSync(`/usr/sbin/${program}`));
  let absent = missing();
  const may = process.getuid?.() === 0 && has('apt-get') && (process.env.CI || process.env.WEFT_INSTALL_TOOLS);
  if (may && absent.length) {
    const names = [...new Set(absent.map(([, name]) => name))];
    say(`installing test tools: ${names.join(' ')} …`);
    await runAside('apt-get', ['update', '-qq'], { quiet: true });
    const args = ['install', '-y', '-qq', '--no-install-recommends', ...names];
    const result = await runAside('apt-get', args, { quiet: true, env: { DEBIAN_FRONTEND: 'noninteractive' } });
    if (result.code !== 0) say(`apt-get failed: ${result.out.split('\n').slice(-3).join(' ')}`);
    absent = missing();
  }
  if (may) await unpack();
  return absent.map(([, name]) => name);
}
