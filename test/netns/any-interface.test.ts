// Programs that bind 0.0.0.0 and join or send by the default route, on hosts with three interfaces, find each other through Weft; their
// own LANs see what they would see without it.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Host } from './support/host.ts';
import { Lab } from './support/lab.ts';
import { joinAll } from './support/lan.ts';
import { figure } from './support/figures.ts';
import { writeTable } from './support/tables.ts';
import { must, projectRoot, start, until, whyNot, type Running } from './support/shell.ts';

const reason = whyNot();
if (reason) console.log(`skipped: namespace tests: ${reason}`);

const PACKETS = 20;
const program = join(projectRoot, 'test/netns/programs/anywhere.py');

interface Heard {
  socket: string;
  source: string;
  text: string;
  bytes: number;
}

const lines = <T>(running: Running): T[] =>
  running.stdout
    .split('\n')
    .slice(1, -1)
    .map((line) => JSON.parse(line) as T);

/** Weft's beacons on LANs; see docs/discovery.md. */
const BEACONS = new Set(['239.255.87.70', 'ff12::5765:6674']);
const BEACON_PORT = 45_877;
/** Groups and ports that Weft carries for such programs here. */
const CHOSEN = [
  ['239.255.255.250', '1900'],
  ['ff05::c', '1900'],
  ['239.7.1.9', '5007'],
  ['255.255.255.255', '7777'],
] as const;

/** What `sniff` says. */
interface Packet {
  source?: string;
  to?: string;
  ports?: [number, number];
  payload?: string;
  /** A group that was reported to routers. */
  report?: string;
}

/** One of each group: by any socket, and by one that takes its group from the joined interface alone. */
const SOCKETS = [
  { name: 'ssdp', port: 1900, group: '239.255.255.250' },
  { name: 'ssdp alone', port: 1900, group: '239.255.255.250', all: false },
  { name: 'ssdp v6', port: 1900, group: 'ff05::c' },
  { name: 'broadcast', port: 7777 },
  { name: 'chosen', port: 5007, group: '239.7.1.9' },
  { name: 'not chosen', port: 5008, group: '239.8.1.9' },
];

