// A device with its copy of the ledger, for tests. Keys and nonces come from a seeded generator.
import { createHash } from 'node:crypto';
import { encodeLink, decodeLink, type InviteLink } from '../../app/wire/link.ts';
import { compareBytes, type RecordBody, type Role } from '../../app/wire/record.ts';
import { hex } from '../../app/wire/text.ts';
import { deriveKeys, type MemberKeys } from '../../app/mesh/identity/identity.ts';
import { chainFor, makeJoinRequest, sponsorJoin, type Sponsored } from '../../app/mesh/membership/join.ts';
import { createNetwork, issueInvite, seal, witness, type Actor } from '../../app/mesh/membership/acts.ts';
import { Ledger } from '../../app/mesh/membership/ledger.ts';
import { isKind } from '../../app/mesh/membership/entry.ts';
import { crypto } from './crypto.ts';

export const T0 = 1_800_000_000_000;

export class Dice {
  private count = 0;
  constructor(readonly seed: number) {}
  bytes(length: number): Uint8Array {
    return new Uint8Array(
      createHash('shake256', { outputLength: length }).update(`${this.seed}/${this.count++}`).digest(),
    );
  }
  below(limit: number): number {
    const [a, b, c] = this.bytes(3) as unknown as [number, number, number];
    return ((a << 16) | (b << 8) | c) % limit;
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
}

export class Replica implements Actor {
  readonly crypto = crypto;
  keys!: MemberKeys;
  ledger!: Ledger;

  constructor(
    readonly name: string,
    readonly dice: Dice,
    readonly seed: Uint8Array = dice.bytes(32),
  ) {}

  static creator(name: string, dice: Dice): Replica {
    const replica = new Replica(name, dice);
    const rootSeed = dice.bytes(32);
    const made = createNetwork({
      crypto,
      deviceSeed: replica.seed,
      rootSeed,
      name: 'home',
      ownerName: name,
      prefix: [10, 77],
      mtu: 1380,
      nowMs: T0,
    });
    replica.ledger = made.ledger;
    replica.keys = made.keys;
    return replica;
  }

  get id(): string {
    return hex(this.keys.id);
  }

  invite(
    options: { role?: Exclude<Role, 'owner'>; uses?: number; expiresMs?: number; nowMs?: number } = {},
  ): InviteLink {
    const seed = this.dice.bytes(32);
    const nowMs = options.nowMs ?? T0;
    const made = issueInvite(this, {
      seed,
      role: options.role ?? 'member',
      uses: options.uses ?? 1,
      nowMs,
      expiresMs: options.expiresMs ?? T0 + 3_600_000,
    });
    if ('refused' in made) throw new Error(made.refused);
    const link: InviteLink = {
      networkId: this.ledger.networkId,
      networkName: 'home',
      inviter: this.name,
      seed,
      chain: chainFor(this.ledger, made.hash),
      waysIn: [{ member: this.keys.id, noiseKey: this.keys.noiseKey, endpoints: ['192.0.2.1:4000'] }],
    };
    const back = decodeLink(crypto, encodeLink(crypto, link));
    if (typeof back === 'string') throw new Error(back);
    return back;
  }

  /** Asks `sponsor`; on success this replica has its records. */
  join(link: InviteLink, sponsor: Replica, nowMs = T0 + 1000, generation = 0): Sponsored {
    this.keys = deriveKeys(crypto, this.seed, link.networkId, generation);
    const result = sponsorJoin(
      sponsor,
      makeJoinRequest(crypto, link, this.keys, this.name),
      this.dice.bytes(16),
      nowMs,
    );
    if (!('refused' in result)) {
      this.ledger = new Ledger(crypto, link.networkId);
      for (const record of sponsor.ledger.all()) this.ledger.add(record);
    }
    return result;
  }

  /** Takes all that the other has, in an order of the dice's choosing, testifying to memberships as a member does. */
  pull(other: Replica, shuffle = false): void {
    const records = other.ledger.lacking(this.ledger.tipsNow());
    if (shuffle) records.sort(() => this.dice.below(3) - 1);
    for (const record of records) {
      const added = this.ledger.add(record);
      if (added.status === 'added')
        for (const entry of added.entries) if (isKind(entry, 'membership')) witness(this, entry);
    }
  }

  names(): string[] {
    return [...this.ledger.view().members.values()].map(({ name }) => name).sort();
  }
}

/** Everybody pulls from everybody until nothing is new. */
export function mergeAll(replicas: Replica[], shuffle = false): void {
  for (let round = 0; round < 12; round++) {
    const before = replicas.map(({ ledger }) => ledger.revision).join();
    for (const one of replicas) for (const other of replicas) if (one !== other) one.pull(other, shuffle);
    if (replicas.map(({ ledger }) => ledger.revision).join() === before) return;
  }
  throw new Error('replicas did not settle');
}

/** The part of a body that a forger chooses. */
export type Forged<B = RecordBody> = B extends { heads: Uint8Array[] } ? Omit<B, 'author'> : never;

/** What a member with a changed program can do: any record, on any heads. Returns the bytes; nobody has taken them yet. */
export function forge(author: Replica, body: Forged): Uint8Array {
  const heads = [...body.heads].sort(compareBytes);
  const whole = { ...body, heads, author: author.keys.id } as RecordBody;
  return seal(crypto, author.ledger.networkId, author.keys.signSeed, whole);
}

/** A membership that a forger sponsors: with whatever heads and time. */
export function forgeMembership(
  sponsor: Replica,
  link: InviteLink,
  joiner: Replica,
  choice: { heads: Uint8Array[]; acceptedMs?: number; noiseKey?: Uint8Array },
): Uint8Array {
  joiner.keys = deriveKeys(crypto, joiner.seed, link.networkId, 0);
  const keys = { ...joiner.keys, noiseKey: choice.noiseKey ?? joiner.keys.noiseKey };
  const { certificate, memberKey, noiseKey, name, inviteSignature, memberSignature } = makeJoinRequest(
    crypto,
    link,
    keys,
    joiner.name,
  );
  return forge(sponsor, {
    kind: 'membership',
    heads: choice.heads,
    certificate,
    memberKey,
    noiseKey,
    name,
    inviteSignature,
    memberSignature,
    nonce: sponsor.dice.bytes(16),
    acceptedMs: choice.acceptedMs ?? T0,
  });
}

/** The same fingerprint means the same state. */
export function fingerprint(ledger: Ledger): string {
  const view = ledger.view();
  const members = [...view.members.values()].map(
    ({ id, role, label, ipv4, dhKey }) => `${id} ${role} ${label} ${ipv4} ${hex(dhKey)}`,
  );
  const invites = view.invites.map(({ idText, state, used }) => [idText, state, used]);
  return JSON.stringify([view.name, members, [...view.voided].sort(), invites]);
}
