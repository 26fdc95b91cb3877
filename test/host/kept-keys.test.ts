// Keys that are kept as node has them: the same answers as with new ones, whoever asked before.
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../main/host/crypto.ts';

const seedOf = (number: number): Uint8Array => new Uint8Array(createHash('sha256').update(`seed ${number}`).digest());
const MESSAGE = new TextEncoder().encode('message');

describe('kept keys', () => {
  it('the same bytes are another key for signing than for sealing', () => {
    const bytes = seedOf(1);
    const [signer, box] = [nodeCrypto.signPublicKey(bytes), nodeCrypto.dhPublicKey(bytes)];
    expect(signer).not.toEqual(box);
    expect(nodeCrypto.verify(signer, MESSAGE, nodeCrypto.sign(bytes, MESSAGE))).toBe(true);
    const aad = new Uint8Array(4);
    // The public half of the one as if it were the other's: whatever was kept of it before, it opens nothing.
    const sealed = nodeCrypto.sealBox(signer, seedOf(2), MESSAGE, aad);
    expect(nodeCrypto.openBox(bytes, sealed, aad)).toBeNull();
    expect(nodeCrypto.openBox(bytes, nodeCrypto.sealBox(box, seedOf(2), MESSAGE, aad), aad)).toEqual(MESSAGE);
  });

  it('each is its own, asked for in any order, and what is given out can be changed without harm', () => {
    const all = [3, 4, 5].map(seedOf);
    const raws = all.map((seed) => nodeCrypto.signPublicKey(seed));
    const signatures = all.map((seed) => nodeCrypto.sign(seed, MESSAGE));
    for (let round = 0; round < 2; round++)
      for (const [one, raw] of raws.entries())
        for (const [other, signature] of signatures.entries())
          expect(nodeCrypto.verify(raw, MESSAGE, signature)).toBe(one === other);
    nodeCrypto.signPublicKey(all[0] as Uint8Array).fill(7);
    expect(nodeCrypto.signPublicKey(all[0] as Uint8Array)).toEqual(raws[0]);
  });

  it('one that node made verifies like one that was kept', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const raw = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32));
    const signature = new Uint8Array(sign(null, MESSAGE, privateKey));
    for (let time = 0; time < 2; time++) expect(nodeCrypto.verify(raw, MESSAGE, signature)).toBe(true);
  });
});
