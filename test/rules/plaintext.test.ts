// The benchmark's floor seals nothing: it must be impossible to get it by a normal build.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const guarded = read('native/session/src/plaintext.rs');
const mark = /static MARK: \[u8; \d+\] = \*b"([^"]+)"/.exec(guarded)?.[1] ?? '';
const holds = (path: string) => readFileSync(join(root, path)).includes(mark);

describe('the build that seals nothing', () => {
  it('bears a mark, and refuses to compile without being called the benchmark’s', () => {
    expect(mark.length).toBeGreaterThan(20);
    expect(guarded).toMatch(/const _: \(\) = assert!\(\s*option_env!\("WEFT_BENCH_BUILD"\)\.is_some\(\)/);
  });
  it('is in no default feature and no script', () => {
    const crates = readdirSync(join(root, 'native')).filter((name) =>
      existsSync(join(root, 'native', name, 'Cargo.toml')),
    );
    expect(crates).toContain('addon');
    for (const crate of crates) expect(read(`native/${crate}/Cargo.toml`)).not.toMatch(/^default\s*=.*plaintext/m);
    const scripts = readdirSync(join(root, 'scripts'), { recursive: true }).map((name) =>
      join('scripts', String(name)),
    );
    for (const path of [...scripts.filter((name) => name.endsWith('.mjs')), 'package.json', '.ci/run'])
      expect(read(path), path).not.toMatch(/WEFT_BENCH_BUILD|features[ =]+\S*plaintext/);
  });
  it('is not the native part here', () => {
    const addon = 'native/addon/weft.node';
    if (existsSync(join(root, addon))) expect(holds(addon)).toBe(false);
    const floor = '.build/bench/weft-plaintext.node';
    // Else the mark would prove nothing.
    if (existsSync(join(root, floor))) expect(holds(floor)).toBe(true);
  });
});
