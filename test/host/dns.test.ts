// The DNS server: what it answers, what it refuses, and that nothing sent to it can end or loop it.
import { createSocket } from 'node:dgram';
import * as packet from 'dns-packet';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DnsServer, reverseName } from '../../main/host/dns/server.ts';

const NAMES = [
  { name: 'anna.home.weft', addresses: ['10.77.1.2', 'fd00:7::1'] },
  { name: 'Ben.home.weft', addresses: ['10.77.1.3'] },
];
const QUESTION_BYTES_MAX = 512;

const question = (name: string, type: packet.RecordType = 'A', extra: Partial<packet.Packet> = {}): Buffer =>
  packet.encode({
    type: 'query',
    id: 7,
    flags: packet.RECURSION_DESIRED,
    questions: [{ name, type, class: 'IN' }],
    ...extra,
  });

/** A header with these counts, then raw bytes. */
const raw = (body: number[], { questions = 1, answers = 0, flags = 0 } = {}): Buffer => {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(9, 0);
  head.writeUInt16BE(flags, 2);
  head.writeUInt16BE(questions, 4);
  head.writeUInt16BE(answers, 6);
  return Buffer.concat([head, Buffer.from(body)]);
};
const A_IN = [0, 1, 0, 1];
const label = (text: string): number[] => [text.length, ...Buffer.from(text, 'latin1')];

describe('the DNS server', () => {
  let server: DnsServer;
  const errors: Error[] = [];
  const ask = (message: Buffer): packet.DecodedPacket | null => {
    const answer = server.answer(message);
    return answer && packet.decode(answer);
  };
  const code = (message: Buffer): string | undefined => (ask(message) as { rcode?: string } | null)?.rcode;
  const data = (message: Buffer): unknown[] =>
    (ask(message)?.answers ?? []).map((one) => (one as { data: unknown }).data);

  beforeAll(() => {
    server = new DnsServer(createSocket('udp4'), false, (error) => errors.push(error));
    server.set(NAMES);
  });
  afterAll(() => {
    server.close();
    expect(errors).toEqual([]);
  });

  it('answers A, AAAA and PTR of members', () => {
    expect(data(question('anna.home.weft'))).toEqual(['10.77.1.2']);
    expect(data(question('anna.home.weft', 'AAAA'))).toEqual(['fd00:7::1']);
    expect(data(question(reverseName('10.77.1.2'), 'PTR'))).toEqual(['anna.home.weft']);
    expect(data(question(reverseName('fd00:7::1'), 'PTR'))).toEqual(['anna.home.weft']);
    const answer = ask(question('anna.home.weft'));
    expect(answer).toMatchObject({
      id: 7,
      type: 'response',
      rcode: 'NOERROR',
      flag_aa: true,
      flag_rd: true,
      flag_ra: false,
    });
    expect(answer?.answers?.every((one) => (one as { ttl: number }).ttl <= 10)).toBe(true);
  });

  it('knows names in any case and repeats them as they were asked', () => {
    const answer = ask(question('aNnA.HOME.weft'));
    expect(answer?.questions?.[0]?.name).toBe('aNnA.HOME.weft');
    expect(answer?.answers?.[0]).toMatchObject({ name: 'aNnA.HOME.weft', data: '10.77.1.2' });
    expect(data(question('ben.home.weft'))).toEqual(['10.77.1.3']);
    expect(data(question(reverseName('fd00:7::1').toUpperCase(), 'PTR'))).toEqual(['anna.home.weft']);
  });

  it('tells "no such name" from "nothing of that kind" and from "not mine"', () => {
    for (const name of ['carl.home.weft', 'x.anna.home.weft', 'anna.club.weft'])
      expect(code(question(name)), name).toBe('NXDOMAIN');
    for (const [name, type] of [
      ['ben.home.weft', 'AAAA'],
      ['anna.home.weft', 'MX'],
      ['anna.home.weft', 'TXT'],
      [reverseName('10.77.1.2'), 'A'],
      // There, with names below: resolvers that ask label by label must not stop here.
      ['home.weft', 'A'],
      ['weft', 'NS'],
    ] as const) {
      expect(code(question(name, type)), name).toBe('NOERROR');
      expect(data(question(name, type))).toEqual([]);
    }
    for (const name of [
      'example.org',
      'weft.example',
      'annaweft',
      '.',
      'localhost',
      reverseName('8.8.8.8'),
      reverseName('10.77.1.99'),
    ])
      expect(code(question(name)), name).toBe('REFUSED');
    for (const type of ['AXFR', 'IXFR'] as const) expect(data(question('home.weft', type))).toEqual([]);
  });

  it('refuses other classes, and operations that are no question', () => {
    for (const klass of ['CH', 'HS', 'CS'] as const)
      expect(
        code(packet.encode({ type: 'query', questions: [{ name: 'anna.home.weft', type: 'A', class: klass }] })),
      ).toBe('REFUSED');
    for (const opcode of [1, 2, 4, 5, 15]) {
      const answer = ask(question('anna.home.weft', 'A', { flags: opcode << 11 }));
      expect(answer).toMatchObject({ rcode: 'NOTIMP', answers: [] });
    }
  });

  it('is silent to what is no question', () => {
    const good = question('anna.home.weft');
    const silent: [string, Buffer][] = [
      ['nothing', Buffer.alloc(0)],
      ['a byte', Buffer.alloc(1)],
      ['a header alone', raw([], { questions: 0 })],
      ['a header that promises a question', raw([])],
      ['an answer', raw([...label('anna'), ...label('home'), ...label('weft'), 0, ...A_IN], { flags: 0x8000 })],
      ['two questions', raw([...label('weft'), 0, ...A_IN, 0xc0, 12, ...A_IN], { questions: 2 })],
      ['65,535 questions', raw([...label('weft'), 0, ...A_IN], { questions: 65_535 })],
      ['a pointer to itself', raw([0xc0, 12, ...A_IN])],
      ['a pointer forward', raw([0xc0, 14, 0xc0, 12, ...A_IN])],
      ['pointers in a circle', raw([1, 97, 0xc0, 16, 1, 98, 0xc0, 12, ...A_IN])],
      ['a pointer to its own label', raw([...label('anna'), 0xc0, 12, ...A_IN])],
      ['a pointer beyond the end', raw([0xff, 0xff, ...A_IN])],
      ['a reserved kind of label', raw([0x80, 1, 0, ...A_IN])],
      ['a label longer than the packet', raw([63, 97, ...A_IN])],
      ['a name without end', raw(label('a'.repeat(40)))],
      ['a name of 300 bytes', raw([...Array.from({ length: 5 }, () => label('a'.repeat(60))).flat(), 0, ...A_IN])],
      ['an answer that is cut off', raw([...label('weft'), 0, ...A_IN, 0xc0], { answers: 1 })],
      ['too long', Buffer.concat([good, Buffer.alloc(QUESTION_BYTES_MAX)])],
    ];
    for (const [name, message] of silent) expect(server.answer(message), name).toBeNull();
    for (let cut = 0; cut < good.length; cut++) expect(server.answer(good.subarray(0, cut)), String(cut)).toBeNull();
  });

  it('cannot be made to throw, and answers nothing but questions', () => {
    const mostly = fc.oneof(
      fc.uint8Array({ maxLength: 600 }),
      // Near misses: a good question with some bytes changed.
      fc
        .tuple(
          fc.constantFrom('anna.home.weft', 'home.weft', 'example.org'),
          fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { maxLength: 6 }),
        )
        .map(([name, changes]) => {
          const message = question(name);
          for (const [at, value] of changes) message[at % message.length] = value;
          return message;
        }),
      // Any bytes as labels.
      fc
        .array(fc.uint8Array({ minLength: 1, maxLength: 63 }), { maxLength: 6 })
        .map((labels) => raw([...labels.flatMap((one) => [one.length, ...one]), ...label('weft'), 0, ...A_IN])),
    );
    fc.assert(
      fc.property(mostly, (bytes) => {
        const message = Buffer.from(bytes);
        const answer = server.answer(message);
        if (!answer) return;
        expect(answer.readUInt16BE(0)).toBe(message.readUInt16BE(0));
        expect(answer.readUInt16BE(2) & 0x8000).toBe(0x8000);
        expect(message.readUInt16BE(2) & 0x8000).toBe(0);
        // No use as an amplifier: little more than what was asked with.
        expect(answer.length).toBeLessThanOrEqual(3 * message.length);
      }),
      { numRuns: 3000 },
    );
  });

  it('gives names up that are withdrawn', () => {
    server.set([{ name: 'carl.home.weft', addresses: ['10.77.1.4'] }]);
    expect(code(question('anna.home.weft'))).toBe('NXDOMAIN');
    expect(code(question(reverseName('10.77.1.2'), 'PTR'))).toBe('REFUSED');
    server.set([]);
    expect(code(question('home.weft'))).toBe('NXDOMAIN');
    server.set(NAMES);
    expect(data(question('anna.home.weft'))).toEqual(['10.77.1.2']);
  });
});

