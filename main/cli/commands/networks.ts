// Making, joining and leaving networks, and the invites that lead into them.
import { fail, type Outcome } from '../../../app/contract/errors.ts';
import { LINK_CHARS_MAX } from '../../../app/contract/limits.ts';
import type { Role } from '../../../app/contract/state.ts';
import type { Session } from '../session.ts';
import { clean, parseDuration } from '../text.ts';

const quiet = (): string => '';

export const create = (session: Session, name: string, memberName: string | undefined): Promise<number> =>
  session.show(session.call('network.create', { name, memberName }), () => `Created ${clean(name)}.\n`);

export interface InviteOptions {
  role?: string;
  uses?: string;
  expires?: string;
}

/** Prints the link and nothing else, so that it can be piped. */
export function invite(session: Session, network: string | undefined, options: InviteOptions): Promise<number> {
  const expiresSeconds = options.expires === undefined ? undefined : parseDuration(options.expires);
  if (expiresSeconds === null)
    return Promise.resolve(session.fail({ code: 'bad-argument', data: { what: '--expires' } }));
  const uses = options.uses === undefined ? undefined : Number(options.uses);
  // The contract's table decides what is valid.
  const role = options.role as Exclude<Role, 'owner'> | undefined;
  return session.show(
    session.call('invite.create', { network, role, uses, expiresSeconds }),
    ({ link }) => `${link}\n`,
  );
}

export async function revoke(
  session: Session,
  given: string | undefined,
  network: string | undefined,
): Promise<number> {
  const invite = await linkText(session, given);
  if (!invite.ok) return session.fail(invite.error);
  return session.show(session.call('invite.revoke', { network, invite: invite.value }), quiet);
}

/** A link in the arguments can be seen by other users in the process list; `-` reads it from standard input instead. */
export async function join(
  session: Session,
  given: string | undefined,
  memberName: string | undefined,
): Promise<number> {
  const link = await linkText(session, given);
  if (!link.ok) return session.fail(link.error);
  return session.show(session.call('network.join', { link: link.value, memberName }), () => 'Joined.\n');
}

/** Whatever looks like an option is no link, wherever it came from. */
async function linkText(session: Session, given = ''): Promise<Outcome<string>> {
  const text = given === '-' ? (await session.io.input(LINK_CHARS_MAX + 1024)).trim() : given;
  if (text === '' || text.startsWith('-')) return fail('link-not-weft');
  return text.length > LINK_CHARS_MAX ? fail('link-too-long') : { ok: true, value: text };
}

export const leave = (session: Session, network: string | undefined): Promise<number> =>
  session.show(session.call('network.leave', { network }), quiet);

export const up = (session: Session, network: string | undefined): Promise<number> =>
  session.show(session.call('network.up', { network }), quiet);

export const down = (session: Session, network: string | undefined): Promise<number> =>
  session.show(session.call('network.down', { network }), quiet);
