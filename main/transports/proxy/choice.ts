// The user's setting of the proxy, one text, as the finder takes it.
import type { ProxySettings } from './find.ts';

/**
 * "auto", "none", "http://user:password@host:3128", or the address of a PAC file ("http://host/proxy.pac?site=1", "file:///etc/proxy.pac").
 * A proxy's address has no path, a file's always does.
 */
export function proxySettings(text: string): ProxySettings {
  if (text === 'none') return { mode: 'off' };
  if (text === 'auto' || text === '') return { mode: 'auto' };
  const address = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  return namesFile(address) ? { mode: 'pac', url: address } : { mode: 'manual', url: text };
}

function namesFile(address: string): boolean {
  try {
    const { protocol, pathname, search } = new URL(address);
    return protocol === 'file:' || (pathname !== '/' && pathname !== '') || search !== '';
  } catch {
    return false;
  }
}
