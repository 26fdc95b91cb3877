// Trees whose casts are signed: which groups take them, what every node is told, and what happens when a group becomes one of them.
import { describe, expect, it } from 'vitest';
import type { TreeConfig } from '../../app/mesh/multicast/io.ts';
import {
  decodeOffer,
  decodeTreeMessage,
  encodeOffer,
  encodeTreeMessage,
  type TreeDescription,
  TREE_VERSION,
  TREE_VERSION_SIGNED,
} from '../../app/wire/messages/tree.ts';
import { World, type TestNode } from './support/world.ts';

const OPEN = '239.1.2.3';
const SIGNED = '239.1.2.4';
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, n) => from + n);

/** Node 0 sends to all groups; everybody else receives them. */
function standing(groups: string[], signed: string[]): World {
  const world = new World(11, 12);
  for (const group of signed) world.signed.add(group);
  for (const group of groups) {
    world.join(group, ...range(1, 12));
    world.stream(0, group);
  }
  expect(world.until(() => groups.every((group) => world.node(0).groups.has(group)), 3_000)).toBe(true);
  world.run(1_000);
  return world;
}

/** What a node was told last of the trees that node 0 uses for a group. */
const told = (world: World, node: TestNode, group: string): TreeConfig[] =>
  (world.node(0).groups.get(group) ?? []).map(
    (tree) => node.configs.get(`${world.node(0).origin} ${tree}`)?.at(-1) as TreeConfig,
  );

describe('signed trees', () => {
  it('are not shared with groups that are open to all, and every node is told with what their casts are signed', () => {
    const world = standing([OPEN, SIGNED, '239.1.2.5'], [SIGNED]);
    const origin = world.node(0);
    expect(origin.groups.get(OPEN)).toEqual(origin.groups.get('239.1.2.5'));
    expect(origin.groups.get(SIGNED)?.some((tree) => origin.groups.get(OPEN)?.includes(tree))).toBe(false);
    for (const node of world.nodes) {
      for (const { signer } of told(world, node, SIGNED)) expect(signer).toEqual(origin.castSigner());
      for (const { signer } of told(world, node, OPEN)) expect(signer).toBeUndefined();
    }
    expect(world.nodes.map(({ bad }) => bad)).toEqual(world.nodes.map(() => 0));
  });

  it('begin when a group becomes one whose casts are signed, and end when it is open to all again', () => {
    const world = standing([OPEN, SIGNED], []);
    const origin = world.node(0);
    const before = origin.groups.get(SIGNED);
    expect(before).toEqual(origin.groups.get(OPEN));
    for (const isSigned of [true, false]) {
      if (isSigned) world.signed.add(SIGNED);
      else world.signed.delete(SIGNED);
      world.changedMembers();
      // The data plane holds its packets, and asks.
      expect(origin.groups.has(SIGNED)).toBe(false);
      expect(origin.groups.get(OPEN)).toEqual(before);
      world.stream(0, SIGNED);
      expect(world.until(() => origin.groups.has(SIGNED), 3_000)).toBe(true);
      world.run(1_000);
      for (const node of world.nodes)
        for (const { signer } of told(world, node, SIGNED)) expect(signer !== undefined).toBe(isSigned);
    }
    expect(origin.groups.get(SIGNED)).toEqual(before);
  });

  it('go with the only group that had its trees', () => {
    const world = standing([SIGNED], []);
    const origin = world.node(0);
    world.signed.add(SIGNED);
    world.changedMembers();
    expect(origin.groups.size).toBe(0);
    expect(origin.trees.view().own).toEqual([]);
    world.stream(0, SIGNED);
    world.run(3_000);
    expect(told(world, world.node(5), SIGNED)[0]?.signer).toEqual(origin.castSigner());
  });

  it('are described with their key: another one, or none, is forged', () => {
    const world = new World(12, 8);
    world.signed.add(SIGNED);
    let victims = 0;
    world.tap = (from, to, bytes) => {
      const message = decodeTreeMessage(bytes);
      if (typeof message === 'string' || message.type !== 'treeOffer' || to.configs.size > 0) return;
      const offer = decodeOffer(message.bytes);
      if (offer?.form !== 'full') return;
      victims++;
      const { signer, ...plain } = offer.description;
      expect([signer, message.bytes[1]]).toEqual([world.node(0).castSigner(), TREE_VERSION_SIGNED]);
      const others: TreeDescription[] = [plain, { ...offer.description, signer: to.castSigner() }];
      for (const description of others) {
        const forged = { ...message, bytes: encodeOffer({ ...offer, description }) };
        if (description === plain) expect(forged.bytes[1]).toBe(TREE_VERSION);
        expect(decodeTreeMessage(encodeTreeMessage(forged))).toEqual(forged);
        expect(to.trees.hear(world.mono, from.origin, forged)).toBe('bad');
        expect(to.configs.size).toBe(0);
      }
    };
    world.join(SIGNED, ...range(1, 8));
    world.stream(0, SIGNED);
    world.run(2_000);
    expect(victims).toBeGreaterThanOrEqual(7);
    for (const node of world.nodes) expect(told(world, node, SIGNED)[0]?.signer).toEqual(world.node(0).castSigner());
  });
});
