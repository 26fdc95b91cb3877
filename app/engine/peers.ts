// Members (and strangers) under the handles by which the data plane knows them. Handles are never used twice in a run.
import { nameOf } from '../mesh/membership/identified.ts';
import { hex } from '../wire/messages/hex.ts';
import type { Origin } from '../wire/messages/presence.ts';
import { ByHandle } from './by-handle.ts';
import type { PeerConfig } from './ports.ts';
import type { RollMember } from './roll.ts';

export interface Peer {
  handle: number;
  level: 'member' | 'stranger';
  /** X25519 key: what a stranger is known by. */
  key: Uint8Array;
  /** Empty for strangers. */
  origin: Origin;
  /** As the data plane was told last; null: it was not, or of a stranger. */
  told: RollMember | null;
}

export class Peers {
  readonly #byHandle = new ByHandle<Peer>();
  readonly #byOrigin = new Map<Origin, Peer>();
  readonly #byKey = new Map<string, Peer>();
  #next = 1;

  get(handle: number): Peer | undefined {
    return this.#byHandle.get(handle);
  }

  of(origin: Origin): Peer | undefined {
    return this.#byOrigin.get(origin);
  }

  withKey(key: Uint8Array): Peer | undefined {
    return this.#byKey.get(hex(key));
  }

  members(): IterableIterator<Peer> {
    return this.#byOrigin.values();
  }

  /** A stranger with this key, or whoever has it already. */
  stranger(key: Uint8Array): Peer {
    return this.withKey(key) ?? this.#add(key);
  }

  #add(key: Uint8Array): Peer {
    const peer: Peer = { handle: this.#next++, level: 'stranger', key, origin: '', told: null };
    this.#byHandle.set(peer.handle, peer);
    this.#byKey.set(nameOf(key), peer);
    return peer;
  }

  /** The peer of a member; a stranger with its key becomes it and keeps handle and session. */
  member(member: RollMember): Peer {
    const known = this.#byOrigin.get(member.origin);
    if (known) return known;
    const peer = this.stranger(member.dhKey);
    peer.level = 'member';
    peer.origin = member.origin;
    this.#byOrigin.set(member.origin, peer);
    return peer;
  }

  /** A member that is none any more keeps its handle for a moment, to hear why. */
  demote(peer: Peer): void {
    this.#byOrigin.delete(peer.origin);
    peer.level = 'stranger';
    peer.origin = '';
    peer.told = null;
  }

  remove(peer: Peer): void {
    this.#byHandle.delete(peer.handle);
    this.#byKey.delete(nameOf(peer.key));
    if (peer.origin) this.#byOrigin.delete(peer.origin);
  }
}

const STRANGER_ORIGIN = new Uint8Array(8);

export function memberConfig(peer: Peer, member: RollMember): PeerConfig {
  const config: PeerConfig = {
    peer: peer.handle,
    key: member.dhKey,
    level: 'member',
    origin: member.originBytes,
    ipv6: member.ipv6,
    linkLocal: member.linkLocal,
    mac: member.mac,
  };
  if (member.ipv4 !== null) config.ipv4 = member.ipv4;
  return config;
}

export const strangerConfig = (peer: Peer): PeerConfig => ({
  peer: peer.handle,
  key: peer.key,
  level: 'stranger',
  origin: STRANGER_ORIGIN,
});
