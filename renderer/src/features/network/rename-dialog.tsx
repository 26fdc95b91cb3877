import { useState } from 'react';
import type { Failure } from '../../../../app/contract/errors.ts';
import { NAME_CHARS_MAX } from '../../../../app/contract/limits.ts';
import { useT } from '../../i18n/i18n.ts';
import { Dialog, DialogForm } from '../../ui/dialog.tsx';
import { TextField } from '../../ui/field.tsx';
import { useCall } from '../../ui/use-call.ts';
import { closeDialog, useNetwork } from '../app/view.ts';

export function RenameNetworkDialog({ networkId }: { networkId: string }) {
  const t = useT();
  const network = useNetwork(networkId);
  const rename = useCall('network.rename');
  const submit = async (name: string): Promise<void> => {
    if ((await rename.run({ network: networkId, name })).ok) closeDialog();
  };
  return <RenameDialog title={t('rename.network.title')} name={network?.name ?? ''} state={rename} onSubmit={submit} />;
}

export function RenameMemberDialog({ networkId, memberId }: { networkId: string; memberId: string }) {
  const t = useT();
  const name = useNetwork(networkId)?.members.find(({ id }) => id === memberId)?.name ?? '';
  const rename = useCall('member.rename');
  const submit = async (given: string): Promise<void> => {
    if ((await rename.run({ network: networkId, member: memberId, name: given })).ok) closeDialog();
  };
  return <RenameDialog title={t('rename.member.title', { name })} name={name} state={rename} onSubmit={submit} />;
}

interface RenameProps {
  title: string;
  name: string;
  state: { busy: boolean; failure: Failure | null };
  onSubmit: (name: string) => Promise<void>;
}

function RenameDialog({ title, name: before, state, onSubmit }: RenameProps) {
  const t = useT();
  const [name, setName] = useState(before);
  return (
    <Dialog title={title} onClose={closeDialog}>
      <DialogForm
        submit={t('app.save')}
        onSubmit={() => void onSubmit(name)}
        onCancel={closeDialog}
        busy={state.busy}
        disabled={!name.trim() || name === before}
        failure={state.failure}
      >
        <TextField
          label={t('rename.label')}
          value={name}
          maxLength={NAME_CHARS_MAX}
          autoFocus
          onChange={(event) => setName(event.target.value)}
        />
      </DialogForm>
    </Dialog>
  );
}
