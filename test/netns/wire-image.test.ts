// Must be shown 2: what streams look like on the wire, and what strangers get from the port that takes them.
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { existsSync } from 'node:fs';
import { figure } from './support/figures.ts';
import { daemonArgs } from './support/grid.ts';
import type { Host } from './support/host.ts';
import { Internet } from './support/internet.ts';
import { until, whyNot } from './support/shell.ts';
import { addSite, type Site } from './support/site.ts';
import { writeTable } from './support/tables.ts';

const reason = whyNot();
if (reason) console.log(`skipped: namespace tests: ${reason}`);
const noShark = existsSync('/usr/bin/tshark') ? null : 'tshark is not installed';
if (noShark && !reason) console.log(`skipped: streams on the wire: ${noShark}`);

const CAPTURE_S = 5;
const rows: string[][] = [];
let internet: Internet | undefined;

afterEach(async () => {
  await internet?.close();
  internet = undefined;
});
afterAll(() =>
  writeTable('6-wire', {
    title: 'On the wire',
    note: 'What tshark names the packets of a session by each transport, and what strangers get from the port.',
    head: ['what', 'seen'],
    rows,
  }),
);

function note(what: string, seen: string): void {
  figure(what, seen, '');
  rows.push([what, seen]);
}

async function open(net: Internet, name: string, env: NodeJS.ProcessEnv = {}): Promise<Site> {
  const site = await addSite(net, 'open', name);
  await site.host.startDaemon({ args: daemonArgs(site), env });
  return site;
}

async function home(host: Host, name = 'home'): Promise<string> {
  await host.mustWeft('create', name);
  await until('adapter of the creator', 10_000, async () => (await host.network(name)).adapter);
  return host.mustWeft('invite', name);
}

describe.skipIf(reason ?? noShark)('streams on the wire', () => {
  for (const [transport, seen, extra] of [
    ['tls', /TLSv1\.3/, []],
    ['wss', /TLSv1\.3/, []],
    ['ws', /WebSocket/, ['-d', 'tcp.port==443,http']],
    ['http', /HTTP/, ['-d', 'tcp.port==443,http']],
  ] as const)
    it(`${transport} is what it says it is`, { timeout: 60_000 }, async () => {
      const net = (internet = await Internet.create());
      const server = await open(net, 'left');
      const client = await addSite(net, 'udp-blocked', 'right');
      await client.host.startDaemon({ env: { WEFT_TRANSPORTS: transport } });
      const link = await home(server.host);
      const shark = server.host.start([
        ...['tshark', '-l', '-n', '-i', 'eth0', '-f', 'tcp port 443', '-a', `duration:${CAPTURE_S + 10}`],
        ...['-T', 'fields', '-e', '_ws.col.Protocol', ...extra],
      ]);
      await new Promise((settle) => setTimeout(settle, 2_500));
      await client.host.mustWeft('join', link);
      const target = (await server.host.overlay()).ipv4;
      await until('first packet', 20_000, () => client.host.ping(target, '-W', '0.3'), 20);
      await until(`the way is ${transport}`, 10_000, async () => {
        const member = (await client.host.network()).members.find(({ name }) => name === 'left');
        return member?.transport === transport;
      });
      for (let n = 0; n < 5; n++) await client.host.ping(target);
      const { stdout } = await shark.stop('SIGINT', 4_000);
      const protocols = [...new Set(stdout.split('\n').filter(Boolean))].sort();
      note(`a session by ${transport}`, protocols.join(', '));
      expect(protocols.join(' ')).toMatch(seen);
      if (transport === 'tls' || transport === 'wss') expect(protocols.join(' ')).not.toMatch(/HTTP|WebSocket|Data/);
    });
});

/** What a stranger gets: exit code and answer, without what differs from one machine or moment to the next. */
async function answers(from: Host, address: string): Promise<Record<string, string>> {
  const plain = (text: string) =>
    text
      .replaceAll(address, 'ADDRESS')
      .replace(/date: .*/gi, 'date')
      .replace(/[0-9A-Fa-f]{16,}/g, 'HEX');
  const run = async (...command: string[]) => {
    const { code, stdout } = await from.exec(command, { timeoutMs: 8_000 });
    return plain(`${code} ${stdout}`);
  };
  const shell = (line: string) => run('timeout', '4', 'sh', '-c', line);
  const curl = ['curl', '-sk', '-m', '4', '-D', '-'];
  const spoken = (kind: 'tcp' | 'udp', words: string) =>
    run(
      'timeout',
      '5',
      'bash',
      '-c',
      `exec 3<>/dev/${kind}/${address}/443; (${words}) >&3; timeout 2 cat <&3 | xxd -p`,
    );
  const random = 'head -c 300 /dev/zero | tr "\\0" "\\361"';
  return {
    'GET / by HTTPS': await run(...curl, `https://${address}/`),
    'GET / by HTTP': await run(...curl, `http://${address}:443/`),
    'GET /socket.io/': await run(...curl, `http://${address}:443/socket.io/`),
    'POST /ws': await run(...curl, '-X', 'POST', '-d', 'x', `https://${address}/ws`),
    'HEAD /favicon.ico': await run(...curl, '-I', `https://${address}/favicon.ico`),
    'openssl s_client': await shell(
      `openssl s_client -connect ${address}:443 </dev/null 2>/dev/null | grep -E "^subject|^issuer|^New|Verification|Server Temp" | sort`,
    ),
    'bytes of no protocol': await spoken('tcp', random),
    'a hello of nobody': await spoken('tcp', `printf '\\360\\001\\000\\227'; ${random} | head -c 151`),
    SSH: await spoken('tcp', "printf 'SSH-2.0-x\\r\\n'"),
    'a datagram': await spoken('udp', random),
  };
}

describe.skipIf(reason)('strangers at the port', () => {
  it('get an ordinary web server, the same whatever networks there are', { timeout: 90_000 }, async () => {
    const net = (internet = await Internet.create());
    const [full, empty] = [await open(net, 'left'), await open(net, 'third')];
    await home(full.host, 'home');
    await home(full.host, 'club');
    const stranger = await addSite(net, 'open', 'right');
    const one = await answers(stranger.host, full.ipv4);
    const other = await answers(stranger.host, empty.ipv4);
    expect(one).toEqual(other);
    expect(one['GET / by HTTPS']).toMatch(/^0 HTTP\/1\.1 404/);
    expect(one['GET / by HTTP']).toMatch(/^0 HTTP\/1\.1 404/);
    expect(one['openssl s_client']).toMatch(/TLSv1\.3/);
    for (const silent of ['bytes of no protocol', 'a hello of nobody', 'a datagram'])
      expect(one[silent]?.replace(/^\d+ /, '').trim()).toBe('');
    const all = Object.values(one).join('\n').toLowerCase();
    for (const word of ['weft', 'home', 'club', 'left', 'noise']) expect(all).not.toContain(word);
    note('strangers at a host with two networks and at one with none', 'the same answers, byte for byte');
    note('GET / by HTTPS', one['GET / by HTTPS']?.split('\n')[0]?.slice(2) ?? '');
    note('openssl s_client', one['openssl s_client']?.replaceAll('\n', ' ').slice(0, 120) ?? '');
  });
});
