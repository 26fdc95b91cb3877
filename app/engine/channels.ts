// Named channels of a network: calls that make and change them, what this device joined, and who may send and receive.
import { fail, ok, type Outcome } from '../contract/errors.ts';
import type { Channel } from '../contract/state.ts';
import type { CallParams } from '../contract/table.ts';
import type { ChannelWords } from '../mesh/membership/acts.ts';
import { tidyName } from '../mesh/membership/label.ts';
import type { ChannelRights } from '../mesh/multicast/receivers.ts';
import type { ChannelView } from '../mesh/membership/view.ts';
import { compareBytes } from '../wire/record.ts';
import { formatIp, isMulticast, parseIp } from '../wire/messages/address.ts';
import { unhex } from '../wire/messages/hex.ts';
import type { GroupWish, Origin } from '../wire/messages/presence.ts';
import type { Network } from './network.ts';
import type { Ports } from './ports.ts';
import type { Roll, RollMember } from './roll.ts';

const ID_RANDOM_BYTES = 8;
/** Ports of channels that name none. */
const PORT_FIRST = 20_000;
const PORT_COUNT = 20_000;

type Find = (what: string) => Outcome<RollMember>;

/** By id or name. */
export function findChannel(network: Network, what: string): Outcome<ChannelView> {
  const wanted = what.trim().toLowerCase();
  const channels = network.roll.channels();
  const found =
    channels.find(({ idText }) => idText === wanted) ?? channels.find(({ name }) => name.toLowerCase() === wanted);
  return found ? ok(found) : fail('no-such-channel', { what });
}

export interface MadeChannel {
  records: Uint8Array[];
  result: { id: string; address: string; port: number };
}

export function createChannel(
  network: Network,
  ports: Ports,
  find: Find,
  params: CallParams<'channel.create'>,
): Outcome<MadeChannel> {
  const { roll } = network;
  const name = tidyName(params.name);
  if (name === null) return fail('bad-argument', { what: 'name' });
  const drawn = ports.random.bytes(ID_RANDOM_BYTES);
  const group = params.address === undefined ? groupOf(drawn) : parseIp(params.address);
  if (!group || !isMulticast(group)) return fail('bad-argument', { what: params.address ?? 'address' });
  // Hosts join groups, not ports: two channels on one address would be heard by each other's receivers.
  const holder = roll.channels().find((one) => compareBytes(one.group, group) === 0);
  if (holder) return fail('group-taken', { what: formatIp(group), name: holder.name });
  const port = params.port ?? PORT_FIRST + ((((drawn[3] as number) << 8) | (drawn[4] as number)) % PORT_COUNT);
  const publishers = originsOf(find, params.publishers);
  if (!publishers.ok) return publishers;
  const subscribers = originsOf(find, params.subscribers);
  if (!subscribers.ok) return subscribers;
  const channel = Uint8Array.from([...unhex(roll.selfOrigin), ...drawn]);
  const said = { name, group, port, repair: params.repair, closed: false };
  const done = roll.setChannel({ channel, ...said, publishers: publishers.value, subscribers: subscribers.value });
  if (!done.ok) return done;
  const made = roll.channels().find(({ id }) => compareBytes(id, channel) === 0);
  return ok({ records: done.value, result: { id: made?.idText ?? '', address: formatIp(group), port } });
}

export function changeChannel(
  network: Network,
  find: Find,
  params: Omit<CallParams<'channel.change'>, 'network'>,
): Outcome<Uint8Array[]> {
  const found = findChannel(network, params.channel);
  if (!found.ok) return found;
  const words = wordsOf(found.value);
  const name = params.name === undefined ? words.name : tidyName(params.name);
  if (name === null) return fail('bad-argument', { what: 'name' });
  const publishers = params.publishers === undefined ? ok(words.publishers) : originsOf(find, params.publishers);
  if (!publishers.ok) return publishers;
  const subscribers = params.subscribers === undefined ? ok(words.subscribers) : originsOf(find, params.subscribers);
  if (!subscribers.ok) return subscribers;
  const repair = params.repair ?? words.repair;
  return network.roll.setChannel({
    ...words,
    ...{ name, repair, publishers: publishers.value, subscribers: subscribers.value },
  });
}

export function closeChannel(network: Network, what: string): Outcome<Uint8Array[]> {
  const found = findChannel(network, what);
  return found.ok ? network.roll.setChannel({ ...wordsOf(found.value), closed: true }) : found;
}

