// What others use of this folder, as one part that is loaded when the first proxy is looked for or gone through.
export { proxyAuth } from './auth.ts';
export { proxySettings } from './choice.ts';
export { ProxyFinder } from './find.ts';
export { openProxy, openTunnel } from './tunnel.ts';
