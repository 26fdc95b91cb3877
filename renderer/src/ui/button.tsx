import type { ButtonHTMLAttributes, Ref } from 'react';
import { Icon, type IconName } from './icon.tsx';
import styles from './kit.module.css';

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: 'normal' | 'primary' | 'danger' | 'quiet';
  icon?: IconName;
  /** Shows a spinner; the button does nothing meanwhile. */
  busy?: boolean;
  ref?: Ref<HTMLButtonElement>;
}

export function Button({ look = 'normal', icon, busy, children, disabled, className, ...rest }: ButtonProps) {
  const looks = { normal: '', primary: styles['primary'], danger: styles['danger'], quiet: styles['quiet'] };
  return (
    <button
      type="button"
      className={`${styles['button']} ${looks[look]} ${className ?? ''}`}
      disabled={disabled || busy}
      aria-busy={busy || undefined}
      {...rest}
    >
      {busy ? <span className={styles['spinner']} aria-hidden /> : icon && <Icon name={icon} size={18} />}
      {children}
    </button>
  );
}

interface IconButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  name: IconName;
  label: string;
  ref?: Ref<HTMLButtonElement>;
}

/** A button of an icon alone; the label is read aloud and shown on hover. */
export function IconButton({ name, label, ...rest }: IconButtonProps) {
  return (
    <button
      type="button"
      className={`${styles['button']} ${styles['icon']}`}
      aria-label={label}
      title={label}
      {...rest}
    >
      <Icon name={name} />
    </button>
  );
}
