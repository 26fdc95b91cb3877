// Links that other programs hand over (`weft://join/#…`). They are only ever text for the window's Join preview.
import { LINK_CHARS_MAX } from '../../app/contract/limits.ts';

const PREFIX = 'weft://join/';

/** The link as given when it may be shown in the Join preview, else null. What it says is checked by the engine. */
export function validLink(text: unknown): string | null {
  if (typeof text !== 'string' || text.length > LINK_CHARS_MAX || !text.startsWith(PREFIX)) return null;
  // Printable ASCII without space and quotes: all that a link is made of.
  return /^[\x21\x23-\x26\x28-\x5f\x61-\x7e]+$/.test(text) ? text : null;
}

/** The first valid link among a program's arguments (Linux and Windows start a second program with it). */
export function linkFromArguments(argv: readonly string[]): string | null {
  for (const argument of argv.slice(1)) {
    const link = validLink(argument);
    if (link) return link;
  }
  return null;
}
