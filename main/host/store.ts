// The engine's `Store` on a real file system: what was acknowledged survives `kill -9` and power loss; damage is never deleted.
import * as fs from 'node:fs';
import { dirname, join } from 'node:path';
import { fail, ok, type Outcome } from '../../app/contract/errors.ts';
import type { Store } from '../../app/engine/ports.ts';
import {
  decodeFile,
  decodeLog,
  encodeBatch,
  encodeFile,
  header,
  KIND_LOG,
  STORE_BYTES_MAX,
  type Parsed,
} from './store-format.ts';

export const STORE_NAME_CHARS_MAX = 200;
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;
const TEMPORARY = '.tmp';
const KEPT = '.corrupt-';
const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

const errno = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? 'unknown';

/** Opens (and makes, 0700) a state folder. Fails with `disk-full`, `state-unwritable`, `state-unreadable`. */
export function openStore(dir: string): Outcome<FileStore> {
  try {
    makeFolder(dir);
    // The folder's mode is what keeps other users away from everything in it, the socket included.
    if (process.platform !== 'win32' && (fs.statSync(dir).mode & 0o077) !== 0) fs.chmodSync(dir, FOLDER_MODE);
    fs.readdirSync(dir);
  } catch (error) {
    return writeFailure(dir, error);
  }
  return ok(new FileStore(dir));
}

export class FileStore implements Store {
  readonly dir: string;
  /** Good length of each log that was read or written; the state lock keeps other writers away. */
  readonly #logs = new Map<string, number>();

  constructor(dir: string) {
    this.dir = dir;
  }

  read(name: string): Outcome<Uint8Array | null> {
    return this.#load(name, decodeFile);
  }

  write(name: string, bytes: Uint8Array): Outcome<void> {
    const path = this.#path(name);
    if (bytes.length > STORE_BYTES_MAX) return fail('too-large', { what: name });
    this.#logs.delete(name);
    try {
      makeFolder(dirname(path));
      replaceFile(path, encodeFile(bytes));
      return ok(undefined);
    } catch (error) {
      return writeFailure(path, error);
    }
  }

  append(name: string, entries: Uint8Array[]): Outcome<void> {
    const path = this.#path(name);
    const batch = encodeBatch(entries);
    if (batch.length > STORE_BYTES_MAX) return fail('too-large', { what: name });
    if (!this.#logs.has(name)) {
      const content = this.readLog(name);
      if (!content.ok) return content;
    }
    if (entries.length === 0) return ok(undefined);
    const good = this.#logs.get(name) ?? 0;
    try {
      if (good === 0) {
        makeFolder(dirname(path));
        const bytes = Buffer.concat([header(KIND_LOG), batch]);
        replaceFile(path, bytes);
        this.#logs.set(name, bytes.length);
      } else {
        extendFile(path, good, batch);
        this.#logs.set(name, good + batch.length);
      }
      return ok(undefined);
    } catch (error) {
      // What is on the disk now is uncertain: the next call looks.
      this.#logs.delete(name);
      return writeFailure(path, error);
    }
  }

  readLog(name: string): Outcome<Uint8Array[]> {
    const path = this.#path(name);
    const loaded = this.#load(name, decodeLog);
    if (!loaded.ok) return loaded;
    if (loaded.value === null) {
      this.#logs.set(name, 0);
      return ok([]);
    }
    const { entries, goodBytes } = loaded.value;
    try {
      if (fs.statSync(path).size > goodBytes) cutFile(path, goodBytes);
    } catch (error) {
      return writeFailure(path, error);
    }
    this.#logs.set(name, goodBytes);
    return ok(entries);
  }

  remove(name: string): Outcome<void> {
    const path = this.#path(name);
    const folder = dirname(path);
    for (const log of this.#logs.keys()) if (log === name || log.startsWith(`${name}/`)) this.#logs.delete(log);
    try {
      // Copies that damage left behind hold the same secrets: who removes the file means them, too.
      for (const kept of keptCopies(path)) fs.rmSync(join(folder, kept), { recursive: true, force: true });
      fs.rmSync(path + TEMPORARY, { force: true });
      fs.rmSync(path, { recursive: true, force: true });
      if (fs.existsSync(folder)) syncFolder(folder);
      return ok(undefined);
    } catch (error) {
      return writeFailure(path, error);
    }
  }

  /** Names of files and folders directly in a folder ("" is the top), sorted; damaged files are not in it. */
  list(folder: string): string[] {
    const path = folder === '' ? this.dir : this.#path(folder);
    try {
      return fs
        .readdirSync(path)
        .filter((name) => isName(name))
        .sort();
    } catch {
      return [];
    }
  }

  #path(name: string): string {
    if (!isName(name)) throw new RangeError(`not a store name: ${JSON.stringify(name)}`);
    return join(this.dir, name);
  }

