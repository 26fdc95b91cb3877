// A member's keys without its Weft: a program of one's own over the native data plane, which sends what the member's Weft would not.
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { deriveKeys, type MemberKeys } from '../../../app/mesh/identity/identity.ts';
import { decodeLink } from '../../../app/wire/link.ts';
import { encodeHint } from '../../../app/wire/messages/message.ts';
import { fromBase32, hex } from '../../../app/wire/text.ts';
import { nodeCrypto } from '../../../main/host/crypto.ts';
import type { Host } from './host.ts';
import { projectRoot, type Running } from './shell.ts';

/** An adapter of one's own, with an address of one's choice. */
export interface OwnAdapter {
  name: string;
  ipv4: string;
  /** Address of the member that is called. */
  to: string;
  /** What is sent to these goes to that member. */
  groups?: string[];
}

export interface Impostor {
  /** From `copyState`. */
  copy: string;
  /** Of the network; its first way in is the member that is called. */
  link: string;
  target: Host;
  seconds: number;
  adapter?: OwnAdapter | null;
}

/** Keeps a copy of a member's state while its daemon stands still. */
export async function copyState(host: Host, folder: string): Promise<string> {
  await host.stopDaemon();
  const copy = join(folder, `${host.name}-copy`);
  cpSync(host.state, copy, { recursive: true, filter: (path) => !path.endsWith('.sock') });
  return copy;
}

/** What a copied state folder says: the network, and the keys in it. */
function keysOf(copy: string): { network: Uint8Array; keys: MemberKeys } {
  const device = readFileSync(join(copy, 'device'));
  const { seed } = JSON.parse(device.subarray(device.indexOf('{')).toString()) as { seed: string };
  const network = fromBase32(readdirSync(join(copy, 'networks'))[0] as string);
  if (!network) throw new Error('the network folder is named otherwise than expected');
  return { network, keys: deriveKeys(nodeCrypto, Buffer.from(seed, 'hex'), network, 0) };
}

/** Calls the target from a host; with an adapter it says "ready" when the session is up. */
export function impersonate(from: Host, { copy, link, target, seconds, adapter = null }: Impostor): Running {
  const { network, keys } = keysOf(copy);
  const opened = decodeLink(nodeCrypto, link);
  if (typeof opened === 'string') throw new Error(opened);
  const anchor = opened.waysIn[0];
  if (!anchor) throw new Error('the link names nobody');
  const origin = hex(keys.id).slice(0, 16);
  const near = anchor.endpoints.filter((endpoint) => endpoint.startsWith(target.ipv4));
  if (near.length === 0) throw new Error(`the link leads to ${anchor.endpoints.join()}, not to ${target.name}`);
  const given = {
    addon: join(projectRoot, 'native/addon/weft.node'),
    network: hex(network),
    secret: hex(keys.noiseSecret),
    origin,
    key: hex(anchor.noiseKey),
    peerOrigin: hex(anchor.member).slice(0, 16),
    hint: hex(encodeHint({ purpose: 'member', origin })),
    endpoints: near.map((one) => one.split('/')[0]),
    seconds,
    adapter,
  };
  return from.program('insist', JSON.stringify(given));
}
