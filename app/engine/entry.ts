// Ways into a network and out of it: create, look at a link, join by it, leave.
import { fail, ok, type Outcome } from '../contract/errors.ts';
import { NETWORKS_MAX } from '../contract/limits.ts';
import type { LinkPreview } from '../contract/table.ts';
import type { Answer } from './api.ts';
import { makeDevice, type Device } from './device.ts';
import type { Engine } from './engine.ts';
import { NetworkFiles, type LocalState } from './files.ts';
import { Chance } from '../mesh/paths/chance.ts';
import { SECRET_BYTES } from './rendezvous-secret.ts';
import { Join } from './join.ts';
import type { Network } from './network.ts';
import type { Now } from './ports.ts';
import { hex } from '../wire/text.ts';
import type { Roll } from './roll.ts';
import { createRoll, openLink, type Ticket } from './ticket.ts';

const MTU_DEFAULT = 1_380;

function ensureDevice(engine: Engine): Outcome<Device> {
  if (engine.device) return ok(engine.device);
  // A new seed would cut this device off from its networks for good: first the damaged file must be dealt with.
  if (engine.deviceFailure) return { ok: false, error: engine.deviceFailure };
  const made = makeDevice(engine.ports);
  if (made.ok) engine.device = made.value;
  return made;
}

export function createNetwork(engine: Engine, now: Now, name: string, memberName?: string): Outcome<{ id: string }> {
  if (!engine.hasRoom()) return fail('too-many-networks', { max: String(NETWORKS_MAX) });
  const device = ensureDevice(engine);
  if (!device.ok) return device;
  const made = createRoll(engine.ports, device.value, now, {
    name,
    memberName: memberName ?? engine.settings.deviceName,
    localPrefixes: localPrefixes(engine),
    mtu: engine.options.mtu ?? MTU_DEFAULT,
  });
  if (!made.ok) return made;
  const { roll, files } = made.value;
  const local = engine.newLocal(0, roll.mtu);
  const secret = files.writeSecret({
    epoch: 0,
    secret: engine.ports.random.bytes(SECRET_BYTES),
    previous: [],
  });
  const stored = secret.ok ? files.writeLocal(local) : secret;
  if (!stored.ok) {
    files.remove();
    return stored;
  }
  engine.run(now, roll, files, local);
  return ok({ id: roll.id });
}

/** IPv4 networks that a new one should keep away from: around the own addresses, and those of the other networks here. */
function localPrefixes(engine: Engine): string[] {
  const own = engine.endpoints.flatMap((endpoint) => {
    const match = /^(\d+\.\d+)\.\d+\.\d+:/.exec(endpoint);
    return match ? [`${match[1]}.0.0/16`] : [];
  });
  return [...own, ...[...engine.networks.values()].map((network) => network.roll.ipv4Subnet)];
}

export function previewLink(engine: Engine, link: string): Outcome<LinkPreview> {
  const ticket = openLink(engine.ports, link);
  if (!ticket.ok) return ticket;
  const { id, preview } = ticket.value;
  return ok({ ...preview, alreadyMember: engine.network(id)?.running === true });
}

export function joinNetwork(
  engine: Engine,
  now: Now,
  link: string,
  memberName: string | undefined,
  answer: Answer<'network.join'>,
): void {
  const ticket = openLink(engine.ports, link);
  if (!ticket.ok) return answer(ticket);
  const { id } = ticket.value;
  const here = engine.network(id);
  if (here && here.standing === 'member') return answer(ok({ id }));
  const timely = ticket.value.timely(now);
  if (!timely.ok) return answer(timely);
  if (!here && !engine.hasRoom()) return answer(fail('too-many-networks', { max: String(NETWORKS_MAX) }));
  if (engine.joining.has(id)) return answer(fail('busy'));
  const device = ensureDevice(engine);
  if (!device.ok) return answer(device);
  // A device that was removed comes back with new keys: its old ones are named by the removal for ever.
  const generation = here ? here.local.generation + 1 : 0;
  begin(engine, now, ticket.value, device.value, generation, memberName ?? engine.settings.deviceName, answer);
}

