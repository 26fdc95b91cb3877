// eslint-disable-next-line @typescript-eslint/triple-slash-reference -- declarations of an untyped library are no module
/// <reference path="../../main/discovery/libraries.d.ts" />
// Rendezvous over a DHT of ten nodes on loopback.
import { Client } from 'bittorrent-dht';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeRendezvous, rendezvousKeys, RENDEZVOUS_BYTES, slotOrder } from '../../app/mesh/discovery/rendezvous.ts';
import { DAY_MS, dayOf } from '../../app/mesh/discovery/seal.ts';
import { memberIdOf } from '../../app/mesh/identity/identity.ts';
import { hex } from '../../app/wire/text.ts';
import { bootstrapOf, DhtRendezvous } from '../../main/discovery/dht.ts';
import type { RendezvousFound } from '../../main/discovery/ports.ts';
import { sealCrypto as crypto } from '../../main/discovery/seal-crypto.ts';

const NODES = 10;
const nodes: Client[] = [];
let bootstrap: string[] = [];
const verify = (signature: Buffer, message: Buffer, key: Buffer) => crypto.verify(key, message, signature);

beforeAll(async () => {
  for (let at = 0; at < NODES; at++) {
    const known = nodes[0] ? [`127.0.0.1:${nodes[0].address().port}`] : false;
    const node = new Client({ bootstrap: known, verify });
    await new Promise<void>((done) => node.listen(0, '127.0.0.1', done));
    nodes.push(node);
  }
  bootstrap = nodes.slice(0, 2).map((node) => `127.0.0.1:${node.address().port}`);
});
afterAll(() => nodes.forEach((node) => node.destroy()));

const fill = (byte: number) => new Uint8Array(32).fill(byte);
const person = (byte: number, endpoint: string) => {
  const signSeed = fill(byte);
  const key = crypto.signPublicKey(signSeed);
  return { signSeed, key, member: memberIdOf(crypto, key), endpoints: [endpoint] };
};
const [anna, ben, cem, dan] = [1, 2, 3, 4].map((n) => person(n, `192.0.2.${n}:4000`)) as [
  ReturnType<typeof person>,
  ReturnType<typeof person>,
  ReturnType<typeof person>,
  ReturnType<typeof person>,
];
const known = new Map([anna, ben, cem, dan].map((one) => [hex(one.member), one.key]));
const keyOf = (member: Uint8Array) => known.get(hex(member)) ?? null;
const rendezvous = (now?: () => number) =>
  new DhtRendezvous({ bootstrap, host: '127.0.0.1', queryTimeoutMs: 500, now });

/** What a holder of the secret could put there, around all rules. */
async function plant(network: { networkId: Uint8Array; secret: Uint8Array }, slot: number, v: Uint8Array, day: number) {
  const keys = rendezvousKeys(crypto, network.networkId, network.secret, day);
  const node = new Client({ bootstrap, verify, timeout: 500 });
  await new Promise<void>((done) => node.listen(0, '127.0.0.1', () => node.once('ready', () => done())));
  await new Promise<void>((done, fail) =>
    node.put(
      {
        k: Buffer.from(keys.publicKey),
        salt: Buffer.from(keys.salts[slot] as Uint8Array),
        seq: 1,
        v: Buffer.from(v),
        sign: (message) => Buffer.from(crypto.sign(keys.seed, message)),
      },
      (error) => (error ? fail(error) : done()),
    ),
  );
  node.destroy();
}

const published = (...found: RendezvousFound[]) => ({ ok: true, value: { word: 'published', found } });
const ids = (found: readonly { member: Uint8Array }[]): string[] => found.map(({ member }) => hex(member)).sort();

