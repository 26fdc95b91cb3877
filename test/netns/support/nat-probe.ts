// What a NAT does, seen from outside by plain UDP sockets, in the words of RFC 4787.
import { join } from 'node:path';
import type { Filtering, Mapping } from './nat.ts';
import { projectRoot, until, type Running } from './shell.ts';
import type { Space } from './space.ts';

/** Long enough for a datagram through four namespaces of a busy machine. */
const PATIENCE_MS = 1500;
const SILENCE_MS = 400;

/** A UDP socket in a namespace. */
export class ProbeSocket {
  private constructor(
    private readonly running: Running,
    readonly port: number,
  ) {}

  static async open(space: Space, port: number, options: { bind?: string; echo?: boolean } = {}): Promise<ProbeSocket> {
    const program = join(projectRoot, 'test/netns/programs/udp-probe.mjs');
    const args = [
      '--port',
      String(port),
      ...(options.bind ? ['--bind', options.bind] : []),
      ...(options.echo ? ['--echo'] : []),
    ];
    const running = space.start([process.execPath, program, ...args], { interactive: true });
    await running.says(/ready/, 5000);
    return new ProbeSocket(running, port);
  }

  send(port: number, address: string, text: string): void {
    this.running.child.stdin?.write(`${port} ${address} ${text}\n`);
  }

  /** Lines "ADDRESS PORT TEXT" of what came. */
  got(): string[] {
    return this.running.stdout
      .split('\n')
      .filter((line) => line.startsWith('got '))
      .map((line) => line.slice(4));
  }

  /** Whether `text` comes within the time that a datagram may take. */
  async hears(text: string, patienceMs = PATIENCE_MS): Promise<boolean> {
    return until(text, patienceMs, () => this.got().some((line) => line.endsWith(` ${text}`)), 10).catch(() => false);
  }

  async stop(): Promise<void> {
    await this.running.stop('SIGKILL');
  }
}

/** Two computers on the internet, each with an echo on two ports. */
export interface Outside {
  addresses: [string, string];
  sockets: [[ProbeSocket, ProbeSocket], [ProbeSocket, ProbeSocket]];
}
export const ECHO_PORTS = [7001, 7002] as const;

export async function outside(
  first: Space,
  firstAddress: string,
  second: Space,
  secondAddress: string,
): Promise<Outside> {
  const pair = (space: Space) =>
    Promise.all(ECHO_PORTS.map((port) => ProbeSocket.open(space, port, { echo: true }))) as Promise<
      [ProbeSocket, ProbeSocket]
    >;
  return { addresses: [firstAddress, secondAddress], sockets: [await pair(first), await pair(second)] };
}

/** The address and port as which `socket` is seen by an echo; null when nothing returns. */
async function seenAs(socket: ProbeSocket, address: string, port: number): Promise<string | null> {
  const before = socket.got().length;
  socket.send(port, address, 'who');
  return until(
    'an answer',
    PATIENCE_MS,
    () =>
      socket
        .got()
        .slice(before)
        .find((line) => line.startsWith(`${address} ${port} seen `))
        ?.split('seen ')[1],
    10,
  ).catch(() => null);
}

export interface Behaviour {
  mapping: Mapping | 'none' | 'address-dependent';
  filtering: Filtering | 'none';
  /** Outside ports in the order in which they were drawn, for the eye. */
  ports: number[];
}

/** Probes the NAT in front of `inside`; `basePort` and the next one are used there. */
export async function probe(inside: Space, outer: Outside, basePort = 4000): Promise<Behaviour> {
  const [a, b] = outer.addresses;
  const socket = await ProbeSocket.open(inside, basePort);
  const once = await seenAs(socket, a, ECHO_PORTS[0]);
  if (once === null) {
    await socket.stop();
    return { mapping: 'none', filtering: 'none', ports: [] };
  }
  const seen = [
    once,
    await seenAs(socket, a, ECHO_PORTS[1]),
    await seenAs(socket, b, ECHO_PORTS[0]),
    await seenAs(socket, b, ECHO_PORTS[1]),
  ];
  await socket.stop();
  const ports = seen.map((text) => Number(text?.split(' ')[1] ?? 0));
  return { mapping: mappingOf(ports), filtering: await filteringOf(inside, outer, basePort + 1), ports };
}

function mappingOf(ports: number[]): Behaviour['mapping'] {
  const distinct = new Set(ports).size;
  if (distinct === 1) return 'endpoint-independent';
  if (distinct !== ports.length) return 'address-dependent';
  return ports.every((port, index) => index === 0 || port === (ports[index - 1] as number) + 1)
    ? 'sequential'
    : 'random';
}

async function filteringOf(inside: Space, outer: Outside, port: number): Promise<Filtering | 'none'> {
  const [a] = outer.addresses;
  const socket = await ProbeSocket.open(inside, port);
  const mapped = await seenAs(socket, a, ECHO_PORTS[0]);
  if (!mapped) return 'none';
  const [address, mappedPort] = mapped.split(' ') as [string, string];
  // What must not come is sent first: a flow of its own would open the NAT.
  outer.sockets[1][0].send(Number(mappedPort), address, 'stranger');
  outer.sockets[0][1].send(Number(mappedPort), address, 'neighbour-port');
  const fromPort = await socket.hears('neighbour-port', SILENCE_MS);
  const fromStranger = await socket.hears('stranger', SILENCE_MS);
  await socket.stop();
  if (fromStranger) return 'endpoint-independent';
  return fromPort ? 'address' : 'address-and-port';
}
