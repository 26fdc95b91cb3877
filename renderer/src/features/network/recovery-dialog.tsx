import { useEffect, useState } from 'react';
import { useT } from '../../i18n/i18n.ts';
import { Button } from '../../ui/button.tsx';
import { useCopy } from '../../ui/controls.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { AreaField } from '../../ui/field.tsx';
import kit from '../../ui/kit.module.css';
import { FailureNotice } from '../../ui/notice.tsx';
import { useCall } from '../../ui/use-call.ts';
import { closeDialog } from '../app/view.ts';

export function RecoveryDialog({ networkId }: { networkId: string }) {
  const t = useT();
  const { run, failure } = useCall('network.recovery');
  const [recovery, setRecovery] = useState('');
  const { done, copy } = useCopy();
  useEffect(() => {
    void run({ network: networkId }).then((outcome) => outcome.ok && setRecovery(outcome.value.recovery));
  }, [run, networkId]);
  return (
    <Dialog title={t('recovery.title')} onClose={closeDialog}>
      <p>{t('recovery.text')}</p>
      <FailureNotice failure={failure} />
      {recovery && <AreaField label={t('recovery.title')} value={recovery} readOnly rows={4} />}
      <div className={kit['actions']}>
        <Button onClick={closeDialog}>{t('app.close')}</Button>
        <Button look="primary" icon={done ? 'check' : 'copy'} disabled={!recovery} onClick={() => copy(recovery)}>
          {done ? t('app.copied') : t('app.copy', { what: '' })}
        </Button>
      </div>
    </Dialog>
  );
}
