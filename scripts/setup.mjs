// All set-up: dependencies, native build, UI build, bundles. Shows what it does and skips what is done.
//   node scripts/setup.mjs            everything
//   node scripts/setup.mjs --build    the same, rebuilt where sources changed (npm run build)
//   node scripts/setup.mjs --packages just the npm packages, for tools that need no more
import { copyFileSync, existsSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { has, root, run, runAside, say, step, stop } from './lib/run.mjs';

const NODE_MAJOR_MIN = 20;

export function checkTools() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < NODE_MAJOR_MIN)
    stop(
      `Weft needs Node.js ${NODE_MAJOR_MIN} or newer; this is ${process.version}.`,
      'Install a current Node.js and try again.',
    );
  // A rustup without a toolchain has the commands, but they do not work.
  if (!['cargo', 'rustc'].every((tool) => run(tool, ['--version'], { quiet: true }).code === 0))
    stop(
      'Weft needs the Rust compiler (cargo), which is not installed or has no toolchain.',
      'Install it with rustup and run: rustup default stable',
    );
  if (!has('cc') && !has('gcc') && !has('clang'))
    stop(
      'Weft needs a C compiler (cc), which is not installed.',
      'On Debian or Ubuntu: apt-get install build-essential',
    );
}

export function dependencies() {
  return step('dependencies', ['package.json', 'package-lock.json'], ['node_modules/.bin/tsc'], async () => {
    const result = await runAside('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']);
    if (result.code !== 0)
      stop(
        'The npm packages could not be installed.',
        'See the message above; the network or the disk may be the cause.',
      );
  });
}

function native() {
  return step('native', ['native'], ['native/addon/weft.node', 'native/target/release/weft-helper'], async () => {
    const args = [
      'build',
      '--release',
      '--locked',
      '-p',
      'weft-addon',
      '-p',
      'weft-helper',
      '--manifest-path',
      'native/Cargo.toml',
    ];
    if ((await runAside('cargo', args)).code !== 0)
      stop('The native part could not be built.', 'See the compiler’s message above.');
    const library = { linux: 'libweft_addon.so', darwin: 'libweft_addon.dylib', win32: 'weft_addon.dll' }[
      process.platform
    ];
    // Renamed into place: a running engine keeps the old file mapped.
    copyFileSync(join(root, 'native/target/release', library), join(root, 'native/addon/weft.node.new'));
    renameSync(join(root, 'native/addon/weft.node.new'), join(root, 'native/addon/weft.node'));
  });
}

function userInterface() {
  if (!existsSync(join(root, 'renderer/vite.config.ts'))) return say('user interface: not in this tree');
  return step(
    'user interface',
    ['renderer', 'app', 'assets', 'package-lock.json'],
    ['dist/renderer/index.html'],
    () => {
      const result = run('node_modules/.bin/vite', [
        'build',
        '--config',
        'renderer/vite.config.ts',
        '--logLevel',
        'warn',
      ]);
      if (result.code !== 0) stop('The user interface could not be built.', 'See the message above.');
    },
  );
}

function programs() {
  return step(
    'programs',
    ['app', 'main', 'scripts/bundle.mjs', 'package-lock.json', 'package.json'],
    ['dist/cli/weft.cjs'],
    () => {
      const result = run(process.execPath, ['scripts/bundle.mjs']);
      if (result.code !== 0) stop('The programs could not be bundled.', 'See the message above.');
    },
  );
}

export async function setup() {
  checkTools();
  mkdirSync(join(root, '.build'), { recursive: true });
  // One waits for the network, the other for the processors.
  await Promise.all([dependencies(), native()]);
  await userInterface();
  await programs();
  if (process.platform === 'linux' && !existsSync('/dev/net/tun'))
    say(
      'note: /dev/net/tun is missing, so there will be no adapter. Load the tun module (modprobe tun) or allow the device in the container.',
    );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await (process.argv.includes('--packages') ? dependencies() : setup());
}
