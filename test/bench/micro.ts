// npm run bench -- --micro: instructions and wall time of what native/micro lists.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { projectRoot, run } from '../netns/support/shell.ts';
import { debianUnpack, fromDebian, libraries } from './cache.ts';
import { machineText } from './machine.ts';
import { changes, kept, microPage, type Costs, type Kept, type MicroSetup, type Work } from './micro-page.ts';
import { othersShare } from './probe.ts';

/** Batches under callgrind: what differs from turn to turn (a ring that is full, a bucket that is swept) evens out. */
const BATCHES = 20;
const BUILD_MS_MAX = 30 * 60_000;
const COUNT_MS_MAX = 5 * 60_000;
const WALL_MS_MAX = 30 * 60_000;

const native = (path: string) => join(projectRoot, 'native', path);
const target = process.env.CARGO_TARGET_DIR ?? native('target');
const criterion = join(projectRoot, '.build/bench/criterion');
const keptFile = join(projectRoot, 'docs/plots/micro.json');
const say = (text: string) => process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);

function fail(text: string): never {
  process.stderr.write(`${text}\n`);
  process.exit(2);
}

const cargo = (verb: string, args: string[], timeoutMs: number) =>
  run('cargo', [verb, '--locked', '--manifest-path', native('Cargo.toml'), '-p', 'weft-micro', ...args], {
    env: { CARGO_TARGET_DIR: target, CRITERION_HOME: criterion },
    timeoutMs,
  });

async function list(): Promise<Work[]> {
  say('building …');
  const built = await cargo('build', ['--release'], BUILD_MS_MAX);
  if (built.code !== 0) fail(built.stderr);
  const { stdout } = await run(join(target, 'release/weft-micro'), ['list']);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Work);
}

interface Valgrind {
  command: string;
  env: NodeJS.ProcessEnv;
  version: string;
}

/** The machine's, or Debian's unpacked beside the build; in words why there is none. */
async function findValgrind(): Promise<Valgrind | string> {
  const version = async (command: string, env: NodeJS.ProcessEnv) => {
    const { code, stdout } = await run(command, ['--version'], { env });
    return code === 0 ? stdout.trim() : null;
  };
  const own = await version('valgrind', {});
  if (own) return { command: 'valgrind', env: {}, version: own };
  const why = await debianUnpack('valgrind', 'usr/bin/valgrind.bin');
  if (why) return why;
  const env = { ...libraries, VALGRIND_LIB: fromDebian('usr/libexec/valgrind') };
  const command = fromDebian('usr/bin/valgrind.bin');
  const unpacked = await version(command, env);
  return unpacked ? { command, env, version: unpacked } : 'it does not start';
}

/** Instructions of one turn; undefined, and said why, when they could not be counted. */
async function count({ command, env }: Valgrind, { name, batch }: Work): Promise<number | undefined> {
  const own = ['--tool=callgrind', '--callgrind-out-file=/dev/null', '--toggle-collect=*weft_micro*measured*'];
  const program = [join(target, 'release/weft-micro'), 'run', name, String(BATCHES)];
  const { stderr, code } = await run(command, [...own, ...program], { env, timeoutMs: COUNT_MS_MAX });
  const collected = Number(/Collected : (\d+)/.exec(stderr)?.[1] ?? 0);
  if (code === 0 && collected > 0) return collected / (BATCHES * batch);
  say(`${name} could not be counted: ${stderr.trim().split('\n').at(-1) ?? ''}`);
  return undefined;
}

async function countAll(works: Work[], costs: Costs, valgrind: Valgrind): Promise<void> {
  for (const work of works) {
    const instructions = await count(valgrind, work);
    if (instructions === undefined) continue;
    costs[work.name] = { ...costs[work.name], instructions };
    say(`${work.name}: ${Math.round(instructions)} instructions`);
  }
}

interface Estimate {
  point_estimate: number;
}

/** null, or why there are no times. */
async function timeAll(works: Work[], costs: Costs): Promise<string | null> {
  say('wall time …');
  // Anchored: names begin like others.
  const these = `^micro/(${works.map(({ name }) => name).join('|')})$`;
  const own = ['--features', 'wall', '--bench', 'wall', '--', '--quiet', '--noplot', these];
  const made = await cargo('bench', own, WALL_MS_MAX);
  if (made.code !== 0) return `Wall time could not be measured: ${made.stderr.trim().split('\n').at(-1) ?? ''}`;
  for (const { name } of works) {
    const file = join(criterion, 'micro', name.replaceAll('/', '_'), 'new/estimates.json');
    if (!existsSync(file)) return `Wall time could not be measured: criterion left no ${file}`;
    const estimates = JSON.parse(readFileSync(file, 'utf8')) as Record<'median' | 'median_abs_dev', Estimate>;
    const [ns, spreadNs] = [estimates.median.point_estimate, estimates.median_abs_dev.point_estimate];
    costs[name] = { ...costs[name], ns, spreadNs };
    say(`${name}: ${ns.toPrecision(4)} ns`);
  }
  return null;
}

const args = process.argv.slice(2);
const { values } = parseArgs({
  args,
  options: { micro: { type: 'boolean' }, quick: { type: 'boolean', default: false }, only: { type: 'string' } },
});
const only = (values.only ?? '').split(',').filter(Boolean);
const all = await list();
const works = all.filter(({ name }) => !only.length || only.some((part) => name.startsWith(part)));
if (!works.length)
  fail(`no piece of work begins with ${only.join(' or ')}; there are ${all.map((w) => w.name).join(', ')}`);
const busyBefore = await othersShare();
const costs: Costs = {};
const absent: string[] = [];
const valgrind = await findValgrind();
if (typeof valgrind === 'string')
  absent.push(`Instructions could not be counted, as there is no valgrind: ${valgrind}`);
else await countAll(works, costs, valgrind);
const why = values.quick ? null : await timeAll(works, costs);
if (why) absent.push(why);
absent.forEach(say);
const rustc = (await run('rustc', ['--version'])).stdout.trim().split(' ').slice(0, 2).join(' ');
const setup: MicroSetup = {
  works,
  costs,
  before: existsSync(keptFile) ? (JSON.parse(readFileSync(keptFile, 'utf8')) as Kept) : null,
  tools: [rustc, ...(typeof valgrind === 'string' ? [] : [valgrind.version])].join(', '),
  machine: await machineText(),
  command: ['npm run bench --', ...args].join(' '),
  day: new Date().toISOString().slice(0, 10),
  busyBefore,
  absent,
};
console.log(microPage(setup));
// A part of the whole must not replace the page, nor what later pages are set beside.
if (!values.quick && !only.length) {
  writeFileSync(join(projectRoot, 'docs/benchmarks-micro.md'), microPage(setup));
  writeFileSync(keptFile, `${JSON.stringify(kept(setup), null, 2)}\n`);
}
const changed = changes(setup);
if (changed.length) say(`changed since the page in docs:\n${changed.join('\n')}`);
