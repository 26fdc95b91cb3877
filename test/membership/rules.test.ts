import { describe, expect, it } from 'vitest';
import { decodeLink, encodeLink } from '../../app/wire/link.ts';
import { hex } from '../../app/wire/text.ts';
import { deriveKeys } from '../../app/mesh/identity/identity.ts';
import { removeMember, renameMember, revokeInvite, setRole, toReview } from '../../app/mesh/membership/acts.ts';
import { makeJoinRequest, sponsorJoin } from '../../app/mesh/membership/join.ts';
import { Ledger } from '../../app/mesh/membership/ledger.ts';
import { crypto } from './crypto.ts';
import { Dice, Replica, T0, mergeAll } from './replica.ts';

function trio(seed = 1): { anna: Replica; ben: Replica; cleo: Replica; dice: Dice } {
  const dice = new Dice(seed);
  const anna = Replica.creator('anna', dice);
  const [ben, cleo] = [new Replica('ben', dice), new Replica('cleo', dice)];
  expect(ben.join(anna.invite(), anna)).not.toHaveProperty('refused');
  expect(cleo.join(anna.invite(), anna)).not.toHaveProperty('refused');
  mergeAll([anna, ben, cleo]);
  return { anna, ben, cleo, dice };
}

describe('joining', () => {
  it('is sponsored by any member, for an invite it has never seen', () => {
    const { anna, ben, cleo, dice } = trio();
    const link = anna.invite();
    const dan = new Replica('dan', dice);
    expect(dan.join(link, ben)).not.toHaveProperty('refused');
    mergeAll([anna, ben, cleo, dan]);
    for (const one of [anna, ben, cleo, dan]) expect(one.names()).toEqual(['anna', 'ben', 'cleo', 'dan']);
  });

  it('gives a device that is in its membership again', () => {
    const { anna, dice } = trio();
    const link = anna.invite();
    const dan = new Replica('dan', dice);
    const first = dan.join(link, anna);
    const again = dan.join(link, anna);
    expect(again).toMatchObject({ membership: 'membership' in first ? first.membership : null });
  });

  it('refuses used, expired, early, revoked invites, and foreign keys', () => {
    const { anna, ben, dice } = trio();
    const link = anna.invite();
    expect(new Replica('dan', dice).join(link, anna)).not.toHaveProperty('refused');
    expect(new Replica('eve', dice).join(link, anna)).toEqual({ refused: 'invite-used' });
    expect(new Replica('eve', dice).join(anna.invite({ expiresMs: T0 + 10 }), anna)).toEqual({
      refused: 'invite-expired',
    });
    expect(new Replica('eve', dice).join(anna.invite({ nowMs: T0 + 3_000_000 }), anna)).toEqual({
      refused: 'clock-wrong',
    });
    const revoked = anna.invite();
    revokeInvite(anna, crypto.hash(revoked.chain.at(-1) as Uint8Array));
    expect(new Replica('eve', dice).join(revoked, anna)).toEqual({ refused: 'invite-revoked' });
    const stolen = { ...anna.invite(), seed: dice.bytes(32) };
    expect(new Replica('eve', dice).join(stolen, anna)).toEqual({ refused: 'bad-signature' });
    ben.pull(anna);
  });

  it('takes no membership whose invite signature was made for another key', () => {
    const { anna, dice } = trio();
    const link = anna.invite();
    const [dan, eve] = [
      deriveKeys(crypto, dice.bytes(32), link.networkId, 0),
      deriveKeys(crypto, dice.bytes(32), link.networkId, 0),
    ];
    const request = { ...makeJoinRequest(crypto, link, dan, 'dan'), memberKey: eve.memberKey, noiseKey: eve.noiseKey };
    expect(sponsorJoin(anna, request, dice.bytes(16), T0)).toEqual({ refused: 'bad-signature' });
  });

  it('lets only owners and admins invite, and admins no admins', () => {
    const { anna, ben, cleo } = trio();
    expect(() => ben.invite()).toThrow('not-allowed');
    setRole(anna, ben.keys.id, 'admin', T0);
    mergeAll([anna, ben, cleo]);
    expect(() => ben.invite({ role: 'member' })).not.toThrow();
    expect(() => ben.invite({ role: 'admin' })).toThrow('not-allowed');
  });

  it('never lets a guest sponsor', () => {
    const { anna, dice } = trio();
    const guest = new Replica('gast', dice);
    guest.join(anna.invite({ role: 'guest' }), anna);
    const link = anna.invite();
    guest.pull(anna);
    expect(new Replica('dan', dice).join(link, guest)).toEqual({ refused: 'not-allowed' });
  });
});

