// Everything about one member, to read and to copy.
import type { Member } from '../../../../app/contract/state.ts';
import { formatAgo, formatBytes } from '../../i18n/format.ts';
import { errorTexts, useT } from '../../i18n/i18n.ts';
import { CopyValue } from '../../ui/controls.tsx';
import kit from '../../ui/kit.module.css';
import styles from './members.module.css';

export function MemberDetails({ id, member }: { id: string; member: Member }) {
  const t = useT();
  const ipv4 = member.addresses.find((address) => address.includes('.'));
  const ipv6 = member.addresses.filter((address) => address.includes(':'));
  return (
    <dl id={id} className={`${kit['facts']} ${styles['details']}`}>
      {member.cause && <Fact term={t('detail.cause')} text={errorTexts({ code: member.cause }).text} />}
      <Fact term={t('detail.dns')} copy={member.dnsName} />
      {ipv4 && <Fact term={t('detail.ipv4')} copy={ipv4} />}
      {ipv6.map((address) => (
        <Fact key={address} term={t('detail.ipv6')} copy={address} />
      ))}
      {member.relays && member.relays.length > 0 && <Fact term={t('detail.relays')} text={member.relays.join(', ')} />}
      {member.endpoint && <Fact term={t('detail.endpoint')} copy={member.endpoint} />}
      {member.proxy && <Fact term={t('detail.proxy')} copy={member.proxy} />}
      {member.lastSeenMs !== undefined && !member.self && (
        <Fact term={t('detail.seen')} text={formatAgo(member.lastSeenMs)} />
      )}
      {!member.self && (
        <Fact
          term={t('detail.total')}
          text={t('detail.total.value', { rx: formatBytes(member.rxBytes), tx: formatBytes(member.txBytes) })}
        />
      )}
      <Fact term={t('detail.id')} copy={member.id} />
    </dl>
  );
}

function Fact({ term, copy, text }: { term: string; copy?: string; text?: string }) {
  return (
    <>
      <dt>{term}</dt>
      <dd>{copy ? <CopyValue value={copy} what={term} /> : text}</dd>
    </>
  );
}
