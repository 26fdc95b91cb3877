import { useState } from 'react';
import { NAME_CHARS_MAX } from '../../../../app/contract/limits.ts';
import { useMirror } from '../../client/mirror.ts';
import { useT } from '../../i18n/i18n.ts';
import { Dialog, DialogForm } from '../../ui/dialog.tsx';
import { TextField } from '../../ui/field.tsx';
import { useCall } from '../../ui/use-call.ts';
import { closeDialog, showNetwork } from '../app/view.ts';

export function CreateDialog() {
  const t = useT();
  const created = (id: string): void => {
    closeDialog();
    showNetwork(id);
  };
  return (
    <Dialog title={t('create.title')} onClose={closeDialog}>
      <CreateForm onCancel={closeDialog} onCreated={created} />
    </Dialog>
  );
}

interface CreateFormProps {
  onCancel: () => void;
  onCreated: (id: string) => void;
  /** The device was named a moment ago. */
  nameless?: boolean;
}

export function CreateForm({ onCancel, onCreated, nameless }: CreateFormProps) {
  const t = useT();
  const deviceName = useMirror((mirror) => mirror.state?.settings.deviceName) ?? '';
  const [name, setName] = useState('');
  const [memberName, setMemberName] = useState(deviceName);
  const create = useCall('network.create');
  const submit = async (): Promise<void> => {
    const outcome = await create.run({ name, ...(memberName.trim() ? { memberName } : {}) });
    if (outcome.ok) onCreated(outcome.value.id);
  };
  return (
    <DialogForm
      submit={t('create.submit')}
      onSubmit={() => void submit()}
      onCancel={onCancel}
      busy={create.busy}
      disabled={!name.trim()}
      failure={create.failure}
    >
      <TextField
        label={t('create.name')}
        hint={t('create.name.hint')}
        value={name}
        maxLength={NAME_CHARS_MAX}
        autoFocus
        onChange={(event) => setName(event.target.value)}
      />
      {!nameless && (
        <TextField
          label={t('create.member')}
          value={memberName}
          maxLength={NAME_CHARS_MAX}
          onChange={(event) => setMemberName(event.target.value)}
        />
      )}
    </DialogForm>
  );
}
