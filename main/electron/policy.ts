// What the window may do: nothing beyond its own files. Applied in window.ts; pure, so that it can be tested.

export const APP_SCHEME = 'app';
export const APP_ORIGIN = 'app://weft';
export const APP_INDEX = `${APP_ORIGIN}/index.html`;

/** Inline styles are positions of menus; scripts are never inline. No connections: all data come through the port. */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self'",
  "font-src 'self'",
  "connect-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** The only page that may ever be loaded is the app's own. */
export function mayNavigate(url: string): boolean {
  return url.split('#', 1)[0] === APP_INDEX;
}

/** Copying to the clipboard; reading it, notifications, media, devices and the rest are denied. */
export const mayUse = (permission: string): boolean => permission === 'clipboard-sanitized-write';