/** Everything that a network needs is durable; it runs once the attempt has left the data plane. */
interface Entered {
  roll: Roll;
  files: NetworkFiles;
  local: LocalState;
  endpoints: Map<string, string>;
}

/** After the word that this member leaves, before its sessions end. */
const LEAVE_LINGER_MS = 300;
/** A key that a removal names is followed by the next generation's, at most this often in one attempt. */
const GENERATIONS_TRIED_MAX = 4;

function begin(
  engine: Engine,
  now: Now,
  ticket: Ticket,
  device: Device,
  generation: number,
  memberName: string,
  answer: Answer<'network.join'>,
  tries = 1,
): void {
  const { id } = ticket;
  const begun = ticket.attempt(device, generation, memberName);
  if (!begun.ok) return answer(begun);
  const attempt = begun.value;
  const net = engine.takeNet();
  let entered: Entered | null = null;
  engine.joining.add(id);
  const local = { ...engine.newLocal(generation, ticket.mtu), ways: ticket.ways };
  const join = new Join({
    net,
    dataplane: engine.ports.dataplane,
    links: engine.ports.links,
    chance: new Chance(engine.ports.random),
    policy: () => engine.conduct(),
    mayCall: (endpoint) => engine.mayCall(endpoint),
    config: attempt.config(net, local.mtu),
    inviteId: ticket.inviteId,
    ways: ticket.ways,
    request: attempt.request,
    intake: () => attempt.intake(),
    now,
    accepted: (time, intake, endpoints) => {
      const stored = store(engine, time, intake.outcome(), id, local);
      if (stored.ok) entered = { ...stored.value, endpoints };
      return stored.ok ? ok(undefined) : stored;
    },
    done: (time, outcome) => {
      engine.joins.delete(net);
      engine.joining.delete(id);
      engine.touch();
      if (!outcome.ok && outcome.error.code === 'removed' && tries < GENERATIONS_TRIED_MAX) {
        return begin(engine, time, ticket, device, generation + 1, memberName, answer, tries + 1);
      }
      if (entered) enter(engine, time, entered);
      answer(outcome.ok ? ok({ id }) : outcome);
    },
  });
  engine.joins.set(net, join);
  engine.touch();
}

/** Makes a verified membership durable. What an earlier membership of this device left is replaced. */
function store(
  engine: Engine,
  now: Now,
  verified: Outcome<Roll>,
  id: string,
  local: LocalState,
): Outcome<Omit<Entered, 'endpoints'>> {
  if (!verified.ok) return verified;
  const roll = verified.value;
  const files = new NetworkFiles(engine.ports.store, id);
  const before = engine.network(id);
  if (before) {
    const forgotten = engine.forget(now, before);
    if (!forgotten.ok) return forgotten;
  } else {
    const cleared = files.remove();
    if (!cleared.ok) return cleared;
  }
  const records = files.appendRecords(roll.all());
  const stored = records.ok ? files.writeLocal(local) : records;
  if (!stored.ok) {
    files.remove();
    return stored;
  }
  roll.bind(files);
  return ok({ roll, files, local });
}

function enter(engine: Engine, now: Now, { roll, files, local, endpoints }: Entered): void {
  const network = engine.run(now, roll, files, local);
  // Those who answered the joiner are who the new member calls first.
  for (const member of roll.members()) {
    const endpoint = endpoints.get(hex(member.dhKey));
    if (endpoint !== undefined) network.paths.hint(member.origin, [endpoint]);
  }
  network.tick(now);
}

/** Forgets the network here. The others learn that this member is gone, where the rules let it go. */
export function leaveNetwork(engine: Engine, now: Now, network: Network): Outcome<Record<string, never>> {
  const self = network.roll.self();
  if (self && network.running) {
    const left = network.roll.remove(now, self);
    if (left.ok) network.spread(left.value.records);
    // The last owner may only leave an empty network: the others would have nobody to decide anything.
    else if (left.error.code !== 'last-owner' || network.roll.members().length > 1) return left;
  }
  return engine.forget(now, network, LEAVE_LINGER_MS);
}
