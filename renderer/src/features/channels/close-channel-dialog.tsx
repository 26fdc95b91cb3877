import { useT } from '../../i18n/i18n.ts';
import { Confirm } from '../../ui/confirm.tsx';
import { closeDialog } from '../app/view.ts';

export function CloseChannelDialog({ networkId, channelId }: { networkId: string; channelId: string }) {
  const t = useT();
  return (
    <Confirm
      title={t('channels.close.title')}
      text={t('channels.close.text')}
      submit={t('channels.close')}
      call="channel.close"
      params={{ network: networkId, channel: channelId }}
      onClose={closeDialog}
    />
  );
}
