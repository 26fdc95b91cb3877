// One engine per state folder, without native code: exactly one of racing starters wins, and a killed owner's lock is taken over.
//
// `lock` names its owner (process, start time, boot) and a nonce. Who finds the owner gone claims by making `lock.after.<nonce>` with
// link(2), which only one can. The claim counts when a second look at `lock` still shows that nonce; then `lock` is replaced by the
// new owner's own record, and only after that the claims are deleted. So a slow starter that acts on an old `lock` finds a new nonce at
// its second look and gives up, and a live owner's lock is never touched by anyone else.
import { createHash, randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { connect } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { fail, ok, type Outcome } from '../../app/contract/errors.ts';
import { statePaths } from './paths.ts';
import { processState, thisProcess, type ProcessId } from './proc.ts';

export const LOCK_VERSION = 1;
/** Each round lost means that another starter got further; so many in a row do not happen. */
const ROUNDS_MAX = 20;
const PROBE_TIMEOUT_MS = 1_000;
const DRAFT_AGE_MS = 60_000;

interface Owner extends ProcessId {
  version: number;
  nonce: string;
  /** The owner gave the lock back. */
  released?: boolean;
}

export interface StateLock {
  /** Gives the lock back; harmless when repeated. */
  release(): void;
}

/**
 * Locks a state folder (made before, by openStore) for this process. Fails with `engine-busy` {pid}, `disk-full`,
 * `state-unwritable`.
 */
export async function lockState(stateDir: string): Promise<Outcome<StateLock>> {
  const { lock, socket } = statePaths(stateDir);
  const self: Owner = { version: LOCK_VERSION, ...thisProcess(), nonce: randomBytes(12).toString('hex') };
  const draft = `${lock}.new.${self.nonce}`;
  try {
    writeDurably(draft, JSON.stringify(self));
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const busy = await tryOnce(lock, draft, socket, self);
      if (busy === null) return ok({ release: () => release(lock, self) });
      if (busy !== 'again') return fail('engine-busy', { pid: String(busy.pid) });
    }
    return fail('engine-busy', { pid: '?' });
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? 'unknown';
    if (why === 'ENOSPC' || why === 'EDQUOT') return fail('disk-full', { why });
    return fail('state-unwritable', { file: lock, why });
  } finally {
    fs.rmSync(draft, { force: true });
  }
}

/** Who holds the lock of a state folder just now, e.g. for a message; null when nobody does. */
export async function lockOwner(stateDir: string): Promise<{ pid: number } | null> {
  const { lock, socket } = statePaths(stateDir);
  const owner = tail(lock);
  return owner && (await isAlive(owner, socket)) ? { pid: owner.pid } : null;
}

/** null: won. */
async function tryOnce(lock: string, draft: string, socket: string, self: Owner): Promise<Owner | 'again' | null> {
  const last = tail(lock);
  if (last === null) return linkOnce(draft, lock) ? null : 'again';
  if (await isAlive(last, socket)) return last;
  const claim = claimPath(lock, last.nonce);
  if (!linkOnce(draft, claim)) return 'again';
  if (tail(lock)?.nonce !== self.nonce) {
    fs.rmSync(claim, { force: true });
    return 'again';
  }
  fs.linkSync(draft, `${draft}.own`);
  fs.renameSync(`${draft}.own`, lock);
  tidy(lock);
  return null;
}

/** Deletes the claims that `lock` has overtaken, and drafts of starters that were killed. */
function tidy(lock: string): void {
  const folder = dirname(lock);
  for (const name of fs.readdirSync(folder)) {
    const path = join(folder, name);
    const stats = fs.statSync(path, { throwIfNoEntry: false });
    const old = stats !== undefined && Date.now() - stats.mtimeMs > DRAFT_AGE_MS;
    const draft = name.startsWith(`${basename(lock)}.new.`) || name.startsWith(`${basename(lock)}.released.`);
    if (name.startsWith(`${basename(lock)}.after.`) || (draft && old)) fs.rmSync(path, { force: true });
  }
}

const claimPath = (lock: string, nonce: string): string => `${lock}.after.${nonce}`;

/** The newest owner: `lock`'s, or whoever claimed after it and died before replacing `lock`. */
function tail(lock: string): Owner | null {
  let owner = readOwner(lock);
  for (let next = owner; next; next = readOwner(claimPath(lock, next.nonce))) owner = next;
  return owner;
}

/** null: no such file. What is not a record (another program's, a damaged disk's) counts as one of an owner long gone. */
function readOwner(path: string): Owner | null {
  let text: string;
  try {
    text = fs.readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  try {
    const owner = JSON.parse(text) as Owner;
    if (Number.isInteger(owner.pid) && /^[0-9a-f]{24}$/.test(owner.nonce)) return owner;
  } catch {
    // Falls through to the stand-in.
  }
  const nonce = createHash('sha256').update(text).digest('hex').slice(0, 24);
  return { version: LOCK_VERSION, pid: 0, start: '', boot: '', namespace: '', nonce, released: true };
}

function linkOnce(from: string, to: string): boolean {
  try {
    fs.linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function writeDurably(path: string, text: string): void {
  const fd = fs.openSync(path, 'wx', 0o600);
  try {
    fs.writeSync(fd, text);
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

async function isAlive(owner: Owner, socket: string): Promise<boolean> {
  if (owner.released) return false;
  const state = processState(owner);
  // In another container: then its socket tells.
  return state === 'unknown' ? answers(socket) : state === 'alive';
}

function answers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(socket);
    const done = (alive: boolean): void => {
      probe.destroy();
      resolve(alive);
    };
    probe.setTimeout(PROBE_TIMEOUT_MS, () => done(true));
    probe.on('connect', () => done(true));
    probe.on('error', () => done(false));
  });
}

function release(lock: string, self: Owner): void {
  if (readOwner(lock)?.nonce !== self.nonce) return;
  const draft = `${lock}.released.${self.nonce}`;
  try {
    writeDurably(draft, JSON.stringify({ ...self, released: true }));
    fs.renameSync(draft, lock);
  } catch {
    // A full disk: the lock is then found to be a dead process's, which is as good.
    fs.rmSync(draft, { force: true });
  }
}
