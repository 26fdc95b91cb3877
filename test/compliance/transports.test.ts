// Every transport through the one suite.
import { memoryTransport } from '../../main/transports/fakes.ts';
import { streamTransports } from '../../main/transports/streams.ts';
import { startRelay, type Relay } from './support/relay.ts';
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
