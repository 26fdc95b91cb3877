// The life of a network: create, invite, join, know each other, leave, and all of it again after a restart.
import { describe, expect, it } from 'vitest';
import { SimHost } from './support/host.ts';
import { World } from './support/world.ts';

describe('create, invite, join', () => {
  it('a link joins a second device within a second', () => {
    const world = new World({ seed: 1 });
    const anna = new SimHost(world, 'anna');
    const bert = new SimHost(world, 'bert');
    const id = anna.create();
    const start = world.mono;
    expect(bert.join(anna.link())).toBe(id);
    world.until('both online', () => anna.sees('bert') && bert.sees('anna'), 2_000);
    expect(world.mono - start).toBeLessThan(1_000);
    expect(bert.network()).toMatchObject({ name: 'home', state: 'connected', adapter: 'weft0', selfRole: 'member' });
  });
});
