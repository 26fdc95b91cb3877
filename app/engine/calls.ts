// The contract's calls, each in a few lines: find the network, do it, answer.
import { fail, ok, type Outcome } from '../contract/errors.ts';
import type { CallName, CallParams, CallResult } from '../contract/table.ts';
import type { Answer } from './api.ts';
import { changeChannel, closeChannel, createChannel, setJoined } from './channels.ts';
import { runDoctor } from './doctor.ts';
import type { Engine } from './engine.ts';
import { createNetwork, joinNetwork, leaveNetwork, previewLink } from './entry.ts';
import type { Network } from './network.ts';
import type { Now } from './ports.ts';
import type { RollMember } from './roll.ts';
import { tellOutside } from './conduct.ts';
import { mergeSettings, writeSettings } from './settings.ts';
import { waysIn } from './ways-in.ts';

type Handler<N extends CallName> = (engine: Engine, now: Now, params: CallParams<N>, answer: Answer<N>) => void;
type InvitedRole = 'admin' | 'member' | 'guest';
type Handlers = { [N in CallName]: Handler<N> };

export function answerCall(
  engine: Engine,
  now: Now,
  name: CallName,
  params: CallParams<CallName>,
  answer: Answer<CallName>,
): void {
  const handler = Object.hasOwn(HANDLERS, name) ? (HANDLERS[name] as Handler<CallName>) : null;
  if (handler) handler(engine, now, params, answer);
  else answer(fail('unknown-call'));
}

/** A network by id or name; without either the only one. */
export function findNetwork(engine: Engine, what: string | undefined): Outcome<Network> {
  const all = [...engine.networks.values()];
  if (what === undefined) {
    if (all.length === 1) return ok(all[0] as Network);
    return all.length === 0 ? fail('no-such-network', { what: '' }) : fail('which-network');
  }
  const byId = all.find((network) => network.roll.id === what);
  if (byId) return ok(byId);
  const named = all.filter((network) => same(network.roll.name, what) || network.roll.label === what);
  if (named.length === 1) return ok(named[0] as Network);
  return named.length === 0 ? fail('no-such-network', { what }) : fail('which-network');
}

/** A member by id, name or label. */
export function findMember(network: Network, what: string): Outcome<RollMember> {
  const members = network.roll.members();
  const byId = members.find((member) => member.id === what);
  if (byId) return ok(byId);
  const byLabel = members.filter((member) => member.label === what);
  const named = byLabel.length === 1 ? byLabel : members.filter((member) => same(member.name, what));
  if (named.length === 1) return ok(named[0] as RollMember);
  return named.length === 0 ? fail('no-such-member', { what }) : fail('ambiguous-member', { what });
}

const same = (a: string, b: string): boolean => a.toLowerCase() === b.trim().toLowerCase();

/** Runs a change of records in a network, spreads it, and answers with `result`. */
function change<N extends CallName>(
  engine: Engine,
  now: Now,
  network: string | undefined,
  answer: Answer<N>,
  work: (network: Network) => Outcome<{ records: Uint8Array[]; result: CallResult<N> }>,
): void {
  const found = findNetwork(engine, network);
  if (!found.ok) return answer(found);
  const outcome = work(found.value);
  if (!outcome.ok) return answer(outcome);
  found.value.publish(now, outcome.value.records);
  answer(ok(outcome.value.result));
}

const plain = (outcome: Outcome<Uint8Array[]>): Outcome<{ records: Uint8Array[]; result: Record<string, never> }> =>
  outcome.ok ? ok({ records: outcome.value, result: {} }) : outcome;

function toggle(engine: Engine, now: Now, network: string | undefined, on: boolean): Outcome<Record<string, never>> {
  const found = network === undefined ? ok([...engine.networks.values()]) : findNetwork(engine, network);
  if (!found.ok) return found;
  for (const each of Array.isArray(found.value) ? found.value : [found.value]) {
    const stored = each.setOn(now, on);
    if (!stored.ok) return stored;
  }
  return ok({});
}

function joinChannel(
  engine: Engine,
  now: Now,
  network: string | undefined,
  channel: string,
  joined: boolean,
): Outcome<Record<string, never>> {
  const found = findNetwork(engine, network);
  if (!found.ok) return found;
  const done = setJoined(found.value, channel, joined);
  if (done.ok) found.value.channelsChanged(now);
  return done;
}

