// Must be shown 5: a real ffmpeg streams to many, byte by byte; discovery packets of many kinds reach each member once, and nobody else.
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crewOf, inTurns, joined } from './support/crew.ts';
import { castsArrived, countCasts, countUnderlay, underlayCounts } from './support/count.ts';
import { figure } from './support/figures.ts';
import type { Host } from './support/host.ts';
import type { Lab } from './support/lab.ts';
import { projectRoot, until, whyNot, type Running } from './support/shell.ts';
import { inLab, writeTable } from './support/tables.ts';
import { framesOf, noFfmpeg, record, stream, type Recorder } from './support/video.ts';

const reason = whyNot();
if (reason) console.log(`skipped: namespace tests: ${reason}`);
const noVideo = reason ?? noFfmpeg();
if (noVideo) console.log(`skipped: a stream of ffmpeg: ${noVideo}`);

const RECEIVERS = inLab ? 12 : 3;
const STREAM_S = inLab ? 30 : 4;
const PACKETS_PER_S_MIN = 20;
const SETUP_MS = 300_000;
const rows: string[][] = [];
const tell = (what: string, seen: string, bound: string) => {
  figure(what, seen, bound);
  rows.push([what, seen, bound]);
};

afterAll(() => {
  const note =
    'Hosts are network namespaces with a daemon each. `WEFT_LAB=1 npx vitest run test/netns/programs.test.ts`.';
  writeTable('5-programs', { title: 'Real programs', note, head: ['what', 'seen', 'bound'], rows }, 'multicast');
});

let lab: Lab;
let sender: Host;
let outsider: Host;
let members: Host[];
beforeAll(async () => {
  if (reason) return;
  const made = await crewOf(RECEIVERS + 2);
  lab = made.lab;
  [sender, outsider, ...members] = made.hosts as [Host, Host, ...Host[]];
}, SETUP_MS);
afterAll(() => lab?.close());

describe.skipIf(noVideo)('RTP with MPEG-TS from ffmpeg', () => {
  it(`${RECEIVERS} receivers record what ffmpeg sent, byte by byte`, { timeout: SETUP_MS }, async () => {
    const to = { group: '239.5.5.5', port: 5004 };
    const recorders = await Promise.all(members.map((host) => record(host, to, join(lab.folder, `${host.name}.ts`))));
    await joined(sender, to.group, members.length);
    await countUnderlay(outsider, 700);
    // The kernel hands the sender's own host a copy of each datagram that ffmpeg writes: this is what was sent.
    const own = await record(sender, to, join(lab.folder, 'sent.ts'));
    const { code, stderr } = await (await stream(sender, to, STREAM_S)).done;
    expect(code, stderr).toBe(0);
    const bytes = statSync(own.file).size;
    const whole = ({ file }: Recorder) => statSync(file).size >= bytes;
    await until('all was recorded', 5_000, () => recorders.every(whole)).catch(() => undefined);
    const sent = await own.stop();
    expect(sent).toMatchObject({ lost: 0, doubled: 0, late: 0, bytes });
    expect(sent.packets).toBeGreaterThan(PACKETS_PER_S_MIN * STREAM_S);
    const got = await Promise.all(recorders.map((one) => one.stop()));
    const same = got.filter(({ sha256 }) => sha256 === sent.sha256).length;
    const what = `ffmpeg sends RTP/MPEG-TS for ${STREAM_S} s, ${sent.packets} datagrams, to ${RECEIVERS}`;
    const sum = (key: 'lost' | 'doubled' | 'late') => got.reduce((all, one) => all + one[key], 0);
    const seen = `${same} recordings of ${bytes} bytes are the sender’s; ${sum('lost')} lost, ${sum('doubled')} doubled, ${sum('late')} late`;
    tell(what, seen, 'all, the same bytes');
    for (const [index, one] of got.entries()) expect(one, members[index]?.name).toEqual(sent);
    expect((await underlayCounts(outsider)).arrived, 'datagrams at who did not join').toBe(0);
    // What was recorded is a video: its frames are those of the length asked for.
    expect(await framesOf(members[0] as Host, (recorders[0] as Recorder).file)).toBe(25 * STREAM_S);
  });
});

