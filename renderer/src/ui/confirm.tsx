// Asks before something that cannot be undone.
import type { CallInput, CallName } from '../../../app/contract/table.ts';
import { Dialog, DialogForm } from './dialog.tsx';
import { useCall } from './use-call.ts';

interface ConfirmProps<N extends CallName> {
  title: string;
  text: string;
  /** The verb on the button. */
  submit: string;
  call: N;
  params: CallInput<N>;
  onClose: () => void;
}

export function Confirm<N extends CallName>({ title, text, submit, call, params, onClose }: ConfirmProps<N>) {
  const state = useCall(call);
  const run = async (): Promise<void> => {
    if ((await state.run(params)).ok) onClose();
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{text}</p>
      <DialogForm
        submit={submit}
        look="danger"
        onSubmit={() => void run()}
        onCancel={onClose}
        busy={state.busy}
        failure={state.failure}
      />
    </Dialog>
  );
}
