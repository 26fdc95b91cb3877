import type { Bench, Measure } from '../measure.ts';
import { pause, underlay, wakeUps } from '../probe.ts';

const sentBy = async ({ hosts }: Bench) =>
  (await Promise.all(hosts.map(underlay))).reduce((sum, { txBytes }) => sum + txBytes, 0);

export const idle: Measure = {
  name: 'idle',
  rows: [
    {
      key: 'idleBytes',
      label: 'idle, 8 members: bytes/s that each puts on the wire',
      better: 'less',
      digits: 1,
      targets: [{ beside: null, must: 60 }],
    },
    { key: 'wakeUps', label: 'idle, 8 members: wake-ups/s of one member', better: 'less', digits: 1 },
  ],
  async run(bench) {
    const { settleSeconds, idleSeconds } = bench.effort;
    await pause(settleSeconds * 1000);
    const pids = bench.net.pids();
    const woken = () => pids.reduce((sum, pid) => sum + wakeUps(pid), 0);
    const [bytes, wakes, started] = [await sentBy(bench), woken(), Date.now()];
    await pause(idleSeconds * 1000);
    const seconds = (Date.now() - started) / 1000;
    const share = 1 / bench.hosts.length / seconds;
    return {
      idleBytes: ((await sentBy(bench)) - bytes) * share,
      wakeUps: pids.length ? (woken() - wakes) * share : NaN,
    };
  },
};
