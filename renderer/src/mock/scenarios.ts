// Situations that the window must show well, by the name in `?mock=<name>`.
import type { State } from '../../../app/contract/state.ts';
import { club, fresh, home, member, state } from './samples.ts';

const MANY = 500;

export const SCENARIOS: Record<string, () => State> = {
  first: () => state([]),
  home: () => state([home(), club()]),
  alone: () => state([fresh('home', 'home')]),
  degraded: () =>
    state(
      [
        home({
          state: 'degraded',
          adapter: null,
          problems: [{ code: 'prefix-overlaps', data: { local: '10.87.0.0/16' } }],
        }),
        club({ state: 'connecting' }),
      ],
      { helper: 'missing', problems: [{ code: 'helper-missing' }] },
    ),
  off: () => state([home({ on: false, state: 'off' }), club()]),
  joining: () => state([home(), club({ state: 'joining', addresses: [], adapter: null })]),
  flood: () => state([flooded()]),
  many: () =>
    state([
      home({
        members: [
          ...home().members,
          ...Array.from({ length: MANY }, (_, i) => member(`guest-${i}`, (i % 250) + 1, { id: `guest-${i}` })),
        ],
      }),
    ]),
};

/** One member floods: it is named by a row and at its name. */
function flooded(): State['networks'][number] {
  const { members } = home();
  const flooder = members.find(({ self }) => !self) ?? members[0];
  return home({
    limited: [{ member: flooder?.id ?? '', group: '255.255.255.255', sinceMs: 0, dropped: 120_000 }],
    problems: [{ code: 'member-limited', data: { name: flooder?.name ?? '' } }],
  });
}
