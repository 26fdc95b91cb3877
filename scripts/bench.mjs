// npm run bench: Weft and its peers on the same namespaces in one run; ratios go to docs/benchmarks.md.
//   --rounds N  --seconds N   how often, and of each TCP stream     --quick        three minutes, beside wireguard-go alone
//   --peers a,b               beside these only                     --only X,Y     these measures or scenes only
//   --idle N                  seconds that idle members are counted
//   --ready                   builds no peer: beside those that are there
//   --more                    goes on with the samples of the last run, which may have been cut short (Ctrl-C ends after a turn)
//   --micro                   instead: instructions and time of a packet in the pure crates, to docs/benchmarks-micro.md; needs no root
import { spawnSync } from 'node:child_process';
import { bundleProgram, fromNetns } from './lib/bundle-program.mjs';
import { root, stop } from './lib/run.mjs';
import { checkTools, dependencies, setup } from './setup.mjs';
import { testTools } from './lib/tools.mjs';

/** Ends with the program that `entry` becomes. */
async function runAndEnd(entry, outfile) {
  const program = await bundleProgram(entry, outfile, fromNetns);
  const { status } = spawnSync(process.execPath, [program, ...process.argv.slice(2)], { cwd: root, stdio: 'inherit' });
  process.exit(status ?? 1);
}

if (process.argv.includes('--micro')) {
  checkTools();
  await dependencies();
  await runAndEnd('test/bench/micro.ts', 'dist/bench/micro.mjs');
}
if (process.getuid?.() !== 0)
  stop('The benchmark makes network namespaces, which needs root.', 'Run it as root: sudo npm run bench');
await setup();
const needed = ['ethtool', 'iperf3', 'iproute2', 'iputils-ping', 'nftables', 'openssl'];
const missing = (await testTools()).filter((name) => needed.includes(name));
if (missing.length) stop(`The benchmark needs ${missing.join(', ')}.`, `apt-get install ${missing.join(' ')}`);
// The program below ends after its turn, and writes what it has.
process.on('SIGINT', () => undefined);
await runAndEnd('test/bench/main.ts', 'dist/bench/main.mjs');
