// Must be shown 1: the grid of all pairs of sites. `npm test` runs the telling cells, `npm run lab` all, with the tables of
// docs/connectivity.md. Expectations are theory (expected.ts).
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { expectation, notYet, pairs, standings, telling, type Expectation, type GridKind } from './expected.ts';
import { figure } from './support/figures.ts';
import { control, layOut, measure, startAll, type Cell, type Measured } from './support/grid.ts';
import { whyNoProxy } from './support/proxy.ts';
import { until, whyNot } from './support/shell.ts';
import { inLab, writeTable } from './support/tables.ts';

const reason = whyNot();
if (reason) console.log(`skipped: namespace tests: ${reason}`);
const noProxy = whyNoProxy();
if (noProxy && !reason) console.log(`skipped: cells with proxies: ${noProxy}`);

const CELL_MS_MAX = 120_000;
const MULTICAST_SHARE_MIN = 0.95;
/** What a join says when no member can be reached. */
const IMPOSSIBLE_CODE = 'nobody-reached';
const proxied = new Set<GridKind>(['http-proxy', 'tls-intercepting']);
type Wanted = (typeof telling)[number];
const same = (one: Wanted) => (other: Wanted) => other.third === one.third && other.pair.join() === one.pair.join();

const all: Wanted[] = [true, false].flatMap((third) => pairs.map((pair) => ({ pair, third })));
const wanted = inLab ? all : telling;
const rows = new Map<boolean, string[][]>([
  [true, []],
  [false, []],
]);
/** Until a try that leads nowhere is given up and said. */
const WHY_MS_MAX = 15_000;
let cell: Cell | undefined;

afterEach(async () => {
  await cell?.internet.close();
  cell = undefined;
});

describe.skipIf(reason)('the grid', () => {
  for (const one of wanted) {
    const expected = expectation(...one.pair, one.third);
    const lacking = notYet.find(same(one))?.missing;
    if (lacking && !inLab) console.log(`only in npm run lab: ${title(one)}: ${lacking}`);
    const skipped = one.pair.some((kind) => proxied.has(kind)) && noProxy;
    it.skipIf(skipped || (lacking && !inLab))(
      `${title(one)}: ${expected.path}${expected.reason && ` (${expected.reason})`}`,
      { timeout: CELL_MS_MAX },
      async () => {
        cell = await layOut(one.pair, one.third);
        let controlled: number | null = null;
        await startAll(cell);
        const seen = await measure(cell, expected.path === 'impossible' ? 'none' : expected.path);
        const wrong = verdict(seen, expected);
        if (expected.path === 'impossible' && wrong.length === 0) controlled = await control(cell);
        if (seen.path === 'relay' && expected.path === 'relay') wrong.push(...(await saysWhy(cell)));
        rows.get(one.third)?.push(row(one, seen, expected, wrong, controlled));
        if (!inLab && seen.seconds !== null)
          figure(title(one), told(seen), `${expected.path}, ≤ ${expected.secondsMax} s`);
        expect(wrong, `${seen.stopped}\n${cell.right.daemon?.tail() ?? ''}`).toEqual([]);
      },
    );
  }

  afterAll(() => {
    const head = ['pair', 'expected', 'path', 'transport', 's to first packet', 'multicast', 'as expected'];
    const note =
      'Seconds run from the second member’s `weft join` to the first answered packet between the two; ≤ 15, with UDP blocked ≤ 10.';
    writeTable('1-with-third', { title: 'With an open third member on 443', note, head, rows: rows.get(true) ?? [] });
    writeTable('2-without-third', {
      title: 'Without a third member, without port mapping, DHT or STUN',
      note: 'What cannot work says why: the join must end with nobody-reached, both daemons go on, and with an open third member the same two are connected.',
      head,
      rows: rows.get(false) ?? [],
    });
  });
});

function title({ pair, third }: Wanted): string {
  return `${standings[pair[0]].shown} – ${standings[pair[1]].shown}, ${third ? 'with' : 'without'} a third member`;
}

/** Everything in which a cell falls short of theory. */
function verdict(seen: Measured, expected: Expectation): string[] {
  if (expected.path === 'impossible') {
    if (seen.seconds !== null) return ['theory says that this is impossible'];
    // Anything else than this answer is a fault of its own, not theory's.
    return seen.code === IMPOSSIBLE_CODE ? [] : [`${IMPOSSIBLE_CODE} expected: ${seen.code} ${seen.stopped}`];
  }
  if (seen.seconds === null) return [seen.stopped];
  const wrong: string[] = [];
  if (seen.path !== expected.path) wrong.push(`path ${seen.path}, not ${expected.path}`);
  const odd = seen.transport
    .split('/')
    .filter((name) => expected.transports.length && !expected.transports.includes(name));
  if (odd.length) wrong.push(`transport ${odd.join()} instead of ${expected.transports.join()}`);
  if (seen.seconds > expected.secondsMax) wrong.push(`${seen.seconds} s, more than ${expected.secondsMax}`);
  for (const share of Object.values(seen.multicast))
    if (share < MULTICAST_SHARE_MIN) wrong.push(`${(share * 100).toFixed(0)} % of the multicast arrived`);
  return wrong;
}

/** The doctor at either end names who passes on, why, and what was tried: as soon as one way has failed. */
async function saysWhy({ left, right }: Cell): Promise<string[]> {
  const wrong: string[] = [];
  for (const [host, other] of [
    [left, right],
    [right, left],
  ] as const) {
    const why = new RegExp(`“${other.name}” is reached through “third”: \\S.{10,} Last tries: .+\\.`);
    let said = '';
    const { ipv4 } = await other.overlay();
    // A better way is looked for while there is something to carry.
    const tells = async () => {
      await host.ping(ipv4, '-W', '0.5');
      return why.test((said = (await host.weft('doctor')).stdout));
    };
    await until('the doctor knows', WHY_MS_MAX, tells, 500).catch(() =>
      wrong.push(`the doctor of ${host.name} does not say why it is relayed: ${said}`),
    );
  }
  return wrong;
}

const told = ({ path, transport, seconds }: Measured) => `${path} by ${transport}, ${seconds?.toFixed(1)} s`;

function row(
  { pair }: Wanted,
  seen: Measured,
  expected: Expectation,
  wrong: string[],
  controlled: number | null,
): string[] {
  const right = controlled === null ? 'yes' : `yes: ${seen.code}; with a third member ${controlled.toFixed(1)} s`;
  const percent = (share: number) => `${(share * 100).toFixed(0)} %`;
  return [
    `${standings[pair[0]].shown} – ${standings[pair[1]].shown}`,
    expected.reason ? `${expected.path}: ${expected.reason}` : `${expected.path} (${expected.transports.join(', ')})`,
    seen.path,
    seen.transport || '–',
    seen.seconds?.toFixed(1) ?? '–',
    seen.seconds === null ? '–' : `${percent(seen.multicast.toRight)} → / ← ${percent(seen.multicast.toLeft)}`,
    wrong.length ? `no: ${wrong.join('; ')}` : right,
  ];
}
