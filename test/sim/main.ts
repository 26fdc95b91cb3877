// npm run sim: one scenario with one seed, or --soak MINUTES: all scenarios, sizes and seeds until the time is over.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parseArgs } from 'node:util';
import { LINES, type Line } from './report/lines.ts';
import { keep } from './report/results.ts';
import { linesOf, report } from './report/run.ts';
import { ALL, SCENARIOS } from './scenarios/index.ts';
import type { Nat } from './support/binding.ts';
import { draw } from './support/draw.ts';
import { command, DEFAULTS, type SimOptions } from './support/options.ts';
import { figuresOf } from './support/figures.ts';
import { measure, optionsOf, play, type Play } from './support/play.ts';
import type { Scenario } from './support/scenario.ts';
import type { Simulation } from './support/simulation.ts';
import { tell, tellBreakdown } from './support/table.ts';

/** Largest network of a soak. */
const SOAK_NODES_MAX = 64;
const SEEDS = 2 ** 32;
const WORDS = {
  scenario: { type: 'string' },
  soak: { type: 'string' },
  report: { type: 'string' },
  line: { type: 'string' },
  breakdown: { type: 'boolean' },
} as const;

function usage(): never {
  const names = ALL.map(({ name, about }) => `  ${name.padEnd(12)} ${about}`).join('\n');
  const options = Object.entries(DEFAULTS).map(([name, value]) => `--${name} ${String(value)}`);
  console.error(
    `npm run sim -- --scenario NAME [--OPTION VALUE …]   or   -- --soak MINUTES [--OPTION VALUE …]   or   -- --report all|pages|NAME,… [--OPTION VALUE …]\n${names}`,
  );
  console.error('--breakdown: what control traffic consists of');
  console.error(`lines of the report: ${LINES.map(({ name }) => name).join(' ')}`);
  console.error(`options and their defaults: ${options.join(' ')}`);
  process.exit(2);
}

interface Arguments {
  scenario: string | undefined;
  soak: number;
  report: string | undefined;
  /** One line of the report, in a process of its own. */
  line: string | undefined;
  /** Tell what control traffic consists of. */
  breakdown: boolean;
  given: Partial<SimOptions>;
}

function read(): Arguments {
  const options = Object.fromEntries(Object.keys(DEFAULTS).map((name) => [name, { type: 'string' as const }]));
  const { values } = parseArgs({
    options: { ...options, ...WORDS, help: { type: 'boolean' } },
  });
  if (values['help'] === true) usage();
  const given: Record<string, unknown> = {};
  for (const [name, standard] of Object.entries(DEFAULTS)) {
    const text = (values as Record<string, unknown>)[name];
    if (typeof text !== 'string') continue;
    if (typeof standard === 'number') given[name] = Number(text);
    else if (typeof standard === 'boolean') given[name] = text === 'true';
    else given[name] = name === 'nats' ? (text.split(',') as Nat[]) : text;
    if (Number.isNaN(given[name])) usage();
  }
  const { scenario, soak, report, line } = values as Record<string, string | undefined>;
  const breakdown = values['breakdown'] === true;
  return { scenario, soak: Number(soak ?? 0), report, line, breakdown, given: given as Partial<SimOptions> };
}

const named = (name: string | undefined): Scenario => ALL.find((one) => one.name === name) ?? usage();

function soak(minutes: number, given: Partial<SimOptions>): void {
  const end = Date.now() + minutes * 60_000;
  let seed = given.seed ?? Math.floor(Math.random() * SEEDS);
  console.log(`soak for ${minutes} min from seed ${seed}`);
  let runs = 0;
  for (; Date.now() < end; runs++, seed = (seed + 1) % SEEDS) {
    const scenario = SCENARIOS[runs % SCENARIOS.length] as Scenario;
    const options = optionsOf(scenario, { ...draw(scenario, seed, SOAK_NODES_MAX), ...given, seed });
    console.log(command(scenario.name, options, optionsOf(scenario, {})));
    const { verdict, realS, digest }: Play = play(scenario, options);
    const { delivered, due, ratioFromStart } = verdict;
    console.log(
      `  ${delivered} of ${due}, ${(100 * ratioFromStart).toFixed(3)} % from the start, ${realS.toFixed(1)} s, ${digest}`,
    );
  }
  console.log(`${runs} runs passed`);
}

/** Long runs say now and then where they are. */
const PROGRESS_EVERY_MS = 10_000;
let told = 0;
function progress(sim: Simulation): void {
  if (Date.now() < told + PROGRESS_EVERY_MS) return;
  told = Date.now();
  const alive = sim.hosts.filter((host) => host.alive).length;
  const memory = Math.round(process.memoryUsage().rss / (1 << 20));
  console.error(`at ${(sim.now / 1e6).toFixed(0)} s: ${alive} of ${sim.hosts.length} members alive, ${memory} MB`);
}

/** Memory of what is held, MB: without garbage, and without the room that V8 keeps for more. */
function heldMB(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let times = 0; times < 3; times++) collect();
  const { rss, heapTotal, heapUsed } = process.memoryUsage();
  return (rss - (heapTotal - heapUsed)) / (1 << 20);
}

const lineNamed = (name: string): Line => LINES.find((line) => line.name === name) ?? usage();

/** Runs a line, tells its figures and keeps them. */
function runLine(line: Line, given: Partial<SimOptions>, breakdown: boolean): void {
  const played = measure(named(line.scenario), { ...line.options, ...given }, progress);
  tell(played);
  if (breakdown) tellBreakdown(played);
  if (played.failure) console.log(`\n${played.failure}`);
  keep(line, given, line.table === 'records' ? figuresOf(played, heldMB()) : figuresOf(played));
}

function runReport(names: string, given: Partial<SimOptions>): void {
  const missed = report(linesOf(names) ?? usage(), given);
  if (missed.length > 0) throw new Error(`falls short:\n${missed.map((sentence) => `  ${sentence}`).join('\n')}`);
}

function runOne(name: string, given: Partial<SimOptions>, breakdown: boolean): void {
  const played = measure(named(name), given, progress);
  tell(played);
  if (breakdown) tellBreakdown(played);
  if (played.failure) throw new Error(played.failure);
}

const { scenario, soak: minutes, report: names, line, breakdown, given } = read();
try {
  if (minutes > 0) soak(minutes, given);
  else if (line !== undefined) runLine(lineNamed(line), given, breakdown);
  else if (names !== undefined) runReport(names, given);
  else runOne(scenario ?? 'steady', given, breakdown);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  if (process.env['WEFT_SIM_STACK'] === '1') console.error(error);
  process.exit(1);
}
