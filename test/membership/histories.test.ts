// Random histories on several replicas with partitions: every replica comes to the same state, and what must hold holds.
import { describe, expect, it } from 'vitest';
import { removeMember, renameMember, setRole } from '../../app/mesh/membership/acts.ts';
import { hex } from '../../app/wire/text.ts';
import type { InviteLink } from '../../app/wire/link.ts';
import { Dice, Replica, T0, mergeAll } from './replica.ts';

const HISTORIES = Number(process.env.WEFT_HISTORIES ?? 12);
const STEPS = 40;

interface World {
  dice: Dice;
  replicas: Replica[];
  links: { link: InviteLink; uses: number }[];
  /** Which half each replica is in while the network is split. */
  halves: Map<Replica, number>;
  split: boolean;
}

const reachable = (world: World, a: Replica, b: Replica) => !world.split || world.halves.get(a) === world.halves.get(b);

function step(world: World): void {
  const { dice, replicas } = world;
  const actor = dice.pick(replicas);
  const view = actor.ledger.view();
  const own = view.members.get(actor.id);
  const target = dice.pick([...view.members.values()]);
  switch (dice.below(9)) {
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
      if (dice.below(3) === 0) removeMember(actor, target.id, T0);
      return;
    case 5:
      if (dice.below(2) === 0) setRole(actor, target.id, dice.pick(['owner', 'admin', 'member', 'guest']), T0);
      return;
    case 6:
      renameMember(actor, target.id, dice.pick(['Uli', 'uli', 'Anna']));
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

/** The same fingerprint means the same state. */
const fingerprint = (replica: Replica) => {
  const view = replica.ledger.view();
  const members = [...view.members.values()].map(
    ({ idText, role, label, ipv4 }) => `${idText} ${role} ${label} ${ipv4}`,
  );
  return JSON.stringify([
    view.name,
    members,
    [...view.voided].sort(),
    view.invites.map(({ idText, state, used }) => [idText, state, used]),
  ]);
};

describe('random histories', () => {
  const base = Number(process.env.WEFT_SEED ?? 1000);
  for (let seed = base; seed < base + HISTORIES; seed++)
    it(`converge (WEFT_SEED=${seed})`, { timeout: 60_000 }, () => {
      const dice = new Dice(seed);
      const anna = Replica.creator('anna', dice);
      const world: World = { dice, replicas: [anna], links: [], halves: new Map([[anna, 0]]), split: false };
      for (let i = 0; i < STEPS; i++) step(world);
      mergeAll(world.replicas, true);
      const prints = new Set(world.replicas.map(fingerprint));
      expect(prints.size).toBe(1);
      const view = anna.ledger.view();
      const all = [...view.members.values()];
      expect(all.filter(({ role }) => role === 'owner').length).toBeGreaterThanOrEqual(1);
      expect(new Set(all.map(({ label }) => label)).size).toBe(all.length);
      expect(new Set(all.map(({ ipv4 }) => ipv4)).size).toBe(all.length);
      for (const { used, usesMax } of view.invites) expect(used).toBeLessThanOrEqual(usesMax);
      for (const [id, why] of view.voided) expect(view.members.has(id), `${why} ${id}`).toBe(false);
      for (const member of all) expect(hex(member.id) in view.voided).toBe(false);
    });
});
