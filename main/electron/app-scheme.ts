// Serves dist/renderer at app://weft/: a fixed list of files read at the start, so that no request path reaches the file system.
import { protocol, type Session } from 'electron';
import { readUi } from '../rpc/static-ui.ts';
import { APP_SCHEME, CONTENT_SECURITY_POLICY } from './policy.ts';

/** To be called before the app is ready. */
export function registerScheme(): void {
  protocol.registerSchemesAsPrivileged([
    { scheme: APP_SCHEME, privileges: { standard: true, secure: true, supportFetchAPI: true } },
  ]);
}

const HEADERS = {
  'Content-Security-Policy': CONTENT_SECURITY_POLICY,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-cache',
};

/** Electron before 25 has no `handle`; later ones will lose the older way. */
interface Protocols {
  handle?: (scheme: string, handler: (request: { url: string }) => unknown) => void;
  registerBufferProtocol?: (
    scheme: string,
    handler: (request: { url: string }, answer: (response: object) => void) => void,
  ) => void;
}

export function serveApp(session: Session, folder: string): void {
  const files = readUi(folder);
  const find = (url: string) => {
    const { host, pathname } = new URL(url);
    return host === 'weft' ? files.get(pathname) : undefined;
  };
  const protocols = session.protocol as unknown as Protocols;
  if (protocols.handle)
    return protocols.handle(APP_SCHEME, ({ url }) => {
      const file = find(url);
      const Answer = (globalThis as unknown as { Response: new (body: unknown, init: object) => unknown }).Response;
      return file
        ? new Answer(file.bytes, { headers: { ...HEADERS, 'Content-Type': file.type } })
        : new Answer('Not found', { status: 404, headers: HEADERS });
    });
  protocols.registerBufferProtocol?.(APP_SCHEME, ({ url }, answer) => {
    const file = find(url);
    const type = file?.type ?? 'text/plain';
    const [mimeType, charset] = type.split('; charset=');
    answer({
      statusCode: file ? 200 : 404,
      headers: { ...HEADERS, 'Content-Type': type },
      mimeType,
      ...(charset ? { charset } : {}),
      data: file?.bytes ?? Buffer.from('Not found'),
    });
  });
}
