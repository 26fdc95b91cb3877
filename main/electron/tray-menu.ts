// What the tray shows, as data: pure, so that it can be tested without a desktop.
import type { Network, State } from '../../app/contract/state.ts';

export type TrayAction =
  | { do: 'open' | 'quit' | 'invite' | 'settings' }
  | { do: 'toggle'; networkId: string | null; on: boolean }
  | { do: 'copy'; text: string };

export interface TrayItem {
  label: string;
  /** Absent: only information. */
  action?: TrayAction;
  checked?: boolean;
  separator?: boolean;
}
export type TrayIcon = 'on' | 'busy' | 'off' | 'warn';

const WORDS: Record<Network['state'], string> = {
  joining: 'joining',
  connecting: 'connecting',
  connected: 'connected',
  degraded: 'limited',
  off: 'off',
};
const separator: TrayItem = { label: '', separator: true };

/** null: no engine. */
export function trayIcon(state: State | null): TrayIcon {
  const states = (state?.networks ?? []).filter(({ on }) => on).map((network) => network.state);
  if (states.length === 0) return 'off';
  if (states.includes('degraded') || (state?.problems.length ?? 0) > 0) return 'warn';
  return states.every((word) => word === 'connected') ? 'on' : 'busy';
}

export function trayTooltip(state: State | null): string {
  if (!state) return 'Weft is not running';
  const on = state.networks.filter((network) => network.on);
  if (on.length === 0) return 'Weft: off';
  return `Weft: ${on.map(({ name, state: word }) => `${name} ${WORDS[word]}`).join(', ')}`;
}

export function trayMenu(state: State | null): TrayItem[] {
  const networks = state?.networks ?? [];
  const anyOn = networks.some(({ on }) => on);
  return [
    { label: 'Open Weft', action: { do: 'open' } },
    separator,
    ...(networks.length === 0 ? [{ label: state ? 'No networks yet' : 'Weft is not running' }] : []),
    ...networks.map(({ id, name, on, state: word }): TrayItem => ({
      label: `${name}: ${WORDS[word]}`,
      checked: on,
      action: { do: 'toggle', networkId: id, on: !on },
    })),
    ...(networks.length > 1
      ? [
          {
            label: anyOn ? 'Switch all off' : 'Switch all on',
            action: { do: 'toggle', networkId: null, on: !anyOn } as const,
          },
        ]
      : []),
    ...addresses(networks),
    separator,
    ...(networks.length > 0 ? [{ label: 'Invite someone', action: { do: 'invite' } as const }] : []),
    { label: 'Settings', action: { do: 'settings' } },
    { label: 'Quit', action: { do: 'quit' } },
  ];
}

function addresses(networks: Network[]): TrayItem[] {
  const items = networks.flatMap(({ name, addresses: own }): TrayItem[] => {
    const text = own[0]?.split('/')[0];
    return text ? [{ label: `Copy my address in ${name}: ${text}`, action: { do: 'copy', text } }] : [];
  });
  return items.length > 0 ? [separator, ...items] : [];
}
