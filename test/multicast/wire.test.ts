// The wire of trees: golden vectors, round trips, what must be refused; boxes for keys.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  castKeyAad,
  castKeySigned,
  decodeOffer,
  decodeTreeMessage,
  encodeDescription,
  encodeOffer,
  encodeTreeMessage,
  NODE_ADOPTS,
  NODE_SUBSCRIBES,
  ROOT,
  treeEndSigned,
  treeSigned,
  type Offer,
  type TreeDescription,
  type TreeMessage,
} from '../../app/wire/messages/tree.ts';
import { decodeMessage } from '../../app/wire/messages/message.ts';
import { stripeKey } from '../../app/mesh/multicast/stripe-key.ts';
import { applyDelta, difference, isNewer, Shape } from '../../app/mesh/multicast/shape.ts';
import { nodeCrypto } from '../../main/host/crypto.ts';
import { Seeded, seeds } from './support/random.ts';

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const fill = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
const NETWORK = fill(32, 8);
const SEED = fill(32, 7);
const name = { origin: '0011223344556677', start: 1_700_000_000_000, tree: 3, epoch: 65_535 };

const description: TreeDescription = {
  ...name,
  repair: 'nack',
  rate: 62_500,
  keyId: 0xdeadbeef,
  groups: ['239.1.2.3', 'ff15::1', '255.255.255.255'],
  nodes: [
    { origin: '0100000000000000', parent: ROOT, flags: NODE_SUBSCRIBES | NODE_ADOPTS },
    { origin: '0200000000000000', parent: 0, flags: NODE_SUBSCRIBES },
    { origin: 'ff00000000000000', parent: 0, flags: NODE_ADOPTS },
  ],
};
const signature = nodeCrypto.sign(SEED, treeSigned(NETWORK, encodeDescription(description)));
const { nodes: _, ...head } = description;
const OFFERS: Record<string, Offer> = {
  full: { form: 'full', description, signature },
  delta: {
    ...{ form: 'delta', head, base: 7, gone: [0, 4], signature },
    set: [{ origin: '0200000000000000', parent: name.origin, flags: NODE_SUBSCRIBES }],
  },
};
const signed = { ...description, signer: fill(32, 0x5a) };
const { nodes: __, ...signedHead } = signed;
OFFERS['full-signed'] = { form: 'full', description: signed, signature };
OFFERS['delta-signed'] = { form: 'delta', head: signedHead, base: 7, gone: [], set: [], signature };
const shared = { ...description, keyTree: 2 };
const { nodes: ___, ...sharedHead } = shared;
OFFERS['full-shared'] = { form: 'full', description: shared, signature };
OFFERS['delta-shared'] = { form: 'delta', head: sharedHead, base: 7, gone: [], set: [], signature };
OFFERS['full-shared-signed'] = { form: 'full', description: { ...shared, signer: fill(32, 0x5a) }, signature };
const keyHead = { keyId: 5, lowest: 2 ** 40, keyHash: fill(32, 3) };
const MESSAGES: Record<string, TreeMessage> = {
  offer: { type: 'treeOffer', ...name, waitMs: 920, part: 1, parts: 2, bytes: fill(5, 9) },
  keys: {
    ...{ type: 'treeKeys', ...name, ...keyHead, signature: fill(64, 4), ephemeral: fill(32, 5) },
    keys: [{ origin: '0200000000000000', sealed: fill(48, 6) }],
  },
  'ack-stands': {
    ...{ type: 'treeAck', ...name, what: 'stands' },
    failed: [
      { origin: '0200000000000000', code: 'unreachable' },
      { origin: 'ff00000000000000', code: 'noKey' },
    ],
  },
  'ack-want': { type: 'treeAck', ...name, what: 'want', failed: [] },
  'ack-lost': { type: 'treeAck', ...name, what: 'lost', failed: [{ origin: '0200000000000000', code: 'lost' }] },
  drop: { type: 'treeDrop', ...name },
  end: { type: 'treeEnd', ...name, signature: fill(64, 9) },
};

const GOLDEN = fileURLToPath(new URL('../golden/trees/v1.json', import.meta.url));

function vectors(): Record<string, string> {
  const now: Record<string, string> = {};
  for (const [label, message] of Object.entries(MESSAGES)) now[label] = hexOf(encodeTreeMessage(message));
  for (const [label, offer] of Object.entries(OFFERS)) now[`body-${label}`] = hexOf(encodeOffer(offer));
  now['signed'] = hexOf(treeSigned(NETWORK, encodeDescription(description)));
  now['end-signed'] = hexOf(treeEndSigned(NETWORK, name));
  now['key-signed'] = hexOf(castKeySigned(NETWORK, name, keyHead));
  now['stripe-key'] = hexOf(stripeKey(nodeCrypto, fill(32, 0x77), 3));
  const aad = castKeyAad(NETWORK, name, 5, '0200000000000000');
  now['key-aad'] = hexOf(aad);
  now['box'] = hexOf(nodeCrypto.sealBox(nodeCrypto.dhPublicKey(fill(32, 2)), fill(32, 1), fill(32, 0x77), aad));
  return now;
}

