// When the DHT is asked and told: virtual hours in milliseconds.
import { describe, expect, it } from 'vitest';
import { RendezvousSchedule, type RendezvousNeeds } from '../../app/mesh/discovery/schedule.ts';

const S = 1_000;
const HOUR = 3_600 * S;
const fine: RendezvousNeeds = { lost: false, publisher: () => true, text: '192.0.2.1:4000' };
const lost: RendezvousNeeds = { ...fine, lost: true };

/** Looks every second; each step takes `tookS`. Returns "seconds what". */
function run(
  schedule: RendezvousSchedule,
  fromS: number,
  toS: number,
  needs: (s: number) => RendezvousNeeds,
  ok = true,
) {
  const steps: string[] = [];
  for (let s = fromS; s <= toS; s++) {
    const step = schedule.next(s * S, needs(s));
    if (!step) continue;
    steps.push(`${s} ${[step.publish && 'publish', step.lookup && 'lookup'].filter(Boolean).join('+')}`);
    schedule.done(s * S, step, ok, ok);
  }
  return steps;
}
const schedule = () => new RendezvousSchedule(0, () => 0.5);

describe('the schedule of the rendezvous', () => {
  it('looks up after 10 s without any session, soon again, then ever more rarely; says where it is the first time', () => {
    expect(run(schedule(), 0, 2_000, () => lost)).toEqual([
      '10 publish+lookup',
      '15 lookup',
      '25 lookup',
      '55 lookup',
      '115 lookup',
      '235 lookup',
      '535 lookup',
      '1435 lookup',
    ]);
  });

  it('does nothing but publish hourly while there are sessions', () => {
    expect(run(schedule(), 0, 7_300, () => fine)).toEqual(['60 publish', '3660 publish', '7260 publish']);
  });

  it('begins anew when sessions were there in between, and when this machine moved', () => {
    const one = schedule();
    expect(run(one, 0, 60, (s) => (s === 30 ? fine : lost))).toEqual([
      '10 publish+lookup',
      '15 lookup',
      '25 lookup',
      '41 lookup',
      '46 lookup',
      '56 lookup',
    ]);
    run(one, 61, 1_000, () => lost);
    one.moved(1_000 * S);
    expect(run(one, 1_001, 1_030, () => ({ ...lost, text: 'elsewhere' }))).toEqual([
      '1010 publish+lookup',
      '1015 lookup',
      '1025 lookup',
    ]);
  });

  it('renews what it published when that has changed, not more often than every two minutes', () => {
    const steps = run(schedule(), 0, 600, (s) => ({ ...fine, text: s < 100 ? 'a' : `${Math.min(s, 300)}` }));
    expect(steps).toEqual(['60 publish', '180 publish', '300 publish']);
  });

  it('leaves it to others when enough of them publish, and asks again an hour later', () => {
    const one = schedule();
    expect(run(one, 0, 3_000, () => ({ ...fine, publisher: () => false }))).toEqual([]);
    expect(run(one, 3_001, 4_000, () => fine)).toEqual(['3660 publish']);
  });

  it('tries again when it did not work: with each look-up while lost, else after ten minutes', () => {
    expect(run(schedule(), 0, 90, () => lost, false)).toEqual([
      '10 publish+lookup',
      '15 publish+lookup',
      '20 publish+lookup',
      '30 publish+lookup',
      '40 publish+lookup',
      '50 publish+lookup',
      '80 publish+lookup',
    ]);
    expect(run(schedule(), 0, 1_000, () => fine, false)).toEqual(['60 publish', '660 publish']);
  });

  it('what reached nobody does not count: once the DHT answers, look-ups are close together again', () => {
    const one = schedule();
    run(one, 0, 40, () => lost, false);
    expect(run(one, 41, 120, () => lost)).toEqual(['50 publish+lookup', '55 lookup', '65 lookup', '95 lookup']);
    run(one, 121, 160, () => lost, false);
    expect(run(one, 161, 170, () => lost)).toEqual(['165 lookup']);
  });

  it('does one thing at a time', () => {
    const one = schedule();
    const step = one.next(60 * S, fine);
    expect(step).not.toBeNull();
    expect(one.next(3 * HOUR, fine)).toBeNull();
    one.done(3 * HOUR, step as NonNullable<typeof step>, true, true);
    expect(one.next(3 * HOUR + 1, fine)).toBeNull();
    expect(one.next(4 * HOUR + 1, fine)).not.toBeNull();
  });
});
