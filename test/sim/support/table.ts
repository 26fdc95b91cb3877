// A run's figures, for people.
import type { NodeReport } from './binding.ts';
import type { Play } from './play.ts';

const HOLD_MB = 1 << 20;

export function tell({ sim, verdict, digest, realS, virtualS, engineS }: Play): void {
  const reports = sim.hosts.map(({ index }) => sim.world.report(index));
  const sum = (pick: (report: NodeReport) => number): number => reports.reduce((total, one) => total + pick(one), 0);
  const copies = sum((r) => r.copiesOwn + r.copiesRelayed);
  const nodeSeconds = virtualS * sim.hosts.length;
  const silent = reports.filter((r) => r.copiesOwn + r.copiesRelayed === 0).length;
  const delays = sim.streams[0] ? sim.world.delays(sim.streams[0].flow, [0.5, 0.95, 0.99]) : [];
  const under = sim.world.underlay();
  const rows: [string, string][] = [
    ['command', sim.command],
    ['members', `${sim.hosts.length}, ${sim.hosts.filter((host) => host.alive).length} alive at the end`],
    [
      'delivered',
      `${verdict.delivered} of ${verdict.due} due (${(verdict.ratio * 100).toFixed(4)} %) ${verdict.worst}`,
    ],
    ['duplicates, forbidden', `${verdict.duplicates}, ${verdict.forbidden}`],
    ['longest gap', `${verdict.gapMaxMs.toFixed(0)} ms`],
    ['delay p50, p95, p99 of the first stream', `${delays.map((ms) => ms.toFixed(1)).join(', ')} ms`],
    ['delay over the direct path, mean and p95', `${verdict.rdpMean.toFixed(2)}, ${verdict.rdpP95.toFixed(2)}`],
    [
      'copies sent per delivery',
      (
        copies /
        Math.max(
          1,
          sum((r) => r.delivered),
        )
      ).toFixed(3),
    ],
    ['most copies of one packet by one member', String(Math.max(...reports.map((r) => r.outdegreeMax)))],
    ['members that sent no copy', `${((100 * silent) / reports.length).toFixed(1)} %`],
    ['casts of no use where they came', String(sum((r) => r.castsUnwanted))],
    ['control per member once all were there', `${sim.controlRate().toFixed(1)} B/s sent`],
    ['link stress, mean and max', `${under.stressMean.toFixed(2)}, ${under.stressMax}`],
    ['datagrams', JSON.stringify({ ...under, stressMean: undefined, stressMax: undefined })],
    [
      'time',
      `${virtualS.toFixed(0)} s of ${sim.hosts.length} members in ${realS.toFixed(1)} s: ${(nodeSeconds / realS).toFixed(0)} member-seconds a second; engines ${((100 * engineS) / realS).toFixed(0)} %`,
    ],
    ['memory', `${Math.round(process.memoryUsage().rss / HOLD_MB)} MB`],
    ['digest', digest],
  ];
  for (const [name, value] of rows) console.log(`${name.padEnd(42)} ${value}`);
}
