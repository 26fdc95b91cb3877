/** What `weft daemon` was asked for. Read by runDaemon in daemon.ts. */
export interface DaemonOptions {
  /** Absolute path of the state folder; made when absent (0700). */
  stateDir: string;
  /** Name of the first network's adapter; null: no adapters at all; absent: Weft chooses (weft0 …). */
  adapter?: string | null;
  /** UDP addresses "HOST:PORT" to listen on; empty: the settings', else chosen by Weft. */
  listen: string[];
  /** Where to serve the UI, on loopback only (port 0: any free one); null: not at all. */
  ui: { host: string; port: number } | null;
}

/** Where the UI is served unless told otherwise. */
export const UI_DEFAULT = { host: '127.0.0.1', port: 0 } as const;

/** Runs until the engine is told to stop or a signal comes; returns the exit code (see main/cli/session.ts). */
export type RunDaemon = (options: DaemonOptions) => Promise<number>;
