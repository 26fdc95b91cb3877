import type { Network } from '../../../../app/contract/state.ts';
import mark from '../../../../assets/icons/weft.svg';
import { useMirror } from '../../client/mirror.ts';
import { call } from '../../client/session.ts';
import { useT } from '../../i18n/i18n.ts';
import { Dot, Switch } from '../../ui/controls.tsx';
import { Icon, type IconName } from '../../ui/icon.tsx';
import { networkTone } from '../network/tone.ts';
import styles from './app.module.css';
import { openDialog, showNetwork, showPage, useCurrentNetwork, useView } from './view.ts';

export function Sidebar() {
  const t = useT();
  const networks = useMirror((mirror) => mirror.state?.networks) ?? [];
  const deviceName = useMirror((mirror) => mirror.state?.settings.deviceName) ?? '';
  return (
    <nav className={styles['side']} aria-label={t('nav.label')}>
      <div className={styles['brand']}>
        <img src={mark} alt="" />
        <div className={styles['brandText']}>
          <strong>{t('app.brand')}</strong>
          <span title={t('nav.device', { name: deviceName })}>{deviceName}</span>
        </div>
      </div>
      <div className={`${styles['section']} ${styles['networks']}`}>
        <div className={styles['heading']}>
          <span id="networks">{t('nav.networks')}</span>
          {networks.length > 1 && <AllSwitch networks={networks} />}
        </div>
        <ul aria-labelledby="networks" className={styles['section']}>
          {networks.map((network) => (
            <NetworkItem key={network.id} network={network} />
          ))}
        </ul>
      </div>
      <div className={`${styles['section']} ${styles['actionsRow']}`}>
        <Item icon="plus" text={t('nav.create')} onClick={() => openDialog({ kind: 'create' })} />
        <Item icon="link" text={t('nav.join')} onClick={() => openDialog({ kind: 'join', link: '' })} />
      </div>
      <div className={`${styles['section']} ${styles['actionsRow']} ${styles['foot']}`}>
        <PageItem page="connection" icon="pulse" text={t('nav.connection')} />
        <PageItem page="settings" icon="settings" text={t('nav.settings')} />
      </div>
    </nav>
  );
}

function AllSwitch({ networks }: { networks: Network[] }) {
  const t = useT();
  const on = networks.some((network) => network.on);
  return <Switch label={t('nav.all')} on={on} onChange={(up) => void call(up ? 'network.up' : 'network.down', {})} />;
}

function NetworkItem({ network }: { network: Network }) {
  const t = useT();
  const current = useCurrentNetwork()?.id === network.id;
  const onPage = useView((view) => view.page === 'network');
  const online = network.members.filter((member) => member.online && !member.self).length;
  const words = [
    t(`state.${network.state}`),
    ...(network.state === 'connected' && online > 0 ? [t('members.online', { count: online + 1 })] : []),
  ];
  return (
    <li className={styles['entry']} data-current={(current && onPage) || undefined}>
      <button
        type="button"
        className={styles['item']}
        aria-current={current && onPage ? 'page' : undefined}
        onClick={() => showNetwork(network.id)}
      >
        <Dot tone={networkTone(network)} />
        <span className={styles['itemText']}>
          <b>{network.name}</b>
          <small>{words.join(' · ')}</small>
        </span>
      </button>
      <Switch
        label={t('network.toggle', { name: network.name })}
        on={network.on}
        onChange={(up) => void call(up ? 'network.up' : 'network.down', { network: network.id })}
      />
    </li>
  );
}

function PageItem({ page, icon, text }: { page: 'connection' | 'settings'; icon: IconName; text: string }) {
  const current = useView((view) => view.page === page);
  return <Item icon={icon} text={text} current={current} onClick={() => showPage(page)} />;
}

interface ItemProps {
  icon: IconName;
  text: string;
  current?: boolean;
  onClick: () => void;
}

function Item({ icon, text, current, onClick }: ItemProps) {
  return (
    <div className={styles['entry']} data-current={current || undefined}>
      <button type="button" className={styles['item']} aria-current={current ? 'page' : undefined} onClick={onClick}>
        <Icon name={icon} />
        <span>{text}</span>
      </button>
    </div>
  );
}
