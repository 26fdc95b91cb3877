// One running network: the records decide who belongs, paths decide who is where, the data plane is told what follows.
import type { Failure, Outcome } from '../contract/errors.ts';
import type { MayCall } from '../mesh/guard/callable.ts';
import { originOf } from '../mesh/identity/identity.ts';
import type { Paths } from '../mesh/paths/paths.ts';
import type { Origin } from '../wire/messages/presence.ts';
import { Adapter } from './adapter.ts';
import type { Casting } from './casting.ts';
import { joinedGroups } from './channels.ts';
import type { LocalState, NetworkFiles } from './files.ts';
import type { Found } from './found.ts';
import { HostGroups } from './host-groups.ts';
import { GROUPS_TOLD, MEMBERS_TAKEN, Paced } from './paced.ts';
import { makeParts, type NetworkParts } from './parts.ts';
import type { Peers } from './peers.ts';
import { PlaneEvents } from './plane-events.ts';
import type { DataplaneEvent, LinkInput, NetworkConfig, Now, PeerStats, Ports } from './ports.ts';
import { Problems } from './problems.ts';
import type { Conduct, Reaching } from './reaching.ts';
import type { RendezvousSecret } from './rendezvous-secret.ts';
import type { Roll, Standing } from './roll.ts';
import { Turnover } from './turnover.ts';

/** With an adapter, the data plane's first list of groups is awaited this long before the hosts' list counts as empty. */
const GROUPS_WAIT_MS = 1_500;
/** Without one there is nobody to join groups. */
const ADAPTER_WAIT_MS = 20_000;
/** After the word that this member goes off, before its sessions end. */
const OFF_LINGER_MS = 200;
/** Clocks that differ more are worth a word. */
export const SKEW_NOTE_MS = 5 * 60_000;

export interface NetworkStart {
  net: number;
  ports: Ports;
  roll: Roll;
  files: NetworkFiles;
  local: LocalState;
  now: Now;
  changed(): void;
  /** Names of the other networks' adapters. */
  adapterNames(): string[];
  conduct(): Conduct;
  mayCall: MayCall;
}

export class Network {
  readonly net: number;
  readonly roll: Roll;
  readonly files: NetworkFiles;
  readonly problems: Problems;
  readonly peers: Peers;
  readonly paths: Paths;
  readonly reaching: Reaching;
  local: LocalState;
  adapter: Adapter | null = null;
  #stats = new Map<number, PeerStats>();
  readonly #ports: Ports;
  readonly #start: NetworkStart;
  readonly #parts: NetworkParts;
  readonly #plane: PlaneEvents;
  readonly #turnover: Turnover;
  readonly #hostGroups = new HostGroups();
  #removing = false;
  #running = false;
  #offMono = Infinity;
  readonly #groupsTold = new Paced(GROUPS_TOLD);
  readonly #membersTaken = new Paced(MEMBERS_TAKEN);
  #now: Now;
  #endpoints: readonly string[] = [];

