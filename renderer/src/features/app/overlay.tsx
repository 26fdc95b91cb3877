// What covers the window while there is no engine: why, and one button.
import { useEffect, useState } from 'react';
import type { Failure } from '../../../../app/contract/errors.ts';
import { useMirror, type Phase } from '../../client/mirror.ts';
import { reconnect } from '../../client/session.ts';
import { errorTexts, useT, type Translate } from '../../i18n/i18n.ts';
import { Button } from '../../ui/button.tsx';
import { Weave } from '../../ui/controls.tsx';
import styles from './app.module.css';

/** Short losses, and the first connection, are not worth a flash. */
const PATIENCE_MS = 500;

export function Overlay() {
  const phase = useMirror((mirror) => mirror.phase);
  const failure = useMirror((mirror) => mirror.failure);
  const seen = useMirror((mirror) => mirror.state !== null);
  const [late, setLate] = useState(false);
  const wanted = phase !== 'ready';
  useEffect(() => {
    if (!wanted) return;
    const timer = setTimeout(() => setLate(true), PATIENCE_MS);
    return () => {
      clearTimeout(timer);
      setLate(false);
    };
  }, [wanted]);
  if (!wanted || !late) return null;
  return <Cover phase={phase} failure={failure} over={seen} />;
}

function Cover({ phase, failure, over }: { phase: Phase; failure: Failure | null; over: boolean }) {
  const t = useT();
  const texts = describe(phase, failure, t);
  return (
    <div className={styles['overlay']} data-over={over || undefined} role="alert">
      <div className={styles['overlayCard']}>
        <div className={styles['overlayArt']}>
          <Weave size={56} />
        </div>
        <h2>{texts.title}</h2>
        {texts.text && <p>{texts.text}</p>}
        {failure && <Button onClick={reconnect}>{t('app.retry')}</Button>}
      </div>
    </div>
  );
}

function describe(phase: Phase, failure: Failure | null, t: Translate): { title: string; text?: string } {
  if (phase === 'connecting' || !failure) return { title: t('overlay.connecting') };
  switch (failure.code) {
    case 'engine-unreachable':
    case 'cancelled':
      return { title: t('overlay.lost.title'), text: t('overlay.lost.text') };
    case 'engine-outdated':
      return { title: t('overlay.outdated.title'), text: t('overlay.outdated.text') };
    case 'token-wrong':
      return { title: t('overlay.token.title'), text: t('overlay.token.text') };
    default: {
      const { text, remedy } = errorTexts(failure);
      return { title: t('overlay.failed.title'), text: `${text} ${remedy}` };
    }
  }
}
