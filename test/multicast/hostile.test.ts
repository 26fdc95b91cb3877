// What must not work: forged, replayed, misrouted and endless input; and who must not get keys.
import { describe, expect, it } from 'vitest';
import { FOLLOWED_PER_ORIGIN_MAX, TREE_LIFE_MS } from '../../app/mesh/multicast/limits.ts';
import { describe as described } from '../../app/mesh/multicast/shape.ts';
import {
  decodeTreeMessage,
  encodeDescription,
  encodeOffer,
  NODE_SUBSCRIBES,
  treeEndSigned,
  treeSigned,
  type TreeDescription,
  type TreeMessage,
} from '../../app/wire/messages/tree.ts';
import { NETWORK, World, type TestNode } from './support/world.ts';

const GROUP = '239.1.2.3';
const OTHER = '239.9.9.9';
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, n) => from + n);

interface Heard {
  from: TestNode;
  to: TestNode;
  bytes: Uint8Array;
  message: TreeMessage;
}

function standing(count: number, record: Heard[] = []): World {
  const world = new World(77, count);
  world.tap = (from, to, bytes) => record.push({ from, to, bytes, message: decodeTreeMessage(bytes) as TreeMessage });
  world.join(GROUP, ...range(1, count));
  world.stream(0, GROUP);
  world.run(1_500);
  return world;
}

/** An offer of a tree of `author`, signed by it (or by `signer`), in which `to` is a child of the origin. */
function offer(
  world: World,
  author: TestNode,
  to: TestNode,
  changes: Partial<TreeDescription> = {},
  signer = author,
): TreeMessage {
  const nodes = new Map([[to.origin, { parent: author.origin, flags: NODE_SUBSCRIBES }]]);
  const head = {
    ...{ origin: author.origin, start: 1_800_000_000_000, tree: 1, epoch: 1, repair: 'off' as const },
    ...{ rate: 0, keyId: 1, groups: [] },
  };
  const description = described({ ...head, ...changes }, nodes) as TreeDescription;
  const signature = world.sign(signer.seed, treeSigned(NETWORK, encodeDescription(description)));
  const bytes = encodeOffer({ form: 'full', description, signature });
  const { origin, start, tree, epoch } = description;
  return { type: 'treeOffer', origin, start, tree, epoch, waitMs: 500, part: 0, parts: 1, bytes };
}

const tell = (world: World, from: TestNode, to: TestNode, message: TreeMessage): 'ok' | 'bad' => {
  const verdict = to.trees.hear(world.mono, from.origin, message);
  world.arm(to);
  return verdict;
};

