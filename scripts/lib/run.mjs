// Small helpers of the project's scripts: say what is done, run it, stop with one clear sentence when it cannot be done.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
export const stampFolder = join(root, '.build/stamps');
const started = Date.now();

export function say(text) {
  const seconds = ((Date.now() - started) / 1000).toFixed(0).padStart(4);
  process.stderr.write(`[${seconds}s] ${text}\n`);
}

/** Ends the script with a sentence and its remedy; never a stack trace. */
export function stop(sentence, remedy) {
  process.stderr.write(`\n${sentence}\n${remedy ? `→ ${remedy}\n` : ''}`);
  process.exit(1);
}

/** Runs a command in the project's root, output passed through unless quiet; returns the exit code and what a quiet one printed. */
export function run(command, args, options = {}) {
  const { quiet = false, env = {}, ...rest } = options;
  const result = spawnSync(command, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: quiet ? ['ignore', 'pipe', 'pipe'] : ['ignore', 2, 2],
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    ...rest,
  });
  return {
    code: result.error ? 127 : (result.status ?? 1),
    out: `${result.stdout ?? ''}${result.stderr ?? ''}`,
    error: result.error,
  };
}

/** The same beside other work: a promise of it. */
export function runAside(command, args, options = {}) {
  const { quiet = false, env = {} } = options;
  return new Promise((settle) => {
    const stdio = quiet ? ['ignore', 'pipe', 'pipe'] : ['ignore', 2, 2];
    const child = spawn(command, args, { cwd: root, env: { ...process.env, ...env }, stdio, ...options.spawn });
    let out = '';
    for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text) => (out += text));
    child.on('error', (error) => settle({ code: 127, out, error }));
    child.on('close', (code) => settle({ code: code ?? 1, out, error: undefined }));
  });
}

export const has = (command) =>
  (process.env.PATH ?? '').split(':').some((folder) => folder && existsSync(join(folder, command)));

const skipFolders = new Set(['node_modules', 'target', 'dist', '.build', '.git']);

function* filesUnder(path) {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats) return;
  if (!stats.isDirectory()) return void (yield path);
  for (const name of readdirSync(path).sort()) {
    // The addon is an output that lies among its sources.
    if (skipFolders.has(name) || name.startsWith('target-') || /\.node(\.new)?$/.test(name)) continue;
    yield* filesUnder(join(path, name));
  }
}

export function digest(paths) {
  const hash = createHash('sha256');
  for (const path of paths)
    for (const file of filesUnder(join(root, path))) hash.update(file).update(readFileSync(file));
  return hash.digest('hex');
}

/** Runs `work` unless the inputs are what they were the last time it succeeded and the outputs exist. */
export async function step(name, inputs, outputs, work) {
  mkdirSync(stampFolder, { recursive: true });
  const stamp = join(stampFolder, name);
  const now = digest(inputs);
  const same = existsSync(stamp) && readFileSync(stamp, 'utf8') === now;
  if (same && outputs.every((path) => existsSync(join(root, path)))) return say(`${name}: up to date`);
  say(`${name} …`);
  await work();
  writeFileSync(stamp, now);
}