describe.skipIf(noVideo)('examples/live-video', () => {
  it('sends to a channel that three members record', { timeout: SETUP_MS }, async () => {
    const others = members.slice(0, 3);
    const example = (host: Host, program: string, ...args: string[]) =>
      host.start([
        process.execPath,
        join(projectRoot, `examples/live-video/${program}.mjs`),
        '--state',
        host.state,
        ...args,
      ]);
    const sending = example(sender, 'send', '--seconds', '60');
    await sending.says(/sending to live-video/, 20_000);
    const channels = async (host: Host) => (await host.network()).channels ?? [];
    await inTurns(others, (host) =>
      until(`${host.name} knows the channel`, 10_000, async () => (await channels(host)).length === 1),
    );
    const file = (host: Host) => join(lab.folder, `${host.name}-live.ts`);
    const watching = others.map((host) => example(host, 'watch', '--seconds', '3', '--record', file(host)));
    for (const { done } of watching) {
      const { code, stderr } = await done;
      expect(code, stderr).toBe(0);
    }
    expect(sending.ended, sending.tail()).toBe(null);
    await sending.stop();
    const frames = await Promise.all(others.map((host) => framesOf(host, file(host))));
    tell('examples/live-video: frames in recordings of 3 s at three members', frames.join(', '), '≥ 60 of 75 each');
    // A recording begins at the first whole picture.
    for (const count of frames) expect(count).toBeGreaterThanOrEqual(60);
  });
});

interface Packet {
  name: string;
  protocol: number;
  to: string;
  port: number;
  ttl: number;
  payload: string;
  /** `everyone`: a broadcast, or a group that each member's Weft answers names in. */
  hears: 'everyone' | 'joined';
}
interface Heard extends Omit<Packet, 'name' | 'hears'> {
  source: string;
}

describe.skipIf(reason)('discovery packets', () => {
  const list = join(projectRoot, 'test/golden/discovery-packets.json');
  const { packets } = JSON.parse(readFileSync(list, 'utf8')) as { packets: Packet[] };
  const some = join(projectRoot, 'test/netns/programs/packets.py');
  const ears = new Map<Host, Running>();
  const run = async (host: Host, ...args: string[]) => {
    const { ipv4, adapter } = await host.overlay();
    return host.start(['python3', some, args[0] ?? '', args[1] ?? list, ipv4, adapter, ...args.slice(2)]);
  };

  beforeAll(async () => {
    for (const host of members) {
      const ear = await run(host, 'listen');
      await ear.says(/ready/, 5_000);
      ears.set(host, ear);
    }
    const groups = new Set(packets.filter(({ hears }) => hears === 'joined').map(({ to }) => to));
    for (const group of groups) await joined(sender, group, members.length);
  }, SETUP_MS);

  const heard = (host: Host) =>
    (ears.get(host)?.stdout ?? '')
      .split('\n')
      .slice(1, -1)
      .map((line) => JSON.parse(line) as Heard);
  const same = (one: Heard, packet: Packet, source: string) =>
    one.source === source && one.to === packet.to && one.port === packet.port && one.payload === packet.payload;

  it(`reach each of ${RECEIVERS} members exactly once, as they were sent`, async () => {
    const { ipv4: source } = await sender.overlay();
    const sent = await (await run(sender, 'send')).done;
    expect(sent.code, sent.stderr).toBe(0);
    const all = () =>
      members.every((host) => packets.every((packet) => heard(host).some((one) => same(one, packet, source))));
    await until('all was heard', 5_000, all).catch(() => undefined);
    // What would come twice comes before what is sent later.
    await (
      await run(sender, 'send')
    ).done;
    await until('all was heard again', 5_000, () =>
      members.every((host) =>
        packets.every((packet) => heard(host).filter((one) => same(one, packet, source)).length > 1),
      ),
    ).catch(() => undefined);
    for (const packet of packets) {
      const counts = members.map((host) => heard(host).filter((one) => same(one, packet, source)).length);
      tell(`${packet.name}: heard by ${members.length} members, of 2 sent`, counts.join(', '), '2 each');
      expect(counts, packet.name).toEqual(members.map(() => 2));
      const ttls = members.flatMap((host) =>
        heard(host)
          .filter((one) => same(one, packet, source))
          .map(({ ttl }) => ttl),
      );
      if (packet.protocol === 17) expect(new Set(ttls), packet.name).toEqual(new Set([packet.ttl]));
    }
  });

  it('do not reach who did not join, not even its underlay', async () => {
    const few = join(lab.folder, 'joined.json');
    writeFileSync(few, JSON.stringify({ packets: packets.filter(({ hears }) => hears === 'joined') }));
    const [one] = members as [Host];
    await Promise.all([outsider, one].map(countCasts));
    await (
      await run(sender, 'send', few, '20')
    ).done;
    expect(await castsArrived(one), 'a member gets multicast frames').toBeGreaterThanOrEqual(20);
    const strays = await castsArrived(outsider);
    tell('discovery packets to groups: frames at who did not join', String(strays), '0');
    expect(strays).toBe(0);
  });
});
