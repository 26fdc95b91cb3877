// Differences of plain JSON values, small and deterministic, and how to apply them without touching what did not change.
import { PATCH_OPERATIONS_MAX } from '../limits.ts';
import type { PatchOp } from './messages.ts';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json | undefined };
type Path = (string | number)[];
type JsonObject = { [key: string]: Json | undefined };

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Equality as JSON: a key whose value is undefined is a key that is absent. */
export function equal(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, i) => equal(item, b[i]));
  if (!isObject(a) || !isObject(b)) return false;
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  for (const key of keys) if (!equal(own(a, key), own(b, key))) return false;
  return true;
}

const own = (object: JsonObject, key: string): Json | undefined =>
  Object.hasOwn(object, key) ? object[key] : undefined;

/** Two items of a list are the same thing, perhaps changed: same `id`, else equal. */
function same(a: Json, b: Json): boolean {
  if (isObject(a) && isObject(b) && typeof a['id'] === 'string') return a['id'] === b['id'];
  return equal(a, b);
}

/**
 * Operations that turn `from` into `to`. Keys are visited in sorted order, so equal inputs give equal patches. Lists that only grew
 * at the end or only lost items are patched item by item; others are replaced.
 */
export function diff(from: Json, to: Json): PatchOp[] {
  const ops: PatchOp[] = [];
  walk(from, to, [], ops);
  return ops.length > PATCH_OPERATIONS_MAX ? [{ op: 'set', path: [], value: to as never }] : ops;
}

const set = (path: Path, value: Json): PatchOp => ({ op: 'set', path, value: value as never });

function walk(from: Json, to: Json, path: Path, ops: PatchOp[]): void {
  if (from === to || ops.length > PATCH_OPERATIONS_MAX) return;
  if (Array.isArray(from) && Array.isArray(to)) return walkList(from, to, path, ops);
  if (!isObject(from) || !isObject(to)) {
    if (!equal(from, to)) ops.push(set(path, to));
    return;
  }
  const keys = [...new Set([...Object.keys(from), ...Object.keys(to)])].sort();
  for (const key of keys) {
    const before = own(from, key);
    const after = own(to, key);
    if (before === undefined && after === undefined) continue;
    if (after === undefined) ops.push({ op: 'delete', path: [...path, key] });
    else if (before === undefined) ops.push(set([...path, key], after));
    else walk(before, after, [...path, key], ops);
  }
}

function walkList(from: Json[], to: Json[], path: Path, ops: PatchOp[]): void {
  const kept: Json[] = [];
  const gone: number[] = [];
  for (const [index, item] of from.entries()) {
    const next = to[kept.length];
    if (next !== undefined && same(item, next)) kept.push(item);
    else gone.push(index);
  }
  const shrunk = kept.length === to.length;
  // Lists of plain values (addresses) and lists of the same length without ids are short: compare place by place.
  const aligned = shrunk || gone.length === 0;
  if (!aligned) {
    if (from.length !== to.length || from.some(isIdentified)) ops.push(set(path, to));
    else for (const [index, item] of from.entries()) walk(item, to[index] as Json, [...path, index], ops);
    return;
  }
  for (const index of gone.reverse()) ops.push({ op: 'delete', path: [...path, index] });
  for (const [index, item] of kept.entries()) walk(item, to[index] as Json, [...path, index], ops);
  for (let index = kept.length; index < to.length; index++) ops.push(set([...path, index], to[index] as Json));
}

const isIdentified = (item: Json): boolean => isObject(item) && typeof item['id'] === 'string';

/** The patched value; parts that no operation names are the same objects as before. Null when an operation does not fit. */
export function apply(value: Json, ops: PatchOp[]): { value: Json } | null {
  let result = value;
  for (const op of ops) {
    const next = change(result, op, 0);
    if (!next) return null;
    result = next.value;
  }
  return { value: result };
}

function change(value: Json, op: PatchOp, depth: number): { value: Json } | null {
  if (depth === op.path.length) return op.op === 'set' ? { value: op.value as Json } : null;
  const key = op.path[depth] as string | number;
  if (Array.isArray(value)) return typeof key === 'number' ? changeList(value, key, op, depth) : null;
  // A key named __proto__ would change the prototype instead of the value.
  if (!isObject(value) || typeof key !== 'string' || key === '__proto__') return null;
  const copy = { ...value };
  if (depth === op.path.length - 1) {
    if (op.op === 'delete') delete copy[key];
    else copy[key] = op.value as Json;
    return { value: copy };
  }
  const child = own(value, key);
  const changed = child === undefined ? null : change(child, op, depth + 1);
  if (!changed) return null;
  copy[key] = changed.value;
  return { value: copy };
}

function changeList(value: Json[], index: number, op: PatchOp, depth: number): { value: Json } | null {
  const last = depth === op.path.length - 1;
  if (index > value.length || (index === value.length && !(last && op.op === 'set'))) return null;
  const copy = [...value];
  if (last && op.op === 'delete') copy.splice(index, 1);
  else if (last && op.op === 'set') copy[index] = op.value as Json;
  else {
    const changed = change(value[index] as Json, op, depth + 1);
    if (!changed) return null;
    copy[index] = changed.value;
  }
  return { value: copy };
}
