import type { Scenario } from '../support/scenario.ts';
import { churn } from './churn.ts';
import { crowd } from './crowd.ts';
import { few } from './few.ts';
import { hostile } from './hostile.ts';
import { joins } from './joins.ts';
import { massDeath } from './mass-death.ts';
import { partition } from './partition.ts';
import { relayDeaths } from './relay-deaths.ts';
import { removal } from './removal.ts';
import { rights } from './rights.ts';
import { sources } from './sources.ts';
import { steady } from './steady.ts';

/** Of any size: what tests run. */
export const SCENARIOS: readonly Scenario[] = [
  ...[steady, churn, partition, massDeath, relayDeaths, joins, few],
  ...[sources, rights, removal],
];
/** What soaks run. Who is fed by a member that means ill and puts it out may miss seconds: `hostile` falls short for some seeds. */
export const SOAKED: readonly Scenario[] = [...SCENARIOS, hostile];
/** By name on the command line. */
export const ALL: readonly Scenario[] = [...SOAKED, crowd];
