import type { Scenario } from '../support/scenario.ts';
import { churn } from './churn.ts';
import { crowd } from './crowd.ts';
import { forgers } from './forgers.ts';
import { hostile } from './hostile.ts';
import { joins } from './joins.ts';
import { massDeath } from './mass-death.ts';
import { partition } from './partition.ts';
import { relayDeaths } from './relay-deaths.ts';
import { removal } from './removal.ts';
import { rights } from './rights.ts';
import { sources } from './sources.ts';
import { steady } from './steady.ts';

/** Of any size: what tests and soaks run. */
export const SCENARIOS: readonly Scenario[] = [
  ...[steady, churn, partition, massDeath, relayDeaths, joins],
  ...[sources, rights, removal, hostile, forgers],
];
/** By name on the command line. */
export const ALL: readonly Scenario[] = [...SCENARIOS, crowd];