describe('offers', () => {
  it('of others than their origin, by others than the parent, or about oneself are refused and answered by nothing', () => {
    const world = new World(1, 4);
    const [a, b, c] = [world.node(0), world.node(1), world.node(2)];
    const before = b.sentBytes;
    expect(tell(world, a, b, offer(world, a, b, {}, c))).toBe('bad');
    expect(tell(world, c, b, offer(world, a, b))).toBe('bad');
    expect(tell(world, b, b, offer(world, b, a))).toBe('bad');
    const genuine = offer(world, a, b);
    if (genuine.type !== 'treeOffer') throw new Error('an offer');
    for (let at = 0; at < genuine.bytes.length; at += 3) {
      const bytes = genuine.bytes.slice();
      bytes[at] = (bytes[at] as number) ^ 0x01;
      expect(tell(world, a, b, { ...genuine, bytes }), `byte ${at}`).not.toBe('answered');
      expect(b.configs.size, `byte ${at}`).toBe(0);
      world.run(50);
    }
    expect(tell(world, a, b, { ...genuine, tree: 2 })).toBe('bad');
    expect(b.sentBytes).toBe(before);
    expect(tell(world, a, b, genuine)).toBe('ok');
    expect(b.configs.size).toBe(1);
    world.members.delete(a.origin);
    expect(tell(world, a, b, offer(world, a, b, { epoch: 2 }))).toBe('ok');
    expect([...b.configs.values()].flat().map(({ epoch }) => epoch)).toEqual([1]);
  });

  it('of an origin that may not send to one of their groups are followed by nobody, and end where they were', () => {
    const world = new World(2, 3);
    const [a, b] = [world.node(0), world.node(1)];
    const ofGroups = (epoch: number, ...groups: string[]): TreeMessage => offer(world, a, b, { epoch, groups });
    b.silenced.add(`${a.origin} ${OTHER}`);
    expect(tell(world, a, b, ofGroups(1, GROUP, OTHER))).toBe('ok');
    expect([b.configs.size, b.trees.view().counts['no-right']]).toEqual([0, 1]);
    expect(tell(world, a, b, ofGroups(1, GROUP))).toBe('ok');
    expect(b.configs.size).toBe(1);
    // The right is taken while the tree stands.
    b.silenced.add(`${a.origin} ${GROUP}`);
    b.run(() => b.trees.membersChanged(world.mono));
    expect([b.configs.size, b.trees.view().counts['no-right']]).toEqual([0, 2]);
  });

  it('of old epochs, of trees that ended and of an earlier start change nothing', () => {
    const record: Heard[] = [];
    const world = standing(12, record);
    world.leave(GROUP, 11);
    world.run(1_500);
    const node = world.node(3);
    const old = record.filter(({ to, message }) => to === node && message.type === 'treeOffer');
    const now = JSON.stringify([...node.configs.values()].at(-1));
    for (const { from, message } of old.slice(0, -1)) tell(world, from, node, message);
    expect(JSON.stringify([...node.configs.values()].at(-1))).toBe(now);
    world.node(0).run(() => world.node(0).trees.stop());
    world.run(500);
    expect(node.configs.size).toBe(0);
    const replayed = record.filter(({ to, message }) => to === node && message.type !== 'treeDrop');
    for (const { from, message } of replayed) tell(world, from, node, message);
    expect([node.configs.size, node.castKeys.size]).toEqual([0, 0]);

    const [a, b] = [world.node(0), world.node(1)];
    expect(tell(world, a, b, offer(world, a, b, { start: 1_900_000_000_000, tree: 9 }))).toBe('ok');
    const before = b.configs.size;
    tell(world, a, b, offer(world, a, b, { start: 1_850_000_000_000, tree: 8, epoch: 500 }));
    expect(b.configs.size).toBe(before);
  });

  it('that build on an unknown epoch are answered by a wish for the whole, which then stands', () => {
    const world = standing(10);
    const child = world
      .node(0)
      .trees.view()
      .own[0]?.parents.find(([, parent]) => parent === world.node(0).origin)?.[0];
    const node = world.byName.get(child as string) as TestNode;
    // It forgets, and nobody knows: the next offer only names differences.
    node.trees.stop();
    node.configs.clear();
    world.leave(GROUP, 9);
    const wants: string[] = [];
    world.tap = (from, _to, bytes) => {
      const message = decodeTreeMessage(bytes) as TreeMessage;
      if (message.type === 'treeAck' && message.what === 'want') wants.push(from.origin);
    };
    world.run(2_000);
    expect(wants).toContain(node.origin);
    expect(node.configs.size).toBe(1);
  });

  it('of one origin fill no more than its share of the table, and signatures are looked at a limited number of times', () => {
    const world = new World(1, 3);
    const [a, b] = [world.node(0), world.node(1)];
    for (let tree = 1; tree <= 3 * FOLLOWED_PER_ORIGIN_MAX; tree++) {
      tell(world, a, b, offer(world, a, b, { tree }));
      world.run(100);
    }
    expect(b.configs.size).toBe(FOLLOWED_PER_ORIGIN_MAX);
    const before = b.verifications;
    for (let epoch = 2; epoch < 1_000; epoch++) tell(world, a, b, offer(world, a, b, { epoch }, world.node(2)));
    expect(b.verifications - before).toBeLessThan(120);
    expect(b.trees.view().counts['limited']).toBeGreaterThan(500);
  });

  it('in parts out of order or without end are dropped', () => {
    const world = new World(1, 3);
    const [a, b] = [world.node(0), world.node(1)];
    const genuine = offer(world, a, b);
    if (genuine.type !== 'treeOffer') throw new Error('an offer');
    const [first, second] = [genuine.bytes.slice(0, 50), genuine.bytes.slice(50)];
    expect(tell(world, a, b, { ...genuine, part: 1, parts: 2, bytes: second })).toBe('ok');
    expect(b.configs.size).toBe(0);
    tell(world, a, b, { ...genuine, part: 0, parts: 2, bytes: first });
    tell(world, a, b, { ...genuine, part: 1, parts: 2, bytes: second });
    expect(b.configs.size).toBe(1);
  });
});

