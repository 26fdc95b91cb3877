// A missing compiler, /dev/net/tun or right is a sentence with its remedy; a fresh clone breaks nothing.
import { readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { clear, finish, pathOf, root } from './support.ts';

let remove = (): void => undefined;
afterEach(() => remove());

/** As root on Linux a namespace of mounts can hide a device. */
const mayHide = process.platform === 'linux' && process.getuid?.() === 0;
if (!mayHide) console.log('skipped: without /dev/net/tun: needs root to hide the device');

describe('set-up on a machine that lacks', () => {
  const cases: [string, string[], RegExp, RegExp][] = [
    ['Rust', ['cc'], /^Weft needs the Rust compiler/m, /^→ .*rustup default stable$/m],
    ['a C compiler', ['cargo', 'rustc'], /^Weft needs a C compiler/m, /^→ .*apt-get install build-essential$/m],
  ];
  for (const [what, stubs, sentence, remedy] of cases)
    for (const script of ['setup', 'start', 'test', 'demo', 'sim'])
      it(`${what}: ${script} says so and what to do`, async () => {
        const folder = pathOf(stubs);
        remove = folder.remove;
        const { code, out } = await finish(process.execPath, [`scripts/${script}.mjs`], {
          env: { PATH: folder.path },
        });
        expect(code, out).toBe(1);
        expect(out).toMatch(sentence);
        expect(out).toMatch(remedy);
        clear(out);
      });

  it.skipIf(!mayHide)('/dev/net/tun: set-up goes on and says so, and so does the daemon, once', async () => {
    const hidden = ['unshare', '-m', 'sh', '-c', 'mount -t tmpfs tmpfs /dev/net && exec "$@"', 'sh'] as const;
    const [command, ...before] = hidden;
    const done = await finish(command, [...before, process.execPath, 'scripts/setup.mjs']);
    expect(done.code, done.out).toBe(0);
    expect(done.out).toMatch(/\/dev\/net\/tun is missing.*modprobe tun/);
    clear(done.out);
  });
});

describe('the benchmark', () => {
  it('says that it needs root', async () => {
    const args = mayHide ? ['--reuid=65534', '--clear-groups', process.execPath] : [];
    const [command = '', ...rest] = mayHide ? ['setpriv', ...args] : [process.execPath];
    const { code, out } = await finish(command, [...rest, 'scripts/bench.mjs']);
    expect(code, out).toBe(1);
    expect(out).toMatch(/needs root\.\n→ .*sudo npm run bench/);
    clear(out);
  });
});

describe('in a fresh clone, before anything is installed,', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  /** What a file imports as it is loaded, itself included, below the root. */
  const loads = (file: string, seen = new Set<string>()): string[] => {
    if (seen.has(file)) return [];
    seen.add(file);
    const named = [...readFileSync(file, 'utf8').matchAll(/^(?:import|export) (?:.* from )?'([^']+)'/gm)].map(
      ([, name]) => name as string,
    );
    return named.flatMap((name) =>
      name.startsWith('.') ? loads(resolve(dirname(file), name), seen) : [`${relative(root, file)}: ${name}`],
    );
  };
  for (const [name, line] of Object.entries(scripts))
    it(`npm run ${name} begins with what Node.js has`, () => {
      const first = /^node (scripts\/\w+\.mjs)/.exec(line)?.[1];
      expect(first, line).toBeTruthy();
      expect(loads(join(root, first ?? '')).filter((found) => !found.includes(': node:'))).toEqual([]);
    });
});
