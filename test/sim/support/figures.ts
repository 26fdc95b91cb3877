// Everything that is told of a run, as plain numbers: for the table of one run and for the report of many.
import type { NodeReport, UnderlayReport } from './binding.ts';
import type { Kinds } from './kinds.ts';
import type { Play } from './play.ts';
import { quantile } from './verdict.ts';

const MB = 1 << 20;
/** Of the process before there are members: the engine's code, the harness. */
const BASE_MB = 100;

export interface Figures {
  command: string;
  /** Empty when the model was met. */
  failure: string;
  members: number;
  /** Members by records, those that never run included. */
  records: number;
  alive: number;
  virtualS: number;
  realS: number;
  memberSecondsPerSecond: number;
  memoryMB: number;
  /** Per member that runs at the end; of that per membership in the records. */
  memoryPerMemberMB: number;
  memoryPerRecordB: number;
  due: number;
  ratio: number;
  /** Without the time to settle that the model grants. */
  ratioFromStart: number;
  gapMaxMs: number;
  /** Over receivers: the longest silence of each. */
  gapP50Ms: number;
  gapP95Ms: number;
  /** Silences of all receivers longer than 2.5 packets take, and their 95th percentile. */
  silences: number;
  silenceP95Ms: number;
  /** After partitions healed, over receivers; null: nothing healed. */
  healP50Ms: number | null;
  healMaxMs: number | null;
  delaysMs: number[];
  rdpMean: number;
  rdpP95: number;
  sendsPerDelivery: number;
  /** Casts that came to a member that had them already, per delivery. */
  twice: number;
  stripes: number;
  depth: number;
  /** As planned. */
  degreeMax: number;
  /** Copies of one packet that its sender really sent: at most, of 99 in 100 packets, and the mean. */
  senderCopiesMax: number;
  senderCopiesP99: number;
  senderCopiesMean: number;
  /** Shares of places in trees with 0, 1, 2 … children. */
  degrees: number[];
  /** Mean over samples: members of the trees without children in any stripe. */
  nonContributors: number;
  /** Members that sent no copy in the whole run. */
  neverSent: number;
  /** Most copies of one packet that one member really sent. */
  outdegreeMax: number;
  unwanted: number;
  /** Bytes a second that a living member sent, with IP and UDP headers. */
  controlActive: number;
  controlIdle: number | null;
  /** The same by what was said, most first. */
  kindsActive: [string, number][];
  kindsIdle: [string, number][];
  /** Joins by a link: how many, and how long they took at p50 and p95. */
  joins: number;
  joinP50Ms: number;
  joinP95Ms: number;
  stressMean: number;
  stressMax: number;
  datagrams: Omit<UnderlayReport, 'stressMean' | 'stressMax'>;
  digest: string;
}

const most = (list: readonly number[]): number => list.reduce((a, b) => Math.max(a, b), 0);
const mean = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0) / Math.max(1, list.length);

function ofTrees({ sim }: Play): Pick<Figures, 'stripes' | 'depth' | 'degreeMax' | 'degrees' | 'nonContributors'> {
  const { samples } = sim;
  const counts: number[] = [];
  for (const { degrees } of samples)
    for (const [children, nodes] of degrees.entries()) counts[children] = (counts[children] ?? 0) + nodes;
  const all = counts.reduce((a, b) => a + b, 0);
  return {
    stripes: most(samples.map(({ stripes }) => stripes)),
    depth: most(samples.map(({ depth }) => depth)),
    degreeMax: most(samples.map(({ degreeMax }) => degreeMax)),
    degrees: Array.from(counts, (count) => (count ?? 0) / Math.max(1, all)),
    nonContributors: mean(samples.map(({ idle, nodes }) => idle / Math.max(1, nodes))),
  };
}

/** Over all packets of these. */
function ofSenders(
  senders: readonly NodeReport[],
): Pick<Figures, 'senderCopiesMax' | 'senderCopiesP99' | 'senderCopiesMean'> {
  const casts: number[] = [];
  for (const { ownByCopies } of senders)
    for (const [copies, count] of ownByCopies.entries()) casts[copies] = (casts[copies] ?? 0) + count;
  const all = casts.reduce((a, b) => a + b, 0);
  const copies = casts.reduce((sum, count, number) => sum + count * number, 0);
  let seen = 0;
  const p99 = casts.findIndex((count) => (seen += count) >= all * 0.99);
  return { senderCopiesMax: casts.length - 1, senderCopiesP99: p99, senderCopiesMean: copies / Math.max(1, all) };
}

