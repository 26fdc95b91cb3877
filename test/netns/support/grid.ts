// One cell of the grid: two members at their sites, perhaps an open third on 443; created, invited and joined by CLI, then measured.
import type { Host, StatusMember } from './host.ts';
import { Internet } from './internet.ts';
import { until } from './shell.ts';
import { addSite, type Site, type SiteKind, type SiteOptions } from './site.ts';

export interface Cell {
  /** The two members; the sites of `same` pairs hold both. */
  sites: [Site, Site];
  left: Host;
  right: Host;
  third: Site | null;
  internet: Internet;
}

export interface Measured {
  /** What status says when it has settled, seen from both ends: "direct", "relay", "none", or "left/right" where they differ. */
  path: string;
  transport: string;
  /** From the second join to the first answered packet; null: none came. */
  seconds: number | null;
  /** Shares of 50 packets that arrived each way. */
  multicast: { toRight: number; toLeft: number };
  /** Why it went no further. */
  stopped: string;
  /** Of a join that failed: the error's code. */
  code: string;
}

export const STREAM_PORT = 443;
const JOIN_MS_MAX = 20_000;
const PACKET_MS_MAX = 20_000;
/** A direct path may need a few tries of hole punching after the first relayed packet. */
const SETTLE_MS_MAX = 12_000;
const GROUP = '239.4.4.4';
const GROUP_PORT = 5044;
const CAST_PACKETS = 50;

/** What `weft daemon` gets at each kind of site: who can be called offers 443 too. */
export function daemonArgs(site: Site): string[] {
  if (site.kind !== 'open' && site.kind !== 'ipv6-only') return [];
  return ['--listen', `0.0.0.0:${STREAM_PORT}`, '--listen', `[::]:${STREAM_PORT}`];
}

export async function layOut(kinds: [SiteKind, SiteKind], third: boolean, options: SiteOptions = {}): Promise<Cell> {
  const internet = await Internet.create();
  try {
    const left = await addSite(internet, kinds[0], 'left', options);
    const together = kinds[0] === 'same-nat' && kinds[1] === 'same-nat';
    const right = together ? left : await addSite(internet, kinds[1], 'right', options);
    const open = third ? await addSite(internet, 'open', 'third') : null;
    const other = together ? (left.hosts[1] as Host) : right.host;
    return { internet, sites: [left, right], left: left.host, right: other, third: open };
  } catch (error) {
    await internet.close();
    throw error;
  }
}

export async function startAll(cell: Cell): Promise<void> {
  const starts = [cell.left.startDaemon({ args: daemonArgs(cell.sites[0]) })];
  starts.push(cell.right.startDaemon({ args: daemonArgs(cell.sites[1]) }));
  if (cell.third) starts.push(cell.third.host.startDaemon({ args: daemonArgs(cell.third) }));
  await Promise.all(starts);
}

/** Who makes the network: the third, else the one of the two that others can call. */
export function creatorOf({ third, sites, left, right }: Cell): Host {
  if (third) return third.host;
  return sites[1].router === null && sites[0].router !== null ? right : left;
}

/** Null: it worked. */
async function joinBy(
  creator: Host,
  joiner: Host,
  network = 'home',
): Promise<Pick<Measured, 'stopped' | 'code'> | null> {
  const link = await creator.mustWeft('invite', network);
  const joined = await joiner.weft('join', link, '--json');
  if (joined.code !== 0) {
    const { error } = JSON.parse(joined.stdout || '{}') as { error?: { code: string; text: string } };
    return { stopped: `${joiner.name} could not join: ${error?.text ?? joined.stderr}`, code: error?.code ?? '' };
  }
  const up = until('adapter', JOIN_MS_MAX, async () => (await joiner.network(network)).adapter);
  return up.then(() => null).catch(() => ({ stopped: `${joiner.name} has no adapter`, code: '' }));
}

const nothing: Measured = {
  path: 'none',
  transport: '',
  seconds: null,
  multicast: { toRight: 0, toLeft: 0 },
  stopped: '',
  code: '',
};