/** Durable before it acts. */
export function setJoined(network: Network, what: string, joined: boolean): Outcome<Record<string, never>> {
  const found = findChannel(network, what);
  if (!found.ok) return found;
  const { idText } = found.value;
  if (joined && !entitled(found.value.subscribers, network.roll.selfOrigin, network.roll.self()?.role === 'guest'))
    return fail('not-allowed', { role: network.roll.self()?.role ?? 'guest' });
  const others = network.local.channels.filter((id) => id !== idText);
  const stored = network.setChannels(joined ? [...others, idText] : others);
  return stored.ok ? ok({}) : stored;
}

const wordsOf = ({ id, name, group, port, repair, publishers, subscribers }: ChannelView): ChannelWords => ({
  ...{ channel: id, name, group, port, repair, closed: false },
  publishers: publishers?.map(unhex) ?? null,
  subscribers: subscribers?.map(unhex) ?? null,
});

/** In 239.192.0.0/14, which is for organisations' own use (RFC 2365). */
const groupOf = (drawn: Uint8Array): Uint8Array =>
  Uint8Array.of(239, 192 + ((drawn[0] as number) & 3), drawn[1] as number, drawn[2] as number);

function originsOf(find: Find, members: readonly string[] | null): Outcome<Uint8Array[] | null> {
  if (members === null) return ok(null);
  const origins = new Map<Origin, Uint8Array>();
  for (const what of members) {
    const member = find(what);
    if (!member.ok) return member;
    origins.set(member.value.origin, member.value.originBytes);
  }
  return ok([...origins.values()].sort(compareBytes));
}

/** Guests are entitled only where they are named. */
export const entitled = (listed: readonly Origin[] | null, origin: Origin, guest: boolean): boolean =>
  listed ? listed.includes(origin) : !guest;

/** Where only some may send, all who pass packets on must be sure of who did (docs/trees.md). */
const isSigned = ({ publishers }: ChannelView): boolean => publishers !== null;

/** By group address, which one channel has. */
export function channelRights(roll: Roll): Map<string, ChannelRights> {
  const guest = roll.self()?.role === 'guest';
  return new Map(
    roll.channels().map((one): [string, ChannelRights] => [
      formatIp(one.group),
      {
        publishes: entitled(one.publishers, roll.selfOrigin, guest),
        signed: isSigned(one),
        mayPublish: (member) => entitled(one.publishers, member.origin, member.guest),
        receives: (member) => entitled(one.subscribers, member.origin, member.guest),
      },
    ]),
  );
}

/** Groups of channels whose packets are repaired. */
export const repairedGroups = (roll: Roll): Set<string> =>
  new Set(roll.channels().flatMap(({ group, repair }) => (repair === 'off' ? [] : [formatIp(group)])));

/** Groups that this device receives because it joined their channels. */
export function joinedGroups(network: Pick<Network, 'roll' | 'local'>): GroupWish[] {
  const { roll, local } = network;
  const guest = roll.self()?.role === 'guest';
  return roll
    .channels()
    .filter((one) => local.channels.includes(one.idText) && entitled(one.subscribers, roll.selfOrigin, guest))
    .map(({ group }) => ({ group: formatIp(group), mode: 'exclude', sources: [] }));
}

export function channelsView(network: Network): Channel[] {
  const { roll, local } = network;
  const self = roll.self();
  const guest = self?.role === 'guest';
  const ids = new Map(roll.members().map(({ origin, id }) => [origin, id]));
  const named = (origins: readonly Origin[] | null): string[] | null =>
    origins?.flatMap((origin) => ids.get(origin) ?? []) ?? null;
  return roll.channels().map((channel) => ({
    id: channel.idText,
    name: channel.name,
    address: formatIp(channel.group),
    port: channel.port,
    repair: channel.repair,
    publishers: named(channel.publishers),
    signed: isSigned(channel),
    subscribers: named(channel.subscribers),
    joined: local.channels.includes(channel.idText),
    mayPublish: entitled(channel.publishers, roll.selfOrigin, guest),
    maySubscribe: entitled(channel.subscribers, roll.selfOrigin, guest),
    mayChange:
      self?.role === 'owner' ||
      self?.role === 'admin' ||
      (self?.role === 'member' && channel.idText.startsWith(roll.selfOrigin)),
  }));
}
