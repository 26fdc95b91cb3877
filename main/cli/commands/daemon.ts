// `weft daemon`: reads its options and loads the engine, which the other commands do without.
import { resolve } from 'node:path';
import { UI_DEFAULT, type DaemonOptions } from '../../daemon/options.ts';
import type { Session } from '../session.ts';
import { parseAddress } from '../text.ts';

export interface DaemonFlags {
  adapter?: string;
  listen: string[];
  ui?: string;
}

/**
 * What the kernel takes as a device name. Any Weft on this machine knows by its beginning that the device leads into an overlay: its
 * addresses are not told to members, and nothing is sent there that would go round in a circle.
 */
const ADAPTER_NAME = /^weft[a-zA-Z0-9_.-]{0,11}$/;

export async function daemon(session: Session, flags: DaemonFlags): Promise<number> {
  const options = daemonOptions(session.options.stateDir, flags);
  if (typeof options === 'string') return session.fail({ code: 'bad-argument', data: { what: options } });
  const { runDaemon } = await import('../../daemon/daemon.ts');
  return runDaemon(options);
}

/** The options, or what is wrong with them. */
export function daemonOptions(stateDir: string, flags: DaemonFlags): DaemonOptions | string {
  const options: DaemonOptions = { stateDir: resolve(stateDir), listen: flags.listen, ui: UI_DEFAULT };
  if (flags.adapter === 'none') options.adapter = null;
  else if (flags.adapter !== undefined) {
    if (!ADAPTER_NAME.test(flags.adapter)) return `--adapter ${flags.adapter}`;
    options.adapter = flags.adapter;
  }
  for (const address of flags.listen) if (!parseAddress(address)) return `--listen ${address}`;
  if (flags.ui === 'none') options.ui = null;
  else if (flags.ui !== undefined) {
    const ui = parseAddress(flags.ui);
    if (!ui) return `--ui ${flags.ui}`;
    options.ui = ui;
  }
  return options;
}
