// The binding takes what the engine says of trees, as the engine says it: the model in support/ has no opinion on null and undefined.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Dataplane, TreeConfig } from '../../app/engine/ports.ts';
import { projectRoot } from '../netns/support/shell.ts';

const addon = process.env['WEFT_ADDON'] ?? join(projectRoot, 'native/addon/weft.node');
type Native = Dataplane & { close(): void };
const { Dataplane: Binding } = createRequire(import.meta.url)(addon) as { Dataplane: new (options: object) => Native };

const NET = 1;
const bytes = (length: number, fill: number): Uint8Array => new Uint8Array(length).fill(fill);
const origin = bytes(8, 7);
const tree: TreeConfig = {
  ...{ origin, tree: 1, epoch: 1, parent: null, backups: [], children: [], adoptable: [] },
  ...{ repair: 'nack', bytesPerSecond: 0, key: { id: 1, key: bytes(32, 3) } },
};
let dataplane: Native;

beforeEach(() => {
  dataplane = new Binding({});
  dataplane.addNetwork({
    ...{ net: NET, networkId: bytes(32, 1), secretKey: bytes(32, 2), origin, ipv4: '10.1.0.1', ipv4Prefix: 16 },
    ...{ ipv6: 'fd00::1', ipv6Prefix: 64, linkLocal: 'fe80::1', mac: '02:00:00:00:00:01', mtu: 1400 },
  });
});
afterEach(() => dataplane.close());

describe('trees through the binding', () => {
  it('takes a tree of its own, which has no parent', () => {
    dataplane.setTree(NET, tree);
    dataplane.sendOn(NET, '239.1.2.3', [1]);
    dataplane.dropTree(NET, origin, 1);
  });

  it('takes a place in the tree of another, and its key', () => {
    const peer = { peer: 5, key: bytes(32, 9), level: 'member' as const, origin: bytes(8, 5) };
    dataplane.setPeers(NET, [peer]);
    const { key: _, ...place } = tree;
    dataplane.setTree(NET, { ...place, origin: peer.origin, parent: 5 });
    dataplane.setCastKey(NET, { origin: peer.origin, tree: 1, id: 1, lowest: 0, key: bytes(32, 4) });
  });

  it.each([
    ['an unknown network', 9, tree, 'no-such-network'],
    ['a short origin', NET, { ...tree, origin: bytes(7, 7) }, 'bad-argument'],
    ['a tree beyond 16 bits', NET, { ...tree, tree: 65_536 }, 'bad-argument'],
    ['a repair that is none', NET, { ...tree, repair: 'hope' as 'off' }, 'bad-argument'],
  ])('refuses %s', (_, net, config, code) => {
    expect(() => dataplane.setTree(net, config)).toThrowError(expect.objectContaining({ code }) as Error);
  });
});