describe('a one-use invite on both sides of a partition', () => {
  for (let seed = 1; seed <= 20; seed++)
    it(`has one winner everywhere (seed ${seed})`, () => {
      const { anna, ben, cleo, dice } = trio(seed);
      const link = anna.invite();
      const [dan, eve] = [new Replica('dan', dice), new Replica('eve', dice)];
      expect(dan.join(link, anna)).not.toHaveProperty('refused');
      expect(eve.join(link, ben)).not.toHaveProperty('refused');
      mergeAll([anna, ben, cleo, dan, eve], true);
      const views = [anna, ben, cleo, dan, eve].map((one) => one.names().join());
      expect(new Set(views).size).toBe(1);
      expect(anna.names()).toHaveLength(4);
      const loser = anna.names().includes('dan') ? eve : dan;
      expect(loser.ledger.view().voided.get(loser.id)).toBe('invite-lost');
    });

  it('never costs an established member its place, when a member returns from long ago', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const { anna, ben, cleo, dice } = trio(seed);
      const link = anna.invite();
      const dan = new Replica('dan', dice);
      dan.join(link, anna);
      // Cleo saw it at once; ben was away the whole time and sponsors the used link for eve.
      cleo.pull(anna);
      const eve = new Replica('eve', dice);
      expect(eve.join(link, ben)).not.toHaveProperty('refused');
      mergeAll([anna, ben, cleo, dan, eve], true);
      expect(anna.names(), `seed ${seed}`).toEqual(['anna', 'ben', 'cleo', 'dan']);
    }
  });

  // Hundreds of keys are ground and tried.
  it('gives nothing to who grinds keys or sets its clock back', { timeout: 120_000 }, () => {
    let won = 0;
    for (let seed = 1; seed <= 30; seed++) {
      const { anna, ben, cleo, dice } = trio(seed);
      const link = anna.invite();
      const dan = new Replica('dan', dice);
      dan.join(link, anna);
      // The best of 16 keys by every hash the joiner can compute beforehand.
      const ground = Array.from({ length: 16 }, () => dice.bytes(32)).sort((a, b) =>
        hex(deriveKeys(crypto, a, link.networkId, 0).id) < hex(deriveKeys(crypto, b, link.networkId, 0).id) ? -1 : 1,
      )[0] as Uint8Array;
      const eve = new Replica('eve', dice, ground);
      eve.join(link, ben, T0 - 60_000);
      mergeAll([anna, ben, cleo, dan, eve], true);
      if (anna.names().includes('eve')) won++;
    }
    expect(won).toBeGreaterThan(4);
    expect(won).toBeLessThan(26);
  });
});

describe('a used invite, whatever its second user tries', () => {
  it('never costs the established member its place: back-dated clock, ground keys, a sponsor that knows nothing', () => {
    let won = 0;
    for (let seed = 1; seed <= 6; seed++) {
      const { anna, ben, cleo, dice } = trio(seed);
      const link = anna.invite();
      const dan = new Replica('dan', dice);
      dan.join(link, anna);
      // Established: somebody else has seen it.
      cleo.pull(anna);
      const ids = (device: Uint8Array) => hex(deriveKeys(crypto, device, link.networkId, 0).id);
      const ground = Array.from({ length: 16 }, () => dice.bytes(32)).sort((a, b) => (ids(a) < ids(b) ? -1 : 1));
      // Whichever end of the order might count.
      const eve = new Replica('eve', dice, ground[seed % 2 === 0 ? 0 : 15]);
      expect(eve.join(link, ben, T0 - 60_000)).not.toHaveProperty('refused');
      const world = [anna, ben, cleo, dan, eve];
      mergeAll(world, true);
      if (world.some((one) => one.names().join() !== 'anna,ben,cleo,dan')) won++;
    }
    expect(won).toBe(0);
  });
});

