// The device's own secret: one seed, from which the keys of every network derive (docs/decisions/002). Made when first needed.
import { fail, ok, type Outcome } from '../contract/errors.ts';
import { hex, unhex } from '../wire/messages/hex.ts';
import { decodeJson, encodeJson } from './json.ts';
import type { Ports } from './ports.ts';

const FILE = 'device';
const VERSION = 1;
const SEED_BYTES = 32;

export interface Device {
  /** 32 bytes. */
  seed: Uint8Array;
}

/** null: none was made yet. */
export function readDevice(ports: Ports): Outcome<Device | null> {
  const bytes = ports.store.read(FILE);
  if (!bytes.ok) return bytes;
  if (bytes.value === null) return ok(null);
  const fields = decodeJson(FILE, bytes.value, VERSION);
  if (!fields.ok) return fields;
  const { seed } = fields.value;
  if (typeof seed !== 'string' || !/^[0-9a-f]{64}$/.test(seed))
    return fail('state-corrupt', { file: FILE, kept: FILE });
  return ok({ seed: unhex(seed) });
}

/** A new seed, durable when this returns ok. */
export function makeDevice(ports: Ports): Outcome<Device> {
  const device = { seed: ports.random.bytes(SEED_BYTES) };
  const stored = ports.store.write(FILE, encodeJson(VERSION, { seed: hex(device.seed) }));
  return stored.ok ? ok(device) : stored;
}
