// One running network: the records decide who belongs, paths decide who is where, the data plane is told what follows.
import type { ErrorCode, Failure, Outcome } from '../contract/errors.ts';
import { PeerBudget, PUT_OUT_MS } from '../mesh/guard/peer-budget.ts';
import { sharedWishes } from '../mesh/multicast/receivers.ts';
import { Paths } from '../mesh/paths/paths.ts';
import {
  MESSAGE_VERSION,
  decodeMessage,
  encodeHint,
  encodeMessage,
  type Message,
} from '../wire/messages/message.ts';
import type { Origin } from '../wire/messages/presence.ts';
import { Adapter } from './adapter.ts';
import type { LocalState, NetworkFiles } from './files.ts';
import { Peers, type Peer } from './peers.ts';
import type { DataplaneEvent, NetworkConfig, Now, PeerStats, Ports } from './ports.ts';
import { Problems } from './problems.ts';
import { Projection } from './projection.ts';
import type { Roll, RollMember, Standing } from './roll.ts';
import { Strangers } from './strangers.ts';
import { RecordSync } from './sync.ts';

/** With an adapter, the data plane's first list of groups is awaited this long before the hosts' list counts as empty. */
const GROUPS_WAIT_MS = 1_500;
/** Without one there is nobody to join groups. */
const ADAPTER_WAIT_MS = 20_000;
/** After the word that this member goes off, before its sessions end. */
const OFF_LINGER_MS = 200;
const PRESENCES_SAVE_MS = 20_000;
/** Clocks that differ more are worth a word. */
export const SKEW_NOTE_MS = 5 * 60_000;

export interface NetworkStart {
  net: number;
  ports: Ports;
  roll: Roll;
  files: NetworkFiles;
  local: LocalState;
  identity: NetworkIdentity;
  now: Now;
  changed(): void;
  /** Names of the other networks' adapters. */
  adapterNames(): string[];
}

export interface NetworkIdentity {
  origin: Origin;
  originBytes: Uint8Array;
  dhSecret: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}

export class Network {
  readonly net: number;
  readonly roll: Roll;
  readonly files: NetworkFiles;
  readonly problems: Problems;
  readonly peers = new Peers();
  readonly paths: Paths;
  readonly identity: NetworkIdentity;
  local: LocalState;
  adapter: Adapter | null = null;
  /** Difference of others' clocks to the own, ms, by member. */
  readonly skews = new Map<Origin, number>();
  #stats = new Map<number, PeerStats>();
  readonly #ports: Ports;
  readonly #start: NetworkStart;
  readonly #sync: RecordSync;
  readonly #strangers: Strangers;
  readonly #projection: Projection;
  readonly #budgets = new Map<number, PeerBudget>();
  readonly #putOut = new Map<Origin, number>();
  #running = false;
  #offMono = Infinity;
  #saveMono = Infinity;
  #groupsDirty = false;
  #endpoints: readonly string[] = [];

