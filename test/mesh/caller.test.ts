// One peer's caller: what is tried in which order, what is kept, and when something better is looked for.
import { describe, expect, it } from 'vitest';
import { Caller, dialTargets, type CallPolicy, type DialTarget } from '../../app/mesh/paths/caller.ts';
import { callable } from '../../app/mesh/guard/callable.ts';
import { Chance } from '../../app/mesh/paths/chance.ts';
import {
  DIALS_MAX,
  DIAL_STAGGER_MS,
  STREAM_ENDPOINTS_MAX,
  STREAM_HEAD_START_MS,
  UPGRADE_AFTER_MS,
  UPGRADE_EVERY_MS,
  WAYS_MAX,
  WEBRTC_HEAD_START_MS,
} from '../../app/mesh/paths/limits.ts';
import { parseEndpoint, type Endpoint } from '../../app/wire/messages/address.ts';

const open: CallPolicy = { datagrams: true, only443: false, http: true, proxy: false, webrtc: false };
const PEER = '203.0.113.7:443';

class Bench {
  policy: CallPolicy = { ...open };
  endpoints: string[] = [PEER];
  own: string[] = ['192.0.2.9:4000'];
  vias: number[] = [];
  signals = true;
  readonly connects: string[][] = [];
  readonly ways: string[][] = [];
  readonly tries: string[][] = [];
  readonly dials: (DialTarget & { dial: number; atMono: number })[] = [];
  readonly cancelled: number[] = [];
  readonly closed: number[] = [];
  readonly meets: number[] = [];
  now = 0;
  readonly caller: Caller;

  constructor(canDial = true) {
    const io = {
      policy: () => this.policy,
      endpoints: () => this.endpoints,
      mayCall: (endpoint: Endpoint) => callable(this.own)(endpoint),
      vias: () => this.vias,
      connect: (ways: string[]) => void this.connects.push(ways),
      setWays: (ways: string[]) => void this.ways.push(ways),
      tryWays: (ways: string[]) => void this.tries.push(ways),
      dial: (target: DialTarget) => {
        const dial = this.dials.length + 1;
        this.dials.push({ ...target, dial, atMono: this.now });
        return dial;
      },
      cancel: (dial: number) => void this.cancelled.push(dial),
      closeLink: (link: number) => void this.closed.push(link),
      meet: (nowMono: number) => void this.meets.push(nowMono),
      canSignal: () => this.signals,
    };
    // Three bytes make a draw; these draw the middle: no jitter.
    const middle = (length: number) => Uint8Array.from({ length }, (_, place) => (place % 3 === 0 ? 0x80 : 0));
    this.caller = new Caller(io, new Chance({ bytes: middle }), canDial);
  }

  /** Runs the clock up to `untilMono`. */
  run(untilMono: number): this {
    for (let next = this.caller.nextDeadline(); next <= untilMono; next = this.caller.nextDeadline()) {
      this.now = Math.max(this.now, next);
      this.caller.tick(this.now);
    }
    this.now = untilMono;
    return this;
  }

  call(): this {
    this.caller.call(this.now);
    return this;
  }

  up(transport: string, link: number | null = null): this {
    this.caller.up(this.now, transport, link);
    return this;
  }

  order(): string[] {
    return this.dials.map((target) =>
      'proxy' in target && target.proxy === 'auto' ? `${target.transport} by proxy` : target.transport,
    );
  }

  failAll(): this {
    for (const { dial } of this.dials) this.caller.failed(dial);
    return this;
  }
}

const endpoints = (...texts: string[]): Endpoint[] => texts.map((text) => parseEndpoint(text) as Endpoint);

