// When nodes that trees did not reach are tried again.
import { describe, expect, it } from 'vitest';
import { Bans } from '../../app/mesh/multicast/bans.ts';
import { GONE_MS, MISSING_MS } from '../../app/mesh/multicast/limits.ts';

const CHILD = '00000000000000c1';

function bans() {
  const said = { run: 'first', seq: 5 };
  const made = new Bans(
    () => said.run,
    () => said.seq,
  );
  const fail = (nowMono: number) => {
    made.unreachable(nowMono, 'anna', CHILD);
    made.unreachable(nowMono, 'ben', CHILD);
  };
  return { bans: made, said, fail };
}
const online = () => true;

describe('nodes that are not reached', () => {
  it('who never stood is tried again soon', () => {
    const { bans: made, fail } = bans();
    made.unreachable(0, 'anna', CHILD);
    expect(made.isMissing(0, CHILD)).toBe(false);
    fail(0);
    expect([made.isMissing(MISSING_MS - 1, CHILD), made.isMissing(MISSING_MS, CHILD)]).toEqual([true, false]);
    expect(made.retryMono(0)).toBe(MISSING_MS);
  });

  it('who stood and says nothing more is most likely gone: later, twice as late again', () => {
    const { bans: made, fail } = bans();
    made.stands(CHILD);
    fail(0);
    expect([made.isMissing(GONE_MS - 1, CHILD), made.isMissing(GONE_MS, CHILD)]).toEqual([true, false]);
    made.unreachable(GONE_MS, 'cora', CHILD);
    expect(made.retryMono(GONE_MS)).toBe(3 * GONE_MS);
  });

  it('who seemed gone and speaks is tried at once, and as soon as others from then on', () => {
    const { bans: made, said, fail } = bans();
    made.stands(CHILD);
    fail(0);
    expect(made.lookAgain(online)).toBe(false);
    said.seq++;
    expect(made.lookAgain(online)).toBe(true);
    expect([made.isMissing(1, CHILD), made.retryMono(1)]).toEqual([false, Infinity]);
    expect(made.lookAgain(online)).toBe(false);
    fail(1);
    expect(made.retryMono(1)).toBe(1 + MISSING_MS);
  });

  it('who came back is judged anew', () => {
    const { bans: made, fail } = bans();
    made.stands(CHILD);
    fail(0);
    made.lookAgain(() => false);
    made.lookAgain(online);
    expect([made.isMissing(1, CHILD), made.isBarred(1, 'anna', CHILD)]).toEqual([false, false]);
  });
});
