import { useState } from 'react';
import { isErrorCode } from '../../../../app/contract/errors.ts';
import type { DoctorItem } from '../../../../app/contract/state.ts';
import type { CallResult } from '../../../../app/contract/table.ts';
import { useT } from '../../i18n/i18n.ts';
import { Button } from '../../ui/button.tsx';
import { Dot, useCopy, type Tone } from '../../ui/controls.tsx';
import kit from '../../ui/kit.module.css';
import { FailureNotice } from '../../ui/notice.tsx';
import { useCall } from '../../ui/use-call.ts';
import app from '../app/app.module.css';
import styles from './connection.module.css';

const TONES: Record<DoctorItem['level'], Tone> = { ok: 'good', note: 'idle', warning: 'warn', error: 'bad' };
const ORDER: DoctorItem['level'][] = ['error', 'warning', 'note', 'ok'];

export function Doctor() {
  const t = useT();
  const doctor = useCall('doctor.run');
  const [report, setReport] = useState<CallResult<'doctor.run'> | null>(null);
  const run = async (): Promise<void> => {
    const outcome = await doctor.run({});
    if (outcome.ok) setReport(outcome.value);
  };
  return (
    <section className={`${kit['card']} ${app['panel']}`}>
      <div className={app['panelHead']}>
        <div>
          <h2>{t('connection.doctor')}</h2>
          <p className={app['soft']}>{t('connection.doctor.text')}</p>
        </div>
        <Button look={report ? 'normal' : 'primary'} icon="pulse" busy={doctor.busy} onClick={() => void run()}>
          {doctor.busy ? t('connection.doctor.running') : t('connection.doctor.run')}
        </Button>
      </div>
      <FailureNotice failure={doctor.failure} />
      {report && <Report report={report} />}
    </section>
  );
}

function Report({ report }: { report: CallResult<'doctor.run'> }) {
  const t = useT();
  const { done, copy } = useCopy();
  const items = [...report.items].sort((a, b) => ORDER.indexOf(a.level) - ORDER.indexOf(b.level));
  const good = items.every(({ level }) => level === 'ok' || level === 'note');
  return (
    <div role="status" className={kit['stack']}>
      {good && <p className={styles['good']}>{t('connection.doctor.good')}</p>}
      <ul className={styles['items']}>
        {items.map((item) => (
          <Item key={`${item.id} ${item.code}`} item={item} />
        ))}
      </ul>
      <details className={styles['figures']}>
        <summary>{t('connection.figures')}</summary>
        <dl className={`${kit['facts']} ${kit['mono']}`}>
          {Object.entries(report.figures)
            .sort(([a], [b]) => a.localeCompare(b))
            .map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ))}
        </dl>
      </details>
      <div>
        <Button icon={done ? 'check' : 'copy'} onClick={() => copy(JSON.stringify(report, null, 2))}>
          {done ? t('app.copied') : t('app.copy', { what: t('connection.doctor.copy') })}
        </Button>
      </div>
    </div>
  );
}

/** The engine's own sentence names the particulars; it is there whatever the code. */
function Item({ item }: { item: DoctorItem }) {
  const t = useT();
  return (
    <li data-code={isErrorCode(item.code) ? item.code : undefined}>
      <span className={styles['level']}>
        <Dot tone={TONES[item.level]} />
        {t(`level.${item.level}`)}
      </span>
      <div>
        <p>{item.text}</p>
        {item.remedy && <p className={app['soft']}>{item.remedy}</p>}
      </div>
    </li>
  );
}
