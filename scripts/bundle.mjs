// Bundles the programs with esbuild: CommonJS for Node 16 (the oldest Electron that is tested) into dist/.
import esbuild from 'esbuild';
import { chmodSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root, say } from './lib/run.mjs';

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** The daemon is a file of its own, so that the other commands need not load it. */
const daemonApart = {
  name: 'daemon-apart',
  setup(build) {
    build.onResolve({ filter: /\/daemon\/daemon\.ts$/ }, ({ kind }) =>
      kind === 'dynamic-import' ? { path: '../daemon/daemon.cjs', external: true } : undefined,
    );
  },
};

const common = {
  bundle: true,
  platform: 'node',
  target: 'node16',
  format: 'cjs',
  external: ['electron', '*.node'],
  // There is no import.meta in CommonJS.
  define: { 'import.meta.url': 'importMetaUrl', WEFT_VERSION: JSON.stringify(version) },
  banner: { js: "const importMetaUrl = require('url').pathToFileURL(__filename).href;" },
  sourcemap: 'linked',
  sourcesContent: false,
  legalComments: 'none',
  logLevel: 'warning',
  absWorkingDir: root,
};

export const programs = [
  {
    entry: 'main/cli/weft.ts',
    out: 'cli/weft.cjs',
    options: { plugins: [daemonApart], banner: { js: `#!/usr/bin/env node\n${common.banner.js}` } },
  },
  { entry: 'main/daemon/daemon.ts', out: 'daemon/daemon.cjs' },
  { entry: 'main/electron/main.ts', out: 'electron/main.cjs' },
  // A sandboxed preload has no require but for electron, and needs no address of itself.
  { entry: 'main/electron/preload.ts', out: 'electron/preload.cjs', options: { banner: {}, define: {} } },
];

/** Bundles what exists into a folder; says what does not. */
export async function bundle(folder = join(root, 'dist'), only = programs) {
  for (const { entry, out, options } of only) {
    const outfile = join(folder, out);
    if (!existsSync(join(root, entry))) {
      rmSync(outfile, { force: true });
      say(`${entry} does not exist; ${out} is skipped`);
      continue;
    }
    await esbuild.build({ ...common, entryPoints: [entry], outfile, ...options });
    if (out.startsWith('cli/')) chmodSync(outfile, 0o755);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  await bundle().catch((error) => {
    // esbuild has printed what is wrong in the sources.
    if (!error.errors) throw error;
    process.exit(1);
  });
