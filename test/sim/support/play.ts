// Runs one scenario and judges it.
import { DEFAULTS, type SimOptions } from './options.ts';
import type { Scenario } from './scenario.ts';
import { Simulation } from './simulation.ts';
import { ALLOWANCE, DEMAND, demand, judge, unrepaired, type Demand, type Verdict } from './verdict.ts';

const SECOND = 1_000_000;

export interface Play {
  sim: Simulation;
  verdict: Verdict;
  /** Where the model is not met: what is missing, with the command that repeats it; empty when it is. */
  failure: string;
  digest: string;
  /** Real and virtual seconds; of the real ones, those in engines. */
  realS: number;
  virtualS: number;
  engineS: number;
}

export const optionsOf = (scenario: Scenario, given: Partial<SimOptions>): SimOptions => ({
  ...DEFAULTS,
  ...scenario.defaults,
  ...given,
});

/** Throws, with seed and command, where the model is not met. */
export function play(scenario: Scenario, given: Partial<SimOptions>, progress: Simulation['progress'] = null): Play {
  const played = measure(scenario, given, progress);
  if (played.failure) throw new Error(played.failure);
  return played;
}

/** As `play`, but what falls short of the model is told, not thrown. */
export function measure(scenario: Scenario, given: Partial<SimOptions>, progress: Simulation['progress'] = null): Play {
  const started = performance.now();
  const sim = new Simulation(scenario.name, optionsOf(scenario, given), optionsOf(scenario, {}));
  sim.progress = progress;
  try {
    scenario.run(sim);
  } catch (error) {
    // A crash inside is a finding as well: it needs its seed.
    if (error instanceof Error && !error.message.includes('again: ')) error.message += `\nagain: ${sim.command}`;
    throw error;
  }
  const verdict = judge(sim, { ...ALLOWANCE, ...scenario.allowance, ...unrepaired(sim) });
  return {
    sim,
    verdict,
    failure: shortfall(sim, verdict, { ...DEMAND, ...scenario.demand }),
    digest: sim.world.digest(),
    realS: (performance.now() - started) / 1000,
    virtualS: sim.now / SECOND,
    engineS: sim.hosts.reduce((sum, host) => sum + host.spentMs, 0) / 1000,
  };
}

function shortfall(sim: Simulation, verdict: Verdict, asked: Demand): string {
  try {
    demand(sim, verdict, asked);
    return '';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
