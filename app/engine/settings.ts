// The user's settings: durable, with defaults for what an older version did not know.
import { fail, ok, type Outcome } from '../contract/errors.ts';
import { Settings } from '../contract/state.ts';
import { groupsOf } from './anywhere.ts';
import { decodeJson, encodeJson } from './json.ts';
import type { Store } from './ports.ts';

const FILE = 'settings';
const VERSION = 1;
export const LISTEN_MAX = 8;
export const STUN_MAX = 8;
export const TURN_MAX = 4;

/** "user:password@host:port"; an IPv6 address stands in brackets. */
export const TURN = /^([^:@\s]+):([^@\s]*)@(\[[0-9a-fA-F:]+\]|[^:@\s[\]]+):(\d{1,5})$/;

/** With everything that this engine knows. */
export type FullSettings = Required<Settings>;

export const defaultSettings = (deviceName: string): FullSettings => ({
  deviceName,
  listen: [],
  language: 'system',
  theme: 'system',
  startMinimised: false,
  quit: 'disconnect',
  relay: 'unlimited',
  relayKBps: 0,
  uplinkKBps: 0,
  groupKBps: 0,
  only443: false,
  trafficClass: true,
  proxy: 'auto',
  portMapping: true,
  lan: true,
  dht: true,
  stun: [],
  port443: false,
  webrtc: true,
  turn: [],
  anywhere: ['discovery', 'games'],
});

export function readSettings(store: Store, deviceName: string): Outcome<FullSettings> {
  const bytes = store.read(FILE);
  if (!bytes.ok) return bytes;
  const defaults = defaultSettings(deviceName);
  if (bytes.value === null) return ok(defaults);
  const fields = decodeJson(FILE, bytes.value, VERSION);
  if (!fields.ok) return fields;
  const parsed = Settings.safeParse({ ...defaults, ...fields.value });
  return ok(parsed.success ? { ...defaults, ...defined(parsed.data) } : defaults);
}

export function writeSettings(store: Store, settings: Settings): Outcome<void> {
  return store.write(FILE, encodeJson(VERSION, settings));
}

/** The settings after a change; absent keys stay. */
export function mergeSettings(settings: FullSettings, change: Partial<Settings>): Outcome<FullSettings> {
  const merged = { ...settings, ...defined(change) };
  if (merged.listen.length > LISTEN_MAX) return fail('too-large', { what: 'listen' });
  if (merged.stun.length > STUN_MAX) return fail('too-large', { what: 'stun' });
  if (merged.turn.length > TURN_MAX) return fail('too-large', { what: 'turn' });
  if (!merged.turn.every((server) => TURN.test(server))) return fail('bad-argument', { what: 'turn' });
  if (!groupsOf(merged.anywhere)) return fail('bad-argument', { what: 'anywhere' });
  if (merged.deviceName.trim() === '') return fail('bad-argument', { what: 'deviceName' });
  return ok(merged);
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

const defined = <T extends object>(values: T): Defined<T> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Defined<T>;
