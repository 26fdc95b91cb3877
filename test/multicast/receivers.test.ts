// Which members receive which group, and what of that the data plane is told.
import { describe, expect, it } from 'vitest';
import {
  ALL_MEMBERS_GROUPS,
  GroupDiff,
  groupTable,
  type GroupReceiver,
  type MemberWishes,
} from '../../app/mesh/multicast/receivers.ts';

const GROUP = '232.1.1.1';
const BROADCAST = '255.255.255.255';

const everyone = (count: number): GroupReceiver[] =>
  Array.from({ length: count }, (_, index) => ({ peer: index + 1, mode: 'exclude', sources: [] }));
const wishing = (peer: number): MemberWishes => ({
  ...{ peer, origin: `000000000000000${peer}`, guest: false },
  wishes: [{ group: GROUP, mode: 'exclude', sources: [] }],
});

describe('the table of groups', () => {
  it('has what is for all, and what somebody wishes for', () => {
    const all = everyone(2);
    const table = groupTable([wishing(2)], all);
    expect([...table.keys()]).toEqual([...ALL_MEMBERS_GROUPS, GROUP]);
    for (const group of ALL_MEMBERS_GROUPS) expect(table.get(group)).toEqual(all);
    expect(table.get(GROUP)).toEqual([{ peer: 2, mode: 'exclude', sources: [] }]);
  });
});

describe('differences', () => {
  it('name only those who came, where all others stayed', () => {
    const all = everyone(4);
    const diff = new GroupDiff();
    const next = (receivers: GroupReceiver[]) =>
      diff.next(groupTable([], receivers)).filter(({ group }) => group === BROADCAST);
    expect(next(all.slice(0, 2))).toEqual([{ group: BROADCAST, receivers: all.slice(0, 2) }]);
    expect(next(all.slice(0, 2))).toEqual([]);
    expect(next(all)).toEqual([{ group: BROADCAST, receivers: all.slice(2), more: true }]);
    expect(next(all)).toEqual([]);
    // Somebody in the middle left while another came.
    const others = [all[0] as GroupReceiver, ...everyone(5).slice(2)];
    expect(next(others)).toEqual([{ group: BROADCAST, receivers: others }]);
    expect(next([])).toEqual([{ group: BROADCAST, receivers: [] }]);
    expect(next(all)).toEqual([{ group: BROADCAST, receivers: all }]);
  });

  it('name all where rights or repair changed as well', () => {
    const all = everyone(3);
    const diff = new GroupDiff();
    const table = (count: number) => new Map([[GROUP, all.slice(0, count)]]);
    diff.next(table(2));
    expect(diff.next(table(3), new Map([[GROUP, [1]]]))).toEqual([{ group: GROUP, receivers: all, publishers: [1] }]);
    diff.next(table(2));
    expect(diff.next(table(3), new Map(), new Set([GROUP]))).toEqual([
      { group: GROUP, receivers: all, repaired: true },
    ]);
  });
});
