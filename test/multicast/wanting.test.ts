// Who wants what a host sends: wishes, source filters, rights of channels.
import { describe, expect, it } from 'vitest';
import type { ChannelRights, MemberWishes } from '../../app/mesh/multicast/receivers.ts';
import { isEntitled, receives, spelled, wantsFrom } from '../../app/mesh/multicast/wanting.ts';

const GROUP = '232.1.1.1';
const OWN = spelled(['10.1.2.3', 'FD00:0:0::1', null]);

const member = (changes: Partial<MemberWishes> = {}): MemberWishes => ({
  ...{ peer: 1, origin: '0000000000000001', guest: false },
  wishes: [{ group: GROUP, mode: 'exclude', sources: [] }],
  ...changes,
});
const rights = (publishes: boolean, subscribers: string[]): ChannelRights => ({
  publishes,
  signed: false,
  mayPublish: () => true,
  receives: ({ origin }) => subscribers.includes(origin),
});

describe('wishes', () => {
  it('are over the addresses of the sender, in one spelling', () => {
    expect([...OWN]).toEqual(['10.1.2.3', 'fd00::1']);
    expect(wantsFrom({ mode: 'exclude', sources: [] }, OWN)).toBe(true);
    expect(wantsFrom({ mode: 'exclude', sources: ['10.1.2.3'] }, OWN)).toBe(false);
    expect(wantsFrom({ mode: 'include', sources: ['10.9.9.9'] }, OWN)).toBe(false);
    expect(wantsFrom({ mode: 'include', sources: ['10.9.9.9', 'fd00::1'] }, OWN)).toBe(true);
  });

  it('decide over groups that somebody joined; what is for all needs none', () => {
    expect(receives(GROUP, member(), undefined, OWN)).toBe(true);
    expect(receives('232.1.1.2', member(), undefined, OWN)).toBe(false);
    expect(receives('255.255.255.255', member({ wishes: [] }), undefined, OWN)).toBe(true);
    expect(
      receives('ff01::5', member({ wishes: [{ group: 'ff01::5', mode: 'exclude', sources: [] }] }), undefined, OWN),
    ).toBe(false);
  });
});

describe('rights', () => {
  it('of channels bound senders and receivers; guests have open groups and broadcasts of nobody', () => {
    expect(receives(GROUP, member(), rights(true, ['0000000000000001']), OWN)).toBe(true);
    expect(receives(GROUP, member(), rights(true, []), OWN)).toBe(false);
    expect(receives(GROUP, member(), rights(false, ['0000000000000001']), OWN)).toBe(false);
    const guest = member({ guest: true });
    expect(receives(GROUP, guest, undefined, OWN)).toBe(false);
    expect(receives('255.255.255.255', guest, undefined, OWN)).toBe(false);
    expect(receives(GROUP, guest, rights(true, ['0000000000000001']), OWN)).toBe(true);
    expect(isEntitled(GROUP, member({ wishes: [] }), undefined)).toBe(true);
    expect(isEntitled(GROUP, guest, undefined)).toBe(false);
  });
});
