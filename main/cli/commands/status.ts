// What is: status, members, groups, doctor.
import { ERRORS, describe, fail, isErrorCode, ok, type Outcome } from '../../../app/contract/errors.ts';
import type { DoctorItem, Group, Member, Network, Problem, State } from '../../../app/contract/state.ts';
import type { Session } from '../session.ts';
import { bytes, clean, table } from '../text.ts';

export const status = (session: Session): Promise<number> => session.show(session.call('status', {}), statusText);

export async function members(session: Session, network: string | undefined): Promise<number> {
  const picked = pick(await session.call('status', {}), network);
  if (!picked.ok) return session.fail(picked.error);
  const value = { networks: picked.value.map(({ id, name, members }) => ({ id, name, members })) };
  return session.show(Promise.resolve(ok(value)), () => picked.value.map(membersText).join('\n'));
}

export async function groups(session: Session, network: string | undefined): Promise<number> {
  const picked = pick(await session.call('status', {}), network);
  if (!picked.ok) return session.fail(picked.error);
  const value = { networks: picked.value.map(({ id, name, groups }) => ({ id, name, groups })) };
  return session.show(Promise.resolve(ok(value)), () => picked.value.map(groupsText).join('\n'));
}

export const doctor = (session: Session): Promise<number> =>
  session.show(session.call('doctor.run', {}), ({ items }) => items.map(doctorText).join(''));

/** The named network (by id or name), or all. */
function pick(state: Outcome<State>, wanted: string | undefined): Outcome<Network[]> {
  if (!state.ok) return state;
  const { networks } = state.value;
  if (wanted === undefined) return ok(networks);
  const found = networks.filter(({ id, name }) => id === wanted || name === wanted);
  return found.length > 0 ? ok(found) : fail('no-such-network', { what: wanted });
}

function statusText(state: State): string {
  const parts = state.networks.map((network) => `${networkLine(network)}${membersTable(network.members)}`);
  if (parts.length === 0) parts.push('No network yet. `weft create NAME` makes one, `weft join LINK` joins one.\n');
  const problems = state.problems.map(problemText).join('');
  return `${problems}${parts.join('\n')}`;
}

function networkLine({ name, state, addresses, adapter, problems }: Network): string {
  const where = [...addresses, adapter ?? 'no adapter'].join('  ');
  return `${clean(name)}  ${state}  ${clean(where)}\n${problems.map(problemText).join('')}`;
}

const problemText = ({ code, data }: Problem): string =>
  `  ! ${clean(isErrorCode(code) ? describe(data ? { code, data } : { code }) : code)}\n`;

const membersText = (network: Network): string => `${clean(network.name)}\n${membersTable(network.members)}`;

function membersTable(list: Member[]): string {
  const rows = list.map((member) => [
    member.self ? `${member.name} (this device)` : member.name,
    member.addresses.join(' '),
    member.role,
    member.online ? 'online' : 'offline',
    member.path === 'none' || member.path === 'self' ? '' : [member.path, member.transport].filter(Boolean).join(' '),
    member.rttMs === undefined ? '' : `${member.rttMs.toFixed(1)} ms`,
    member.self ? '' : `${bytes(member.rxBytes)} / ${bytes(member.txBytes)}`,
  ]);
  return table(['MEMBER', 'ADDRESSES', 'ROLE', 'STATE', 'PATH', 'RTT', 'IN / OUT'], rows, '  ');
}

function groupsText(network: Network): string {
  const names = new Map(network.members.map((member) => [member.id, member.name]));
  const rows = network.groups.map((group) => [
    group.address,
    group.members.map((id) => names.get(id) ?? id).join(', '),
    group.sources?.length ? `${group.mode} ${group.sources.join(' ')}` : '',
    sendingText(group.sending),
  ]);
  return `${clean(network.name)}\n${table(['GROUP', 'RECEIVERS', 'SOURCES', 'SENT'], rows, '  ') || '  no groups\n'}`;
}

function sendingText(sending: Group['sending']): string {
  if (!sending) return '';
  if (sending.way === 'direct') return 'directly';
  const { stripes = 1, depth = 0, degree = 0, relays = 0, unserved = 0 } = sending;
  const parts = [stripes > 1 ? `${stripes} trees` : 'a tree', `depth ${depth}`, `≤ ${degree} copies`];
  if (relays > 0) parts.push(`${relays} help`);
  if (unserved > 0) parts.push(`${unserved} not served`);
  return parts.join(', ');
}

const MARKS = { ok: '✓', note: '·', warning: '!', error: '✗' } as const;

function doctorText({ level, code, text, remedy }: DoctorItem): string {
  const advice = remedy ?? (level !== 'ok' && isErrorCode(code) ? ERRORS[code].remedy : '');
  return `${MARKS[level]} ${clean(text)}\n${advice ? `    → ${clean(advice)}\n` : ''}`;
}
