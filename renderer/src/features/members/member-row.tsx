import { memo, useId, useState } from 'react';
import type { Member, Role } from '../../../../app/contract/state.ts';
import { useMirror } from '../../client/mirror.ts';
import { call } from '../../client/session.ts';
import { formatMs, formatRate } from '../../i18n/format.ts';
import { useT, type Translate } from '../../i18n/i18n.ts';
import { CopyValue, Dot, Menu, type MenuEntry } from '../../ui/controls.tsx';
import { Icon } from '../../ui/icon.tsx';
import { openDialog } from '../app/view.ts';
import { mayManage, memberTone, pathWords } from '../network/tone.ts';
import { MemberDetails } from './member-details.tsx';
import styles from './members.module.css';

interface RowProps {
  member: Member;
  networkId: string;
  /** The own role. */
  selfRole: Role;
  /** It sends more to groups than its share. */
  limited: boolean;
}

/** Draws again only when this member changed: unchanged members keep their identity in the mirror. */
export const MemberRow = memo(function MemberRow({ member, networkId, selfRole, limited }: RowProps) {
  const t = useT();
  const [open, setOpen] = useState(false);
  const id = useId();
  const offline = !member.online && !member.self;
  const address = member.addresses[0];
  return (
    <li className={styles['row']} data-offline={offline || undefined}>
      <div className={styles['cells']}>
        <button
          type="button"
          className={styles['name']}
          aria-expanded={open}
          aria-controls={open ? id : undefined}
          aria-label={t('members.details', { name: member.name })}
          onClick={() => setOpen(!open)}
        >
          <span className={styles['fold']} data-open={open || undefined}>
            <Icon name="chevron" size={16} />
          </span>
          <span className={styles['nameText']}>
            <b>
              {member.name}
              {member.self && <em>{t('app.you')}</em>}
            </b>
            {member.role !== 'member' && <small>{t(`role.${member.role}`)}</small>}
            {limited && <small className={styles['limited']}>{t('members.limited')}</small>}
          </span>
        </button>
        <span className={styles['path']}>
          <Dot tone={memberTone(member)} />
          {pathWords(member, t)}
        </span>
        <span className={styles['address']}>{address && <CopyValue value={address} />}</span>
        <span className={styles['rtt']}>{member.rttMs !== undefined && !offline ? formatMs(member.rttMs) : ''}</span>
        <Rates networkId={networkId} memberId={member.id} idle={offline || member.self} />
        <span className={styles['menu']}>
          <Menu label={t('members.menu', { name: member.name })} entries={menuOf(member, networkId, selfRole, t)} />
        </span>
      </div>
      {open && <MemberDetails id={id} member={member} />}
    </li>
  );
});

function Rates({ networkId, memberId, idle }: { networkId: string; memberId: string; idle: boolean }) {
  const rx = useRate(networkId, memberId, 'rxBytesPerSecond');
  const tx = useRate(networkId, memberId, 'txBytesPerSecond');
  if (idle || (rx === 0 && tx === 0)) return <span className={styles['rate']} />;
  return (
    <span className={styles['rate']}>
      <span>
        <Icon name="down" size={13} />
        {formatRate(rx)}
      </span>
      <span>
        <Icon name="up" size={13} />
        {formatRate(tx)}
      </span>
    </span>
  );
}

/** A plain number, so that a row draws again only when its own rate changed. */
const useRate = (networkId: string, memberId: string, kind: 'rxBytesPerSecond' | 'txBytesPerSecond'): number =>
  useMirror(
    ({ traffic }) =>
      traffic?.networks.find(({ id }) => id === networkId)?.members.find(({ id }) => id === memberId)?.[kind] ?? 0,
  );

function menuOf(member: Member, networkId: string, selfRole: Role, t: Translate): MenuEntry[] {
  const manages = mayManage(selfRole);
  const entries: MenuEntry[] = [];
  if (member.self || manages)
    entries.push({
      text: t('members.rename'),
      onSelect: () => openDialog({ kind: 'renameMember', networkId, memberId: member.id }),
    });
  if (member.self) return entries;
  if (selfRole === 'owner')
    for (const role of ['member', 'admin', 'owner'] as const)
      if (role !== member.role)
        entries.push({
          text: t(`members.make.${role}`),
          onSelect: () => void call('member.setRole', { network: networkId, member: member.id, role }),
        });
  if (manages && (selfRole === 'owner' || member.role !== 'owner'))
    entries.push({
      text: t('members.remove'),
      danger: true,
      onSelect: () => openDialog({ kind: 'removeMember', networkId, memberId: member.id }),
    });
  return entries;
}
