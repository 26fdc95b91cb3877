// Version of the program.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from './addon.ts';

/** Put in by the bundler (scripts/bundle.mjs). */
declare const WEFT_VERSION: string | undefined;

/** "0.1.0" */
export function programVersion(): string {
  if (typeof WEFT_VERSION === 'string') return WEFT_VERSION;
  const text = readFileSync(join(packageRoot(), 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
