// What both programs of this example need: Weft's command, the channel by its name, and ffmpeg.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const built = join(import.meta.dirname, '../../dist/cli/weft.cjs');
const command = existsSync(built) ? [process.execPath, built] : ['weft'];

/** Options of both programs, for `parseArgs`. */
export const shared = {
  channel: { type: 'string', default: 'live-video' },
  network: { type: 'string' },
  /** State folder of the daemon, when it is not the usual one. */
  state: { type: 'string' },
  seconds: { type: 'string' },
};

export function fail(text) {
  process.stderr.write(`${text}\n`);
  process.exit(1);
}

/** Runs `weft … --json` and gives what it says. */
export function weft(values, ...args) {
  const [program, ...before] = command;
  const state = values.state ? ['--state', values.state] : [];
  const { status, stdout, stderr } = spawnSync(program, [...before, ...args, ...state, '--json'], { encoding: 'utf8' });
  if (status !== 0) fail(stderr || `${program} ended with ${status}`);
  return stdout.trim() === '' ? null : JSON.parse(stdout);
}

/** The network named (or the only one), and this device's IPv4 address there. */
export function networkOf(values) {
  const { networks } = weft(values, 'status');
  const found = networks.filter(({ name }) => values.network === undefined || name === values.network);
  if (found.length !== 1) fail(`say --network: ${networks.map(({ name }) => name).join(', ') || 'you are in none'}`);
  const [network] = found;
  const address = network.addresses.map((one) => one.split('/')[0]).find((one) => one.includes('.'));
  if (!network.adapter || !address) fail(`${network.name} has no adapter with an IPv4 address here`);
  return { ...network, address };
}

/** The channel, or undefined. */
export const channelOf = (network, values) => network.channels?.find(({ name }) => name === values.channel);

/** Runs a program of ffmpeg's until it ends; Ctrl+C and SIGTERM reach it, so that files are finished. */
export function run(program, args) {
  const child = spawn(program, args, { stdio: 'inherit' });
  child.on('error', (error) => fail(`${program}: ${error.message}`));
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
  child.on('close', (code) => process.exit(code ?? 1));
}
