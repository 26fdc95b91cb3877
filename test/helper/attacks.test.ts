// The helper's socket under attack: whatever is asked, it answers in words or not at all, does nothing, and goes on.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { OWNER, Helper, adapter, request } from './support/helper.ts';

/** native/helper: request.rs, server.rs. */
const LINE_BYTES_MAX = 512 * 1024;
const REQUEST_TIMEOUT_MS = 5000;

let helper: Helper;
beforeAll(async () => {
  helper = await Helper.start();
});
afterAll(() => helper?.stop());
afterEach(async () => {
  expect(helper.ended).toBe(false);
  expect((await helper.ask('status')).value).toEqual({ version: 1, adapters: [] });
});

const refused = async (bytes: string | Buffer, code = 'bad-argument', end = false): Promise<void> => {
  const answer = await helper.send(bytes, end);
  expect(answer?.ok, JSON.stringify(answer)).toBe(false);
  expect(answer?.code).toBe(code);
  expect(answer?.why?.length).toBeGreaterThan(5);
};

describe('requests that are none', () => {
  const cases: [string, string | Buffer, string?][] = [
    ['an empty line', '\n'],
    ['no JSON', 'GET / HTTP/1.1\r\n\r\n'],
    ['no UTF-8', Buffer.from([0xff, 0xfe, 0x00, 0x0a])],
    ['NULs', Buffer.alloc(64).fill(0, 0, 63).fill(10, 63)],
    ['a number', '7\n', 'version'],
    ['an array', '[]\n', 'version'],
    ['nothing inside', '{}\n', 'version'],
    ['another version', `{"v":2,"owner":"${OWNER}","verb":"status"}\n`, 'version'],
    ['a version in words', `{"v":"1","owner":"${OWNER}","verb":"status"}\n`, 'version'],
    ['no owner', '{"v":1,"verb":"status"}\n'],
    ['a short owner', '{"v":1,"owner":"abc","verb":"status"}\n'],
    ['an owner with a path', `{"v":1,"owner":"../../../../etc/shadow/aaaaaaaaa","verb":"status"}\n`],
    ['no verb', `{"v":1,"owner":"${OWNER}"}\n`],
    ['an unknown verb', `${request('reboot')}\n`],
    ['a verb that is no text', `{"v":1,"owner":"${OWNER}","verb":{"adapter.open":{}}}\n`],
    ['arguments of other types', `${request('adapter.carrier', { name: 'weft0', on: 'yes' })}\n`],
    ['missing arguments', `${request('adapter.close')}\n`],
    ['a number out of range', `${request('port.bind', { address: '10.0.0.1', port: 65_589, proto: 'udp' })}\n`],
    ['deep nesting', `{"v":1,"owner":"${OWNER}","verb":"status","x":${'['.repeat(100_000)}\n`],
    ['a line that is too long', `${request('adapter.close', { name: 'x'.repeat(LINE_BYTES_MAX) })}\n`],
  ];
  for (const [name, bytes, code] of cases) it(`refuses ${name}`, () => refused(bytes, code));

  it('refuses a line that never ends, before its time is up', async () => {
    const before = performance.now();
    await refused('x'.repeat(2 * LINE_BYTES_MAX));
    expect(performance.now() - before).toBeLessThan(REQUEST_TIMEOUT_MS / 2);
  });
  it('refuses what is cut off', () => refused(request('status').slice(0, 40), 'bad-argument', true));

  it('gives up on who says nothing, and serves others meanwhile', { timeout: 20_000 }, async () => {
    const silent = helper.send('');
    for (let n = 0; n < 20; n++) expect((await helper.ask('status')).ok).toBe(true);
    expect((await silent)?.code).toBe('bad-argument');
  });

  it('survives noise', { timeout: 30_000 }, async () => {
    // A small generator: a failure can be repeated.
    let state = 20_261_123;
    const random = () => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) >>> 8;
    const good = request('adapter.open', adapter({ name: 'eth0' }));
    for (let n = 0; n < 200; n++) {
      const noise = Buffer.from(good);
      for (let flips = random() % 12; flips >= 0; flips--) noise[random() % noise.length] = random() & 0xff;
      const answer = await helper.send(Buffer.concat([noise, Buffer.from('\n')]));
      expect(answer?.ok, noise.toString('latin1')).toBe(false);
    }
  });
});

