import { spawn, type ChildProcess } from 'node:child_process';
import * as fs from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { lockOwner, lockState } from '../../main/host/lock.ts';
import { bundled } from './support/bundled.ts';

let program: { path: string; remove: () => void };
let dir: string;
const children: ChildProcess[] = [];

beforeAll(async () => {
  program = await bundled(new URL('./support/locker.ts', import.meta.url).pathname);
});
afterAll(() => program.remove());
beforeEach(() => {
  dir = fs.mkdtempSync(join(tmpdir(), 'weft-lock-'));
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  fs.rmSync(dir, { recursive: true, force: true });
});

interface Starter {
  child: ChildProcess;
  /** First line that it says. */
  said: Promise<string>;
  ended: Promise<void>;
}
function start(): Starter {
  const child = spawn(process.execPath, [program.path, dir], { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  const said = new Promise<string>((resolve) => {
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      if (text.includes('\n')) resolve(text.split('\n', 1)[0] as string);
    });
  });
  return { child, said, ended: new Promise((resolve) => child.on('exit', () => resolve())) };
}
const kill = async (starter: Starter): Promise<void> => {
  starter.child.kill('SIGKILL');
  await starter.ended;
};

describe('the state lock', () => {
  it('is one engine’s at a time, also within a process, and can be given back', async () => {
    const first = await lockState(dir);
    const busy = { ok: false, error: { code: 'engine-busy', data: { pid: String(process.pid) } } };
    expect(await lockState(dir)).toEqual(busy);
    expect(await lockOwner(dir)).toEqual({ pid: process.pid });
    if (!first.ok) throw new Error(first.error.code);
    first.value.release();
    expect(await lockOwner(dir)).toBeNull();
    const second = await lockState(dir);
    expect(second.ok).toBe(true);
    // What was given back is somebody else's now.
    first.value.release();
    expect(await lockState(dir)).toEqual(busy);
    expect(fs.readdirSync(dir)).toEqual(['lock']);
    expect(fs.statSync(join(dir, 'lock')).mode & 0o777).toBe(0o600);
  });

  it('of a killed owner is taken over, by exactly one of many who race for it, again and again', async () => {
    let holder: Starter | null = null;
    for (let round = 0; round < 4; round++) {
      const starters = Array.from({ length: 5 }, start);
      const said = await Promise.all(starters.map((starter) => starter.said));
      if (holder) {
        expect(said).toEqual(Array(5).fill(`engine-busy ${holder.child.pid}`));
        await kill(holder);
        holder = null;
        continue;
      }
      const winners = starters.filter((_, index) => said[index] === 'won');
      expect(winners, said.join()).toHaveLength(1);
      holder = winners[0] as Starter;
      for (const text of said) expect(['won', `engine-busy ${holder.child.pid}`, 'engine-busy ?']).toContain(text);
    }
  }, 30_000);

  it('is not lost while many give up and one claims after another, in one process', async () => {
    for (let round = 0; round < 20; round++) {
      const results = await Promise.all(Array.from({ length: 8 }, () => lockState(dir)));
      const won = results.filter((result) => result.ok);
      expect(won).toHaveLength(1);
      for (const result of won) if (result.ok) result.value.release();
    }
    expect(fs.readdirSync(dir)).toEqual(['lock']);
  });

  it('stays with a stopped owner', async () => {
    const holder = start();
    expect(await holder.said).toBe('won');
    holder.child.kill('SIGSTOP');
    expect(await lockState(dir)).toMatchObject({
      error: { code: 'engine-busy', data: { pid: String(holder.child.pid) } },
    });
    holder.child.kill('SIGCONT');
  });

  /** The record of an owner that is gone, as it lies on the disk. */
  const leftBehind = async (change: Record<string, unknown>): Promise<void> => {
    const holder = start();
    expect(await holder.said).toBe('won');
    await kill(holder);
    const path = join(dir, 'lock');
    const record = JSON.parse(fs.readFileSync(path, 'utf8')) as Record<string, unknown>;
    fs.writeFileSync(path, JSON.stringify({ ...record, ...change }));
  };

  it('is not fooled by a pid that is in use again, nor by one from before a reboot', async () => {
    await leftBehind({ pid: process.pid });
    expect((await lockState(dir)).ok).toBe(true);
    fs.rmSync(join(dir, 'lock'));
    const held = await lockState(dir);
    expect(held.ok).toBe(true);
    const record = JSON.parse(fs.readFileSync(join(dir, 'lock'), 'utf8')) as Record<string, unknown>;
    fs.writeFileSync(join(dir, 'lock'), JSON.stringify({ ...record, boot: 'another' }));
    expect((await lockState(dir)).ok).toBe(true);
  });

  it('of an owner in another container is judged by its socket', async () => {
    await leftBehind({ namespace: 'pid:[1]' });
    const server = createServer().listen(join(dir, 'engine.sock'));
    await new Promise((resolve) => server.once('listening', resolve));
    expect(await lockState(dir)).toMatchObject({ error: { code: 'engine-busy' } });
    await new Promise((resolve) => server.close(resolve));
    expect((await lockState(dir)).ok).toBe(true);
  });

  it('takes over what a claimer left that died half way', async () => {
    await leftBehind({});
    const { nonce, ...rest } = JSON.parse(fs.readFileSync(join(dir, 'lock'), 'utf8')) as { nonce: string };
    const claimer = { ...rest, nonce: '0123456789abcdef01234567' };
    fs.writeFileSync(join(dir, `lock.after.${nonce}`), JSON.stringify(claimer));
    fs.writeFileSync(join(dir, 'lock.new.ffffffffffffffffffffffff'), '{}');
    fs.utimesSync(join(dir, 'lock.new.ffffffffffffffffffffffff'), 0, 0);
    const results = await Promise.all([lockState(dir), lockState(dir), lockState(dir)]);
    expect(results.filter((result) => result.ok)).toHaveLength(1);
    expect(fs.readdirSync(dir)).toEqual(['lock']);
  });

  it('takes over an unreadable record', async () => {
    for (const text of ['', 'junk', '{"pid":1}', 'null']) {
      fs.writeFileSync(join(dir, 'lock'), text);
      expect((await lockState(dir)).ok, text).toBe(true);
    }
  });

  it('that cannot be written is told by its code', async () => {
    expect(await lockState(join(dir, 'absent'))).toMatchObject({
      error: { code: 'state-unwritable', data: { why: 'ENOENT' } },
    });
  });
});
