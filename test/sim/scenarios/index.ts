import type { Scenario } from '../support/scenario.ts';
import { churn } from './churn.ts';
import { joins } from './joins.ts';
import { massDeath } from './mass-death.ts';
import { partition } from './partition.ts';
import { steady } from './steady.ts';

export const SCENARIOS: readonly Scenario[] = [steady, churn, partition, massDeath, joins];
