// What the engine asks the helper: lines of version 1, which native/helper reads in its own test. WEFT_GOLDEN=write makes the file anew:
// only for a new version.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { HelperClient } from '../../main/host/helper/client.ts';
import { ownerOf } from '../../main/host/helper/start.ts';

const FILE = join(import.meta.dirname, '../golden/helper/v1.json');
const spec = {
  name: 'weft0',
  mac: '02:01:02:03:04:05',
  mtu: 1380,
  ipv4: '10.77.1.2/16',
  ipv6: ['fd00:7::1/64', 'fe80::1/64'],
};

it('every request is written as it always was', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-helper-lines-'));
  const lines: Record<string, unknown> = {};
  const keep = (line: string): void => {
    const { owner, ...rest } = JSON.parse(line) as { owner: string; verb: string };
    expect(owner).toBe(ownerOf(folder));
    lines[rest.verb] = rest;
  };
  const server = createServer((socket) => {
    socket.on('data', (text) => {
      keep(String(text));
      socket.write('{"ok":true}\n');
    });
  });
  await new Promise<void>((settle) => server.listen(join(folder, 'helper.sock'), settle));
  const client = new HelperClient({
    stateDir: folder,
    call: (_, line) => {
      keep(line);
      return { answer: '{"ok":true,"value":{}}', fds: [] };
    },
    closeFd: () => undefined,
    onLost: () => undefined,
  });
  try {
    expect(await client.start(false)).toMatchObject({ ok: true });
    client.open(spec);
    client.readdress(spec);
    client.carrier('weft0', false);
    client.close('weft0');
    client.setNames('weft0', 'home.weft', ['10.77.1.2'], [['10.77.1.3', 'ben.home.weft']]);
    client.clearNames('weft0');
    client.bindDns('10.77.1.2');
    client.bindWeb('::');
    client.watch(['224.0.0.251', 'ff02::fb']);
    client.mirror('weft0', [{ group: '239.255.255.250', to: 'eth0' }]);
  } finally {
    client.release();
    server.close();
    rmSync(folder, { recursive: true });
  }
  if (process.env['WEFT_GOLDEN'] === 'write') writeFileSync(FILE, `${JSON.stringify(lines, null, 2)}\n`);
  expect(lines).toEqual(JSON.parse(readFileSync(FILE, 'utf8')));
});