describe('golden vectors', () => {
  it('everything is encoded as it always was', () => {
    const kept = existsSync(GOLDEN) ? (JSON.parse(readFileSync(GOLDEN, 'utf8')) as Record<string, string>) : {};
    // Only what is not there yet is added; what is there stays as it was.
    if (process.env['UPDATE_GOLDEN'] === '1')
      writeFileSync(GOLDEN, `${JSON.stringify({ ...vectors(), ...kept }, null, 2)}\n`);
    expect(vectors()).toEqual(JSON.parse(readFileSync(GOLDEN, 'utf8')));
  });
});

describe('messages', () => {
  it.each(Object.entries(MESSAGES))('%s comes back as it was, and is none of the others', (_, message) => {
    const bytes = encodeTreeMessage(message);
    expect(decodeTreeMessage(bytes)).toEqual(message);
    expect(decodeMessage(bytes)).toBe('unknown');
  });

  it.each(Object.entries(MESSAGES))('%s cut off or with more behind it is bad', (_, message) => {
    const bytes = encodeTreeMessage(message);
    for (let length = 2; length < bytes.length; length++) expect(decodeTreeMessage(bytes.slice(0, length))).toBe('bad');
    expect(decodeTreeMessage(Uint8Array.from([...bytes, 0]))).toBe('bad');
  });

  it.each(Object.entries(OFFERS))('an offer in %s comes back as it was; cut off it is null', (_, offer) => {
    const bytes = encodeOffer(offer);
    expect(decodeOffer(bytes)).toEqual(offer);
    for (let length = 0; length < bytes.length; length++) expect(decodeOffer(bytes.slice(0, length))).toBeNull();
  });

  it('no tree shares its key with itself, or with none', () => {
    for (const tree of [0, name.tree]) {
      const offer = { form: 'full' as const, description: { ...description, keyTree: tree }, signature };
      expect(decodeOffer(encodeOffer(offer))).toBeNull();
    }
  });

  it('others are other, limits hold', () => {
    expect(decodeTreeMessage(Uint8Array.of(1, 1, 9))).toBe('other');
    expect(decodeTreeMessage(Uint8Array.of(2, 10, 9))).toBe('other');
    const tree0 = encodeTreeMessage({ ...name, type: 'treeDrop', tree: 0 });
    expect(decodeTreeMessage(tree0)).toBe('bad');
    const parts = encodeTreeMessage({ ...name, type: 'treeOffer', waitMs: 1, part: 0, parts: 9, bytes: fill(1, 1) });
    expect(decodeTreeMessage(parts)).toBe('bad');
  });

  it('lists that do not rise, parents that are none and unknown flags are refused', () => {
    const [a, b, c] = description.nodes as [
      TreeDescription['nodes'][0],
      TreeDescription['nodes'][0],
      TreeDescription['nodes'][0],
    ];
    const offer = (nodes: TreeDescription['nodes']): Uint8Array =>
      encodeOffer({ form: 'full', description: { ...description, nodes }, signature });
    expect(decodeOffer(offer([a, b, c]))).not.toBeNull();
    expect(decodeOffer(offer([b, a, c]))).toBeNull();
    expect(decodeOffer(offer([a, a, c]))).toBeNull();
    expect(decodeOffer(offer([a, { ...b, parent: 1 }, c]))).toBeNull();
    expect(decodeOffer(offer([a, { ...b, parent: 3 }, c]))).toBeNull();
    expect(decodeOffer(offer([a, { ...b, flags: 4 }, c]))).toBeNull();
    expect(
      decodeOffer(
        offer([
          { ...a, origin: name.origin },
          { ...b, parent: ROOT },
        ]),
      ),
    ).toBeNull();
  });

  it('random bytes never throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.constantFrom(10, 11, 12, 14), (bytes, type) => {
        decodeTreeMessage(Uint8Array.from([1, type, ...bytes]));
        const offer = decodeOffer(bytes);
        if (offer?.form === 'full') Shape.of(offer.description);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('epochs', () => {
  it('go round', () => {
    expect(isNewer(1, 0)).toBe(true);
    expect(isNewer(0, 65_535)).toBe(true);
    expect(isNewer(65_535, 0)).toBe(false);
    expect(isNewer(5, 5)).toBe(false);
    expect(isNewer(32_767, 0)).toBe(true);
    expect(isNewer(32_768, 0)).toBe(false);
  });
});

describe.each(seeds(1, 2, 3))('shapes, seed %i', (seed) => {
  const random = new Seeded(seed);
  const tree = (count: number): TreeDescription => {
    const roots = 1 + random.below(3);
    const order = Array.from({ length: count }, (_, n) => n).sort(() => random.next() - 0.5);
    const names = Array.from({ length: count }, (_, n) =>
      (n * 16 + 1 + random.below(15)).toString(16).padStart(16, '0'),
    );
    const parents = new Array<number>(count).fill(ROOT);
    order.forEach(
      (place, turn) => (parents[place] = turn < roots ? ROOT : (order[random.below(Math.min(turn, 30))] as number)),
    );
    const nodes = names.map((origin, n) => ({ origin, parent: parents[n] as number, flags: random.below(4) }));
    return { ...description, nodes, origin: 'f'.repeat(16) };
  };

  it('differences lead from any tree to any other', () => {
    for (let turn = 0; turn < 30; turn++) {
      const [from, to] = [tree(1 + random.below(40)), tree(1 + random.below(40))];
      const { nodes: _nodes, ...own } = to;
      const delta = { form: 'delta', head: own, base: 1, ...difference(from, to), signature } as const;
      expect(applyDelta(from, delta), `seed ${seed}`).toEqual(to);
    }
  });

  it('children and those who may adopt them agree; nobody asks below itself', () => {
    for (let turn = 0; turn < 20; turn++) {
      const shape = Shape.of(tree(60));
      if (!shape) continue;
      const all = [shape.description.origin, ...shape.description.nodes.map(({ origin }) => origin)];
      for (const child of all)
        for (const other of all) {
          const asks = shape.backupsOf(child).includes(other);
          expect(shape.adoptableOf(other).includes(child), `seed ${seed}: ${child} ${other}`).toBe(asks);
          if (asks) expect(shape.subtree(child)).not.toContain(other);
          if (asks) expect(shape.parentOf(child)).not.toBe(other);
        }
    }
  });

  it('a ring is no tree', () => {
    const ring = tree(10);
    const [first, second] = [ring.nodes[0], ring.nodes[1]] as [
      TreeDescription['nodes'][0],
      TreeDescription['nodes'][0],
    ];
    first.parent = 1;
    second.parent = 0;
    expect(Shape.of(ring)).toBeNull();
  });
});

describe('below the only child of the origin', () => {
  const name = (n: number) => n.toString(16).padStart(16, '0');
  const origin = 'f'.repeat(16);
  /** The origin has `roots` children; the first of them feeds all others, of whom those in `weak` take nobody on. */
  const shapeOf = (roots: number, weak: number[]): Shape => {
    const nodes = Array.from({ length: 8 }, (_, n) => ({
      ...{ origin: name(n), parent: n < roots ? ROOT : 0 },
      flags: weak.includes(n) ? NODE_SUBSCRIBES : NODE_SUBSCRIBES | NODE_ADOPTS,
    }));
    return Shape.of({ ...description, nodes, origin }) as Shape;
  };
  const backups = (shape: Shape, n: number) => shape.backupsOf(name(n));

  it('three ask the origin when that one dies, and the others ask the three first', () => {
    const shape = shapeOf(1, [1]);
    for (const heir of [2, 3, 4]) expect(backups(shape, heir)).toEqual([origin]);
    // Each begins at another one.
    expect(backups(shape, 1)).toEqual([name(2), name(3), name(4), origin]);
    expect(backups(shape, 5)).toEqual([name(3), name(4), name(2), origin]);
    expect(backups(shape, 6)).toEqual([name(4), name(2), name(3), origin]);
    expect(shape.adoptableOf(name(2))).toEqual([1, 5, 6, 7].map(name));
  });

  it('the origin is asked by all where nobody else can take on more', () => {
    const shape = shapeOf(1, [1, 2, 3, 4, 5, 6, 7]);
    for (let n = 1; n < 8; n++) expect(backups(shape, n)).toEqual([origin]);
  });

  it('siblings of the parent are asked where it has some', () => {
    const shape = shapeOf(3, []);
    expect(backups(shape, 3)).toEqual([origin, name(1), name(2)]);
    expect(backups(shape, 4)).toEqual([name(2), origin, name(1)]);
  });
});

describe('boxes', () => {
  const secret = fill(32, 2);
  const key = nodeCrypto.dhPublicKey(secret);
  const [plain, aad] = [fill(32, 0x77), fill(10, 1)];
  const sealed = nodeCrypto.sealBox(key, fill(32, 1), plain, aad);

  it('open for whom they were sealed to, and only as they were', () => {
    expect(nodeCrypto.openBox(secret, sealed, aad)).toEqual(plain);
    expect(nodeCrypto.openBox(fill(32, 3), sealed, aad)).toBeNull();
    expect(nodeCrypto.openBox(secret, sealed, fill(10, 2))).toBeNull();
    for (const at of [0, 31, 32, 63, 64, 79]) {
      const changed = sealed.slice();
      changed[at] = (changed[at] as number) ^ 1;
      expect(nodeCrypto.openBox(secret, changed, aad), `byte ${at}`).toBeNull();
    }
    expect(nodeCrypto.openBox(secret, sealed.slice(0, 47), aad)).toBeNull();
  });

  it('to a point of small order are worth nothing', () => {
    const zero = nodeCrypto.sealBox(fill(32, 0), fill(32, 1), plain, aad);
    expect(zero).toHaveLength(80);
    expect(zero.slice(32)).toEqual(fill(48, 0));
    expect(nodeCrypto.openBox(secret, Uint8Array.from([...fill(32, 0), ...sealed.slice(32)]), aad)).toBeNull();
  });
});
