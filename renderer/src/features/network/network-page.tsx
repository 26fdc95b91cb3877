// One network: its state, own addresses, throughput, and its members, groups and invites.
import { Tabs } from 'radix-ui';
import type { Network } from '../../../../app/contract/state.ts';
import { call } from '../../client/session.ts';
import { useT, type Translate } from '../../i18n/i18n.ts';
import { Button } from '../../ui/button.tsx';
import { CopyValue, Dot, Empty, Menu, type MenuEntry } from '../../ui/controls.tsx';
import kit from '../../ui/kit.module.css';
import app from '../app/app.module.css';
import { openDialog, showTab, useCurrentNetwork, useView, type Tab } from '../app/view.ts';
import { Channels } from '../channels/channels.tsx';
import { Groups } from '../groups/groups.tsx';
import { Invites } from '../invites/invites.tsx';
import { Members } from '../members/members.tsx';
import { Problems } from '../problems/problems.tsx';
import { Throughput } from '../traffic/throughput.tsx';
import styles from './network.module.css';
import { mayManage, networkTone } from './tone.ts';

export function NetworkPage() {
  const network = useCurrentNetwork();
  if (!network) return null;
  return (
    <div className={app['page']}>
      <Header network={network} />
      <Problems network={network} />
      {network.on ? (
        <>
          <Throughput networkId={network.id} />
          <Parts network={network} />
        </>
      ) : (
        <SwitchedOff network={network} />
      )}
    </div>
  );
}

function Header({ network }: { network: Network }) {
  const t = useT();
  return (
    <header className={styles['header']}>
      <div className={styles['titles']}>
        <h1>{network.name}</h1>
        <p className={styles['status']} role="status">
          <span className={styles['pill']} data-tone={networkTone(network)}>
            <Dot tone={networkTone(network)} />
            {t(`state.${network.state}`)}
          </span>
          <span className={app['soft']}>
            {network.adapter ? t('network.adapter', { name: network.adapter }) : t('network.adapter.none')}
          </span>
        </p>
        <ul className={styles['addresses']} aria-label={t('network.addresses')}>
          {network.addresses.map((address) => (
            <li key={address}>
              <CopyValue value={bare(address)} />
            </li>
          ))}
        </ul>
      </div>
      <div className={styles['tools']}>
        <Button look="primary" icon="plus" onClick={() => openDialog({ kind: 'invite', networkId: network.id })}>
          {t('network.invite')}
        </Button>
        <Menu label={t('network.menu')} entries={menuOf(network, t)} />
      </div>
    </header>
  );
}

/** Without the prefix length: what one types into another program. */
const bare = (address: string): string => address.replace(/\/\d+$/, '');

function menuOf(network: Network, t: Translate): MenuEntry[] {
  const networkId = network.id;
  const owner = network.selfRole === 'owner';
  return [
    {
      text: t('network.rename.self'),
      onSelect: () => openDialog({ kind: 'renameMember', networkId, memberId: network.selfId }),
    },
    ...(owner
      ? [
          { text: t('network.rename'), onSelect: () => openDialog({ kind: 'renameNetwork', networkId }) },
          { text: t('network.recovery'), onSelect: () => openDialog({ kind: 'recovery', networkId }) },
        ]
      : []),
    { text: t('network.leave'), danger: true, onSelect: () => openDialog({ kind: 'leave', networkId }) },
  ];
}

function Parts({ network }: { network: Network }) {
  const t = useT();
  const tab = useView((view) => view.tab);
  const open = network.invites.filter(({ state }) => state === 'open').length;
  const tabs: { id: Tab; text: string; count: number }[] = [
    { id: 'members', text: t('members.tab'), count: network.members.length },
    { id: 'groups', text: t('groups.tab'), count: network.groups.length },
    ...(network.channels ? [{ id: 'channels' as const, text: t('channels.tab'), count: network.channels.length }] : []),
    ...(network.invites.length > 0 || mayManage(network.selfRole)
      ? [{ id: 'invites' as const, text: t('invites.tab'), count: open }]
      : []),
  ];
  const shown = tabs.some(({ id }) => id === tab) ? tab : 'members';
  return (
    <Tabs.Root value={shown} onValueChange={(value) => showTab(value as Tab)} className={styles['parts']}>
      <Tabs.List className={kit['tabs']} aria-label={t('network.tabs')}>
        {tabs.map(({ id, text, count }) => (
          <Tabs.Trigger key={id} value={id} className={kit['tab']}>
            {text}
            <span className={kit['count']}>{count}</span>
          </Tabs.Trigger>
        ))}
      </Tabs.List>
      <Tabs.Content value="members" tabIndex={-1}>
        <Members network={network} />
      </Tabs.Content>
      <Tabs.Content value="groups" tabIndex={-1}>
        <Groups network={network} />
      </Tabs.Content>
      <Tabs.Content value="channels" tabIndex={-1}>
        <Channels network={network} />
      </Tabs.Content>
      <Tabs.Content value="invites" tabIndex={-1}>
        <Invites network={network} />
      </Tabs.Content>
    </Tabs.Root>
  );
}

function SwitchedOff({ network }: { network: Network }) {
  const t = useT();
  return (
    <div className={kit['card']}>
      <Empty
        title={t('network.off.title')}
        text={t('network.off.text')}
        action={
          <Button look="primary" onClick={() => void call('network.up', { network: network.id })}>
            {t('network.off.action')}
          </Button>
        }
      />
    </div>
  );
}
