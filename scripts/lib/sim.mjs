// Builds the simulator's addon. Alone, so that no feature of it can reach the addon that ships.
import { copyFileSync, existsSync, renameSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { root, runAside, step, stop } from './run.mjs';

const NATIVE = ['packet', 'session', 'forward', 'sim', 'Cargo.toml', 'Cargo.lock'].map((name) => `native/${name}`);

/** `npm run sim` runs for long and takes the fast one; tests take the one that is built sooner, from what the Rust tests built. */
const KINDS = {
  release: { name: 'simulator', args: ['--release'], file: 'native/sim/weft-sim.node' },
  tests: { name: 'simulator of the tests', args: ['--profile', 'tests'], file: 'native/sim/weft-sim.tests.node' },
};

/** Returns the addon's path. */
export async function buildSim(kind = 'release') {
  const { name, args, file } = KINDS[kind];
  const place = join(root, file);
  await step(name, NATIVE, [file], async () => {
    const all = ['build', ...args, '--locked', '-p', 'weft-sim', '--manifest-path', 'native/Cargo.toml'];
    if ((await runAside('cargo', all)).code !== 0)
      stop('The simulator could not be built.', 'See the compiler’s message above.');
    const target = resolve(root, process.env.CARGO_TARGET_DIR ?? 'native/target', kind);
    const names = ['libweft_sim.so', 'libweft_sim.dylib', 'weft_sim.dll'];
    const library = names.map((one) => join(target, one)).find((path) => existsSync(path));
    if (!library) stop('The simulator was built, but its library is not where it should be.', target);
    copyFileSync(library, `${place}.new`);
    renameSync(`${place}.new`, place);
  });
  return place;
}
