// Must be shown 2: what is on the wire is what it claims to be, stock clients get sane answers, and a scanner learns nothing.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { figure } from './support/figures.ts';
import { layOut, startAll, STREAM_PORT, type Cell } from './support/grid.ts';
import type { Host } from './support/host.ts';
import { until, whyNot } from './support/shell.ts';
import { addSite } from './support/site.ts';
import type { Space } from './support/space.ts';
import { inLab, writeTable } from './support/tables.ts';
import { dissect, recordTcp, tlsWays, unexplained, whyNoTshark, type Recording } from './support/tshark.ts';

const reason = whyNot();
if (reason) console.log(`skipped: namespace tests: ${reason}`);
const noTshark = whyNoTshark();
if (noTshark && !reason) console.log(`skipped: what is on the wire: ${noTshark}`);

/** Each way. */
const PINGS = 40;
const CLOSE_MS_SLACK = 2_500;
const rows: string[][] = [];
let cell: Cell | undefined;

afterEach(async () => {
  await cell?.internet.close();
  cell = undefined;
});
afterAll(() =>
  writeTable('3-wire-image', {
    title: 'What others see',
    note: 'Wireshark’s dissectors on the cable of a member on 443, stock clients, and a scanner that compares members with a host that is in no network.',
    head: ['who looks', 'at', 'sees'],
    keys: 2,
    rows,
  }),
);
function tell(who: string, at: string, sees: string): void {
  figure(`${who}: ${at}`, sees);
  rows.push([who, at, sees]);
}

/** Two members whose only way to each other is this transport; `work` runs while packets pass. */
async function by(transport: string): Promise<Recording> {
  cell = await layOut(['udp-blocked', 'open'], false);
  const { internet, left, right, sites } = cell;
  for (const host of [left, right]) host.env = { ...host.env, WEFT_TRANSPORTS: transport };
  const recording = await recordTcp(internet, sites[1].port, join(internet.folder, `${transport}.pcap`));
  await startAll(cell);
  await right.mustWeft('create', 'homestead-net');
  await until('adapter', 10_000, async () => (await right.network()).adapter);
  await left.mustWeft('join', await right.mustWeft('invite'));
  await until('adapter', 10_000, async () => (await left.network()).adapter);
  const target = (await right.overlay()).ipv4;
  await until('first packet', 15_000, () => left.ping(target, '-W', '0.3'), 50);
  expect((await left.network()).members.find(({ name }) => name === 'right')?.transport).toBe(transport);
  const pings = await left.exec(['ping', '-n', '-q', '-c', String(PINGS), '-i', '0.02', '-s', '1200', target]);
  expect(pings.stdout).toMatch(new RegExp(` ${PINGS} received`));
  const back = await right.exec(['ping', '-n', '-q', '-c', String(PINGS), '-i', '0.02', (await left.overlay()).ipv4]);
  expect(back.stdout).toMatch(new RegExp(` ${PINGS} received`));
  await recording.running.stop('SIGINT');
  return recording;
}

/** What only members know, and what would name the program; five letters are in no ciphertext's base64 by chance. */
function expectNoNames({ file }: Recording): void {
  const bytes = readFileSync(file);
  for (const name of ['homestead-net', 'weft/', 'Weft/', 'weft-', 'weft:', 'Weft '])
    expect(bytes.includes(name), name).toBe(false);
}

