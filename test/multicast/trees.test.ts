// Origins and followers together: trees come to stand, change, break and end; what is sent on them arrives once.
import { describe, expect, it } from 'vitest';
import type { TreeConfig } from '../../app/mesh/multicast/io.ts';
import { seeds } from './support/random.ts';
import { World, type TestNode } from './support/world.ts';

const GROUP = '239.1.2.3';
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, n) => from + n);

function standing(seed: number, count: number): World {
  const world = new World(seed, count);
  world.join(GROUP, ...range(1, count));
  world.stream(0, GROUP);
  const stands = world.until(() => world.node(0).groups.has(GROUP), 1_500);
  expect(stands, `seed ${seed}: stands`).toBe(true);
  return world;
}

/** Sends every `everyMs` for a while; gives back the packets' names. */
function sendFor(
  world: World,
  ms: number,
  everyMs: number,
  between: (step: number) => void = () => undefined,
): string[] {
  const packets: string[] = [];
  for (let step = 0; step * everyMs < ms; step++) {
    between(step);
    const packet = `${world.mono}-${step}`;
    if (world.node(0).cast(GROUP, packet)) packets.push(packet);
    world.run(everyMs);
  }
  world.run(1_500);
  return packets;
}

const missed = (node: TestNode, packets: string[]): number =>
  packets.filter((packet) => node.got.get(packet) !== 1).length;

