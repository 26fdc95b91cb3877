// A handful of members on bad lines: what goes to one or two is repaired as what goes to many.
import { DRAIN_S, gather, stream, type Scenario } from '../support/scenario.ts';

export const few: Scenario = {
  name: 'few',
  about: 'few members, each path loses 5 %',
  defaults: { nodes: 3, loss: 0.05 },
  demand: { ratio: 0.999 },
  run(sim) {
    stream(sim, gather(sim));
    sim.run(sim.options.seconds + DRAIN_S);
  },
};
