// wireguard-go, newest from the Go module proxy, configured over its UAPI socket: no other tool is needed.
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Host } from '../netns/support/host.ts';
import { projectRoot, run, until, type Running } from '../netns/support/shell.ts';
import type { Peer } from './peer.ts';

const folder = join(projectRoot, '.build/peers');
const binary = join(folder, 'bin/wireguard-go');
const PORT = 51820;

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

export function wireguard(): Peer {
  const running: Running[] = [];
  const name = (host: Host) => `wgb${host.index}`;
  return {
    name: 'wireguard-go',
    async version() {
      const main = existsSync(join(folder, 'wireguard-version'))
        ? readFileSync(join(folder, 'wireguard-version'), 'utf8')
        : '?';
      return main.trim();
    },
    async absent() {
      if (existsSync(binary)) return null;
      mkdirSync(join(folder, 'bin'), { recursive: true });
      const env = { GOBIN: join(folder, 'bin'), GOFLAGS: '-modcacherw' };
      const built = await run('go', ['install', 'golang.zx2c4.com/wireguard@latest'], { env, timeoutMs: 300_000 });
      if (built.code !== 0) return `could not be built: ${built.stderr.trim().split('\n').at(-1)}`;
      await run('mv', [join(folder, 'bin/wireguard'), binary]);
      const info = await run('go', ['version', '-m', binary]);
      const version = /mod\s+golang.zx2c4.com\/wireguard\s+(\S+)/.exec(info.stdout)?.[1] ?? '?';
      writeFileSync(join(folder, 'wireguard-version'), version);
      return null;
    },
    async start(_lab, a, b) {
      const keys = new Map([
        [a, keyPair()],
        [b, keyPair()],
      ]);
      for (const host of [a, b]) {
        running.push(
          host.start([binary, '-f', name(host)], { env: { LOG_LEVEL: 'error', WG_PROCESS_FOREGROUND: '1' } }),
        );
        await until('the socket is there', 5000, () => existsSync(`/var/run/wireguard/${name(host)}.sock`));
      }
      for (const [host, other] of [
        [a, b],
        [b, a],
      ] as const) {
        await configure(name(host), [
          `private_key=${keys.get(host)?.secret}`,
          `listen_port=${PORT}`,
          `public_key=${keys.get(other)?.open}`,
          `endpoint=${other.ipv4}:${PORT}`,
          'replace_allowed_ips=true',
          `allowed_ip=10.99.0.${other.index}/32`,
        ]);
        await host.must(['ip', 'addr', 'add', `10.99.0.${host.index}/24`, 'dev', name(host)]);
        await host.must(['ip', 'link', 'set', name(host), 'mtu', '1420', 'up']);
      }
      const address = `10.99.0.${b.index}`;
      await until('wireguard-go answers', 10_000, () => a.ping(address));
      return { address, pids: () => running.map(({ child }) => child.pid ?? 0) };
    },
    async stop() {
      for (const process of running.splice(0)) await process.stop();
    },
  };
}
