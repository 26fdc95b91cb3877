// One network namespace: runs programs inside, and ends what it started.
import { join } from 'node:path';
import { projectRoot, run, start, type Finished, type Running } from './shell.ts';

export class Space {
  private readonly children = new Set<Running>();

  constructor(
    readonly name: string,
    readonly namespace: string,
  ) {}

  private inside(command: string[]): string[] {
    return ['netns', 'exec', this.namespace, ...command];
  }

  exec(
    command: string[],
    options: { timeoutMs?: number; env?: NodeJS.ProcessEnv; input?: string } = {},
  ): Promise<Finished> {
    return run('ip', this.inside(command), options);
  }

  async must(command: string[], timeoutMs = 30_000): Promise<string> {
    const finished = await this.exec(command, { timeoutMs });
    if (finished.code !== 0)
      throw new Error(`${this.name}: ${command.join(' ')} → ${finished.code}: ${finished.stderr || finished.stdout}`);
    return finished.stdout;
  }

  /** Shell lines in one process, the first failure ends them. */
  script(lines: string[]): Promise<string> {
    return this.must(['sh', '-e', '-c', lines.join('\n')]);
  }

  /** Loads an nft file. */
  async nft(rules: string): Promise<void> {
    const loaded = await this.exec(['nft', '-f', '-'], { input: rules });
    if (loaded.code !== 0) throw new Error(`${this.name}: nft: ${loaded.stderr}\n${rules}`);
  }

  /** `interactive`: its standard input stays open for `child.stdin`. */
  start(command: string[], options: { env?: NodeJS.ProcessEnv; interactive?: boolean } = {}): Running {
    const running = start('ip', this.inside(command), options);
    this.children.add(running);
    void running.done.then(() => this.children.delete(running));
    return running;
  }

  /** A program of test/netns/programs. */
  program(name: string, ...args: string[]): Running {
    return this.start([process.execPath, join(projectRoot, 'test/netns/programs', `${name}.mjs`), ...args]);
  }

  async close(): Promise<void> {
    await Promise.all([...this.children].map((child) => child.stop('SIGTERM', 1500)));
  }
}