describe('words of others', () => {
  it('acks by those who are no children, and drops by those who are no parents, count for nothing', () => {
    const world = standing(20);
    const view = world.node(0).trees.view().own[0];
    const origin = world.node(0);
    const [leaf, parent] = view?.parents.find(
      ([child, above]) => above !== origin.origin && !view.parents.some(([, other]) => other === child),
    ) as [string, string];
    const top = (name: string): string => {
      const above = view?.parents.find(([child]) => child === name)?.[1] as string;
      return above === origin.origin ? name : top(above);
    };
    const name = { origin: world.node(0).origin, start: 0, tree: 1, epoch: view?.epoch as number };
    name.start = 1_700_000_000_000 + 1_000;
    const above = new Map(view?.parents);
    const stranger = world.nodes.find(
      (one) => ![parent, leaf, origin.origin].includes(one.origin) && above.get(one.origin) !== parent,
    ) as TestNode;
    const node = world.byName.get(leaf) as TestNode;
    // It may have been its parent a moment ago: no fault, and no effect.
    expect(tell(world, stranger, node, { type: 'treeDrop', ...name })).toBe('ok');
    expect(node.configs.size).toBe(1);
    const lie: TreeMessage = {
      type: 'treeAck',
      ...name,
      what: 'stands',
      failed: [{ origin: leaf, code: 'unreachable' }],
    };
    const inner = world.byName.get(parent) as TestNode;
    expect(tell(world, stranger, inner, lie)).toBe('bad');
    expect(tell(world, node, origin, lie)).toBe('bad');
    // A child that speaks of nodes which are not below it.
    const other = view?.parents.find(
      ([child, above]) => above === origin.origin && child !== parent && child !== top(parent),
    );
    const before = JSON.stringify(origin.trees.view().own);
    tell(world, world.byName.get(other?.[0] as string) as TestNode, origin, lie);
    world.run(1_500);
    expect(JSON.stringify(origin.trees.view().own)).toBe(before);
    // Nor does its parent cut it off while it wants to hear …
    expect(tell(world, inner, node, { type: 'treeDrop', ...name })).toBe('ok');
    expect(node.configs.size).toBe(1);
    // … with an end that the origin has not signed.
    const end = { type: 'treeEnd' as const, ...name };
    expect(tell(world, inner, node, { ...end, signature: inner.sign(treeEndSigned(NETWORK, name)) })).toBe('bad');
    expect(node.configs.size).toBe(1);
    expect(tell(world, stranger, node, { ...end, signature: origin.sign(treeEndSigned(NETWORK, name)) })).toBe('ok');
    expect(node.configs.size).toBe(0);
  });

  it('who does not want to hear any more believes its parent', () => {
    const world = standing(24);
    const view = world.node(0).trees.view().own[0];
    const [leaf, parent] = view?.parents.find(([, above]) => above !== world.node(0).origin) as [string, string];
    const name = {
      origin: world.node(0).origin,
      start: 1_700_000_000_000 + 1_000,
      tree: 1,
      epoch: view?.epoch as number,
    };
    world.groups.get(GROUP)?.delete(leaf);
    const node = world.byName.get(leaf) as TestNode;
    expect(tell(world, world.byName.get(parent) as TestNode, node, { type: 'treeDrop', ...name })).toBe('ok');
    expect(node.configs.size).toBe(0);
  });
});