describe('what is dialled', () => {
  it('gives the turn of proxies to the rest once there is none', () => {
    const bench = new Bench();
    bench.policy = { ...open, datagrams: false, proxy: true };
    bench.call().run(0);
    expect(bench.order()).toEqual(['tls by proxy']);
    bench.caller.failed(1, 'no-proxy');
    bench.run(DIAL_STAGGER_MS * 2);
    expect(bench.order()).toEqual(['tls by proxy', 'tcp', 'tls']);
    expect(bench.dials.map(({ atMono }) => atMono)).toEqual([0, DIAL_STAGGER_MS, 2 * DIAL_STAGGER_MS]);
    // Any other failure says nothing of the next ones.
    const other = new Bench();
    other.policy = { ...open, datagrams: false, proxy: true };
    other.call().run(0);
    other.caller.failed(1, 'proxy-refused');
    other.run(DIAL_STAGGER_MS * 2);
    expect(other.order()).toEqual(['tls by proxy', 'tcp', 'wss by proxy']);
  });

  it('goes from the quick and plain to the slow and wrapped, 443 first', () => {
    const targets = dialTargets(endpoints('203.0.113.7:4000', PEER), open);
    const named = targets.map(({ transport, port }) => `${transport}:${port}`);
    expect(named.slice(0, 4)).toEqual(['tcp:443', 'tcp:4000', 'tls:443', 'tls:4000']);
    expect(named.slice(4).map((name) => name.split(':')[0])).toEqual(
      ['wss', 'ws', 'https', 'http'].flatMap((name) => [name, name]),
    );
  });

  it('is bounded, and leaves out what takes datagrams only', () => {
    const many = Array.from({ length: 9 }, (_, place) => `203.0.113.${place + 1}:443`);
    const targets = dialTargets(endpoints('192.0.2.1:9/udp', ...many), open);
    expect(new Set(targets.map(({ host }) => host)).size).toBe(STREAM_ENDPOINTS_MAX);
    expect(targets.some(({ host }) => host === '192.0.2.1')).toBe(false);
  });

  it('is TLS and HTTPS to 443 alone when only that is allowed', () => {
    const targets = dialTargets(endpoints('203.0.113.7:4000', PEER), { ...open, only443: true });
    expect(targets.map(({ transport, port }) => `${transport}:${port}`)).toEqual(['tls:443', 'wss:443', 'https:443']);
  });

  it('is no HTTP where that is forbidden, with or without a proxy', () => {
    const targets = dialTargets(endpoints(PEER), { ...open, http: false, proxy: true });
    expect(targets.map(({ transport, proxy }) => `${transport} ${proxy}`)).toEqual(['tcp none', 'tls none']);
  });

  it('goes by the proxy and straight in turns', () => {
    const targets = dialTargets(endpoints(PEER), { ...open, proxy: true });
    const named = targets.map(({ transport, proxy }) => `${transport} ${proxy}`);
    expect(named.slice(0, 4)).toEqual(['tls auto', 'tcp none', 'wss auto', 'tls none']);
    expect(named).not.toContain('tcp auto');
  });
});

describe('a call', () => {
  it('gives datagrams a head start, then dials one after the other, a few at a time', () => {
    const bench = new Bench().call();
    expect(bench.connects).toEqual([[PEER]]);
    bench.run(STREAM_HEAD_START_MS - 1);
    expect(bench.dials).toEqual([]);
    bench.run(10_000);
    expect(bench.order()).toEqual(['tcp', 'tls', 'wss', 'ws', 'https', 'http'].slice(0, DIALS_MAX));
    expect(bench.dials.map(({ atMono }) => atMono)).toEqual(
      bench.dials.map((_, place) => STREAM_HEAD_START_MS + place * DIAL_STAGGER_MS),
    );
  });

  it('dials no more at a time than it may, and goes on when one fails', () => {
    const bench = new Bench();
    bench.endpoints = [PEER, '203.0.113.8:443'];
    bench.call().run(10_000);
    expect(bench.dials).toHaveLength(DIALS_MAX);
    expect(bench.caller.failed(1)).toBe(true);
    expect(bench.caller.failed(1)).toBe(false);
    bench.run(10_001);
    expect(bench.dials).toHaveLength(DIALS_MAX + 1);
  });

  it('waits for nothing where datagrams have no chance', () => {
    const blocked = new Bench();
    blocked.policy.datagrams = false;
    blocked.call().run(0);
    expect(blocked.order()).toEqual(['tcp']);
    expect(blocked.connects).toEqual([[]]);
    const streams = new Bench();
    streams.endpoints = [`${PEER}/tcp`];
    streams.call().run(0);
    expect(streams.order()).toEqual(['tcp']);
  });

  it('dials nothing where there are no streams', () => {
    const bench = new Bench(false).call().run(60_000);
    expect(bench.dials).toEqual([]);
    expect(bench.caller.unanswered()).toBe(false);
  });

  it('offers addresses, links and relays together, within the limit', () => {
    const bench = new Bench();
    bench.endpoints = Array.from({ length: 30 }, (_, place) => `203.0.113.${place + 1}:443`);
    bench.vias = [4, 5];
    bench.call().run(STREAM_HEAD_START_MS);
    bench.caller.opened(1, 77, 'tcp');
    const ways = bench.connects.at(-1) ?? [];
    expect(ways).toHaveLength(WAYS_MAX);
    expect(ways.slice(-3)).toEqual(['link:77', 'via:4', 'via:5']);
  });

  it('is not over while a dial stands, whatever the data plane says', () => {
    const bench = new Bench().call();
    expect(bench.caller.unanswered()).toBe(true);
    bench.run(10_000).failAll();
    expect(bench.caller.unanswered()).toBe(false);
  });

  it('ends with everything that it began', () => {
    const bench = new Bench().call().run(STREAM_HEAD_START_MS + DIAL_STAGGER_MS);
    bench.caller.opened(1, 77, 'tcp');
    bench.caller.down();
    expect(bench.cancelled).toEqual([2]);
    expect(bench.closed).toEqual([77]);
    expect(bench.caller.nextDeadline()).toBe(Infinity);
  });
});

