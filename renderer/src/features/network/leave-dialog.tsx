import { useState } from 'react';
import { useT } from '../../i18n/i18n.ts';
import { Confirm } from '../../ui/confirm.tsx';
import { closeDialog, useNetwork } from '../app/view.ts';

export function LeaveDialog({ networkId }: { networkId: string }) {
  const t = useT();
  const network = useNetwork(networkId);
  // Kept: once left, the network is in the state no more.
  const [name] = useState(network?.name ?? '');
  return (
    <Confirm
      title={t('leave.title', { network: name })}
      text={t('leave.text')}
      submit={t('leave.submit')}
      call="network.leave"
      params={{ network: networkId }}
      onClose={closeDialog}
    />
  );
}
