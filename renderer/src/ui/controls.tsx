// Small parts that every page uses.
import { DropdownMenu, Switch as RadixSwitch } from 'radix-ui';
import { useEffect, useRef, useState, type ReactNode } from 'react';
import { useT } from '../i18n/i18n.ts';
import { IconButton } from './button.tsx';
import { Icon } from './icon.tsx';
import styles from './kit.module.css';

export type Tone = 'good' | 'warn' | 'bad' | 'off' | 'busy' | 'idle';

/** Always beside a word that says the same. */
export const Dot = ({ tone }: { tone: Tone }) => <span className={styles['dot']} data-tone={tone} aria-hidden />;

/** A word about the thing beside it; what it means comes under the pointer, and is read out. */
export const Badge = ({ text, hint }: { text: string; hint: string }) => (
  <span className={styles['badge']} title={hint}>
    {text}
    <span className="hidden">: {hint}</span>
  </span>
);

interface SwitchProps {
  label: string;
  on: boolean;
  onChange: (on: boolean) => void;
  disabled?: boolean;
}

export function Switch({ label, on, onChange, disabled }: SwitchProps) {
  return (
    <RadixSwitch.Root
      className={styles['switch']}
      checked={on}
      onCheckedChange={onChange}
      disabled={disabled}
      aria-label={label}
      title={label}
    >
      <RadixSwitch.Thumb />
    </RadixSwitch.Root>
  );
}

const COPIED_MS = 1_600;

/** Copies, and says so for a moment. */
export function useCopy(): { done: boolean; copy: (text: string) => void } {
  const [done, setDone] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = (text: string): void => {
    void navigator.clipboard.writeText(text).then(
      () => {
        setDone(true);
        clearTimeout(timer.current);
        timer.current = setTimeout(() => setDone(false), COPIED_MS);
      },
      () => setDone(false),
    );
  };
  return { done, copy };
}

/** A value that a click copies. */
export function CopyValue({ value, what }: { value: string; what?: string }) {
  const t = useT();
  const { done, copy } = useCopy();
  return (
    <button
      type="button"
      className={styles['copy']}
      data-done={done || undefined}
      title={t('app.copy', { what: what ?? value })}
      aria-label={`${t('app.copy', { what: what ?? '' })} ${value}`}
      onClick={() => copy(value)}
    >
      <span>{value}</span>
      <Icon name={done ? 'check' : 'copy'} size={15} />
      <span className="hidden" role="status">
        {done ? t('app.copied') : ''}
      </span>
    </button>
  );
}

export interface MenuEntry {
  text: string;
  danger?: boolean;
  onSelect: () => void;
}

/** Three dots that open a menu; not shown when it would be empty. */
export function Menu({ label, entries }: { label: string; entries: MenuEntry[] }) {
  if (entries.length === 0) return null;
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger asChild>
        <IconButton name="more" label={label} />
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content className={styles['menu']} align="end" sideOffset={4} collisionPadding={8}>
          {entries.map(({ text, danger, onSelect }) => (
            <DropdownMenu.Item
              key={text}
              className={styles['menuItem']}
              data-danger={danger || undefined}
              onSelect={onSelect}
            >
              {text}
            </DropdownMenu.Item>
          ))}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

interface EmptyProps {
  art?: ReactNode;
  title: string;
  text: string;
  action?: ReactNode;
}

/** An empty place that says what will be here and how to get it. */
export function Empty({ art, title, text, action }: EmptyProps) {
  return (
    <div className={styles['empty']}>
      <div className={styles['emptyArt']}>{art ?? <Weave />}</div>
      <h3>{title}</h3>
      <p>{text}</p>
      {action}
    </div>
  );
}

const THREADS = [18, 48, 78];

/** The house's mark: threads over and under each other. */
export function Weave({ size = 64 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 96 96" fill="none" aria-hidden focusable="false">
      <g stroke="currentColor" strokeWidth="8" strokeLinecap="round">
        <path d="M18 8V36M18 60V88M48 8v0M48 30V66M48 88v0M78 8V36M78 60V88" opacity="0.45" />
        <path d="M8 18v0M30 18H66M88 18v0M8 48H36M60 48H88M8 78v0M30 78H66M88 78v0" />
        {THREADS.flatMap((x, i) =>
          THREADS.map((y, j) =>
            (i + j) % 2 === 0 ? (
              <path key={`${x}-${y}`} d={`M${x} ${y - 11}V${y + 11}`} opacity="0.45" />
            ) : (
              <path key={`${x}-${y}`} d={`M${x - 11} ${y}H${x + 11}`} />
            ),
          ),
        )}
      </g>
    </svg>
  );
}
