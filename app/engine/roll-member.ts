// A member as the engine uses it.
import type { Role } from '../contract/state.ts';
import { nameOf } from '../mesh/membership/identified.ts';
import type { MemberView } from '../mesh/membership/view.ts';
import type { Origin } from '../wire/messages/presence.ts';

export interface RollMember {
  /** 52 characters of base32. */
  id: string;
  idBytes: Uint8Array;
  origin: Origin;
  originBytes: Uint8Array;
  name: string;
  /** "anna" of anna.home.weft. */
  label: string;
  role: Role;
  signKey: Uint8Array;
  dhKey: Uint8Array;
  ipv4: string | null;
  ipv6: string;
  linkLocal: string;
  mac: string;
}

/** Who stays as it was in a state that grew is not made again. */
const rollMembers = new WeakMap<MemberView, RollMember>();

export function rollMember(view: MemberView): RollMember {
  let member = rollMembers.get(view);
  if (!member) rollMembers.set(view, (member = rollMemberOf(view)));
  return member;
}

function rollMemberOf(view: MemberView): RollMember {
  return {
    id: view.idText,
    idBytes: view.id,
    origin: nameOf(view.origin),
    originBytes: view.origin,
    name: view.name,
    label: view.label,
    role: view.role,
    signKey: view.memberKey,
    dhKey: view.noiseKey,
    ipv4: view.ipv4,
    ipv6: view.ipv6,
    linkLocal: view.linkLocal,
    mac: view.mac,
  };
}
