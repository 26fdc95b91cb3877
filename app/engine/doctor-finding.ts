// What `doctor` says of how this device finds others and is found, and of each member that is not reached directly.
import type { Attempt, DoctorItem, Finding } from '../contract/state.ts';
import type { Engine } from './engine.ts';
import type { Network } from './network.ts';
import type { RollMember } from './roll.ts';

const NATS: Record<Finding['nat'], string> = {
  unknown: 'Nobody outside of the own network has seen this device yet: what stands before it is not known.',
  open: 'Others can call this device directly: there is no NAT before it.',
  mapped: 'This device is behind a NAT; its router forwards a port, so others can call it.',
  cone: 'This device is behind a NAT that shows everybody the same address: direct paths are made by calling at the same time.',
  symmetric:
    'This device is behind a symmetric NAT, which shows everybody another address: direct paths only to members that can be called.',
  nat: 'This device is behind a NAT; its kind shows when a second member has seen it.',
};

const MAPPING_CODES: Record<string, string> = {
  'no-gateway': 'no router answered by UPnP, NAT-PMP or PCP',
  refused: 'the router refused',
  'behind-another-nat': 'the router itself is behind another NAT, so the port can only be called from inside of that',
  failed: 'it failed unexpectedly',
};

const DHT_WORDS: Record<Finding['dht']['last'], string> = {
  idle: 'not needed so far',
  working: 'at work',
  published: 'this device’s addresses are published',
  found: 'members were found',
  nothing: 'nobody was found',
  unreachable: 'the DHT does not answer',
};

/** Members reached without others of which it says by what. */
const PAIRS_TOLD_MAX = 32;

const RESULTS: Record<string, string> = {
  reached: 'gets there',
  'no-answer': 'is not answered',
  timeout: 'took too long',
  refused: 'is refused: nobody listens there',
  unreachable: 'finds no way there',
  closed: 'is closed at once',
  protocol: 'meets something else there',
  'proxy-unreachable': 'does not reach the proxy',
  'proxy-auth': 'is not let through without another name or password',
  'proxy-refused': 'is refused by the proxy',
  unavailable: 'is not to be had here',
};

const item = (id: string, level: DoctorItem['level'], code: string, text: string, remedy?: string): DoctorItem => ({
  ...{ id, level, code, text },
  ...(remedy && { remedy }),
});

export function findingItems(engine: Engine): DoctorItem[] {
  const items = proxyItems(engine);
  const { finding } = engine.state();
  if (!finding) return items;
  const { nat, observed, mapping, lan, dht } = finding;
  const seen = observed.length > 0 ? ` Seen at ${observed.join(', ')}.` : '';
  items.push(item('nat', nat === 'symmetric' ? 'note' : 'ok', `nat-${nat}`, `${NATS[nat]}${seen}`));
  items.push(mappingItem(mapping, engine));
  const heard = `${lan.found} beacon${lan.found === 1 ? '' : 's'} of members heard`;
  items.push(item('lan', 'ok', 'lan', lan.on ? `LAN discovery is on: ${heard}.` : 'LAN discovery is off.'));
  const level = dht.on && dht.last === 'unreachable' ? 'note' : 'ok';
  items.push(item('dht', level, 'dht', dht.on ? `DHT: ${DHT_WORDS[dht.last]}.` : 'The DHT is not used.'));
  return items;
}

function mappingItem({ state, by, endpoints, code }: Finding['mapping'], engine: Engine): DoctorItem {
  const make = (level: DoctorItem['level'], text: string): DoctorItem =>
    item('port-mapping', level, `mapping-${state}`, text);
  const why = code === undefined ? '' : (MAPPING_CODES[code] ?? code);
  switch (state) {
    case 'mapped':
      return make(why ? 'note' : 'ok', `The router maps ${endpoints.join(', ')} here (${by})${why && `; but ${why}`}.`);
    case 'searching':
      return make('ok', 'A router that opens ports is being looked for.');
    case 'none':
      return make('note', `No port is mapped here: ${why || 'no router granted one'}.`);
    case 'off': {
      const forbidden = engine.options.policy?.portMapping === false;
      return make('ok', forbidden ? 'Port mapping is forbidden by the administrator.' : 'Port mapping is off.');
    }
  }
}

