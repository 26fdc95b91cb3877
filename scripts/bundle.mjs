// Bundles the programs with esbuild: CommonJS for Node 16 (the oldest Electron that is tested) into dist/.
import esbuild from 'esbuild';
import { chmodSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
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

/** What is loaded on first use (DHT, WebRTC, proxies …): each `import('./x.ts')` of main/ is a file of its own in parts/. */
class Parts {
  /** Name of the part → its source. */
  sources = new Map();

  plugin() {
    return {
      name: 'parts',
      setup: (build) => {
        build.onResolve({ filter: /^\.\.?\/.*\.ts$/ }, ({ kind, path, resolveDir }) => {
          const source = join(resolveDir, path);
          if (kind !== 'dynamic-import' || path.endsWith('/daemon/daemon.ts')) return undefined;
          const name = basename(path, '.ts');
          if ((this.sources.get(name) ?? source) !== source) throw new Error(`two parts are called ${name}`);
          this.sources.set(name, source);
          return { path: `../parts/${name}.cjs`, external: true };
        });
      },
    };
  }
}

const common = {
  bundle: true,
  platform: 'node',
  target: 'node16',
  format: 'cjs',
  external: ['electron', '*.node'],
  // There is no import.meta in CommonJS.
  // `require` for them: import() of Electron's before 28 knows no archives.
  supported: { 'dynamic-import': false },
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
  const parts = new Parts();
  const build = (entry, outfile, options = {}) => {
    const plugins = [...(options.plugins ?? []), parts.plugin()];
    return esbuild.build({ ...common, entryPoints: [entry], outfile, ...options, plugins });
  };
  for (const { entry, out, options } of only) {
    const outfile = join(folder, out);
    if (!existsSync(join(root, entry))) {
      rmSync(outfile, { force: true });
      say(`${entry} does not exist; ${out} is skipped`);
      continue;
    }
    await build(entry, outfile, options);
    if (out.startsWith('cli/')) chmodSync(outfile, 0o755);
  }
  // Parts have parts: the map grows under way.
  for (const [name, source] of parts.sources) await build(source, join(folder, `parts/${name}.cjs`));
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  await bundle().catch((error) => {
    // esbuild has printed what is wrong in the sources.
    if (!error.errors) throw error;
    process.exit(1);
  });
