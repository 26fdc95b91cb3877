// The network monitor: which addresses others could reach, and word of changes, once each.
import { describe, expect, it } from 'vitest';
import { ADDRESSES_MAX, NetworkMonitor, underlayAddresses } from '../../main/host/netmon/netmon.ts';

const one = (address: string, internal = false) => ({ address, internal });
const machine = (interfaces: Record<string, ReturnType<typeof one>[] | undefined>) => interfaces as never;
const LO = [one('127.0.0.1', true), one('::1', true)];

describe('underlay addresses', () => {
  it('are those of real interfaces that others could reach', () => {
    const found = underlayAddresses(
      machine({
        lo: LO,
        eth0: [one('192.168.1.5'), one('2001:db8::5'), one('fe80::5'), one('FE80::6')],
        wlan0: [one('169.254.7.7'), one('10.0.0.9')],
        weft0: [one('10.77.1.2'), one('fd00:7::1')],
        weft1: [one('10.78.1.2')],
        tun0: undefined,
      }),
    );
    expect(found).toEqual(['192.168.1.5', '2001:db8::5', '10.0.0.9']);
  });

  it('are loopback’s where there is nothing else, and none where there is nothing', () => {
    expect(underlayAddresses(machine({ lo: LO }))).toEqual(['127.0.0.1', '::1']);
    expect(underlayAddresses(machine({ lo: LO, eth0: [one('fe80::1')], weft0: [one('10.77.1.2')] }))).toEqual([
      '127.0.0.1',
      '::1',
    ]);
    expect(underlayAddresses(machine({}))).toEqual([]);
  });

  it('are bounded', () => {
    const many = Array.from({ length: 100 }, (_, n) => one(`10.0.0.${n}`));
    expect(underlayAddresses(machine({ eth0: many }))).toHaveLength(ADDRESSES_MAX);
  });
});

describe('the monitor', () => {
  it('tells the first addresses and each change, not repetitions or changes of the own adapters', () => {
    let now = machine({ eth0: [one('192.168.1.5')] });
    const told: string[][] = [];
    const monitor = new NetworkMonitor({ onChange: (addresses) => told.push(addresses), look: () => now });
    monitor.check();
    monitor.check();
    now = machine({ eth0: [one('192.168.1.5')], weft0: [one('10.77.1.2')] });
    monitor.check();
    now = machine({ wlan0: [one('10.0.0.9')] });
    monitor.check();
    now = machine({});
    monitor.check();
    monitor.check();
    expect(told).toEqual([['192.168.1.5'], ['10.0.0.9'], []]);
  });

  it('bears a system that cannot say, and goes on', () => {
    let fails = true;
    const told: string[][] = [];
    const look = () => {
      if (fails) throw new Error('EMFILE');
      return machine({ eth0: [one('192.168.1.5')] });
    };
    const monitor = new NetworkMonitor({ onChange: (addresses) => told.push(addresses), look });
    monitor.start();
    expect(told).toEqual([]);
    fails = false;
    monitor.check();
    fails = true;
    monitor.check();
    monitor.stop();
    expect(told).toEqual([['192.168.1.5']]);
  });
});
