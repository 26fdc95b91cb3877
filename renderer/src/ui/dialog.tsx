// Modal dialogs on the platform's own <dialog>: focus trap, Escape and inert background come with it.
import { useId, useLayoutEffect, useRef, type FormEvent, type ReactNode } from 'react';
import type { Failure } from '../../../app/contract/errors.ts';
import { useT } from '../i18n/i18n.ts';
import { Button, IconButton } from './button.tsx';
import styles from './kit.module.css';
import { FailureNotice } from './notice.tsx';

interface DialogProps {
  title: string;
  onClose: () => void;
  children: ReactNode;
}

/** Open for as long as it is rendered. */
export function Dialog({ title, onClose, children }: DialogProps) {
  const t = useT();
  const id = useId();
  const ref = useRef<HTMLDialogElement>(null);
  // In the layout phase: a dialog that is closed before it is removed gives the focus back.
  useLayoutEffect(() => {
    const dialog = ref.current;
    if (dialog && !dialog.open) dialog.showModal();
    return () => dialog?.close();
  }, []);
  return (
    <dialog
      ref={ref}
      className={styles['dialog']}
      aria-labelledby={id}
      onCancel={(event) => {
        // A file picker's or another nested element's cancel is not ours.
        if (event.target === ref.current) onClose();
      }}
    >
      <header className={styles['dialogHead']}>
        <h2 id={id}>{title}</h2>
        <IconButton name="close" label={t('app.close')} onClick={onClose} />
      </header>
      <div className={styles['dialogBody']}>{children}</div>
    </dialog>
  );
}

interface FormProps {
  submit: string;
  onSubmit: () => void;
  onCancel: () => void;
  busy: boolean;
  disabled?: boolean;
  failure?: Failure | null;
  look?: 'primary' | 'danger';
  children?: ReactNode;
}

/** A dialog's form: fields, what went wrong, cancel and submit. */
export function DialogForm({ submit, onSubmit, onCancel, busy, disabled, failure, look, children }: FormProps) {
  const t = useT();
  const send = (event: FormEvent): void => {
    event.preventDefault();
    if (!busy && !disabled) onSubmit();
  };
  return (
    <form onSubmit={send} className={styles['stack']}>
      {children}
      <FailureNotice failure={failure ?? null} />
      <div className={styles['actions']}>
        <Button onClick={onCancel}>{t('app.cancel')}</Button>
        <Button type="submit" look={look ?? 'primary'} busy={busy} disabled={disabled}>
          {submit}
        </Button>
      </div>
    </form>
  );
}
