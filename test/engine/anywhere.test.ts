// Which groups are served for programs that choose no interface, and what is done for one adapter.
import { describe, expect, it } from 'vitest';
import { chooser, GROUPS_MAX, groupsOf, planFor, PRESETS, type Joined } from '../../app/engine/anywhere.ts';
import { joinedIpv4, joinedIpv6 } from '../../main/anywhere/joined.ts';

describe('the setting', () => {
  it('names presets, groups and ranges', () => {
    expect(groupsOf([])).toEqual([]);
    expect(groupsOf(['games', '239.1.2.3', '239.8.0.0/16', 'ff15::1'])).toEqual([
      ...(PRESETS['games'] as string[]),
      '239.1.2.3',
      '239.8.0.0/16',
      'ff15::1',
    ]);
    expect(groupsOf(['discovery', 'discovery', '239.255.255.250'])).toEqual(PRESETS['discovery']);
    for (const name of Object.keys(PRESETS)) expect(groupsOf([name]), name).not.toBeNull();
  });

  it('refuses what is no group, and too many', () => {
    for (const wrong of [
      '',
      'toString',
      '10.0.0.1',
      '239.0.0.0/3',
      '239.1.1.1/33',
      '239.1.1.1/x',
      '0.0.0.0/0',
      'fe80::1',
      'ff00::/7',
      '239.1.1.1/8/8',
    ])
      expect(groupsOf([wrong]), wrong).toBeNull();
    const many = Array.from({ length: GROUPS_MAX + 1 }, (_, n) => `239.1.2.${n}`);
    expect(groupsOf(many)).toBeNull();
    expect(groupsOf(many.slice(1))).toHaveLength(GROUPS_MAX);
  });

  it('never means what belongs to one link, even with `all`', () => {
    const isChosen = chooser(groupsOf(['all']) ?? []);
    for (const group of ['239.1.2.3', '224.0.1.1', '224.0.0.224', '255.255.255.255', 'ff02::c', 'ff05::1:3', 'ff15::1'])
      expect(isChosen(group), group).toBe(true);
    for (const group of [
      '224.0.0.1',
      '224.0.0.251',
      '224.0.0.252',
      'ff01::1',
      'ff02::1',
      'ff02::2',
      'ff02::16',
      'ff02::fb',
      'ff02::1:3',
      'ff02::1:ff00:1',
      '10.0.0.1',
      'x',
    ])
      expect(isChosen(group), group).toBe(false);
    const some = chooser(['239.7.0.0/12']);
    expect(['239.0.0.1', '239.15.9.9', '239.16.0.0', '255.255.255.255'].map(some)).toEqual([true, true, false, false]);
  });
});

describe('for one adapter', () => {
  const joined = (name: string, group: string, users = 1): Joined => ({ interface: name, group, users });
  const any = () => true;

  it('chosen groups that were joined elsewhere are held, and handed to where they were joined first', () => {
    const list = [
      joined('lo', '239.0.0.9'),
      joined('eth0', '239.1.1.1'),
      joined('eth1', '239.1.1.1'),
      joined('eth1', '239.2.2.2'),
      joined('weft1', '239.3.3.3'),
    ];
    const isChosen = (group: string) => group !== '239.2.2.2';
    expect(planFor('weft0', list, new Set(), isChosen)).toEqual({
      hold: ['239.1.1.1'],
      mirror: [{ group: '239.1.1.1', to: 'eth0' }],
    });
  });

  it('a group that a program joined there itself is left to it; an own membership is no program’s', () => {
    const list = [joined('eth0', '239.1.1.1'), joined('weft0', '239.1.1.1')];
    expect(planFor('weft0', list, new Set(), any).hold).toEqual([]);
    expect(planFor('weft0', list, new Set(['239.1.1.1']), any).hold).toEqual(['239.1.1.1']);
    const both = [joined('eth0', '239.1.1.1'), joined('weft0', '239.1.1.1', 2)];
    expect(planFor('weft0', both, new Set(['239.1.1.1']), any).hold).toEqual([]);
  });

  it('is bounded', () => {
    const list = Array.from({ length: 300 }, (_, n) => joined('eth0', `239.1.${n >> 8}.${n & 255}`));
    expect(planFor('weft0', list, new Set(), any).hold).toHaveLength(GROUPS_MAX);
  });
});

describe('the system’s lists', () => {
  it('of IPv4', () => {
    const text = `Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter
1\tlo        :     1      V3
\t\t\t\t010000E0     1 0:00000000\t\t0
7\tverylongname0:     2      V3
\t\t\t\tFAFFFFEF     3 0:00000000\t\t0
\t\t\t\t010000E0     1 0:00000000\t\t0
`;
    expect(joinedIpv4(text, true)).toEqual([
      { interface: 'lo', group: '224.0.0.1', users: 1 },
      { interface: 'verylongname0', group: '239.255.255.250', users: 3 },
      { interface: 'verylongname0', group: '224.0.0.1', users: 1 },
    ]);
    expect(joinedIpv4('')).toEqual([]);
  });

  it('of IPv6', () => {
    const text = '2    eth0            ff02000000000000000000000000000c     4 00000004 0\nnonsense\n';
    expect(joinedIpv6(text)).toEqual([{ interface: 'eth0', group: 'ff02::c', users: 4 }]);
  });
});
