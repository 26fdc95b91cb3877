import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeLink, encodeLink, LINK_CHARS_MAX, type InviteLink } from '../../app/wire/link.ts';
import { base64url, concat, fromBase64url } from '../../app/wire/text.ts';
import { nodeCrypto as crypto } from '../../main/host/crypto.ts';

const of = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const anyLink: fc.Arbitrary<InviteLink> = fc.record({
  networkId: of(32),
  networkName: fc.string({ unit: 'grapheme', maxLength: 12 }),
  inviter: fc.string({ unit: 'grapheme', maxLength: 12 }),
  seed: of(32),
  chain: fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 3 }),
  waysIn: fc.array(
    fc.record({
      member: of(32),
      noiseKey: of(32),
      endpoints: fc.array(fc.constantFrom('192.0.2.1:4000', '[2001:db8::1]:4000'), { maxLength: 6 }),
    }),
    { maxLength: 4 },
  ),
});
const sample: InviteLink = {
  networkId: new Uint8Array(32).fill(1),
  networkName: 'home',
  inviter: 'anna',
  seed: new Uint8Array(32).fill(2),
  chain: [new Uint8Array(300).fill(3)],
  waysIn: [{ member: new Uint8Array(32).fill(4), noiseKey: new Uint8Array(32).fill(5), endpoints: ['192.0.2.1:4000'] }],
};
const text = encodeLink(crypto, sample);
const RUNS = Number(process.env.WEFT_FUZZ_RUNS ?? 2_000);

/** A link around any body, with its checksum. */
const around = (body: Uint8Array) => `weft://join/#${base64url(concat(body, crypto.hash(body).subarray(0, 6)))}`;

describe('links', () => {
  it('come back as they were written', () => {
    fc.assert(
      fc.property(anyLink, (link) => {
        expect(decodeLink(crypto, encodeLink(crypto, link))).toEqual(link);
      }),
    );
  });

  it('survive what messengers and people do to them', () => {
    for (const form of [
      `  ${text}\n`,
      `${text.slice(0, 90)}\r\n${text.slice(90, 200)} ${text.slice(200)}`,
      text.replace('weft://join/#', 'weft:join#'),
      text.replace('weft://join/#', 'weft://join#'),
      text.replace('weft://join/#', 'WEFT://JOIN/#'),
      text.replace('#', '%23'),
      text.replace('weft://join/#', 'weft%3A%2F%2Fjoin%2f%23'),
      `<${text}>`,
      `"${text}".`,
      `„${text}”,`,
    ])
      expect(decodeLink(crypto, form), form.slice(0, 40)).toEqual(sample);
  });

  it('say what is wrong', () => {
    for (const foreign of [
      '',
      'https://example.org/#abc',
      'weft://other/#abc',
      'join',
      'javascript:alert(1)#',
      '--help',
    ])
      expect(decodeLink(crypto, foreign), foreign).toBe('link-not-weft');
    for (const cut of [
      text.slice(0, -1),
      text.slice(0, -30),
      text.slice(0, 20),
      'weft://join/',
      'weft://join/#',
      `${text}#x`.slice(0, -2) + 'A',
    ])
      expect(decodeLink(crypto, cut), cut.slice(-20)).toBe('link-damaged');
    for (const shell of [
      'weft://join/#; rm -rf ~',
      'weft://join/#$(id)',
      'weft://join/#`id`',
      'weft://join/#--flag',
      'weft://join/#\u0000',
    ])
      expect(decodeLink(crypto, shell), shell).toBe('link-damaged');
    expect(decodeLink(crypto, `weft://join/#${'A'.repeat(LINK_CHARS_MAX)}`)).toBe('link-too-long');
    expect(decodeLink(crypto, ' '.repeat(1_000_000))).toBe('link-too-long');
    const newer = (fromBase64url(text.split('#')[1] as string) as Uint8Array).slice(0, -6);
    newer[0] = 2;
    expect(decodeLink(crypto, around(newer))).toBe('link-version');
  });

  it('never pass with any one character changed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 13, max: text.length - 1 }), fc.constantFrom(...'AZaz09-_'), (at, char) => {
        const other = text.slice(0, at) + char + text.slice(at + 1);
        if (other !== text) expect(decodeLink(crypto, other)).toBe('link-damaged');
      }),
      { numRuns: RUNS },
    );
  });

  it('never throw, whatever body has a right checksum, and have one text', () => {
    fc.assert(
      fc.property(anyLink, fc.nat(), fc.nat(255), (link, where, value) => {
        const whole = fromBase64url(encodeLink(crypto, link).split('#')[1] as string) as Uint8Array;
        const body = whole.slice(0, -6);
        body[where % body.length] = value;
        const forged = around(body);
        if (forged.length > LINK_CHARS_MAX) return;
        const back = decodeLink(crypto, forged);
        if (typeof back !== 'string') expect(encodeLink(crypto, back)).toBe(forged);
      }),
      { numRuns: RUNS },
    );
  });
});
