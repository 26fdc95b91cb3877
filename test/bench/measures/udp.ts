import { pairOf, type Bench, type Measure, type Row } from '../measure.ts';
import { highest } from '../statistics.ts';
import { Receiver, trial } from '../traffic.ts';

const RATE_MIN = 1000;
const RATE_MAX = 2_000_000;
/** Datagrams in one send of an application that uses UDP_SEGMENT, as QUIC stacks do. */
const SEGMENTS = 16;

const twice = [{ beside: 'wireguard-go', must: 2, aim: 3 }];
const row = (key: string, label: string, targets?: Row['targets']): Row => ({
  key,
  label: `UDP ${label} at < 1 % loss, k packets/s`,
  better: 'more',
  digits: 1,
  ...(targets && { targets }),
});

async function rate(bench: Bench, size: number, segment = 0): Promise<number> {
  const { a, b, address, via } = pairOf(bench);
  const { trials, trialSeconds: seconds } = bench.effort;
  const receiver = await Receiver.start(b, size, { gro: segment > 0 });
  try {
    const best = await highest(RATE_MIN, RATE_MAX, trials, (rate) =>
      trial(a, [receiver], { to: address, via, size, rate, seconds, segment }),
    );
    return best / 1000;
  } finally {
    await receiver.stop();
  }
}

export const datagrams: Measure = {
  name: 'udp',
  rows: [row('udp1300', '1300 B', twice)],
  run: async (bench) => ({ udp1300: await rate(bench, 1300) }),
};

export const otherDatagrams: Measure = {
  name: 'udp-more',
  rows: [row('udp64', '64 B', twice), row('udpSegments', `1300 B, sent and taken ${SEGMENTS} at a time,`)],
  async run(bench) {
    return { udp64: await rate(bench, 64), udpSegments: await rate(bench, 1300, SEGMENTS) };
  },
};
