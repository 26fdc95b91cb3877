// Bundles one of the project's own programs (demo, bench, sim). esbuild is loaded when asked for: before set-up it is not there.
import { join, resolve } from 'node:path';
import { root, stop } from './run.mjs';

/** `entry` and `outfile` from the project's root; answers with the path of what was made. */
export async function bundleProgram(entry, outfile, options = {}) {
  const { build } = await import('esbuild');
  const path = resolve(root, outfile);
  const common = { bundle: true, platform: 'node', format: 'esm', logLevel: 'error' };
  try {
    await build({ ...common, entryPoints: [join(root, entry)], outfile: path, ...options });
  } catch {
    // esbuild has printed why.
    stop(`${entry} could not be bundled.`, 'See the message above.');
  }
  return path;
}

/** What is bundled from test/netns finds the project's root from there. */
export const fromNetns = { define: { 'import.meta.dirname': JSON.stringify(join(root, 'test/netns/support')) } };
