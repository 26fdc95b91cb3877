// The user's setting of the proxy, one text, as the finder takes it.
import type { ProxySettings } from './find.ts';

/** "auto", "none", "http://user:password@host:3128", or the address of a PAC file ("http://…/proxy.pac", "file:///etc/proxy.pac"). */
export function proxySettings(text: string): ProxySettings {
  if (text === 'none') return { mode: 'off' };
  if (text === 'auto' || text === '') return { mode: 'auto' };
  return /\.(pac|dat)$/i.test(text) || text.startsWith('file:')
    ? { mode: 'pac', url: text }
    : { mode: 'manual', url: text };
}
