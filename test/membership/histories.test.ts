// Random histories on several replicas with partitions: every replica comes to the same state, and what must hold holds.
import { describe, expect, it } from 'vitest';
import { removeMember, renameMember, setRole } from '../../app/mesh/membership/acts.ts';
import { hex } from '../../app/wire/text.ts';
import type { InviteLink } from '../../app/wire/link.ts';
import { Ledger } from '../../app/mesh/membership/ledger.ts';
import { crypto } from './crypto.ts';
import { Dice, fingerprint, forge, forgeMembership, Replica, T0, mergeAll } from './replica.ts';

const HISTORIES = Number(process.env.WEFT_HISTORIES ?? 12);
const STEPS = 40;

interface World {
  dice: Dice;
  replicas: Replica[];
  links: { link: InviteLink; uses: number }[];
  /** Which half each replica is in while the network is split. */
  halves: Map<Replica, number>;
  split: boolean;
  withEvil: boolean;
}

const reachable = (world: World, a: Replica, b: Replica) => !world.split || world.halves.get(a) === world.halves.get(b);

function step(world: World): void {
  const { dice, replicas } = world;
  const actor = dice.pick(replicas);
  const view = actor.ledger.view();
  const own = view.members.get(actor.id);
  const target = dice.pick([...view.members.values()]);
  switch (dice.below(world.withEvil ? 12 : 9)) {
    case 9:
    case 10:
    case 11:
      return evil(world);
    case 0:
    case 1: {
      if (own?.role !== 'owner' && own?.role !== 'admin') return;
      const uses = 1 + dice.below(2);
      world.links.push({
        link: actor.invite({ uses, role: dice.below(4) === 0 && own.role === 'owner' ? 'admin' : 'member' }),
        uses,
      });
      return;
    }
    case 2:
    case 3: {
      if (world.links.length === 0 || replicas.length >= 12) return;
      const joiner = new Replica(`m${replicas.length}`, dice);
      const result = joiner.join(dice.pick(world.links).link, actor);
      if ('refused' in result) return;
      world.halves.set(joiner, world.halves.get(actor) ?? 0);
      replicas.push(joiner);
      return;
    }
    case 4:
      if (dice.below(3) === 0) removeMember(actor, target.idBytes, T0);
      return;
    case 5:
      if (dice.below(2) === 0) setRole(actor, target.idBytes, dice.pick(['owner', 'admin', 'member', 'guest']), T0);
      return;
    case 6:
      renameMember(actor, target.idBytes, dice.pick(['Uli', 'uli', 'Anna']));
      return;
    case 7: {
      world.split = !world.split;
      for (const one of replicas) world.halves.set(one, dice.below(2));
      return;
    }
    default: {
      const other = dice.pick(replicas);
      if (reachable(world, actor, other)) actor.pull(other, true);
    }
  }
}

/** A member with a changed program: a right by no means its own, on heads of its choosing. */
function evil(world: World): void {
  const { dice, replicas } = world;
  const forger = dice.pick(replicas);
  const known = forger.ledger.all();
  const heads = new Map<string, Uint8Array>();
  for (let i = 0; i <= dice.below(3); i++) {
    const hash = crypto.hash(dice.pick(known));
    heads.set(hex(hash), hash);
  }
  const target = dice.pick(replicas).keys.id;
  const base = { heads: [...heads.values()] };
  const link = world.links.length > 0 ? dice.pick(world.links).link : undefined;
  const own = forger.ledger.view().members.get(forger.id)?.membership;
  switch (dice.below(5)) {
    case 0:
      forger.ledger.add(forge(forger, { ...base, kind: 'removal', target, atMs: T0 }));
      return;
    case 1: {
      const role = dice.pick(['owner', 'admin', 'member', 'guest'] as const);
      forger.ledger.add(forge(forger, { ...base, kind: 'role', target, role, atMs: T0 }));
      return;
    }
    case 2:
      forger.ledger.add(forge(forger, { ...base, kind: 'rename', target, name: dice.pick(['anna', 'x']) }));
      return;
    default: {
      if (!link) return;
      for (const record of link.chain) forger.ledger.add(record);
      heads.set('certificate', crypto.hash(link.chain.at(-1) as Uint8Array));
      if (own) heads.set('own', own);
      const unique = new Map([...heads.values()].map((head) => [hex(head), head]));
      // Mostly a device that is in already, by this invite as well: its role must not depend on the order of arrival.
      const device = new Replica('again', dice, dice.below(3) > 0 ? dice.pick(replicas).seed : dice.bytes(32));
      const noiseKey = dice.below(4) === 0 ? dice.pick(replicas).keys.noiseKey : undefined;
      forger.ledger.add(forgeMembership(forger, link, device, { heads: [...unique.values()], noiseKey }));
    }
  }
}

/** The same records in other orders. */
function replayed(ledger: Ledger, dice: Dice): Ledger {
  const records = ledger.all();
  const other = new Ledger(crypto, ledger.networkId);
  while (records.length > 0) other.add(records.splice(dice.below(records.length), 1)[0] as Uint8Array);
  return other;
}

describe('random histories', () => {
  const base = Number(process.env.WEFT_SEED ?? 1000);
  for (let seed = base; seed < base + HISTORIES; seed++)
    it(`converge (WEFT_SEED=${seed})`, { timeout: 60_000 }, () => {
      const withEvil = seed % 2 === 1;
      const dice = new Dice(seed);
      const anna = Replica.creator('anna', dice);
      const world: World = { dice, replicas: [anna], links: [], halves: new Map([[anna, 0]]), split: false, withEvil };
      for (let i = 0; i < STEPS; i++) step(world);
      mergeAll(world.replicas, true);
      const others = [1, 2].map(() => replayed(anna.ledger, dice));
      for (const one of others) expect(one.revision).toBe(anna.ledger.revision);
      const ledgers = [...world.replicas.map(({ ledger }) => ledger), ...others];
      expect(new Set(ledgers.map(fingerprint)).size).toBe(1);
      const view = anna.ledger.view();
      const all = [...view.members.values()];
      expect(all.filter(({ role }) => role === 'owner').length).toBeGreaterThanOrEqual(1);
      expect(new Set(all.map(({ label }) => label)).size).toBe(all.length);
      expect(new Set(all.map(({ ipv4 }) => ipv4)).size).toBe(all.length);
      for (const { used, usesMax } of view.invites) expect(used).toBeLessThanOrEqual(usesMax);
      for (const [id, why] of view.voided) expect(view.members.has(id), `${why} ${id}`).toBe(false);
      expect(new Set(all.map(({ dhKey }) => hex(dhKey))).size).toBe(all.length);
    });
});
