// How this page reaches an engine: over WebSocket in a browser, over the shell's one port in the desktop app, in memory in tests.
import type { Failure } from '../../../app/contract/errors.ts';
import type { Carrier } from '../../../app/contract/protocol/index.ts';
import type { ShellNews, ShellRequest } from '../../../app/contract/shell.ts';

export interface LinkEvents {
  /** A connection to say hello on. */
  carrier(carrier: Carrier, token?: string): void;
  /** There is no engine just now. */
  failed(failure: Failure): void;
  /** Only from a shell. */
  news(news: ShellNews): void;
}

export interface Link {
  /** Called once, before `connect`. */
  listen(events: LinkEvents): void;
  /** Asks for a connection; answered later by `carrier` or `failed`. */
  connect(): void;
  /** To the desktop shell; null in a browser. */
  tell: ((request: ShellRequest) => void) | null;
}
