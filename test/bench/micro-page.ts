// docs/benchmarks-micro.md: what one packet costs in the pure crates.
import { table } from './page.ts';

/** A piece of work as `weft-micro list` names it. */
export interface Work {
  name: string;
  what: string;
  /** Payload bytes of one turn; 0: they do not matter. */
  bytes: number;
  /** Turns in a batch. */
  batch: number;
}

/** What is known of one piece of work; absent: not measured. */
export interface Cost {
  /** Of one turn. */
  instructions?: number;
  /** Nanoseconds of one turn: the median, and the median distance from it. */
  ns?: number;
  spreadNs?: number;
}

export type Costs = Record<string, Cost>;

/** What a later run is set beside: docs/plots/micro.json. */
export interface Kept {
  /** Compiler and valgrind: other ones count otherwise. */
  tools: string;
  costs: Costs;
}

export interface MicroSetup {
  works: Work[];
  costs: Costs;
  before: Kept | null;
  tools: string;
  machine: string;
  command: string;
  day: string;
  busyBefore: number;
  /** Why instructions or times could not be had, a sentence each. */
  absent: string[];
}

/** Instructions differ by this share when the work itself has changed: below are paddings and the hashes of addresses. */
const CHANGED_MIN = 0.01;
/** Above this share of busy processors wall time tells little. */
const QUIET_MAX = 0.05;

/** Kilobits in a nanosecond are terabits in a second: bytes × 8 / ns is Gbit/s. */
const rate = (bytes: number, ns: number) => ((bytes * 8) / ns).toFixed(1);

/** How instructions changed against the page before: 0.02 is 2 % more; null: not known. */
export function change(name: string, costs: Costs, before: Kept | null): number | null {
  const [now, then] = [costs[name]?.instructions, before?.costs[name]?.instructions];
  return now === undefined || !then ? null : now / then - 1;
}

const percent = (share: number) => `${share > 0 ? '+' : '−'}${Math.abs(share * 100).toFixed(1)} %`;

/** What costs other instructions than on the page before, a line each. */
export function changes({ works, costs, before }: Pick<MicroSetup, 'works' | 'costs' | 'before'>): string[] {
  return works.flatMap(({ name }) => {
    const share = change(name, costs, before);
    return share !== null && Math.abs(share) >= CHANGED_MIN ? [`${name}: ${percent(share)} instructions`] : [];
  });
}

/** Figures to keep: those of this run, and the others as they were. */
export function kept({ costs, before, tools }: Pick<MicroSetup, 'costs' | 'before' | 'tools'>): Kept {
  const all: Costs = { ...before?.costs };
  for (const [name, cost] of Object.entries(costs)) all[name] = { ...all[name], ...cost };
  return { tools, costs: all };
}

function line({ name, what, bytes }: Work, { instructions, ns, spreadNs }: Cost, share: number | null): string[] {
  const changed = share !== null && Math.abs(share) >= CHANGED_MIN ? percent(share) : '';
  return [
    `${what} (\`${name}\`)`,
    instructions === undefined ? '–' : String(Math.round(instructions)),
    changed,
    ns === undefined ? '–' : `${ns.toFixed(ns < 100 ? 1 : 0)} ± ${(spreadNs ?? 0).toFixed(ns < 100 ? 1 : 0)}`,
    ns === undefined || bytes === 0 ? '' : rate(bytes, ns),
  ];
}

export function microPage(setup: MicroSetup): string {
  const { works, costs, before, tools, machine, command, day, busyBefore, absent } = setup;
  const crates = [...new Set(works.map(({ name }) => name.split('/')[0] ?? ''))];
  const head = ['', 'instructions', 'change', 'ns', 'Gbit/s'];
  const sections = crates.map((crate) => {
    const own = works.filter(({ name }) => name.startsWith(`${crate}/`));
    const lines = own.map((work) => line(work, costs[work.name] ?? {}, change(work.name, costs, before)));
    return `## native/${crate}\n\n${table(head, lines)}\n`;
  });
  const noisy =
    busyBefore > QUIET_MAX
      ? `**The machine was not quiet: ${(busyBefore * 100).toFixed(0)} % of its CPUs were busy when this run began, so times are noisy. Instructions are not.**\n\n`
      : '';
  return `# Micro-benchmarks

Written by \`npm run bench -- --micro\` on ${day}; this run: \`${command}\`, ${machine}; ${tools}.

${noisy}One turn of each piece of work in native/micro, on one thread, with everything in its caches. **Instructions** are counted by callgrind: they are the same
however busy the machine is, so that two revisions can be compared by them (**change**: against the page before, from 1 % on). Times are criterion's
medians and median distances from them; they and rates are this machine's. Valgrind's processor has AES-NI and AVX2, no VAES and no
AVX-512: where the machine has these, seals take fewer instructions than are counted. \`--only packet,session/seal\` measures these alone, \`--quick\` counts
instructions alone; neither writes the page. \`cargo bench -p weft-micro --features wall\` in native/ is criterion by itself.
${before && before.tools !== tools ? `\nThe page before was made with other tools (${before.tools}), which may count otherwise.\n` : ''}${
    absent.length ? `\n${absent.map((why) => `- ${why}`).join('\n')}\n` : ''
  }
${sections.join('\n')}`;
}
