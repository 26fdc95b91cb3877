// The frame of the window: side bar, page, dialogs, and the overlay when there is no engine.
import { useEffect } from 'react';
import { useMirror } from '../../client/mirror.ts';
import { setLanguage, useT } from '../../i18n/i18n.ts';
import { setTheme } from '../../ui/theme.ts';
import { ConnectionPage } from '../connection/connection-page.tsx';
import { NetworkPage } from '../network/network-page.tsx';
import { SettingsPage } from '../settings/settings-page.tsx';
import { Welcome } from '../welcome/welcome.tsx';
import styles from './app.module.css';
import { Dialogs } from './dialogs.tsx';
import { Overlay } from './overlay.tsx';
import { Sidebar } from './sidebar.tsx';
import { useView } from './view.ts';

export function App() {
  const settings = useMirror((mirror) => mirror.state?.settings);
  const theme = settings?.theme ?? 'system';
  const language = settings?.language ?? 'en';
  useEffect(() => setTheme(theme), [theme]);
  useEffect(() => setLanguage(language), [language]);
  return (
    <>
      {settings && <Body />}
      {settings && <Dialogs />}
      <Overlay />
    </>
  );
}

function Body() {
  const t = useT();
  const none = useMirror((mirror) => mirror.state?.networks.length === 0);
  const welcoming = useView((view) => view.welcoming);
  const page = useView((view) => view.page);
  if (none || welcoming) return <Welcome />;
  return (
    <div className={styles['frame']}>
      <a href="#main" className={styles['skip']} onClick={focusMain}>
        {t('app.skip')}
      </a>
      <Sidebar />
      <main id="main" className={styles['main']} tabIndex={-1}>
        {page === 'network' && <NetworkPage />}
        {page === 'connection' && <ConnectionPage />}
        {page === 'settings' && <SettingsPage />}
      </main>
    </div>
  );
}

/** The fragment of the address is the token's place, so the link must not change it. */
function focusMain(event: { preventDefault: () => void }): void {
  event.preventDefault();
  document.getElementById('main')?.focus();
}
