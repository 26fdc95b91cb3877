// A run's outcome: what the model asks for against what the world saw, and the figures of the run.
import type { Allowance } from './model.ts';
import { pathLoss } from './options.ts';
import type { Simulation } from './simulation.ts';

const SECOND = 1_000_000;

/** What Weft promises today: a member hears a group it joined within this time, and best-effort streams are not repaired. */
export const ALLOWANCE: Allowance = { settleUs: 20 * SECOND, flightUs: 2 * SECOND, repairUs: 0 };
/** Chance may lose so many times more than its mean … */
const LOSS_FACTOR = 4;
/** … and this share of few packets. */
const LOSS_SLACK = 0.0005;

export interface Verdict {
  /** Packets that had to arrive, over all receivers; those that did. */
  due: number;
  delivered: number;
  duplicates: number;
  /** Arrivals where nobody had joined. */
  forbidden: number;
  /** Second arrivals outside of what was due count as well. */
  ratio: number;
  gapMaxMs: number;
  /** From `GAPS_FROM_S` after the streams' begin: each receiver's longest silence while packets were due to it, sorted … */
  longestMs: number[];
  /** … and all silences longer than `SILENCE_PACKETS` packets take, sorted. */
  silencesMs: number[];
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
      for (const span of sim.model.forbidden(index, group, { fromUs, toUs }, allowance.flightUs))
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
    ...summary(pairs),
    ratio: verdict.due > 0 ? verdict.delivered / verdict.due : 1,
  };
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
export function demand(sim: Simulation, verdict: Verdict): void {
  const share = 1 - pathLoss(sim.options) * LOSS_FACTOR - (sim.options.faults ? LOSS_SLACK : 0);
  const figures = JSON.stringify({ ...verdict, longestMs: undefined, silencesMs: undefined });
  if (verdict.due === 0) sim.fail(`nothing was due: the scenario tests nothing. ${figures}`);
  if (verdict.duplicates > 0) sim.fail(`${verdict.duplicates} packets arrived more than once. ${figures}`);
  if (verdict.forbidden > 0) sim.fail(`${verdict.forbidden} packets arrived where nobody had joined. ${figures}`);
  if (verdict.ratio < share)
    sim.fail(
      `${(verdict.ratio * 100).toFixed(3)} % delivered, at least ${(share * 100).toFixed(3)} % was due. ${figures}`,
    );
}