describe.each(seeds(1, 2, 3, 77, 28_258, 895_248))('seed %i', (seed) => {
  it.each([6, 24, 100])('%i members: a tree stands within its time and everybody gets each packet once', (count) => {
    const world = standing(seed, count);
    const packets = sendFor(world, 500, 10);
    expect(packets.length).toBe(50);
    for (const node of world.nodes.slice(1)) expect(missed(node, packets), `seed ${seed} node ${node.number}`).toBe(0);
    expect(world.duplicates).toBe(0);
    expect(world.misrouted).toBe(0);
    const view = world.node(0).trees.view();
    expect(view.own[0]).toMatchObject({ receivers: count - 1, unserved: 0 });
    expect(view.own[0]?.degree).toBeLessThanOrEqual(8);
    expect(view.own[0]?.copies).toBeLessThanOrEqual(4);
    for (const node of world.nodes) expect(node.bad, `node ${node.number}`).toBe(0);
  });

  it('ten join and leave each second: nothing is lost or doubled at those who stay', () => {
    const world = new World(seed, 60);
    world.join(GROUP, ...range(1, 40));
    world.stream(0, GROUP);
    world.run(1_200);
    const inside = new Set(range(1, 40));
    const touched = new Set<number>();
    const packets = sendFor(world, 6_000, 5, (step) => {
      if (step % 20 !== 0) return;
      const number = 1 + world.random.below(59);
      touched.add(number);
      if (inside.delete(number)) world.leave(GROUP, number);
      else {
        inside.add(number);
        world.join(GROUP, number);
      }
    });
    const stayed = [...inside].filter((number) => !touched.has(number));
    expect(stayed.length).toBeGreaterThan(3);
    for (const number of stayed) expect(missed(world.node(number), packets), `seed ${seed} node ${number}`).toBe(0);
    expect(world.duplicates).toBe(0);
    for (const node of world.nodes) expect(node.bad, `node ${node.number}`).toBe(0);
    // Those who left in time get nothing more, those who came get everything.
    world.run(5_000);
    const last = sendFor(world, 300, 10);
    for (const number of range(1, 60)) {
      const got = last.filter((packet) => world.node(number).got.has(packet)).length;
      expect(got, `seed ${seed} node ${number}`).toBe(inside.has(number) ? last.length : 0);
    }
  });

  it('who leaves says so to its data plane, which asks nobody any more, until it joins again', () => {
    const world = new World(seed, 30);
    world.join(GROUP, ...range(1, 20));
    world.stream(0, GROUP);
    world.run(1_200);
    const told = (number: number): TreeConfig | undefined => [...world.node(number).configs.values()].flat().at(-1);
    const [leaf] = range(1, 20).filter((number) => told(number)?.children.length === 0) as [number];
    expect(told(leaf)?.left).toBe(false);
    world.leave(GROUP, leaf);
    expect(told(leaf)?.left).toBe(true);
    world.join(GROUP, leaf);
    expect(told(leaf)?.left).toBe(false);
    for (const number of range(1, 20)) expect(told(number)?.left, `node ${number}`).toBe(false);
  });

  it('nodes die in the middle of a change of epoch: the others are served soon', () => {
    const world = standing(seed, 40);
    world.run(1_000);
    world.leave(GROUP, 39);
    world.run(60);
    // Those that feed most.
    const parents =
      world
        .node(0)
        .trees.view()
        .own[0]?.parents.map(([, parent]) => parent) ?? [];
    const inner = [...new Set(parents)].filter((origin) => origin !== world.node(0).origin).slice(0, 3);
    for (const origin of inner) world.kill(world.byName.get(origin) as TestNode);
    world.run(9_000);
    const packets = sendFor(world, 500, 10);
    for (const node of world.nodes.slice(1, 39))
      if (node.alive) expect(missed(node, packets), `seed ${seed} node ${node.number}`).toBe(0);
  });

  it('one that died as the stream began costs those below it nothing: the tree stands without it while packets wait', () => {
    const view = standing(seed, 40).node(0).trees.view().own[0];
    const first = new Map(view?.parents);
    const count = (origin: string): number => [...first.values()].filter((parent) => parent === origin).length;
    const [dying] = [...first.keys()].sort((a, b) => count(b) - count(a)) as [string];
    expect(count(dying)).toBeGreaterThan(1);
    const world = new World(seed, 40);
    world.join(GROUP, ...Array.from({ length: 39 }, (_, n) => n + 1));
    world.kill(world.byName.get(dying) as TestNode);
    world.stream(0, GROUP);
    world.run(1_400);
    const packets = sendFor(world, 100, 10);
    for (const node of world.nodes.slice(1))
      if (node.alive) expect(missed(node, packets), `seed ${seed} node ${node.number}`).toBe(0);
  });

  it('a node that restarts gets the tree and a key again', () => {
    const world = standing(seed, 20);
    world.run(1_000);
    const node = world.node(7);
    node.restart();
    world.run(50);
    world.changedMembers();
    world.run(4_000);
    const packets = sendFor(world, 300, 10);
    expect(missed(node, packets), `seed ${seed}`).toBe(0);
  });

  it('a node that was away for long gets the tree as soon as it is back', () => {
    const world = standing(seed, 20);
    world.run(1_000);
    const node = world.node(7);
    node.alive = false;
    world.endSessions(node);
    // Tried in vain, ever more rarely.
    world.run(25_000);
    node.restart();
    world.changedMembers();
    world.run(1_500);
    const packets = sendFor(world, 300, 10);
    expect(packets.length).toBe(30);
    expect(missed(node, packets), `seed ${seed}`).toBe(0);
  });

  it('a removed member’s key is replaced at once, however young it is', () => {
    const world = standing(seed, 20);
    world.run(1_000);
    const removed = world.node(7);
    const idsOf = (node: TestNode) => [...node.castKeys.values()].flat().map(({ id }) => id);
    const known = idsOf(removed);
    expect(known.length).toBeGreaterThan(0);
    world.members.delete(removed.origin);
    world.leave(GROUP, 7);
    world.changedMembers();
    world.run(3_000);
    const used = world
      .node(0)
      .configs.get(`${world.node(0).origin} 1`)
      ?.at(-1)?.key?.id;
    expect(used, `seed ${seed}`).toBeDefined();
    expect(known, `seed ${seed}`).not.toContain(used);
    expect(idsOf(world.node(8)), `seed ${seed}`).toContain(used);
  });

  it('an origin that restarts builds trees that replace those of before', () => {
    const world = standing(seed, 20);
    world.run(1_000);
    world.node(0).restart();
    world.changedMembers();
    world.run(500);
    world.stream(0, GROUP);
    world.run(2_000);
    const packets = sendFor(world, 300, 10);
    expect(packets.length).toBe(30);
    for (const node of world.nodes.slice(1)) expect(missed(node, packets), `seed ${seed} node ${node.number}`).toBe(0);
  });

  it('where words come late an origin waits longer, and soon plans no more', () => {
    const world = new World(seed, 40);
    world.busyMs = 350;
    world.join(GROUP, ...range(1, 40));
    world.stream(0, GROUP);
    const served = () => world.node(0).groups.has(GROUP) && world.node(0).trees.view().own[0]?.unserved === 0;
    expect(world.until(served, 60_000), `seed ${seed}`).toBe(true);
    world.run(60_000);
    const before = world.node(0).trees.view().own[0]?.epoch as number;
    world.run(60_000);
    expect((world.node(0).trees.view().own[0]?.epoch as number) - before).toBeLessThanOrEqual(3);
    const packets = sendFor(world, 500, 10);
    for (const number of range(1, 40)) expect(missed(world.node(number), packets), `node ${number}`).toBe(0);
  });

  it('offers that are lost on the way are planned around', () => {
    const world = new World(seed, 30);
    for (const node of world.nodes) node.lose = { type: 'treeOffer', share: 0.4 };
    world.join(GROUP, ...range(1, 30));
    world.stream(0, GROUP);
    world.run(3_000);
    for (const node of world.nodes) node.lose = null;
    expect(world.lost).toBeGreaterThan(0);
    world.run(40_000);
    const packets = sendFor(world, 300, 10);
    for (const node of world.nodes.slice(1)) expect(missed(node, packets), `seed ${seed} node ${node.number}`).toBe(0);
  });

  it('pairs that cannot reach each other are no edges', () => {
    const world = new World(seed, 30);
    for (let wall = 0; wall < 60; wall++) {
      const [a, b] = [world.random.below(30), world.random.below(30)];
      const names = [world.node(a).origin, world.node(b).origin].sort();
      if (a !== b) world.walls.add(names.join(' '));
    }
    world.join(GROUP, ...range(1, 30));
    world.stream(0, GROUP);
    world.run(120_000);
    const packets = sendFor(world, 300, 10);
    for (const node of world.nodes.slice(1)) expect(missed(node, packets), `seed ${seed} node ${node.number}`).toBe(0);
  });
});
