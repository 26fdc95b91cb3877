// WebRTC as a transport of the suite: signalled in memory, its packets led through a relay of datagrams that can hold everything up.
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { DialResult, LinkIo, ListenOptions, Transport } from '../../../main/transports/transport.ts';
import { dialWebRtc, type WebRtcDialling } from '../../../main/transports/webrtc.ts';
import { decodeSignals, encodeSignals, type Signal } from '../../../main/transports/webrtc-signal.ts';

/** One door per side: what comes in by one goes on to the other's owner, from the other door. */
interface Door {
  socket: Socket;
  port: number;
  /** Where the side behind this door really is. */
  owner: { address: string; port: number } | null;
}

export class DatagramRelay {
  stalled = false;
  #doors: Door[] = [];

  /** Two doors for one link, on the address that the sides use themselves. */
  async pair(address: string): Promise<[Door, Door]> {
    const open = async (): Promise<Door> => {
      const socket = createSocket('udp4').bind(0, address);
      await once(socket, 'listening');
      return { socket, port: socket.address().port, owner: null };
    };
    const [one, other] = [await open(), await open()];
    const lead = (from: Door, to: Door): void => {
      from.socket.on('message', (bytes: Buffer, _: RemoteInfo) => {
        if (!this.stalled && from.owner) to.socket.send(bytes, from.owner.port, from.owner.address);
      });
    };
    lead(one, other);
    lead(other, one);
    this.#doors.push(one, other);
    return [one, other];
  }

  close(): void {
    for (const { socket } of this.#doors.splice(0)) socket.close();
  }
}

/** The first IPv4 candidate of a side becomes its door; the others are not told. */
function throughDoor(bytes: Uint8Array, door: Door): Uint8Array[] {
  const led = (candidate: string): string[] => {
    const fields = candidate.split(' ');
    const [address = '', port] = [fields[4], fields[5]];
    if (door.owner || address.includes(':')) return [];
    door.owner = { address, port: Number(port) };
    fields[5] = String(door.port);
    return [fields.join(' ')];
  };
  const told = decodeSignals(bytes).flatMap((signal): Signal[] => {
    if (signal.type === 'candidate')
      return led(signal.candidate.candidate).map((candidate) => ({
        ...signal,
        candidate: { ...signal.candidate, candidate },
      }));
    // Those that were found before the description was made are in it.
    const lines = signal.sdp.split('\r\n').flatMap((line) => (line.startsWith('a=candidate:') ? led(line) : [line]));
    return [{ ...signal, sdp: lines.join('\r\n') }];
  });
  return told.length > 0 ? encodeSignals(told) : [];
}

/** `address`: of this machine, not loopback. */
export function webrtcTransport(relay: DatagramRelay, address: string): Transport {
  const listeners = new Map<number, ListenOptions['onLink']>();
  let lastPort = 0;
  const open = async (
    onLink: (io: LinkIo) => void,
    started: (dials: WebRtcDialling[]) => void,
  ): Promise<DialResult> => {
    const [nearDoor, farDoor] = await relay.pair(address);
    const sides: WebRtcDialling[] = [];
    const side = (at: 0 | 1, door: Door): WebRtcDialling =>
      dialWebRtc({
        initiator: at === 0,
        servers: [],
        onSignal: (bytes) => throughDoor(bytes, door).forEach((told) => sides[1 - at]?.signal(told)),
      });
    sides.push(side(0, nearDoor), side(1, farDoor));
    started(sides);
    void sides[1]?.result.then((result) => result.ok && onLink(result.io));
    return (sides[0] as WebRtcDialling).result;
  };
  return {
    name: 'webrtc',
    dial: ({ port }) => {
      const onLink = listeners.get(port);
      if (!onLink) return { result: Promise.resolve({ ok: false, code: 'refused' }), cancel: () => {} };
      let sides: WebRtcDialling[] = [];
      let cancelled = false;
      const cancel = (): void => {
        cancelled = true;
        for (const side of sides) side.cancel();
      };
      const result = open(onLink, (started) => {
        sides = started;
        if (cancelled) cancel();
      });
      return { result, cancel };
    },
    listen: ({ onLink }) => {
      const port = ++lastPort;
      listeners.set(port, onLink);
      const counters = () => ({
        accepted: 0,
        links: 0,
        refused: { total: 0, perSource: 0 },
        strangers: 0,
        silent: 0,
        webRequests: 0,
      });
      const close = () => Promise.resolve(void listeners.delete(port));
      return Promise.resolve({ ok: true, listener: { address: `webrtc:${port}`, port, counters, close } });
    },
  };
}
