// What one running network is made of, put together; network.ts says what they do together.
import type { Failure, Outcome } from '../contract/errors.ts';
import { Chance } from '../mesh/paths/chance.ts';
import { Paths } from '../mesh/paths/paths.ts';
import { Casting } from './casting.ts';
import { pathsIo } from './paths-io.ts';
import { Peers, type Peer } from './peers.ts';
import { Found } from './found.ts';
import { PresenceKeeper } from './presence-keeper.ts';
import type { NetworkStart } from './network.ts';
import type { Now, PeerStats } from './ports.ts';
import type { Problems } from './problems.ts';
import { Projection } from './projection.ts';
import { Reaching, type Conduct } from './reaching.ts';
import { RendezvousSecret } from './rendezvous-secret.ts';
import { Strangers } from './strangers.ts';
import { RecordSync } from './sync.ts';
import { Talk } from './talk.ts';
import { Testimonies } from './testimonies.ts';

/** The meaning of all records is computed anew after some came: often several come together, and testimonies seldom change it. */
const ROLL_COALESCE_MS = 10;
const TESTIMONY_COALESCE_MS = 2_000;

export interface NetworkParts {
  peers: Peers;
  paths: Paths;
  reaching: Reaching;
  projection: Projection;
  sync: RecordSync;
  strangers: Strangers;
  talk: Talk;
  testimonies: Testimonies;
  keeper: PresenceKeeper;
  secret: RendezvousSecret;
  found: Found;
  casting: Casting;
}

/** What the parts need of the network around them. */
export interface PartsIo {
  problems: Problems;
  running(): boolean;
  now(): Now;
  stats(handle: number): PeerStats | undefined;
  /** New records take effect then at the latest … */
  rollBy(atMono: number): void;
  /** … or soon: more new members may follow. */
  rollSoon(nowMono: number): void;
  groupsChanged(): void;
  sponsor(now: Now, peer: Peer, request: Uint8Array): Outcome<void>;
  note(error: Failure): void;
}

export function makeParts(start: NetworkStart, io: PartsIo): NetworkParts {
  const { net, ports, roll, files, now } = start;
  const peers = new Peers();
  const self = roll.selfOrigin;
  const reservedSeq = files.readSeq();
  // Fresh at each start, as the keys that it opens.
  const boxSecret = ports.random.bytes(32);
  const send = (peer: number, bytes: Uint8Array): boolean => ports.dataplane.sendControl(net, peer, bytes);
  const paths: Paths = new Paths(
    pathsIo({
      ...{ net, ports, roll, peers, files },
      reaching: () => reaching,
      now: () => io.now(),
      stats: (handle) => io.stats(handle),
      groupsChanged: () => io.groupsChanged(),
      membersChanged: () => casting.membersChanged(io.now()),
      changed: () => start.changed(),
    }),
    {
      networkId: roll.networkId,
      self,
      reservedSeq,
      boxKey: ports.crypto.dhPublicKey(boxSecret),
      now,
    },
  );
  /** What nobody declared is as it was measured. */
  const conduct = (): Conduct => {
    const said = start.conduct();
    return said.uplinkKBps > 0 ? said : { ...said, uplinkKBps: reaching.uplinkKBps };
  };
  const casting: Casting = new Casting({
    ...{ net, ports, roll, peers, paths, boxSecret },
    start: Math.max(now.wall, reservedSeq),
    send: (origin, bytes) => {
      const peer = peers.of(origin);
      return peer !== undefined && send(peer.handle, bytes);
    },
    conduct,
    changed: () => start.changed(),
    ownShare: (time) => reaching.serve(time),
  });
  const chance = new Chance(ports.random);
  const reaching = new Reaching({
    net,
    ports,
    peers,
    paths,
    self,
    chance,
    conduct,
    isLimited: () => casting.offences.has(self),
    mayCall: start.mayCall,
  });
  const projection = new Projection({ net, ports, roll, peers, paths, self });
  const keeper = new PresenceKeeper(paths, files, (error) => io.note(error));
  const testimonies = new Testimonies(roll, ports.random);
  const sync = new RecordSync({
    roll,
    send,
    sessions: () => paths.contacts.ups().map((origin) => peers.of(origin)?.handle ?? -1),
    added: (time, { memberships, gravity }) => {
      testimonies.add(time, memberships, paths.memberCount);
      if (gravity === 'members') io.rollSoon(time.mono);
      else io.rollBy(time.mono + (gravity === 'all' ? ROLL_COALESCE_MS : TESTIMONY_COALESCE_MS));
    },
    failed: (outcome) => void (outcome.ok || io.note(outcome.error)),
  });
  const strangers = new Strangers(
    {
      ...{ net, dataplane: ports.dataplane, peers, roll, send },
      prove: (peer) => sync.give(peer.handle, roll.all()),
      introduce: (peer) => sync.introduce(peer.handle),
      records: (time, peer, message) => {
        sync.receive(time, peer.handle, message);
        // It waits to be taken for what it is.
        if (roll.standingOfKey(peer.key) === 'member') io.rollBy(time.mono + ROLL_COALESCE_MS);
      },
      sponsor: (time, peer, request) => io.sponsor(time, peer, request),
    },
    now.mono,
  );
  const secret = new RendezvousSecret({
    files,
    random: ports.random,
    removals: () => roll.removals,
    tell: (bytes, except) => {
      for (const origin of paths.contacts.ups()) {
        // Sessions of somebody who was just removed end a moment later than the records say so.
        const told = origin !== except && roll.standing(origin) === 'member';
        const peer = told ? peers.of(origin) : undefined;
        if (peer) send(peer.handle, bytes);
      }
    },
    isDeputy: (before) =>
      paths.contacts.upCount > 0 &&
      roll.members().filter(({ origin }) => origin < self && paths.isOnline(origin)).length <= before,
    note: (outcome) => void (outcome.ok || io.note(outcome.error)),
  });
  const talk = new Talk({
    ...{ net, ports, roll, peers, paths, sync, strangers, secret, casting, problems: io.problems },
    running: () => io.running(),
    meet: (time, peer, message) => reaching.met(time, peer, message),
    signal: (time, peer, message) => reaching.signal(time, peer, message),
    sponsor: (time, peer, request) => io.sponsor(time, peer, request),
    met: (time) => keeper.soon(time),
  });
  const found = new Found();
  return { peers, paths, reaching, projection, sync, strangers, talk, testimonies, keeper, secret, found, casting };
}
