// All that is measured, in the order of the tables.
import type { Peer } from '../peer.ts';
import { bare } from './bare.ts';
import { easytier } from './easytier.ts';
import { n2n } from './n2n.ts';
import { nebula } from './nebula.ts';
import { openvpn } from './openvpn.ts';
import { tinc } from './tinc.ts';
import { vpncloud } from './vpncloud.ts';
import { plaintext, weft } from './weft.ts';
import { wireguard } from './wireguard.ts';

export const PLAINTEXT = plaintext.name;
export const WIREGUARD = wireguard.name;

/** Cheap ones to build come first. */
export const peers: Peer[] = [weft, wireguard, tinc, n2n, openvpn, nebula, vpncloud, easytier, plaintext, bare];

/** Peers that cannot be had by package name, with the reason. */
export const unavailable = [
  {
    name: 'ZeroTier',
    why: 'no registry has a package of its daemon; the ones that bear its name are API clients and a socket library without an adapter',
  },
];