function proxyItems(engine: Engine): DoctorItem[] {
  const { links } = engine.ports;
  if (!links) return [];
  const proxies = links.proxies();
  const use = engine.conduct().http ? '' : ' It is not used: tunnels in HTTP are forbidden by the administrator.';
  const text = proxies.found
    ? `Proxy: ${proxies.shown.join(', ') || 'found'}.${use}`
    : 'No proxy is set on this machine.';
  return [item('proxy', 'ok', proxies.found ? 'proxy' : 'no-proxy', text)];
}

/** Why a member is reached through others, or not at all. */
export function pairItems(network: Network, engine: Engine): DoctorItem[] {
  const items: DoctorItem[] = [];
  const nat = engine.state().finding?.nat;
  for (const member of network.roll.members()) {
    const contact = network.paths.contacts.get(member.origin);
    if (!contact) continue;
    const id = `${network.roll.name} ${member.id}`;
    const known = network.paths.contacts.endpointsOf(member.origin);
    const attempts = attemptsText(network.reaching.tried(member.origin));
    if (contact.state === 'up' && contact.transport === 'relay') {
      const text = `“${member.name}” is reached through ${through(network, member)}: ${whyNotDirect(engine, nat, known)}.${attempts}`;
      items.push(item(id, 'note', 'relayed', text));
    } else if (contact.state === 'up') {
      if (items.length < PAIRS_TOLD_MAX)
        items.push(
          item(id, 'ok', 'direct', `“${member.name}” is reached by ${contact.transport ?? 'udp'}.${attempts}`),
        );
    } else if (contact.failures > 0) {
      const away = network.paths.isOnline(member.origin) ? '' : ' It seems to be offline, or somewhere else now.';
      const text = `“${member.name}” was not reached in ${contact.failures} tries at ${known.length} endpoints.${attempts}${away}`;
      items.push(item(id, 'note', 'nobody-reached', text));
    }
  }
  return items;
}

/** What each transport came to at its last try. */
function attemptsText(tried: readonly Attempt[]): string {
  const words = tried.map(({ transport, result, proxied, endpoint }) => {
    const how = `${transport}${proxied ? ' by proxy' : ''}${endpoint ? ` (${endpoint})` : ''}`;
    return `${how} ${RESULTS[result] ?? result}`;
  });
  return words.length > 0 ? ` Last tries: ${words.join('; ')}.` : '';
}

function through(network: Network, member: RollMember): string {
  const relays = new Set(network.paths.routes.relays(member.origin).map(({ origin }) => origin));
  const names = network.roll.members().flatMap((each) => (relays.has(each.origin) ? [`“${each.name}”`] : []));
  return names.join(', ') || 'others';
}

function whyNotDirect(engine: Engine, nat: Finding['nat'] | undefined, known: readonly string[]): string {
  const { datagrams, only443 } = engine.conduct();
  if (known.length === 0) return 'it tells no address at which it could be called';
  if (only443 && !known.some((endpoint) => /:443(\/tcp)?$/.test(endpoint)))
    return 'this device only calls port 443, and the other does not listen there';
  if (!datagrams) return 'UDP is switched off here, and it takes no streams from outside';
  if (nat === 'symmetric') return `neither of the two can be called (this device’s NAT is symmetric; ${tried(known)})`;
  return `nothing came back from where it could be called (${tried(known)}); UDP is blocked or a NAT lets nothing in`;
}

const tried = (known: readonly string[]): string =>
  `tried: ${known.slice(0, 4).join(', ')}${known.length > 4 ? ' …' : ''}`;
