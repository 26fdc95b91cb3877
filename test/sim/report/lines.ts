// The runs that docs/multicast.md tells of. Options given on the command line override a line's.
import type { SimOptions } from '../support/options.ts';

export type TableName = 'literature' | 'failures' | 'scale' | 'records' | 'crowd';

export interface Line {
  name: string;
  table: TableName;
  /** What it is, in a word or two. */
  title: string;
  scenario: string;
  options: Partial<SimOptions>;
}

const MTTR_S = 1_200;
/** As in Birrer & Bustamante 2007. */
const FIELD: Partial<SimOptions> = { nodes: 512, rate: 10, mttr: MTTR_S, seconds: 600, seed: 2007 };
/** A fast stream on uplinks that bear it 1.8 times, so that one tree would be a chain: 1,300 B × 200/s is 2.1 Mbit/s, with frames around it 2.2. */
const FAST: Partial<SimOptions> = { bytes: 1_300, rate: 200, upBps: 4_000_000, queueBytes: 131_072 };
const IDLE_S = 300;

const scale = (nodes: number): Line => ({
  name: `scale-${nodes}`,
  table: 'scale',
  title: String(nodes),
  scenario: 'steady',
  options: { nodes, idle: IDLE_S, seconds: 60, seed: 11 },
});

const AWAKE = 8;

/** A few awake among many: what further records cost each of them. */
const records = (nodes: number): Line => ({
  name: `records-${nodes}`,
  table: 'records',
  title: String(nodes),
  scenario: 'steady',
  options: { nodes, awake: AWAKE, seconds: 10, seed: 12 },
});

export const LINES: readonly Line[] = [
  {
    name: 'churn-120',
    table: 'literature',
    title: 'MTTF 120 min',
    scenario: 'churn',
    options: { ...FIELD, mttf: 7_200 },
  },
  {
    name: 'churn-30',
    table: 'literature',
    title: 'MTTF 30 min',
    scenario: 'churn',
    options: { ...FIELD, mttf: 1_800 },
  },
  {
    name: 'stripes',
    table: 'literature',
    title: 'MTTF 30 min, 256 members, uplinks of 1.8 streams',
    scenario: 'churn',
    options: { ...FIELD, ...FAST, mttf: 1_800, nodes: 256, seconds: 60 },
  },
  {
    name: 'mass-death',
    table: 'failures',
    title: '30 % die at once',
    scenario: 'mass-death',
    options: { nodes: 512, seconds: 120, seed: 21 },
  },
  {
    name: 'relay-deaths',
    table: 'failures',
    title: 'the busiest relay dies, every 5 s',
    scenario: 'relay-deaths',
    options: { nodes: 512, seconds: 120, seed: 22 },
  },
  {
    name: 'partition',
    table: 'failures',
    title: 'a partition heals',
    scenario: 'partition',
    options: { nodes: 64, seed: 23 },
  },
  {
    name: 'joins',
    table: 'failures',
    title: 'half as many join by a link',
    scenario: 'joins',
    options: { nodes: 64, seed: 24 },
  },
  ...[8, 16, 32, 64, 128, 256, 512].map(scale),
  ...[500, 1_000, 2_000, 4_000, 8_000].map(records),
  {
    name: 'crowd',
    table: 'crowd',
    title: '10,000 members by their records, 500 joins a minute',
    scenario: 'crowd',
    options: { nodes: 10_000, seed: 31 },
  },
];