describe('keys', () => {
  it('reach subscribers only: relays that do not subscribe pass on what they cannot read', () => {
    const world = new World(3, 16, (number) => (number >= 1 && number <= 9 ? { features: 0 } : {}));
    world.node(0).options.uplinkKBps = 80;
    world.rate = 30_000;
    world.join(GROUP, ...range(1, 10));
    world.stream(0, GROUP);
    world.run(2_500);
    const view = world.node(0).trees.view().own[0];
    expect(view?.unserved).toBe(0);
    const relays = world.nodes.filter((one) => one.number >= 10 && one.configs.size > 0);
    expect(relays.length).toBeGreaterThan(0);
    for (const relay of relays) expect(relay.castKeys.size).toBe(0);
    world.node(0).cast(GROUP, 'p');
    world.run(500);
    for (const number of range(1, 10)) expect(world.node(number).got.get('p'), `node ${number}`).toBe(1);
    for (const relay of relays) expect(relay.got.size).toBe(0);
  });

  it('are renewed when a member is removed, also one that had left the group before; not when one only leaves', () => {
    const world = standing(20);
    const keyIds = (): Set<number> => new Set([...world.node(1).castKeys.values()].flat().map(({ id }) => id));
    expect(keyIds().size).toBe(1);
    world.leave(GROUP, 15);
    world.run(12_000);
    expect(keyIds().size).toBe(1);
    const gone = world.node(15);
    world.members.delete(gone.origin);
    world.changedMembers();
    world.run(3_000);
    expect(keyIds().size).toBe(2);
    world.node(0).cast(GROUP, 'secret');
    world.run(500);
    expect(world.node(1).got.get('secret')).toBe(1);
    const used = world
      .node(0)
      .configs.get(`${world.node(0).origin} 1`)
      ?.at(-1)?.key?.id;
    expect([...gone.castKeys.values()].flat().map(({ id }) => id)).not.toContain(used);
  });

  it('name the sequence from which a late subscriber may read', () => {
    const world = standing(10);
    for (let n = 0; n < 40; n++) world.node(0).cast(GROUP, `early ${n}`);
    world.leave(GROUP, 9);
    world.run(2_000);
    world.node(9).castKeys.clear();
    world.join(GROUP, 9);
    world.run(2_000);
    expect([...world.node(1).castKeys.values()].flat()[0]?.lowest).toBe(0);
    expect([...world.node(9).castKeys.values()].flat()[0]?.lowest).toBe(40);
  });
});

