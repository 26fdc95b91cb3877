// The state that grew with each record is the one that all records make when they are settled anew.
import { describe, expect, it } from 'vitest';
import { renameMember } from '../../app/mesh/membership/acts.ts';
import type { InviteLink } from '../../app/wire/link.ts';
import { computeView } from '../../app/mesh/membership/view.ts';
import { crypto } from './crypto.ts';
import { Dice, Replica } from './replica.ts';

const HISTORIES = Number(process.env.WEFT_HISTORIES ?? 8);
const STEPS = 120;
/** Names that many wish for. */
const NAMES = ['uli', 'Uli', 'anna', 'bert', 'cleo'];

/** How often the state grew (it then has the very channels of before), of how often it changed. */
interface Tally {
  grown: number;
  changed: number;
}

function check(replica: Replica, before: ReturnType<Replica['ledger']['view']>, tally: Tally): void {
  const { ledger } = replica;
  const view = ledger.view();
  const anew = computeView(crypto, ledger.networkId, ledger.index).view;
  expect(view).toEqual(anew);
  expect([...view.members.keys()]).toEqual([...anew.members.keys()]);
  if (view === before) return;
  tally.changed++;
  if (view.channels === before.channels) tally.grown++;
}

describe('the state that grows', () => {
  const base = Number(process.env.WEFT_SEED ?? 4000);
  const tally: Tally = { grown: 0, changed: 0 };
  for (let seed = base; seed < base + HISTORIES; seed++)
    it(`is the one settled anew (WEFT_SEED=${seed})`, { timeout: 60_000 }, () => {
      const dice = new Dice(seed);
      const replicas = [Replica.creator('anna', dice)];
      const links: InviteLink[] = [];
      for (let step = 0; step < STEPS; step++) {
        const actor = dice.pick(replicas);
        const before = actor.ledger.view();
        const kind = dice.below(20);
        if (links.length === 0 || kind === 0) {
          const owner = replicas[0] as Replica;
          links.push(owner.invite({ uses: 1 + dice.below(12) }));
        } else if (kind === 1) renameMember(actor, actor.keys.id, dice.pick(NAMES));
        else if (kind < 9 && replicas.length < 30) {
          const joiner = new Replica(dice.pick(NAMES), dice);
          if (!('refused' in joiner.join(dice.pick(links), actor))) replicas.push(joiner);
        } else actor.pull(dice.pick(replicas), dice.below(2) === 0);
        check(actor, before, tally);
      }
    });

  it('did grow', () => {
    expect(tally.grown).toBeGreaterThan(tally.changed / 8);
  });
});