describe('a session that is up', () => {
  it('by UDP needs nothing else', () => {
    const bench = new Bench().call().run(STREAM_HEAD_START_MS).up('udp').run(3_600_000);
    expect(bench.cancelled).toEqual([1]);
    expect(bench.dials).toHaveLength(1);
    expect(bench.tries).toEqual([]);
    expect(bench.caller.nextDeadline()).toBe(Infinity);
  });

  it('by a stream cancels what is no better and lets the better go on', () => {
    const bench = new Bench().call().run(STREAM_HEAD_START_MS + 2 * DIAL_STAGGER_MS);
    expect(bench.order()).toEqual(['tcp', 'tls', 'wss']);
    bench.caller.opened(2, 78, 'tls');
    bench.up('tls', 78);
    expect(bench.cancelled).toEqual([3]);
    bench.caller.opened(1, 77, 'tcp');
    expect(bench.tries).toEqual([['link:77']]);
  });

  it('keeps one spare, the best', () => {
    const bench = new Bench().call().run(10_000);
    bench.caller.opened(3, 3, 'wss');
    bench.caller.opened(2, 2, 'tls');
    bench.caller.opened(1, 1, 'tcp');
    bench.up('udp');
    expect(bench.closed).toEqual([2, 3]);
    expect(bench.ways.at(-1)).toEqual([PEER, 'link:1']);
  });

  it('looks for datagrams soon, then ever more rarely', () => {
    const bench = new Bench().call().run(10_000);
    bench.caller.opened(1, 1, 'tcp');
    bench.failAll().up('tcp', 1);
    const from = bench.now;
    const seen: number[] = [];
    for (const wait of [UPGRADE_AFTER_MS, ...UPGRADE_EVERY_MS, UPGRADE_EVERY_MS.at(-1) as number]) {
      const before = bench.tries.length;
      bench.run(bench.caller.nextDeadline());
      expect(bench.tries).toHaveLength(before + 1);
      seen.push(wait);
      expect(bench.now - from).toBe(seen.reduce((sum, ms) => sum + ms, 0));
    }
    expect(bench.tries.every((ways) => ways.join() === PEER)).toBe(true);
  });

  it('by HTTP or a relay looks for better streams too', () => {
    const bench = new Bench().call().run(10_000);
    bench.caller.opened(6, 6, 'http');
    bench.failAll().up('http', 6);
    const before = bench.dials.length;
    bench.run(bench.now + UPGRADE_AFTER_MS + 10 * DIAL_STAGGER_MS);
    expect(bench.order().slice(before)).toEqual(['tcp', 'tls', 'wss', 'ws']);
  });

  it('tries a link that was ready when the session came up by others', () => {
    const bench = new Bench();
    bench.policy.datagrams = false;
    bench.call().run(0);
    bench.caller.opened(1, 7, 'tcp');
    bench.up('relay');
    expect(bench.tries).toEqual([['link:7']]);
  });

  it('dials streams again although a WebRTC dial is still under way', () => {
    const bench = new Bench();
    bench.policy = { ...open, datagrams: false, webrtc: true };
    bench.endpoints = [];
    bench.call().up('relay').run(WEBRTC_HEAD_START_MS);
    expect(bench.order()).toEqual(['webrtc']);
    bench.endpoints = [PEER];
    bench.caller.changed(bench.now);
    bench.run(bench.now + 10);
    expect(bench.order()).toContain('tcp');
  });

  it('by a relay asks the peer to try at the same time, at once and at each look', () => {
    const bench = new Bench();
    bench.vias = [4];
    bench.call().up('relay');
    expect(bench.meets).toEqual([0]);
    bench.run(UPGRADE_AFTER_MS);
    expect(bench.meets).toEqual([0, UPGRADE_AFTER_MS]);
    bench.caller.met(['198.51.100.9:1000/udp']);
    expect(bench.tries.at(-1)).toEqual(['198.51.100.9:1000', PEER]);
    bench.up('udp');
    const tries = bench.tries.length;
    bench.caller.met(['198.51.100.9:1000/udp']);
    expect(bench.tries).toHaveLength(tries);
  });

  it('learns of new addresses and of other relays', () => {
    const bench = new Bench().call().run(10_000).failAll();
    bench.up('relay');
    bench.endpoints = ['203.0.113.99:443'];
    bench.caller.changed(bench.now);
    expect(bench.ways.at(-1)).toEqual(['203.0.113.99:443']);
    expect(bench.caller.nextDeadline()).toBeLessThanOrEqual(bench.now);
    bench.vias = [9];
    bench.caller.rerouted();
    expect(bench.ways.at(-1)).toEqual(['203.0.113.99:443', 'via:9']);
  });
});

