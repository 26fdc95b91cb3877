// npm run bench: Weft and its peers on the same namespaces in one run; ratios go to docs/benchmarks.md.  --quick: wireguard-go only.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { build } from 'esbuild';
import { root, stop } from './lib/run.mjs';
import { setup } from './setup.mjs';
import { testTools } from './lib/tools.mjs';

if (process.getuid?.() !== 0)
  stop('The benchmark makes network namespaces, which needs root.', 'Run it as root: sudo npm run bench');
setup();
testTools();
const outfile = join(root, 'dist/bench/main.mjs');
await build({
  entryPoints: [join(root, 'test/bench/main.ts')],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  logLevel: 'error',
  define: { 'import.meta.dirname': JSON.stringify(join(root, 'test/netns/support')) },
});
process.exit(
  spawnSync(process.execPath, [outfile, ...process.argv.slice(2)], { cwd: root, stdio: 'inherit' }).status ?? 1,
);
