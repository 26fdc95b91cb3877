// A run's outcome: what the model asks for against what the world saw, and the figures of the run.
import { TREE_FROM } from '../../../app/mesh/multicast/limits.ts';
import { healings } from './healing.ts';
import type { Allowance } from './model.ts';
import { pathLoss } from './options.ts';
import type { Simulation } from './simulation.ts';

const SECOND = 1_000_000;

/** What a member may take its time for: it hears a group it joined within so long. */
export const ALLOWANCE: Allowance = {
  settleUs: 20 * SECOND,
  // Sender keys rotate at most once per 10 s and origin.
  removalUs: 15 * SECOND,
  flightUs: 2 * SECOND,
  repairUs: 0,
};

/** What a run must meet. */
export interface Demand {
  /** Share of what is due that arrives. */
  ratio: number;
  /** Each receiver's longest silence: its 95th percentile over receivers, ms. */
  gapP95Ms: number;
  /** Everybody hears a sender again so long after a partition healed, ms. */
  healMs: number;
}

export const DEMAND: Demand = { ratio: 0.9995, gapP95Ms: 1_000, healMs: 30_000 };
/** What nothing repairs may be lost by chance on each hop of so many at most: mean, and so many deviations … */
const HOPS = 4;
const DEVIATIONS = 6;
/** … and a burst. */
const BURST_PACKETS = 4;
/** Without repair, what is lost until those below a dead member have another parent stays lost. */
const SWITCH_US = 1.5 * SECOND;

export interface Verdict {
  /** Packets that had to arrive, over all receivers; those that did. */
  due: number;
  delivered: number;
  duplicates: number;
  /** Arrivals where nobody had joined, or that rights or a removal forbid. */
  forbidden: number;
  /** Second arrivals outside of what was due count as well. */
  ratio: number;
  /** The same ratio without the time to settle: everything counts that was sent while both were alive, joined and not apart. */
  ratioFromStart: number;
  gapMaxMs: number;
  /** From `GAPS_FROM_S` after the streams' begin: each receiver's longest silence while packets were due to it, sorted … */
  longestMs: number[];
  /** … and all silences longer than `SILENCE_PACKETS` packets take, sorted. */
  silencesMs: number[];
  /** By receiver and healed partition, sorted. */
  healedMs: number[];
  delayMeanMs: number;
  delayMaxMs: number;
  /** Mean and 95th percentile over pairs of sender and receiver of mean delay over the direct path's. */
  rdpMean: number;
  rdpP95: number;
  /** Where most is missing. */
  worst: string;
}

/** The first packets of a stream wait for its tree. */
const GAPS_FROM_S = 5;
const SILENCE_PACKETS = 2.5;

interface Pair {
  name: string;
  due: number;
  delivered: number;
  delayMs: number;
  directMs: number;
  missing: number[];
}

/** Of sorted numbers; 0 without any. */
export const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;

/** Over all streams of the run; call it when the last packets have had time to arrive. */
export function judge(sim: Simulation, allowance: Allowance): Verdict {
  const pairs: Pair[] = [];
  const verdict = { due: 0, delivered: 0, duplicates: 0, forbidden: 0, gapMaxMs: 0, delayMaxMs: 0 };
  const longestMs: number[] = [];
  const silencesMs: number[] = [];
  const silenceMs = (SILENCE_PACKETS * 1_000) / sim.options.rate;
  for (const { flow, sender, group, fromUs, toUs } of sim.streams) {
    for (const { index } of sim.hosts) {
      if (index === sender) continue;
      const pair = {
        name: `n${sender} → n${index} ${group}`,
        due: 0,
        delivered: 0,
        delayMs: 0,
        missing: [] as number[],
      };
      let longest = 0;
      for (const span of sim.model.due(sender, index, group, { fromUs, toUs }, allowance)) {
        const gapsFromUs = Math.max(span.fromUs, fromUs + GAPS_FROM_S * SECOND);
        const { gapsMs } = sim.world.audit(flow, index, gapsFromUs, span.toUs, silenceMs);
        silencesMs.push(...gapsMs);
        longest = Math.max(longest, ...gapsMs);
        const audit = sim.world.audit(flow, index, span.fromUs, span.toUs);
        pair.due += audit.sent;
        pair.delivered += audit.delivered;
        pair.delayMs += audit.delaySumMs;
        pair.missing.push(...audit.missing);
        verdict.gapMaxMs = Math.max(verdict.gapMaxMs, audit.gapMaxMs);
        verdict.delayMaxMs = Math.max(verdict.delayMaxMs, audit.delayMaxMs);
      }
      if (pair.due > 0) longestMs.push(longest);
      for (const span of sim.model.forbidden(sender, index, group, { fromUs, toUs }, allowance))
        verdict.forbidden += sim.world.audit(flow, index, span.fromUs, span.toUs).delivered;
      verdict.duplicates += sim.world.audit(flow, index, fromUs, toUs).duplicates;
      verdict.due += pair.due;
      verdict.delivered += pair.delivered;
      pairs.push({ ...pair, directMs: sim.world.directMs(sender, index) });
    }
  }
  for (const list of [longestMs, silencesMs]) list.sort((a, b) => a - b);
  return {
    ...verdict,
    longestMs,
    silencesMs,
    healedMs: healings(sim),
    ...summary(pairs),
    ratio: verdict.due > 0 ? verdict.delivered / verdict.due : 1,
    ratioFromStart: ratioOf(sim, { ...allowance, settleUs: 0 }),
  };
}