describe('a session under suspicion', () => {
  it('tries streams without a head start, and what stands at once', () => {
    const bench = new Bench().call().up('udp').run(60_000);
    bench.caller.suspect(bench.now);
    expect(bench.order()).toEqual(['tcp']);
    bench.caller.opened(1, 77, 'tcp');
    expect(bench.ways.at(-1)).toEqual([PEER, 'link:77']);
    expect(bench.tries).toEqual([['link:77']]);
  });

  it('does not dial twice, and is over when something came back', () => {
    const bench = new Bench().call().up('udp').run(60_000);
    bench.caller.suspect(bench.now);
    bench.caller.suspect(bench.now);
    expect(bench.dials).toHaveLength(1);
    bench.up('udp');
    expect(bench.cancelled).toEqual([1]);
    bench.run(bench.now + 60_000);
    expect(bench.dials).toHaveLength(1);
  });

  it('is what a way gets that may not be used any more', () => {
    const bench = new Bench().call().up('udp').run(60_000);
    bench.caller.policyChanged(bench.now);
    expect(bench.dials).toEqual([]);
    bench.policy = { ...open, datagrams: false, only443: true };
    bench.caller.policyChanged(bench.now);
    expect(bench.order()).toEqual(['tls']);
    expect(bench.ways.at(-1)).toEqual([]);
    bench.caller.opened(1, 77, 'tls');
    bench.up('tls', 77).run(bench.now + 1_000);
    bench.policy = { ...open };
    bench.caller.policyChanged(bench.now);
    bench.run(bench.now);
    expect(bench.tries.at(-1)).toEqual([PEER]);
  });

  it('loses the link that its transport closed', () => {
    const bench = new Bench().call().run(STREAM_HEAD_START_MS);
    bench.caller.opened(1, 77, 'tcp');
    bench.up('tcp', 77);
    expect(bench.caller.closed(5)).toBe(false);
    expect(bench.caller.closed(77)).toBe(true);
    expect(bench.ways.at(-1)).toEqual([PEER]);
  });
});

