// Debian's coturn at a site: answers STUN, and relays for who knows the password.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Internet } from './internet.ts';
import { until } from './shell.ts';
import type { Site } from './site.ts';

export const TURN_PORT = 3_478;
const [USER, PASSWORD] = ['weft', 'secret'];
const RELAY_PORTS = ['50000', '50100'] as const;

/** Why there is no such server on this machine, or null. */
export const whyNoTurn = (): string | null =>
  ['/usr/bin/turnserver', '/usr/sbin/turnserver'].some(existsSync) ? null : 'coturn is not installed';

export interface Turn {
  /** As the settings take them. */
  stun: string;
  turn: string;
}

export async function startTurn(internet: Internet, site: Site): Promise<Turn> {
  const { host, ipv4 } = site;
  const [least, most] = RELAY_PORTS;
  const files = ['--pidfile', join(internet.folder, 'turn.pid'), '--db', join(internet.folder, 'turn.db')];
  const server = host.start([
    ...['turnserver', '-n', '--log-file', 'stdout', '--no-cli', '--no-tls', '--no-dtls', '--fingerprint'],
    ...['--listening-ip', ipv4, '--relay-ip', ipv4, '--listening-port', String(TURN_PORT)],
    ...['--min-port', least, '--max-port', most, '--lt-cred-mech', '--realm', 'weft.test'],
    ...['--user', `${USER}:${PASSWORD}`, ...files],
  ]);
  await until('coturn listens', 10_000, async () => {
    if (server.ended) throw new Error(server.tail());
    return (await host.must(['ss', '-Hlun', `sport = :${TURN_PORT}`])).trim();
  });
  return { stun: `${ipv4}:${TURN_PORT}`, turn: `${USER}:${PASSWORD}@${ipv4}:${TURN_PORT}` };
}
