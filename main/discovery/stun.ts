// STUN: asks the servers of the settings from one throw-away socket. Without servers nothing is sent.
import { createSocket, type Socket } from 'node:dgram';
import { decodeBinding, encodeBinding, STUN_ID_BYTES } from '../../app/mesh/discovery/stun.ts';
import { nodeRandom } from '../host/crypto.ts';
import type { Stun, StunAnswer } from './ports.ts';

export const STUN_TIMEOUT_MS = 3000;
/** RFC 5389 doubles from half a second; three sends fit into the time. */
const RESEND_AT_MS = [0, 500, 1500];
export const STUN_SERVERS_MAX = 8;
const DEFAULT_PORT = 3478;

/** "host", "host:port" or "stun:host:port". */
export function parseStunServer(text: string): { host: string; port: number } | null {
  const match = /^(?:stun:)?([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::(\d{1,5}))?$/.exec(text.trim());
  const port = Number(match?.[2] ?? DEFAULT_PORT);
  return match && port > 0 && port < 65_536 ? { host: (match[1] as string).replace(/^\[|\]$/g, ''), port } : null;
}

export class StunClient implements Stun {
  async ask(servers: string[]): Promise<StunAnswer[]> {
    const asked = servers.slice(0, STUN_SERVERS_MAX).flatMap((server) => {
      const target = parseStunServer(server);
      return target ? [{ server, ...target, id: nodeRandom.bytes(STUN_ID_BYTES) }] : [];
    });
    if (asked.length === 0) return [];
    const answers = new Map<string, StunAnswer>();
    const socket = createSocket('udp4');
    const timers: NodeJS.Timeout[] = [];
    await new Promise<void>((done) => {
      socket.on('error', () => done());
      socket.on('message', (bytes) => {
        for (const { server, id } of asked) {
          const observed = decodeBinding(bytes, id);
          if (observed) answers.set(server, { server, observed });
        }
        if (answers.size === asked.length) done();
      });
      for (const delay of RESEND_AT_MS) timers.push(setTimeout(() => sendAll(socket, asked, answers), delay));
      timers.push(setTimeout(done, STUN_TIMEOUT_MS));
    });
    timers.forEach(clearTimeout);
    socket.close();
    return [...answers.values()];
  }
}

type Asked = { server: string; host: string; port: number; id: Uint8Array };

function sendAll(socket: Socket, asked: Asked[], answers: Map<string, StunAnswer>): void {
  for (const { server, host, port, id } of asked)
    // A name that does not resolve is an answer that does not come.
    if (!answers.has(server)) socket.send(encodeBinding(id), port, host, () => undefined);
}