  /** A damaged file stays `state-corrupt` at every read until it is restored, written anew or removed. */
  #load<T>(name: string, decode: (bytes: Buffer) => Parsed<T>): Outcome<T | null> {
    const path = this.#path(name);
    let bytes: Buffer;
    try {
      const { size } = fs.statSync(path);
      if (size > 4 * STORE_BYTES_MAX) return fail('state-unreadable', { file: path, why: 'too large' });
      bytes = fs.readFileSync(path);
    } catch (error) {
      if (errno(error) !== 'ENOENT') return fail('state-unreadable', { file: path, why: errno(error) });
      const kept = keptCopies(path).pop();
      return kept ? fail('state-corrupt', { file: path, kept: join(dirname(path), kept) }) : ok(null);
    }
    const parsed = decode(bytes);
    if (parsed.kind === 'ok') return ok(parsed.value);
    if (parsed.kind === 'newer') return fail('state-newer', { file: path });
    return keepAside(path);
  }
}

/** Relative paths of [a-z0-9-.], without empty, hidden or temporary parts. */
function isName(name: string): boolean {
  // The lock and the socket share the folder but are not the store's.
  if (name.length > STORE_NAME_CHARS_MAX || /^(lock|lock\..*|engine\.sock)$/.test(name)) return false;
  return name
    .split('/')
    .every((part) => /^[a-z0-9-][a-z0-9.-]*$/.test(part) && !part.endsWith(TEMPORARY) && !part.includes(KEPT));
}

/** Copies of a damaged file, oldest first. */
function keptCopies(path: string): string[] {
  const prefix = path.slice(dirname(path).length + 1) + KEPT;
  const number = (name: string): number => Number(name.slice(prefix.length));
  try {
    return fs
      .readdirSync(dirname(path))
      .filter((name) => name.startsWith(prefix) && Number.isInteger(number(name)))
      .sort((a, b) => number(a) - number(b));
  } catch {
    return [];
  }
}

function keepAside(path: string): Outcome<never> {
  const last = keptCopies(path).pop();
  const count = last ? Number(last.slice(last.lastIndexOf('-') + 1)) + 1 : 1;
  const kept = `${path}${KEPT}${count}`;
  try {
    fs.renameSync(path, kept);
    syncFolder(dirname(path));
    return fail('state-corrupt', { file: path, kept });
  } catch {
    // It could not be renamed, so it stays where it is, untouched.
    return fail('state-corrupt', { file: path, kept: path });
  }
}

function writeFailure(path: string, error: unknown): Outcome<never> {
  const why = errno(error);
  return FULL.has(why) ? fail('disk-full', { why }) : fail('state-unwritable', { file: path, why });
}

function makeFolder(path: string): void {
  const made = fs.mkdirSync(path, { recursive: true, mode: FOLDER_MODE });
  // Each new folder's entry is in its parent.
  if (made) for (let at = path; at.length >= made.length; at = dirname(at)) syncFolder(dirname(at));
}

function syncFolder(path: string): void {
  // Windows cannot open folders; its renames are journalled.
  if (process.platform === 'win32') return;
  const fd = fs.openSync(path, 'r');
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

function writeAll(fd: number, bytes: Buffer, position: number): void {
  for (let done = 0; done < bytes.length;) done += fs.writeSync(fd, bytes, done, bytes.length - done, position + done);
}

/** New content under a temporary name, made durable, then renamed over the old. */
function replaceFile(path: string, bytes: Buffer): void {
  const temporary = path + TEMPORARY;
  try {
    const fd = fs.openSync(temporary, 'w', FILE_MODE);
    try {
      writeAll(fd, bytes, 0);
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
    fs.renameSync(temporary, path);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw error;
  }
  syncFolder(dirname(path));
}

/** Adds to a log of known length; when that fails, what was added is taken away again. */
function extendFile(path: string, length: number, bytes: Buffer): void {
  const fd = fs.openSync(path, 'r+');
  try {
    if (fs.fstatSync(fd).size !== length) throw new Error(`${path} was changed by someone else`);
    try {
      writeAll(fd, bytes, length);
      fs.fsyncSync(fd);
    } catch (error) {
      fs.ftruncateSync(fd, length);
      fs.fsyncSync(fd);
      throw error;
    }
  } finally {
    fs.closeSync(fd);
  }
}

function cutFile(path: string, length: number): void {
  const fd = fs.openSync(path, 'r+');
  try {
    fs.ftruncateSync(fd, length);
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}
