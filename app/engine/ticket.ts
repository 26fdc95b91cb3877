// From a device and a link (or nothing) to a network's first records: creating, loading, and what a joiner needs.
import { fail, ok, type Outcome } from '../contract/errors.ts';
import type { LinkPreview } from '../contract/table.ts';
import { choosePrefix, deriveKeys, idText, linkLocalOf, macOf, originOf, ulaOf } from '../mesh/identity/identity.ts';
import { createNetwork } from '../mesh/membership/acts.ts';
import { checkLink, encodeJoinRequest, makeJoinRequest } from '../mesh/membership/join.ts';
import { tidyName } from '../mesh/membership/label.ts';
import { Ledger } from '../mesh/membership/ledger.ts';
import { CLOCK_SKEW_MS_MAX } from '../mesh/membership/rules.ts';
import { decodeLink, type InviteLink } from '../wire/link.ts';
import { normalEndpoint } from '../wire/messages/address.ts';
import { fromBase32, hex } from '../wire/text.ts';
import type { Device } from './device.ts';
import { NetworkFiles } from './files.ts';
import { Intake } from './intake.ts';
import type { WayIn } from './join.ts';
import type { NetworkConfig, Now, Ports } from './ports.ts';
import { Roll } from './roll.ts';

const ROOT_SEED_BYTES = 32;
const IPV6_PREFIX = 64;

export interface NewNetwork {
  name: string;
  memberName: string;
  /** IPv4 networks of this machine, "10.3.0.0/16". */
  localPrefixes: string[];
  mtu: number;
}

/** Makes a network; its root key and first record are durable when this returns ok. */
export function createRoll(
  ports: Ports,
  device: Device,
  now: Now,
  wish: NewNetwork,
): Outcome<{ roll: Roll; files: NetworkFiles }> {
  const name = tidyName(wish.name);
  const ownerName = tidyName(wish.memberName);
  if (name === null || ownerName === null) return fail('bad-argument', { what: 'name' });
  const rootSeed = ports.random.bytes(ROOT_SEED_BYTES);
  const { ledger, keys, genesis } = createNetwork({
    crypto: ports.crypto,
    deviceSeed: device.seed,
    rootSeed,
    name,
    ownerName,
    prefix: choosePrefix(ports.random, wish.localPrefixes),
    mtu: wish.mtu,
    nowMs: Math.floor(now.wall),
  });
  const files = new NetworkFiles(ports.store, idText(ledger.networkId));
  const root = files.writeRoot(rootSeed);
  const stored = root.ok ? files.appendRecords([genesis]) : root;
  if (stored.ok) return ok({ roll: new Roll(ports, ledger, keys, files), files });
  files.remove();
  return stored;
}

/** Reads and checks a network's records. `state-corrupt` when they do not hold together. */
export function loadRoll(ports: Ports, device: Device, files: NetworkFiles, generation: number): Outcome<Roll> {
  const networkId = fromBase32(files.id);
  const damaged = fail('state-corrupt', { file: `networks/${files.id}/records`, kept: `networks/${files.id}` });
  if (networkId?.length !== 32) return damaged;
  const records = files.readRecords();
  if (!records.ok) return records;
  const ledger = new Ledger(ports.crypto, networkId);
  for (const bytes of records.value) ledger.add(ports.share?.(bytes) ?? bytes);
  if (ledger.revision === 0) return damaged;
  const keys = deriveKeys(ports.crypto, device.seed, networkId, generation);
  return ok(new Roll(ports, ledger, keys, files));
}

export interface Attempt {
  request: Uint8Array;
  config(net: number, mtu: number): NetworkConfig;
  /** For the records of one sponsor. */
  intake(): Intake;
}

export interface Ticket {
  /** Network id, base32. */
  id: string;
  preview: Omit<LinkPreview, 'alreadyMember'>;
  inviteId: Uint8Array;
  ways: WayIn[];
  mtu: number;
  /** Whether the clock of this device allows to use it now. */
  timely(now: Now): Outcome<void>;
  attempt(device: Device, generation: number, memberName: string): Outcome<Attempt>;
}

/** `link-not-weft`, `link-damaged`, `link-version`, `link-too-long`. */
export function openLink(ports: Ports, text: string): Outcome<Ticket> {
  const link = decodeLink(ports.crypto, text);
  if (typeof link === 'string') return fail(link);
  const checked = checkLink(ports.crypto, link);
  if (!checked) return fail('link-damaged');
  const { certificate, certificateHash, genesis } = checked;
  const id = idText(link.networkId);
  return ok({
    id,
    preview: {
      networkId: id,
      networkName: link.networkName,
      fingerprint: fingerprint(link.networkId),
      inviter: link.inviter,
      role: certificate.role,
      expiresMs: certificate.expiresMs,
      waysIn: link.waysIn.length,
    },
    inviteId: certificateHash,
    ways: link.waysIn.map(({ member, noiseKey, endpoints }) => ({
      key: noiseKey,
      origin: hex(originOf(member)),
      endpoints: endpoints.map(normalEndpoint).filter((endpoint) => endpoint !== null),
    })),
    mtu: genesis.mtu,
    timely: (now) => {
      if (now.wall < certificate.notBeforeMs - CLOCK_SKEW_MS_MAX) return fail('clock-wrong');
      return now.wall > certificate.expiresMs ? fail('invite-expired') : ok(undefined);
    },
    attempt: (device, generation, memberName) => startAttempt(ports, link, device, generation, memberName),
  });
}

function startAttempt(
  ports: Ports,
  link: InviteLink,
  device: Device,
  generation: number,
  memberName: string,
): Outcome<Attempt> {
  const name = tidyName(memberName);
  if (name === null) return fail('bad-argument', { what: 'memberName' });
  const { crypto } = ports;
  const { networkId } = link;
  const keys = deriveKeys(crypto, device.seed, networkId, generation);
  return ok({
    request: encodeJoinRequest(makeJoinRequest(crypto, link, keys, name)),
    config: (net, mtu) => ({
      net,
      networkId,
      secretKey: keys.noiseSecret,
      origin: originOf(keys.id),
      ipv6: ulaOf(networkId, keys.id),
      ipv6Prefix: IPV6_PREFIX,
      linkLocal: linkLocalOf(keys.id),
      mac: macOf(keys.id),
      mtu,
    }),
    intake: () => new Intake(ports, networkId, keys),
  });
}

/** Four groups to compare by voice. */
function fingerprint(networkId: Uint8Array): string {
  const text = hex(networkId);
  return [0, 4, 8, 12].map((at) => text.slice(at, at + 4)).join(' ');
}
