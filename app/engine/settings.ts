// The user's settings: durable, with defaults for what an older version did not know.
import { fail, ok, type Outcome } from '../contract/errors.ts';
import { Settings } from '../contract/state.ts';
import { decodeJson, encodeJson } from './json.ts';
import type { Store } from './ports.ts';

const FILE = 'settings';
const VERSION = 1;
export const LISTEN_MAX = 8;

export const defaultSettings = (deviceName: string): Settings => ({
  deviceName,
  listen: [],
  language: 'system',
  theme: 'system',
  startMinimised: false,
  quit: 'disconnect',
});

export function readSettings(store: Store, deviceName: string): Outcome<Settings> {
  const bytes = store.read(FILE);
  if (!bytes.ok) return bytes;
  const defaults = defaultSettings(deviceName);
  if (bytes.value === null) return ok(defaults);
  const fields = decodeJson(FILE, bytes.value, VERSION);
  if (!fields.ok) return fields;
  const parsed = Settings.safeParse({ ...defaults, ...fields.value });
  return parsed.success ? ok(parsed.data) : ok(defaults);
}

export function writeSettings(store: Store, settings: Settings): Outcome<void> {
  return store.write(FILE, encodeJson(VERSION, settings));
}

/** The settings after a change; absent keys stay. */
export function mergeSettings(settings: Settings, change: Partial<Settings>): Outcome<Settings> {
  const merged = { ...settings };
  for (const [name, value] of Object.entries(change)) if (value !== undefined) Object.assign(merged, { [name]: value });
  if (merged.listen.length > LISTEN_MAX) return fail('too-large', { what: 'listen' });
  if (merged.deviceName.trim() === '') return fail('bad-argument', { what: 'deviceName' });
  return ok(merged);
}
