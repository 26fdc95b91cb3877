// The command line as people type it. Every command is one line here; what it does is in commands/.
import { Command, CommanderError } from 'commander';
import { EXIT_CODES } from '../../app/contract/errors.ts';
import { defaultStateDir } from '../host/paths.ts';
import { programVersion } from '../host/version.ts';
import * as channels from './commands/channels.ts';
import { daemon, type DaemonFlags } from './commands/daemon.ts';
import * as networks from './commands/networks.ts';
import * as people from './commands/people.ts';
import * as views from './commands/status.ts';
import type { Io } from './io.ts';
import { Session } from './session.ts';

const collect = (value: string, list: string[]): string[] => [...list, value];

/** Runs one command line (without the program's name) and returns its exit code; never throws for what a user can do. */
export async function runCli(args: string[], io: Io): Promise<number> {
  let code = 0;
  const program = new Command('weft')
    .description('One link, one LAN: a peer-to-peer network on which everything that works on a LAN works.')
    .version(programVersion(), '--version')
    .option('--state <dir>', 'state folder of the engine', defaultStateDir())
    .option('--json', 'print JSON')
    .configureOutput({ writeOut: (text) => io.out(text), writeErr: (text) => io.err(text) })
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', '\nExit codes: 0 done, 1 internal error, 2 wrong usage, 3 refused, 4 unreachable.')
    .exitOverride();
  const session = (): Session => {
    const { state, json } = program.opts<{ state: string; json?: boolean }>();
    return new Session(io, { stateDir: state, json: json ?? false });
  };
  addCommands(program, (work) => async (...given: unknown[]) => {
    code = await work(session(), given);
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_CODES.usage;
    throw error;
  }
}

/** Arguments as commander gives them: the positional ones, then the options. */
type Work = (session: Session, given: unknown[]) => Promise<number>;
type Wrap = (work: Work) => (...given: unknown[]) => Promise<void>;
type Text = string | undefined;

function addCommands(program: Command, wrap: Wrap): void {
  program
    .command('daemon')
    .description('run the engine in the foreground; logs go to stderr')
    .option('--adapter <name>', 'name of the first adapter (it begins with “weft”), or none for no adapters')
    .option('--listen <host:port>', 'UDP address to listen on; may be repeated', collect, [])
    .option('--ui <host:port>', 'where to serve the user interface (loopback only), or none')
    .action(wrap((session, [flags]) => daemon(session, flags as DaemonFlags)));
  addNetworkCommands(program, wrap);
  addPeopleCommands(program, wrap);
  addChannelCommands(program.command('channel').description('named multicast channels'), wrap);
  program
    .command('status')
    .description('show everything')
    .action(wrap((session) => views.status(session)));
  program
    .command('members [network]')
    .description('show the members')
    .action(wrap((session, [network]) => views.members(session, network as Text)));
  program
    .command('groups [network]')
    .description('show multicast groups and who receives them')
    .action(wrap((session, [network]) => views.groups(session, network as Text)));
  program
    .command('settings [key=value...]')
    .description('show the settings, or change them')
    .action(wrap((session, [pairs]) => people.settings(session, pairs as string[])));
  program
    .command('doctor')
    .description('look for everything that can go wrong')
    .action(wrap((session) => views.doctor(session)));
}

function addNetworkCommands(program: Command, wrap: Wrap): void {
  program
    .command('create <name>')
    .description('make a network; this device becomes its owner')
    .option('--as <name>', 'name of this device in it')
    .action(
      wrap((session, [name, options]) => networks.create(session, name as string, (options as { as?: string }).as)),
    );
  program
    .command('invite [network]')
    .description('print an invite link')
    .option('--role <role>', 'admin, member or guest')
    .option('--uses <n>', 'how many devices may use it')
    .option('--expires <time>', 'how long it is valid: 90s, 30m, 24h, 7d')
    .action(
      wrap((session, [network, options]) =>
        networks.invite(session, network as Text, options as networks.InviteOptions),
      ),
    );
  // A link that looks like an option must reach the check for links: it is no option, and where it is one, there is no link.
  program
    .command('revoke [invite]')
    .description('make an invite useless (its id, the link, or - to read the link from standard input)')
    .option('--network <network>', 'which network')
    .allowUnknownOption()
    .action(wrap((session, [invite, options]) => networks.revoke(session, invite as Text, networkOf(options))));
  program
    .command('join [link]')
    .description('join a network (- reads the link from standard input, where the process list does not show it)')
    .option('--as <name>', 'name of this device in it')
    .allowUnknownOption()
    .action(wrap((session, [link, options]) => networks.join(session, link as Text, (options as { as?: string }).as)));
  for (const [name, about, work] of [
    ['leave', 'leave and forget a network', networks.leave],
    ['up', 'switch a network on (all without an argument)', networks.up],
    ['down', 'switch a network off (all without an argument)', networks.down],
  ] as const)
    program
      .command(`${name} [network]`)
      .description(about)
      .action(wrap((session, [network]) => work(session, network as Text)));
}

function addChannelCommands(program: Command, wrap: Wrap): void {
  const who = 'all, or members with commas between';
  program
    .command('create <name>')
    .description('make a channel and print its group address and port')
    .option('--network <network>', 'which network')
    .option('--address <group>', 'multicast address; chosen when absent')
    .option('--port <port>', 'UDP port; chosen when absent')
    .option('--repair <mode>', 'off, nack or fec')
    .option('--publishers <members>', `who may send: ${who}`)
    .option('--subscribers <members>', `who may receive: ${who}`)
    .action(
      wrap((session, [name, options]) => channels.create(session, name as string, options as channels.CreateOptions)),
    );
  program
    .command('rights <channel>')
    .description('change who may send and receive, how it is repaired, what it is called')
    .option('--network <network>', 'which network')
    .option('--publishers <members>', `who may send: ${who}`)
    .option('--subscribers <members>', `who may receive: ${who}`)
    .option('--repair <mode>', 'off, nack or fec')
    .option('--name <name>', 'another name')
    .action(
      wrap((session, [channel, options]) =>
        channels.rights(session, channel as string, options as channels.RightsOptions),
      ),
    );
  for (const [name, about, work] of [
    ['join', 'receive a channel on this device, also without an application', channels.join],
    ['leave', 'stop receiving a channel', channels.leave],
    ['close', 'end a channel for everybody', channels.close],
  ] as const)
    program
      .command(`${name} <channel>`)
      .description(about)
      .option('--network <network>', 'which network')
      .action(wrap((session, [channel, options]) => work(session, channel as string, networkOf(options))));
  program
    .command('list [network]')
    .description('show the channels')
    .action(wrap((session, [network]) => channels.list(session, network as Text)));
}

const networkOf = (options: unknown): Text => (options as { network?: string }).network;

function addPeopleCommands(program: Command, wrap: Wrap): void {
  program
    .command('remove <member>')
    .description('remove a member for good')
    .option('--network <network>', 'which network')
    .action(wrap((session, [member, options]) => people.remove(session, member as string, networkOf(options))));
  program
    .command('rename <name>')
    .description('rename this device, another member, or the network')
    .option('--network <network>', 'which network')
    .option('--member <member>', 'rename this member')
    .option('--whole-network', 'rename the network itself')
    .action(
      wrap((session, [name, options]) => people.rename(session, name as string, options as people.RenameOptions)),
    );
  program
    .command('role <member> <role>')
    .description('make a member owner, admin, member or guest')
    .option('--network <network>', 'which network')
    .action(
      wrap((session, [member, role, options]) =>
        people.role(session, member as string, role as string, networkOf(options)),
      ),
    );
}
