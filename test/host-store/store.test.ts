import { execFileSync, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ok } from '../../app/contract/errors.ts';
import { openStore, type FileStore } from '../../main/host/store.ts';
import { bundled } from './support/bundled.ts';

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const texts = (entries: Uint8Array[]): string[] => entries.map((entry) => Buffer.from(entry).toString());

function open(dir: string): FileStore {
  const store = openStore(dir);
  if (!store.ok) throw new Error(store.error.code);
  return store.value;
}
function log(store: FileStore, name = 'log'): string[] {
  const read = store.readLog(name);
  if (!read.ok) throw new Error(read.error.code);
  return texts(read.value);
}

let dir: string;
let store: FileStore;
beforeEach(() => {
  dir = join(fs.mkdtempSync(join(tmpdir(), 'weft-store-')), 'state');
  store = open(dir);
});
afterEach(() => fs.rmSync(join(dir, '..'), { recursive: true, force: true }));

describe('the store', () => {
  it('keeps files and logs over a restart, for the owner alone', () => {
    expect(store.read('a/b')).toEqual(ok(null));
    expect(store.readLog('a/log')).toEqual(ok([]));
    expect(store.write('a/b', bytes('one'))).toEqual(ok(undefined));
    expect(store.write('a/b', bytes('two'))).toEqual(ok(undefined));
    expect(store.append('a/log', [bytes('1'), bytes('')])).toEqual(ok(undefined));
    expect(store.append('a/log', [bytes('2')])).toEqual(ok(undefined));
    const again = open(dir);
    expect(again.read('a/b')).toEqual(ok(bytes('two')));
    expect(log(again, 'a/log')).toEqual(['1', '', '2']);
    expect(again.append('a/log', [bytes('3')])).toEqual(ok(undefined));
    expect(log(open(dir), 'a/log')).toEqual(['1', '', '2', '3']);
    const mode = (path: string): number => fs.statSync(path).mode & 0o777;
    expect([mode(dir), mode(join(dir, 'a')), mode(join(dir, 'a/b')), mode(join(dir, 'a/log'))]).toEqual([
      0o700, 0o700, 0o600, 0o600,
    ]);
    expect(again.list('a')).toEqual(['b', 'log']);
    expect(again.list('')).toEqual(['a']);
    expect(again.remove('a')).toEqual(ok(undefined));
    expect([again.list(''), again.read('a/b'), again.readLog('a/log')]).toEqual([[], ok(null), ok([])]);
    expect(again.remove('never/was')).toEqual(ok(undefined));
  });

  it('closes a folder that others could read', () => {
    fs.chmodSync(dir, 0o755);
    open(dir);
    expect(fs.statSync(dir).mode & 0o777).toBe(0o700);
  });

  it.each([
    '',
    '..',
    '../x',
    'a/../b',
    '/etc/passwd',
    'a//b',
    '.x',
    'a/.x',
    'A',
    'a b',
    'x.tmp',
    'x.corrupt-1',
    'lock',
    'engine.sock',
    'a\0b',
    'x'.repeat(201),
  ])('refuses the name %j', (name) => {
    expect(() => store.read(name)).toThrow(RangeError);
    expect(() => store.write(name, bytes('x'))).toThrow(RangeError);
  });

  it('keeps a damaged file aside, goes on saying so, and takes a restored or new one', () => {
    store.write('f', bytes('precious'));
    const path = join(dir, 'f');
    const good = fs.readFileSync(path);
    const bad = Buffer.from(good);
    bad[bad.length - 1]! ^= 1;
    fs.writeFileSync(path, bad);
    const failure = { ok: false, error: { code: 'state-corrupt', data: { file: path, kept: `${path}.corrupt-1` } } };
    expect(store.read('f')).toEqual(failure);
    expect(open(dir).read('f')).toEqual(failure);
    expect(fs.readFileSync(`${path}.corrupt-1`)).toEqual(bad);
    fs.writeFileSync(path, good);
    expect(open(dir).read('f')).toEqual(ok(bytes('precious')));
    fs.writeFileSync(path, bad.subarray(0, 5));
    expect(store.read('f')).toMatchObject({ error: { data: { kept: `${path}.corrupt-2` } } });
    expect(store.list('')).toEqual([]);
    expect(store.write('f', bytes('new'))).toEqual(ok(undefined));
    expect(store.read('f')).toEqual(ok(bytes('new')));
    expect(store.remove('f')).toEqual(ok(undefined));
    expect(fs.readdirSync(dir)).toEqual([]);
  });

  it('leaves files of a later version alone', () => {
    store.write('f', bytes('x'));
    store.append('log', [bytes('x')]);
    for (const name of ['f', 'log']) {
      const content = fs.readFileSync(join(dir, name));
      content[5] = 2;
      fs.writeFileSync(join(dir, name), content);
    }
    const failure = (name: string) => ({ ok: false, error: { code: 'state-newer', data: { file: join(dir, name) } } });
    const later = open(dir);
    expect([later.read('f'), later.readLog('log'), later.append('log', [bytes('y')])]).toEqual([
      failure('f'),
      failure('log'),
      failure('log'),
    ]);
    expect(fs.readdirSync(dir).sort()).toEqual(['f', 'log']);
  });

  it('finds any single damaged byte of a file', () => {
    store.write('f', bytes('some content'));
    const good = fs.readFileSync(join(dir, 'f'));
    for (let at = 0; at < good.length; at++) {
      const bad = Buffer.from(good);
      bad[at]! ^= 0x10;
      fs.writeFileSync(join(dir, 'f'), bad);
      // Byte 5 is the version: there it says that a later Weft wrote it.
      expect(store.read('f')).toMatchObject({ ok: false, error: { code: at === 5 ? 'state-newer' : 'state-corrupt' } });
    }
  });
});

