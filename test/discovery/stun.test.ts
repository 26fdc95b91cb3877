// STUN binding: the answer of RFC 5769 (without its integrity attributes) and a responder on loopback.
import { createSocket } from 'node:dgram';
import { describe, expect, it } from 'vitest';
import { decodeBinding, encodeBinding } from '../../app/mesh/discovery/stun.ts';
import { parseStunServer, StunClient } from '../../main/discovery/stun.ts';

const bytes = (text: string) => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'));
const id = bytes('b7e7a701 bc34d686 fa87dfae');
const head = (length: string) => `0101 ${length} 2112a442 b7e7a701bc34d686fa87dfae`;

describe('STUN', () => {
  it('reads XOR-MAPPED-ADDRESS in both families', () => {
    expect(decodeBinding(bytes(`${head('000c')} 0020 0008 0001 a147 e112a643`), id)).toBe('192.0.2.1:32853');
    const ipv6 = `${head('0018')} 0020 0014 0002 a147 0113a9faa5d3f179bc25f4b5bed2b9d9`;
    expect(decodeBinding(bytes(ipv6), id)).toBe('[2001:db8:1234:5678:11:2233:4455:6677]:32853');
  });

  it('answers null to other ids, cut-off and wrong answers', () => {
    const good = bytes(`${head('000c')} 0020 0008 0001 a147 e112a643`);
    for (let length = 0; length < good.length; length++) expect(decodeBinding(good.subarray(0, length), id)).toBeNull();
    expect(decodeBinding(good, new Uint8Array(12))).toBeNull();
    expect(decodeBinding(encodeBinding(id), id)).toBeNull();
  });

  it('asks the servers of the settings, and nobody else', async () => {
    const server = createSocket('udp4');
    server.on('message', (ask, from) => {
      const address = Buffer.from([0, 1, 0, 0, ...from.address.split('.').map(Number)]);
      address.writeUInt16BE(from.port, 2);
      const answer = Buffer.concat([
        Buffer.from('0101000c', 'hex'),
        ask.subarray(4),
        Buffer.from('00010008', 'hex'),
        address,
      ]);
      server.send(answer, from.port, from.address);
    });
    await new Promise<void>((done) => server.bind(0, '127.0.0.1', done));
    const name = `stun:127.0.0.1:${server.address().port}`;
    const [answer] = await new StunClient().ask([name, 'not a server!']);
    expect(answer?.server).toBe(name);
    expect(answer?.observed).toMatch(/^127\.0\.0\.1:\d+$/);
    server.close();
    expect(await new StunClient().ask([])).toEqual([]);
    expect(parseStunServer('stun.example.net')).toEqual({ host: 'stun.example.net', port: 3478 });
  });
});
