import type { ReactNode } from 'react';
import { ERRORS, isErrorCode, type Failure } from '../../../app/contract/errors.ts';
import { errorTexts, useT } from '../i18n/i18n.ts';
import { Icon } from './icon.tsx';
import styles from './kit.module.css';

interface NoticeProps {
  level: 'note' | 'warning' | 'error';
  title: string;
  text?: string;
  /** One button at most. */
  action?: ReactNode;
  role?: 'alert' | 'status';
}

export function Notice({ level, title, text, action, role }: NoticeProps) {
  return (
    <div className={styles['notice']} data-level={level} role={role}>
      <Icon name={level === 'note' ? 'note' : 'warning'} />
      <div className={styles['noticeText']}>
        <strong>{title}</strong>
        {text && <span>{text}</span>}
      </div>
      {action}
    </div>
  );
}

/** A failed call in plain words with its remedy; nothing when there is none. */
export function FailureNotice({ failure, action }: { failure: Failure | null; action?: ReactNode }) {
  useT();
  if (!failure) return null;
  const { text, remedy } = errorTexts(failure);
  const level = isErrorCode(failure.code) ? ERRORS[failure.code].severity : 'error';
  return <Notice level={level} title={text} text={remedy} action={action} role="alert" />;
}
