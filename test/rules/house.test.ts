import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const README_LINES_MAX = 15;
/** The aim is 400; a few files of the engine are still beyond it. */
const FILE_LINES_MAX = 520;
const skipped = new Set(['node_modules', 'dist', '.build', '.git', 'target']);

function folders(path: string): string[] {
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !skipped.has(entry.name) && !entry.name.startsWith('target-'))
    .flatMap((entry) => [join(path, entry.name), ...folders(join(path, entry.name))]);
}

const files = (path: string) => readdirSync(path).filter((name) => statSync(join(path, name)).isFile());
const all = ['app', 'main', 'renderer', 'native', 'test'].flatMap((top) => folders(join(root, top)));
const sources = all.filter((folder) => files(folder).some((name) => /\.(ts|tsx|rs|mjs)$/.test(name)));
/** Folders whose README is the parent's business: they hold parts of one noun. */
const inner =
  /\/(src|tests|benches|examples|support|programs|commands|messages|protocol|features|ui|i18n|mock|client)(\/|$)/;

describe('every folder says what it is', () => {
  for (const folder of sources.filter((path) => !inner.test(`/${relative(root, path)}`)))
    it(relative(root, folder), () => {
      const readme = join(folder, 'README.md');
      expect(existsSync(readme), 'README.md').toBe(true);
      expect(readFileSync(readme, 'utf8').trim().split('\n').length).toBeLessThanOrEqual(README_LINES_MAX);
    });
});

describe('files stay small', () => {
  const long = sources
    .flatMap((folder) => files(folder).map((name) => join(folder, name)))
    .filter((path) => /\.(ts|tsx|rs)$/.test(path) && !path.endsWith('.d.ts'))
    .map((path) => [relative(root, path), readFileSync(path, 'utf8').split('\n').length] as const)
    .filter(([, lines]) => lines > FILE_LINES_MAX);
  it(`at most ${FILE_LINES_MAX} lines`, () => expect(long).toEqual([]));
});

describe('unsafe Rust', () => {
  it('is in files called sys.rs only', () => {
    const found = sources
      .flatMap((folder) => files(folder).map((name) => join(folder, name)))
      .filter((path) => path.endsWith('.rs') && !path.endsWith('/sys.rs'))
      .filter((path) => /\bunsafe\s*(\{|fn|impl)/.test(readFileSync(path, 'utf8')))
      .map((path) => relative(root, path));
    expect(found).toEqual([]);
  });
});

describe('the binding', () => {
  const addon = join(root, 'native/addon/weft.node');
  it('exports what index.d.ts declares', () => {
    const declared = [
      ...readFileSync(join(root, 'native/addon/index.d.ts'), 'utf8').matchAll(
        /^export (?:class|function|const) (\w+)/gm,
      ),
    ].map((match) => match[1] as string);
    const exported = Object.keys(createRequire(import.meta.url)(addon) as object);
    expect(declared.length).toBeGreaterThan(4);
    for (const name of declared) expect(exported).toContain(name);
  });
  it('has every method of the Dataplane class', () => {
    const text = readFileSync(join(root, 'native/addon/index.d.ts'), 'utf8');
    const body = text.slice(text.indexOf('export class Dataplane'), text.indexOf('export interface AdapterOptions'));
    const declared = [...body.matchAll(/^ {2}(\w+)\(/gm)]
      .map((match) => match[1] as string)
      .filter((name) => name !== 'constructor');
    const { Dataplane } = createRequire(import.meta.url)(addon) as { Dataplane: { prototype: object } };
    for (const name of declared) expect(Object.getOwnPropertyNames(Dataplane.prototype)).toContain(name);
  });
});
