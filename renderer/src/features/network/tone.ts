// Which colour goes with which state; the word beside it says the same.
import type { Member, Network } from '../../../../app/contract/state.ts';
import type { Translate } from '../../i18n/i18n.ts';
import type { Tone } from '../../ui/controls.tsx';

export function networkTone(network: Network): Tone {
  const tones: Record<Network['state'], Tone> = {
    joining: 'busy',
    connecting: 'busy',
    connected: 'good',
    degraded: 'warn',
    off: 'off',
  };
  return tones[network.state];
}

export function memberTone(member: Member): Tone {
  if (member.self) return 'good';
  if (!member.online) return 'off';
  return member.path === 'relay' ? 'warn' : member.path === 'none' ? 'idle' : 'good';
}

/** "Direct · UDP", "Relayed", "Idle", "Offline" */
export function pathWords(member: Member, t: Translate): string {
  if (!member.self && !member.online) return t('path.offline');
  const path = t(`path.${member.path}`);
  return member.transport && member.path === 'direct'
    ? t('path.with', { path, transport: member.transport.toUpperCase() })
    : path;
}

export const mayManage = (role: Network['selfRole']): boolean => role === 'owner' || role === 'admin';