describe('on the wire', () => {
  it('answers from its socket, and lives on after a sender that cannot be answered', async () => {
    const inner = createSocket('udp4');
    const server = new DnsServer(inner, false, () => {});
    server.set(NAMES);
    await new Promise<void>((settle) => inner.bind(0, '127.0.0.1', settle));
    expect(() =>
      inner.emit('message', question('anna.home.weft'), { address: '127.0.0.1', port: 0, family: 'IPv4', size: 30 }),
    ).not.toThrow();
    const asker = createSocket('udp4');
    const answer = await new Promise<Buffer>((settle) => {
      asker.on('message', settle);
      asker.send(question('anna.home.weft'), inner.address().port, '127.0.0.1');
    });
    expect(packet.decode(answer).answers?.[0]).toMatchObject({ data: '10.77.1.2' });
    asker.close();
    server.close();
  });
});

it('reverses addresses', () => {
  expect(reverseName('10.1.2.3')).toBe('3.2.1.10.in-addr.arpa');
  expect(reverseName('fd00::A1')).toBe(`1.a.${'0.'.repeat(28)}d.f.ip6.arpa`.replace('0.d.f', '0.0.d.f'.slice(2)));
  expect(reverseName('::1')).toBe(`1.${'0.'.repeat(31)}ip6.arpa`);
  expect(reverseName('1:2:3:4:5:6:7:8')).toBe(
    `${[...'00010002000300040005000600070008'].reverse().join('.')}.ip6.arpa`,
  );
});
