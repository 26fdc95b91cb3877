// Named channels: making, changing, taking part, listing.
import { ok } from '../../../app/contract/errors.ts';
import type { Channel, Network } from '../../../app/contract/state.ts';
import type { Session } from '../session.ts';
import { clean, table } from '../text.ts';

export interface CreateOptions {
  network?: string;
  address?: string;
  port?: string;
  repair?: string;
  publishers?: string;
  subscribers?: string;
}

export interface RightsOptions {
  network?: string;
  publishers?: string;
  subscribers?: string;
  repair?: string;
  name?: string;
}

type Repair = Channel['repair'];
const quiet = (): string => '';

/** "all", or names and ids of members, with commas between; nobody: "". */
const listed = (text: string): string[] | null =>
  text === 'all'
    ? null
    : text
        .split(',')
        .map((one) => one.trim())
        .filter(Boolean);

export function create(session: Session, name: string, options: CreateOptions): Promise<number> {
  const { network, address, port, repair, publishers = 'all', subscribers = 'all' } = options;
  const call = session.call('channel.create', {
    network,
    name,
    address,
    port: port === undefined ? undefined : Number(port),
    repair: repair as Repair | undefined,
    publishers: listed(publishers),
    subscribers: listed(subscribers),
  });
  return session.show(call, (made) => `${made.address} ${made.port}\n`);
}

export function rights(session: Session, channel: string, options: RightsOptions): Promise<number> {
  const { network, publishers, subscribers, repair, name } = options;
  const call = session.call('channel.change', {
    network,
    channel,
    name,
    repair: repair as Repair | undefined,
    publishers: publishers === undefined ? undefined : listed(publishers),
    subscribers: subscribers === undefined ? undefined : listed(subscribers),
  });
  return session.show(call, quiet);
}

export const join = (session: Session, channel: string, network: string | undefined): Promise<number> =>
  session.show(session.call('channel.join', { network, channel }), quiet);
export const leave = (session: Session, channel: string, network: string | undefined): Promise<number> =>
  session.show(session.call('channel.leave', { network, channel }), quiet);
export const close = (session: Session, channel: string, network: string | undefined): Promise<number> =>
  session.show(session.call('channel.close', { network, channel }), quiet);

export async function list(session: Session, wanted: string | undefined): Promise<number> {
  const state = await session.call('status', {});
  if (!state.ok) return session.fail(state.error);
  const networks = state.value.networks.filter(
    ({ id, name }) => wanted === undefined || id === wanted || name === wanted,
  );
  if (wanted !== undefined && networks.length === 0)
    return session.fail({ code: 'no-such-network', data: { what: wanted } });
  const value = { networks: networks.map(({ id, name, channels = [] }) => ({ id, name, channels })) };
  return session.show(Promise.resolve(ok(value)), () => networks.map(channelsText).join('\n'));
}

function channelsText(network: Network): string {
  const names = new Map(network.members.map((member) => [member.id, member.name]));
  const who = (ids: string[] | null): string => ids?.map((id) => names.get(id) ?? id).join(', ') ?? 'all';
  const rows = (network.channels ?? []).map((one) => [
    one.name,
    `${one.address} ${one.port}`,
    who(one.publishers),
    who(one.subscribers),
    one.repair,
    one.signed ? 'yes' : '',
    one.joined ? 'joined' : '',
  ]);
  const head = ['CHANNEL', 'GROUP AND PORT', 'PUBLISHERS', 'SUBSCRIBERS', 'REPAIR', 'SIGNED', 'HERE'];
  return `${clean(network.name)}\n${table(head, rows, '  ') || '  no channels\n'}`;
}
