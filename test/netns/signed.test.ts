// A channel that names its publisher, with real daemons: its packets take trees whose casts are signed, all arrive, lost ones are repaired.
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { crewOf, inTurns, joined, standing } from './support/crew.ts';
import { Crowd } from './support/crowd.ts';
import { figure } from './support/figures.ts';
import type { Host } from './support/host.ts';
import type { Lab } from './support/lab.ts';
import { lose } from './support/loss.ts';
import { whyNot } from './support/shell.ts';
import { inLab, labIt, writeTable } from './support/tables.ts';

const reason = whyNot();
if (reason) console.log(`skipped: namespace tests: ${reason}`);

const SIZE = inLab ? 12 : 8;
const SETUP_MS = 600_000;
const RATE = 200;
const SECONDS = inLab ? 15 : 4;
const LOST_PERCENT = 5;
const RESIDUAL_MAX = 0.001;
/** Small; as media has it, too long for one frame with its proof; a full packet. */
const SIZES = [300, 1_316, 1_352];
const pause = (ms: number): Promise<void> => new Promise((settle) => setTimeout(settle, ms));

let lab: Lab | undefined;
let crowd: Crowd | undefined;
const rows: string[][] = [];
afterEach(async () => {
  await crowd?.close();
  await lab?.close();
  lab = crowd = undefined;
}, SETUP_MS);
afterAll(() => {
  const note = `${SIZE} namespaces with a daemon each. \`WEFT_LAB=1 npx vitest run test/netns/signed.test.ts\`.`;
  writeTable('8-signed', { title: 'Signed channels', note, head: ['what', 'seen', 'bound'], rows }, 'multicast');
});

function tell(what: string, seen: string, bound = ''): void {
  figure(what, seen, bound);
  rows.push([what, seen, bound]);
}

const figuresOf = async (host: Host): Promise<Record<string, number>> =>
  (JSON.parse(await host.mustWeft('doctor', '--json')) as { figures: Record<string, number> }).figures;

/** Nobody refused anything as forged. */
async function allIsRight(hosts: readonly Host[]): Promise<void> {
  for (const host of hosts) {
    const figures = await figuresOf(host);
    for (const why of ['castBadSignature', 'castUnchecked', 'castWrongAuth', 'unsigned'])
      expect(figures[`drop.${why}`] ?? 0, `${host.name} ${why}`).toBe(0);
  }
}

describe.skipIf(reason)('a channel that names its publisher', () => {
  it('brings each packet of every length to everybody, once', { timeout: SETUP_MS }, async () => {
    const made = await crewOf(SIZE);
    lab = made.lab;
    crowd = Crowd.start();
    const [publisher, ...others] = made.hosts as [Host, ...Host[]];
    const words = ['stage', '--repair', 'nack', '--publishers', publisher.name, '--json'];
    const { address } = JSON.parse(await publisher.mustWeft('channel', 'create', ...words)) as { address: string };
    await crowd.listen(others, address);
    await joined(publisher, address, others.length);
    await crowd.send([publisher], { group: address, rate: 50, count: 100, size: 300 });
    await standing(publisher, address, others.length);
    for (const size of SIZES) {
      await crowd.reset();
      const before = await figuresOf(publisher);
      const { sent } = await crowd.send([publisher], { group: address, rate: RATE, count: RATE * SECONDS, size });
      await pause(1_500);
      const after = await figuresOf(publisher);
      const reports = [...(await crowd.report()).values()].filter(({ from }) => from[publisher.name] !== undefined);
      const got = reports.map(({ from }) => from[publisher.name] ?? 0);
      const signatures = (after['castsSigned'] ?? 0) - (before['castsSigned'] ?? 0);
      const fragments = (after['fragmentsSent'] ?? 0) - (before['fragmentsSent'] ?? 0);
      const what = `${SIZE} hosts, ${RATE} datagrams/s of ${size} bytes`;
      tell(
        what,
        `${Math.min(...got)} of ${sent} at the worst; ${signatures} signatures, ${fragments} fragments`,
        'all',
      );
      expect(got).toEqual(others.map(() => sent));
      expect(reports.map(({ doubles }) => doubles)).toEqual(others.map(() => 0));
      expect(signatures).toBeGreaterThan(0);
      expect(fragments > 0).toBe(size > 1_251);
    }
    for (const host of others) expect((await figuresOf(host))['signatureChecks'], host.name).toBeGreaterThan(0);
    await allIsRight(made.hosts);
  });

  labIt(`is repaired where ${LOST_PERCENT} % are lost on each link`, { timeout: SETUP_MS }, async () => {
    const made = await crewOf(SIZE, { env: { WEFT_OFFLOADS: 'none' } });
    lab = made.lab;
    crowd = Crowd.start();
    const [publisher, ...others] = made.hosts as [Host, ...Host[]];
    for (const repair of ['nack', 'fec'] as const) {
      const words = [`s-${repair}`, '--repair', repair, '--publishers', publisher.name, '--json'];
      const { address } = JSON.parse(await publisher.mustWeft('channel', 'create', ...words)) as { address: string };
      await crowd.listen(others, address);
      await joined(publisher, address, others.length);
      await inTurns(made.hosts, (host) => lose(host, LOST_PERCENT));
      await crowd.send([publisher], { group: address, rate: 100, count: 200, size: 900 });
      await standing(publisher, address, others.length);
      await crowd.reset();
      const { sent } = await crowd.send([publisher], { group: address, rate: 100, count: 100 * SECONDS, size: 900 });
      await pause(1_500);
      const reports = [...(await crowd.report()).values()].filter(({ from }) => from[publisher.name] !== undefined);
      const missing = reports.reduce((sum, { from }) => sum + sent - (from[publisher.name] ?? 0), 0);
      const residual = missing / (sent * others.length);
      const figures = await Promise.all(made.hosts.map(figuresOf));
      const sum = (name: string): number => figures.reduce((all, one) => all + (one[name] ?? 0), 0);
      const seen = `${(100 * residual).toFixed(3)} %; so far sent again ${sum('treeResent')}, given back by parity ${sum('treeRecovered')}`;
      tell(`${LOST_PERCENT} % lost on each link, repair ${repair}: missing`, seen, '≤ 0.1 %');
      expect(residual).toBeLessThanOrEqual(RESIDUAL_MAX);
      expect(sum(repair === 'nack' ? 'treeResent' : 'treeRecovered')).toBeGreaterThan(0);
      expect(reports.map(({ doubles }) => doubles)).toEqual(others.map(() => 0));
      await inTurns(made.hosts, (host) => lose(host, 0));
      await crowd.leave(others);
    }
    await allIsRight(made.hosts);
  });
});
