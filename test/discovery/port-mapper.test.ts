// Port mapping against a gateway of our own on loopback that speaks PCP or NAT-PMP, and the mapper's keeping of mappings.
import { createSocket, type Socket } from 'node:dgram';
import { afterEach, describe, expect, it } from 'vitest';
import { type MappingClient, PcpClient, PmpClient, defaultGateway } from '../../main/discovery/mapping-clients.ts';
import { GatewayMapper, isPrivate } from '../../main/discovery/port-mapper.ts';

const EXTERNAL = [203, 0, 113, 5];
const sockets: Socket[] = [];
afterEach(() => sockets.splice(0).forEach((socket) => socket.close()));

interface Table {
  port: number;
  /** "udp/4000" → external port. */
  mappings: Map<string, number>;
  asked: number;
}

/** Grants everything, one port higher than asked. `pcp` false: answers PCP with its own version, as RFC 6886 gateways do. */
async function gateway(pcp: boolean, result = 0): Promise<Table> {
  const socket = createSocket('udp4');
  sockets.push(socket);
  const table: Table = { port: 0, mappings: new Map(), asked: 0 };
  const note = (protocol: string, local: number, external: number, lifetime: number) => {
    table.asked++;
    if (lifetime === 0) table.mappings.delete(`${protocol}/${local}`);
    else if (result === 0) table.mappings.set(`${protocol}/${local}`, external + 1);
  };
  socket.on('message', (bytes, from) => {
    const reply = (answer: Buffer) => socket.send(answer, from.port, from.address);
    if (bytes[0] === 2 && !pcp) return reply(Buffer.from([0, 0x80 | (bytes[1] as number), 0, 1, 0, 0, 0, 0]));
    if (bytes[0] === 2) {
      note(bytes[36] === 17 ? 'udp' : 'tcp', bytes.readUInt16BE(40), bytes.readUInt16BE(42), bytes.readUInt32BE(4));
      const answer = Buffer.from(bytes);
      answer[1] = 0x81;
      answer[3] = result;
      answer.fill(0, 8, 24);
      answer.writeUInt16BE(bytes.readUInt16BE(42) + 1, 42);
      Buffer.from([0xff, 0xff, ...EXTERNAL]).copy(answer, 54);
      return reply(answer);
    }
    if (bytes[1] === 0) return reply(Buffer.from([0, 0x80, 0, result, 0, 0, 0, 1, ...EXTERNAL]));
    note(bytes[1] === 1 ? 'udp' : 'tcp', bytes.readUInt16BE(4), bytes.readUInt16BE(6), bytes.readUInt32BE(8));
    const answer = Buffer.alloc(16);
    answer.set([0, 0x80 | (bytes[1] as number), 0, result, 0, 0, 0, 1]);
    bytes.copy(answer, 8, 4, 6);
    answer.writeUInt16BE(bytes.readUInt16BE(6) + 1, 10);
    bytes.copy(answer, 12, 8, 12);
    reply(answer);
  });
  await new Promise<void>((done) => socket.bind(0, '127.0.0.1', done));
  table.port = socket.address().port;
  return table;
}

const mapperOf = (table: Table, lifetimeS?: number) =>
  new GatewayMapper({
    lifetimeS,
    clients: () =>
      Promise.resolve<MappingClient[]>([
        new PcpClient('127.0.0.1', table.port),
        new PmpClient('127.0.0.1', table.port),
      ]),
  });
const udp = { protocol: 'udp', local: 4000, external: 4000 } as const;
const tcp = { protocol: 'tcp', local: 4000, external: 443 } as const;

describe('port mapping', () => {
  for (const by of ['pcp', 'nat-pmp'] as const)
    it(`maps UDP and TCP by ${by}, changes, and withdraws at stop`, async () => {
      const table = await gateway(by === 'pcp');
      const mapper = mapperOf(table);
      mapper.set([udp, tcp]);
      await expect.poll(() => mapper.state().state).toBe('mapped');
      expect(mapper.state().mappings.map((mapping) => [mapping.endpoint, mapping.by])).toEqual([
        ['203.0.113.5:4001/udp', by],
        ['203.0.113.5:444/tcp', by],
      ]);
      expect([...table.mappings.keys()]).toEqual(['udp/4000', 'tcp/4000']);
      mapper.set([udp]);
      await expect.poll(() => [...table.mappings.keys()]).toEqual(['udp/4000']);
      await mapper.stop();
      expect(table.mappings.size).toBe(0);
      expect(mapper.state()).toEqual({ state: 'off', mappings: [] });
    });

  it('says refused, and that nothing answers', async () => {
    const refusing = mapperOf(await gateway(true, 2));
    refusing.set([udp]);
    await expect.poll(() => refusing.state(), { timeout: 5000 }).toMatchObject({ state: 'none', code: 'refused' });
    await refusing.stop();
    const mute = new GatewayMapper({ clients: () => Promise.resolve([]) });
    mute.set([udp]);
    await expect.poll(() => mute.state()).toMatchObject({ state: 'none', code: 'no-gateway' });
    await mute.stop();
  });

  it('asks again at a refresh, and survives a client that throws', async () => {
    const table = await gateway(true);
    const mapper = mapperOf(table);
    mapper.set([udp]);
    await expect.poll(() => table.asked).toBe(1);
    mapper.refresh();
    await expect.poll(() => table.asked).toBe(2);
    await mapper.stop();
    const broken = new GatewayMapper({ clients: () => Promise.reject(new Error('no library')) });
    broken.set([udp]);
    await expect.poll(() => broken.state()).toMatchObject({ state: 'none', code: 'failed' });
    await broken.stop();
  });

  it('knows private external addresses and the gateway', async () => {
    expect(['10.0.0.1:1/udp', '100.64.0.1:1/udp', '172.31.0.1:1/udp'].every(isPrivate)).toBe(true);
    expect(['172.32.0.1:1/udp', '203.0.113.5:1/udp', '100.128.0.1:1/udp'].some(isPrivate)).toBe(false);
    expect(await defaultGateway('/nonexistent')).toBeNull();
  });
});
