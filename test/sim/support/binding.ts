// The simulator's native half. Built by `npm run sim` and `npm test` (scripts/lib/sim.mjs), never shipped.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import type * as binding from '../../../native/sim/index.d.ts';

export type {
  Audit,
  FlowOptions,
  Loss,
  Nat,
  NodeOptions,
  NodeReport,
  SimNode,
  UnderlayReport,
  World,
  WorldOptions,
} from '../../../native/sim/index.d.ts';

const FILE = process.env['WEFT_SIM_ADDON'] ?? resolve('native/sim/weft-sim.node');

export const isBuilt = (): boolean => existsSync(FILE);

export function loadBinding(): typeof binding {
  if (!isBuilt()) throw new Error(`${FILE} is missing: run \`npm run sim -- --build\` once.`);
  return createRequire(import.meta.url)(FILE) as typeof binding;
}
