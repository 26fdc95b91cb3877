// npm test: all set-up, then format, lint, types, Rust and TypeScript tests, and the named subset of the namespaces' tests.
//   --check  format, lint, types and unit tests only          --lab  everything in the namespaces, tables written to docs/
//   --only NAME[,NAME]  just these suites
// Ends with "N passed, N failed, N skipped".
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { root, runAside, say } from './lib/run.mjs';
import { buildSim } from './lib/sim.mjs';
import { setup } from './setup.mjs';
import { testTools } from './lib/tools.mjs';

const flags = process.argv.slice(2);
const lab = flags.includes('--lab');
const only = flags.includes('--only') ? flags[flags.indexOf('--only') + 1].split(',') : null;
const manifest = ['--manifest-path', 'native/Cargo.toml'];
const total = { passed: 0, failed: 0, skipped: 0 };
const failures = [];
/** What failed, each with the first line of why: said again at the end, where it is found. */
const reasons = [];

function count(name, passed, failed, skipped = 0) {
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
  if (failed) failures.push(name);
  say(`${name}: ${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}`);
}

/** Cargo gives way: what runs beside it has bounds on time. */
const CARGO = ['nice', ['-n', '10', 'cargo']];

/** A check that passes or fails as a whole. */
async function check(name, command, args) {
  const result = await runAside(command, args, { quiet: true });
  if (result.code !== 0) process.stderr.write(`${result.out.slice(-12_000)}\n`);
  count(name, result.code === 0 ? 1 : 0, result.code === 0 ? 0 : 1);
}

async function rustTests() {
  // Its own profile: linking some thirty test programs with LTO would take longer than running them.
  // Tests that cannot run here end at once and say so: cargo would count them as passed, and hide what they say.
  const args = ['test', '--profile', 'tests', '--locked', '--workspace', '--no-fail-fast', ...manifest];
  args.push('--', '--show-output');
  const result = await runAside(CARGO[0], [...CARGO[1], ...args], { quiet: true });
  let passed = 0;
  let failed = 0;
  let skipped = 0;
  for (const line of result.out.matchAll(/test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored/g)) {
    passed += Number(line[1]);
    failed += Number(line[2]);
    skipped += Number(line[3]);
  }
  if (result.code !== 0) {
    process.stderr.write(`${result.out.slice(-12_000)}\n`);
    failed = Math.max(failed, 1);
  }
  const untried = [...result.out.matchAll(/^skipped: .*$/gm)].map(([line]) => line);
  for (const line of new Set(untried)) say(`rust ${line}`);
  passed -= untried.length;
  skipped += untried.length;
  for (const line of result.out.matchAll(/^test (.*) \.\.\. FAILED$/gm)) reasons.push(`rust: ${line[1]}`);
  count('rust tests', passed, failed, skipped);
}

const firstLine = (text) => stripVTControlCharacters(text).trim().split('\n')[0].slice(0, 400);

/** Runs vitest on some folders of test/ and adds up its JSON report; a crash counts as one failure. */
async function vitest(name, folders, env = {}, flags = []) {
  const present = folders.filter((folder) => existsSync(join(root, folder)));
  if (!present.length) return;
  const report = join(root, `.build/report-${name.replaceAll(' ', '-')}.json`);
  rmSync(report, { force: true });
  const args = [
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    '--passWithNoTests',
    ...flags,
    ...present,
  ];
  const result = await runAside('node_modules/.bin/vitest', args, { env: { WEFT_LAB: lab ? '1' : '', ...env } });
  if (!existsSync(report)) return count(name, 0, 1);
  const said = JSON.parse(readFileSync(report, 'utf8'));
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, success } = said;
  for (const file of said.testResults) {
    if (file.status === 'failed' && file.message) reasons.push(`${name}: ${file.name}: ${firstLine(file.message)}`);
    for (const test of file.assertionResults.filter(({ status }) => status === 'failed'))
      reasons.push(`${name}: ${test.fullName}: ${firstLine(test.failureMessages[0] ?? '')}`);
  }
  const crashed = result.code !== 0 || !success;
  count(name, numPassedTests, Math.max(numFailedTests, crashed ? 1 : 0), numPendingTests + numTodoTests);
}

/** Files of test/netns that load both processors, or whose bounds are near to what a busy machine does. */
const ALONE = [
  'endurance',
  'fairness',
  'flood',
  'lan',
  'midstream',
  'narrow',
  'profiles',
  'relays',
  'removed',
  'trees',
  'wire',
];

const BY_TWOS = ['--fileParallelism', '--maxWorkers=2'];

