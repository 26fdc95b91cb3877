import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

export const projectRoot = resolve(import.meta.dirname, '../../..');
/** What one program may print before the rest is dropped. */
const OUTPUT_BYTES_MAX = 8 * 1024 * 1024;

export interface Finished {
  code: number;
  stdout: string;
  stderr: string;
  ms: number;
}

/** Reason why namespace tests cannot run here, or null. */
export function whyNot(): string | null {
  if (process.platform !== 'linux') return 'needs Linux';
  if (process.getuid?.() !== 0) return 'needs root to make network namespaces';
  if (!existsSync('/dev/net/tun')) return '/dev/net/tun is missing';
  const missing = NEEDED.filter((program) => !FOLDERS.some((folder) => existsSync(`${folder}/${program}`)));
  return missing.length > 0 ? `missing programs: ${missing.join(', ')}` : null;
}

/** Without these no lab stands; what one test alone drives, it looks for itself. */
const NEEDED = ['ip', 'nft', 'ping', 'ethtool', 'tcpdump', 'conntrack', 'dig', 'python3', 'socat'];
const FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** A program that goes on; its output is kept and can be awaited. */
export class Running {
  stdout = '';
  stderr = '';
  readonly done: Promise<Finished>;
  private readonly waiting = new Set<() => void>();
  ended: Finished | null = null;

  constructor(
    readonly child: ChildProcess,
    readonly label: string,
  ) {
    const started = Date.now();
    child.stdout?.setEncoding('utf8').on('data', (text: string) => this.take('stdout', text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => this.take('stderr', text));
    this.done = new Promise((settle) => {
      const finish = (code: number) => {
        this.ended ??= { code, stdout: this.stdout, stderr: this.stderr, ms: Date.now() - started };
        settle(this.ended);
        for (const wake of this.waiting) wake();
      };
      child.on('error', (error) => {
        this.stderr += String(error);
        finish(127);
      });
      child.on('close', (code, signal) => finish(code ?? (signal ? 128 : 1)));
    });
  }

  private take(stream: 'stdout' | 'stderr', text: string): void {
    if (this[stream].length < OUTPUT_BYTES_MAX) this[stream] += text;
    for (const wake of this.waiting) wake();
  }

  /** Resolves when the output holds `pattern`; rejects when the program ends first or time is up. */
  async says(pattern: RegExp, timeoutMs: number): Promise<RegExpMatchArray> {
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise((settle, reject) => {
        const look = () => {
          const match = (this.stdout + this.stderr).match(pattern);
          if (match) settle(match);
          else if (this.ended)
            reject(new Error(`${this.label} ended (${this.ended.code}) before ${pattern}:\n${this.tail()}`));
        };
        this.waiting.add(look);
        timer = setTimeout(
          () => reject(new Error(`${this.label}: no ${pattern} in ${timeoutMs} ms:\n${this.tail()}`)),
          timeoutMs,
        );
        look();
      });
    } finally {
      clearTimeout(timer);
    }
  }

  tail(): string {
    return `${this.stdout.slice(-2000)}\n${this.stderr.slice(-4000)}`;
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM', patienceMs = 5000): Promise<Finished> {
    if (this.ended) return this.ended;
    this.child.kill(signal);
    const timer = setTimeout(() => this.child.kill('SIGKILL'), patienceMs);
    const finished = await this.done;
    clearTimeout(timer);
    return finished;
  }
}

export function start(
  command: string,
  args: string[],
  options: { env?: NodeJS.ProcessEnv; cwd?: string; input?: string; interactive?: boolean } = {},
): Running {
  const child = spawn(command, args, {
    cwd: options.cwd ?? projectRoot,
    env: { ...process.env, ...options.env },
    stdio: [options.input === undefined && !options.interactive ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  if (options.input !== undefined) child.stdin?.end(options.input);
  return new Running(child, `${command} ${args.slice(0, 6).join(' ')}`);
}

export function run(
  command: string,
  args: string[],
  options: Parameters<typeof start>[2] & { timeoutMs?: number } = {},
): Promise<Finished> {
  const running = start(command, args, options);
  const timer = setTimeout(() => running.child.kill('SIGKILL'), options.timeoutMs ?? 60_000);
  return running.done.finally(() => clearTimeout(timer));
}

export async function must(command: string, args: string[]): Promise<string> {
  const finished = await run(command, args);
  if (finished.code !== 0)
    throw new Error(`${command} ${args.join(' ')} → ${finished.code}: ${finished.stderr || finished.stdout}`);
  return finished.stdout;
}

/** Awaits a condition: tried again every `everyMs` until it gives something other than null/false/undefined. */
export async function until<T>(
  what: string,
  timeoutMs: number,
  attempt: () => Promise<T | null | undefined | false> | T | null | undefined | false,
  everyMs = 50,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  let last = '';
  for (;;) {
    try {
      const value = await attempt();
      if (value) return value;
    } catch (error) {
      last = String(error);
    }
    if (Date.now() > deadline) throw new Error(`not in ${timeoutMs} ms: ${what}${last ? ` (${last})` : ''}`);
    await new Promise((settle) => setTimeout(settle, everyMs));
  }
}
