import type { Bench, Measure } from '../measure.ts';
import { pause, residentMb, underlay, wakeUps } from '../probe.ts';

const sentBy = async ({ hosts }: Bench) =>
  (await Promise.all(hosts.map(underlay))).reduce((sum, { txBytes }) => sum + txBytes, 0);

const titled = (members: number, restSeconds?: number): string =>
  `idle${restSeconds === undefined ? '' : ` for ${restSeconds} s`}, ${members} members`;

/** Upkeep of so many members; `restSeconds`: they are left alone so long before. */
export const idleOf = (members: number, restSeconds?: number): Measure => ({
  name: 'idle',
  rows: [
    {
      key: 'idleBytes',
      label: `${titled(members, restSeconds)}: bytes/s that each puts on the wire`,
      better: 'less',
      digits: 1,
      ...(restSeconds === undefined && { targets: [{ beside: null, must: 60 }] }),
    },
    { key: 'wakeUps', label: `${titled(members, restSeconds)}: wake-ups/s of one member`, better: 'less', digits: 1 },
    {
      key: 'idleRss',
      label: `${titled(members, restSeconds)}: resident memory of one member, MB`,
      better: 'less',
      digits: 1,
    },
  ],
  async run(bench) {
    const { settleSeconds, idleSeconds } = bench.effort;
    await pause((restSeconds ?? settleSeconds) * 1000);
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
