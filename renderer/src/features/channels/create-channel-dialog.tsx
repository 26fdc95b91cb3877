import { useState } from 'react';
import { NAME_CHARS_MAX } from '../../../../app/contract/limits.ts';
import type { Channel } from '../../../../app/contract/state.ts';
import { useT } from '../../i18n/i18n.ts';
import { Dialog, DialogForm } from '../../ui/dialog.tsx';
import { SelectField, TextField } from '../../ui/field.tsx';
import { useCall } from '../../ui/use-call.ts';
import { closeDialog, useNetwork } from '../app/view.ts';

const REPAIRS: Channel['repair'][] = ['off', 'nack'];

export function CreateChannelDialog({ networkId }: { networkId: string }) {
  const t = useT();
  const network = useNetwork(networkId);
  const [name, setName] = useState('');
  const [repair, setRepair] = useState<Channel['repair']>('nack');
  const [own, setOwn] = useState(false);
  const create = useCall('channel.create');
  if (!network) return null;
  const submit = async (): Promise<void> => {
    const publishers = own ? [network.selfId] : null;
    const outcome = await create.run({ network: networkId, name, repair, publishers, subscribers: null });
    if (outcome.ok) closeDialog();
  };
  return (
    <Dialog title={t('channels.create.title')} onClose={closeDialog}>
      <DialogForm
        submit={t('channels.create.submit')}
        onSubmit={() => void submit()}
        onCancel={closeDialog}
        busy={create.busy}
        disabled={!name.trim()}
        failure={create.failure}
      >
        <TextField
          label={t('channels.create.name')}
          hint={t('channels.create.name.hint')}
          value={name}
          maxLength={NAME_CHARS_MAX}
          autoFocus
          onChange={(event) => setName(event.target.value)}
        />
        <SelectField
          label={t('channels.create.publishers')}
          value={own ? 'own' : 'all'}
          onChange={(event) => setOwn(event.target.value === 'own')}
          options={(['all', 'own'] as const).map((value) => ({
            value,
            text: t(`channels.create.publishers.${value}`),
          }))}
        />
        <SelectField
          label={t('channels.create.repair')}
          hint={t('channels.create.repair.hint')}
          value={repair}
          onChange={(event) => setRepair(event.target.value as Channel['repair'])}
          options={REPAIRS.map((value) => ({ value, text: t(`channels.repair.${value}`) }))}
        />
      </DialogForm>
    </Dialog>
  );
}
