// How others are reached, what is done for them and what may be seen outside of the tunnel: the settings, within what the administrator allows.
import type { Engine } from './engine.ts';
import type { Conduct } from './reaching.ts';

type Asked = Pick<Engine, 'settings' | 'options' | 'ports'>;

/** `mapped`: a router forwards a port to this device. */
export function conductOf({ settings, options, ports }: Asked, mapped: boolean): Conduct {
  const { relay, relayKBps, uplinkKBps, groupKBps, only443, webrtc } = settings;
  const { policy = {} } = options;
  const http = policy.http !== false;
  return {
    datagrams: !only443,
    only443,
    http,
    proxy: http && ports.links?.proxies().found === true,
    webrtc: webrtc && !only443 && policy.webrtc !== false && ports.links?.signal !== undefined,
    relay: policy.relay === false ? 'off' : relay,
    relayKBps,
    uplinkKBps,
    groupKBps,
    mapped,
  };
}

/** Tells the data plane what may be seen outside of the tunnel. */
export function tellOutside({ settings, options, ports }: Asked): void {
  const { only443, trafficClass } = settings;
  const isAllowed = options.policy?.trafficClass !== false;
  ports.dataplane.setOutside?.({ datagrams: !only443, trafficClass: trafficClass && isAllowed });
}
