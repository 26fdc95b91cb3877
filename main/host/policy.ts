// What the administrator of this machine forbids, from a file that only root can write.
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
});

/** Nothing but what is certain is allowed while the file cannot be understood. */
const STRICTEST: Policy = { relay: false, portMapping: false, http: false, webrtc: false };

/** Absent: everything is allowed. A file that cannot be read or understood forbids all it could forbid. */
export function readPolicy(log: Log, file = process.env['WEFT_POLICY'] ?? FILE): Policy {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    log.write('error', 'policy', { file, why: String(error) });
    return STRICTEST;
  }
  const parsed = SHAPE.safeParse(json(text));
  if (!parsed.success) {
    log.write('error', 'policy', { file, why: parsed.error.message });
    return STRICTEST;
  }
  const { relay, portMapping, http, webrtc } = parsed.data;
  return {
    ...(relay === undefined ? {} : { relay }),
    ...(portMapping === undefined ? {} : { portMapping }),
    ...(http === undefined ? {} : { http }),
    ...(webrtc === undefined ? {} : { webrtc }),
  };
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
