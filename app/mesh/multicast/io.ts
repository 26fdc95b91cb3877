// What the trees need from around them, and the shapes that the data plane is told (native/addon has the same).
import type { RandomSource } from '../paths/chance.ts';
import type { Origin, Presence } from '../../wire/messages/presence.ts';
import type { Repair } from '../../wire/record.ts';

/** One node's part in an epoch of a tree. Peers are handles of the data plane. */
export interface TreeConfig {
  /** 8 bytes. */
  origin: Uint8Array;
  tree: number;
  epoch: number;
  /** null: this node is the origin. */
  parent: number | null;
  /** In order, ≤ `BACKUPS_MAX`; asked when the parent is silent. */
  backups: number[];
  /** ≤ `CHILDREN_MAX`. */
  children: number[];
  /** Who may graft itself here; ≤ `ADOPTABLE_MAX`. */
  adoptable: number[];
  repair: Repair;
  /** What this node may send for this tree; 0: unlimited. */
  bytesPerSecond: number;
  /** Groups whose packets travel here (1 unless told); each may bring a group's share. */
  groups?: number;
  /** The host has left all of them since the tree was planned (false unless told): nobody is asked to feed it. */
  left?: boolean;
  /** What all of its casts are signed with (Ed25519, 32 bytes), as the description says; absent: none is. At the origin the own one. */
  signer?: Uint8Array;
  /** The origin only: what packets of this tree are sealed with from this epoch on. */
  key?: { id: number; key: Uint8Array };
}

/** A subscriber's key of an origin's tree. */
export interface CastKey {
  origin: Uint8Array;
  tree: number;
  id: number;
  /** Sequences below are not accepted under this key. */
  lowest: number;
  /** 32 bytes. */
  key: Uint8Array;
}

export interface TreesIo {
  random: RandomSource;
  /** With the own member key; 64 bytes. */
  sign(message: Uint8Array): Uint8Array;
  /** With that member's key; false when there is no such member. */
  verify(origin: Origin, message: Uint8Array, signature: Uint8Array): boolean;
  hash(...parts: Uint8Array[]): Uint8Array;
  hkdf(key: Uint8Array, info: string, length: number): Uint8Array;
  sealBox(publicKey: Uint8Array, ephemeralSecret: Uint8Array, plaintext: Uint8Array, aad: Uint8Array): Uint8Array;
  /** With the secret of the own statement's `boxKey`; null when it does not open. */
  openBox(sealed: Uint8Array, aad: Uint8Array): Uint8Array | null;

  /** A control message; false without a session. */
  send(origin: Origin, bytes: Uint8Array): boolean;
  connect(origin: Origin): void;
  isUp(origin: Origin): boolean;
  /** null: not known to the data plane. */
  peerHandle(origin: Origin): number | null;
  presence(origin: Origin): Presence | undefined;
  isOnline(origin: Origin): boolean;
  /** Round trip of a direct session, in ms; undefined: not measured. */
  rttMs(origin: Origin): number | undefined;
  /** Other members but guests, in any order: among them are those that pass on without subscribing. */
  members(): Iterable<Origin>;
  /** Other members that receive what this host sends to the group: entitled, source filters applied. Offline ones may be among them. */
  receivers(group: string): Iterable<Origin>;
  /** Whether a member may still read what is sent to the group; false: the key it has is to be replaced. */
  mayHear(origin: Origin, group: string): boolean;
  /** Whether a member may send to the group. */
  maySpeak(origin: Origin, group: string): boolean;
  /** Whether this host wants what that member sends to the group. */
  wants(origin: Origin, group: string): boolean;
  repair(group: string): Repair;
  /** Whether what comes to the group by trees is believed only where its origin signed it. */
  signed(group: string): boolean;
  /** The key that the own data plane signs casts with; null: it cannot. */
  castSigner(): Uint8Array | null;
  /** Bytes/s that the host sends to the group, as far as measured or declared; 0: not known. */
  rate(group: string): number;
  /** What the own device does for others. `uplinkKBps`, `relayKBps`: 0 = not known, no limit. */
  conduct(): { relays: boolean; uplinkKBps: number; relayKBps: number };
  /** Next sequence of the own tree under its present key: what a late subscriber accepts from. */
  sequence(tree: number): number;

  setTree(config: TreeConfig): void;
  dropTree(origin: Uint8Array, tree: number): void;
  setCastKey(key: CastKey): void;
  /** Packets of the group take these own trees by turns; none: they wait, and `stream` is raised. */
  sendOn(group: string, trees: number[]): void;
  /** They take none for now, however many receive them; `stream` is raised again where they go on. */
  sendDirectly(group: string): void;
  /** Something that a user sees changed. */
  changed(): void;
}
