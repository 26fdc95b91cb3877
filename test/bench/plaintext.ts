// A native part whose packets are not sealed: what is left is the cost of everything else. Never part of a normal build: the
// crates refuse the feature without this variable, and its sessions agree with no normal Weft.
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { mayBuild } from './cache.ts';
import { projectRoot, run } from '../netns/support/shell.ts';

export const benchTarget = join(projectRoot, '.build/bench/target');
export const plaintextAddon = join(projectRoot, '.build/bench/weft-plaintext.node');
const BUILD_MS_MAX = 30 * 60_000;

/** Cargo skips what is built. null, or why not. */
export async function buildPlaintext(): Promise<string | null> {
  const forbidden = mayBuild();
  if (forbidden) return existsSync(plaintextAddon) ? null : forbidden;
  const args = ['build', '--release', '--locked', '--manifest-path', 'native/Cargo.toml', '-p', 'weft-addon'];
  const env = { WEFT_BENCH_BUILD: '1', CARGO_TARGET_DIR: benchTarget };
  const made = await run('nice', ['-n', '15', 'cargo', ...args, '--features', 'plaintext'], {
    env,
    timeoutMs: BUILD_MS_MAX,
  });
  if (made.code !== 0) return `could not be built: ${made.stderr.trim().split('\n').at(-1) ?? ''}`;
  mkdirSync(dirname(plaintextAddon), { recursive: true });
  copyFileSync(join(benchTarget, 'release/libweft_addon.so'), plaintextAddon);
  return null;
}