describe('rendezvous over a DHT', () => {
  it('publishes and finds, also by a clock a day ahead or behind, and not with another secret', async () => {
    const network = { networkId: fill(10), secret: fill(20) };
    expect(await rendezvous().publish(network, anna, keyOf)).toEqual(published());
    for (const skew of [0, DAY_MS, -DAY_MS]) {
      const found = await rendezvous(() => Date.now() + skew).lookup(network, keyOf);
      expect(found.ok && found.value.map((entry) => entry.endpoints)).toEqual([['192.0.2.1:4000']]);
    }
    const other = await rendezvous().lookup({ ...network, secret: fill(21) }, keyOf);
    expect(other).toEqual({ ok: true, value: [] });
    expect(await rendezvous().lookup(network, () => null)).toEqual({ ok: true, value: [] });
  });

  it('three publishers do not overwrite each other, a fourth is not needed', async () => {
    const network = { networkId: fill(11), secret: fill(20) };
    const results = await Promise.all([anna, ben, cem].map((one) => rendezvous().publish(network, one, keyOf)));
    expect(results.map((result) => result.ok && result.value.word)).toEqual(Array(3).fill('published'));
    // Who publishes sees who was there before, and is not needed where three are.
    const late = await rendezvous().publish(network, dan, keyOf);
    expect(late.ok && [late.value.word, ids(late.value.found)]).toEqual(['not-needed', ids([anna, ben, cem])]);
    const again = await rendezvous().publish(network, ben, keyOf);
    expect(again.ok && [again.value.word, ids(again.value.found)]).toEqual(['published', ids([anna, cem])]);
    const found = await rendezvous().lookup(network, keyOf);
    expect(found.ok && found.value.map((entry) => entry.endpoints[0]).sort()).toEqual([
      '192.0.2.1:4000',
      '192.0.2.2:4000',
      '192.0.2.3:4000',
    ]);
  });

  it('two that publish at the same time find each other by that alone', async () => {
    // Of two that take one slot the first does not see the second, which finds another one later: here they take two.
    const network = [...Array(64).keys()]
      .map((at) => ({ networkId: fill(100 + at), secret: fill(20) }))
      .find(({ networkId, secret }) => {
        const keys = rendezvousKeys(crypto, networkId, secret, dayOf(Date.now()));
        return slotOrder(crypto, keys, anna.member)[0] !== slotOrder(crypto, keys, ben.member)[0];
      }) as { networkId: Uint8Array; secret: Uint8Array };
    const both = await Promise.all([anna, ben].map((one) => rendezvous().publish(network, one, keyOf)));
    expect(both.map((result) => result.ok && ids(result.value.found))).toEqual([ids([ben]), ids([anna])]);
  });

  it('refuses stale, forged, oversized and wrongly sealed records', async () => {
    const network = { networkId: fill(12), secret: fill(20) };
    const day = dayOf(Date.now());
    const keys = rendezvousKeys(crypto, network.networkId, network.secret, day);
    const wrong = rendezvousKeys(crypto, network.networkId, fill(21), day);
    const nonce = new Uint8Array(12);
    const entry = (one: typeof anna, issuedMs = Date.now()) => ({ ...one, issuedMs });
    const encode = (from: typeof keys, slot: number, seed: Uint8Array, value: ReturnType<typeof entry>) =>
      encodeRendezvous(crypto, from, slot, seed, nonce, value) as Uint8Array;
    await plant(network, 0, encode(keys, 0, anna.signSeed, entry(anna, Date.now() - 3 * DAY_MS)), day);
    await plant(network, 1, encode(keys, 1, cem.signSeed, entry(ben)), day);
    await plant(network, 2, new Uint8Array(RENDEZVOUS_BYTES + 100), day);
    await plant(network, 3, encode(wrong, 3, dan.signSeed, entry(dan)), day);
    expect(await rendezvous().lookup(network, keyOf)).toEqual({ ok: true, value: [] });
    expect(await rendezvous().publish(network, anna, keyOf)).toEqual(published());
    const found = await rendezvous().lookup(network, keyOf);
    expect(found.ok && found.value.length).toBe(1);
  });

  it('says when there is no DHT, and ends at once when stopped', async () => {
    const nobody = new DhtRendezvous({ bootstrap: ['127.0.0.1:1'], host: '127.0.0.1' });
    expect(await nobody.lookup({ networkId: fill(1), secret: fill(2) }, keyOf)).toEqual({
      ok: false,
      code: 'dht-unreachable',
    });
    const stopping = rendezvous();
    const answer = stopping.lookup({ networkId: fill(1), secret: fill(2) }, keyOf);
    await stopping.stop();
    expect(await answer).toEqual({ ok: false, code: 'off' });
  });

  it('reads the bootstrap list', () => {
    expect(bootstrapOf(' 127.0.0.1:1, node.example:6881,nonsense')).toEqual(['127.0.0.1:1', 'node.example:6881']);
    expect(bootstrapOf('')).toBeUndefined();
  });
});
