// Where the user is in the window: page, tab and open dialog. Nothing of it is kept.
import { create } from 'zustand';
import type { Network } from '../../../../app/contract/state.ts';
import { useMirror } from '../../client/mirror.ts';

export type Page = 'network' | 'connection' | 'settings';
export type Tab = 'members' | 'groups' | 'channels' | 'invites';

export type DialogView =
  | { kind: 'create' }
  | { kind: 'join'; link: string }
  | { kind: 'stop' }
  | { kind: 'invite' | 'renameNetwork' | 'leave' | 'recovery' | 'createChannel'; networkId: string }
  | { kind: 'renameMember' | 'removeMember'; networkId: string; memberId: string }
  | { kind: 'closeChannel'; networkId: string; channelId: string }
  | { kind: 'revoke'; networkId: string; inviteId: string };

interface View {
  page: Page;
  networkId: string | null;
  tab: Tab;
  dialog: DialogView | null;
  /** The first run is going on, although a network may exist already. */
  welcoming: boolean;
}

export const useView = create<View>(() => ({
  page: 'network',
  networkId: null,
  tab: 'members',
  dialog: null,
  welcoming: false,
}));

export const openDialog = (dialog: DialogView): void => useView.setState({ dialog });
export const closeDialog = (): void => useView.setState({ dialog: null });
export const showPage = (page: 'connection' | 'settings'): void => useView.setState({ page });
export const showTab = (tab: Tab): void => useView.setState({ tab });
export const showNetwork = (networkId: string): void =>
  useView.setState((view) => ({
    page: 'network',
    networkId,
    tab: view.networkId === networkId ? view.tab : 'members',
  }));

/** The network on show: the chosen one, else the first. */
export function useCurrentNetwork(): Network | null {
  const chosen = useView((view) => view.networkId);
  const networks = useMirror((mirror) => mirror.state?.networks);
  return networks?.find(({ id }) => id === chosen) ?? networks?.[0] ?? null;
}
export const useNetwork = (id: string): Network | undefined =>
  useMirror((mirror) => mirror.state?.networks.find((network) => network.id === id));
