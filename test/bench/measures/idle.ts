import type { Bench, Measure } from '../measure.ts';
import { pause, residentMb, underlay, wakeUps } from '../probe.ts';

const sentBy = async ({ hosts }: Bench) =>
  (await Promise.all(hosts.map(underlay))).reduce((sum, { txBytes }) => sum + txBytes, 0);

/** Upkeep of so many members; what is asked of it is asked of eight. */
export const idleOf = (members: number): Measure => ({
  name: 'idle',
  rows: [
    {
      key: 'idleBytes',
      label: `idle, ${members} members: bytes/s that each puts on the wire`,
      better: 'less',
      digits: 1,
      ...(members === 8 && { targets: [{ beside: null, must: 60 }] }),
    },
    { key: 'wakeUps', label: `idle, ${members} members: wake-ups/s of one member`, better: 'less', digits: 1 },
    { key: 'idleRss', label: `idle, ${members} members: resident memory of one member, MB`, better: 'less', digits: 1 },
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
      idleRss: pids.length ? pids.reduce((sum, pid) => sum + residentMb(pid), 0) / bench.hosts.length : NaN,
    };
  },
});
