// Figures that tests saw, beside what was promised: printed, and collected for the table that `npm run lab` writes to docs/lab.md.
import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { projectRoot } from './shell.ts';

const FILE = join(projectRoot, '.build/figures.jsonl');

/** `what` was `seen`; `bound` is the promise, in words. */
export function figure(what: string, seen: string, bound = ''): void {
  console.log(`${what}: ${seen}${bound ? ` (promised: ${bound})` : ''}`);
  mkdirSync(dirname(FILE), { recursive: true });
  const offloads = process.env.WEFT_OFFLOADS === 'none' ? 'none' : 'all';
  appendFileSync(FILE, `${JSON.stringify({ what, seen, bound, offloads })}\n`);
}
