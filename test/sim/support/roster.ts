// N memberships without N joins: the records that the engines of a creator and its N − 1 guests would have made, put into their stores.
import { NetworkFiles } from '../../../app/engine/files.ts';
import { encodeJson } from '../../../app/engine/json.ts';
import type { Crypto } from '../../../app/engine/ports.ts';
import { deriveKeys, idText, originOf, type MemberKeys } from '../../../app/mesh/identity/identity.ts';
import { createNetwork, issueInvite, seal } from '../../../app/mesh/membership/acts.ts';
import { INVITE_USES_MAX } from '../../../app/mesh/membership/rules.ts';
import { joinStatement } from '../../../app/wire/record.ts';
import { hex } from '../../../app/wire/text.ts';
import type { Chance } from './chance.ts';
import type { SharedStore } from './store.ts';

const WEEK_MS = 7 * 86_400_000;
const MTU = 1_380;
const SEED_BYTES = 32;
const NONCE_BYTES = 16;

export interface RosterMember {
  deviceSeed: Uint8Array;
  keys: MemberKeys;
}

export interface Roster {
  id: string;
  rootSeed: Uint8Array;
  /** All records, parents first. */
  records: Uint8Array[];
  /** The creator first. */
  members: RosterMember[];
}

/** `names`: the creator's first; at `nowMs` of the wall clock. */
export function makeRoster(crypto: Crypto, chance: Chance, names: readonly string[], nowMs: number): Roster {
  const rootSeed = chance.bytes(SEED_BYTES);
  const deviceSeed = chance.bytes(SEED_BYTES);
  const made = createNetwork({
    crypto,
    deviceSeed,
    rootSeed,
    name: 'sim',
    ownerName: names[0] as string,
    prefix: [10, 77],
    mtu: MTU,
    nowMs,
  });
  const { ledger, keys } = made;
  const members: RosterMember[] = [{ deviceSeed, keys }];
  let invite: { seed: Uint8Array; hash: Uint8Array } = { seed: new Uint8Array(0), hash: new Uint8Array(0) };
  for (const [index, name] of names.slice(1).entries()) {
    if (index % INVITE_USES_MAX === 0) {
      const seed = chance.bytes(SEED_BYTES);
      const options = { seed, role: 'member' as const, uses: INVITE_USES_MAX, nowMs, expiresMs: nowMs + WEEK_MS };
      const issued = issueInvite({ crypto, ledger, keys }, options);
      if ('refused' in issued) throw new Error(`no invite: ${issued.refused}`);
      invite = { seed, hash: issued.hash };
    }
    const member = { deviceSeed: chance.bytes(SEED_BYTES) };
    const own = deriveKeys(crypto, member.deviceSeed, ledger.networkId, 0);
    const statement = joinStatement(ledger.networkId, own.memberKey, own.noiseKey, name);
    const bytes = seal(crypto, ledger.networkId, keys.signSeed, {
      kind: 'membership',
      author: keys.id,
      heads: ledger.heads([invite.hash]),
      certificate: invite.hash,
      memberKey: own.memberKey,
      noiseKey: own.noiseKey,
      name,
      inviteSignature: crypto.sign(invite.seed, statement),
      memberSignature: crypto.sign(own.signSeed, statement),
      nonce: chance.bytes(NONCE_BYTES),
      acceptedMs: nowMs,
    });
    const added = ledger.add(bytes);
    if (added.status !== 'added') throw new Error(`a membership was not added: ${JSON.stringify(added)}`);
    members.push({ ...member, keys: own });
  }
  return { id: idText(ledger.networkId), rootSeed, records: ledger.all(), members };
}

/** Writes what the engine of member `index` finds at its start. `ways`: endpoints by which it knows others, by their index. */
export function enrol(store: SharedStore, roster: Roster, index: number, ways: Map<number, string>): void {
  const member = roster.members[index] as RosterMember;
  const files = new NetworkFiles(store, roster.id);
  store.write('device', encodeJson(1, { seed: hex(member.deviceSeed) }));
  store.share(`networks/${roster.id}/records`, roster.records);
  if (index === 0) files.writeRoot(roster.rootSeed);
  const known = [...ways].map(([other, endpoint]) => {
    const { id } = (roster.members[other] as RosterMember).keys;
    return { origin: hex(originOf(id)), endpoints: [endpoint] };
  });
  const stored = files.writeLocal({
    on: true,
    adapter: 'weft0',
    adapterFixed: false,
    mtu: MTU,
    ways: known,
    generation: 0,
    channels: [],
  });
  if (!stored.ok) throw new Error(stored.error.code);
}
