// Which proxies the settings, the environment, the desktop and a PAC file name for a target.

/** What the user chose. `auto`: environment, then desktop; `off`: none at all. */
export type ProxySettings =
  | { mode: 'auto' }
  | { mode: 'off' }
  /** "http://user:password@proxy.example:3128", and hosts that are reached without it ("*.local", "10.0.0.0/8"). */
  | { mode: 'manual'; url: string; bypass?: string[] }
  /** Address of a PAC file: http, https or file. */
  | { mode: 'pac'; url: string };
