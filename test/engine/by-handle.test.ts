import { describe, expect, it } from 'vitest';
import { ByHandle } from '../../app/engine/by-handle.ts';

const item = (n: number): { n: number } => ({ n });

describe('a map by handles', () => {
  it('holds what was set, until it is deleted', () => {
    const map = new ByHandle<{ n: number }>();
    const handles = [1, 15, 16, 17, 1_000, 4_000_000_000];
    for (const handle of handles) map.set(handle, item(handle));
    for (const handle of handles) expect(map.get(handle)).toEqual(item(handle));
    expect([0, 2, 18, 999, 1_001, -1].map((handle) => map.get(handle))).toEqual(Array(6).fill(undefined));
    map.set(16, item(5));
    map.delete(17);
    map.delete(99);
    expect([15, 16, 17].map((handle) => map.get(handle)?.n)).toEqual([15, 5, undefined]);
  });

  it('forgets pages that nobody is on', () => {
    const map = new ByHandle();
    for (let handle = 0; handle < 10_000; handle++) {
      map.set(handle, item(handle));
      map.delete(handle - 20);
    }
    expect(map.pages).toBeLessThanOrEqual(3);
  });
});
