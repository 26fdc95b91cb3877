// Every transport through the one suite.
import { networkInterfaces } from 'node:os';
import { memoryTransport } from '../../main/transports/fakes.ts';
import { streamTransports } from '../../main/transports/streams.ts';
import { startRelay, type Relay } from './support/relay.ts';
import { DatagramRelay, webrtcTransport } from './support/webrtc.ts';
import { transportSuite } from './transport.ts';

transportSuite('memory', () => {
  const transport = memoryTransport();
  return Promise.resolve({
    transport,
    address: 'memory:0',
    between: (port) => Promise.resolve(port),
    stall: transport.stall,
    cut: transport.cut,
    close: () => Promise.resolve(),
  });
});

for (const transport of streamTransports()) {
  transportSuite(transport.name, () => {
    let relay: Relay | null = null;
    return Promise.resolve({
      transport,
      address: '127.0.0.1:0',
      between: async (port) => {
        relay = await startRelay(port);
        return relay.port;
      },
      stall: (on) => relay?.stall(on),
      cut: () => relay?.cut(),
      close: async () => {
        await relay?.close();
        relay = null;
      },
    });
  });
}

const own = Object.values(networkInterfaces())
  .flatMap((list) => list ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal);
if (!own) console.log('skipped: the suite for webrtc: this machine has no IPv4 address but loopback');
else
  transportSuite('webrtc', () => {
    const relay = new DatagramRelay();
    return Promise.resolve({
      transport: webrtcTransport(relay, own.address),
      address: 'webrtc:0',
      between: (port) => Promise.resolve(port),
      stall: (on) => (relay.stalled = on),
      cut: () => (relay.stalled = true),
      // Nothing comes back any more, and the stack asks a dozen times; sessions above notice long before.
      noticeMs: 28_000,
      close: () => Promise.resolve(relay.close()),
    });
  });
