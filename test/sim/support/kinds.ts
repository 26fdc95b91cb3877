// Control traffic by what is said, under names for people.
import { MESSAGE_TYPES } from '../../../app/wire/messages/message.ts';
import { TREE_TYPES } from '../../../app/wire/messages/tree.ts';
import type { World } from './binding.ts';

export interface Spoken {
  frames: number;
  bytes: number;
}

/** By name. */
export type Kinds = ReadonlyMap<string, Spoken>;

const MESSAGES = new Map<number, string>(
  Object.entries({ ...MESSAGE_TYPES, ...TREE_TYPES }).map(([name, type]) => [type, name]),
);
const NUMBERED = /^message (\d+)$/;

const named = (name: string): string => {
  const type = NUMBERED.exec(name)?.[1];
  return (type !== undefined && MESSAGES.get(Number(type))) || name;
};

/** Of all hosts since the world's start. */
export const kindsOf = (world: World): Kinds =>
  new Map(world.kinds().map(({ name, frames, bytes }) => [named(name), { frames, bytes }]));

/** What came after `before`, divided by so many seconds. */
export function ratesOf(now: Kinds, before: Kinds, seconds: number): Kinds {
  const rates = [...now].map(([name, { frames, bytes }]): [string, Spoken] => {
    const old = before.get(name) ?? { frames: 0, bytes: 0 };
    return [name, { frames: (frames - old.frames) / seconds, bytes: (bytes - old.bytes) / seconds }];
  });
  return new Map(rates.filter(([, { frames }]) => frames > 0).sort((a, b) => b[1].bytes - a[1].bytes));
}