  constructor(start: NetworkStart) {
    const { net, ports, roll, files, local, now } = start;
    this.#start = start;
    this.#now = now;
    this.net = net;
    this.#ports = ports;
    this.roll = roll;
    this.files = files;
    this.local = local;
    this.problems = new Problems(start.changed);
    this.#parts = makeParts(start, {
      problems: this.problems,
      running: () => this.#running,
      now: () => this.#now,
      stats: (handle) => this.#stats.get(handle),
      rollBy: (atMono) => this.#membersTaken.by(atMono),
      rollSoon: (nowMono) => this.#membersTaken.soon(nowMono, this.paths.memberCount),
      groupsChanged: () => this.#groupsTold.soon(this.#now.mono, this.paths.memberCount),
      sponsor: (time, peer, request) => this.#turnover.sponsor(time, peer, request),
      note: (error) => this.#note(error),
    });
    this.#plane = new PlaneEvents({
      ...{ net, ports, problems: this.problems, parts: this.#parts, hostGroups: this.#hostGroups },
      running: () => this.#running,
      adapter: () => this.adapter,
      channelsChanged: (time) => this.channelsChanged(time),
      changed: () => start.changed(),
    });
    this.#turnover = new Turnover({
      ...{ net, ports, roll, parts: this.#parts },
      up: (time, peer, session) => this.#plane.up(time, peer, session),
      publish: (time, records) => this.publish(time, records),
    });
    this.peers = this.#parts.peers;
    this.paths = this.#parts.paths;
    this.reaching = this.#parts.reaching;
  }

  // ---- life ----------------------------------------------------------------------------------------------------------------

  /** Takes part if the user wants it and the records allow it. */
  open(now: Now, endpoints: readonly string[]): void {
    this.#endpoints = endpoints;
    const standing = this.standing;
    if (standing !== 'member') return this.#expelled(now, standing);
    const { dataplane } = this.#ports;
    dataplane.addNetwork(this.#config());
    this.paths.restore(now, this.#restoreAfterMembers(now));
    if (this.local.adapter !== null) {
      this.adapter = new Adapter(
        this.net,
        this.#ports,
        this.problems,
        { name: this.local.adapter, fixed: this.local.adapterFixed },
        this.#parts.projection.addresses(this.local.mtu),
      );
    } else {
      this.#hostGroups.take([]);
      this.channelsChanged(now);
    }
    for (const { origin, endpoints } of this.local.ways) this.paths.hint(origin, endpoints);
    if (this.local.on) this.#goOn(now);
  }

  /** Statements can only be verified once the members are known. */
  #restoreAfterMembers(now: Now): ReturnType<NetworkFiles['readPresences']> {
    this.paths.setMembers(now, this.roll.members());
    return this.files.readPresences(now.wall);
  }

  #goOn(now: Now): void {
    // On again before the sessions of before had ended.
    if (Number.isFinite(this.#offMono)) this.#silence(now);
    this.#running = true;
    this.#offMono = Infinity;
    this.#parts.projection.peers(now);
    this.paths.underlay(now, this.#endpoints);
    this.reaching.serve(now);
    this.paths.start(now);
    if (this.adapter?.ready) this.adapter.carrier(true);
    else this.adapter?.open();
    if (this.adapter) this.#expectGroups(now.mono + ADAPTER_WAIT_MS);
    this.#groupsTold.by(now.mono);
    this.#flush(now);
  }

  #goOff(now: Now): void {
    this.#running = false;
    this.#parts.casting.stop();
    this.adapter?.carrier(false);
    this.paths.stop(now);
    // Off may last: what was learned last is worth the most then.
    this.#parts.keeper.save(now);
    this.#offMono = now.mono + OFF_LINGER_MS;
  }

  /** Channels that this device receives; durable before it acts. */
  setChannels(channels: string[]): Outcome<void> {
    const local = { ...this.local, channels };
    const stored = this.files.writeLocal(local);
    if (stored.ok) this.local = local;
    return stored;
  }

  /** The data plane's list of the host's groups comes until then, or the host has joined none. */
  #expectGroups(untilMono: number): void {
    this.paths.expectGroups(untilMono);
    this.#hostGroups.expect(untilMono);
  }

  /** What this device receives: the groups of its applications, and those of the channels that it joined. */
  channelsChanged(now: Now): void {
    const own = this.#hostGroups.known;
    if (own === null) return;
    const names = new Set(own.map(({ group }) => group));
    this.paths.setGroups(now, [...own, ...joinedGroups(this).filter(({ group }) => !names.has(group))]);
    this.#start.changed();
  }

  get running(): boolean {
    return this.#running;
  }

  /** The toggle; durable before it acts. */
  setOn(now: Now, on: boolean): Outcome<void> {
    const local = { ...this.local, on };
    const stored = this.files.writeLocal(local);
    if (!stored.ok) return stored;
    const was = this.local.on;
    this.local = local;
    if (this.standing === 'member' && was !== on) {
      if (on) this.#goOn(now);
      else this.#goOff(now);
    } else if (on) this.adapter?.retry();
    this.#start.changed();
    return stored;
  }

  /** Ends everything here; the files stay. `disconnect`: the adapter goes, too. */
  close(now: Now, disconnect: boolean): void {
    this.#parts.keeper.save(now);
    this.#parts.casting.stop();
    this.#running = false;
    this.paths.halt();
    if (disconnect) this.withdraw();
    this.#ports.dataplane.removeNetwork(this.net);
  }

  /** The adapter and the names go; sessions may stay a moment. */
  withdraw(): void {
    this.#parts.casting.stop();
    this.#running = false;
    this.paths.halt();
    this.#ports.adapters.setNames(this.net, '', { name: '', addresses: [] }, []);
    this.adapter?.close();
    this.adapter = null;
  }

  get standing(): Standing {
    return this.roll.standing(this.roll.selfOrigin);
  }

  /** The records say that this device is no member any more: it stops, and says why. */
  #expelled(now: Now, standing: Standing): void {
    this.problems.set(standing === 'none' ? 'removed' : standing);
    if (!this.#running) return;
    this.#ports.log.write('warn', 'network left by decision of others', { network: this.roll.id, standing });
    this.close(now, true);
    this.#start.changed();
  }

  #config(): NetworkConfig {
    const { noiseSecret, id } = this.roll.keys;
    return this.#parts.projection.config(noiseSecret, originOf(id), this.local.mtu);
  }

  /** Own new records are durable: everybody hears of them, and they take effect here. */
  publish(now: Now, records: readonly Uint8Array[]): void {
    this.#parts.sync.flood(records);
    this.rollChanged(now);
  }

  /** Tells the others without acting on it here: the last word of a member that leaves. */
  readonly spread = (records: readonly Uint8Array[]): void => this.#parts.sync.flood(records);

  rollChanged(now: Now): void {
    this.#membersTaken.done(now.mono);
    this.#start.changed();
    const standing = this.standing;
    if (standing !== 'member') return this.#expelled(now, standing);
    if (!this.#running) {
      this.paths.setMembers(now, this.roll.members());
      return;
    }
    const before = this.#parts.projection.ownIpv4;
    const { gone, fresh } = this.#parts.projection.peers(now);
    for (const peer of gone) this.#turnover.drop(now, peer);
    if (gone.length > 0) this.paths.setMembers(now, this.roll.members());
    this.#parts.secret.changed(now, this.#removing);
    this.#removing = false;
    for (const peer of fresh) this.#turnover.welcome(now, peer);
    if (this.#parts.projection.ownIpv4 !== before) this.#readdress(now);
    this.#parts.casting.membersChanged(now);
    this.#groupsTold.by(now.mono);
    this.#flush(now);
    this.channelsChanged(now);
  }

  /** An older member has the same IPv4 address: the network starts anew with another one. Rare, so sessions are not spared. */
  #readdress(now: Now): void {
    const { dataplane } = this.#ports;
    const peers = [...this.peers.members()];
    this.#parts.strangers.clear();
    this.#parts.talk.clear();
    this.#parts.casting.stop();
    dataplane.removeNetwork(this.net);
    dataplane.addNetwork(this.#config());
    this.#parts.projection.forget();
    this.reaching.forget();
    this.reaching.serve(now);
    this.#parts.projection.peers(now);
    for (const { origin } of peers) this.paths.down(now, origin, 'closed');
    this.adapter?.reopen(this.#parts.projection.addresses(this.local.mtu));
    this.problems.set('ipv4-conflict');
  }

  #note(error: Failure): void {
    this.problems.set(error.code, error.data);
    this.#ports.log.write('error', 'store', { network: this.roll.id, code: error.code });
  }

  // ---- the data plane's word -----------------------------------------------------------------------------------------------

  event(now: Now, event: DataplaneEvent): void {
    this.#now = now;
    this.#plane.take(now, event);
  }

  /** Events were lost, of whichever network. */
  resync(now: Now): void {
    this.#plane.resync(now);
  }

  /** What a transport says of a dial or link. False: it is none of this network's. */
  link(now: Now, input: LinkInput): boolean {
    this.#now = now;
    return this.reaching.link(input);
  }

  /** Where members meet that lost each other. */
  get secret(): RendezvousSecret {
    return this.#parts.secret;
  }

  /** What was learned of places beside the gossip. */
  get places(): Found {
    return this.#parts.found;
  }

  /** This member removes somebody: the next change of members is its doing, and who was removed must not know where the others meet. */
  removing(): void {
    this.#removing = this.#running;
  }

  /** Takes in what was not said by members. */
  learn(now: Now, work: () => void): void {
    if (!this.#running) return;
    this.#now = now;
    work();
  }

  /** Settings that say how others are reached and served have changed. */
  conductChanged(now: Now): void {
    this.#now = now;
    if (this.#running) this.reaching.serve(now);
  }

  // ---- the machine's word --------------------------------------------------------------------------------------------------

  underlay(now: Now, endpoints: readonly string[]): void {
    this.#endpoints = endpoints;
    this.#parts.found.moved();
    if (this.#running) this.paths.underlay(now, endpoints);
  }

  woke(now: Now, sleptMs: number): void {
    if (this.#running) this.paths.woke(now, sleptMs);
  }

  /** Difference of others' clocks to the own, ms, by member. */
  get skews(): ReadonlyMap<Origin, number> {
    return this.#parts.talk.skews;
  }

  adapterReady(now: Now, fd: number, name: string): void {
    if (!this.adapter?.onReady(now.mono, fd, name)) return;
    if (name !== this.local.adapter) {
      this.local = { ...this.local, adapter: name };
      const stored = this.files.writeLocal(this.local);
      if (!stored.ok) this.#note(stored.error);
    }
    this.adapter.carrier(this.local.on);
    this.#expectGroups(now.mono + GROUPS_WAIT_MS);
    this.#parts.projection.names();
    this.#start.changed();
  }

  adapterFailed(now: Now, code: string, data: Record<string, string> | undefined): void {
    this.adapter?.onFailed(now.mono, code, data, this.#start.adapterNames());
    this.#start.changed();
  }

  setStats(stats: Map<number, PeerStats>): void {
    this.#stats = stats;
    this.#parts.casting.sample(stats);
  }

  /** Trees that this device has a part in, and who sends more than its share. */
  get casting(): Pick<Casting, 'view' | 'offences'> {
    return this.#parts.casting;
  }

  statsOf(origin: Origin): PeerStats | undefined {
    return this.#stats.get(this.peers.of(origin)?.handle ?? -1);
  }

  /** Tells the data plane what follows from what was heard. */
  #flush(now: Now): void {
    if (!this.#running || !this.#groupsTold.take(now.mono)) return;
    this.#parts.projection.groups();
    this.#parts.casting.groupsChanged(now);
    this.#parts.keeper.soon(now);
  }

  nextDeadline(): number {
    const { strangers, secret, keeper, testimonies, casting } = this.#parts;
    const running = this.#running
      ? Math.min(this.reaching.nextDeadline(), this.#groupsTold.dueMono, casting.nextDeadline())
      : Infinity;
    const adapter = Math.min(this.adapter?.nextDeadline() ?? Infinity, this.#hostGroups.nextDeadline());
    const records = Math.min(secret.nextDeadline(), keeper.nextDeadline(), testimonies.nextDeadline());
    const others = Math.min(this.paths.nextDeadline(), strangers.nextDeadline(), records);
    return Math.min(this.#membersTaken.dueMono, this.#offMono, running, adapter, others);
  }

  tick(now: Now): void {
    this.#now = now;
    if (this.#membersTaken.dueMono <= now.mono) this.rollChanged(now);
    this.paths.tick(now);
    if (this.#running) for (const part of [this.reaching, this.#parts.casting]) part.tick(now);
    for (const part of [this.#parts.strangers, this.#parts.secret]) part.tick(now);
    const testimonies = this.#parts.testimonies.due(now, (error) => this.#note(error));
    if (testimonies.length > 0) this.publish(now, testimonies);
    this.adapter?.tick(now.mono);
    if (this.#offMono <= now.mono) this.#silence(now);
    if (this.#hostGroups.tick(now.mono)) this.channelsChanged(now);
    this.#parts.keeper.tick(now);
    this.#flush(now);
  }

  /** Off: no sessions, no names, the adapter without carrier. */
  #silence(now: Now): void {
    this.#offMono = Infinity;
    for (const peer of [...this.peers.members()]) this.paths.down(now, peer.origin, 'closed');
    this.#parts.strangers.clear();
    this.#parts.talk.clear();
    this.reaching.clear();
    this.#parts.projection.withdraw();
  }
}