describe('a log', () => {
  beforeEach(() => {
    store.append('log', [bytes('first')]);
    store.append('log', [bytes('second'), bytes('third'.repeat(300))]);
  });
  const path = (): string => join(dir, 'log');

  it('that a crash cut short loses only what was being appended', () => {
    const whole = fs.readFileSync(path());
    const before = whole.length;
    store.append('log', [bytes('fourth'), bytes('fifth'.repeat(200))]);
    const more = fs.readFileSync(path());
    for (let length = before; length < more.length; length += 7) {
      fs.writeFileSync(path(), more.subarray(0, length));
      const again = open(dir);
      expect(log(again)).toEqual(['first', 'second', 'third'.repeat(300)]);
      expect(fs.statSync(path()).size).toBe(before);
      expect(again.append('log', [bytes('new')])).toEqual(ok(undefined));
      expect(log(open(dir)).at(-1)).toBe('new');
    }
  });

  it('whose last sectors never reached the disk loses only what was being appended', () => {
    const before = fs.statSync(path()).size;
    store.append('log', [bytes('x'.repeat(2000))]);
    const more = fs.readFileSync(path());
    for (const from of [before, 1536, 2048]) {
      fs.writeFileSync(path(), Buffer.from(more).fill(0, Math.max(before, from)));
      expect(log(open(dir))).toHaveLength(3);
    }
  });

  it('with damage anywhere else is refused whole and kept aside', () => {
    const good = fs.readFileSync(path());
    const property = fc.property(
      fc.integer({ min: 0, max: good.length - 1 }),
      fc.integer({ min: 1, max: 255 }),
      (at, flip) => {
        const bad = Buffer.from(good);
        bad[at]! ^= flip;
        fs.writeFileSync(path(), bad);
        const read = open(dir).readLog('log');
        expect(read).toMatchObject({ ok: false });
        const { code } = (read as { error: { code: string } }).error;
        expect(code === 'state-corrupt' || (code === 'state-newer' && at === 5)).toBe(true);
        for (const name of fs.readdirSync(dir)) fs.rmSync(join(dir, name));
      },
    );
    fc.assert(property, { numRuns: 150 });
  });

  it('is not extended where it is damaged', () => {
    const bad = fs.readFileSync(path());
    bad[bad.length - 1]! ^= 1;
    fs.writeFileSync(path(), bad);
    const again = open(dir);
    expect(again.append('log', [bytes('x')])).toMatchObject({ error: { code: 'state-corrupt' } });
    expect(fs.readFileSync(`${path()}.corrupt-1`)).toEqual(bad);
  });
});

describe('golden files of store version 1', () => {
  const golden = new URL('../golden/store/', import.meta.url).pathname;
  const entries = ['one', '', 'three'];
  it('are read, and written the same', () => {
    store.write('file', bytes('weft store version 1'));
    store.append('log', entries.slice(0, 2).map(bytes));
    store.append('log', entries.slice(2).map(bytes));
    for (const name of ['file', 'log']) {
      const path = join(golden, `${name}.v1.bin`);
      if (process.env['UPDATE_GOLDEN'] === '1' && !fs.existsSync(path)) {
        fs.mkdirSync(golden, { recursive: true });
        fs.copyFileSync(join(dir, name), path, fs.constants.COPYFILE_EXCL);
      }
      expect(fs.readFileSync(join(dir, name))).toEqual(fs.readFileSync(path));
      fs.copyFileSync(path, join(dir, name));
    }
    const again = open(dir);
    expect(again.read('file')).toEqual(ok(bytes('weft store version 1')));
    expect(log(again)).toEqual(entries);
  });
});

