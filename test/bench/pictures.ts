// Which rows share a picture in docs/plots.

export interface Picture {
  name: string;
  title: string;
  keys: string[];
}

export const pictures: Picture[] = [
  { name: 'tcp', title: 'TCP throughput', keys: ['tcp1', 'tcp4', 'plain.tcp1', 'plain.tcp4'] },
  { name: 'cpu', title: 'CPU per gigabyte', keys: ['cpuPerGb', 'busyPerGb', 'plain.cpuPerGb'] },
  { name: 'udp', title: 'UDP packets', keys: ['udp1300', 'udp64', 'udpSegments', 'plain.udp1300'] },
  { name: 'ping', title: 'Delay', keys: ['pingIdle50', 'pingIdle99', 'pingLoad50', 'pingLoad99'] },
  {
    name: 'multicast',
    title: 'Multicast',
    keys: ['castSix', 'castPair', 'castCpu1000', 'castCpu10000', 'castCpu50000'],
  },
  { name: 'transports', title: 'Other transports', keys: ['via.tcp', 'via.tls', 'via.ws', 'via.wss'] },
  { name: 'upkeep', title: 'Idle, memory, start', keys: ['idleBytes', 'wakeUps', 'rss', 'start', 'join'] },
];
