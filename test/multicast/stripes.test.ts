// A fast stream's stripes: one key for all of them, those that stand carry without the others, and what comes to stand has the lines first.
import { describe, expect, it } from 'vitest';
import { BACKUPS_AFTER_MS, READY_ORIGIN_KBPS, FIRST_MS } from '../../app/mesh/multicast/limits.ts';
import { stripeKey } from '../../app/mesh/multicast/stripe-key.ts';
import { hex } from '../../app/wire/messages/hex.ts';
import { decodeTreeMessage } from '../../app/wire/messages/tree.ts';
import { nodeCrypto } from '../../main/host/crypto.ts';
import { seeds } from './support/random.ts';
import { World, type TestNode } from './support/world.ts';

const GROUP = '239.1.2.3';
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, n) => from + n);

/** Uplinks that bear the stream less than twice. Node 0 sends to all others. */
function narrow(seed: number, count: number, uplinkKBps = 500): World {
  const world = new World(seed, count, () => ({ uplinkKBps }));
  world.rate = 260_000;
  world.join(GROUP, ...range(1, count));
  return world;
}

const treesOf = (world: World): number[] => world.node(0).groups.get(GROUP) ?? [];
const configOf = (world: World, node: TestNode, tree: number) =>
  node.configs.get(`${world.node(0).origin} ${tree}`)?.at(-1);

function expectAll(world: World, packets: number, but: readonly number[] = []): void {
  for (let n = 0; n < packets; n++) world.node(0).cast(GROUP, `${world.mono} ${n}`);
  const at = world.mono;
  world.run(1_000);
  for (const node of world.nodes.slice(1)) {
    if (but.includes(node.number)) continue;
    const got = range(0, packets).filter((n) => node.got.get(`${at} ${n}`) === 1).length;
    expect(got, `node ${node.number}`).toBe(packets);
  }
}