describe('kill -9', () => {
  let writer: { path: string; remove: () => void };
  beforeAll(async () => {
    writer = await bundled(new URL('./support/writer.ts', import.meta.url).pathname);
  });
  afterAll(() => writer.remove());

  it('at any moment loses nothing that was acknowledged', async () => {
    const end = Date.now() + 6_000;
    let next = 1;
    let kills = 0;
    let seed = 12345;
    while (kills < 25 && Date.now() < end) {
      const said = await writeUntilKilled(writer.path, dir, next, 20 + ((seed = (seed * 48271) % 0x7fffffff) % 80));
      kills++;
      const again = open(dir);
      const content = again.read('net/state');
      if (!content.ok) throw new Error(content.error.code);
      const written = Number(
        Buffer.from(content.value ?? [])
          .toString()
          .split(':')[0] || 0,
      );
      expect(written).toBeGreaterThanOrEqual(said.written);
      const entries = log(again, 'net/log');
      expect(entries.length % 2).toBe(0);
      expect(entries.length / 2).toBeGreaterThanOrEqual(said.appended);
      entries.forEach((entry, at) => expect(entry.startsWith(`${Math.floor(at / 2) + 1}${'ab'[at % 2]}`)).toBe(true));
      next = entries.length / 2 + 1;
    }
    expect(next).toBeGreaterThan(20);
  });
});

/** Runs the writer, kills it so many ms after its first word, and returns the highest numbers that it acknowledged. */
async function writeUntilKilled(
  program: string,
  dir: string,
  from: number,
  ms: number,
): Promise<{ written: number; appended: number }> {
  const child = spawn(process.execPath, [program, dir, String(from)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (said === '') setTimeout(() => child.kill('SIGKILL'), ms);
    said += text;
  });
  const [, signal] = await new Promise<unknown[]>((resolve) => child.on('close', (...result) => resolve(result)));
  expect(signal).toBe('SIGKILL');
  const last = (letter: string): number =>
    Number([...said.matchAll(new RegExp(`^${letter}(\\d+)$`, 'gm'))].at(-1)?.[1] ?? 0);
  return { written: last('w'), appended: last('a') };
}

const rootReason = process.getuid?.() === 0 && process.platform === 'linux' ? '' : 'needs root to mount a tiny tmpfs';
if (rootReason) console.log(`skipped: full disk: ${rootReason}`);
describe.skipIf(rootReason)('a full disk', () => {
  let mount: string;
  beforeEach((context) => {
    mount = fs.mkdtempSync(join(tmpdir(), 'weft-full-'));
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=128k', 'tmpfs', mount], { stdio: 'pipe' });
    } catch {
      fs.rmdirSync(mount);
      mount = '';
      context.skip('may not mount here');
    }
  });
  afterEach(() => {
    if (!mount) return;
    execFileSync('umount', [mount]);
    fs.rmdirSync(mount);
  });

  it('is told by its code, with nothing changed, and is over when there is room again', () => {
    const small = open(join(mount, 'state'));
    small.write('f', bytes('old'));
    small.append('log', [bytes('old')]);
    const filler = join(mount, 'filler');
    const fd = fs.openSync(filler, 'w');
    try {
      for (;;) fs.writeSync(fd, Buffer.alloc(1024));
    } catch {
      // Full.
    }
    fs.closeSync(fd);
    const big = new Uint8Array(20_000).fill(7);
    const full = { ok: false, error: { code: 'disk-full', data: { why: 'ENOSPC' } } };
    expect(small.write('f', big)).toEqual(full);
    expect(small.write('new/g', bytes('x'))).toEqual(full);
    expect(small.append('log', [bytes('x'), big])).toEqual(full);
    expect(small.append('other', [big])).toEqual(full);
    for (const view of [small, open(join(mount, 'state'))]) {
      expect(view.read('f')).toEqual(ok(bytes('old')));
      expect(log(view)).toEqual(['old']);
      expect(view.readLog('other')).toEqual(ok([]));
    }
    fs.rmSync(filler);
    expect(small.append('log', [big])).toEqual(ok(undefined));
    expect(small.write('f', bytes('new'))).toEqual(ok(undefined));
    expect(open(join(mount, 'state')).read('f')).toEqual(ok(bytes('new')));
    expect(fs.readdirSync(join(mount, 'state')).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});

describe('rights', () => {
  it.skipIf(process.getuid?.() === 0)('that are missing are told by their codes', () => {
    store.write('f', bytes('x'));
    fs.chmodSync(join(dir, 'f'), 0);
    expect(store.read('f')).toMatchObject({ error: { code: 'state-unreadable', data: { why: 'EACCES' } } });
    fs.chmodSync(dir, 0o500);
    expect(store.write('f', bytes('y'))).toMatchObject({
      error: { code: 'state-unwritable', data: { why: 'EACCES' } },
    });
    fs.chmodSync(dir, 0o700);
  });

  it('a state folder that cannot be made is told by its code', () => {
    fs.writeFileSync(join(dir, 'file'), '');
    expect(openStore(join(dir, 'file/below'))).toMatchObject({
      error: { code: 'state-unwritable', data: { why: 'ENOTDIR' } },
    });
  });
});