/** Runs the cell whose daemons are up. `aim` is the path that is worth waiting for. */
export async function measure(cell: Cell, aim: string): Promise<Measured> {
  const creator = creatorOf(cell);
  await creator.mustWeft('create', 'home');
  await until('adapter of the creator', 10_000, async () => (await creator.network()).adapter);
  // The creator is no joiner; whoever is left joins last, and the clock runs from there.
  const joiners = [cell.left, cell.right].filter((host) => host !== creator);
  const last = joiners.at(-1) as Host;
  const peer = last === cell.right ? cell.left : cell.right;
  for (const joiner of joiners.slice(0, -1)) {
    const failed = await joinBy(creator, joiner);
    if (failed) return { ...nothing, ...failed };
  }
  const target = (await peer.overlay()).ipv4;
  const started = Date.now();
  const failed = await joinBy(creator, last);
  if (failed) return { ...nothing, ...failed };
  const first = await until('first packet', PACKET_MS_MAX, () => last.ping(target, '-W', '0.3'), 20).catch(() => false);
  if (!first) return { ...nothing, stopped: 'no packet between the two' };
  const seconds = (Date.now() - started) / 1000;
  const settled = await settle(cell, aim, last, target);
  return { ...settled, seconds, multicast: await multicast(cell), stopped: '', code: '' };
}

/**
 * What a cell that cannot work must still show: its daemons answer, and an open third member is all that was missing. Seconds from the
 * second join to the first packet between the two, in a network that the third makes.
 */
export async function control(cell: Cell): Promise<number> {
  for (const { name, daemon } of [cell.left, cell.right])
    if (!daemon || daemon.ended) throw new Error(`the daemon of ${name} has ended: ${daemon?.tail()}`);
  for (const host of [cell.left, cell.right]) await host.status();
  const third = await addSite(cell.internet, 'open', 'third');
  await third.host.startDaemon({ args: daemonArgs(third) });
  await third.host.mustWeft('create', 'control');
  await until('adapter of the third', 10_000, async () => (await third.host.network('control')).adapter);
  let started = 0;
  for (const joiner of [cell.left, cell.right]) {
    started = Date.now();
    const failed = await joinBy(third.host, joiner, 'control');
    if (failed) throw new Error(failed.stopped);
  }
  const target = (await cell.left.overlay('control')).ipv4;
  await until('a packet with a third member', PACKET_MS_MAX, () => cell.right.ping(target, '-W', '0.3'), 20);
  return (Date.now() - started) / 1000;
}

async function viewOf(host: Host, other: Host): Promise<StatusMember | undefined> {
  return (await host.network()).members.find(({ name }) => name === other.name);
}

/** Keeps a little traffic going until both ends name the path that is aimed at, or time is up. */
async function settle(
  cell: Cell,
  aim: string,
  from: Host,
  target: string,
): Promise<{ path: string; transport: string }> {
  const look = async () => {
    await from.ping(target, '-W', '0.5');
    const views = [await viewOf(cell.left, cell.right), await viewOf(cell.right, cell.left)];
    return { path: both(views.map((view) => view?.path)), transport: both(views.map((view) => view?.transport)) };
  };
  let seen = await look();
  if (seen.path !== aim)
    await until(
      aim,
      SETTLE_MS_MAX,
      async () => {
        seen = await look();
        return seen.path === aim;
      },
      250,
    ).catch(() => undefined);
  return seen;
}

const both = (values: (string | undefined)[]): string => [...new Set(values.map((value) => value ?? 'none'))].join('/');

/** Shares of a small stream that arrive, one way after the other. */
export async function multicast({ left, right }: Cell): Promise<Measured['multicast']> {
  return { toRight: await stream(left, right), toLeft: await stream(right, left) };
}

async function stream(from: Host, to: Host): Promise<number> {
  const [sender, receiver] = [await from.overlay(), await to.overlay()];
  const port = String(GROUP_PORT);
  const listening = to.program('receive', '--group', GROUP, '--interface', receiver.ipv4, '--port', port);
  await listening.says(/ready/, 5000);
  const known = async () => {
    const group = (await from.network()).groups.find(({ address }) => address === GROUP);
    return (group?.members.length ?? 0) > 0;
  };
  await until('the sender knows the receiver', 8000, known, 100).catch(() => undefined);
  const pace = ['--count', String(CAST_PACKETS), '--rate', '100', '--size', '600'];
  await from.program('send', '--to', GROUP, '--interface', sender.ipv4, '--port', port, ...pace).done;
  await new Promise((settle) => setTimeout(settle, 400));
  const { stdout } = await listening.stop();
  const heard = JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}') as { from?: Record<string, { unique: number }> };
  return (heard.from?.[sender.ipv4]?.unique ?? 0) / CAST_PACKETS;
}
