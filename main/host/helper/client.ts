// The helper's verbs as functions with coded outcomes.
import { connect, type Socket } from 'node:net';
import { ERRORS, fail, ok, type ErrorCode, type Outcome } from '../../../app/contract/errors.ts';
import { patience } from './patience.ts';
import { SYSTEM_SOCKET, ownSocket, ownerOf, startHelper } from './start.ts';

export const PROTOCOL_VERSION = 1;
const ANSWER_TIMEOUT_MS = 5_000;
/** The helper hangs up on who says nothing for 5 s, as an engine does that is held up: then it asks again. */
const HOLD_TRIES = 5;

/** The addon's helperCall: one request, one answer, descriptors along. */
export type HelperCall = (socketPath: string, line: string) => { answer: string; fds: number[] };

export interface AdapterSpec {
  name: string;
  mac: string;
  mtu: number;
  ipv4?: string;
  ipv6: string[];
}

export interface HelperOptions {
  stateDir: string;
  call: HelperCall;
  closeFd: (fd: number) => void;
  /** The helper went away by itself. */
  onLost: () => void;
}

export class HelperClient {
  private socket: string | null = null;
  private holding: Socket | null = null;
  private readonly owner: string;

  constructor(private readonly options: HelperOptions) {
    this.owner = ownerOf(options.stateDir);
  }

  get ready(): boolean {
    return this.holding !== null;
  }

  /** Finds a running helper, else starts one, and holds a connection so that it knows we live. `ask`: see startHelper. */
  async start(ask: boolean): Promise<Outcome<void>> {
    if (this.holding) return ok(undefined);
    const own = ownSocket(this.options.stateDir);
    const running = await this.hold(own);
    if (running.ok || (await this.hold(SYSTEM_SOCKET)).ok) return ok(undefined);
    // One is there, and another could not listen beside it.
    if (running.error.code !== 'helper-missing') return running;
    const started = await startHelper(own, ask);
    return started.ok ? this.hold(own) : started;
  }

  private async hold(path: string): Promise<Outcome<void>> {
    for (let tries = 0; tries < HOLD_TRIES; tries++) {
      const outcome = await this.dial(path);
      if (outcome !== 'hung-up') return outcome;
    }
    return fail('helper-refused', { why: 'it hangs up' });
  }

  private dial(path: string): Promise<Outcome<void> | 'hung-up'> {
    return new Promise((settle) => {
      const socket = connect(path);
      let said = '';
      let isThere = false;
      let stop = (): void => undefined;
      const give = (outcome: Outcome<void> | 'hung-up'): void => {
        stop();
        if (this.holding !== socket) socket.destroy();
        settle(outcome);
      };
      const gone = (): void => give(isThere ? 'hung-up' : fail('helper-missing', { why: 'it does not answer' }));
      const late = (): void => give(fail('helper-refused', { why: 'it did not answer in time' }));
      socket.on('connect', () => {
        isThere = true;
        socket.write(this.line('hold', {}));
        stop = patience(ANSWER_TIMEOUT_MS, late);
      });
      socket.on('error', gone);
      socket.on('data', (text) => {
        said += String(text);
        if (!said.includes('\n') || this.holding === socket) return;
        const answer = parse(said.split('\n')[0] ?? '');
        if (!answer.ok) return give(answer);
        this.socket = path;
        this.holding = socket;
        socket.unref();
        give(ok(undefined));
      });
      socket.on('close', () => {
        if (this.holding !== socket) return gone();
        this.holding = null;
        this.socket = null;
        this.options.onLost();
      });
    });
  }

  /** Makes or takes over an adapter; its descriptor is the caller's to close. Fails with the helper's codes. */
  open(spec: AdapterSpec): Outcome<{ fd: number }> {
    return this.descriptor('adapter.open', { ...spec });
  }

  readdress(spec: AdapterSpec): Outcome<void> {
    return this.quiet('adapter.address', { ...spec });
  }
  carrier(name: string, on: boolean): Outcome<void> {
    return this.quiet('adapter.carrier', { name, on });
  }
  close(name: string): Outcome<void> {
    return this.quiet('adapter.close', { name });
  }
  setNames(name: string, domain: string, servers: string[], hosts: [string, string][]): Outcome<void> {
    return this.quiet('dns.set', { name, domain, servers, hosts });
  }
  clearNames(name: string): Outcome<void> {
    return this.quiet('dns.clear', { name });
  }

  /** A UDP socket on port 53 of an own overlay address. */
  bindDns(address: string): Outcome<{ fd: number }> {
    return this.descriptor('port.bind', { address, port: 53, proto: 'udp' });
  }
  /** TCP port 443 of all IPv4 addresses ("0.0.0.0") or all IPv6 ones ("::"), listening. */
  bindWeb(address: '0.0.0.0' | '::'): Outcome<{ fd: number }> {
    return this.descriptor('port.web', { address });
  }

  /** Copies of what this host sends to these groups by other interfaces: a SOCK_SEQPACKET end. */
  watch(groups: string[]): Outcome<{ fd: number }> {
    return this.descriptor('datagrams.watch', { groups });
  }
  /** What comes for the groups by this adapter arrives as if by the other interface. Replaces. */
  mirror(name: string, entries: { group: string; to: string }[]): Outcome<void> {
    return this.quiet('mirror.set', { name, entries });
  }

  private descriptor(verb: string, data: Record<string, unknown>): Outcome<{ fd: number }> {
    const answer = this.ask(verb, data);
    if (!answer.ok) return answer;
    const fd = answer.value.fds[0];
    return fd === undefined ? fail('internal', { why: 'the helper sent no descriptor' }) : ok({ fd });
  }

  /** Lets go: from now on the grace time runs for what is still held. */
  release(): void {
    const socket = this.holding;
    this.holding = null;
    this.socket = null;
    socket?.destroy();
  }

  private quiet(verb: string, data: Record<string, unknown>): Outcome<void> {
    const answer = this.ask(verb, data);
    if (!answer.ok) return answer;
    for (const fd of answer.value.fds) this.options.closeFd(fd);
    return ok(undefined);
  }

  private line(verb: string, data: Record<string, unknown>): string {
    return `${JSON.stringify({ v: PROTOCOL_VERSION, owner: this.owner, verb, ...data })}\n`;
  }

  private ask(verb: string, data: Record<string, unknown>): Outcome<{ fds: number[] }> {
    if (!this.socket) return fail('helper-missing', { why: 'it is not running' });
    try {
      const { answer, fds } = this.options.call(this.socket, this.line(verb, data).trimEnd());
      const parsed = parse(answer);
      if (parsed.ok) return ok({ fds });
      for (const fd of fds) this.options.closeFd(fd);
      return parsed;
    } catch (error) {
      return fail('helper-refused', { why: error instanceof Error ? error.message : String(error) });
    }
  }
}

function parse(text: string): Outcome<void> {
  try {
    const answer = JSON.parse(text) as { ok?: boolean; code?: string; why?: string };
    if (answer.ok) return ok(undefined);
    const why = answer.why ?? '';
    const code = answer.code ?? 'internal';
    const data = { why, name: why, local: why, address: why, what: why };
    return Object.hasOwn(ERRORS, code) ? fail(code as ErrorCode, data) : fail('helper-refused', data);
  } catch {
    return fail('helper-refused', { why: 'its answer makes no sense' });
  }
}
