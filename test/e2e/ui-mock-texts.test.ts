// Every text that the window uses exists, and none is left over. (That keys written out exist is also checked by the types.)
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ERRORS } from '../../app/contract/errors.ts';
import { formatBytes, formatRate } from '../../renderer/src/i18n/format.ts';

const folder = resolve(import.meta.dirname, '../../renderer/src');
const walk = (path: string): string[] =>
  statSync(path).isDirectory() ? readdirSync(path).flatMap((name) => walk(join(path, name))) : [path];
const sources = walk(folder).filter((path) => /\.tsx?$/.test(path));
const text = sources.map((path) => readFileSync(path, 'utf8')).join('\n');
const keys = Object.keys(JSON.parse(readFileSync(join(folder, 'i18n/en.json'), 'utf8')) as Record<string, string>);
const bases = new Set(keys.map((key) => key.replace(/_(one|other)$/, '')));

/** `t(`state.${x}`)` uses every key that begins with "state." and ends as the template does. */
const templates = [...text.matchAll(/`([a-z][\w.]*\.)\$\{[^}]+\}([\w.]*)`/g)].map(
  ([, prefix, suffix]) => [prefix as string, suffix as string] as const,
);
const literals = new Set([...text.matchAll(/'([a-z]\w*(?:\.[\w-]+)+)'/g)].map(([, key]) => key as string));

describe('numbers', () => {
  it('stand apart from their units, at every size', () => {
    const texts = [formatRate(0), formatRate(999), formatRate(1_200_000), formatBytes(7), formatBytes(1_700)];
    expect(texts).toEqual(['0 B/s', '999 B/s', '1.2 MB/s', '7 B', '1.7 kB']);
  });
});

describe('texts', () => {
  it('are all used', () => {
    const unused = [...bases].filter(
      (key) =>
        !literals.has(key) &&
        !templates.some(
          ([prefix, suffix]) => key.startsWith(prefix) && key.endsWith(suffix) && key.length > prefix.length,
        ),
    );
    expect(unused).toEqual([]);
  });
  it('exist for every key that is asked for', () => {
    const asked = [...text.matchAll(/\bt\(\s*'([^']+)'/g)].map(([, key]) => key as string);
    expect(asked.length).toBeGreaterThan(100);
    expect(asked.filter((key) => !bases.has(key))).toEqual([]);
  });
  it('of errors belong to codes that exist', () => {
    const codes = keys.filter((key) => /^error\.[^.]+\.(text|remedy)$/.test(key)).map((key) => key.split('.')[1] ?? '');
    expect(codes.filter((code) => !(code in ERRORS))).toEqual([]);
  });
  it('are in the language file, not in the pages', () => {
    const bare = sources
      .filter((path) => path.endsWith('.tsx'))
      .flatMap((path) =>
        [...readFileSync(path, 'utf8').matchAll(/>\s*([A-Z][a-z]+ [a-z][^<>{}]*)</g)].map(([, found]) => found),
      );
    expect(bare).toEqual([]);
  });
  it('have both plural forms', () =>
    expect(keys.filter((key) => key.endsWith('_one') && !keys.includes(key.replace(/_one$/, '_other')))).toEqual([]));
});