  constructor(start: NetworkStart) {
    const { net, ports, roll, files, local, identity, now } = start;
    this.#start = start;
    this.net = net;
    this.#ports = ports;
    this.roll = roll;
    this.files = files;
    this.local = local;
    this.identity = identity;
    this.problems = new Problems(start.changed);
    this.paths = new Paths(this.#pathsIo(), {
      networkId: roll.networkId,
      self: identity.origin,
      reservedSeq: files.readSeq(),
      now,
    });
    this.#projection = new Projection({ net, ports, roll, peers: this.peers, paths: this.paths, self: identity.origin });
    const send = (peer: number, bytes: Uint8Array): boolean => ports.dataplane.sendControl(net, peer, bytes);
    this.#sync = new RecordSync({
      roll,
      send,
      sessions: () => this.paths.contacts.ups().map((origin) => this.peers.of(origin)?.handle ?? -1),
      added: (time) => this.rollChanged(time),
      failed: (outcome) => this.#storeFailed(outcome),
    });
    this.#strangers = new Strangers(
      {
        net,
        dataplane: ports.dataplane,
        peers: this.peers,
        roll,
        send,
        introduce: (peer) => this.#sync.introduce(peer.handle),
        records: (time, peer, message) => void this.#sync.receive(time, peer.handle, message),
        sponsor: (time, peer, request) => this.#sponsor(time, peer, request),
      },
      now.mono,
    );
  }

  #pathsIo(): ConstructorParameters<typeof Paths>[0] {
    const { dataplane, random, crypto } = this.#ports;
    const handle = (origin: Origin): number | undefined => this.peers.of(origin)?.handle;
    return {
      random,
      sign: (message) => this.identity.sign(message),
      verify: (key, message, signature) => crypto.verify(key, message, signature),
      send: (origin, bytes) => {
        const peer = handle(origin);
        return peer !== undefined && dataplane.sendControl(this.net, peer, bytes);
      },
      connect: (origin, endpoints) => {
        const peer = handle(origin);
        const hint = encodeHint({ purpose: 'member', origin: this.identity.origin });
        if (peer !== undefined) dataplane.connect(this.net, peer, endpoints, hint);
      },
      disconnect: (origin) => {
        const peer = handle(origin);
        if (peer !== undefined) dataplane.disconnect(this.net, peer);
      },
      reserveSeq: (until) => void this.files.writeSeq(until),
      packets: (origin) => {
        const stats = this.#stats.get(handle(origin) ?? -1);
        return stats ? stats.rxPackets + stats.txPackets : 0;
      },
      changed: (what) => {
        if (what === 'groups') this.#groupsDirty = true;
        this.#start.changed();
      },
    };
  }

  // ---- life ----------------------------------------------------------------------------------------------------------------

  /** Takes part if the user wants it and the records allow it. */
  open(now: Now, endpoints: readonly string[]): void {
    this.#endpoints = endpoints;
    const standing = this.#standing();
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
        this.#projection.addresses(this.local.mtu),
      );
    } else this.paths.setGroups(now, []);
    if (this.local.on) this.#goOn(now);
  }

  /** Statements can only be verified once the members are known. */
  #restoreAfterMembers(now: Now): ReturnType<NetworkFiles['readPresences']> {
    this.paths.setMembers(now, this.roll.members());
    return this.files.readPresences(now.wall);
  }

  #goOn(now: Now): void {
    this.#running = true;
    this.#offMono = Infinity;
    this.#projection.peers(now);
    this.paths.underlay(now, this.#endpoints);
    this.paths.start(now);
    if (this.adapter?.ready) this.adapter.carrier(true);
    else this.adapter?.open();
    if (this.adapter) this.paths.expectGroups(now.mono + ADAPTER_WAIT_MS);
    this.#groupsDirty = true;
    this.flush(now);
  }

  #goOff(now: Now): void {
    this.#running = false;
    this.adapter?.carrier(false);
    this.paths.stop(now);
    this.#offMono = now.mono + OFF_LINGER_MS;
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
    if (this.#standing() === 'member' && was !== on) {
      if (on) this.#goOn(now);
      else this.#goOff(now);
    } else if (on) this.adapter?.retry();
    this.#start.changed();
    return stored;
  }

  /** Ends everything here; the files stay. `disconnect`: the adapter goes, too. */
  close(now: Now, disconnect: boolean): void {
    this.#save(now);
    this.#running = false;
    if (disconnect) {
      this.#ports.adapters.setNames(this.net, '', { name: '', addresses: [] }, []);
      this.adapter?.close();
    }
    this.#ports.dataplane.removeNetwork(this.net);
  }

  #standing(): Standing {
    return this.roll.standing(this.identity.origin);
  }

  /** The records say that this device is no member any more: it stops, and says why. */
  #expelled(now: Now, standing: Standing): void {
    this.problems.set(standing === 'invite-lost' ? 'invite-lost' : 'removed');
    if (!this.#running) return;
    this.#ports.log.write('warn', 'network left by decision of others', { network: this.roll.id, standing });
    this.close(now, true);
    this.adapter = null;
    this.#start.changed();
  }

  #config(): NetworkConfig {
    const { dhSecret, originBytes } = this.identity;
    return this.#projection.config(dhSecret, originBytes, this.local.mtu);
  }

  // ---- records -------------------------------------------------------------------------------------------------------------

  /** Own new records are durable: everybody hears of them, and they take effect here. */
  publish(now: Now, records: readonly Uint8Array[]): void {
    this.#sync.flood(records);
    this.rollChanged(now);
  }

  rollChanged(now: Now): void {
    this.#start.changed();
    const standing = this.#standing();
    if (standing !== 'member') return this.#expelled(now, standing);
    if (!this.#running) {
      this.paths.setMembers(now, this.roll.members());
      return;
    }
    const before = this.#projection.ownIpv4;
    const { gone, fresh } = this.#projection.peers(now);
    for (const peer of gone) this.#drop(now, peer);
    if (gone.length > 0) this.paths.setMembers(now, this.roll.members());
    for (const peer of fresh) this.#welcome(now, peer);
    if (this.#projection.ownIpv4 !== before) this.#readdress();
    this.#groupsDirty = true;
    this.flush(now);
  }

  /** A member that the records put out: it hears why if it is there, its keys are worth nothing from now on. */
  #drop(now: Now, peer: Peer): void {
    const { origin } = peer;
    const wasUp = this.paths.contacts.isUp(origin);
    const standing = this.roll.standing(origin);
    this.paths.down(now, origin, 'removed');
    this.peers.demote(peer);
    this.#budgets.delete(peer.handle);
    if (wasUp) this.#strangers.demote(now, peer, standing === 'invite-lost' ? 'invite-lost' : 'removed');
    else {
      this.peers.remove(peer);
      this.#ports.dataplane.removePeers(this.net, [peer.handle]);
    }
    this.#ports.dataplane.rotateKeys(this.net);
  }

  /** A stranger with a session has become a member. */
  #welcome(now: Now, peer: Peer): void {
    const said = this.#strangers.promoted(peer);
    const stats = this.#ports.dataplane.stats().peers.find((s) => s.net === this.net && s.peer === peer.handle);
    if (!stats?.up) return;
    this.#up(now, peer, stats.endpoint ?? '', undefined);
    if (said?.type === 'greet') this.#greeted(now, peer, said);
  }

  #readdress(): void {
    this.#ports.dataplane.addNetwork(this.#config());
    this.adapter?.readdress(this.#projection.addresses(this.local.mtu));
    this.problems.set('ipv4-conflict');
  }

  #sponsor(now: Now, peer: Peer, request: Uint8Array): Outcome<void> {
    const outcome = this.roll.sponsor(now, peer.key, request);
    if (!outcome.ok) return outcome;
    const { dataplane } = this.#ports;
    dataplane.sendControl(this.net, peer.handle, encodeMessage({ type: 'joinAccepted' }));
    this.#sync.give(peer.handle, this.roll.all());
    this.publish(now, outcome.value);
    return { ok: true, value: undefined };
  }

  #storeFailed(outcome: Outcome<unknown>): void {
    if (!outcome.ok) this.#note(outcome.error);
  }

  #note(error: Failure): void {
    this.problems.set(error.code, error.data);
    this.#ports.log.write('error', 'store', { network: this.roll.id, code: error.code });
  }

  // ---- the data plane's word -----------------------------------------------------------------------------------------------

  event(now: Now, event: DataplaneEvent): void {
    switch (event.kind) {
      case 'control':
        return this.#control(now, event.peer, event.bytes);
      case 'stranger':
        if (this.#running) this.#strangers.ask(now, event.ask, event.key, event.hint);
        else this.#ports.dataplane.answerStranger(this.net, event.ask, false);
        return;
      case 'up': {
        const peer = this.peers.get(event.peer);
        if (peer?.level === 'member') this.#up(now, peer, event.endpoint, event.observed);
        else if (peer) this.#strangers.up(now, peer);
        return;
      }
      case 'down':
        return this.#down(now, event.peer, event.reason);
      case 'want': {
        const peer = this.peers.get(event.peer);
        if (peer?.level === 'member') this.paths.want(now, peer.origin);
        return;
      }
      case 'groups':
        this.paths.setGroups(now, sharedWishes(event.groups));
        return this.flush(now);
      case 'adapterLost':
        this.adapter?.onLost(now.mono);
        return this.#start.changed();
      case 'problem':
        return this.problems.set(event.code, { message: event.message });
    }
  }

  #up(now: Now, peer: Peer, endpoint: string, observed: string | undefined): void {
    const until = this.#putOut.get(peer.origin);
    if (!this.#running || (until !== undefined && until > now.mono)) {
      return this.#ports.dataplane.disconnect(this.net, peer.handle);
    }
    if (!this.paths.up(now, peer.origin, endpoint, observed)) return;
    this.problems.clear('removed');
    this.#budgets.set(peer.handle, new PeerBudget('member', now.mono));
    const greet = encodeMessage({
      type: 'greet',
      versionMax: MESSAGE_VERSION,
      wallMs: Math.max(0, Math.floor(now.wall)),
      features: 0,
      ledger: this.roll.digest(),
      presences: this.paths.fingerprint(),
    });
    this.#ports.dataplane.sendControl(this.net, peer.handle, greet);
    this.#saveMono = Math.min(this.#saveMono, now.mono + PRESENCES_SAVE_MS);
  }

  #greeted(now: Now, peer: Peer, greet: Extract<Message, { type: 'greet' }>): void {
    this.skews.set(peer.origin, greet.wallMs - now.wall);
    const own = this.roll.digest();
    if (own.some((byte, index) => byte !== greet.ledger[index])) this.#sync.compare(peer.handle);
    this.paths.greeted(now, peer.origin, greet.presences);
  }

  #down(now: Now, handle: number, reason: string): void {
    const peer = this.peers.get(handle);
    this.#budgets.delete(handle);
    if (peer?.level === 'member') this.paths.down(now, peer.origin, reason);
    else if (peer) this.#strangers.down(peer);
  }

  #control(now: Now, handle: number, bytes: Uint8Array): void {
    const peer = this.peers.get(handle);
    if (!peer) return;
    const message = decodeMessage(bytes);
    if (peer.level === 'stranger') return this.#strangers.receive(now, peer, bytes.length, message);
    const budget = this.#budgets.get(handle);
    if (!budget) return;
    const verdict = budget.receive(now.mono, bytes.length);
    if (verdict === 'putOut') return this.#putOutPeer(now, peer);
    if (verdict === 'drop' || message === 'unknown') return;
    const judged = message === 'bad' ? 'bad' : this.#member(now, peer, message);
    if (judged === 'bad' && budget.malformed() === 'putOut') this.#putOutPeer(now, peer);
    this.flush(now);
  }

  #member(now: Now, peer: Peer, message: Message): 'ok' | 'bad' {
    switch (message.type) {
      case 'greet':
        this.#greeted(now, peer, message);
        return 'ok';
      case 'heads':
      case 'records':
      case 'wantRecords':
        return this.#sync.receive(now, peer.handle, message);
      case 'refused':
        this.#refused(now, peer, message.code);
        return 'ok';
      case 'joinRequest': {
        // A member here already: an earlier answer was lost on its way.
        const outcome = this.#sponsor(now, peer, message.request);
        if (!outcome.ok) this.#ports.dataplane.sendControl(this.net, peer.handle, encodeMessage({ type: 'refused', code: outcome.error.code }));
        return 'ok';
      }
      case 'joinAccepted':
        return 'ok';
      default:
        return this.paths.receive(now, peer.origin, message);
    }
  }

  /** One member says that this device does not belong. It may be wrong: only when nobody else is there it counts as news. */
  #refused(now: Now, peer: Peer, code: string): void {
    this.paths.contacts.end(peer.origin, now.mono);
    this.paths.down(now, peer.origin, 'refused');
    const known: ErrorCode[] = ['removed', 'invite-lost'];
    if (this.paths.contacts.upCount === 0 && (known as string[]).includes(code)) this.problems.set(code);
  }

  #putOutPeer(now: Now, peer: Peer): void {
    this.#ports.log.write('warn', 'a member says too much', { network: this.roll.id, member: peer.origin });
    this.#putOut.set(peer.origin, now.mono + PUT_OUT_MS);
    this.#budgets.delete(peer.handle);
    this.paths.contacts.end(peer.origin, now.mono);
    this.paths.down(now, peer.origin, 'refused');
  }

  // ---- the machine's word --------------------------------------------------------------------------------------------------

  underlay(now: Now, endpoints: readonly string[]): void {
    this.#endpoints = endpoints;
    if (!this.#running) return;
    this.paths.underlay(now, endpoints);
  }

  woke(now: Now, sleptMs: number): void {
    if (this.#running) this.paths.woke(now, sleptMs);
  }

  adapterReady(now: Now, fd: number, name: string): void {
    if (!this.adapter?.onReady(fd, name)) return;
    if (name !== this.local.adapter) {
      this.local = { ...this.local, adapter: name };
      const stored = this.files.writeLocal(this.local);
      if (!stored.ok) this.#note(stored.error);
    }
    this.adapter.carrier(this.local.on);
    this.paths.expectGroups(now.mono + GROUPS_WAIT_MS);
    this.#projection.names();
    this.#start.changed();
  }

  adapterFailed(now: Now, code: string, data: Record<string, string> | undefined): void {
    this.adapter?.onFailed(now.mono, code, data, this.#start.adapterNames());
    this.#start.changed();
  }

  setStats(stats: Map<number, PeerStats>): void {
    this.#stats = stats;
  }

  statsOf(origin: Origin): PeerStats | undefined {
    return this.#stats.get(this.peers.of(origin)?.handle ?? -1);
  }

  selfMember(): RollMember | undefined {
    return this.roll.members().find((member) => member.origin === this.identity.origin);
  }

  // ---- time ----------------------------------------------------------------------------------------------------------------

  /** Tells the data plane what follows from what was heard. */
  flush(now: Now): void {
    if (!this.#groupsDirty || !this.#running) return;
    this.#groupsDirty = false;
    this.#projection.groups();
    this.#saveMono = Math.min(this.#saveMono, now.mono + PRESENCES_SAVE_MS);
  }

  nextDeadline(): number {
    const adapter = this.adapter?.nextDeadline() ?? Infinity;
    return Math.min(this.paths.nextDeadline(), this.#strangers.nextDeadline(), this.#offMono, this.#saveMono, adapter);
  }

  tick(now: Now): void {
    this.paths.tick(now);
    this.#strangers.tick(now);
    this.adapter?.tick(now.mono);
    if (this.#offMono <= now.mono) this.#silence(now);
    if (this.#saveMono <= now.mono) this.#save(now);
    this.flush(now);
  }

  /** Off: no sessions, no names, the adapter without carrier. */
  #silence(now: Now): void {
    this.#offMono = Infinity;
    for (const peer of [...this.peers.members()]) this.paths.down(now, peer.origin, 'closed');
    this.#strangers.clear();
    this.#budgets.clear();
    this.#projection.withdraw();
  }

  #save(now: Now): void {
    this.#saveMono = Infinity;
    const stored = this.files.writePresences(now.wall, this.paths.save(now.mono));
    if (!stored.ok) this.#note(stored.error);
  }
}
