// A paced stream of numbered datagrams between two members while something happens to their way, and what came of it.
import type { Host } from './host.ts';
import type { Running } from './shell.ts';

export interface FlowReport {
  sent: number;
  /** Different ones. */
  received: number;
  lost: number;
  duplicated: number;
  /** Packets that came after a later one, and by how many places at most. */
  reordered: number;
  depth: number;
  /** Longest time without any, ms (0: none above 100 ms). */
  silenceMs: number;
}

let ports = 0;

export class Flow {
  private constructor(
    readonly rate: number,
    private readonly receiver: Running,
    private readonly sender: Running,
  ) {}

  static async start(
    from: Host,
    to: Host,
    options: { rate: number; seconds: number; size?: number; network?: string },
  ): Promise<Flow> {
    const { rate, seconds, size = 200, network } = options;
    const target = (await to.overlay(network)).ipv4;
    const port = String(5100 + (++ports % 500));
    const receiver = to.program('receive', '--bind', target, '--port', port, '--live');
    await receiver.says(/ready/, 5000);
    const pace = ['--count', String(Math.round(rate * seconds)), '--rate', String(rate), '--size', String(size)];
    return new Flow(rate, receiver, from.program('send', '--to', target, '--port', port, ...pace));
  }

  /** Waits for the sender's end and a moment more. */
  async done(): Promise<FlowReport> {
    const { sent } = JSON.parse((await this.sender.done).stdout.trim().split('\n').at(-1) ?? '{}') as { sent: number };
    await new Promise((settle) => setTimeout(settle, 1_500));
    const { stdout } = await this.receiver.stop();
    return report(sent, stdout);
  }
}

export function report(sent: number, stdout: string): FlowReport {
  const lines = stdout.trim().split('\n');
  const numbers = lines.flatMap((line) => {
    const match = /^from \S+ (\d+) /.exec(line);
    return match ? [Number(match[1])] : [];
  });
  const { gaps = [] } = JSON.parse(lines.at(-1) ?? '{}') as { gaps?: number[] };
  const unique = new Set(numbers);
  let highest = -1;
  let reordered = 0;
  let depth = 0;
  for (const number of numbers) {
    if (number < highest) {
      reordered++;
      depth = Math.max(depth, highest - number);
    } else highest = number;
  }
  const counts = { received: unique.size, lost: sent - unique.size, duplicated: numbers.length - unique.size };
  return { sent, ...counts, reordered, depth, silenceMs: Math.max(0, ...gaps) };
}
