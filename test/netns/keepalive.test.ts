// Behind a NAT that forgets after 40 s: idle members speak as rarely as it allows, and whoever calls the idle one is heard at once.
import { afterAll, describe, expect, it } from 'vitest';
import { figure } from './support/figures.ts';
import { layOut, startAll, type Cell } from './support/grid.ts';
import { until, whyNot } from './support/shell.ts';
import { inLab, writeTable } from './support/tables.ts';

const reason = whyNot() ?? (inLab ? null : 'minutes of idleness, only in npm run lab');
if (reason) console.log(`skipped: keepalives: ${reason}`);

const TIMEOUT_S = 40;
/** Long enough for the steps 25, 31 and 39 s to be proved both ways, and for 49 s to fail. */
const LEARN_S = 330;
const WATCH_S = 200;
/** What was said within this time was one exchange. */
const EXCHANGE_S = 5;
const INBOUND_MS_MAX = 1_000;
/** Longer than the first step: it was measured, not guessed. */
const SILENCE_S_MIN = 35;

describe.skipIf(reason)('keepalives', () => {
  let cell: Cell | undefined;
  afterAll(() => cell?.internet.close());

  it(`follow the NAT’s ${TIMEOUT_S} s`, { timeout: (LEARN_S + WATCH_S + 120) * 1_000 }, async () => {
    cell = await layOut(['port-restricted', 'open'], false, { timeoutS: TIMEOUT_S });
    const { left, right } = cell;
    await startAll(cell);
    await right.mustWeft('create', 'home');
    await until('adapter', 10_000, async () => (await right.network()).adapter);
    await left.mustWeft('join', await right.mustWeft('invite'));
    await until('adapter', 10_000, async () => (await left.network()).adapter);
    const [inside, outside] = [(await left.overlay()).ipv4, (await right.overlay()).ipv4];
    await until('a packet', 10_000, () => left.ping(outside, '-W', '0.5'));
    const view = (await left.network()).members.find(({ name }) => name === right.name);
    expect(view).toMatchObject({ path: 'direct', transport: 'udp' });

    const capture = left.start(['tcpdump', '-i', 'eth0', '-n', '-tt', '-l', 'udp']);
    await capture.says(/listening on/, 5_000);
    await new Promise((settle) => setTimeout(settle, LEARN_S * 1_000));
    const learned = Date.now() / 1_000;
    await new Promise((settle) => setTimeout(settle, WATCH_S * 1_000));
    // No word from the inside since at least a while: what comes now comes through what keepalives left open.
    const started = Date.now();
    expect(await right.ping(inside, '-W', '1')).toBe(true);
    const inboundMs = Date.now() - started;
    await capture.stop('SIGINT');

    const times = [...capture.stdout.matchAll(/^(\d+\.\d+) /gm)].map(([, time]) => Number(time));
    const exchanges = times.filter((time, at) => at === 0 || time - (times[at - 1] as number) > EXCHANGE_S);
    const idle = exchanges.filter((time) => time * 1_000 < started);
    const silences = idle.slice(1).map((time, at) => ({ at: time, s: time - (idle[at] as number) }));
    const last = silences.filter(({ at }) => at > learned).map(({ s }) => s);
    const median = [...last].sort((a, b) => a - b)[last.length >> 1] ?? 0;
    const longest = Math.max(...silences.map(({ s }) => s));
    const told = `one exchange in ${median.toFixed(0)} s (of ${last.length}; the longest silence tried: ${longest.toFixed(0)} s)`;
    figure(`idle behind a NAT of ${TIMEOUT_S} s`, told, `≥ ${SILENCE_S_MIN} s apart, < ${TIMEOUT_S} s`);
    figure('a packet to the idle member', `${inboundMs} ms`, `≤ ${INBOUND_MS_MAX} ms`);
    writeTable('6-keepalive', {
      title: 'Idle behind a NAT that forgets',
      note: `The router forgets UDP mappings after ${TIMEOUT_S} s. After ${LEARN_S} s of idleness ${WATCH_S} s are watched; then the open member sends a packet to the other.`,
      head: ['timeout', 'keepalives', 'a packet from outside, answered after'],
      rows: [[`${TIMEOUT_S} s`, told, `${inboundMs} ms`]],
    });
    expect(median).toBeGreaterThanOrEqual(SILENCE_S_MIN);
    expect(median).toBeLessThan(TIMEOUT_S);
    expect(inboundMs).toBeLessThanOrEqual(INBOUND_MS_MAX);
    expect((await right.network()).members.find(({ name }) => name === left.name)?.path).toBe('direct');
  });
});
