// npm run sim: one scenario with one seed, or --soak MINUTES: all scenarios, sizes and seeds until the time is over.
import { parseArgs } from 'node:util';
import { SCENARIOS } from './scenarios/index.ts';
import type { Nat } from './support/binding.ts';
import { DEFAULTS, type SimOptions } from './support/options.ts';
import { play, type Play } from './support/play.ts';
import type { Scenario } from './support/scenario.ts';
import type { Simulation } from './support/simulation.ts';
import { tell } from './support/table.ts';

const SOAK_NODES = [3, 5, 8, 16, 24, 40];
const SEEDS = 2 ** 32;

function usage(): never {
  const names = SCENARIOS.map(({ name, about }) => `  ${name.padEnd(12)} ${about}`).join('\n');
  const options = Object.entries(DEFAULTS).map(([name, value]) => `--${name} ${String(value)}`);
  console.error(
    `npm run sim -- --scenario NAME [--OPTION VALUE …]   or   -- --soak MINUTES [--OPTION VALUE …]\n${names}`,
  );
  console.error(`options and their defaults: ${options.join(' ')}`);
  process.exit(2);
}

function read(): { scenario: string | undefined; soak: number; given: Partial<SimOptions> } {
  const options = Object.fromEntries(Object.keys(DEFAULTS).map((name) => [name, { type: 'string' as const }]));
  const { values } = parseArgs({
    options: { ...options, scenario: { type: 'string' }, soak: { type: 'string' }, help: { type: 'boolean' } },
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
  const scenario = values['scenario'] as string | undefined;
  return { scenario, soak: Number(values['soak'] ?? 0), given: given as Partial<SimOptions> };
}

const named = (name: string | undefined): Scenario => SCENARIOS.find((one) => one.name === name) ?? usage();

function soak(minutes: number, given: Partial<SimOptions>): void {
  const end = Date.now() + minutes * 60_000;
  let seed = given.seed ?? Math.floor(Math.random() * SEEDS);
  console.log(`soak for ${minutes} min from seed ${seed}`);
  let runs = 0;
  for (; Date.now() < end; runs++, seed = (seed + 1) % SEEDS) {
    const scenario = SCENARIOS[runs % SCENARIOS.length] as Scenario;
    const nodes = SOAK_NODES[Math.floor(runs / SCENARIOS.length) % SOAK_NODES.length] as number;
    const result: Play = play(scenario, { nodes, ...given, seed });
    console.log(
      `${scenario.name} seed ${seed} nodes ${result.sim.options.nodes}: ${result.verdict.delivered} of ${result.verdict.due}, ${result.realS.toFixed(1)} s, ${result.digest}`,
    );
  }
  console.log(`${runs} runs passed`);
}

/** Long runs say now and then where they are. */
const PROGRESS_EVERY_MS = 10_000;
let told = Date.now();
function progress(sim: Simulation): void {
  if (Date.now() < told + PROGRESS_EVERY_MS) return;
  told = Date.now();
  const alive = sim.hosts.filter((host) => host.alive).length;
  const memory = Math.round(process.memoryUsage().rss / (1 << 20));
  console.error(`at ${(sim.now / 1e6).toFixed(0)} s: ${alive} of ${sim.hosts.length} members alive, ${memory} MB`);
}

const { scenario, soak: minutes, given } = read();
try {
  if (minutes > 0) soak(minutes, given);
  else tell(play(named(scenario ?? 'steady'), given, progress));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  if (process.env['WEFT_SIM_STACK'] === '1') console.error(error);
  process.exit(1);
}
