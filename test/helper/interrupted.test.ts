// The engine's calls to the helper while signals arrive: a child that ends is one, and reads with a timeout are cut short by them.
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { projectRoot, run } from '../netns/support/shell.ts';

/** A helper that thinks about it. */
const ANSWER_AFTER_MS = 400;

const program = `
  process.on('SIGUSR2', () => {});
  const { helperCall } = require(process.argv[1]);
  const { spawn } = require('node:child_process');
  const nagging = spawn('sh', ['-c', 'while kill -USR2 ' + process.pid + '; do sleep 0.01; done'], { stdio: 'ignore' });
  nagging.on('spawn', () => {
    let said;
    try { said = helperCall(process.argv[2], '{}').answer; } catch (error) { said = String(error); }
    nagging.kill('SIGKILL');
    console.log(said);
  });
`;

it('takes the answer however often it is interrupted', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-call-'));
  const socket = join(folder, 'socket');
  const server = createServer((client) => {
    client.on('data', () => setTimeout(() => client.end('{"ok":true}\n'), ANSWER_AFTER_MS));
    client.on('error', () => {});
  });
  await new Promise<void>((settle) => server.listen(socket, settle));
  try {
    const addon = process.env['WEFT_ADDON'] ?? join(projectRoot, 'native/addon/weft.node');
    const { stdout, stderr } = await run(process.execPath, ['-e', program, addon, socket], { timeoutMs: 10_000 });
    expect(stdout.trim(), stderr).toBe('{"ok":true}');
  } finally {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