describe('adapters that are not Weft’s', () => {
  const open = (changes: Record<string, unknown>) => refused(`${request('adapter.open', adapter(changes))}\n`);
  const names = [
    'eth0',
    'lo',
    'weft',
    'weft/0',
    '../weft0',
    'weft0/../eth0',
    '-weft0',
    '--help',
    'weft 0',
    'weft0\n',
    'weft0\u0000',
    'weft%d',
    'WEFT0',
    'weft0;id',
    'weft$(id)',
    'weftü',
    'weft0123456789a',
    'w'.repeat(4096),
    '',
  ];
  for (const name of names)
    it(`refuses the name ${JSON.stringify(name.slice(0, 20))}`, async () => {
      await open({ name });
      for (const verb of ['adapter.close', 'dns.clear']) await refused(`${request(verb, { name })}\n`);
      await refused(`${request('adapter.carrier', { name, on: true })}\n`);
      await refused(`${request('adapter.address', adapter({ name }))}\n`);
      await refused(`${request('dns.set', { name, domain: 'home.weft', servers: [], hosts: [] })}\n`);
    });

  const ipv4 = [
    '8.8.8.8/16',
    '127.0.0.1/16',
    '169.254.1.1/16',
    '224.0.0.1/16',
    '0.0.0.0/16',
    '10.0.0.1/8',
    '10.0.0.1/31',
    '10.0.0.1/0',
    '10.0.0.1',
    '10.0.0.1/16/16',
    '10.0.0.1/+16',
    '10.0.0.1/016x',
    '010.0.0.1/16',
    '10.1/16',
    'weft/16',
    ' 10.0.0.1/16',
  ];
  for (const address of ipv4) it(`refuses ${address}`, () => open({ ipv4: address }));
  const ipv6 = [
    '2001:db8::1/64',
    '::1/64',
    '::/64',
    'ff02::1/64',
    'fc00::1/64',
    'fd00::1/48',
    'fd00::1/128',
    'fe80:1::1/64',
    '::ffff:10.0.0.1/64',
    'fd00::1%eth0/64',
    'fd00::1',
  ];
  for (const address of ipv6) it(`refuses ${address}`, () => open({ ipv6: [address] }));

  it('refuses other MACs, MTUs and too many addresses', async () => {
    for (const mac of [
      '00:01:02:03:04:05',
      '03:01:02:03:04:05',
      'ff:ff:ff:ff:ff:ff',
      '02:01:02:03:04',
      '02:01:02:03:04:05:06',
      '2:1:2:3:4:5',
      '+2:01:02:03:04:05',
      '',
    ])
      await open({ mac });
    for (const mtu of [0, 68, 1279, 9001, 65_536, -1, 1380.5, '1380', null]) await open({ mtu });
    await open({ ipv6: ['fd00::1/64', 'fd00::2/64', 'fd00::3/64'] });
  });

  it('binds no port but 53 of an own address', async () => {
    const bind = (address: string, port = 53, proto = 'udp') =>
      refused(`${request('port.bind', { address, port, proto })}\n`);
    for (const address of [
      '0.0.0.0',
      '127.0.0.1',
      '8.8.8.8',
      '::',
      '::1',
      'fe80::1',
      '10.77.1.2',
      'fd00:7::1',
      'localhost',
      '',
    ])
      await bind(address);
    await bind('10.77.1.2', 22);
    await bind('10.77.1.2', 53, 'tcp');
  });
});

it('refuses what is not held for the asker', async () => {
  const missing = 'no-such-adapter';
  await refused(`${request('adapter.close', { name: 'weft0' })}\n`, missing);
  await refused(`${request('adapter.carrier', { name: 'weft0', on: false })}\n`, missing);
  await refused(`${request('adapter.address', adapter())}\n`, missing);
  await refused(`${request('dns.clear', { name: 'weft0' })}\n`, missing);
  await refused(`${request('dns.set', { name: 'weft0', domain: 'home.weft', servers: [], hosts: [] })}\n`, missing);
});
