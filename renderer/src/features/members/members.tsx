// The members of a network: who is there, how they are reached, and what can be done about it.
import { useState } from 'react';
import type { Network } from '../../../../app/contract/state.ts';
import { useT } from '../../i18n/i18n.ts';
import { Button } from '../../ui/button.tsx';
import { Empty } from '../../ui/controls.tsx';
import { Icon } from '../../ui/icon.tsx';
import kit from '../../ui/kit.module.css';
import { openDialog } from '../app/view.ts';
import { MemberRow } from './member-row.tsx';
import styles from './members.module.css';

/** Fewer are found by looking. */
const SEARCH_FROM = 6;

export function Members({ network }: { network: Network }) {
  const t = useT();
  const [query, setQuery] = useState('');
  const { members } = network;
  const wanted = query.trim().toLowerCase();
  const shown = members.filter(({ name, addresses, dnsName }) =>
    [name, dnsName, ...addresses].some((text) => text.toLowerCase().includes(wanted)),
  );
  const online = members.filter((member) => member.online || member.self).length;
  return (
    <section className={styles['members']}>
      <div className={styles['bar']}>
        <p className={styles['summary']} role="status">
          {t('members.count', { count: members.length })} · {t('members.online', { count: online })}
        </p>
        {members.length >= SEARCH_FROM && (
          <label className={styles['search']}>
            <Icon name="search" size={17} />
            <span className="hidden">{t('members.search')}</span>
            <input
              type="search"
              className={kit['input']}
              placeholder={t('members.search')}
              value={query}
              onChange={(event) => setQuery(event.target.value)}
            />
          </label>
        )}
      </div>
      <div className={kit['card']}>
        <div className={styles['columns']} aria-hidden>
          <span>{t('members.column.name')}</span>
          <span>{t('members.column.state')}</span>
          <span>{t('members.column.address')}</span>
          <span data-number>{t('members.column.rtt')}</span>
          <span data-number>{t('members.column.rate')}</span>
        </div>
        <ul>
          {shown.map((member) => (
            <MemberRow
              key={member.id}
              member={member}
              networkId={network.id}
              selfRole={network.selfRole}
              limited={network.limited?.some((one) => one.member === member.id) ?? false}
            />
          ))}
        </ul>
        {shown.length === 0 && <p className={styles['nomatch']}>{t('members.nomatch', { query })}</p>}
        {members.length === 1 && <Alone networkId={network.id} />}
      </div>
    </section>
  );
}

function Alone({ networkId }: { networkId: string }) {
  const t = useT();
  return (
    <div className={styles['alone']}>
      <Empty
        title={t('members.alone.title')}
        text={t('members.alone.text')}
        action={
          <Button look="primary" icon="plus" onClick={() => openDialog({ kind: 'invite', networkId })}>
            {t('welcome.done.invite')}
          </Button>
        }
      />
    </div>
  );
}