const HANDLERS: Handlers = {
  status: (engine, now, _, answer) => {
    engine.sampleStats(now);
    answer(ok(engine.state()));
  },
  'network.create': (engine, now, params, answer) => answer(createNetwork(engine, now, params.name, params.memberName)),
  'network.preview': (engine, _, { link }, answer) => answer(previewLink(engine, link)),
  'network.join': (engine, now, params, answer) => joinNetwork(engine, now, params.link, params.memberName, answer),
  'network.leave': (engine, now, { network }, answer) => {
    const found = findNetwork(engine, network);
    answer(found.ok ? leaveNetwork(engine, now, found.value) : found);
  },
  'network.up': (engine, now, { network }, answer) => answer(toggle(engine, now, network, true)),
  'network.down': (engine, now, { network }, answer) => answer(toggle(engine, now, network, false)),
  'network.rename': (engine, now, { network, name }, answer) =>
    change(engine, now, network, answer, ({ roll }) => plain(roll.renameNetwork(name))),
  'network.recovery': (engine, _, { network }, answer) => {
    const found = findNetwork(engine, network);
    answer(found.ok ? found.value.roll.recovery() : found);
  },
  'invite.create': (engine, now, { network, role, uses, expiresSeconds }, answer) =>
    change(engine, now, network, answer, (found) => {
      const invite = found.roll.invite(now, { role: role as InvitedRole, uses, expiresSeconds }, waysIn(found));
      return invite.ok ? ok({ records: invite.value.records, result: invite.value.result }) : invite;
    }),
  'invite.list': (engine, now, { network }, answer) => {
    const found = findNetwork(engine, network);
    answer(found.ok ? ok({ invites: found.value.roll.invites(now) }) : found);
  },
  'invite.revoke': (engine, now, { network, invite }, answer) =>
    change(engine, now, network, answer, ({ roll }) => plain(roll.revoke(invite))),
  'member.remove': (engine, now, { network, member }, answer) =>
    change(engine, now, network, answer, (found) => {
      const target = findMember(found, member);
      if (!target.ok) return target;
      const removed = found.roll.remove(now, target.value);
      if (removed.ok) found.removing();
      return removed.ok ? ok({ records: removed.value.records, result: { review: removed.value.review } }) : removed;
    }),
  'member.rename': (engine, now, { network, member, name }, answer) =>
    change(engine, now, network, answer, (found) => {
      const target = findMember(found, member ?? found.roll.selfId);
      return target.ok ? plain(found.roll.renameMember(target.value, name)) : target;
    }),
  'member.setRole': (engine, now, { network, member, role }, answer) =>
    change(engine, now, network, answer, (found) => {
      const target = findMember(found, member);
      return target.ok ? plain(found.roll.setRole(now, target.value, role)) : target;
    }),
  'channel.create': (engine, now, params, answer) =>
    change(engine, now, params.network, answer, (found) =>
      createChannel(found, engine.ports, (what) => findMember(found, what), params),
    ),
  'channel.change': (engine, now, { network, ...params }, answer) =>
    change(engine, now, network, answer, (found) =>
      plain(changeChannel(found, (what) => findMember(found, what), params)),
    ),
  'channel.close': (engine, now, { network, channel }, answer) =>
    change(engine, now, network, answer, (found) => plain(closeChannel(found, channel))),
  'channel.join': (engine, now, { network, channel }, answer) =>
    answer(joinChannel(engine, now, network, channel, true)),
  'channel.leave': (engine, now, { network, channel }, answer) =>
    answer(joinChannel(engine, now, network, channel, false)),
  'settings.set': (engine, now, params, answer) => {
    const merged = mergeSettings(engine.settings, params);
    const stored = merged.ok ? writeSettings(engine.ports.store, merged.value) : merged;
    if (!stored.ok || !merged.ok) return answer(stored as Outcome<never>);
    engine.settings = merged.value;
    tellOutside(engine);
    for (const network of engine.networks.values()) network.conductChanged(now);
    engine.ports.host?.settings(merged.value);
    engine.touch();
    answer(merged);
  },
  'doctor.run': (engine, now, _, answer) => runDoctor(engine, now, answer),
  'helper.install': (engine, _, __, answer) => {
    if (engine.ports.host) engine.ports.host.installHelper(answer);
    else answer(fail('helper-missing'));
  },
  'engine.stop': (engine, _, { disconnect }, answer) => {
    answer(ok({}));
    engine.ports.host?.stop(disconnect);
  },
};
