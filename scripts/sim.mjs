// npm run sim -- --scenario NAME --seed S --nodes N …: the unchanged engine and native crates on a virtual clock.  --soak MINUTES: on and
// on with ever new seeds.  --help: all options.  --build: only build.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { build } from 'esbuild';
import { root } from './lib/run.mjs';
import { buildSim } from './lib/sim.mjs';

/** MB; ten thousand members with their records need it. */
const HEAP_MB = process.env.WEFT_SIM_HEAP_MB ?? '12000';

buildSim();
const args = process.argv.slice(2);
if (!args.includes('--build')) {
  const outfile = join(root, 'dist/sim/main.mjs');
  await build({
    entryPoints: [join(root, 'test/sim/main.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    sourcemap: 'inline',
    logLevel: 'error',
  });
  // Engines make much that dies young: a larger nursery saves a tenth.
  const flags = [`--max-old-space-size=${HEAP_MB}`, '--max-semi-space-size=64', '--enable-source-maps'];
  process.exit(spawnSync(process.execPath, [...flags, outfile, ...args], { cwd: root, stdio: 'inherit' }).status ?? 1);
}
