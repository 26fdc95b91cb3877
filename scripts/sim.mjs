// npm run sim -- --scenario NAME --seed S --nodes N …: the unchanged engine and native crates on a virtual clock.  --soak MINUTES: on and
// on with ever new seeds.  --help: all options.  --build: only build.
import { spawnSync } from 'node:child_process';
import { bundleProgram } from './lib/bundle-program.mjs';
import { root } from './lib/run.mjs';
import { buildSim } from './lib/sim.mjs';
import { checkTools, dependencies } from './setup.mjs';

/** MB; ten thousand members with their records need it. */
const HEAP_MB = process.env.WEFT_SIM_HEAP_MB ?? '12000';

checkTools();
await Promise.all([dependencies(), buildSim()]);
const args = process.argv.slice(2);
if (!args.includes('--build')) {
  const outfile = await bundleProgram('test/sim/main.ts', 'dist/sim/main.mjs', { sourcemap: 'inline' });
  // Engines make much that dies young: a larger nursery saves a tenth, and where a hundred read ten thousand records each, another.
  const nursery = args.includes('crowd') ? 256 : 64;
  const flags = [`--max-old-space-size=${HEAP_MB}`, `--max-semi-space-size=${nursery}`, '--enable-source-maps'];
  process.exit(spawnSync(process.execPath, [...flags, outfile, ...args], { cwd: root, stdio: 'inherit' }).status ?? 1);
}
