// npm start: all set-up, then the desktop window where an Electron binary is available, otherwise the headless daemon with the
// same UI in the browser.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { registerDeepLink } from './lib/deep-link.mjs';
import { root, run, say } from './lib/run.mjs';
import { setup } from './setup.mjs';

await setup();

/** Path of an Electron executable, or null. The npm package fetches its binary on demand; that may be impossible here. */
function electron() {
  const given = process.env.ELECTRON_OVERRIDE_DIST_PATH;
  if (given) return existsSync(join(given, 'electron')) ? join(given, 'electron') : null;
  const folder = join(root, 'node_modules/electron');
  const pathFile = join(folder, 'path.txt');
  if (!existsSync(pathFile) && !process.env.WEFT_NO_ELECTRON) {
    say('fetching Electron …');
    run(process.execPath, [join(folder, 'install.js')], { quiet: true, timeout: 120_000 });
  }
  if (!existsSync(pathFile)) return null;
  const path = join(folder, 'dist', readFileSync(pathFile, 'utf8').trim());
  return existsSync(path) ? path : null;
}

const display = process.platform !== 'linux' || process.env.DISPLAY || process.env.WAYLAND_DISPLAY;
const binary = display && !process.env.WEFT_NO_ELECTRON ? electron() : null;
const extra = process.argv.slice(2);
if (binary) {
  registerDeepLink(binary);
  say('starting Weft …');
} else
  say(
    `starting Weft without a window (${display ? 'no Electron binary' : 'no display'}): open the address below in a browser`,
  );
const [command, args] = binary
  ? [binary, [root, ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), ...extra]]
  : [process.execPath, [join(root, 'dist/cli/weft.cjs'), 'daemon', ...extra]];
const child = spawn(command, args, { cwd: root, stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
