// Builds the simulator's addon. Alone, so that no feature of it can reach the addon that ships.
import { copyFileSync, existsSync, renameSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { root, runAside, step, stop } from './run.mjs';

const NATIVE = ['packet', 'session', 'forward', 'sim', 'Cargo.toml', 'Cargo.lock'].map((name) => `native/${name}`);

export function buildSim() {
  return step('simulator', NATIVE, ['native/sim/weft-sim.node'], async () => {
    const args = ['build', '--release', '--locked', '-p', 'weft-sim', '--manifest-path', 'native/Cargo.toml'];
    if ((await runAside('cargo', args)).code !== 0)
      stop('The simulator could not be built.', 'See the compiler’s message above.');
    const target = resolve(root, process.env.CARGO_TARGET_DIR ?? 'native/target', 'release');
    const names = ['libweft_sim.so', 'libweft_sim.dylib', 'weft_sim.dll'];
    const library = names.map((name) => join(target, name)).find((path) => existsSync(path));
    if (!library) stop('The simulator was built, but its library is not where it should be.', target);
    const place = join(root, 'native/sim/weft-sim.node');
    copyFileSync(library, `${place}.new`);
    renameSync(`${place}.new`, place);
  });
}
