// Run in a host behind a gateway: maps two ports by one protocol, prints each state, withdraws at SIGTERM.
import { defaultGateway, PcpClient, PmpClient, UpnpClient } from '../../../main/discovery/mapping-clients.ts';
import { GatewayMapper } from '../../../main/discovery/port-mapper.ts';

async function main(): Promise<void> {
  const gateway = (await defaultGateway()) ?? '';
  const clients = {
    pcp: () => new PcpClient(gateway),
    'nat-pmp': () => new PmpClient(gateway),
    upnp: () => new UpnpClient(),
  };
  const make = clients[process.argv[2] as keyof typeof clients];
  const mapper = new GatewayMapper({ clients: () => Promise.resolve([make()]) });
  mapper.onChange((state) => console.log(JSON.stringify(state)));
  mapper.set([
    { protocol: 'udp', local: 4000, external: 4000 },
    { protocol: 'tcp', local: 4000, external: 443 },
  ]);
  process.once('SIGTERM', () => void mapper.stop().then(() => process.exit(0)));
}
// The mapper's own timers keep no process alive.
setInterval(() => undefined, 60_000);
void main();
