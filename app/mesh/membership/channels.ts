// Named channels: what the records say of them. The newest word counts; of concurrent ones the same everywhere.
import type { Crypto } from '../../wire/crypto.ts';
import type { Repair } from '../../wire/record.ts';
import { hex } from '../../wire/text.ts';
import type { Authority } from './authority.ts';
import type { EntryOf } from './entry.ts';
import { byDepth, lastWords, type Index } from './index-of.ts';
import { Places, stands, type Claim } from './settle.ts';

/** Channels of a network; beyond, those made last are left out. */
export const CHANNELS_MAX = 1_024;

export interface ChannelView {
  id: Uint8Array;
  /** 32 hex digits. */
  idText: string;
  /** Unambiguous: a later one of the same name has a number behind it. */
  name: string;
  /** 4 or 16 bytes. */
  group: Uint8Array;
  port: number;
  repair: Repair;
  /** Origins as 16 hex digits; null: every member. */
  publishers: string[] | null;
  subscribers: string[] | null;
}

interface NameClaim extends Claim {
  entry: EntryOf<'channel'>;
  /** What its maker said first. */
  made: EntryOf<'channel'>;
}

export function channelViews(crypto: Crypto, index: Index, authority: Authority): ChannelView[] {
  const claims: NameClaim[] = [];
  for (const entries of index.channels.values()) {
    const valid = entries.filter((entry) => !authority.void(entry)).sort(byDepth);
    const last = lastWords(valid).sort(byDepth).at(-1);
    if (!last || last.body.closed) continue;
    claims.push({
      entry: last,
      made: valid[0] ?? last,
      weight: () => ({ witnesses: 0, draw: crypto.hash(last.hash) }),
    });
  }
  claims.sort((a, b) => byDepth(a.entry, b.entry));
  const kept = alone(crypto, claims).slice(0, CHANNELS_MAX);
  const names = new Places<NameClaim>((claim, attempt) => numbered(claim.entry.body.name, attempt), CHANNELS_MAX)
    .settle(kept)
    .held();
  const views = kept.map((claim) => channelView(claim.entry, names.get(claim) ?? claim.entry.body.name));
  return views.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * One channel for each group: rights, keys and trees go by the address. Who was there first keeps it, whatever is said of either later;
 * whoever knew of it was refused, so others are made at the same time or by cheats, and are no channels.
 */
function alone(crypto: Crypto, claims: readonly NameClaim[]): NameClaim[] {
  const holders = new Map<string, { claim: NameClaim; first: Claim }>();
  for (const claim of claims) {
    const group = hex(claim.entry.body.group);
    const first = { entry: claim.made, weight: () => ({ witnesses: 0, draw: crypto.hash(claim.made.hash) }) };
    const holder = holders.get(group);
    if (!holder || stands(first, holder.first)) holders.set(group, { claim, first });
  }
  return claims.filter((claim) => holders.get(hex(claim.entry.body.group))?.claim === claim);
}

const numbered = (name: string, attempt: number): string => (attempt === 0 ? name : `${name}-${attempt + 1}`);

function channelView({ body }: EntryOf<'channel'>, name: string): ChannelView {
  const { channel, group, port, repair, publishers, subscribers } = body;
  return {
    id: channel,
    idText: hex(channel),
    name,
    group,
    port,
    repair,
    publishers: publishers?.map(hex) ?? null,
    subscribers: subscribers?.map(hex) ?? null,
  };
}