describe('the life of trees', () => {
  it('groups with the same receivers share a tree, and part when their receivers do', () => {
    const world = new World(5, 14);
    world.join(GROUP, ...range(1, 12));
    world.join(OTHER, ...range(1, 12));
    world.stream(0, GROUP);
    world.stream(0, OTHER);
    world.run(2_000);
    expect(world.node(0).groups.get(GROUP)).toEqual(world.node(0).groups.get(OTHER));
    world.join(OTHER, 13);
    world.run(2_500);
    expect(world.node(0).groups.get(GROUP)).not.toEqual(world.node(0).groups.get(OTHER));
    world.node(0).cast(OTHER, 'o');
    world.node(0).cast(GROUP, 'g');
    world.run(500);
    expect([world.node(13).got.get('o'), world.node(13).got.get('g')]).toEqual([1, undefined]);
    expect([world.node(5).got.get('o'), world.node(5).got.get('g')]).toEqual([1, 1]);
  });

  it('end 60 s after the stream, everywhere; a stream that goes on in time keeps them', () => {
    const world = standing(30);
    const origin = world.node(0);
    origin.run(() => origin.trees.streamEnd(world.mono, GROUP));
    world.run(50_000);
    world.stream(0, GROUP);
    world.run(50_000);
    expect(origin.groups.has(GROUP)).toBe(true);
    origin.run(() => origin.trees.streamEnd(world.mono, GROUP));
    world.run(61_000);
    expect(origin.groups.has(GROUP)).toBe(false);
    for (const node of world.nodes) expect(node.configs.size, `node ${node.number}`).toBe(0);
  });

  it('stay while their origin reminds of them, and end when it has gone for good', () => {
    const world = standing(30);
    world.run(2 * TREE_LIFE_MS);
    for (const node of world.nodes) expect(node.configs.size, `node ${node.number}`).toBe(1);
    world.kill(world.node(0));
    world.run(60_000);
    for (const node of world.nodes.slice(1)) expect(node.configs.size, `node ${node.number}`).toBe(0);
  });

  it('one that leaves the group hears that it has no part any more', () => {
    const world = standing(30);
    world.leave(GROUP, 7);
    world.run(4_000);
    expect(world.node(7).configs.size).toBe(0);
    expect(world.node(8).configs.size).toBe(1);
  });

  it('a fast stream takes several trees by turns', () => {
    const world = new World(6, 12, () => ({ uplinkKBps: 1_250 }));
    world.rate = 1_000_000;
    world.join(GROUP, ...range(1, 12));
    world.stream(0, GROUP);
    world.run(2_000);
    const trees = world.node(0).groups.get(GROUP) as number[];
    expect(trees.length).toBeGreaterThan(1);
    for (const { depth, unserved } of world.node(0).trees.view().own) {
      expect(depth).toBeLessThanOrEqual(4);
      expect(unserved).toBe(0);
    }
    for (let n = 0; n < 20; n++) world.node(0).cast(GROUP, `p${n}`);
    world.run(1_000);
    for (const node of world.nodes.slice(1)) expect(node.got.size, `node ${node.number}`).toBe(20);
  });

  it('where uplinks are known a first plan waits for the rate, but not for long', () => {
    const begun = (): World => {
      const world = new World(6, 12, () => ({ uplinkKBps: 1_250 }));
      world.join(GROUP, ...range(1, 12));
      world.stream(0, GROUP);
      return world;
    };
    const planned = (world: World) => world.node(0).trees.view().own;
    const told = begun();
    told.run(200);
    expect(planned(told)).toEqual([]);
    told.rate = 1_000_000;
    told.node(0).run(() => told.node(0).trees.ratesChanged(told.mono));
    told.run(600);
    // Not one tree first, which would take five times what the origin has.
    expect(planned(told).length).toBeGreaterThan(1);
    const untold = begun();
    untold.run(350);
    expect(planned(untold)).toEqual([]);
    untold.run(600);
    expect(planned(untold)).toHaveLength(1);
    const free = new World(6, 12);
    free.join(GROUP, ...range(1, 12));
    free.stream(0, GROUP);
    free.run(350);
    expect(planned(free)).toHaveLength(1);
  });

  it('a parent that its children call silent feeds nobody in the next epoch', () => {
    const world = standing(30);
    const view = world.node(0).trees.view().own[0];
    const silent = view?.parents
      .map(([, parent]) => parent)
      .find((parent) => parent !== world.node(0).origin) as string;
    const children = view?.parents.filter(([, parent]) => parent === silent).map(([child]) => child) ?? [];
    for (const child of children) {
      const node = world.byName.get(child) as TestNode;
      node.run(() => node.trees.grafted(world.mono, world.node(0).origin, 1, world.node(0).origin));
    }
    world.run(3_000);
    const after =
      world
        .node(0)
        .trees.view()
        .own[0]?.parents.map(([, parent]) => parent) ?? [];
    expect(children.length).toBeGreaterThan(0);
    expect(after).not.toContain(silent);
  });
});

describe('differences', () => {
  it('are small: one that leaves costs nobody more than a few hundred bytes a child', () => {
    const world = standing(100);
    const before = world.nodes.map((node) => node.sentBytes);
    world.leave(GROUP, 99);
    world.run(1_500);
    const most = Math.max(...world.nodes.map((node, n) => node.sentBytes - (before[n] as number)));
    // The whole has 1,100 bytes for each of at most eight children.
    expect(most).toBeLessThan(8 * 250);
  });
});