function ratioOf(sim: Simulation, allowance: Allowance): number {
  let [sent, delivered] = [0, 0];
  for (const { flow, sender, group, fromUs, toUs } of sim.streams) {
    for (const { index } of sim.hosts) {
      if (index === sender) continue;
      for (const span of sim.model.due(sender, index, group, { fromUs, toUs }, allowance)) {
        const audit = sim.world.audit(flow, index, span.fromUs, span.toUs);
        sent += audit.sent;
        delivered += audit.delivered;
      }
    }
  }
  return sent > 0 ? delivered / sent : 1;
}

function summary(pairs: readonly Pair[]): Pick<Verdict, 'delayMeanMs' | 'rdpMean' | 'rdpP95' | 'worst'> {
  const heard = pairs.filter(({ delivered }) => delivered > 0);
  const sum = (pick: (pair: Pair) => number): number => heard.reduce((total, pair) => total + pick(pair), 0);
  const ratios = heard.map(({ delayMs, delivered, directMs }) => delayMs / delivered / directMs).sort((a, b) => a - b);
  const [worst] = [...pairs].sort((a, b) => b.due - b.delivered - (a.due - a.delivered));
  const lacking = worst && worst.delivered < worst.due;
  return {
    delayMeanMs:
      sum(({ delayMs }) => delayMs) /
      Math.max(
        1,
        sum(({ delivered }) => delivered),
      ),
    rdpMean: ratios.reduce((total, one) => total + one, 0) / Math.max(1, ratios.length),
    rdpP95: ratios[Math.floor(ratios.length * 0.95)] ?? 0,
    worst: lacking
      ? `${worst.name}: ${worst.delivered} of ${worst.due}, first missing ${worst.missing.slice(0, 8).join(', ')}`
      : '',
  };
}

/** Fails the run, with its seed, where the model is not met. */
export function demand(sim: Simulation, verdict: Verdict, asked: Demand): void {
  const told = { ...verdict, longestMs: undefined, silencesMs: undefined, healedMs: undefined };
  const fail = (sentence: string): never => sim.fail(`${sentence}. ${JSON.stringify(told)}`);
  const percent = (share: number): string => `${(share * 100).toFixed(3)} %`;
  if (verdict.due === 0) fail('nothing was due: the scenario tests nothing');
  if (verdict.duplicates > 0) fail(`${verdict.duplicates} packets arrived more than once`);
  if (verdict.forbidden > 0) fail(`${verdict.forbidden} packets arrived where they may not`);
  const chance = byChance(sim, verdict.due);
  const lost = repairs(sim) ? Math.min(verdict.due * (1 - asked.ratio), chance) : chance;
  const share = 1 - lost / verdict.due;
  if (verdict.due - verdict.delivered > lost)
    fail(`${percent(verdict.ratio)} delivered, at least ${percent(share)} was due`);
  const gap = quantile(verdict.longestMs, 0.95);
  // Whoever hears five packets a second cannot tell a silence from a pause more finely.
  const gapMs = asked.gapP95Ms + 1_000 / sim.options.rate;
  if (gap > gapMs) fail(`the longest silence of a receiver is ${gap.toFixed(0)} ms at p95, more than ${gapMs}`);
  const healed = verdict.healedMs.at(-1) ?? 0;
  if (healed > asked.healMs)
    fail(`a sender was heard again ${healed.toFixed(0)} ms after a partition healed, more than ${asked.healMs}`);
}

/** Whether all streams go by trees that repair. */
const repairs = (sim: Simulation): boolean =>
  sim.options.repair !== 'off' &&
  sim.streams.every(({ sender, group, fromUs, toUs }) => {
    const fewest = sim.model.fewestReceivers(sender, group, { fromUs, toUs });
    // Who may not send is heard by nobody.
    return fewest === 0 || fewest > TREE_FROM;
  });

/** Packets that may be lost without repair. */
function byChance(sim: Simulation, due: number): number {
  if (!sim.options.faults) return 0;
  const mean = due * pathLoss(sim.options) * HOPS;
  return mean + DEVIATIONS * Math.sqrt(mean) + BURST_PACKETS;
}

/** What is excused where nothing is repaired. */
export const unrepaired = (sim: Simulation): Partial<Allowance> => (repairs(sim) ? {} : { repairUs: SWITCH_US });
