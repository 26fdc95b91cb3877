// A member as the engine uses it.
import type { Role } from '../contract/state.ts';
import type { MemberView } from '../mesh/membership/view.ts';
import type { Origin } from '../wire/messages/presence.ts';

/** There are thousands: what the view says is asked of it. */
export class RollMember {
  readonly origin: Origin;

  constructor(private readonly view: MemberView) {
    this.origin = view.originHex;
  }

  /** 52 characters of base32. */
  get id(): string {
    return this.view.idText;
  }

  /** Equal ones have equal keys, and equal addresses but the IPv4 address. */
  get idHex(): string {
    return this.view.idHex;
  }

  get idBytes(): Uint8Array {
    return this.view.id;
  }

  get originBytes(): Uint8Array {
    return this.view.origin;
  }

  get name(): string {
    return this.view.name;
  }

  /** "anna" of anna.home.weft. */
  get label(): string {
    return this.view.label;
  }

  get role(): Role {
    return this.view.role;
  }

  get signKey(): Uint8Array {
    return this.view.memberKey;
  }

  get dhKey(): Uint8Array {
    return this.view.noiseKey;
  }

  get ipv4(): string | null {
    return this.view.ipv4;
  }

  get ipv6(): string {
    return this.view.ipv6;
  }

  get linkLocal(): string {
    return this.view.linkLocal;
  }

  get mac(): string {
    return this.view.mac;
  }
}
