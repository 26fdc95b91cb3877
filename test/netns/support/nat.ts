// NATs as nft rule sets, in the words of RFC 4787. Each is proved by test/netns/sites.test.ts with plain sockets.

export type Mapping =
  /** One outside port for an inside endpoint, whoever it talks to. */
  | 'endpoint-independent'
  /** A random outside port for each pair of inside endpoint and destination. */
  | 'random'
  /** The next outside port for each new pair: what port prediction is for. */
  | 'sequential';
export type Filtering = 'endpoint-independent' | 'address' | 'address-and-port';

export interface NatOptions {
  /** Device towards the internet, and its address. */
  wan: string;
  publicAddress: string;
  /** Device towards the inside, its gateway address and prefix. */
  lan: string;
  inside: string;
  mapping: Mapping;
  filtering: Filtering;
  /** How long a UDP mapping lives without a packet from the inside. RFC 4787 asks for ≥ 120 s; many have 30 s. */
  timeoutS?: number;
  /** Rules for packets from inside to outside, before the final `accept`; e.g. `meta l4proto udp drop`. */
  policy?: string[];
  /** What the router itself answers on its inside (a proxy …): nft matches such as `tcp dport 3128`. */
  services?: string[];
  /** Inside connections that are led to the router itself: nft rules of a nat prerouting chain. */
  redirects?: string[];
}

export const MAPPING_TIMEOUT_S = 120;
const SEQUENTIAL_PORT_MIN = 20_000;
const SEQUENTIAL_PORTS = 1000;

/** A map, because nft takes a bare number as a port of the host's byte order. */
const sequence = () =>
  Array.from({ length: SEQUENTIAL_PORTS }, (_, index) => `${index} : ${SEQUENTIAL_PORT_MIN + index}`).join(', ');

function sourceRules({ wan, publicAddress, inside, mapping }: NatOptions): string {
  const from = `oifname "${wan}" ip saddr ${inside}`;
  // TCP ports are drawn anew for each connection, as carriers do it: nobody is called by TCP through one of these.
  const others = `${from} masquerade random,fully-random`;
  if (mapping === 'random') return others;
  if (mapping === 'sequential')
    return `${from} meta l4proto udp snat ip to ${publicAddress}:numgen inc mod ${SEQUENTIAL_PORTS} map { ${sequence()} }\n${others}`;
  // The first packet of an inside endpoint draws a port; `learn` keeps it, and the later ones find it here.
  return `${from} meta l4proto udp snat ip to ip saddr . udp sport map @outside
    ${others}`;
}

/** Keeps what a new inside endpoint was mapped to, and whom it spoke to, for those who come from outside. */
function learnRules({ wan, inside }: NatOptions): string {
  const original = `oifname "${wan}" meta l4proto udp ct direction original ct original ip saddr ${inside}`;
  // A flow that began outside: the inside speaks in the direction of replies.
  const reply = `oifname "${wan}" meta l4proto udp ct direction reply ct reply ip saddr ${inside}`;
  return `${original} update @outside { ct original ip saddr . ct original proto-src : ct reply ip daddr . ct reply proto-dst }
    ${original} update @within { ct reply proto-dst : ct original ip saddr . ct original proto-src }
    ${original} update @spoken { ct reply proto-dst . ip daddr }
    ${reply} update @outside { ct reply ip saddr . ct reply proto-src : ct original ip daddr . ct original proto-dst }
    ${reply} update @within { ct original proto-dst : ct reply ip saddr . ct reply proto-src }
    ${reply} update @spoken { ct original proto-dst . ip daddr }`;
}

function admitRule({ wan, filtering, mapping }: NatOptions): string {
  if (mapping !== 'endpoint-independent' || filtering === 'address-and-port') return '';
  const spoken = filtering === 'address' ? 'udp dport . ip saddr @spoken ' : '';
  return `iifname "${wan}" meta l4proto udp ${spoken}dnat ip to udp dport map @within`;
}

/**
 * Rules of a home router: what comes from outside and belongs to nothing is dropped before it is tracked (a tracked one would take the
 * very port that the inside is about to use), the own public address is not reachable from inside (no hairpin).
 */
export function natRules(options: NatOptions): string {
  const { wan, lan, publicAddress, timeoutS = MAPPING_TIMEOUT_S } = options;
  const flags = `flags dynamic,timeout; size 16384; timeout ${timeoutS}s;`;
  const services = (options.services ?? []).map((match) => `iifname "${lan}" ${match} accept`);
  const redirects = (options.redirects ?? []).map((rule) => `iifname "${lan}" ${rule}`);
  return `table ip site {
  map outside { type ipv4_addr . inet_service : ipv4_addr . inet_service; ${flags} }
  map within { type inet_service : ipv4_addr . inet_service; ${flags} }
  set spoken { type inet_service . ipv4_addr; ${flags} }
  chain pre { type nat hook prerouting priority dstnat;
    ${admitRule(options)}
    ${redirects.join('\n    ')}
  }
  chain post { type nat hook postrouting priority srcnat;
    ${sourceRules(options)}
  }
  chain learn { type filter hook postrouting priority 200;
    ${learnRules(options)}
  }
  chain forward { type filter hook forward priority 0; policy drop;
    iifname "${wan}" ct state established,related accept
    iifname "${wan}" ct status dnat accept
    iifname "${lan}" oifname "${wan}" jump outbound
  }
  chain outbound {
    ${(options.policy ?? []).join('\n    ')}
    accept
  }
  chain input { type filter hook input priority 0; policy drop;
    iifname "lo" accept
    ct state established,related accept
    iifname "${lan}" ip daddr ${publicAddress} drop
    ${services.join('\n    ')}
    iifname "${lan}" icmp type echo-request accept
  }
}
`;
}

/** Lets out nothing but TLS to port 443: the first bytes of a connection decide, as a firewall that looks inside does it. */
export const tlsOnly = [
  'tcp dport 443 ct mark 1 accept',
  'tcp dport 443 @ih,0,16 0x1603 ct mark set 1 accept',
  // At least one byte, and not TLS.
  'tcp dport 443 @ih,0,8 >= 0 reject with tcp reset',
  'tcp dport 443 accept',
  'drop',
];
export const noUdp = ['meta l4proto udp drop'];
export const nothing = ['drop'];
/** TLS to 443, and of UDP only what a browser's WebRTC sends: STUN with its magic cookie, DTLS records. */
export const webrtcOnly = [
  'meta l4proto udp @ih,32,32 0x2112a442 accept',
  'meta l4proto udp @ih,0,8 20-63 accept',
  ...tlsOnly,
];
/** TLS to 443, and UDP to TURN servers' port alone. */
export const turnOnly = ['udp dport 3478 accept', ...tlsOnly];
