// Rates from two samples of the data plane's counters.
import type { Traffic } from '../contract/state.ts';
import type { PeerStats } from './ports.ts';

export interface NetworkSample {
  id: string;
  members: { id: string; stats: PeerStats }[];
}

type Counters = Map<string, { rx: number; tx: number }>;

export class TrafficMeter {
  #before: Counters = new Map();
  #beforeMono = -1;
  #last: Traffic = { atMs: 0, networks: [] };

  last(): Traffic {
    return this.#last;
  }

  sample(now: { mono: number; wall: number }, networks: readonly NetworkSample[]): void {
    const seconds = this.#beforeMono < 0 ? 0 : (now.mono - this.#beforeMono) / 1000;
    const counters: Counters = new Map();
    // A counter that shrank belongs to a new session: its whole value is new.
    const rate = (after: number, before: number | undefined): number =>
      seconds <= 0 || before === undefined ? 0 : Math.round((after >= before ? after - before : after) / seconds);
    const measured = networks.map(({ id, members }) => {
      const rates = members.map(({ id: member, stats }) => {
        const name = `${id} ${member}`;
        const before = this.#before.get(name);
        counters.set(name, { rx: stats.rxBytes, tx: stats.txBytes });
        return {
          id: member,
          rxBytesPerSecond: rate(stats.rxBytes, before?.rx),
          txBytesPerSecond: rate(stats.txBytes, before?.tx),
        };
      });
      const sum = (pick: (item: (typeof rates)[number]) => number): number => rates.reduce((a, b) => a + pick(b), 0);
      return {
        id,
        rxBytesPerSecond: sum((item) => item.rxBytesPerSecond),
        txBytesPerSecond: sum((item) => item.txBytesPerSecond),
        members: rates.filter((item) => item.rxBytesPerSecond > 0 || item.txBytesPerSecond > 0),
      };
    });
    this.#before = counters;
    this.#beforeMono = now.mono;
    this.#last = { atMs: now.wall, networks: measured };
  }
}
