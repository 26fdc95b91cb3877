// What version 1 wrote is read for ever, and means the same. WEFT_GOLDEN=write makes the files anew: only for a new version.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { removeMember, renameMember, renameNetwork, revokeInvite, setRole } from '../../app/mesh/membership/acts.ts';
import { decodeJoinRequest, encodeJoinRequest, makeJoinRequest } from '../../app/mesh/membership/join.ts';
import { Ledger } from '../../app/mesh/membership/ledger.ts';
import { MemberView } from '../../app/mesh/membership/view.ts';
import { decodeLink, encodeLink } from '../../app/wire/link.ts';
import { decodeRecord, encodeBody } from '../../app/wire/record.ts';
import { concat, hex } from '../../app/wire/text.ts';
import { unhex as bytesOf } from '../../app/wire/messages/hex.ts';
import { crypto } from './crypto.ts';
import { Dice, mergeAll, Replica, T0 } from './replica.ts';

const folder = join(import.meta.dirname, '../golden');
const RECORDS = join(folder, 'records/v1.json');
const LINKS = join(folder, 'links/v1.json');

interface RecordsFile {
  networkId: string;
  records: { kind: string; hash: string; bytes: string; body: unknown }[];
  view: unknown;
  joinRequest: { bytes: string; fields: unknown };
}
interface LinksFile {
  link: string;
  fields: unknown;
}

const fieldsOf = (member: MemberView): unknown => {
  const { id, idBytes, origin, signKey, dhKey, role, name, label, ipv4, ipv6, linkLocal, mac } = member;
  const { joinedMs, membership, sponsor } = member;
  const keys = { memberKey: signKey, noiseKey: dhKey };
  const addresses = { ipv4, ipv6, linkLocal, mac };
  return { id: idBytes, idText: id, ...keys, origin, role, name, label, ...addresses, joinedMs, membership, sponsor };
};

/** Bytes as hex, maps as lists, members by their fields. */
const plain = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (_key, item: unknown) => {
      if (item instanceof Uint8Array) return hex(item);
      if (item instanceof Map) return [...(item as Map<unknown, unknown>)];
      return item instanceof MemberView ? fieldsOf(item) : item;
    }),
  );

function history(): { replica: Replica; link: string; request: Uint8Array } {
  const dice = new Dice(20_270_115);
  const anna = Replica.creator('Anna’s PC', dice);
  const [ben, cleo, dan] = ['Ben', 'Cleo', 'ben'].map((name) => new Replica(name, dice)) as [Replica, Replica, Replica];
  ben.join(anna.invite({ uses: 2 }), anna);
  cleo.join(anna.invite({ role: 'admin' }), ben);
  mergeAll([anna, ben, cleo]);
  const link = anna.invite({ role: 'guest' });
  dan.join(link, cleo);
  mergeAll([anna, ben, cleo, dan]);
  const open = anna.invite();
  setRole(anna, ben.keys.id, 'owner', T0 + 2_000);
  renameMember(cleo, cleo.keys.id, 'Cléo 2');
  mergeAll([anna, ben, cleo, dan]);
  renameNetwork(ben, 'Home & garden');
  removeMember(ben, dan.keys.id, T0 + 3_000);
  revokeInvite(cleo, crypto.hash(open.chain.at(-1) as Uint8Array));
  mergeAll([anna, ben, cleo, dan]);
  return {
    replica: anna,
    link: encodeLink(crypto, link),
    request: encodeJoinRequest(makeJoinRequest(crypto, link, dan.keys, 'dan')),
  };
}

if (process.env.WEFT_GOLDEN === 'write') {
  const { replica, link, request } = history();
  const { ledger } = replica;
  const records: RecordsFile = {
    networkId: hex(ledger.networkId),
    records: ledger.all().map((bytes) => {
      const body = decodeRecord(bytes)?.body;
      return { kind: body?.kind ?? '', hash: hex(crypto.hash(bytes)), bytes: hex(bytes), body: plain(body) };
    }),
    view: plain(ledger.view()),
    joinRequest: { bytes: hex(request), fields: plain(decodeJoinRequest(request)) },
  };
  const links: LinksFile = { link, fields: plain(decodeLink(crypto, link)) };
  writeFileSync(RECORDS, `${JSON.stringify(records, null, 2)}\n`);
  writeFileSync(LINKS, `${JSON.stringify(links, null, 2)}\n`);
}

const golden = JSON.parse(readFileSync(RECORDS, 'utf8')) as RecordsFile;
const goldenLink = JSON.parse(readFileSync(LINKS, 'utf8')) as LinksFile;

describe('golden records, version 1', () => {
  for (const [at, record] of golden.records.entries())
    it(`${at} ${record.kind}`, () => {
      const bytes = bytesOf(record.bytes);
      const back = decodeRecord(bytes);
      expect(plain(back?.body)).toEqual(record.body);
      expect(hex(crypto.hash(bytes))).toBe(record.hash);
      if (back) expect(concat(encodeBody(back.body), back.signature)).toEqual(bytes);
    });

  it('hold every kind', () => expect(new Set(golden.records.map(({ kind }) => kind)).size).toBe(9));

  it('mean the same, in any order', () => {
    const orders = [golden.records, [...golden.records].reverse()];
    for (const records of orders) {
      const ledger = new Ledger(crypto, bytesOf(golden.networkId));
      for (const { bytes } of records) ledger.add(bytesOf(bytes));
      expect(ledger.revision).toBe(golden.records.length);
      // Channels are newer than these files, which know none.
      expect(plain(ledger.view())).toEqual({ ...(golden.view as object), channels: [] });
    }
  });

  it('join request', () => {
    const request = decodeJoinRequest(bytesOf(golden.joinRequest.bytes));
    expect(plain(request)).toEqual(golden.joinRequest.fields);
    if (request) expect(hex(encodeJoinRequest(request))).toBe(golden.joinRequest.bytes);
  });
});

describe('golden links, version 1', () => {
  it('are read, and written the same', () => {
    const link = decodeLink(crypto, goldenLink.link);
    expect(plain(link)).toEqual(goldenLink.fields);
    if (typeof link !== 'string') expect(encodeLink(crypto, link)).toBe(goldenLink.link);
  });
});
