// placeholder
import type { Outcome } from '../contract/errors.ts';
import type { Role, Invite } from '../contract/state.ts';
import type { Origin } from '../wire/messages/presence.ts';
import type { Now } from './ports.ts';

export interface RollMember {
  /** 52 characters of base32. */
  id: string;
  origin: Origin;
  originBytes: Uint8Array;
  name: string;
  role: Role;
  signKey: Uint8Array;
  dhKey: Uint8Array;
  ipv4: string | null;
  ipv6: string;
  linkLocal: string;
  mac: string;
}

export type Standing = 'member' | 'removed' | 'invite-lost' | 'none';

export interface Received {
  /** Records that are new and valid, in the order to pass on. */
  added: Uint8Array[];
  /** Records that those received build on and that are missing here. */
  missing: Uint8Array[];
  bad: boolean;
}

export interface Roll {
  readonly networkId: Uint8Array;
  readonly id: string;
  readonly name: string;
  readonly createdMs: number;
  readonly ipv4Prefix: number;
  readonly selfId: string;
  members(): readonly RollMember[];
  standing(origin: Origin): Standing;
  standingOfKey(dhKey: Uint8Array): { standing: Standing; origin: Origin | null };
  digest(): Uint8Array;
  locator(): Uint8Array[];
  /** What somebody lacks who has the records named and their ancestors; and which of the names are unknown here. */
  compare(hashes: readonly Uint8Array[]): { lacks: Uint8Array[]; unknown: Uint8Array[] };
  withAncestors(hashes: readonly Uint8Array[]): Uint8Array[];
  all(): Uint8Array[];
  receive(now: Now, records: readonly Uint8Array[]): Outcome<Received>;
  invites(now: Now): Invite[];
  sponsor(now: Now, key: Uint8Array, request: Uint8Array): Outcome<Uint8Array[]>;
}
