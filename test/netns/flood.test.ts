// Must be shown 8: spoofed handshakes do not stop an honest join; memory flat; no amplification. And no JavaScript per packet.
import { afterEach, describe, expect, it } from 'vitest';
import { readFileSync } from 'node:fs';
import { decodeLink } from '../../app/wire/link.ts';
import { hex } from '../../app/wire/text.ts';
import { nodeCrypto } from '../../main/host/crypto.ts';
import { Lab } from './support/lab.ts';
import { join, lanOf } from './support/lan.ts';
import { until, whyNot, type Running } from './support/shell.ts';
import { figure } from './support/figures.ts';

const reason = whyNot();
if (reason) console.log(`skipped: namespace tests: ${reason}`);

const RATE = 20_000;
const SECONDS = 8;
const JOIN_MS_MAX = 2000;
const MEMORY_GROWTH_BYTES_MAX = 16 * 1024 * 1024;
const WAKES_PER_SECOND_MAX = 100;

let lab: Lab | undefined;
afterEach(async () => {
  await lab?.close();
  lab = undefined;
});

const memory = (daemon: Running) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${daemon.child.pid}/status`, 'utf8'))?.[1]) * 1024;

describe.skipIf(reason)('a flood of spoofed handshakes', () => {
  it('leaves an honest join within 2 s, memory flat, and is not amplified', async () => {
    lab = await Lab.create({ hosts: ['anna', 'ben', 'mallory'] });
    const [anna, ben, mallory] = [lab.host('anna'), lab.host('ben'), lab.host('mallory')];
    await Promise.all([anna.startDaemon(), ben.startDaemon()]);
    await anna.mustWeft('create', 'home');
    const link = await anna.mustWeft('invite');
    const port = /:(\d+)$/.exec((await anna.status()).listening[0] ?? '')?.[1] ?? '';
    // Whoever has the link knows this key: the attacker's first MAC is right.
    const opened = decodeLink(nodeCrypto, link);
    const key = typeof opened === 'string' ? '' : hex(opened.waysIn[0]?.noiseKey ?? new Uint8Array(0));
    expect(key).toHaveLength(64);
    const daemon = anna.daemon as Running;
    // Spoofed addresses are of the own subnet: answers to them are counted where they leave, before ARP fails.
    await anna.exec(['nft', '-f', '-'], {
      input: `table inet flood {
        counter asked {
        }
        counter answered {
        }
        chain i {
          type filter hook input priority 0
          iifname "eth0" udp dport ${port} ip saddr != ${ben.ipv4} counter name asked
        }
        chain o {
          type filter hook output priority 0
          oifname "eth0" udp sport ${port} ip daddr != ${ben.ipv4} counter name answered
        }
      }
      `,
    });
    const before = memory(daemon);
    const flood = mallory.program('flood', anna.ipv4, port, String(RATE), String(SECONDS), key);
    await new Promise((settle) => setTimeout(settle, 2000));
    const started = Date.now();
    await join(ben, link);
    const ms = Date.now() - started;
    const { stdout } = await flood.done;
    const counters = JSON.parse(await anna.must(['nft', '-j', 'list', 'counters', 'table', 'inet', 'flood'])) as {
      nftables: { counter?: { name: string; bytes: number; packets: number } }[];
    };
    const counted = (name: string) => counters.nftables.find(({ counter }) => counter?.name === name)?.counter;
    const grown = memory(daemon) - before;
    const { sent } = JSON.parse(stdout) as { sent: number };
    figure('spoofed hellos', `${sent} in ${SECONDS} s`, `${RATE}/s`);
    figure('honest join meanwhile', `${ms} ms`, '≤ 2 s');
    figure(
      'answered / asked',
      `${counted('answered')?.bytes} / ${counted('asked')?.bytes} B`,
      'no more answered than asked',
    );
    figure('memory growth meanwhile', `${(grown / 1024 / 1024).toFixed(1)} MiB`, 'flat (≤ 16 MiB)');
    expect(sent).toBeGreaterThan(RATE * SECONDS * 0.7);
    expect(ms).toBeLessThan(JOIN_MS_MAX);
    expect(grown).toBeLessThan(MEMORY_GROWTH_BYTES_MAX);
    expect(counted('answered')?.bytes ?? Infinity).toBeLessThanOrEqual(counted('asked')?.bytes ?? 0);
  }, 60_000);
});

describe.skipIf(reason)('the binding under load', () => {
  it('calls JavaScript at most 100 times a second during iperf3', async () => {
    lab = await lanOf(['anna', 'ben']);
    const [anna, ben] = [lab.host('anna'), lab.host('ben')];
    const { ipv4 } = await ben.overlay();
    const server = ben.start(['iperf3', '-s', '-1', '-B', ipv4, '--forceflush']);
    await server.says(/Server listening/, 5000);
    const wakes = async () =>
      (JSON.parse(await ben.mustWeft('doctor', '--json')) as { figures: { wakes: number } }).figures.wakes;
    const before = await wakes();
    const started = Date.now();
    await anna.must(['iperf3', '-c', ipv4, '-t', '4'], 20_000);
    const perSecond = (((await wakes()) - before) * 1000) / (Date.now() - started);
    figure('addon → JavaScript calls during iperf3', `${perSecond.toFixed(1)}/s`, '≤ 100/s');
    expect(before).toBeGreaterThan(0);
    expect(perSecond).toBeLessThan(WAKES_PER_SECOND_MAX);
    await until('server ends', 5000, () => server.ended !== null);
  }, 60_000);
});
