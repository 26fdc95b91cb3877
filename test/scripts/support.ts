// Runs the project's scripts on machines that lack something: a PATH that holds only what is named.
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from 'vitest';

export const root = resolve(import.meta.dirname, '../..');

export interface Said {
  code: number | null;
  out: string;
}

/** A folder for PATH: `stubs` succeed whatever they are asked, `real` are this machine's own. */
export function pathOf(stubs: string[], real: string[] = []): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'weft-path-'));
  for (const name of stubs) {
    writeFileSync(join(path, name), '#!/bin/sh\nexit 0\n');
    chmodSync(join(path, name), 0o755);
  }
  for (const name of real) {
    const found = spawnSync('/bin/sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim();
    if (found) symlinkSync(found, join(path, name));
  }
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Runs a program to its end; what it printed, both streams. */
export function finish(
  command: string,
  args: string[],
  options: { env?: NodeJS.ProcessEnv; cwd?: string; timeoutMs?: number } = {},
): Promise<Said> {
  return new Promise((settle) => {
    const env = { ...process.env, ...options.env };
    const child = spawn(command, args, { cwd: options.cwd ?? root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 25_000);
    let out = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (out += text));
    child.on('error', (error) => (out += String(error)));
    child.on('close', (code) => {
      clearTimeout(timer);
      settle({ code, out });
    });
  });
}

/** A sentence for a person. */
export function clear(text: string): void {
  expect(text).not.toMatch(/^\s+at /m);
  expect(text).not.toMatch(/ERR_|undefined|\[object|Error:/);
}
