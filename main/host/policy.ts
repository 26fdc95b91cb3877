// What the administrator of this machine forbids, from a file that only root can write. WEFT_POLICY names a second file (one user's
// start script, a lab): it can forbid more and lift nothing.
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { Policy } from '../../app/engine/input.ts';
import type { Log } from '../../app/engine/ports.ts';

const FILE = '/etc/weft/policy.json';
const SHAPE = z.strictObject({
  version: z.literal(1),
  relay: z.boolean().optional(),
  portMapping: z.boolean().optional(),
  http: z.boolean().optional(),
  webrtc: z.boolean().optional(),
  trafficClass: z.boolean().optional(),
});

/** Nothing but what is certain is allowed while a file cannot be understood. */
const STRICTEST: Policy = { relay: false, portMapping: false, http: false, webrtc: false, trafficClass: false };

export interface PolicyFiles {
  /** Absent there: the administrator forbids nothing. */
  administrator?: string;
  /** Whoever names a file means it: it must be there. */
  more?: string | undefined;
}

/** What all files together allow. A file that cannot be read or understood forbids all it could forbid. */
export function readPolicy(log: Log, files: PolicyFiles = {}): Policy {
  const { administrator = FILE, more = process.env['WEFT_POLICY'] } = files;
  const first = readOne(log, administrator, true);
  return more ? strictest(first, readOne(log, more, false)) : first;
}

/** Forbidden is what either forbids. */
function strictest(one: Policy, other: Policy): Policy {
  const both: Policy = { ...one };
  for (const key of Object.keys(other) as (keyof Policy)[]) both[key] = both[key] !== false && other[key] !== false;
  return both;
}

function readOne(log: Log, file: string, mayLack: boolean): Policy {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (mayLack && (error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    log.write('error', 'policy', { file, why: String(error) });
    return STRICTEST;
  }
  const parsed = SHAPE.safeParse(json(text));
  if (!parsed.success) {
    log.write('error', 'policy', { file, why: parsed.error.message });
    return STRICTEST;
  }
  const { relay, portMapping, http, webrtc, trafficClass } = parsed.data;
  return {
    ...(relay === undefined ? {} : { relay }),
    ...(portMapping === undefined ? {} : { portMapping }),
    ...(http === undefined ? {} : { http }),
    ...(webrtc === undefined ? {} : { webrtc }),
    ...(trafficClass === undefined ? {} : { trafficClass }),
  };
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
