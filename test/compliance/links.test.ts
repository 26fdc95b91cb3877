// The engine's port over the transports: where it refuses to lead, whatever the engine was made to believe.
import { createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakePort } from '../../main/transports/fakes.ts';
import { streamFilter } from '../../main/transports/guard.ts';
import { TransportLinks, type LinkInput, type TransportLinksOptions } from '../../main/transports/links.ts';
import { STREAM_TRANSPORTS } from '../../main/transports/transport.ts';

let victim: Server;
let port = 0;
let visits = 0;
let links: TransportLinks | undefined;
/** "squid" names the victim as a proxy: a forbidden target is not even spoken of to one. */
const proxied = { http_proxy: '', https_proxy: '' };

beforeEach(async () => {
  visits = 0;
  victim = createServer((socket) => {
    visits++;
    socket.destroy();
  });
  await new Promise<void>((settle) => victim.listen(0, '0.0.0.0', settle));
  port = (victim.address() as { port: number }).port;
  proxied.http_proxy = proxied.https_proxy = `http://127.0.0.1:${port}`;
});
afterEach(async () => {
  await links?.stop();
  await new Promise((settle) => victim.close(settle));
});

async function dial(hosts: readonly string[], proxy: 'none' | 'auto', filter: Partial<TransportLinksOptions> = {}) {
  const said: LinkInput[] = [];
  const count = hosts.length * STREAM_TRANSPORTS.length;
  await new Promise<void>((settle) => {
    links = new TransportLinks({
      port: new FakePort(),
      log: { write: () => {} },
      onInput: (input) => {
        said.push(input);
        if (said.length === count) settle();
      },
      environment: proxied,
      ...filter,
    });
    let number = 0;
    for (const host of hosts)
      for (const transport of STREAM_TRANSPORTS) links.dial(++number, { transport, host, port, proxy });
  });
  return [...new Set(said.map((input) => ('code' in input ? input.code : input.kind)))];
}

describe('streams', () => {
  const own = Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address));
  const never = ['127.0.0.1', '127.1.2.3', '0.0.0.0', '::1', '::', '::ffff:127.0.0.1', '169.254.169.254', 'fe80::1'];

  it('lead to no address of this machine, and to none that names no host', async () => {
    expect(await dial([...new Set([...never, ...own])], 'none')).toEqual(['forbidden']);
    expect(visits).toBe(0);
  });

  it('… nor is a proxy asked to lead there', async () => {
    expect(await dial(never, 'auto')).toEqual(['forbidden']);
    expect(visits).toBe(0);
  });

  it('would, but for the guard', async () => {
    await dial(['127.0.0.1'], 'none', { streamFilter: () => () => true });
    expect(visits).toBeGreaterThan(0);
  });

  it('lead to others, not into the overlay', () => {
    const address = { netmask: '', mac: '', internal: false, family: 'IPv4' as const };
    const allowed = streamFilter({
      weft0: [{ ...address, address: '10.87.3.9', cidr: '10.87.3.9/16' }],
      eth0: [{ ...address, address: '192.168.1.10', cidr: '192.168.1.10/24' }],
    });
    const hosts = ['192.168.1.20', '203.0.113.7', '2001:db8::7', '192.168.1.10', '10.87.200.1', 'localhost'];
    expect(hosts.filter(allowed)).toEqual(['192.168.1.20', '203.0.113.7', '2001:db8::7']);
  });
});
