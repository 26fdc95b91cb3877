// The stream transports as `Transport`s: one of each name, over the shared dialler and listener.
import { dialStream } from './dial.ts';
import { listenShared } from './listener.ts';
import { STREAM_TRANSPORTS, type StreamTransport, type Transport } from './transport.ts';

export function streamTransport(name: StreamTransport): Transport {
  return {
    name,
    dial: (target) => dialStream(name, target),
    listen: (options) => listenShared({ ...options, transports: [name] }),
  };
}

export const streamTransports = (): Transport[] => STREAM_TRANSPORTS.map(streamTransport);
