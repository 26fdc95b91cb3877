import { useT } from '../../i18n/i18n.ts';
import { Dialog } from '../../ui/dialog.tsx';
import { closeDialog, showNetwork, useView } from '../app/view.ts';
import { JoinForm } from './join-form.tsx';

export function JoinDialog({ link }: { link: string }) {
  const t = useT();
  const joined = (id: string): void => {
    closeDialog();
    // A link that was opened from outside ends a first run that had just begun.
    useView.setState({ welcoming: false });
    showNetwork(id);
  };
  return (
    <Dialog title={t('join.title')} onClose={closeDialog}>
      <JoinForm link={link} onCancel={closeDialog} onJoined={joined} />
    </Dialog>
  );
}
