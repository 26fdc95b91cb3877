// An epoch on its way holds nothing of the epochs before it: a tree that changes for months must not remember them all.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { Delivery } from '../../app/mesh/multicast/delivery.ts';
import { Shape } from '../../app/mesh/multicast/shape.ts';
import { decodeTreeMessage, NODE_SUBSCRIBES, ROOT } from '../../app/wire/messages/tree.ts';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

const [SELF, CHILD] = ['00000000000000aa', '00000000000000bb'];
const EPOCHS = 20;

function shapeOf(epoch: number): Shape {
  const head = { origin: SELF, start: 1, tree: 1, epoch, repair: 'nack' as const, rate: 0, keyId: 1, groups: [] };
  const shape = Shape.of({ ...head, nodes: [{ origin: CHILD, parent: ROOT, flags: NODE_SUBSCRIBES }] });
  if (!shape) throw new Error('no tree');
  return shape;
}

describe('an epoch on its way', () => {
  it('lets go of the one before', async () => {
    const io = { send: () => true, connect: () => {}, isUp: () => true, peerHandle: () => 1, rttMs: () => 1 };
    const past: WeakRef<Shape>[] = [];
    let latest: { shape: Shape; delivery: Delivery } | null = null;
    for (let epoch = 1; epoch <= EPOCHS; epoch++) {
      const before = latest;
      const shape = shapeOf(epoch);
      const known = (child: string): boolean => before?.shape.node(child) !== undefined;
      const start = { self: SELF, shape, signature: new Uint8Array(64), deadlineMono: 1_000 };
      const delivery: Delivery = new Delivery(io, { ...start, delta: { bytes: new Uint8Array(80), known } });
      delivery.begin(0);
      latest = { shape, delivery };
      past.push(new WeakRef(shape));
    }
    // What a weak reference was read from in this turn stays until the next.
    await new Promise((settle) => setImmediate(settle));
    gc();
    expect(latest?.delivery.children()).toEqual([CHILD]);
    expect(past.filter((shape) => shape.deref() !== undefined).length).toBeLessThanOrEqual(2);
  });

  it('leaves its children time for their word to come back, in stripes more', () => {
    const waits: number[] = [];
    const io = {
      send: (_: string, bytes: Uint8Array) => {
        const message = decodeTreeMessage(bytes);
        if (typeof message !== 'string' && message.type === 'treeOffer') waits.push(message.waitMs);
        return true;
      },
      ...{ connect: () => {}, isUp: () => true, peerHandle: () => 1, rttMs: () => 20 },
    };
    const plain = shapeOf(1);
    const stripe = Shape.of({ ...plain.description, keyTree: 2 }) as Shape;
    for (const [shape, deadlineMono] of [
      [plain, 2_000],
      [stripe, 2_000],
      [plain, 500],
    ] as const)
      new Delivery(io, { self: SELF, shape, signature: new Uint8Array(64), delta: null, deadlineMono }).begin(0);
    expect(waits).toEqual([2_000 - 160 - 20, 2_000 - 240 - 20, 500 - 80 - 20]);
  });
});
