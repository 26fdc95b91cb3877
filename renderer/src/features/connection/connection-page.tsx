// How this device reaches the others: listening addresses, helper, and the check-up.
import { useMirror } from '../../client/mirror.ts';
import { useT } from '../../i18n/i18n.ts';
import { Button } from '../../ui/button.tsx';
import { CopyValue, Dot, type Tone } from '../../ui/controls.tsx';
import kit from '../../ui/kit.module.css';
import { FailureNotice } from '../../ui/notice.tsx';
import { useCall } from '../../ui/use-call.ts';
import app from '../app/app.module.css';
import { Problems } from '../problems/problems.tsx';
import styles from './connection.module.css';
import { Doctor } from './doctor.tsx';
import { FindingPanel, ReachedPanel } from './finding.tsx';

const HELPER_TONES: Record<string, Tone> = { ready: 'good', unneeded: 'good', missing: 'warn', refused: 'bad' };

export function ConnectionPage() {
  const t = useT();
  const state = useMirror((mirror) => mirror.state);
  if (!state) return null;
  return (
    <div className={app['page']}>
      <header>
        <h1>{t('connection.title')}</h1>
        <p className={app['lead']}>{t('connection.text')}</p>
      </header>
      <Problems />
      <section className={`${kit['card']} ${app['panel']}`}>
        <dl className={kit['facts']}>
          <dt>{t('connection.listening')}</dt>
          <dd>
            {state.listening.length === 0 && t('connection.listening.none')}
            <ul>
              {state.listening.map((address) => (
                <li key={address}>
                  <CopyValue value={address} />
                </li>
              ))}
            </ul>
          </dd>
          <dt>{t('connection.helper')}</dt>
          <dd>
            <Helper helper={state.helper} />
          </dd>
          <dt>{t('connection.version')}</dt>
          <dd>{state.version}</dd>
        </dl>
      </section>
      <ReachedPanel networks={state.networks} />
      <FindingPanel finding={state.finding} />
      <Doctor />
    </div>
  );
}

function Helper({ helper }: { helper: 'ready' | 'missing' | 'refused' | 'unneeded' }) {
  const t = useT();
  const install = useCall('helper.install');
  const wanted = helper === 'missing' || helper === 'refused';
  return (
    <div className={styles['helper']}>
      <span className={styles['word']}>
        <Dot tone={HELPER_TONES[helper] ?? 'idle'} />
        {t(`connection.helper.${helper}`)}
      </span>
      <p className={app['soft']}>{t('connection.helper.about')}</p>
      {wanted && (
        <p className={styles['enable']}>
          <Button busy={install.busy} onClick={() => void install.run({})}>
            {t('connection.enable')}
          </Button>
          <span className={app['soft']}>{t('connection.enable.hint')}</span>
        </p>
      )}
      <FailureNotice failure={install.failure} />
    </div>
  );
}
