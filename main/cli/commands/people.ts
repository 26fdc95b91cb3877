// Changing members, names, roles and settings.
import { ok } from '../../../app/contract/errors.ts';
import { Settings, type Role } from '../../../app/contract/state.ts';
import type { Session } from '../session.ts';
import { clean, table } from '../text.ts';

const quiet = (): string => '';

export const remove = (session: Session, member: string, network: string | undefined): Promise<number> =>
  session.show(session.call('member.remove', { network, member }), ({ review }) =>
    review.length === 0 ? '' : `These came in by way of that member; look at them: ${clean(review.join(', '))}\n`,
  );

export interface RenameOptions {
  network?: string;
  member?: string;
  wholeNetwork?: boolean;
}

/** Renames this device, a member, or the network itself. */
export function rename(session: Session, name: string, options: RenameOptions): Promise<number> {
  const { network, member, wholeNetwork } = options;
  if (wholeNetwork) return session.show(session.call('network.rename', { network, name }), quiet);
  return session.show(session.call('member.rename', { network, member, name }), quiet);
}

export const role = (session: Session, member: string, role: string, network: string | undefined): Promise<number> =>
  session.show(session.call('member.setRole', { network, member, role: role as Role }), quiet);

/** Shows all settings, or sets KEY=VALUE pairs first. */
export async function settings(session: Session, pairs: string[]): Promise<number> {
  if (pairs.length === 0) {
    const state = await session.call('status', {});
    return state.ok ? session.show(Promise.resolve(ok(state.value.settings)), settingsText) : session.fail(state.error);
  }
  const changes: Record<string, unknown> = {};
  for (const pair of pairs) {
    const key = pair.slice(0, Math.max(0, pair.indexOf('=')));
    if (!Object.hasOwn(Settings.shape, key)) return session.fail({ code: 'bad-argument', data: { what: pair } });
    changes[key] = settingValue(key as keyof Settings, pair.slice(key.length + 1));
  }
  return session.show(session.call('settings.set', changes as Partial<Settings>), settingsText);
}

/** The contract's table judges the result, so what is no boolean stays a text and is refused there. */
function settingValue(key: keyof Settings, text: string): unknown {
  if (key === 'listen' || key === 'stun' || key === 'turn' || key === 'anywhere')
    return text === '' ? [] : text.split(',');
  if (key === 'relayKBps' || key === 'uplinkKBps' || key === 'groupKBps') return text === '' ? 0 : Number(text);
  if (['startMinimised', 'only443', 'portMapping', 'lan', 'dht', 'webrtc', 'port443', 'trafficClass'].includes(key))
    return { true: true, yes: true, on: true, false: false, no: false, off: false }[text] ?? text;
  return text;
}

const settingsText = (value: Settings): string =>
  table(
    ['SETTING', 'VALUE'],
    Object.entries(value).map(([key, item]) => [key, Array.isArray(item) ? item.join(',') : String(item)]),
  );
