// The adapter as users of node-tuntap2 know it: `new Tap()`, `new Tun()`, beside what the kernel says of the same device.
import { createRequire } from 'node:module';
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { projectRoot, until } from '../netns/support/shell.ts';
import { reason } from './support/helper.ts';

interface Adapter {
  readonly name: string;
  readonly fd: number;
  mac: string;
  mtu: number;
  ipv4: string;
  ipv6: string;
  isUp: boolean;
  read(): Promise<Uint8Array>;
  write(packet: Uint8Array): Promise<void>;
  release(): void;
}
type AdapterClass = new (options?: { name?: string }) => Adapter;
const addon = join(projectRoot, 'native/addon/weft.node');
const NAME = `wft${process.pid % 100_000}`;

if (reason) console.log(`skipped: adapters by the binding: ${reason}`);

interface Device {
  address: string;
  mtu: number;
  flags: string[];
  addr_info: { family: string; local: string; prefixlen: number; scope: string }[];
}
const kernel = (): Device | undefined => {
  const said = spawnSync('ip', ['-j', 'addr', 'show', 'dev', NAME], { encoding: 'utf8' });
  return said.status === 0 ? (JSON.parse(said.stdout) as Device[])[0] : undefined;
};
const addresses = (family: string, scope: string) =>
  (kernel()?.addr_info ?? [])
    .filter((one) => one.family === family && one.scope === scope)
    .map(({ local, prefixlen }) => `${local}/${prefixlen}`);

/** Tries it in a process of its own and says the error's code. */
function codeOf(prefix: string[]): string {
  const script = `const {Tap}=require(${JSON.stringify(addon)});try{new Tap();console.log('made')}catch(e){console.log(e.code, /\\n|\\[object/.test(e.message) ? 'unclear' : '')}`;
  const [command = '', ...args] = [...prefix, process.execPath, '-e', script];
  return execFileSync(command, args, { encoding: 'utf8' }).trim();
}

describe.skipIf(reason)('adapters by the binding', () => {
  const load = () => createRequire(import.meta.url)(addon) as { Tap: AdapterClass; Tun: AdapterClass };
  let adapter: Adapter | undefined;
  afterEach(() => adapter?.release());

  it('Tap: what is set is what the kernel has, and the other way round', () => {
    const { Tap } = load();
    adapter = new Tap({ name: NAME });
    expect(adapter.name).toBe(NAME);
    expect([adapter.ipv4, adapter.isUp]).toEqual(['', false]);
    adapter.mac = '02:0a:0b:0c:0d:0e';
    adapter.mtu = 1280;
    adapter.ipv4 = '10.201.7.1/24';
    adapter.isUp = true;
    adapter.ipv6 = 'fd77:1::1/64';
    expect(kernel()).toMatchObject({ address: '02:0a:0b:0c:0d:0e', mtu: 1280 });
    expect(kernel()?.flags).toContain('UP');
    expect(addresses('inet', 'global')).toEqual(['10.201.7.1/24']);
    expect(addresses('inet6', 'global')).toEqual(['fd77:1::1/64']);
    expect(adapter).toMatchObject({ mac: '02:0a:0b:0c:0d:0e', mtu: 1280, ipv4: '10.201.7.1/24', isUp: true });
    expect(adapter.ipv6).toBe('fd77:1::1/64');
    // Another one takes its place.
    adapter.ipv6 = 'fd77:2::1/64';
    expect(addresses('inet6', 'global')).toEqual(['fd77:2::1/64']);
    execFileSync('ip', ['link', 'set', NAME, 'mtu', '1400', 'down']);
    expect(adapter).toMatchObject({ mtu: 1400, isUp: false });
  });

  it('Tap: reads and writes one frame at a time', async () => {
    const { Tap } = load();
    const own = new Tap({ name: NAME });
    adapter = own;
    own.ipv4 = '10.201.7.1/24';
    own.isUp = true;
    execFileSync('ip', ['neigh', 'add', '10.201.7.9', 'lladdr', '02:00:00:00:00:09', 'dev', NAME]);
    // A ping to somebody behind the adapter comes out of it …
    const pinging = spawnSync('ping', ['-n', '-c', '1', '-W', '0.2', '-p', 'beef', '10.201.7.9']);
    expect(pinging.status).toBe(1);
    const ping = await until('the ping comes', 3000, async () => {
      const frame = Buffer.from(await own.read());
      return frame.readUInt16BE(12) === 0x0800 && frame[23] === 1 && frame;
    });
    expect(ping.subarray(0, 6).toString('hex')).toBe('020000000009');
    // … and what is written goes in: an ARP question, which the kernel answers.
    const question = Buffer.from(
      `ffffffffffff020000000009080600010800060400010200000000090ac907090000000000000ac90701`,
      'hex',
    );
    await own.write(question);
    const answer = await until('ARP is answered', 3000, async () => {
      const frame = Buffer.from(await own.read());
      return frame.readUInt16BE(12) === 0x0806 && frame.readUInt16BE(20) === 2 && frame;
    });
    expect(answer.subarray(28, 32)).toEqual(Buffer.of(10, 201, 7, 1));
  });

  it('Tun: carries packets without Ethernet', async () => {
    const { Tun } = load();
    const own = new Tun({ name: NAME });
    adapter = own;
    own.ipv4 = '10.201.7.1/24';
    own.isUp = true;
    spawnSync('ping', ['-n', '-c', '1', '-W', '0.2', '10.201.7.9']);
    const packet = await until('the ping comes', 3000, async () => {
      const got = Buffer.from(await own.read());
      return (got[0] ?? 0) >> 4 === 4 && got;
    });
    expect(packet.subarray(16, 20)).toEqual(Buffer.of(10, 201, 7, 9));
  });

  it('released: the device is gone, a read that waits ends, and it says so', async () => {
    const { Tap } = load();
    const own = new Tap({ name: NAME });
    const waiting = own.read().then(
      () => 'read',
      (error: Error) => error.message,
    );
    own.release();
    expect(await waiting).toMatch(/released/);
    await until('the device is gone', 3000, () => kernel() === undefined);
    expect(() => own.mtu).toThrow(/released/);
  });

  it('says what is wrong: a name in use, no rights, no /dev/net/tun', () => {
    const { Tap } = load();
    adapter = new Tap({ name: NAME });
    expect(() => new Tap({ name: NAME })).toThrow(expect.objectContaining({ code: 'name-taken' }));
    const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--no-new-privs'];
    expect(codeOf(nobody)).toBe('no-rights');
    expect(codeOf(['unshare', '-m', 'sh', '-c', 'mount -t tmpfs tmpfs /dev/net && exec "$@"', 'sh'])).toBe('no-tun');
  });
});
