// Names under attack by a member, and by who shares the underlay: the DNS server and the mDNS responder of real hosts.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { join as pathJoin } from 'node:path';
import type { Host } from './support/host.ts';
import type { Lab } from './support/lab.ts';
import { lanOf } from './support/lan.ts';
import { projectRoot, until, whyNot } from './support/shell.ts';

const reason = whyNot();
if (reason) console.log(`skipped: namespace tests: ${reason}`);

const MDNS_GROUP = '224.0.0.251';

describe.skipIf(reason)('names under attack', () => {
  let lab: Lab;
  let anna: Host;
  let ben: Host;
  let annas: string;
  let bens: string;
  beforeAll(async () => {
    lab = await lanOf(['anna', 'ben']);
    [anna, ben] = [lab.host('anna'), lab.host('ben')];
    [annas, bens] = [(await anna.overlay()).ipv4, (await ben.overlay()).ipv4];
    await until('anna answers DNS', 10_000, () => resolves(ben, annas));
  });
  afterAll(() => lab?.close());

  const dig = async (from: Host, ...args: string[]) =>
    (await from.exec(['dig', '+tries=1', '+time=1', ...args], { timeoutMs: 5000 })).stdout.trim();
  const resolves = async (from: Host, server: string) =>
    (await dig(from, '+short', `@${server}`, 'ben.home.weft')) === bens;
  const mdns = async (from: Host, server: string) =>
    (await dig(from, '+short', '-p', '5353', `@${server}`, 'anna-home.local')).includes(annas);

  it('a member that asks from port 0 ends nobody’s engine', async () => {
    const program = pathJoin(projectRoot, 'test/netns/programs/port-zero.py');
    const pid = anna.daemon?.child.pid;
    for (const [target, port, name] of [
      [annas, '53', 'anna.home.weft'],
      [annas, '5353', 'anna-home.local'],
      [MDNS_GROUP, '5353', 'anna-home.local'],
    ] as const)
      expect(await ben.must(['/usr/bin/python3', program, bens, target, port, name, '20'])).toContain('sent');
    // In order behind what was sent.
    await until('DNS is answered', 5000, () => resolves(ben, annas));
    await until('mDNS is answered', 5000, () => mdns(ben, annas));
    expect(anna.daemon?.ended).toBeNull();
    expect(anna.daemon?.child.pid).toBe(pid);
    expect((await anna.network()).members).toHaveLength(2);
  });

  it('answers about members, and refuses the rest of the world', async () => {
    const status = async (...args: string[]) => /status: (\w+)/.exec(await dig(ben, `@${annas}`, ...args))?.[1];
    expect(await status('Anna.HOME.weft')).toBe('NOERROR');
    expect(await status('home.weft')).toBe('NOERROR');
    expect(await status('nobody.home.weft')).toBe('NXDOMAIN');
    expect(await status('example.org')).toBe('REFUSED');
    expect(await status('anna.home.weft', '-c', 'CH')).toBe('REFUSED');
    expect(await dig(ben, '+short', `@${annas}`, '-x', bens)).toBe('ben.home.weft.');
  });

  it('answers mDNS by IPv6 too', async () => {
    const { adapter } = await ben.overlay();
    await until('anna’s name by ff02::fb', 5000, async () =>
      (await ben.program('mdns', 'anna-home.local', `%${adapter}`).done).stdout.includes(annas),
    );
  });

  it('tells the underlay nothing', async () => {
    expect(await mdns(ben, annas)).toBe(true);
    expect(await mdns(ben, anna.ipv4)).toBe(false);
    expect(await resolves(ben, anna.ipv4)).toBe(false);
  });
});
