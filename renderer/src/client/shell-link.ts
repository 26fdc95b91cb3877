// The desktop app's way: the preload posts one MessagePort, over which contract and shell messages travel.
import type { Failure } from '../../../app/contract/errors.ts';
import { isErrorCode } from '../../../app/contract/errors.ts';
import { Inbox, portCarrier, type Carrier } from '../../../app/contract/protocol/index.ts';
import { decodeShell, encodeShell, isShellText, ShellNews, type ShellRequest } from '../../../app/contract/shell.ts';
import { SHELL_PORT_MESSAGE } from '../../../app/contract/shell-port.ts';
import type { Link, LinkEvents } from './link.ts';

export class ShellLink implements Link {
  #events: LinkEvents | null = null;
  #port: Carrier | null = null;
  #inbox: Inbox | null = null;
  #ready = false;
  #wanted = false;

  listen(events: LinkEvents): void {
    this.#events = events;
    window.addEventListener('message', (event) => {
      const [port] = event.ports;
      if (event.source === window && event.data === SHELL_PORT_MESSAGE && port && !this.#port) this.#take(port);
    });
  }

  connect(): void {
    if (!this.#ready) {
      this.#wanted = true;
      return;
    }
    this.#wanted = false;
    const inbox = new Inbox();
    this.#inbox = inbox;
    this.#events?.carrier({
      send: (text) => this.#port?.send(text),
      // The port outlives connections to engines: it is the shell that ends those.
      close: () => void Promise.resolve().then(() => inbox.end()),
      onMessage: (receive) => inbox.onMessage(receive),
      onClose: (ended) => inbox.onClose(ended),
      buffered: () => 0,
    });
  }

  tell = (request: ShellRequest): void => this.#port?.send(encodeShell(request));

  #take(port: MessagePort): void {
    this.#port = portCarrier(port);
    this.#port.onMessage((text) => {
      if (!isShellText(text)) return this.#inbox?.deliver(text);
      const news = decodeShell(text, ShellNews);
      if (news?.type === 'shell.engine') this.#engine(news.ready, news.failure);
      else if (news) this.#events?.news(news);
    });
  }

  #engine(ready: boolean, failure: { code: string; data?: Record<string, string> } | undefined): void {
    this.#ready = ready;
    this.#inbox?.end();
    this.#inbox = null;
    if (ready && this.#wanted) this.connect();
    if (!ready) this.#events?.failed(readable(failure));
  }
}

const readable = (failure: { code: string; data?: Record<string, string> } | undefined): Failure =>
  failure && isErrorCode(failure.code)
    ? { code: failure.code, data: failure.data ?? {} }
    : { code: 'engine-unreachable' };
