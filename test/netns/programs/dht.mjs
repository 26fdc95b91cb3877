// A small BitTorrent DHT: several nodes on one address, each knowing the first. Prints "ready" when all have answered each other.
//   dht.mjs --host ADDR [--port FIRST] [--nodes N]
import { createPublicKey, verify as verifySignature } from 'node:crypto';
import { parseArgs } from 'node:util';
import { Client } from 'bittorrent-dht';

const { values } = parseArgs({
  options: {
    host: { type: 'string' },
    port: { type: 'string', default: '6881' },
    nodes: { type: 'string', default: '8' },
  },
});
const first = Number(values.port);
/** An Ed25519 key in the wrapping that node:crypto reads. */
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');

const verify = (signature, message, key) =>
  verifySignature(
    null,
    message,
    createPublicKey({ key: Buffer.concat([SPKI, key]), format: 'der', type: 'spki' }),
    signature,
  );

for (let at = 0; at < Number(values.nodes); at++) {
  const node = new Client({ bootstrap: at === 0 ? false : [`${values.host}:${first}`], verify });
  node.on('error', (error) => process.stderr.write(`${error}\n`));
  node.on('warning', () => undefined);
  await new Promise((done) => node.listen(first + at, values.host, done));
  if (at > 0) await new Promise((done) => node.once('ready', done));
}
process.stdout.write('ready\n');
