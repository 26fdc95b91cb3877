// What the command line asks for.
import { parseArgs } from 'node:util';
import type { Effort } from './measure.ts';
import type { Scene } from './scenes.ts';

export interface Options {
  rounds: number;
  quick: boolean;
  /** Goes on with the samples of the last run. */
  more: boolean;
  /** Beside the peers that are built already. */
  ready: boolean;
  /** Lower-case names; empty: all. */
  peers: string[];
  /** Names of measures and scenes; empty: all. */
  only: string[];
  effort: Effort;
}

/** Each peer comes first in turn: what a round's first measures meet (caches, clocks, other work) would else always meet the same. */
export const rotated = <T>(all: readonly T[], round: number): T[] => {
  const first = all.length ? (round - 1) % all.length : 0;
  return [...all.slice(first), ...all.slice(0, first)];
};

/** Members that just met still exchange what they know for most of a minute. */
const IDLE_SECONDS = 60;

const names = (text: string | undefined) => (text ?? '').toLowerCase().split(',').filter(Boolean);

/** Throws on an unknown option or a number that is none. */
export function parseOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      idle: { type: 'string' },
      quick: { type: 'boolean', default: false },
      ready: { type: 'boolean', default: false },
      more: { type: 'boolean', default: false },
      peers: { type: 'string' },
      only: { type: 'string' },
    },
  });
  const number = (text: string | undefined, fallback: number) => {
    const value = text === undefined ? fallback : Number(text);
    if (!(value > 0)) throw new Error(`${text} is not a number above 0`);
    return value;
  };
  const { quick } = values;
  const idle = number(values.idle, IDLE_SECONDS);
  const seconds = number(values.seconds, quick ? 3 : 4);
  return {
    rounds: Math.ceil(number(values.rounds, quick ? 1 : 3)),
    quick,
    more: values.more,
    ready: values.ready,
    peers: names(values.peers),
    only: names(values.only),
    effort: quick
      ? { seconds, pings: 200, trials: 7, trialSeconds: 0.4, settleSeconds: 5, idleSeconds: 10 }
      : { seconds, pings: 400, trials: 8, trialSeconds: 0.6, settleSeconds: IDLE_SECONDS, idleSeconds: idle },
  };
}

/** The scenes that are left when only some measures are asked for. Throws on a name that nothing bears. */
export function chosen(all: Scene[], { only, quick }: Options): Scene[] {
  for (const name of only)
    if (!all.some((scene) => scene.name === name || scene.measures.some((measure) => measure.name === name)))
      throw new Error(`no measure is called ${name}`);
  return all
    .filter(({ long }) => !(quick && long && !only.length))
    .map((scene) => ({
      ...scene,
      measures: scene.measures.filter(({ name, multicast }) =>
        only.length ? only.includes(scene.name) || only.includes(name) : !(quick && multicast),
      ),
    }))
    .filter(({ measures }) => measures.length);
}
