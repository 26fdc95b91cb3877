// Carries frames between the window's port and the engine, and the shell's own messages beside them.
import type { Failure } from '../../app/contract/errors.ts';
import type { Carrier } from '../../app/contract/protocol/index.ts';
import { decodeShell, encodeShell, isShellText, ShellRequest, type ShellNews } from '../../app/contract/shell.ts';

/** Every connection begins with it; whatever a window sends before belongs to an engine that is gone. */
const HELLO = '{"type":"hello"';

export class Bridge {
  readonly #window: Carrier;
  #engine: Carrier | null = null;
  #greeted = false;

  constructor(window: Carrier, onRequest: (request: ShellRequest) => void) {
    this.#window = window;
    window.onMessage((text) => {
      if (!isShellText(text)) return this.#forward(text);
      const request = decodeShell(text, ShellRequest);
      if (request) onRequest(request);
    });
    window.onClose(() => this.#engine?.close());
  }

  tell(news: ShellNews): void {
    this.#window.send(encodeShell(news));
  }

  /** From now on the window speaks to this engine. */
  use(engine: Carrier): void {
    this.#engine?.close();
    this.#engine = engine;
    this.#greeted = false;
    engine.onMessage((text) => {
      if (this.#engine === engine) this.#window.send(text);
    });
    engine.onClose(() => {
      if (this.#engine === engine) this.lose({ code: 'engine-unreachable' });
    });
    this.tell({ type: 'shell.engine', ready: true });
  }

  lose(failure: Failure): void {
    this.#engine = null;
    this.tell({ type: 'shell.engine', ready: false, failure });
  }

  close(): void {
    this.#engine?.close();
    this.#window.close();
  }

  #forward(text: string): void {
    this.#greeted ||= text.startsWith(HELLO);
    if (this.#greeted) this.#engine?.send(text);
  }
}