describe.each(seeds(1, 2, 77))('seed %i', (seed) => {
  it('the key is sealed twice for each subscriber, however many stripes there are, and each stripe has its own', () => {
    const world = narrow(seed, 48);
    const sealed = new Map<string, number>();
    const brought = new Set<number>();
    world.tap = (from, _to, bytes) => {
      const message = decodeTreeMessage(bytes);
      if (typeof message === 'string' || message.type !== 'treeKeys' || from.number !== 0) return;
      brought.add(message.tree);
      for (const { origin } of message.keys) sealed.set(origin, (sealed.get(origin) ?? 0) + 1);
    };
    world.stream(0, GROUP);
    expect(world.until(() => world.node(0).groups.has(GROUP), 2_000)).toBe(true);
    const trees = treesOf(world);
    expect(trees.length).toBeGreaterThanOrEqual(4);
    expect([...sealed.values()]).toEqual(Array.from({ length: 47 }, () => 2));
    expect(brought.size).toBe(2);
    const keys = trees.map((tree) => configOf(world, world.node(0), tree)?.key);
    expect(new Set(keys.map((key) => key?.id)).size).toBe(1);
    expect(new Set(keys.map((key) => hex(key?.key as Uint8Array))).size).toBe(trees.length);
    expectAll(world, 3 * trees.length);
  });

  it('who comes back without its key, and who joins late, reads all stripes', () => {
    const world = narrow(seed, 32);
    world.leave(GROUP, 31);
    world.stream(0, GROUP);
    world.run(2_500);
    const trees = treesOf(world);
    world.kill(world.node(9));
    world.run(4_000);
    world.node(9).restart();
    world.online.add(world.node(9).origin);
    world.changedMembers();
    world.join(GROUP, 31);
    world.run(8_000);
    expectAll(world, 2 * treesOf(world).length);
    expect(treesOf(world)).toEqual(trees);
  });

  it('who is started anew is told from which sequence on it may read each stripe', () => {
    const world = narrow(seed, 32);
    world.stream(0, GROUP);
    world.run(12_000);
    for (let n = 0; n < 40; n++) world.node(0).cast(GROUP, `early ${n}`);
    world.run(500);
    const node = world.node(9);
    // A data plane keeps the first word about a key.
    const told = new Set<number>();
    const take = node.setCastKey.bind(node);
    node.setCastKey = (key) => {
      told.add(key.lowest);
      take(key);
    };
    node.restart();
    world.changedMembers();
    world.run(3_000);
    expect([...told]).toEqual([40]);
    const known = treesOf(world).map((tree) => node.castKeys.get(`${world.node(0).origin} ${tree}`)?.at(-1)?.lowest);
    expect(known).toEqual(treesOf(world).map(() => 40));
  });

  it('who did not get the key is not judged once for each stripe', () => {
    const world = narrow(seed, 48);
    const deaf = world.node(20);
    deaf.lose = { type: 'treeKeys', share: 1 };
    world.stream(0, GROUP);
    expect(world.until(() => world.node(0).groups.has(GROUP), 5_000)).toBe(true);
    deaf.lose = null;
    world.run(6_000);
    expectAll(world, 2 * treesOf(world).length);
  });

  it('a stream that grows takes more stripes, which all read, late ones too', () => {
    const world = new World(seed, 32, () => ({ uplinkKBps: 500 }));
    world.rate = 20_000;
    world.join(GROUP, ...range(1, 31));
    world.stream(0, GROUP);
    world.run(4_000);
    expect(treesOf(world)).toHaveLength(1);
    expectAll(world, 10, [31]);
    world.join(GROUP, 31);
    world.run(4_000);
    world.rate = 260_000;
    expect(world.until(() => treesOf(world).length > 1, 6_000)).toBe(true);
    for (const node of world.nodes.slice(1))
      for (const tree of treesOf(world))
        expect(node.castKeys.get(`${world.node(0).origin} ${tree}`)?.at(-1)?.lowest, `${node.number} ${tree}`).toBe(0);
    expectAll(world, 2 * treesOf(world).length);
  });

  it('a key that is renewed opens all stripes, and who left has none of them', () => {
    const world = narrow(seed, 32);
    world.stream(0, GROUP);
    world.run(12_000);
    const before = configOf(world, world.node(0), treesOf(world)[0] as number)?.key?.id;
    const gone = world.node(5);
    world.members.delete(gone.origin);
    world.changedMembers();
    world.run(4_000);
    for (const tree of treesOf(world)) {
      const key = configOf(world, world.node(0), tree)?.key;
      expect(key?.id).not.toBe(before);
      expect([...gone.castKeys.values()].flat().map(({ id }) => id)).not.toContain(key?.id);
    }
    expectAll(world, 2 * treesOf(world).length, [5]);
  });

  it('one of the first below the origin is dead: packets wait no longer than they may, and take the other stripes', () => {
    const world = narrow(seed, 48);
    world.stream(0, GROUP);
    world.until(() => configOf(world, world.node(0), 1) !== undefined, 2_000);
    // Which one is on top of the last stripe, in the same world anew.
    const again = narrow(seed, 48);
    const top = configOf(world, world.node(0), treesOf(world).at(-1) as number)?.children[0] as number;
    again.kill(again.node(top));
    const begun = again.mono;
    again.stream(0, GROUP);
    expect(again.until(() => again.node(0).groups.has(GROUP), 5_000)).toBe(true);
    expect(again.mono - begun).toBeLessThanOrEqual(FIRST_MS + 50);
    const carry = treesOf(again).length;
    expect(carry).toBeLessThan(treesOf(world).length);
    expectAll(again, 2 * carry, [top]);
    again.run(4_000);
    expect(treesOf(again).length).toBeGreaterThan(carry);
    expectAll(again, 2 * treesOf(again).length, [top]);
  });

  it('an edge that does not work in one stripe costs its child nothing in the others', () => {
    const world = narrow(seed, 48);
    world.stream(0, GROUP);
    world.until(() => world.node(0).groups.has(GROUP), 2_000);
    const first = treesOf(world)[0] as number;
    const inner = (number: number): number[] => configOf(world, world.node(number), first)?.children ?? [];
    const parent = world.node(inner(0)[0] as number);
    // Others are below it there, and they are worth another round.
    const child = world.node(inner(parent.number).find((number) => inner(number).length > 0) as number);
    const again = narrow(seed, 48);
    again.walls.add([parent.origin, child.origin].sort().join(' '));
    again.stream(0, GROUP);
    expect(again.until(() => again.node(0).groups.has(GROUP), 5_000)).toBe(true);
    const trees = treesOf(again);
    const got = (): number => again.node(child.number).got.size;
    for (let n = 0; n < 10 * trees.length; n++) {
      again.node(0).cast(GROUP, `${n}`);
      again.run(20);
    }
    expect(got()).toBeGreaterThan(9 * trees.length);
  });

  it('where the line is known backups are called later, not all at once; where it is not, at once', () => {
    for (const uplinkKBps of [0, 500]) {
      const world = narrow(seed, 48, uplinkKBps);
      const edges = new Map<number, number>();
      world.stream(0, GROUP);
      world.run(1_500);
      const sessions = (): number => {
        let count = 0;
        for (const a of world.nodes)
          for (const b of world.nodes) if (a.number < b.number && world.isUp(a.origin, b.origin)) count++;
        return count;
      };
      const places = (): number => {
        const pairs = new Set<string>();
        for (const tree of treesOf(world))
          for (const node of world.nodes)
            for (const child of configOf(world, node, tree)?.children ?? [])
              pairs.add([node.number, child].sort((a, b) => a - b).join());
        return pairs.size;
      };
      edges.set(1_500, sessions() - places());
      world.run(BACKUPS_AFTER_MS.least);
      const some = sessions() - places();
      world.run(BACKUPS_AFTER_MS.most);
      const all = sessions() - places();
      if (uplinkKBps === 0) expect([edges.get(1_500), some]).toEqual([all, all]);
      else {
        expect(edges.get(1_500)).toBe(0);
        expect(some).toBeLessThan(all * 0.8);
        expect(all).toBeGreaterThan(0);
      }
    }
  });
});

it('no sessions are kept ready with an origin whose line is narrow, but by who asks it first', () => {
  const known = (uplinkKBps: number): number => {
    const world = narrow(5, 48, uplinkKBps);
    world.rate = 10_000;
    world.stream(0, GROUP);
    world.run(1_500 + BACKUPS_AFTER_MS.most);
    const [origin] = world.nodes as [(typeof world.nodes)[number]];
    return world.nodes.filter((node) => node !== origin && world.isUp(origin.origin, node.origin)).length;
  };
  expect(known(READY_ORIGIN_KBPS - 1)).toBeLessThan(12);
  // Of 47.
  expect(known(READY_ORIGIN_KBPS)).toBeGreaterThan(30);
});

it('a stripe’s key is what HKDF-SHA256 makes of the cast’s', async () => {
  const key = Uint8Array.from({ length: 32 }, (_, at) => at + 1);
  const { hkdfSync } = await import('node:crypto');
  const made = hkdfSync('sha256', key, '', 'weft stripe key 1 4660', 32);
  const expected = hex(new Uint8Array(made));
  expect(hex(stripeKey(nodeCrypto, key, 0x1234))).toBe(expected);
});
