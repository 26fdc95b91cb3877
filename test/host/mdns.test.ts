// The mDNS responder: who is answered, how, and who is not.
import type { Packet } from 'dns-packet';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MDNS_PORT, MdnsResponder } from '../../main/host/mdns/responder.ts';

const OWN = '127.0.0.1';
const near = { address: '127.0.1.3', port: MDNS_PORT };
/** The adapter's network is loopback's here, so that a socket can be had. */
const interfaces = {
  lo: [{ address: OWN, cidr: '127.0.0.1/16' }],
  eth0: [{ address: '192.168.1.5', cidr: '192.168.1.5/24' }],
} as never;
const query = (name: string, type = 'A', more: Partial<Packet> = {}): Packet => ({
  questions: [{ name, type: type as 'A', class: 'IN' }],
  ...more,
});

describe('the mDNS responder', () => {
  let responder: MdnsResponder;
  beforeAll(() => {
    responder = new MdnsResponder(
      OWN,
      'lo',
      () => {},
      () => interfaces,
    );
    responder.set('anna-home.local', ['10.77.1.2', 'fd00:7::1']);
  });
  afterAll(() => responder.close());

  it('answers everybody on the adapter with all addresses', () => {
    for (const [name, type] of [
      ['anna-home.local', 'A'],
      ['ANNA-home.LOCAL', 'AAAA'],
      ['anna-home.local', 'ANY'],
    ] as const) {
      const response = responder.respond(query(name, type), near);
      expect(response?.to).toBeNull();
      expect(response?.packet.answers).toMatchObject([
        { name: 'anna-home.local', type: 'A', data: '10.77.1.2', flush: true, ttl: 120 },
        { name: 'anna-home.local', type: 'AAAA', data: 'fd00:7::1', flush: true, ttl: 120 },
      ]);
    }
  });

  it('answers simple resolvers at their port, as RFC 6762 wants', () => {
    const asker = { address: '127.0.1.3', port: 41_234 };
    const asked = query('anna-home.local', 'A', { id: 77 });
    asked.questions?.unshift({ name: `${'x'.repeat(60)}.local`, type: 'TXT' });
    const response = responder.respond(asked, asker);
    expect(response?.to).toEqual(asker);
    expect(response?.packet.id).toBe(77);
    // Its question alone, no flush bit, and nothing to be kept for long.
    expect(response?.packet.questions).toEqual([{ name: 'anna-home.local', type: 'A', class: 'IN' }]);
    for (const answer of response?.packet.answers ?? []) expect(answer).toMatchObject({ flush: false, ttl: 10 });
  });

  it('is silent to other names and kinds, and without a name', () => {
    for (const [name, type] of [
      ['ben-home.local', 'A'],
      ['anna-home.local', 'PTR'],
      ['local', 'ANY'],
      ['', 'A'],
      ['anna-home.local.evil', 'A'],
    ] as const)
      expect(responder.respond(query(name, type), near), name).toBeNull();
    expect(responder.respond({}, near)).toBeNull();
    responder.set('', []);
    expect(responder.respond(query(''), near)).toBeNull();
    responder.set('Anna-home.local', ['10.77.1.2', 'fd00:7::1']);
    expect(responder.respond(query('anna-home.local'), near)).not.toBeNull();
  });

  it('is silent to the machine’s other networks and to the internet', () => {
    for (const address of ['127.1.0.1', '192.168.1.9', '8.8.8.8', '10.77.1.3', 'fe80::1', '', 'x'])
      for (const port of [MDNS_PORT, 40_000])
        expect(responder.respond(query('anna-home.local'), { address, port }), address).toBeNull();
  });

  it('survives a question from port 0, which cannot be answered', () => {
    expect(responder.respond(query('anna-home.local'), { ...near, port: 0 })).toBeNull();
    const { instance } = responder as unknown as { instance: { emit(event: string, ...data: unknown[]): void } };
    expect(() => instance.emit('query', query('anna-home.local'), { ...near, port: 0 })).not.toThrow();
  });

  it('looks at some questions only, and never throws', () => {
    const many = Array.from({ length: 5000 }, () => ({ name: 'x.local', type: 'A' as const }));
    expect(responder.respond({ questions: [...many, { name: 'anna-home.local', type: 'A' }] }, near)).toBeNull();
    const anyQuestion = fc.record({ name: fc.string(), type: fc.constantFrom('A', 'ANY', 'SRV', 'UNKNOWN_77') });
    const anyAsker = fc.record({ address: fc.oneof(fc.ipV4(), fc.ipV6(), fc.string()), port: fc.nat(65_535) });
    fc.assert(
      fc.property(fc.array(anyQuestion, { maxLength: 40 }), anyAsker, (questions, asker) => {
        responder.respond({ questions: questions as never }, asker);
      }),
    );
  });
});

describe('the mDNS responder of IPv6', () => {
  const own = 'fd00:7::1';
  const by = (address: string) => ({ address, port: MDNS_PORT });
  let responder: MdnsResponder;
  beforeAll(() => {
    const found = { lo: [{ address: own, cidr: `${own}/64` }], eth0: [{ address: 'fd00:9::1', cidr: 'fd00:9::1/64' }] };
    responder = new MdnsResponder(
      own,
      'lo',
      () => {},
      () => found as never,
    );
    responder.set('anna-home.local', [own]);
  });
  afterAll(() => responder.close());

  it('answers who is on the adapter, by its own or a link-local address', () => {
    for (const address of ['fd00:7::9', 'fe80::9%lo'])
      expect(responder.respond(query('anna-home.local', 'AAAA'), by(address))?.packet.answers).toMatchObject([
        { type: 'AAAA', data: own },
      ]);
  });

  it('and nobody else', () => {
    for (const address of [
      'fd00:9::9',
      'fe80::9%eth0',
      'fe80::9',
      '2001:db8::1',
      '::ffff:10.1.1.1',
      '10.1.1.1',
      '%lo0',
    ])
      expect(responder.respond(query('anna-home.local', 'AAAA'), by(address)), address).toBeNull();
  });
});
