// What one network's paths need from around them.
import type { Message } from '../../wire/messages/message.ts';
import type { Origin } from '../../wire/messages/presence.ts';
import type { RandomSource } from './chance.ts';
import type { MeshTime } from './own-statement.ts';

/** A member as far as paths care. */
export interface PathMember {
  origin: Origin;
  /** Ed25519, 32 bytes. */
  signKey: Uint8Array;
}

export interface PathsIo {
  random: RandomSource;
  /** The same bytes, perhaps as an array that others in the process keep as well. */
  share(bytes: Uint8Array): Uint8Array;
  sign(message: Uint8Array): Uint8Array;
  verify(signKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  send(origin: Origin, bytes: Uint8Array): boolean;
  /** Calls a member where `contacts.endpointsOf` says, and through others. */
  connect(origin: Origin): void;
  /** Its endpoints changed while it is called or has a session. */
  moved(origin: Origin): void;
  /** Ends a session or a call; nothing is heard of it any more. */
  disconnect(origin: Origin): void;
  reserveSeq(until: number): void;
  /** Frames exchanged with a member since its session's start, as of the last sample. */
  packets(origin: Origin): number;
  /** Something that a user sees, or that the data plane must know, changed. `groups`: wishes of some member; `routes`: who passes on for whom. */
  changed(what: 'groups' | 'members' | 'routes'): void;
}

export interface PathsStart {
  networkId: Uint8Array;
  self: Origin;
  /** What `reserveSeq` stored last. */
  reservedSeq: number;
  /** Public half of this start's key for sealed cast keys. */
  boxKey: Uint8Array;
  now: MeshTime;
}

export type GossipMessage = Extract<
  Message,
  { type: 'link' | 'presences' | 'digest' | 'summary' | 'pull' | 'probe' | 'spare' | 'doubt' }
>;
