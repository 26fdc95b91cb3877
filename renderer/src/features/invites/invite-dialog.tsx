import { useState } from 'react';
import { INVITE_USES_MAX } from '../../../../app/contract/limits.ts';
import type { CallResult } from '../../../../app/contract/table.ts';
import { formatDate } from '../../i18n/format.ts';
import { useT, type Key } from '../../i18n/i18n.ts';
import { Button } from '../../ui/button.tsx';
import { useCopy } from '../../ui/controls.tsx';
import { Dialog, DialogForm } from '../../ui/dialog.tsx';
import { AreaField, SelectField, TextField } from '../../ui/field.tsx';
import kit from '../../ui/kit.module.css';
import { useCall } from '../../ui/use-call.ts';
import { closeDialog, useNetwork } from '../app/view.ts';
import { mayManage } from '../network/tone.ts';
import styles from './invites.module.css';
import { Qr } from './qr.tsx';

type InviteRole = 'member' | 'admin' | 'guest';
type Made = CallResult<'invite.create'> & { uses: number };

const DAY_SECONDS = 86_400;
const EXPIRIES: [seconds: number, key: Key][] = [
  [3_600, 'invite.expires.hour'],
  [DAY_SECONDS, 'invite.expires.day'],
  [7 * DAY_SECONDS, 'invite.expires.week'],
  [30 * DAY_SECONDS, 'invite.expires.month'],
];

export function InviteDialog({ networkId }: { networkId: string }) {
  const t = useT();
  const network = useNetwork(networkId);
  const [made, setMade] = useState<Made | null>(null);
  return (
    <Dialog title={t('invite.title', { network: network?.name ?? '' })} onClose={closeDialog}>
      {made ? (
        <MadeInvite made={made} onAnother={() => setMade(null)} />
      ) : (
        <InviteForm networkId={networkId} admins={mayManage(network?.selfRole ?? 'member')} onMade={setMade} />
      )}
    </Dialog>
  );
}

interface InviteFormProps {
  networkId: string;
  /** May name admins. */
  admins: boolean;
  onMade: (made: Made) => void;
}

function InviteForm({ networkId, admins, onMade }: InviteFormProps) {
  const t = useT();
  const [role, setRole] = useState<InviteRole>('member');
  const [uses, setUses] = useState('1');
  const [expiresSeconds, setExpires] = useState(DAY_SECONDS);
  const create = useCall('invite.create');
  const count = Number(uses);
  const valid = Number.isInteger(count) && count >= 1 && count <= INVITE_USES_MAX;
  const submit = async (): Promise<void> => {
    const outcome = await create.run({ network: networkId, role, uses: count, expiresSeconds });
    if (outcome.ok) onMade({ ...outcome.value, uses: count });
  };
  const roles: InviteRole[] = admins ? ['member', 'admin', 'guest'] : ['member', 'guest'];
  return (
    <DialogForm
      submit={t('invite.submit')}
      onSubmit={() => void submit()}
      onCancel={closeDialog}
      busy={create.busy}
      disabled={!valid}
      failure={create.failure}
    >
      <SelectField
        label={t('invite.role')}
        value={role}
        onChange={(event) => setRole(event.target.value as InviteRole)}
        options={roles.map((value) => ({ value, text: t(`invite.role.${value}`) }))}
      />
      <div className={styles['pair']}>
        <TextField
          label={t('invite.uses')}
          type="number"
          min={1}
          max={INVITE_USES_MAX}
          value={uses}
          onChange={(event) => setUses(event.target.value)}
        />
        <SelectField
          label={t('invite.expires')}
          value={String(expiresSeconds)}
          onChange={(event) => setExpires(Number(event.target.value))}
          options={EXPIRIES.map(([seconds, key]) => ({ value: String(seconds), text: t(key) }))}
        />
      </div>
    </DialogForm>
  );
}

function MadeInvite({ made, onAnother }: { made: Made; onAnother: () => void }) {
  const t = useT();
  const { done, copy } = useCopy();
  return (
    <>
      <p role="status">{t('invite.ready')}</p>
      <div className={styles['made']}>
        <Qr text={made.link} label={t('invite.qr')} />
        <div className={styles['beside']}>
          <AreaField
            label={t('invite.link')}
            value={made.link}
            readOnly
            rows={5}
            onFocus={(event) => event.target.select()}
          />
          <Button look="primary" icon={done ? 'check' : 'copy'} onClick={() => copy(made.link)} autoFocus>
            {done ? t('app.copied') : t('invite.copy')}
          </Button>
        </div>
      </div>
      <p>{t('invite.warning', { count: made.uses, date: formatDate(made.expiresMs) })}</p>
      <div className={kit['actions']}>
        <Button onClick={onAnother}>{t('invite.another')}</Button>
        <Button onClick={closeDialog}>{t('app.close')}</Button>
      </div>
    </>
  );
}