describe.skipIf(reason)('hosts with three interfaces', () => {
  let lab: Lab;
  let anna: Host;
  let ben: Host;
  const listening = new Map<string, Running>();
  const overlay = new Map<string, Awaited<ReturnType<Host['overlay']>>>();

  /** A LAN of its own on each side of a host; the far end of its cables is in the switch's namespace, and in no bridge. */
  async function addLans(host: Host): Promise<void> {
    for (const [place, name] of ['lan0', 'lan1'].entries()) {
      const far = `${name}x${host.index}`;
      const [net, at] = [`10.${10 + place}.${host.index}`, host.namespace];
      const ends = ['link', 'add', far, 'netns', lab.switchName, 'type', 'veth', 'peer', 'name', name, 'netns', at];
      await must('ip', ends);
      await lab.inSwitch(['ip', 'link', 'set', far, 'up']);
      await lab.inSwitch(['ip', 'addr', 'add', `${net}.2/24`, 'dev', far]);
      await host.script([
        `ip link set ${name} up`,
        `ip addr add ${net}.1/24 dev ${name}`,
        `ip addr add fd${10 + place}:${host.index}::1/64 dev ${name} nodad`,
      ]);
    }
    // The underlay carries no multicast between sites, so programs do not get there by default.
    await host.script([
      `ip route add default via 10.10.${host.index}.2 dev lan0`,
      'ip -6 route add multicast ff05::/16 dev lan0 table local metric 1',
    ]);
  }

  beforeAll(async () => {
    lab = await Lab.create({ hosts: ['anna', 'ben'] });
    [anna, ben] = [lab.host('anna'), lab.host('ben')];
    for (const host of [anna, ben]) {
      await addLans(host);
      await host.startDaemon();
    }
    await joinAll(lab, ['anna', 'ben']);
    for (const host of [anna, ben]) {
      await host.mustWeft('settings', 'anywhere=discovery,games,239.7.0.0/16');
      overlay.set(host.name, await host.overlay());
      const running = host.start(['python3', program, 'listen', JSON.stringify(SOCKETS)]);
      await running.says(/ready/, 5_000);
      listening.set(host.name, running);
    }
    for (const [host, other] of pairs()) await knows(host, other, ['239.255.255.250', 'ff05::c', '239.7.1.9']);
  });
  afterAll(async () => {
    if (rows.length > 0)
      writeTable(
        '6-any-interface',
        {
          title: 'Programs that choose no interface',
          note: 'Two hosts with three interfaces and Weft, sockets bound to 0.0.0.0 and ::, 20 datagrams each, both ways. `WEFT_LAB=1 npx vitest run test/netns/any-interface.test.ts`.',
          head: ['what', 'heard', 'twice', 'source'],
          rows,
        },
        'multicast',
      );
    await lab?.close();
  });

  const pairs = (): [Host, Host][] => [
    [anna, ben],
    [ben, anna],
  ];

  const knows = (host: Host, other: Host, groups: string[]) =>
    until(`${host.name} knows ${other.name}'s groups`, 15_000, async () => {
      const network = await host.network();
      const id = network.members.find(({ name }) => name === other.name)?.id ?? '';
      const has = (group: string) => network.groups.find(({ address }) => address === group)?.members.includes(id);
      return groups.every(has);
    });

  const send = (host: Host, ...args: string[]) => host.must(['python3', program, 'send', ...args]);
  const heard = (host: Host, text: string) =>
    lines<Heard>(listening.get(host.name) as Running).filter((one) => one.text.startsWith(`${text} `));

  /** Sends and waits until all came; then a marker, so that what would come twice has come. */
  async function exchange(from: Host, to: Host, group: string, port: number, names: string[], ...more: string[]) {
    const text = `${from.name}-${group}-${port}-${more.join('-')}`;
    await send(from, group, String(port), text, String(PACKETS), ...more);
    const socketsOf = () => heard(to, text);
    await until(`${to.name} hears ${text}`, 10_000, () => socketsOf().length >= PACKETS * names.length).catch(() => {});
    await marker(from, to);
    const source = overlay.get(from.name) as { ipv4: string; ipv6: string };
    for (const name of names) {
      const got = socketsOf().filter((one) => one.socket === name);
      const numbers = got.map((one) => Number(one.text.split(' ')[1])).sort((a, b) => a - b);
      expect(numbers, `${name}: ${text}`).toEqual(Array.from({ length: PACKETS }, (_, n) => n));
      const twice = numbers.length - new Set(numbers).size;
      rows.push([`${text}, ${name}`, `${new Set(numbers).size} of ${PACKETS}`, String(twice), 'the overlay’s']);
      expect(new Set(got.map((one) => one.source))).toEqual(new Set([group.includes(':') ? source.ipv6 : source.ipv4]));
    }
    expect(
      socketsOf().every((one) => names.includes(one.socket)),
      text,
    ).toBe(true);
  }

  const rows: string[][] = [];
  let markers = 0;
  async function marker(from: Host, to: Host): Promise<void> {
    const text = `marker${markers++}`;
    await send(from, '255.255.255.255', '7777', text, '1');
    await until(text, 5_000, () => heard(to, text).length > 0);
  }

  it('IPv4 multicast: any socket and one with IP_MULTICAST_ALL=0, both ways, once', async () => {
    for (const [from, to] of pairs()) await exchange(from, to, '239.255.255.250', 1900, ['ssdp', 'ssdp alone']);
    for (const [from, to] of pairs()) await exchange(from, to, '239.7.1.9', 5007, ['chosen']);
  });

  it('IPv6 multicast, both ways, once', async () => {
    for (const [from, to] of pairs()) await exchange(from, to, 'ff05::c', 1900, ['ssdp v6']);
  });

  it('IPv4 broadcast, both ways, once', async () => {
    for (const [from, to] of pairs()) await exchange(from, to, '255.255.255.255', 7777, ['broadcast']);
  });

  it('datagrams larger than any MTU come whole', async () => {
    for (const [from, to] of pairs()) await exchange(from, to, '239.255.255.250', 1900, ['ssdp', 'ssdp alone'], '4000');
    await exchange(anna, ben, 'ff05::c', 1900, ['ssdp v6'], '4000');
  });

  it('what a program sends by every interface arrives once', async () => {
    await exchange(anna, ben, '239.255.255.250', 1900, ['ssdp', 'ssdp alone'], '0', 'lan0,lan1,weft0');
    await exchange(anna, ben, 'ff05::c', 1900, ['ssdp v6'], '0', 'lan0,lan1,weft0');
  });

  it('other groups stay on the own LAN, and a group that is no longer chosen does', async () => {
    await exchange(anna, ben, '239.8.1.9', 5008, []).catch(() => undefined);
    expect(heard(ben, 'anna-239.8.1.9-5008-')).toEqual([]);
    await anna.mustWeft('settings', 'anywhere=games');
    await send(anna, '239.255.255.250', '1900', 'unchosen', String(PACKETS));
    await marker(anna, ben);
    expect(heard(ben, 'unchosen')).toEqual([]);
    await anna.mustWeft('settings', 'anywhere=discovery,games,239.7.0.0/16');
    await knows(ben, anna, ['239.255.255.250']);
  });

  it('the own LAN is the same with Weft on and off', async () => {
    // Joined on the overlay alone: no LAN may hear of it.
    const { ipv4, adapter } = overlay.get('anna') as { ipv4: string; adapter: string };
    const native = anna.program('receive', '--group', '239.9.9.9', '--port', '5009', '--interface', ipv4);
    await native.says(/ready/, 5_000);
    const { listening } = await anna.status();
    const on = await script(listening.map((one) => Number(/:(\d+)$/.exec(one)?.[1])));
    const routes = await anna.must(['ip', 'route', 'show', 'table', 'all']);
    const stolen = routes.split('\n').filter((line) => /^(multicast )?(2(2[4-9]|3\d)\.|255\.255\.255\.255)/.test(line));
    expect(stolen.filter((line) => line.includes(adapter))).toEqual([]);
    await anna.stopDaemon();
    const off = await script(null);
    expect(on.packets).toEqual(off.packets);
    expect(on.packets.size).toBeGreaterThan(4 * PACKETS);
    expect([...on.reports].filter((group) => !off.reports.has(group))).toEqual([]);
    expect(on.reports.has('239.9.9.9')).toBe(false);
    figure(
      'packets of a script on the own LAN, with Weft on and off',
      `${on.packets.size}, ${off.packets.size}; besides ${on.own} of Weft's own`,
      'equal',
    );
    rows.push([
      'on the own LAN, Weft on and off',
      `${on.packets.size} and ${off.packets.size}, equal`,
      '0',
      'the LAN’s',
    ]);
  });

  /**
   * All that anna sends to its LANs while a program there sends the same as ever, joins and leaves a group, and ben sends to chosen groups.
   * `weft`: the ports of anna's Weft, when it runs.
   */
  async function script(weft: number[] | null): Promise<{ own: number; packets: Set<string>; reports: Set<string> }> {
    const ears = ['lan0x1', 'lan1x1'].map((cable) =>
      start('ip', ['netns', 'exec', lab.switchName, 'python3', program, 'sniff', cable]),
    );
    await Promise.all(ears.map((ear) => ear.says(/ready/, 5_000)));
    const joiner = anna.start([
      'python3',
      program,
      'listen',
      JSON.stringify([{ name: 'joins', port: 1901, group: '239.255.255.251' }]),
    ]);
    await joiner.says(/ready/, 5_000);
    for (const [to, port] of [
      ['239.255.255.250', '1900'],
      ['255.255.255.255', '7777'],
      ['224.0.2.60', '4445'],
      ['239.8.1.9', '5008'],
      ['ff05::c', '1900'],
      ['10.10.1.2', '9000'],
    ] as const)
      await send(anna, to, port, `script ${to}`, String(PACKETS));
    await joiner.stop();
    // The sockets on anna hear this with Weft, and hand it on to no LAN.
    for (const [to, port] of CHOSEN) await send(ben, to, port, `ben ${to}`, String(PACKETS));
    if (weft)
      for (const [to] of CHOSEN)
        await until(`anna hears ben by ${to}`, 5_000, () => heard(anna, `ben ${to}`).length >= PACKETS);
    // The last that anna sends: all before it has come by.
    await send(anna, '10.10.1.2', '9001', 'script end', '1');
    const ended = hex('script end 0');
    await until('the script was heard', 5_000, () =>
      ears.some((ear) => lines<Packet>(ear).some(({ payload }) => payload === ended)),
    );
    const all = ears.flatMap((ear) => lines<Packet>(ear));
    await Promise.all(ears.map((ear) => ear.stop()));
    const packets = all.filter(({ payload }) => payload !== undefined);
    // Weft's own frames to its members and its beacons go by LANs as well: from its own port, and sealed.
    const others = packets.filter(
      ({ to, ports: [from, port] = [0, 0] }) =>
        !(BEACONS.has(to ?? '') && port === BEACON_PORT) && !weft?.includes(from),
    );
    return {
      own: packets.length - others.length,
      packets: new Set(others.map(({ source, to, payload }) => `${source} ${to} ${payload}`)),
      reports: new Set(all.flatMap(({ report }) => report ?? [])),
    };
  }
});

const hex = (text: string): string => Buffer.from(text).toString('hex');
