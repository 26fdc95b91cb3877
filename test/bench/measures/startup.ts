import type { Host } from '../../netns/support/host.ts';
import { pairOf, type Bench, type Measure } from '../measure.ts';
import { pause } from '../probe.ts';
import { median } from '../statistics.ts';

const TURNS = 3;
const PATIENCE_MS = 30_000;
/** Between the start of the first host and the join of another. */
const SETTLE_MS = 1500;

/** Seconds from `begin` to the first answer that `from` gets; pings go out all the time from before that. */
async function firstPing(from: Host, address: string, begin: () => Promise<void>): Promise<number> {
  const loop = `until ping -n -c 1 -W 0.1 ${address} >/dev/null 2>&1; do sleep 0.005; done; echo answered`;
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

/** From a host that joins to one that runs already. */
async function join({ net, lab }: Bench, a: Host, b: Host): Promise<number> {
  await net.launch(a);
  await pause(SETTLE_MS);
  if (!net.outsider) return firstPing(b, net.address(a), () => net.launch(b));
  const late = await lab.addHost(`late${lab.hosts.size}`);
  return firstPing(late, net.address(a), await net.outsider(late)).finally(() => net.halt(late));
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
    const halt = () => Promise.all([a, b].map((host) => bench.net.halt(host)));
    const [starts, joins]: [number[], number[]] = [[], []];
    for (let turn = 0; turn < TURNS; turn++) {
      const begin = async () => void (await Promise.all([a, b].map((host) => bench.net.launch(host))));
      starts.push(await firstPing(a, address, begin));
      await halt();
      joins.push(await join(bench, a, b));
      await halt();
    }
    return { start: median(starts), join: median(joins) };
  },
};
