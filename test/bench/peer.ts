// What a VPN must offer to be measured. Each implementation is a file in peers/.
import type { Host } from '../netns/support/host.ts';
import type { Lab } from '../netns/support/lab.ts';
import type { Running } from '../netns/support/shell.ts';

/** What carries its packets between two hosts. */
export type Transport = 'udp' | 'tcp' | 'tls' | 'ws' | 'wss';

export interface Peer {
  name: string;
  /** What it can be made to use; the first is what it uses when it may choose. */
  transports: readonly Transport[];
  /** Whether it claims to carry multicast between its members. */
  multicast: boolean;
  /** `floor`: for scale only, no VPN. `self`: what is measured. */
  kind: 'self' | 'peer' | 'floor';
  /** Names of the scenes where it says something; absent: all. */
  scenes?: readonly string[];
  /** What a reader must know, e.g. an option that is not its default. */
  note?: string;
  /** Builds or fetches it once into the cache folder; null, or in words why it cannot be used here. */
  install(): Promise<string | null>;
  /** Version as the program or its package says it. Call after `install`. */
  version(): Promise<string>;
  /** Writes all that the hosts need (keys, configuration, memberships); nothing runs afterwards. */
  lay(lab: Lab, hosts: Host[], transport: Transport): Promise<Net>;
}

/** One VPN laid over hosts. */
export interface Net {
  address(host: Host): string;
  /** Name of its adapter there. */
  device(host: Host): string;
  /** Starts its programs on one host; resolves when they are started, not when they answer. */
  launch(host: Host): Promise<void>;
  halt(host: Host): Promise<void>;
  /** Processes that carry traffic, of one host or of all. */
  pids(host?: Host): number[];
  /** Ends everything. */
  stop(): Promise<void>;
  /** Resolves when the path between the hosts is the one that was asked for. Absent: there is no other. */
  settled?(): Promise<unknown>;
  /** To how many members `host` sends what it gives to a group of this address. Absent: it does not tell. */
  degree?(host: Host, group: string): Promise<number>;
  /** Readies a host outside of the net; calling the result makes it join. Absent: `launch` of a host is its join. */
  outsider?(host: Host): Promise<() => Promise<void>>;
}

export interface Wiring {
  address(host: Host): string;
  device(host: Host): string;
  /** `spawn` starts a program on the host and remembers it for `pids` and `halt`. */
  launch(host: Host, spawn: (command: string[], env?: NodeJS.ProcessEnv) => Running): Promise<void>;
}

/** A net whose hosts each run programs of their own. */
export function netOf({ address, device, launch }: Wiring): Net {
  const running = new Map<Host, Running[]>();
  const halt = async (host: Host) => {
    await Promise.all((running.get(host) ?? []).map((program) => program.stop('SIGTERM', 2000)));
    running.delete(host);
  };
  return {
    address,
    device,
    halt,
    async launch(host) {
      const own: Running[] = [];
      running.set(host, own);
      await launch(host, (command, env) => {
        const program = host.start(command, env ? { env } : {});
        own.push(program);
        return program;
      });
    },
    pids: (host) =>
      [...running]
        .filter(([of]) => !host || of === host)
        .flatMap(([, programs]) => programs)
        .filter(({ ended }) => !ended)
        .map(({ child }) => child.pid ?? 0),
    async stop() {
      for (const host of [...running.keys()]) await halt(host);
    },
  };
}
