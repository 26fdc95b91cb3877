// Electron's crypto library is not node's: what the engine needs must be in both, with the same results.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import esbuild from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root } from './support/browser.ts';
import { findElectron } from './support/desktop.ts';

const found = process.platform === 'linux' ? findElectron() : { missing: 'only tried on Linux' };
if ('missing' in found) console.log(`skipped: the engine's crypto in Electron: ${found.missing}`);

const PROBE = `
import { nodeCrypto as c } from './main/host/crypto.ts';
import { sealCrypto as s } from './main/discovery/seal-crypto.ts';
const bytes = (n, from) => Uint8Array.from({ length: n }, (_, at) => (at * 7 + from) & 255);
const hex = (value) => (value === null ? 'null' : Buffer.from(value).toString('hex'));
const [seed, secret, text] = [bytes(32, 1), bytes(32, 2), bytes(100, 3)];
const [signer, box] = [c.signPublicKey(seed), c.dhPublicKey(secret)];
const signature = c.sign(seed, text);
const boxed = c.sealBox(box, bytes(32, 4), text, seed);
const sealed = s.seal(seed, bytes(12, 5), secret, text);
const spoilt = Uint8Array.from(sealed, (byte, at) => (at === 3 ? byte ^ 1 : byte));
console.log(JSON.stringify({
  signer: hex(signer), box: hex(box), signature: hex(signature), hash: hex(c.hash(seed, text)), hkdf: hex(c.hkdf(seed, 'info', 42)),
  verified: [c.verify(signer, text, signature), c.verify(signer, seed, signature)],
  boxed: hex(boxed), opened: hex(c.openBox(secret, boxed, seed)), otherwise: hex(c.openBox(seed, boxed, seed)),
  sealed: hex(sealed), unsealed: hex(s.open(seed, bytes(12, 5), secret, sealed)), spoilt: hex(s.open(seed, bytes(12, 5), secret, spoilt)),
}));
`;

describe.skipIf('missing' in found)('the engine’s crypto in Electron', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-crypto-'));
  const probe = join(folder, 'probe.cjs');
  beforeAll(() =>
    esbuild.build({
      stdin: { contents: PROBE, resolveDir: root, loader: 'ts' },
      bundle: true,
      platform: 'node',
      target: 'node16',
      outfile: probe,
    }),
  );
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const run = (program: string): Record<string, unknown> => {
    const env = { ...process.env, ELECTRON_RUN_AS_NODE: '1' };
    return JSON.parse(execFileSync(program, [probe], { encoding: 'utf8', env })) as Record<string, unknown>;
  };

  it('gives what it gives in node', () => {
    const inElectron = run(join('dist' in found ? found.dist : '', 'electron'));
    expect(inElectron).toEqual(run(process.execPath));
    expect(inElectron).toMatchObject({ verified: [true, false], otherwise: 'null', spoilt: 'null' });
  });
});
