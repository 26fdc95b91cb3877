// Applications on many hosts at once, in one process (programs/crowd.py): receivers of a group, paced senders, and what came.
import { join } from 'node:path';
import type { Host } from './host.ts';
import { projectRoot, start, type Running } from './shell.ts';

const ANSWER_MS = 15_000;
const PORT = 5_007;

export interface CrowdReport {
  /** Different packets, by the sender's name. */
  from: Record<string, number>;
  doubles: number;
  /** More than 200 ms under way. */
  late: number;
  /** Delays, ms; null without packets. */
  p50: number | null;
  p95: number | null;
  p99: number | null;
  max: number | null;
  /** Longest time without a packet, from the reset until the sending ended, ms. */
  gap: number;
}

export interface Sent {
  sent: number;
  /** Of these since the last reset. */
  fresh: number;
  failed: number;
  seconds: number;
}

interface Answer extends Partial<Sent> {
  id: number;
  error?: string;
  all?: Record<string, Omit<CrowdReport, 'from'> & { from: Record<string, number> }>;
}

export interface Sending {
  group: string;
  /** Per second and sender. */
  rate: number;
  count: number;
  size: number;
}

export class Crowd {
  private readonly addresses = new Map<string, string>();
  private readonly numbers = new Map<string, number>();
  private readonly waiting = new Map<number, (line: Answer) => void>();
  private asked = 0;
  private rest = '';

  private constructor(private readonly program: Running) {
    program.child.stdout?.on('data', (text: string) => this.take(text));
  }

  static start(): Crowd {
    const program = join(projectRoot, 'test/netns/programs/crowd.py');
    return new Crowd(start('python3', [program], { interactive: true }));
  }

  private take(text: string): void {
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop() ?? '';
    for (const line of lines) {
      const answer = JSON.parse(line) as Answer;
      this.waiting.get(answer.id)?.(answer);
      this.waiting.delete(answer.id);
    }
  }

  private ask(command: object, timeoutMs = ANSWER_MS): Promise<Answer> {
    const id = ++this.asked;
    return new Promise((settle, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`no answer to ${JSON.stringify(command)}:\n${this.program.tail()}`)),
        timeoutMs,
      );
      this.waiting.set(id, (answer) => {
        clearTimeout(timer);
        if (answer.error === undefined) settle(answer);
        else reject(new Error(answer.error));
      });
      this.program.child.stdin?.write(`${JSON.stringify({ id, ...command })}\n`);
    });
  }

  private async place(host: Host): Promise<{ name: string; number: number; netns: string; address: string }> {
    const address = this.addresses.get(host.name) ?? (await host.overlay()).ipv4;
    this.addresses.set(host.name, address);
    const number = this.numbers.get(host.name) ?? this.numbers.size + 1;
    this.numbers.set(host.name, number);
    return { name: host.name, number, netns: `/var/run/netns/${host.namespace}`, address };
  }

  /** An application on each host joins the group. */
  async listen(hosts: readonly Host[], group: string): Promise<void> {
    for (const host of hosts) await this.ask({ do: 'listen', ...(await this.place(host)), group, port: PORT });
  }

  async leave(hosts: readonly Host[]): Promise<void> {
    for (const { name } of hosts) await this.ask({ do: 'close', name });
  }

  /** Resolves when all was sent. */
  async send(hosts: readonly Host[], { group, rate, count, size }: Sending): Promise<Sent> {
    const from = await Promise.all(hosts.map((host) => this.place(host)));
    const command = { do: 'send', from, group, port: PORT, rate, count, size };
    const {
      sent = 0,
      fresh = 0,
      failed = 0,
      seconds = 0,
    } = await this.ask(command, (count / rate) * 2_000 + ANSWER_MS);
    return { sent, fresh, failed, seconds };
  }

  async reset(): Promise<void> {
    await this.ask({ do: 'reset' });
  }

  async report(): Promise<Map<string, CrowdReport>> {
    const names = new Map([...this.numbers].map(([name, number]) => [String(number), name]));
    const { all = {} } = await this.ask({ do: 'report' });
    return new Map(
      Object.entries(all).map(([name, report]) => {
        const from = Object.entries(report.from).map(([number, count]) => [names.get(number) ?? number, count]);
        return [name, { ...report, from: Object.fromEntries(from) as Record<string, number> }];
      }),
    );
  }

  async close(): Promise<void> {
    await this.program.stop('SIGTERM', 1_500);
  }
}
