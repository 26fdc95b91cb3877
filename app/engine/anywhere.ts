// Which groups are taken from and handed to programs that never chose an interface. The helper and the data plane know the same rules.
import { parseIp } from '../wire/messages/address.ts';

export const GROUPS_MAX = 64;

/** What the settings may name besides groups and ranges. */
export const PRESETS: Record<string, readonly string[]> = {
  /** SSDP, UPnP and WS-Discovery. */
  discovery: ['239.255.255.250', 'ff02::c', 'ff05::c'],
  /** Broadcast, and Minecraft's "Open to LAN". */
  games: ['255.255.255.255', '224.0.2.60', 'ff75:230::60'],
  /** ROS 2 (DDS) and Zenoh. */
  robots: ['239.255.0.1', '224.0.0.224'],
  /** sACN, and audio over IP (AES67, Dante). */
  stage: ['239.255.0.0/16', '239.69.0.0/16'],
  all: ['224.0.0.0/4', 'ff00::/8', '255.255.255.255'],
};

/** Of one link alone: routers, neighbours, memberships, and names, whose answers tell of the own LAN. 224.0.0.224 is Zenoh's. */
const NEVER = [
  '224.0.0.0/24',
  'ff01::/16',
  'ff02::/125',
  'ff02::16',
  'ff02::fb',
  'ff02::1:ff00:0/104',
  'ff02::1:0/112',
];
const EXCEPT = ['224.0.0.224'];

interface Range {
  address: Uint8Array;
  bits: number;
}

/** null: no group and no range of groups. */
function rangeOf(text: string): Range | null {
  const [host = '', length, ...rest] = text.split('/');
  const address = parseIp(host);
  if (!address || rest.length > 0 || (length !== undefined && !/^\d{1,3}$/.test(length))) return null;
  const all = address.length * 8;
  const bits = length === undefined ? all : Number(length);
  const isBroadcast = all === 32 && bits === 32 && address.every((byte) => byte === 255);
  const isGroup = all === 32 ? (address[0] as number) >> 4 === 14 && bits >= 4 : address[0] === 0xff && bits >= 8;
  return bits <= all && (isBroadcast || isGroup) ? { address, bits } : null;
}

function holds({ address, bits }: Range, other: Uint8Array): boolean {
  if (address.length !== other.length) return false;
  for (let bit = 0; bit < bits; bit += 8) {
    const mask = bits - bit >= 8 ? 0xff : (0xff << (8 - (bits - bit))) & 0xff;
    if ((((address[bit / 8] as number) ^ (other[bit / 8] as number)) & mask) !== 0) return false;
  }
  return true;
}

const ranges = (texts: readonly string[]): Range[] => texts.map(rangeOf).filter((range) => range !== null);
const never = ranges(NEVER);
const except = ranges(EXCEPT);

/** Groups and ranges that a setting names, presets spelled out; null: something in it is neither, or it is too long. */
export function groupsOf(setting: readonly string[]): string[] | null {
  const groups = [...new Set(setting.flatMap((one) => (Object.hasOwn(PRESETS, one) ? (PRESETS[one] ?? []) : [one])))];
  return groups.length <= GROUPS_MAX && groups.every((one) => rangeOf(one) !== null) ? groups : null;
}

/** Tells chosen groups from the rest. */
export function chooser(groups: readonly string[]): (group: string) => boolean {
  const chosen = ranges(groups);
  return (group) => {
    const address = parseIp(group);
    if (!address) return false;
    const inside = (list: Range[]): boolean => list.some((range) => holds(range, address));
    return inside(chosen) && (!inside(never) || inside(except));
  };
}

/** One group that programs on this host joined on one interface, and how many of them. */
export interface Joined {
  interface: string;
  group: string;
  users: number;
}

export interface Held {
  /** Memberships to hold on this adapter. */
  hold: string[];
  /** What comes for them is handed on as if it had come there. */
  mirror: { group: string; to: string }[];
}

/**
 * What to do for one adapter. `held`: groups whose membership there is Weft's own, counted among the users. A group that programs
 * joined there themselves is theirs: they know of the adapter.
 */
export function planFor(
  adapter: string,
  joined: readonly Joined[],
  held: ReadonlySet<string>,
  isChosen: (group: string) => boolean,
): Held {
  const here = new Map(joined.filter((one) => one.interface === adapter).map(({ group, users }) => [group, users]));
  const elsewhere = new Map<string, string>();
  for (const one of joined) {
    if (one.interface.startsWith('weft') || one.interface === 'lo' || !isChosen(one.group)) continue;
    const own = held.has(one.group) ? 1 : 0;
    if ((here.get(one.group) ?? 0) <= own && !elsewhere.has(one.group)) elsewhere.set(one.group, one.interface);
  }
  const groups = [...elsewhere].slice(0, GROUPS_MAX);
  return { hold: groups.map(([group]) => group), mirror: groups.map(([group, to]) => ({ group, to })) };
}
