import type { Invite, Network } from '../../../../app/contract/state.ts';
import { formatDate } from '../../i18n/format.ts';
import { useT } from '../../i18n/i18n.ts';
import { Button } from '../../ui/button.tsx';
import { Dot, Empty } from '../../ui/controls.tsx';
import { Icon } from '../../ui/icon.tsx';
import kit from '../../ui/kit.module.css';
import { openDialog } from '../app/view.ts';
import styles from './invites.module.css';

export function Invites({ network }: { network: Network }) {
  const t = useT();
  const create = (
    <Button icon="plus" onClick={() => openDialog({ kind: 'invite', networkId: network.id })}>
      {t('invites.new')}
    </Button>
  );
  if (network.invites.length === 0)
    return (
      <div className={kit['card']}>
        <Empty
          art={<Icon name="link" size={56} />}
          title={t('invites.empty.title')}
          text={t('invites.empty.text')}
          action={create}
        />
      </div>
    );
  const newestFirst = [...network.invites].sort((a, b) => b.createdMs - a.createdMs);
  return (
    <section className={styles['invites']}>
      <div className={styles['bar']}>
        <p>{t('invites.text')}</p>
        {create}
      </div>
      <ul className={kit['card']}>
        {newestFirst.map((invite) => (
          <InviteRow key={invite.id} invite={invite} networkId={network.id} />
        ))}
      </ul>
    </section>
  );
}

function InviteRow({ invite, networkId }: { invite: Invite; networkId: string }) {
  const t = useT();
  const open = invite.state === 'open';
  return (
    <li className={styles['row']} data-closed={!open || undefined}>
      <span className={styles['state']}>
        <Dot tone={open ? 'good' : 'off'} />
        {t(`invites.state.${invite.state}`)}
      </span>
      <span className={styles['what']}>
        <b>{t(`role.${invite.role}`)}</b>
        <small>{t('invites.by', { name: invite.issuer })}</small>
      </span>
      <span>{t('invites.uses', { left: invite.usesLeft, max: invite.usesMax })}</span>
      <span>{t('invites.until', { date: formatDate(invite.expiresMs) })}</span>
      <span className={styles['action']}>
        {open && (
          <Button onClick={() => openDialog({ kind: 'revoke', networkId, inviteId: invite.id })}>
            {t('invites.revoke')}
          </Button>
        )}
      </span>
    </li>
  );
}
