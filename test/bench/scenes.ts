// Which hosts stand around which measures.
import type { Measure, Row, Target } from './measure.ts';
import { idleOf } from './measures/idle.ts';
import { castCost, castSpread, castToOne, castToSix } from './measures/multicast.ts';
import { adapter, idlePing } from './measures/ping.ts';
import { startup } from './measures/startup.ts';
import { carrier, castMemory, loaded, memory, throughput } from './measures/tcp.ts';
import { datagrams, otherDatagrams } from './measures/udp.ts';

export interface Scene {
  name: string;
  title: string;
  hosts: number;
  measures: Measure[];
  /** Put before the keys of its rows. */
  prefix: string;
  /** The underlay without GSO, GRO and TSO. */
  plainNic?: boolean;
  /** Once for each transport that is not the peer's first. */
  perTransport?: boolean;
  /** The measures start the programs themselves. */
  cold?: boolean;
  /** In the first round only: it takes long and varies little. */
  once?: boolean;
  /** Weft alone. */
  alone?: boolean;
  /** Not in `--quick`. */
  long?: boolean;
}

/** Beside wireguard-go on a plain NIC, all that is measured there; other targets hold with offloads. */
const plainTargets = ({ better }: Row): Target[] => [
  better === 'more' ? { beside: 'wireguard-go', must: 1, aim: 1.5 } : { beside: 'wireguard-go', must: 1, aim: 1 / 1.5 },
];

/** Real members of one network; upkeep at these numbers is set beside what the simulator keeps of larger ones. */
export const MEMBERS = [2, 8, 24, 64] as const;
/** Sessions with members that are no neighbours end five to six minutes after the last packets; who joins has one with most. */
const REST_SECONDS = 400;
const members = (hosts: number): Scene => ({
  name: `members-${hosts}`,
  title: `${hosts} members, idle for ${REST_SECONDS} s`,
  hosts,
  prefix: `m${hosts}.`,
  long: true,
  once: true,
  alone: true,
  measures: [idleOf(hosts, REST_SECONDS)],
});

export const scenes: Scene[] = [
  {
    name: 'pair',
    title: 'Two hosts',
    hosts: 2,
    prefix: '',
    measures: [adapter, idlePing, throughput, loaded, datagrams, otherDatagrams, castToOne, memory],
  },
  {
    name: 'eight',
    title: 'Eight hosts',
    hosts: 8,
    prefix: '',
    long: true,
    measures: [castToSix, castCost, castSpread, castMemory],
  },
  { name: 'idle', title: 'Idle', hosts: 8, prefix: '', long: true, once: true, measures: [idleOf(8)] },
  ...MEMBERS.map(members),
  { name: 'startup', title: 'Start and join', hosts: 2, prefix: '', cold: true, measures: [startup] },
  {
    name: 'transports',
    title: 'Transports other than UDP',
    hosts: 2,
    prefix: '',
    long: true,
    perTransport: true,
    measures: [carrier],
  },
  {
    name: 'plain',
    title: 'Two hosts on a plain NIC: no GSO, GRO and TSO on the underlay (ethtool -K)',
    hosts: 2,
    prefix: 'plain.',
    plainNic: true,
    long: true,
    measures: [idlePing, throughput, loaded, datagrams],
  },
];

/** The rows of a scene as the table has them. */
export const rowsOf = ({ prefix, plainNic, measures }: Scene): Row[] =>
  measures.flatMap(({ rows }) =>
    rows.map((row) => ({ ...row, key: `${prefix}${row.key}`, ...(plainNic && { targets: plainTargets(row) }) })),
  );