describe.skipIf(reason ?? noTshark)('on the wire', () => {
  for (const transport of inLab ? ['tls', 'wss', 'https'] : ['wss']) {
    it(`${transport} is TLS 1.3`, { timeout: 60_000 }, async () => {
      const recording = await by(transport);
      const hellos = await dissect(recording, 'tls.handshake.type == 2', [
        'tls.handshake.extensions.supported_version',
      ]);
      expect(hellos.length).toBeGreaterThan(0);
      for (const [version] of hellos) expect(version).toBe('0x0304');
      // Records under the handshake's keys show their kind as `opaque`.
      const fields = ['tls.record.content_type', 'tls.record.opaque_type'];
      const records = await dissect(recording, 'tls.record', fields);
      const kinds = new Set(records.flatMap((types) => types.join().split(',')).filter(Boolean));
      expect([...kinds].sort()).toEqual(['20', '22', '23']);
      expect(records.length).toBeGreaterThan(PINGS);
      expect(await unexplained(recording, 'tls')).toBe(0);
      const { ways, pure } = await tlsWays(recording);
      expect(pure).toBe(ways);
      expectNoNames(recording);
      tell('tshark', transport, `${hellos.length} × TLS 1.3, ${records.length} segments of records, nothing else`);
    });
  }

  it.runIf(inLab)(
    'tcp is nothing that a dissector knows: what the others are measured with sees it',
    { timeout: 60_000 },
    async () => {
      const recording = await by('tcp');
      const { ways, pure } = await tlsWays(recording);
      expect(ways).toBeGreaterThan(0);
      expect(pure).toBe(0);
      expect(await unexplained(recording, 'http')).toBeGreaterThan(PINGS);
      expectNoNames(recording);
    },
  );

  it('ws is HTTP and WebSocket', { timeout: 60_000 }, async () => {
    const recording = await by('ws');
    const asked = await dissect(
      recording,
      'http.upgrade && http.request',
      ['http.request.method', 'http.upgrade'],
      'http',
    );
    expect(asked.length).toBeGreaterThan(0);
    for (const row of asked) expect(row.map((text) => text.toLowerCase())).toEqual(['get', 'websocket']);
    const answers = await dissect(recording, 'http.response', ['http.response.code'], 'http');
    expect(answers.every(([code]) => code === '101')).toBe(true);
    const frames = await dissect(recording, 'websocket', ['websocket.opcode', 'websocket.mask', 'tcp.dstport'], 'http');
    expect(frames.length).toBeGreaterThan(PINGS);
    for (const [opcodes, masks, to] of frames) {
      expect((opcodes ?? '').split(',').every((code) => ['2', '8', '9', '10'].includes(code))).toBe(true);
      // Clients mask, servers do not.
      const wanted = to === String(STREAM_PORT) ? /^(1|True)(,(1|True))*$/ : /^(0|False)(,(0|False))*$/;
      expect(masks).toMatch(wanted);
    }
    expect(await unexplained(recording, 'http')).toBe(0);
    expectNoNames(recording);
    tell('tshark', 'ws', `${asked.length} × HTTP upgrade, ${frames.length} segments of WebSocket frames, nothing else`);
  });

  it.runIf(inLab)('http is requests and answers', { timeout: 60_000 }, async () => {
    const recording = await by('http');
    const asked = await dissect(recording, 'http.request', ['http.request.method', 'http.host'], 'http');
    const methods = new Set(asked.map(([method]) => method));
    expect([...methods].sort()).toEqual(['GET', 'POST']);
    const answers = await dissect(recording, 'http.response', ['http.response.code'], 'http');
    expect(answers.length).toBeGreaterThan(10);
    expect(new Set(answers.map(([code]) => code))).toEqual(new Set(['200']));
    expect(await unexplained(recording, 'http')).toBe(0);
    expectNoNames(recording);
    tell('tshark', 'http', `${asked.length} requests, ${answers.length} answers 200, nothing else`);
  });
});

/** What stock clients are told by a port. */
async function stock(from: Space, address: string): Promise<Record<string, string>> {
  const curl = async (url: string, ...options: string[]) => {
    const { code, stdout } = await from.exec(['curl', '-sk', '-i', '--max-time', '8', ...options, url], {
      timeoutMs: 15_000,
    });
    return `${code}\n${stdout.replace(/^Date: .*\r$/m, 'Date: -\r')}`;
  };
  const openssl = await from.exec(['openssl', 's_client', '-connect', `${address}:443`, '-tls1_3', '-brief'], {
    input: 'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
    timeoutMs: 15_000,
  });
  const told = openssl.stderr + openssl.stdout;
  return {
    http: await curl(`http://${address}:443/`),
    https: await curl(`https://${address}:443/`),
    head: await curl(`https://${address}:443/index.html`, '-I'),
    post: await curl(`https://${address}:443/login`, '-d', 'user=a'),
    openssl: ['Protocol version', 'Ciphersuite', 'Peer certificate', 'Verification error']
      .map((key) => told.split('\n').find((line) => line.startsWith(key)) ?? `no ${key}`)
      .join('\n'),
  };
}

