// Starts the window over a link to an engine; the real and the mock entry differ in the link only.
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import type { ShellNews } from '../../app/contract/shell.ts';
import type { Link } from './client/link.ts';
import { startSession } from './client/session.ts';
import { App } from './features/app/app.tsx';
import { openDialog, showPage, useView } from './features/app/view.ts';
import { useMirror } from './client/mirror.ts';
import { setTheme } from './ui/theme.ts';
import './ui/tokens.css';

export function start(link: Link): void {
  setTheme('system');
  startSession(link, follow);
  const root = document.getElementById('root');
  if (root)
    createRoot(root).render(
      <StrictMode>
        <App />
      </StrictMode>,
    );
}

/** What the desktop shell asks the window to show. */
function follow(news: ShellNews): void {
  if (news.type === 'shell.join') openDialog({ kind: 'join', link: news.link });
  else if (news.type === 'shell.show' && news.page === 'settings') showPage('settings');
  else if (news.type === 'shell.show') {
    const networkId = useView.getState().networkId ?? useMirror.getState().state?.networks[0]?.id;
    if (networkId) openDialog({ kind: 'invite', networkId });
  }
}
