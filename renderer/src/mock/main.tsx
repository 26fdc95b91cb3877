// The test build's entry: the whole window over a fake engine. `?mock=<scenario>`, `?theme=`, `?shell=1`, `?still=1`.
import '../client/jitless.ts';
import type { Failure } from '../../../app/contract/errors.ts';
import type { ShellNews, ShellRequest } from '../../../app/contract/shell.ts';
import type { Link, LinkEvents } from '../client/link.ts';
import { addTraffic } from '../client/mirror.ts';
import { start } from '../start.tsx';
import { FakeEngine, MOCK_LINK } from './fake-engine.ts';
import { SCENARIOS } from './scenarios.ts';

const TICK_MS = 1_000;
const HISTORY_SECONDS = 120;

const query = new URLSearchParams(location.search);
const scenario = SCENARIOS[query.get('mock') ?? 'home'] ?? SCENARIOS['home'];
const engine = new FakeEngine((scenario as NonNullable<typeof scenario>)());
const theme = query.get('theme');
if (theme === 'dark' || theme === 'light')
  engine.state = { ...engine.state, settings: { ...engine.state.settings, theme } };

/** Non-null while there is "no engine". */
let down: Failure | null = query.get('mock') === 'unreachable' ? { code: 'engine-unreachable' } : null;
const asked: ShellRequest[] = [];

class MockLink implements Link {
  events: LinkEvents | null = null;
  tell = query.has('shell') ? (request: ShellRequest): void => void asked.push(request) : null;
  listen(events: LinkEvents): void {
    this.events = events;
    if (this.tell) setTimeout(() => events.news({ type: 'shell.info', version: '0.1.0', autostart: false }));
  }
  connect(): void {
    if (down) this.events?.failed(down);
    else this.events?.carrier(engine.connect());
  }
}
const link = new MockLink();

/** For the tests: what they do to the engine and what was asked of it. */
const control = {
  engine,
  link: MOCK_LINK,
  asked,
  news: (news: ShellNews): void => link.events?.news(news),
  lose: (failure: Failure): void => {
    down = failure;
    engine.drop();
    link.events?.failed(failure);
  },
  regain: (): void => {
    down = null;
    link.connect();
  },
};
declare global {
  interface Window {
    weftMock: typeof control;
  }
}
window.weftMock = control;

// A window that has been open for a while.
for (let second = 0; second < HISTORY_SECONDS; second++) {
  engine.tick();
  addTraffic(engine.traffic);
}
start(link);
if (!query.has('still')) setInterval(() => engine.tick(), TICK_MS);
