// Calls a member with somebody's static key, by the native data plane alone, for some seconds, and prints {"up":n,"heard":[…]}: how often a
// session came up, and the control messages that came by it (hex). With an adapter it prints "ready" and carries packets meanwhile,
// whatever their source. One argument, JSON: addon, network, secret, origin, key, peerOrigin, hint (hex), endpoints, seconds,
// adapter {name, ipv4, to, groups} or null: what it sends to `groups` goes to the member called.
import { createRequire } from 'node:module';

const given = JSON.parse(process.argv[2]);
const bytes = (hex) => Uint8Array.from(Buffer.from(hex, 'hex'));
const { Dataplane, Tap } = createRequire(import.meta.url)(given.addon);
const MAC = '02:99:00:00:00:01';
const PREFIX = 16;
const { adapter } = given;
const dataplane = new Dataplane({});
dataplane.listen(['0.0.0.0:0', '[::]:0']);
dataplane.addNetwork({
  net: 1,
  networkId: bytes(given.network),
  secretKey: bytes(given.secret),
  origin: bytes(given.origin),
  ...(adapter ? { ipv4: adapter.ipv4, ipv4Prefix: PREFIX } : {}),
  ipv6: 'fd99::1',
  ipv6Prefix: 64,
  linkLocal: 'fe80::99',
  mac: MAC,
  mtu: 1380,
});
const peer = { peer: 7, key: bytes(given.key), level: 'member', origin: bytes(given.peerOrigin) };
dataplane.setPeers(1, [adapter ? { ...peer, ipv4: adapter.to, mac: '02:99:00:00:00:07' } : peer]);
const tap = adapter ? new Tap({ name: adapter.name }) : null;
if (tap) {
  tap.mac = MAC;
  tap.mtu = 1380;
  tap.ipv4 = `${adapter.ipv4}/${PREFIX}`;
  tap.isUp = true;
  dataplane.attachAdapter(1, tap.fd, adapter.name);
  const receivers = [{ peer: 7, mode: 'exclude', sources: [] }];
  dataplane.setGroups(
    1,
    (adapter.groups ?? []).map((group) => ({ group, receivers })),
  );
}

let up = 0;
let open = false;
const heard = [];
const end = Date.now() + given.seconds * 1000;
const again = () => {
  for (const event of dataplane.poll()) {
    if (event.kind === 'up' && !open) {
      up++;
      open = true;
      if (tap) process.stdout.write('ready\n');
    }
    if (event.kind === 'down') open = false;
    if (event.kind === 'control') heard.push(Buffer.from(event.bytes).toString('hex'));
  }
  if (Date.now() > end) {
    dataplane.close();
    tap?.release();
    process.stdout.write(`${JSON.stringify({ up, heard })}\n`, () => process.exit(0));
    return;
  }
  if (!open) dataplane.connect(1, 7, given.endpoints, bytes(given.hint));
  setTimeout(again, 200);
};
again();
