// What the desktop shell and its window say to each other beside the contract, over the same port. Their types begin with "shell.",
// which both machines of the protocol ignore; in a browser there is no shell and none of these messages.
import { z } from 'zod';
import { LINK_CHARS_MAX } from './limits.ts';

const failure = z.object({ code: z.string(), data: z.record(z.string(), z.string()).optional() });

/** From the shell to the window. */
export const ShellNews = z.discriminatedUnion('type', [
  /** First message. `autostart` is null where the shell cannot arrange it. */
  z.object({ type: z.literal('shell.info'), version: z.string(), autostart: z.boolean().nullable() }),
  /** An engine can be spoken to from now on (`hello` again), or not, and why. */
  z.object({ type: z.literal('shell.engine'), ready: z.boolean(), failure: failure.optional() }),
  /** Somebody opened a link: show its preview. The text was checked for length and characters only. */
  z.object({ type: z.literal('shell.join'), link: z.string().min(1).max(LINK_CHARS_MAX) }),
  /** The tray asks for a page. */
  z.object({ type: z.literal('shell.show'), page: z.enum(['invite', 'settings']) }),
]);
export type ShellNews = z.infer<typeof ShellNews>;

/** From the window to the shell. */
export const ShellRequest = z.discriminatedUnion('type', [
  z.object({ type: z.literal('shell.autostart'), on: z.boolean() }),
  /** Try again to reach or start an engine. */
  z.object({ type: z.literal('shell.retry') }),
]);
export type ShellRequest = z.infer<typeof ShellRequest>;

/** Beginning of every text of this file (JSON with `type` first). */
const PREFIX = '{"type":"shell.';

export const encodeShell = (message: ShellNews | ShellRequest): string => JSON.stringify(message);

/** null: not one of these messages, or not a valid one. */
export function decodeShell<M>(text: string, schema: z.ZodType<M>): M | null {
  if (!text.startsWith(PREFIX)) return null;
  try {
    const parsed = schema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}
export const isShellText = (text: string): boolean => text.startsWith(PREFIX);
