// STUN and TURN servers of the settings, as WebRTC wants them told.
import { TURN } from '../../app/engine/settings.ts';
import type { IceServer } from './webrtc-channel.ts';

const STUN_PORT = 3_478;

/** What cannot be understood is left out. */
export function iceServers({ stun, turn }: { stun: readonly string[]; turn: readonly string[] }): IceServer[] {
  const asked = stun.map((text) => text.trim().replace(/^stun:/, ''));
  return [
    ...asked.filter(Boolean).map((server) => ({ urls: `stun:${withPort(server)}` })),
    ...turn.flatMap((text) => {
      const [, username, credential, host, port] = TURN.exec(text) ?? [];
      return host === undefined ? [] : [{ urls: `turn:${host}:${port}`, username, credential } as IceServer];
    }),
  ];
}

const withPort = (server: string): string => (/:\d{1,5}$/.test(server) ? server : `${server}:${STUN_PORT}`);