describe('WebRTC', () => {
  const bench = (): Bench => {
    const made = new Bench();
    made.policy.webrtc = true;
    made.endpoints = [];
    return made;
  };
  const webrtc = ({ dials }: Bench) => dials.filter(({ transport }) => transport === 'webrtc');

  it('is dialled last, from a relay', () => {
    const relayed = bench().call().up('relay').run(60);
    expect(relayed.dials).toEqual([]);
    relayed.run(WEBRTC_HEAD_START_MS);
    expect(webrtc(relayed)).toEqual([{ transport: 'webrtc', initiator: true, dial: 1, atMono: WEBRTC_HEAD_START_MS }]);
    expect(relayed.caller.opened(1, 7, 'webrtc')).toBe(true);
    expect(relayed.tries.at(-1)).toEqual(['link:7']);
  });

  it('is dialled without a session, and what it opens is called', () => {
    const calling = bench().call().run(WEBRTC_HEAD_START_MS);
    expect(webrtc(calling)).toHaveLength(1);
    expect(calling.caller.unanswered()).toBe(true);
    calling.caller.opened(1, 7, 'webrtc');
    expect(calling.connects.at(-1)).toEqual(['link:7']);
  });

  it.each(['udp', 'tcp', 'wss'])('is not dialled where %s carries straight', (transport) => {
    const up = bench().call().up(transport).run(600_000);
    expect(webrtc(up)).toEqual([]);
    expect(up.caller.invited(true)).toBeNull();
  });

  it('is not dialled where nobody carries what it has to say, or it is forbidden', () => {
    const mute = bench();
    mute.signals = false;
    const forbidden = bench();
    forbidden.policy.webrtc = false;
    for (const each of [mute, forbidden]) {
      expect(webrtc(each.call().up('relay').run(600_000))).toEqual([]);
      expect(each.caller.invited(true)).toBeNull();
    }
  });

  it('answers instead of dialling', () => {
    const invited = bench().call().up('relay');
    expect(invited.caller.invited(false)).toBe(1);
    expect(webrtc(invited.run(WEBRTC_HEAD_START_MS + 100))).toMatchObject([{ initiator: false }]);
  });

  it('of two that began at once one goes on', () => {
    const both = bench().call().up('relay').run(WEBRTC_HEAD_START_MS);
    expect(both.caller.invited(false)).toBeNull();
    expect(both.cancelled).toEqual([]);
    expect(both.caller.invited(true)).toBe(2);
    expect(both.cancelled).toEqual([1]);
  });

  it('is tried again from a relay, ever more rarely', () => {
    const relayed = bench().call().up('relay').run(WEBRTC_HEAD_START_MS);
    relayed.failAll().run(60_000);
    expect(webrtc(relayed)).toHaveLength(2);
    relayed.failAll().run(3_600_000);
    expect(webrtc(relayed).length).toBeLessThan(6);
  });
});

describe('what others name as its endpoints', () => {
  const LIES = [
    ...['127.0.0.1:6379', '127.0.0.1:6379/tcp', '127.8.8.8:80', '169.254.169.254:80', '0.0.0.0:22', '0.1.2.3:22'],
    ...[
      '224.0.0.251:5353',
      '240.0.0.1:80',
      '255.255.255.255:9',
      '[::]:22',
      '[::1]:6379/tcp',
      '[fe80::1]:80',
      '[ff02::1]:80',
    ],
    ...[
      '[::ffff:127.0.0.1]:6379',
      '[::ffff:192.0.2.7]:80',
      '[::127.0.0.1]:6379',
      '192.0.2.9:4000',
      '192.0.2.9:4000/tcp',
    ],
  ];

  it.each(LIES)('%s is never called, nor dialled, straight or by a proxy', (lie) => {
    const bench = new Bench();
    bench.policy.proxy = true;
    bench.endpoints = [lie];
    bench.call().run(60_000);
    bench.up('relay').run(120_000);
    bench.caller.suspect(bench.now);
    bench.caller.met([lie]);
    bench.run(180_000);
    expect(bench.dials).toEqual([]);
    expect([...bench.connects, ...bench.ways, ...bench.tries].flat()).toEqual([]);
  });

  it('takes the rest of a list with lies', () => {
    const bench = new Bench();
    bench.endpoints = [...LIES, PEER];
    bench.call().run(STREAM_HEAD_START_MS + 10);
    expect(bench.connects).toEqual([[PEER]]);
    expect(bench.dials.map(({ transport }) => transport)).toEqual(['tcp']);
  });

  it.each([[[]], [['192.0.2.9:4000', '127.0.0.1:4000']]])('loopback is nowhere for a machine at %j', (own) => {
    const bench = new Bench();
    bench.own = own;
    bench.endpoints = ['127.0.0.1:4001'];
    bench.call().run(60_000);
    expect([bench.connects.flat(), bench.dials]).toEqual([[], []]);
  });

  it('a machine with loopback alone finds engines beside it, by datagrams only and never itself', () => {
    const bench = new Bench();
    bench.own = ['127.0.0.1:4000', '[::1]:4000'];
    bench.endpoints = ['127.0.0.1:4000', '127.0.0.1:4001', '[::1]:4001', '127.0.0.1:6379/tcp'];
    bench.call().run(60_000);
    expect(bench.connects[0]).toEqual(['127.0.0.1:4001', '[::1]:4001']);
    expect(bench.dials).toEqual([]);
  });
});
