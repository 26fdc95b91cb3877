// A run's figures, for people.
import { figuresOf, type Figures } from './figures.ts';
import type { Kinds } from './kinds.ts';
import type { Play } from './play.ts';

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

const healing = (f: Figures): [string, string][] =>
  f.healMaxMs === null
    ? []
    : [['heard again after a partition: p50, longest', `${f.healP50Ms?.toFixed(0)}, ${f.healMaxMs.toFixed(0)} ms`]];

function tellKinds(title: string, kinds: Kinds): void {
  if (kinds.size === 0) return;
  console.log(`\n${title.padEnd(46)} ${'B/s'.padStart(9)} ${'frames/s'.padStart(9)}`);
  for (const [name, { bytes, frames }] of kinds)
    console.log(`${name.padEnd(46)} ${bytes.toFixed(2).padStart(9)} ${frames.toFixed(3).padStart(9)}`);
}

/** What control traffic consists of. */
export function tellBreakdown({ sim }: Play): void {
  tellKinds('idle, per living member', sim.idleKinds);
  tellKinds('while streams ran, per living member', sim.controlKinds());
  console.log('Handshakes as they were sent, the rest as it arrived: what was lost on the way is not in it.');
}

export function tell(play: Play): void {
  const { sim, verdict, digest, engineS } = play;
  const f = figuresOf(play);
  const rows: [string, string][] = [
    ['command', sim.command],
    ['members', `${f.members}, ${f.alive} alive at the end`],
    [
      'delivered',
      `${verdict.delivered} of ${verdict.due} due (${(verdict.ratio * 100).toFixed(4)} %) ${verdict.worst}`,
    ],
    ['the same without time to settle', `${(f.ratioFromStart * 100).toFixed(4)} %`],
    ['duplicates, forbidden', `${verdict.duplicates}, ${verdict.forbidden}`],
    [
      'longest gap; of receivers p50, p95',
      `${[f.gapMaxMs, f.gapP50Ms, f.gapP95Ms].map((ms) => ms.toFixed(0)).join(', ')} ms`,
    ],
    ['silences, and how long at p95', `${f.silences}, ${f.silenceP95Ms.toFixed(0)} ms`],
    ...healing(f),
    ['delay p50, p95, p99 of the first stream', `${f.delaysMs.map((ms) => ms.toFixed(1)).join(', ')} ms`],
    ['delay over the direct path, mean and p95', `${f.rdpMean.toFixed(2)}, ${f.rdpP95.toFixed(2)}`],
    ['copies sent per delivery', f.sendsPerDelivery.toFixed(3)],
    ['casts that came twice, per delivery', percent(f.twice)],
    ['trees as planned: stripes, depth, most children', [f.stripes, f.depth, f.degreeMax].join(', ')],
    ['copies of one packet: most by one member', String(f.outdegreeMax)],
    [
      'by its sender: mean, p99, most',
      [f.senderCopiesMean.toFixed(2), f.senderCopiesP99, f.senderCopiesMax].join(', '),
    ],
    ['members with 0, 1, 2 … children', f.degrees.map((share) => percent(share)).join(', ')],
    ['members that fed nobody at a time; ever', `${percent(f.nonContributors)}; ${percent(f.neverSent)}`],
    ['casts of no use where they came', String(f.unwanted)],
    [
      'control per living member, sent',
      `${f.controlActive.toFixed(1)} B/s${f.controlIdle === null ? '' : `, idle ${f.controlIdle.toFixed(1)} B/s`}`,
    ],
    ['joins by a link; p50, p95', `${f.joins}; ${f.joinP50Ms.toFixed(0)}, ${f.joinP95Ms.toFixed(0)} ms`],
    ['link stress, mean and max', `${f.stressMean.toFixed(2)}, ${f.stressMax}`],
    ['datagrams', JSON.stringify(f.datagrams)],
    [
      'time',
      `${f.virtualS.toFixed(0)} s of ${f.members} members in ${f.realS.toFixed(1)} s: ${f.memberSecondsPerSecond.toFixed(0)} member-seconds a second; engines ${percent(engineS / f.realS)}`,
    ],
    [
      'memory',
      `${Math.round(f.memoryMB)} MB, ${f.memoryPerMemberMB.toFixed(2)} MB a member, ${f.memoryPerRecordB.toFixed(0)} B a record`,
    ],
    ['digest', digest],
  ];
  for (const [name, value] of rows) console.log(`${name.padEnd(46)} ${value}`);
}
