// Options by chance, for soaks and random tests: everything that the seed decides, within what a line can bear.
import { Chance } from './chance.ts';
import type { Nat } from './binding.ts';
import { DEFAULTS, type SimOptions } from './options.ts';
import type { Scenario } from './scenario.ts';

const NODES = [3, 5, 8, 12, 16, 24, 32, 48, 64];
const NATS: readonly Nat[] = ['open', 'independent', 'addressRestricted', 'portRestricted', 'symmetric'];
const SENDERS = [1, 1, 2, 3];
/** Members that do not send. */
const RECEIVERS_LEAST = 2;
const RATES = [5, 10, 20];
const BYTES = [100, 200, 600, 1_200];
/** Uplinks, bits/s, that bear all streams so many times at least; 0: no limit. */
const UPLINKS = [0, 0, 2_000_000, 5_000_000, 20_000_000];
const HEADROOM = 8;
const QUEUES = [32_768, 65_536, 262_144];
const REPAIRS: readonly SimOptions['repair'][] = ['open', 'open', 'nack', 'fec', 'off'];
/**
 * The first members send, invite, and stay when others die: all others can call them, so that nothing is due between two whom no
 * NAT lets through to each other.
 */
const CALLABLE: Nat = 'open';
const CALLABLES_LEAST = 2;

/** All options from one seed, but how long it takes; at most `most` members. */
export function draw(scenario: Scenario, seed: number, most: number): Partial<SimOptions> {
  const chance = new Chance(seed, 'options');
  const rate = chance.pick(RATES);
  const bytes = chance.pick(BYTES);
  const nodes = Math.max(scenario.least ?? 0, chance.pick(NODES.filter((count) => count <= most)));
  const senders = Math.min(chance.pick(SENDERS), nodes - RECEIVERS_LEAST);
  const needed = rate * bytes * 8 * senders * HEADROOM;
  const fits = (bps: number): number => (bps === 0 || bps >= needed ? bps : 0);
  const kinds = chance.some(NATS, 1 + chance.below(NATS.length));
  const nats = [...Array.from({ length: Math.max(senders, CALLABLES_LEAST) }, () => CALLABLE), ...kinds];
  return {
    ...{ seed, nodes, senders, rate, bytes, nats },
    faults: chance.below(5) > 0,
    skew: chance.below(4) > 0,
    upBps: fits(chance.pick(UPLINKS)),
    downBps: fits(chance.pick(UPLINKS)),
    queueBytes: chance.pick(QUEUES),
    repair: chance.pick(REPAIRS),
    mttf: 60 + chance.below(300),
    mttr: 10 + chance.below(60),
    crypto: chance.below(16) === 0 ? 'real' : DEFAULTS.crypto,
    ...scenario.fixed,
  };
}