function ofTraffic({
  sim,
}: Play): Pick<
  Figures,
  | 'sendsPerDelivery'
  | 'twice'
  | 'neverSent'
  | 'outdegreeMax'
  | 'senderCopiesMax'
  | 'senderCopiesP99'
  | 'senderCopiesMean'
  | 'unwanted'
> {
  const reports = sim.hosts.map(({ index }) => sim.world.report(index));
  const sum = (pick: (report: NodeReport) => number): number => reports.reduce((total, one) => total + pick(one), 0);
  const delivered = Math.max(
    1,
    sum((r) => r.delivered),
  );
  const unwanted = sum((r) => r.castsUnwanted);
  const senders = [...new Set(sim.streams.map(({ sender }) => sender))].map((index) => sim.world.report(index));
  const came = sum((r) => r.received.cast.frames);
  return {
    sendsPerDelivery: sum((r) => r.copiesOwn + r.copiesRelayed + r.copiesAgain) / delivered,
    twice: Math.max(0, came - delivered - unwanted) / delivered,
    neverSent: reports.filter((r) => r.copiesOwn + r.copiesRelayed === 0).length / Math.max(1, reports.length),
    outdegreeMax: most(reports.map((r) => r.outdegreeMax)),
    ...ofSenders(senders),
    unwanted,
  };
}

const byBytes = (kinds: Kinds): [string, number][] => [...kinds].map(([name, { bytes }]) => [name, bytes]);

/** Call it at once after the run: memory is the process's of this moment, unless the caller knows better. */
export function figuresOf(play: Play, memoryMB = process.memoryUsage().rss / MB): Figures {
  const { sim, verdict, failure, digest, realS, virtualS } = play;
  const members = sim.hosts.length;
  const alive = sim.hosts.filter((host) => host.alive).length;
  const { nodes, awake } = sim.options;
  const records = nodes + Math.max(0, members - (awake > 0 ? Math.min(awake, nodes) : nodes));
  const { stressMean, stressMax, ...datagrams } = sim.world.underlay();
  const [first] = sim.streams;
  const joins = [...sim.joinsMs].sort((a, b) => a - b);
  return {
    command: sim.command,
    failure,
    members,
    records,
    alive,
    virtualS,
    realS,
    memberSecondsPerSecond: (virtualS * members) / realS,
    memoryMB,
    memoryPerMemberMB: Math.max(0, memoryMB - BASE_MB) / alive,
    memoryPerRecordB: (Math.max(0, memoryMB - BASE_MB) * MB) / (alive * records),
    due: verdict.due,
    ratio: verdict.ratio,
    ratioFromStart: verdict.ratioFromStart,
    gapMaxMs: verdict.gapMaxMs,
    gapP50Ms: quantile(verdict.longestMs, 0.5),
    gapP95Ms: quantile(verdict.longestMs, 0.95),
    silences: verdict.silencesMs.length,
    silenceP95Ms: quantile(verdict.silencesMs, 0.95),
    healP50Ms: verdict.healedMs.length > 0 ? quantile(verdict.healedMs, 0.5) : null,
    healMaxMs: verdict.healedMs.at(-1) ?? null,
    delaysMs: first ? sim.world.delays(first.flow, [0.5, 0.95, 0.99]) : [],
    rdpMean: verdict.rdpMean,
    rdpP95: verdict.rdpP95,
    ...ofTraffic(play),
    ...ofTrees(play),
    controlActive: sim.controlRate(),
    controlIdle: sim.idleRate,
    kindsActive: byBytes(sim.controlKinds()),
    kindsIdle: byBytes(sim.idleKinds),
    joins: joins.length,
    joinP50Ms: quantile(joins, 0.5),
    joinP95Ms: quantile(joins, 0.95),
    stressMean,
    stressMax,
    datagrams,
    digest,
  };
}