describe('removal', () => {
  it('ends membership, voids its invites and the one it came by, and is final for the key', () => {
    const { anna, ben, cleo, dice } = trio();
    const shared = anna.invite({ uses: 3, role: 'admin' });
    const eve = new Replica('eve', dice);
    eve.join(shared, anna);
    mergeAll([anna, ben, cleo, eve]);
    const made = eve.invite({ uses: 5 });
    const fay = new Replica('fay', dice);
    fay.join(made, ben);
    mergeAll([anna, ben, cleo, eve, fay]);
    removeMember(anna, eve.keys.id, T0);
    expect(toReview(anna.ledger, eve.keys.id)).toEqual(['fay']);
    ben.pull(anna);
    expect(ben.names()).toEqual(['anna', 'ben', 'cleo', 'fay']);
    expect(new Replica('gil', dice).join(made, ben)).toEqual({ refused: 'invite-void' });
    expect(new Replica('gil', dice).join(shared, ben)).toEqual({ refused: 'invite-void' });
    const back = new Replica('eve', dice, eve.seed);
    expect(back.join(anna.invite(), anna)).toEqual({ refused: 'removed' });
    expect(back.join(anna.invite(), anna, T0 + 1000, 1)).not.toHaveProperty('refused');
  });

  it('wins over what the removed one did without knowing', () => {
    const { anna, ben, cleo, dice } = trio();
    setRole(anna, ben.keys.id, 'admin', T0);
    mergeAll([anna, ben, cleo]);
    removeMember(anna, ben.keys.id, T0);
    const eve = new Replica('eve', dice);
    expect(eve.join(ben.invite(), ben)).not.toHaveProperty('refused');
    removeMember(ben, cleo.keys.id, T0);
    mergeAll([anna, ben, cleo, eve], true);
    for (const one of [anna, ben, cleo, eve]) expect(one.names()).toEqual(['anna', 'cleo']);
  });

  it('of two owners who remove each other leaves the senior; the last owner stays', () => {
    const { anna, ben, cleo } = trio();
    setRole(anna, ben.keys.id, 'owner', T0);
    mergeAll([anna, ben, cleo]);
    removeMember(anna, ben.keys.id, T0);
    removeMember(ben, anna.keys.id, T0);
    mergeAll([anna, ben, cleo], true);
    for (const one of [anna, ben, cleo]) expect(one.names()).toEqual(['anna', 'cleo']);
    expect(removeMember(anna, anna.keys.id, T0)).toEqual({ refused: 'last-owner' });
    expect(setRole(anna, anna.keys.id, 'admin', T0)).toEqual({ refused: 'last-owner' });
  });

  it('is for owners and admins only', () => {
    const { ben, cleo } = trio();
    expect(removeMember(ben, cleo.keys.id, T0)).toEqual({ refused: 'not-allowed' });
  });
});

describe('names and addresses', () => {
  it('numbers the later of two equal names and keeps the earlier', () => {
    const { anna, ben, cleo, dice } = trio();
    const twin = new Replica('Ben', dice);
    twin.join(anna.invite(), cleo);
    mergeAll([anna, ben, cleo, twin], true);
    const labels = [...anna.ledger.view().members.values()].map(({ label }) => label).sort();
    expect(labels).toEqual(['anna', 'ben', 'ben-2', 'cleo']);
    expect(anna.ledger.view().members.get(ben.id)?.label).toBe('ben');
    renameMember(twin, twin.keys.id, 'Benno');
    mergeAll([anna, twin]);
    expect(anna.ledger.view().members.get(twin.id)?.label).toBe('benno');
  });

  it('gives everybody another IPv4 address inside the prefix', () => {
    const { anna, dice } = trio();
    for (let i = 0; i < 30; i++) new Replica(`m${i}`, dice).join(anna.invite(), anna);
    const all = [...anna.ledger.view().members.values()].map(({ ipv4 }) => ipv4 ?? '');
    expect(new Set(all).size).toBe(33);
    for (const ipv4 of all) expect(ipv4).toMatch(/^10\.77\.\d+\.\d+$/);
  });
});

describe('records', () => {
  it('are refused with any bit changed, and known ones change nothing', () => {
    const { anna, dice } = trio();
    const records = anna.ledger.all();
    for (const [at, record] of records.entries()) {
      expect(anna.ledger.add(record).status).toBe('known');
      const other = new Ledger(crypto, anna.ledger.networkId);
      for (const earlier of records.slice(0, at)) other.add(earlier);
      for (let i = 0; i < 25; i++) {
        const bad = record.slice();
        const where = dice.below(bad.length);
        bad[where] = (bad[where] as number) ^ (1 << dice.below(8));
        expect(other.add(bad).status, `record ${at} byte ${where}`).not.toBe('added');
      }
    }
  });

  it('wait for their parents in any order', () => {
    const { anna } = trio();
    const other = new Ledger(crypto, anna.ledger.networkId);
    for (const record of anna.ledger.all().reverse()) other.add(record);
    expect(other.revision).toBe(anna.ledger.revision);
  });
});

describe('links', () => {
  it('say what is wrong with them', () => {
    const { anna } = trio();
    const link = encodeLink(crypto, anna.invite());
    expect(link.length).toBeLessThan(1200);
    expect(decodeLink(crypto, `  ${link.slice(0, 50)}\n${link.slice(50)} `)).toMatchObject({ networkName: 'home' });
    expect(decodeLink(crypto, link.replace('#', '%23'))).toMatchObject({ networkName: 'home' });
    expect(decodeLink(crypto, link.slice(0, -3))).toBe('link-damaged');
    expect(decodeLink(crypto, link.slice(0, 60))).toBe('link-damaged');
    expect(decodeLink(crypto, 'https://example.org')).toBe('link-not-weft');
    expect(decodeLink(crypto, `${link}${'A'.repeat(5000)}`)).toBe('link-too-long');
  });
});
