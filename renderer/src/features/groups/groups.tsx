// Multicast groups that applications joined, on this device or others: which, and who takes part.
import type { Group, Network } from '../../../../app/contract/state.ts';
import { useT, type Translate } from '../../i18n/i18n.ts';
import { CopyValue, Empty } from '../../ui/controls.tsx';
import { Icon } from '../../ui/icon.tsx';
import kit from '../../ui/kit.module.css';
import styles from './groups.module.css';
import { knownGroup } from './known-groups.ts';

export function Groups({ network }: { network: Network }) {
  const t = useT();
  if (network.groups.length === 0)
    return (
      <div className={kit['card']}>
        <Empty art={<Icon name="cast" size={56} />} title={t('groups.empty.title')} text={t('groups.empty.text')} />
      </div>
    );
  return (
    <section className={styles['groups']}>
      <p className={styles['lead']}>{t('groups.text')}</p>
      <ul className={kit['card']}>
        {network.groups.map((group) => (
          <GroupRow key={group.address} group={group} network={network} />
        ))}
      </ul>
    </section>
  );
}

function GroupRow({ group, network }: { group: Group; network: Network }) {
  const t = useT();
  const known = knownGroup(group.address);
  const names = new Map(network.members.map((member) => [member.id, member.self ? t('app.you') : member.name]));
  const sources = group.sources?.length ? group.sources.join(', ') : null;
  return (
    <li className={styles['row']}>
      <div className={styles['what']}>
        {known && <b>{t(known)}</b>}
        <CopyValue value={group.address} />
        {group.sending && <small>{sendingText(t, group.sending)}</small>}
        {sources && <small>{t(group.mode === 'exclude' ? 'groups.except' : 'groups.only', { sources })}</small>}
      </div>
      <ul className={styles['people']} aria-label={t('members.count', { count: group.members.length })}>
        {group.members.map((id) => (
          <li key={id} data-self={id === network.selfId || undefined}>
            {names.get(id) ?? id.slice(0, 6)}
          </li>
        ))}
      </ul>
      <span className={styles['joined']}>{group.joined ? t('groups.joined') : ''}</span>
    </li>
  );
}

/** How this device's packets get there. */
function sendingText(t: Translate, sending: NonNullable<Group['sending']>): string {
  const { way, receivers, unserved = 0, depth = 0, degree = 0, stripes = 1, relays = 0 } = sending;
  if (way === 'direct') return t('groups.sending.direct', { count: receivers });
  const key = unserved > 0 ? 'groups.sending.short' : stripes > 1 ? 'groups.sending.stripes' : 'groups.sending.tree';
  const text = t(key, { count: receivers, depth, degree, stripes, unserved });
  return relays > 0 ? `${text} ${t('groups.sending.relays', { count: relays })}` : text;
}
