// The messages between a client and the engine: JSON text, one object each, `type` first. Golden files: test/golden/contract/.
import { z } from 'zod';

/** Version of these messages, named in `hello`. Within a version, changes only add: unknown types and fields are ignored. */
export const PROTOCOL_VERSION = 1;

/** Chosen by the client, unique among its open calls and watches. */
const id = z.int().min(1).max(0x7fffffff);
const text = z.string().max(256);
const data = z.record(z.string(), z.string());

export const ErrorBody = z.object({ code: text, data: data.optional() });

export const PatchOp = z.discriminatedUnion('op', [
  /** Replaces or adds; an array index equal to the length appends; the empty path is the whole value. */
  z.object({ op: z.literal('set'), path: z.array(z.union([z.string(), z.int().min(0)])), value: z.json() }),
  /** Removes a key; an array closes the gap. */
  z.object({ op: z.literal('delete'), path: z.array(z.union([z.string(), z.int().min(0)])).min(1) }),
]);
export type PatchOp = z.infer<typeof PatchOp>;

const hello = z.object({ type: z.literal('hello'), version: z.int(), client: text, token: text.optional() });
const call = z.object({ type: z.literal('call'), id, name: text, params: z.unknown().optional() });
const cancel = z.object({ type: z.literal('cancel'), id });
/** Repeated with an open id it asks for a fresh snapshot. */
const watch = z.object({ type: z.literal('watch'), id, topic: text });
const unwatch = z.object({ type: z.literal('unwatch'), id });
const bye = z.object({ type: z.literal('bye'), code: text });
const welcome = z.object({
  type: z.literal('welcome'),
  version: z.int(),
  /** Version of the contract's table. */
  contract: z.int(),
  access: z.enum(['view', 'use']),
  /** Version of the program, for people. */
  engine: text,
});
/** Of a call, or a refused watch. Exactly one of `result` and `error`. */
const answer = z.object({ type: z.literal('answer'), id, result: z.unknown().optional(), error: ErrorBody.optional() });
const snapshot = z.object({ type: z.literal('snapshot'), id, rev: z.int(), value: z.unknown() });
const patch = z.object({ type: z.literal('patch'), id, rev: z.int(), ops: z.array(PatchOp) });

export const ClientMessage = z.discriminatedUnion('type', [hello, call, cancel, watch, unwatch, bye]);
export type ClientMessage = z.infer<typeof ClientMessage>;
export const ServerMessage = z.discriminatedUnion('type', [welcome, answer, snapshot, patch, bye]);
export type ServerMessage = z.infer<typeof ServerMessage>;
export type Welcome = z.infer<typeof welcome>;

/** `unknown`: a type of a later version. `bad`: not JSON, not an object, or a known type with wrong fields. */
export type Decoded<M> =
  { kind: 'message'; message: M } | { kind: 'unknown'; id: number | null } | { kind: 'bad'; id: number | null };

const clientTypes = new Set(['hello', 'call', 'cancel', 'watch', 'unwatch', 'bye']);
const serverTypes = new Set(['welcome', 'answer', 'snapshot', 'patch', 'bye']);

function decode<M>(text: string, types: Set<string>, schema: z.ZodType<M>): Decoded<M> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { kind: 'bad', id: null };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { kind: 'bad', id: null };
  const fields = value as { type?: unknown; id?: unknown };
  const given = id.safeParse(fields.id);
  const known = given.success ? given.data : null;
  if (typeof fields.type !== 'string') return { kind: 'bad', id: known };
  if (!types.has(fields.type)) return { kind: 'unknown', id: known };
  const parsed = schema.safeParse(value);
  return parsed.success ? { kind: 'message', message: parsed.data } : { kind: 'bad', id: known };
}

export const decodeClientMessage = (text: string): Decoded<ClientMessage> => decode(text, clientTypes, ClientMessage);
export const decodeServerMessage = (text: string): Decoded<ServerMessage> => decode(text, serverTypes, ServerMessage);
export const encode = (message: ClientMessage | ServerMessage): string => JSON.stringify(message);

/** Whether a text has more than `max` UTF-8 bytes (lone surrogates count as three). */
export function longerThan(text: string, max: number): boolean {
  if (text.length > max) return true;
  if (text.length * 3 <= max) return false;
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    const pair = unit >= 0xd800 && unit < 0xdc00 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00;
    if (pair) i++;
    bytes += unit < 0x80 ? 1 : unit < 0x800 ? 2 : pair ? 4 : 3;
  }
  return bytes > max;
}
