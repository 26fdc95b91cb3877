import { useT } from '../../i18n/i18n.ts';
import { Confirm } from '../../ui/confirm.tsx';
import { closeDialog } from '../app/view.ts';

export function StopDialog() {
  const t = useT();
  return (
    <Confirm
      title={t('settings.stop.title')}
      text={t('settings.stop.text')}
      submit={t('settings.stop')}
      call="engine.stop"
      params={{ disconnect: true }}
      onClose={closeDialog}
    />
  );
}
