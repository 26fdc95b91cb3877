// Carriers over objects that both browsers and Node.js have, described by the little that is used of them.
import { Inbox, type Carrier } from './carrier.ts';

// The platforms type their events differently and have nothing in common but this.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Listener = (event: any) => void;

/** A DOM MessagePort, Electron's MessagePortMain (`on`) or a worker's MessagePort (either). */
export interface PortLike {
  postMessage(message: string): void;
  close(): void;
  start?(): void;
  on?(event: 'message' | 'close', listener: Listener): unknown;
  addEventListener?(event: 'message' | 'close', listener: Listener): unknown;
}

/** Text messages over a port; anything else that arrives is ignored. A DOM port learns of the other side's end by the empty text. */
export function portCarrier(port: PortLike): Carrier {
  const inbox = new Inbox();
  let closed = false;
  const over = (): void => {
    closed = true;
    inbox.end();
  };
  const message = (event: unknown): void => {
    // Node's worker ports emit the data itself, the others an event.
    const data = typeof event === 'string' ? event : (event as { data?: unknown } | null)?.data;
    if (data === '') {
      over();
      port.close();
    } else if (typeof data === 'string') inbox.deliver(data);
  };
  if (port.on) {
    port.on('message', message);
    port.on('close', over);
  } else {
    port.addEventListener?.('message', message);
    port.addEventListener?.('close', over);
  }
  port.start?.();
  return {
    send: (text) => {
      if (!closed) port.postMessage(text);
    },
    close: () => {
      if (closed) return;
      closed = true;
      // Browsers before Chrome 122 tell nobody that a port was closed.
      port.postMessage('');
      port.close();
      void Promise.resolve().then(() => inbox.end());
    },
    onMessage: (receive) => inbox.onMessage(receive),
    onClose: (ended) => inbox.onClose(ended),
    buffered: () => 0,
  };
}

/** A browser's WebSocket, or one of `ws`. */
export interface SocketLike {
  readonly readyState: number;
  readonly bufferedAmount: number;
  send(text: string): void;
  close(): void;
  addEventListener(event: 'open' | 'message' | 'close' | 'error', listener: Listener): void;
}
const CONNECTING = 0;
const OPEN = 1;

/** Text messages over a WebSocket, which may still be connecting: what is sent before it opens is kept. */
export function socketCarrier(socket: SocketLike): Carrier {
  const inbox = new Inbox();
  const waiting: string[] = [];
  let closed = false;
  socket.addEventListener('open', () => {
    for (const text of waiting.splice(0)) socket.send(text);
    if (closed) socket.close();
  });
  socket.addEventListener('message', (event: { data: unknown }) => {
    if (typeof event.data === 'string') inbox.deliver(event.data);
    else socket.close();
  });
  socket.addEventListener('close', () => inbox.end());
  // An error is always followed by close; without a listener `ws` would throw.
  socket.addEventListener('error', () => {});
  return {
    send: (text) => {
      if (closed) return;
      if (socket.readyState === CONNECTING) waiting.push(text);
      else if (socket.readyState === OPEN) socket.send(text);
    },
    close: () => {
      if (closed) return;
      closed = true;
      if (socket.readyState !== CONNECTING) socket.close();
    },
    onMessage: (receive) => inbox.onMessage(receive),
    onClose: (ended) => inbox.onClose(ended),
    buffered: () => socket.bufferedAmount,
  };
}
