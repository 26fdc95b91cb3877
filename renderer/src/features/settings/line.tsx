import { Switch } from '../../ui/controls.tsx';
import app from '../app/app.module.css';
import styles from './settings.module.css';

interface LineProps {
  text: string;
  hint?: string;
  on: boolean;
  onChange: (on: boolean) => void;
}

/** A switch with its words beside it. */
export function Line({ text, hint, on, onChange }: LineProps) {
  return (
    <div className={styles['switchLine']}>
      <span aria-hidden>
        {text}
        {hint && <small className={app['soft']}>{hint}</small>}
      </span>
      <Switch label={text} on={on} onChange={onChange} />
    </div>
  );
}
