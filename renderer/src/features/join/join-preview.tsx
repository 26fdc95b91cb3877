// What a link leads to, and the button that follows it.
import { useState } from 'react';
import { NAME_CHARS_MAX } from '../../../../app/contract/limits.ts';
import type { LinkPreview } from '../../../../app/contract/table.ts';
import { useMirror } from '../../client/mirror.ts';
import { formatDate } from '../../i18n/format.ts';
import { useT } from '../../i18n/i18n.ts';
import { DialogForm } from '../../ui/dialog.tsx';
import { TextField } from '../../ui/field.tsx';
import kit from '../../ui/kit.module.css';
import { Notice } from '../../ui/notice.tsx';
import { useCall } from '../../ui/use-call.ts';
import styles from './join.module.css';

interface PreviewProps {
  link: string;
  preview: LinkPreview;
  onBack: () => void;
  onJoined: (id: string) => void;
  nameless?: boolean;
}

export function JoinPreview({ link, preview, onBack, onJoined, nameless }: PreviewProps) {
  const t = useT();
  const deviceName = useMirror((mirror) => mirror.state?.settings.deviceName) ?? '';
  const [memberName, setMemberName] = useState(deviceName);
  const join = useCall('network.join');
  const submit = async (): Promise<void> => {
    const outcome = await join.run({ link, ...(memberName.trim() ? { memberName } : {}) });
    if (outcome.ok) onJoined(outcome.value.id);
  };
  return (
    <>
      <PreviewCard preview={preview} />
      {preview.alreadyMember && <Notice level="note" title={t('join.already')} />}
      <DialogForm
        submit={join.busy ? t('join.busy') : t('join.submit')}
        onSubmit={() => void submit()}
        onCancel={onBack}
        busy={join.busy}
        disabled={preview.alreadyMember}
        failure={join.failure}
      >
        {!nameless && (
          <TextField
            label={t('create.member')}
            value={memberName}
            maxLength={NAME_CHARS_MAX}
            onChange={(event) => setMemberName(event.target.value)}
          />
        )}
      </DialogForm>
    </>
  );
}

function PreviewCard({ preview }: { preview: LinkPreview }) {
  const t = useT();
  return (
    <section className={styles['card']} aria-label={t('join.preview')}>
      <p className={styles['kicker']}>{t('join.preview')}</p>
      <h3>{preview.networkName}</h3>
      <dl className={kit['facts']}>
        <dt>{t('join.inviter')}</dt>
        <dd>{preview.inviter}</dd>
        <dt>{t('join.role')}</dt>
        <dd>{t(`role.${preview.role}`)}</dd>
        <dt>{t('join.expires')}</dt>
        <dd>{formatDate(preview.expiresMs)}</dd>
        <dt>{t('join.fingerprint')}</dt>
        <dd>
          <code className={kit['mono']}>{preview.fingerprint}</code>
          <span className={styles['hint']}>{t('join.fingerprint.hint')}</span>
        </dd>
      </dl>
      <p className={styles['hint']}>{t('join.ways', { count: preview.waysIn })}</p>
    </section>
  );
}
