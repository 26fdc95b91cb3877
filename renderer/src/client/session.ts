// Keeps one client connected to the engine and the mirror up to date; everything else calls the engine through `call`.
import { create } from 'zustand';
import { fail, type Failure, type Outcome } from '../../../app/contract/errors.ts';
import { Client } from '../../../app/contract/protocol/index.ts';
import type { ShellNews, ShellRequest } from '../../../app/contract/shell.ts';
import type { CallInput, CallName, CallResult } from '../../../app/contract/table.ts';
import type { Link } from './link.ts';
import { addTraffic, useMirror } from './mirror.ts';

/** Waiting times between attempts; the last one repeats. */
const RETRY_MS = [300, 600, 1_200, 2_500, 5_000];
/** Only the user can do something about these. */
const FINAL = new Set<string>(['token-wrong', 'engine-outdated']);

interface ShellState {
  present: boolean;
  version: string;
  autostart: boolean | null;
}
/** What is known of the desktop shell; `present` is false in a browser. */
export const useShell = create<ShellState>(() => ({ present: false, version: '', autostart: null }));

let client: Client | null = null;
let link: Link | null = null;
let attempts = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

/** Calls the engine. Never rejects. */
export function call<N extends CallName>(name: N, params: CallInput<N>): Promise<Outcome<CallResult<N>>> {
  return client ? client.call(name, params) : Promise.resolve(fail('engine-unreachable'));
}

/** Does nothing in a browser. */
export const tellShell = (request: ShellRequest): void => link?.tell?.(request);

/** Tries at once to reach the engine again. */
export function reconnect(): void {
  clearTimeout(timer);
  attempts = 0;
  useMirror.setState((mirror) => ({ phase: mirror.state ? 'lost' : 'connecting' }));
  tellShell({ type: 'shell.retry' });
  link?.connect();
}

/** `onNews` gets what the shell asks of the window. Called once per page. */
export function startSession(given: Link, onNews: (news: ShellNews) => void): void {
  link = given;
  link.listen({
    carrier: (carrier, token) => {
      clearTimeout(timer);
      const previous = client;
      client = null;
      previous?.close();
      adopt(new Client(carrier, { client: 'ui', ...(token === undefined ? {} : { token }) }));
    },
    failed: lost,
    news: (news) => {
      if (news.type === 'shell.info')
        useShell.setState({ present: true, version: news.version, autostart: news.autostart });
      onNews(news);
    },
  });
  link.connect();
}

function adopt(fresh: Client): void {
  client = fresh;
  fresh.watch('state', (state) => {
    if (client !== fresh) return;
    attempts = 0;
    useMirror.setState({ state, phase: 'ready', failure: null });
  });
  fresh.watch('traffic', (traffic) => client === fresh && addTraffic(traffic));
  fresh.onEnd((failure) => {
    if (client !== fresh) return;
    client = null;
    lost(failure);
    if (FINAL.has(failure.code)) return;
    clearTimeout(timer);
    timer = setTimeout(() => link?.connect(), RETRY_MS[Math.min(attempts++, RETRY_MS.length - 1)]);
  });
}

function lost(failure: Failure): void {
  useMirror.setState({ phase: FINAL.has(failure.code) ? 'refused' : 'lost', failure });
}
