// A TCP relay between the two ends of a link, which can hold everything up, reset everything, and count.
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface Relay {
  port: number;
  /** Nothing is read any more, in neither direction. */
  stall(on: boolean): void;
  /** Resets every connection. */
  cut(): void;
  /** Ends the direction from the dialler to the listener. */
  halfClose(): void;
  close(): Promise<void>;
}

export async function startRelay(towards: number): Promise<Relay> {
  const sockets = new Set<Socket>();
  const outer = new Set<Socket>();
  let stalled = false;
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (near) => {
    const far = connect({ port: towards, host: '127.0.0.1', allowHalfOpen: true });
    outer.add(far);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('data', (bytes) => to.write(bytes));
      from.on('end', () => to.end());
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        outer.delete(from);
        to.destroy();
      });
      if (stalled) from.pause();
      else from.resume();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    stall: (on) => {
      stalled = on;
      for (const socket of sockets) {
        if (on) socket.pause();
        else socket.resume();
      }
    },
    cut: () => {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    halfClose: () => {
      for (const socket of outer) socket.end();
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