type Probes = Record<string, { answer: string; end: string; afterMs: number }>;

async function scan(from: Host, address: string): Promise<Probes> {
  const program = from.program('scan', address, '443');
  const { code, stdout, stderr } = await program.done;
  if (code !== 0) throw new Error(`scan: ${stderr}`);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}') as Probes;
}

/** Answers with what is drawn anew for each asker taken out. */
const plain = (hex: string): string =>
  Buffer.from(hex, 'hex')
    .toString('latin1')
    .replace(/^Date: .*\r$/m, 'Date: -\r')
    .replace(/"sid":"[^"]{20}"/, '"sid":"-"');

describe.skipIf(reason)('from outside', () => {
  it('a host in two networks looks like one in none, and like a web server', { timeout: 180_000 }, async () => {
    // left: no network; right: two, with a member; the third scans.
    cell = await layOut(['open', 'open'], true);
    const { right, third, sites, internet } = cell;
    const stranger = (third as NonNullable<typeof third>).host;
    const member = (await addSite(internet, 'udp-blocked', 'member')).host;
    await startAll({ ...cell, third: null });
    await member.startDaemon();
    const before = await stock(stranger, sites[1].ipv4);
    for (const name of ['alpha', 'beta']) {
      await right.mustWeft('create', name);
      await until('adapter', 10_000, async () => (await right.network(name)).adapter);
      await member.mustWeft('join', await right.mustWeft('invite', name));
      await until('adapter', 15_000, async () => (await member.network(name)).adapter);
    }
    expect(await stock(stranger, sites[1].ipv4)).toEqual(before);
    expect(await stock(stranger, sites[0].ipv4)).toEqual(before);
    expect(before['http']).toMatch(/^0\nHTTP\/1\.1 404 Not Found\r/);
    expect(before['https']).toMatch(/^0\nHTTP\/1\.1 404 Not Found\r/);
    expect(before['openssl']).toContain('TLSv1.3');
    tell('curl', 'http and https, before and in two networks', '404 page not found, byte by byte the same');
    tell('openssl s_client', 'the same port', (before['openssl'] ?? '').split('\n').slice(0, 3).join('; '));

    const [none, two] = await Promise.all([scan(stranger, sites[0].ipv4), scan(stranger, sites[1].ipv4)]);
    const names = Object.keys(none);
    expect(names.length).toBeGreaterThan(100);
    for (const name of names) {
      const [a, b] = [none[name] as Probes[string], two[name] as Probes[string]];
      expect(plain(b.answer), name).toBe(plain(a.answer));
      expect(b.end, name).toBe(a.end);
      expect(Math.abs(b.afterMs - a.afterMs), name).toBeLessThan(CLOSE_MS_SLACK);
      expect(plain(b.answer), name).not.toMatch(/weft|alpha|beta|member/i);
    }
    // Datagrams of strangers are answered by nothing at all, whatever they look like.
    const datagrams = names.filter((name) => name.startsWith('udp '));
    for (const name of datagrams) expect(two[name]?.answer, name).toBe('');
    const ends = new Map<string, number>();
    for (const { answer, end } of Object.values(two)) {
      const how = `${answer ? 'answered' : 'silent'}, ${end}`;
      ends.set(how, (ends.get(how) ?? 0) + 1);
    }
    const summary = [...ends].map(([how, count]) => `${count} ${how}`);
    tell(
      'scanner',
      `${names.length} probes, host in no network against host in two`,
      `the same bytes and ends (${summary.join('; ')})`,
    );
    tell('scanner', `${datagrams.length} datagrams`, 'no answer');
    // The members go on.
    expect(await member.ping((await right.overlay('alpha')).ipv4)).toBe(true);
  });
});
