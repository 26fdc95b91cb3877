import { useT } from '../../i18n/i18n.ts';
import { Confirm } from '../../ui/confirm.tsx';
import { closeDialog } from '../app/view.ts';

export function RevokeDialog({ networkId, inviteId }: { networkId: string; inviteId: string }) {
  const t = useT();
  return (
    <Confirm
      title={t('invites.revoke.title')}
      text={t('invites.revoke.text')}
      submit={t('invites.revoke')}
      call="invite.revoke"
      params={{ network: networkId, invite: inviteId }}
      onClose={closeDialog}
    />
  );
}
