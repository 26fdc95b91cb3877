// A real avahi-daemon with a system bus of its own inside a host. Nothing is configured but its folders.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Host } from './host.ts';
import type { Running } from './shell.ts';

export interface Avahi {
  env: NodeJS.ProcessEnv;
  /** Command prefix that runs a program on this host's bus. */
  run: (command: string[]) => Running;
  stop(): Promise<void>;
}

export async function startAvahi(host: Host): Promise<Avahi> {
  const folder = join(host.place.folder, `${host.name}-avahi`);
  mkdirSync(folder, { recursive: true });
  const bus = `unix:path=${folder}/bus`;
  writeFileSync(
    join(folder, 'bus.conf'),
    `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>${bus}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_type="method_call"/><allow send_destination="*"/><allow receive_sender="*"/></policy>
</busconfig>`,
  );
  const env = { DBUS_SYSTEM_BUS_ADDRESS: bus };
  const dbus = host.start([
    'dbus-daemon',
    `--config-file=${folder}/bus.conf`,
    '--nofork',
    '--nopidfile',
    '--print-address=1',
  ]);
  await dbus.says(/unix:/, 5000);
  // avahi keeps its pid file in /run/avahi-daemon: each host gets a private one by a mount namespace.
  const command = `mount -t tmpfs tmpfs /run/avahi-daemon 2>/dev/null || { mkdir -p /run/avahi-daemon && mount -t tmpfs tmpfs /run/avahi-daemon; }; hostname ${host.name}; exec avahi-daemon --no-drop-root --no-chroot --no-rlimits`;
  const daemon = host.start(['unshare', '--mount', '--uts', 'sh', '-c', command], { env });
  await daemon.says(/Server startup complete/, 15_000);
  return {
    env,
    run: (args) => host.start(args, { env }),
    async stop() {
      await daemon.stop();
      await dbus.stop();
    },
  };
}