/** The namespaces' tests: mostly they wait, so two files run at a time; the lab measures, and runs one. */
async function netns() {
  if (lab) return vitest('netns', ['test/netns']);
  const files = readdirSync(join(root, 'test/netns')).filter((file) => file.endsWith('.test.ts'));
  const isAlone = (file) => ALONE.includes(file.replace('.test.ts', ''));
  const paths = (some) => some.map((file) => `test/netns/${file}`);
  await vitest('netns by twos', paths(files.filter((file) => !isAlone(file))), {}, BY_TWOS);
  await vitest('netns', paths(files.filter(isAlone)));
}

/** Folders of test/ that compute only: two files at a time. */
const pureTests = ['rules', 'wire', 'gossip', 'mesh', 'bench', 'pages', 'membership', 'engine', 'contract'];
/** Those that open sockets, start programs and wait, or have bounds on time. */
const effectTests = ['multicast', 'discovery', 'compliance', 'host', 'host-store', 'helper', 'cli', 'scripts'];
const foldersOf = (names) => names.map((name) => `test/${name}`);
const suites = {
  format: () => check('format', 'node_modules/.bin/prettier', ['--check', '--log-level', 'warn', '.']),
  lint: () => check('lint', 'node_modules/.bin/eslint', ['.', '--max-warnings', '0']),
  types: () => check('types', 'node_modules/.bin/tsc', ['--build']),
  rustfmt: () => check('rustfmt', 'cargo', ['fmt', '--all', '--check', ...manifest]),
  clippy: () => {
    const args = [
      'clippy',
      '--release',
      '--locked',
      '--workspace',
      '--all-targets',
      // The benchmarks' wall time, which nothing else builds.
      '--features',
      'weft-micro/wall',
      ...manifest,
      '--',
      '-D',
      'warnings',
    ];
    return check('clippy', CARGO[0], [...CARGO[1], ...args]);
  },
  rust: rustTests,
  unit: async () => {
    await vitest('unit', foldersOf(pureTests), {}, BY_TWOS);
    await vitest('unit with effects', foldersOf(effectTests));
  },
  sim: async () => {
    const addon = await buildSim('tests');
    await vitest('sim', ['test/sim'], { WEFT_SIM_ADDON: addon }, BY_TWOS);
  },
  netns,
  'netns-no-offloads': () =>
    vitest('netns no offloads', ['test/netns/lan.test.ts', 'test/netns/multicast.test.ts'], { WEFT_OFFLOADS: 'none' }),
  e2e: () => vitest('e2e', ['test/e2e']),
};

/** docs/lab.md from the figures that the tests saw. */
function writeTable() {
  if (!existsSync(figures)) return say('no figures were seen, docs/lab.md stays as it is');
  const rows = readFileSync(figures, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const table = rows.map((row) => `| ${[row.what, row.offloads, row.seen, row.bound].join(' | ')} |`).join('\n');
  const machine = `${cpus().length} × ${cpus()[0].model}, Linux ${release()}`;
  const head = `# Lab\n\nWritten by \`npm run lab\`, ${new Date().toISOString().slice(0, 10)}, on ${machine}. Hosts are network namespaces joined by veth pairs and a bridge; rows come in the order of the tests, those that run with and without offloads twice.\n`;
  const sum = `${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped${failures.length ? ` (failed: ${failures.join(', ')})` : ''}`;
  writeFileSync(
    join(root, 'docs/lab.md'),
    `${head}\n| what | offloads | seen | promised |\n|---|---|---|---|\n${table}\n\n${sum}\n`,
  );
}

const figures = join(root, '.build/figures.jsonl');
const quick = ['format', 'lint', 'types', 'rustfmt', 'unit'];
const labSuites = ['netns', 'netns-no-offloads', 'e2e'];
/** Side by side: each loads one processor for long stretches. */
const chains = [
  ['rustfmt', 'clippy', 'rust'],
  ['format', 'lint', 'types', 'unit'],
];
const wanted = only ?? (flags.includes('--check') ? quick : lab ? labSuites : Object.keys(suites));
for (const name of wanted.filter((one) => !suites[one])) {
  say(`no suite is called ${name}; there are ${Object.keys(suites).join(', ')}`);
  process.exit(2);
}

const ready = setup();
if (wanted.some((name) => name.startsWith('netns') || ['e2e', 'unit'].includes(name))) {
  const missing = await testTools();
  if (missing.length) say(`missing programs, their tests are skipped: apt-get install ${missing.join(' ')}`);
}
await ready;
mkdirSync(join(root, '.build'), { recursive: true });
rmSync(figures, { force: true });
const inOrder = async (names) => {
  for (const name of names) await suites[name]();
};
await Promise.all(chains.map((chain) => inOrder(chain.filter((name) => wanted.includes(name)))));
await inOrder(wanted.filter((name) => !chains.flat().includes(name)));
if (lab) writeTable();
if (failures.length) say(`failed: ${failures.join(', ')}`);
for (const reason of reasons) console.log(`  ${reason}`);
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exit(total.failed ? 1 : 0);
