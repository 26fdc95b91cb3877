// A browser's way to the daemon that served this page.
import { socketCarrier } from '../../../app/contract/protocol/index.ts';
import type { Link, LinkEvents } from './link.ts';

const TOKEN_KEY = 'weft.token';

/** The token of the printed address: taken out of the address bar, kept for reloads of this tab only. */
export function takeToken(page: Window = window): string | undefined {
  const given = page.location.hash.slice(1);
  if (given) {
    page.history.replaceState(null, '', page.location.pathname + page.location.search);
    page.sessionStorage.setItem(TOKEN_KEY, given);
    return given;
  }
  return page.sessionStorage.getItem(TOKEN_KEY) ?? undefined;
}

export function websocketLink(): Link {
  let token = takeToken();
  let events: LinkEvents | null = null;
  const connect = (): void => {
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    events?.carrier(socketCarrier(new WebSocket(`${scheme}://${location.host}/rpc`)), token);
  };
  // The address was opened again in this tab, e.g. after a restart of the daemon: only the fragment changed.
  window.addEventListener('hashchange', () => {
    token = takeToken();
    connect();
  });
  return { listen: (given) => (events = given), connect, tell: null };
}
