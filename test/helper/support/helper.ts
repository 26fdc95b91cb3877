// A helper process for one test file, asked line by line.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot, run, start, whyNot, type Finished, type Running } from '../../netns/support/shell.ts';

export const reason = whyNot();
export const OWNER = 'a'.repeat(32);
const ANSWER_TIMEOUT_MS = 12_000;
export const HOSTS = '127.0.0.1 localhost\n# mine\n';

export interface Answer {
  ok: boolean;
  code?: string;
  why?: string;
  value?: Record<string, unknown>;
}

export const request = (verb: string, data: Record<string, unknown> = {}, owner = OWNER): string =>
  JSON.stringify({ v: 1, owner, verb, ...data });

export const adapter = (changes: Record<string, unknown> = {}) => ({
  name: 'weft0',
  mac: '02:01:02:03:04:05',
  mtu: 1380,
  ipv4: '10.77.1.2/16',
  ipv6: ['fd00:7::1/64'],
  ...changes,
});

export class Helper {
  private constructor(
    readonly folder: string,
    private readonly running: Running,
  ) {}

  /** `before`: commands of the shell that starts it, in its namespaces. As root inside namespaces of its own; otherwise as it is, which is enough for what must be refused. */
  static async start({ grace = 60, uid = process.getuid?.() ?? 0, before = 'true' } = {}): Promise<Helper> {
    const folder = mkdtempSync(join(tmpdir(), 'weft-helper-'));
    const binary = process.env['WEFT_HELPER'] ?? join(projectRoot, 'native/target/release/weft-helper');
    const serve = [binary, 'serve', '--socket', join(folder, 'socket'), '--uid', String(uid), '--grace', String(grace)];
    const hosts = join(folder, 'hosts');
    writeFileSync(hosts, HOSTS);
    const prepare = `${before} && mount --bind '${hosts}' /etc/hosts && ip link set lo up && exec "$@"`;
    const running = reason
      ? start(binary, serve.slice(1))
      : start('unshare', ['--net', '--mount', 'sh', '-c', prepare, 'sh', ...serve]);
    await running.says(/ready/, 10_000);
    return new Helper(folder, running);
  }

  get socket(): string {
    return join(this.folder, 'socket');
  }
  get pid(): number {
    return this.running.child.pid as number;
  }
  get ended(): boolean {
    return this.running.ended !== null;
  }
  hosts(): string {
    return readFileSync(join(this.folder, 'hosts'), 'utf8');
  }

  /** Sends raw bytes and reads until the helper closes; null: no answer came. `end`: nothing more will be sent. */
  send(bytes: string | Buffer, end = false): Promise<Answer | null> {
    return new Promise((settle) => {
      const socket = connect({ path: this.socket, allowHalfOpen: true });
      let said = '';
      const give = () => {
        clearTimeout(timer);
        socket.destroy();
        settle(said.includes('\n') ? (JSON.parse(said) as Answer) : null);
      };
      const timer = setTimeout(give, ANSWER_TIMEOUT_MS);
      socket.on('connect', () => {
        socket.write(bytes);
        if (end) socket.end();
      });
      socket.on('data', (text) => (said += String(text)));
      socket.on('end', give);
      // It closes before it has read everything that is too long: the answer came before.
      socket.on('error', give);
    });
  }

  async ask(verb: string, data: Record<string, unknown> = {}, owner = OWNER): Promise<Answer> {
    const answer = await this.send(`${request(verb, data, owner)}\n`);
    if (!answer) throw new Error(`no answer to ${verb}`);
    return answer;
  }

  /** A connection that stays. */
  hold(owner = OWNER): Promise<{ answer: Answer | null; release: () => void }> {
    return new Promise((settle) => {
      const socket = connect(this.socket);
      socket.on('error', () => settle({ answer: null, release: () => {} }));
      socket.on('connect', () => socket.write(`${request('hold', {}, owner)}\n`));
      socket.on('data', (text) =>
        settle({ answer: JSON.parse(String(text)) as Answer, release: () => socket.destroy() }),
      );
      socket.on('close', () => settle({ answer: null, release: () => {} }));
    });
  }

  /** A command in the helper's network. */
  inside(command: string[]): Promise<Finished> {
    return run('nsenter', ['--target', String(this.pid), '--net', ...command]);
  }
  /** A command on the helper's computer: its network and its files. */
  within(command: string[]): Promise<Finished> {
    return run('nsenter', ['--target', String(this.pid), '--net', '--mount', ...command]);
  }
  /** The same, going on. */
  startWithin(command: string[]): Running {
    return start('nsenter', ['--target', String(this.pid), '--net', '--mount', ...command]);
  }

  /** A device that is not Weft's, and its other end. */
  async cable(name: string): Promise<void> {
    const added = await this.inside(['ip', 'link', 'add', name, 'up', 'type', 'veth', 'peer', 'name', 'peer']);
    if (added.code !== 0) throw new Error(added.stderr);
  }

  /** Names of devices, without lo, sorted. */
  async devices(): Promise<string[]> {
    const { stdout } = await this.inside(['ip', '-o', 'link']);
    return [...stdout.matchAll(/^\d+: ([^:@]+)/gm)]
      .map((match) => match[1] as string)
      .filter((name) => name !== 'lo')
      .sort();
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    await this.running.stop(signal);
  }

  async stop(): Promise<void> {
    await this.running.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
