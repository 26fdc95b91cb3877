import type { Host } from '../../netns/support/host.ts';
import { pairOf, type Bench, type Measure } from '../measure.ts';
import { median } from '../statistics.ts';

const TURNS = 3;
const PATIENCE_MS = 30_000;

/** Seconds from `begin` to the first answer that `from` gets; pings go out all the time from before that. */
async function firstPing(from: Host, address: () => string, begin: () => Promise<void>): Promise<number> {
  const loop = `until ping -n -c 1 -W 0.1 ${address()} >/dev/null 2>&1; do sleep 0.005; done; echo answered`;
  const waiting = from.start(['sh', '-c', loop]);
  try {
    const started = performance.now();
    const answered = waiting.says(/answered/, PATIENCE_MS).then(() => (performance.now() - started) / 1000);
    await Promise.all([begin(), answered]);
    return await answered;
  } finally {
    await waiting.stop();
  }
}

async function join(bench: Bench, a: Host, b: Host): Promise<number> {
  const { net, lab } = bench;
  const address = () => net.address(a);
  if (net.outsider) {
    const late = await lab.addHost(`late${lab.hosts.size}`);
    return firstPing(late, address, await net.outsider(late)).finally(() => net.halt(late));
  }
  await net.halt(b);
  return firstPing(b, address, () => net.launch(b));
}

export const startup: Measure = {
  name: 'startup',
  rows: [
    {
      key: 'start',
      label: 'start of both → first ping, s',
      better: 'less',
      digits: 2,
      targets: [{ beside: null, must: 0.7 }],
    },
    {
      key: 'join',
      label: 'join of another (Weft: by a link; others: start of one that is set up) → first ping, s',
      better: 'less',
      digits: 2,
      targets: [{ beside: null, must: 1 }],
    },
  ],
  async run(bench) {
    const { a, b, address } = pairOf(bench);
    const [starts, joins]: [number[], number[]] = [[], []];
    for (let turn = 0; turn < TURNS; turn++) {
      const begin = async () => void (await Promise.all([a, b].map((host) => bench.net.launch(host))));
      starts.push(await firstPing(a, () => address, begin));
      joins.push(await join(bench, a, b));
      for (const host of [a, b]) await bench.net.halt(host);
    }
    return { start: median(starts), join: median(joins) };
  },
};
