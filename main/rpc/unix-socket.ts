// The contract over a Unix socket: one JSON message a line. Other users are kept out by the folder's mode (0700) and the socket's (0600).
import { chmodSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import { fail, ok, type Outcome } from '../../app/contract/errors.ts';
import { MESSAGE_BYTES_MAX } from '../../app/contract/limits.ts';
import { Inbox, type Carrier } from '../../app/contract/protocol/index.ts';

/** How long what is queued may take to be read after the end. */
const CLOSE_TIMEOUT_MS = 1_000;

/** Listens for clients. The state lock must be held: whatever has the path is removed. */
export async function listenUnix(path: string, onCarrier: (carrier: Carrier) => void): Promise<Outcome<Listener>> {
  const server = createServer((socket) => onCarrier(streamCarrier(socket)));
  try {
    if (process.platform !== 'win32') makeRoom(path);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
    });
    if (process.platform !== 'win32') chmodSync(path, 0o600);
  } catch (error) {
    server.close();
    return fail('state-unwritable', { file: path, why: (error as NodeJS.ErrnoException).code ?? String(error) });
  }
  server.on('error', () => {});
  return ok({ address: path, close: () => server.close() });
}

export interface Listener {
  /** Where clients connect: a path or URL. */
  address: string;
  /** Takes no new clients; those connected stay until their carriers are closed. */
  close(): void;
}

/** Connects to an engine. Fails with `engine-unreachable`. */
export function connectUnix(path: string): Promise<Outcome<Carrier>> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const failed = (): void => resolve(fail('engine-unreachable'));
    socket.once('error', failed);
    socket.once('connect', () => {
      socket.off('error', failed);
      resolve(ok(streamCarrier(socket)));
    });
  });
}

/** A folder that is ours alone, and no stale socket in it. */
function makeRoom(path: string): void {
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const stats = statSync(folder);
  // In a shared place like /tmp somebody else may have made the folder first.
  const uid = process.geteuid?.();
  if (uid !== 0 && stats.uid !== uid) throw Object.assign(new Error('foreign folder'), { code: 'EPERM' });
  if ((stats.mode & 0o077) !== 0) chmodSync(folder, 0o700);
  rmSync(path, { force: true });
}

/** Lines over any byte stream. A line longer than a message may be ends the connection. */
export function streamCarrier(socket: Socket): Carrier {
  const inbox = new Inbox();
  const decoder = new StringDecoder('utf8');
  let parts: string[] = [];
  let length = 0;
  socket.on('data', (bytes) => {
    const lines = decoder.write(bytes).split('\n');
    for (const [index, part] of lines.entries()) {
      if (index > 0) {
        const line = parts.join('');
        parts = [];
        length = 0;
        if (line !== '') inbox.deliver(line);
      }
      parts.push(part);
      length += part.length;
    }
    if (length > MESSAGE_BYTES_MAX) socket.destroy();
  });
  socket.on('end', () => socket.end());
  socket.on('error', () => socket.destroy());
  socket.on('close', () => inbox.end());
  return {
    send: (text) => {
      if (socket.writable) socket.write(`${text}\n`);
    },
    close: () => {
      socket.destroySoon();
      // Whoever does not read must not keep the engine from ending.
      setTimeout(() => socket.destroy(), CLOSE_TIMEOUT_MS).unref();
    },
    onMessage: (receive) => inbox.onMessage(receive),
    onClose: (ended) => inbox.onClose(ended),
    buffered: () => socket.writableLength,
  };
}
