// Attacks by callers who have adapters: on others' adapters, names and ports, and on the helper's tables.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { run } from '../netns/support/shell.ts';
import { HOSTS, Helper, adapter, reason, request, type Answer } from './support/helper.ts';

if (reason) console.log(`skipped: attacks with adapters: ${reason}`);
/** native/helper: adapters.rs, server.rs. */
const ADAPTERS_MAX = 16;
const USER_CONNECTIONS_MAX = 16;
const OTHER = 'b'.repeat(32);
const STRANGER = 65_534;

describe.skipIf(reason)('with adapters', () => {
  let helper: Helper;
  beforeEach(async () => {
    helper = await Helper.start({ uid: STRANGER });
  });
  afterEach(() => helper?.stop());

  const must = (answer: Answer) => expect(answer, JSON.stringify(answer)).toMatchObject({ ok: true });
  const refuses = (answer: Answer, code: string) =>
    expect(answer, JSON.stringify(answer)).toMatchObject({ ok: false, code });

  it('makes what is asked for, and only that', async () => {
    must(await helper.ask('adapter.open', adapter()));
    expect(await helper.devices()).toEqual(['weft0']);
    const { stdout } = await helper.inside(['ip', '-d', 'addr', 'show', 'weft0']);
    for (const part of ['10.77.1.2/16', 'fd00:7::1/64', '02:01:02:03:04:05', 'mtu 1380', 'tap'])
      expect(stdout).toContain(part);
    must(await helper.ask('adapter.close', { name: 'weft0' }));
    expect(await helper.devices()).toEqual([]);
  });

  it('leaves a device alone that only has the right name', async () => {
    await helper.cable('weft9');
    refuses(await helper.ask('adapter.open', adapter({ name: 'weft9' })), 'name-taken');
    for (const [verb, data] of [
      ['adapter.close', { name: 'weft9' }],
      ['adapter.carrier', { name: 'weft9', on: false }],
      ['adapter.address', adapter({ name: 'weft9' })],
    ] as const)
      refuses(await helper.ask(verb, data), 'no-such-adapter');
    const { stdout } = await helper.inside(['ip', '-o', 'addr', 'show', 'weft9']);
    expect(stdout).not.toContain('10.77');
    // Nor takes it over one that could be: a TAP that somebody keeps.
    expect((await helper.inside(['ip', 'tuntap', 'add', 'weft8', 'mode', 'tap'])).code).toBe(0);
    refuses(await helper.ask('adapter.open', adapter({ name: 'weft8' })), 'name-taken');
    expect(await helper.devices()).toEqual(['peer', 'weft8', 'weft9']);
  });

  it('keeps engines apart', async () => {
    const held = await helper.hold();
    must(await helper.ask('adapter.open', adapter()));
    refuses(await helper.ask('adapter.open', adapter(), OTHER), 'name-taken');
    for (const [verb, data] of [
      ['adapter.close', { name: 'weft0' }],
      ['adapter.carrier', { name: 'weft0', on: false }],
      ['adapter.address', adapter({ ipv4: '10.99.1.1/16' })],
      ['dns.set', { name: 'weft0', domain: 'home.weft', servers: [], hosts: [['10.77.1.3', 'ben.home.weft']] }],
      ['dns.clear', { name: 'weft0' }],
    ] as const)
      refuses(await helper.ask(verb, data, OTHER), 'no-such-adapter');
    refuses(await helper.ask('port.bind', { address: '10.77.1.2', port: 53, proto: 'udp' }, OTHER), 'bad-argument');
    must(await helper.ask('port.bind', { address: '10.77.1.2', port: 53, proto: 'udp' }));
    expect(helper.hosts()).toBe(HOSTS);
    held.release();
  });

  it('overlaps nothing that is there', async () => {
    await helper.cable('lan0');
    await helper.inside(['ip', 'addr', 'add', '10.77.200.1/24', 'dev', 'lan0']);
    refuses(await helper.ask('adapter.open', adapter()), 'prefix-overlaps');
    expect(await helper.devices()).toEqual(['lan0', 'peer']);
    must(await helper.ask('adapter.open', adapter({ ipv4: '10.78.1.2/16' })));
    refuses(await helper.ask('adapter.address', adapter()), 'prefix-overlaps');
    expect((await helper.inside(['ip', '-o', 'addr', 'show', 'weft0'])).stdout).toContain('10.78.1.2/16');
  });

  it('has a limit of adapters', async () => {
    const one = (n: number) => adapter({ name: `weft${n}`, ipv4: `10.${n}.0.1/16`, ipv6: [] });
    for (let n = 0; n < ADAPTERS_MAX; n++) must(await helper.ask('adapter.open', one(n)));
    refuses(await helper.ask('adapter.open', one(ADAPTERS_MAX)), 'too-many');
    expect(await helper.devices()).toHaveLength(ADAPTERS_MAX);
    must(await helper.ask('adapter.close', { name: 'weft3' }));
    must(await helper.ask('adapter.open', one(ADAPTERS_MAX)));
  });

  it('writes no names but those below its network', async () => {
    must(await helper.ask('adapter.open', adapter()));
    const set = (host: unknown, address: unknown = '10.77.1.3', domain = 'home.weft') =>
      helper.ask('dns.set', { name: 'weft0', domain, servers: [], hosts: [[address, host]] });
    for (const host of [
      'ben.home.weft\n6.6.6.6 bank.example',
      'ben.home.weft\r',
      'ben\u0000.home.weft',
      'ben .home.weft',
      '# ben.home.weft',
      'localhost',
      'bank.example',
      'ben.club.weft',
      'home.weft',
      'evilhome.weft',
      '.home.weft',
      'BEN.home.weft',
      `${'a'.repeat(64)}.home.weft`,
      `${'a.'.repeat(130)}home.weft`,
      '',
      7,
      null,
    ])
      refuses(await set(host), 'bad-argument');
    for (const address of [
      '8.8.8.8',
      '127.0.0.1',
      '10.77.1.3\n6.6.6.6 x',
      '10.77.1.3 bank.example',
      '::1',
      'fe80::1',
      '',
      null,
    ])
      refuses(await set('ben.home.weft', address), 'bad-argument');
    for (const domain of ['weft', 'example', 'home.weft.example', '', '.', '~.'])
      refuses(await set('ben.home.weft', '10.77.1.3', domain), 'bad-argument');
    const hosts = Array.from({ length: 4097 }, (_, n) => [`10.77.${n >> 8}.${n & 255}`, `m${n}.home.weft`]);
    const many = (list: unknown) =>
      helper.ask('dns.set', { name: 'weft0', domain: 'home.weft', servers: [], hosts: list });
    refuses(await many(hosts), 'bad-argument');
    for (const server of ['8.8.8.8', '--help', 'localhost', ''])
      refuses(
        await helper.ask('dns.set', { name: 'weft0', domain: 'home.weft', servers: [server], hosts: [] }),
        'bad-argument',
      );
    expect(helper.hosts()).toBe(HOSTS);
    must(await many(hosts.slice(1)));
    expect(helper.hosts()).toContain('10.77.0.1\tm1.home.weft\n');
    must(await helper.ask('adapter.close', { name: 'weft0' }));
    expect(helper.hosts()).toBe(HOSTS);
  });

  it('answers nobody else', async () => {
    const asked = await asUser(STRANGER - 1, helper.socket);
    expect(asked).toMatch(/EACCES/);
    // Even where the socket was opened to all: the kernel says who asks.
    await run('chmod', ['666', helper.socket]);
    expect(await asUser(STRANGER - 1, helper.socket)).toMatch(/"code":"helper-refused"/);
    expect(await asUser(STRANGER, helper.socket)).toMatch(/"ok":true/);
    // What root holds is not the user's.
    must(await helper.ask('adapter.open', adapter()));
    const close = request('adapter.close', { name: 'weft0' });
    expect(await asUser(STRANGER, helper.socket, close)).toMatch(/"code":"no-such-adapter"/);
    expect(await asUser(STRANGER, helper.socket, request('adapter.open', adapter()))).toMatch(/"code":"name-taken"/);
  });

  it('lets no user keep the others out', async () => {
    const holds = await Promise.all(Array.from({ length: USER_CONNECTIONS_MAX }, () => helper.hold()));
    for (const { answer } of holds) expect(answer?.ok).toBe(true);
    const { answer } = await helper.hold();
    // Closed at once; whether the words arrive before the own request fails is chance.
    expect(answer?.code ?? 'helper-refused').toBe('helper-refused');
    expect(answer?.ok ?? false).toBe(false);
    expect(await asUser(STRANGER, helper.socket)).toMatch(/"ok":true/);
    holds[0]?.release();
    await expect.poll(async () => (await helper.send(`${request('status')}\n`))?.ok).toBe(true);
    for (const { release } of holds) release();
  });

  it('deletes what nobody came back for', { timeout: 20_000 }, async () => {
    await helper.stop();
    helper = await Helper.start({ grace: 1 });
    const held = await helper.hold();
    must(await helper.ask('adapter.open', adapter()));
    must(
      await helper.ask('dns.set', {
        name: 'weft0',
        domain: 'home.weft',
        servers: [],
        hosts: [['10.77.1.3', 'ben.home.weft']],
      }),
    );
    await new Promise((settle) => setTimeout(settle, 2500));
    expect(await helper.devices()).toEqual(['weft0']);
    expect(helper.hosts()).toContain('ben.home.weft');
    held.release();
    await expect.poll(() => helper.devices(), { timeout: 5000 }).toEqual([]);
    await expect.poll(() => helper.hosts(), { timeout: 1000 }).toBe(HOSTS);
  });

  it('writes names beside other helpers', async () => {
    // Other users' helpers, or those of namespaces with a hosts file of their own, share the folder.
    const helpers = [helper, ...(await Promise.all([1, 2, 3].map(() => Helper.start())))];
    try {
      for (const one of helpers) must(await one.ask('adapter.open', adapter()));
      for (let round = 0; round < 25; round++) {
        const hosts = [['10.77.1.3', `ben${round}.home.weft`]];
        const set = { name: 'weft0', domain: 'home.weft', servers: [], hosts };
        for (const answer of await Promise.all(helpers.map((one) => one.ask('dns.set', set)))) must(answer);
        for (const one of helpers) expect(one.hosts()).toContain(`ben${round}.home.weft`);
      }
    } finally {
      for (const one of helpers.slice(1)) await one.stop();
    }
  });

  it('withdraws names and adapters when it is told to end', async () => {
    must(await helper.ask('adapter.open', adapter()));
    const hosts = [['10.77.1.3', 'ben.home.weft']];
    must(await helper.ask('dns.set', { name: 'weft0', domain: 'home.weft', servers: [], hosts }));
    const held = await helper.hold();
    await helper.end('SIGTERM');
    expect(helper.hosts()).toBe(HOSTS);
    held.release();
  });
});

/** What another user hears. */
async function asUser(uid: number, socket: string, line = request('status')): Promise<string> {
  const program = `const s=require('node:net').connect(process.argv[1]);s.on('connect',()=>s.write(process.argv[2]+'\\n'));s.on('data',(d)=>process.stdout.write(d));s.on('error',(e)=>console.log(e.code))`;
  await run('chmod', ['755', socket.replace(/\/[^/]*$/, '')]);
  const command = [
    '--reuid',
    String(uid),
    '--regid',
    String(uid),
    '--clear-groups',
    process.execPath,
    '-e',
    program,
    socket,
    line,
  ];
  const { stdout, stderr } = await run('setpriv', command, { timeoutMs: 10_000 });
  return stdout + stderr;
}
